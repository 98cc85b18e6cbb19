"""docs/ghcr-workarounds.md says what is so: it is made of the rows and of the tests' marks.

Skipped, with a reason, where the tests run without the source tree.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"

if not (DOCS / "make_workarounds.py").exists():
    pytest.skip("docs/ is not here: this is not a source tree", allow_module_level=True)

made: Any = SimpleNamespace(**runpy.run_path(str(DOCS / "make_workarounds.py")))
ROWS = made.rows()


def test_the_file_is_what_comes_out_of_its_sources() -> None:
    """Whoever changes a row or a mark makes the document again."""
    written = (DOCS / "ghcr-workarounds.md").read_text("utf-8")
    assert written == made.document(), "it is out of date: run `python docs/make_workarounds.py`"


def test_there_are_29_rows() -> None:
    """None is missing, and none stands twice."""
    assert [row.number for row in ROWS] == list(range(1, 30))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_a_row_is_held(row: Any) -> None:
    """Each row has whole sentences, evidence that can be looked up, and at least one test."""
    assert row.ghcr.endswith(".")
    assert row.client.endswith(".")
    assert row.evidence
    assert all(made.EVIDENCE.fullmatch(each) for each in row.evidence)
    assert made.holders().get(row.number), f"no test is marked with @pytest.mark.workaround({row.number})"


def test_marks_name_rows_that_exist() -> None:
    """A mark with a typing error would hold nothing."""
    assert set(made.holders()) <= {row.number for row in ROWS}


def test_the_marks_are_all_found() -> None:
    """Marks are read from the decorators of functions; one that stands elsewhere would be overlooked."""
    written = sum(
        f"{made.MARK}(" in line
        for file in Path(__file__).parent.rglob("*.py")
        if file != Path(__file__)
        for line in file.read_text("utf-8").splitlines()
    )
    found = sum(len(tests) for tests in made.holders().values())
    assert found == written
