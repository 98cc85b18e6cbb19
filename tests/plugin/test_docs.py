"""docs/plugin.md runs as it is printed; docs/plugin-reference.md is what the code says, and says all of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
if not DOCS.exists():
    pytest.skip("docs/ is not here: this is not a source tree", allow_module_level=True)
sys.path.insert(0, str(DOCS))
import make_plugin_reference as reference  # noqa: E402 - it is in docs/

from ghcr_sim.faults import recorded_names  # noqa: E402 - the same
from ghcr_sim.route import OPERATIONS  # noqa: E402 - the same
from pytest_ghcr import plugin  # noqa: E402 - the same
from pytest_ghcr.settings import ARGUMENTS, OPTIONS, Settings  # noqa: E402 - the same

GUIDE = (DOCS / "plugin.md").read_text("utf-8")
BLOCKS = {
    f"line {GUIDE.count(chr(10), 0, found.start(1)) + 1}": found[1]
    for found in re.finditer(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
}


@pytest.mark.parametrize("place", BLOCKS)
def test_a_block_passes(user, place) -> None:
    """As it is printed, without a warning."""
    done = user(BLOCKS[place])
    outcomes = done.parseoutcomes()
    assert outcomes == {"passed": len(re.findall(r"^def test_", BLOCKS[place], re.MULTILINE))}, (
        done.stdout.str()
    )


def test_the_reference_is_made_from_the_code() -> None:
    """`python docs/make_plugin_reference.py` changes nothing."""
    assert reference.FILE.read_text("utf-8") == reference.made()


def test_nothing_is_without_words() -> None:
    """Every fixture, option, marker argument, setting, member of the handle and failure by name says what it is."""
    text = reference.made()
    for name, _, said in reference.fixtures():
        assert f"### `{name}`" in text
        assert len(said) > 30, name
    settings = reference.attributes(Settings)
    assert settings.keys() == set(Settings.__dataclass_fields__)
    assert set(ARGUMENTS) < settings.keys()
    for each in OPTIONS:
        assert f"| `{each.flag}` | `{each.ini}` | {each.help} |" in text
    for thing in (reference.Ghcr, reference.GhcrCassette):
        for used, said in reference.members(thing):
            assert len(said) > 10, (thing, used)
    for name in (*recorded_names(), *OPERATIONS):
        assert f"`{name}`" in text


def test_every_fixture_is_in_all() -> None:
    """What `pytest --fixtures` shows is what the module names."""
    shown = {
        name
        for name, each in vars(plugin).items()
        if hasattr(each, "_fixture_function_marker") and name[0] != "_"
    }
    assert shown == set(plugin.__all__)


def test_the_guide_shows_everything() -> None:
    """Each fixture, marker argument and option has its place in the guide."""
    names = [*plugin.__all__, *ARGUMENTS, *(each.flag for each in OPTIONS if each.name != "profile")]
    names.remove("ghcr_image")  # it has a page of its own
    assert [name for name in names if name not in GUIDE] == []
