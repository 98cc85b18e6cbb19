"""docs/plugin-images.md: each block of Python is a test file that passes, and the page names what there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from pytest_ghcr import checks, strategies
from pytest_ghcr.images import GhcrImage, ImageFactory
from pytest_ghcr.signing import SigningKey

PAGE = Path(__file__).parents[2] / "docs" / "plugin-images.md"
if not PAGE.exists():
    pytest.skip("docs/ is not here: this is not a source tree", allow_module_level=True)
TEXT = PAGE.read_text("utf-8")
BLOCKS = {
    f"line {TEXT.count(chr(10), 0, found.start(1)) + 1}": found[1]
    for found in re.finditer(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
}


@pytest.mark.parametrize("place", BLOCKS)
def test_a_block_passes(place: str, pytester: pytest.Pytester) -> None:
    """As it is printed, without a warning."""
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    pytester.makepyfile(test_page=BLOCKS[place])
    done = pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    outcomes = done.parseoutcomes()
    assert set(outcomes) <= {"passed"}, done.stdout.str()
    assert outcomes["passed"] == len(re.findall(r"^(?:def test_|Test\w+ = )", BLOCKS[place], re.MULTILINE))


def test_the_page_is_complete() -> None:
    """It names every argument of the factory, every field of an image, every check, matcher and strategy."""
    arguments = [
        name for name in inspect.signature(ImageFactory.__call__).parameters if name not in ("self", "recipe")
    ]
    fields = [name for name in GhcrImage.__dataclass_fields__ if name != "ghcr"]
    names = {SigningKey.__name__, *arguments, *fields, *checks.__all__, *strategies.__all__} - {"reference"}
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", TEXT)] == []


def test_the_printed_failure_is_what_is_said(ghcr) -> None:
    """The example of a failure has the words of a real one."""
    ghcr.seed("acme/app:v1")
    with pytest.raises(AssertionError) as failed:
        checks.assert_pulled(ghcr, "acme/app:v2")
    printed = re.search(r"```text\n(.*?)```", TEXT, re.DOTALL)
    assert printed
    assert printed[1].splitlines()[:3] == str(failed.value).splitlines()[:3]
