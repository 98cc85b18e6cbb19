"""docs/fidelity.md and docs/profiles.md say what is so: they are made of the rows, the profile and the tests.

Skipped, with a reason, where the tests run without the source tree.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
AGAIN = "run `python docs/make_fidelity.py`"

if not (DOCS / "make_fidelity.py").exists():
    pytest.skip("docs/ is not here: this is not a source tree", allow_module_level=True)

made: Any = SimpleNamespace(**runpy.run_path(str(DOCS / "make_fidelity.py")))
ROWS = made.rows()
SWITCHES = made.switches()


@pytest.mark.parametrize("file", made.MADE)
def test_the_files_are_what_comes_out_of_their_sources(file: str) -> None:
    """Whoever changes a row, a switch or a mark makes the documents again."""
    assert (DOCS / file).read_text("utf-8") == made.MADE[file](), f"docs/{file} is out of date: {AGAIN}"


def test_no_row_is_open() -> None:
    """Each row is held by a test, or says why no test can hold it."""
    open_rows = [row.id for row in ROWS.values() if made.status_of(row) == "open"]

    assert open_rows == []


@pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.grade in {"REC", "MS"}], ids=lambda r: r.id
)
def test_what_was_recorded_or_said_is_held(row: Any) -> None:
    """A row of grade REC or MS has a test; if it is history or not ours, it says why."""
    if row.status:
        assert row.status in {"history", "not ours"}
        assert row.because
    else:
        assert made.holders().get(row.id), f"no test is marked with row {row.id}"


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda r: r.id)
def test_a_row_is_well_formed(row: Any) -> None:
    """A known grade, a sentence of one's own, and a reason for a status and for nothing else."""
    assert row.grade in made.GRADES
    assert row.says.endswith((".", ".)"))
    assert bool(row.status) == bool(row.because)


def test_marks_name_rows_that_exist() -> None:
    """A mark with a typing error would hold nothing."""
    assert set(made.holders()) <= set(ROWS)


def test_the_marks_are_all_found() -> None:
    """Marks are read from decorators; one that stands elsewhere would be overlooked."""
    tests = Path(__file__).parent
    written = sum(
        line.lstrip().startswith("@pytest.mark.row(")
        for file in tests.rglob("test_*.py")
        for line in file.read_text("utf-8").splitlines()
    )
    named = sum(
        "pytest.mark.row(" in line
        for file in tests.rglob("*.py")
        if file != Path(__file__)
        for line in file.read_text("utf-8").splitlines()
    )

    assert written == named


@pytest.mark.parametrize("switch", SWITCHES.values(), ids=lambda s: s.name)
def test_a_switch_is_documented_and_rests_on_something(switch: Any) -> None:
    """Each field of the profile says what it does, and `ghcr.toml` on which rows it rests, or that it is unknown."""
    assert switch.about, "describe it in ghcr_sim/profiles/model.py"
    assert made.cited(switch.comment) or "unknown" in switch.comment, (
        f"the comment behind {switch.name} in ghcr.toml names no row: {switch.comment!r}"
    )


def cited_by(comments: dict[str, str]) -> dict[str, set[str]]:
    """Row → the names whose comments name it."""
    found: dict[str, set[str]] = {row: set() for row in ROWS}
    for name, comment in comments.items():
        for row in made.cited(comment):
            assert row in ROWS, f"{name} names row {row}, which does not exist"
            found[row].add(name)
    return found


@pytest.mark.parametrize("kind", ["fields", "faults"])
def test_rows_and_comments_say_the_same(kind: str) -> None:
    """A row lists a switch or a recorded failure if, and only if, the comment behind that names the row."""
    comments = made.fault_comments()
    if kind == "fields":
        comments = {switch.name: switch.comment for switch in SWITCHES.values()}

    assert {row.id: set(getattr(row, kind)) for row in ROWS.values()} == cited_by(comments)


@pytest.mark.parametrize("switch", SWITCHES.values(), ids=lambda s: s.name)
def test_a_comment_gives_each_row_its_grade(switch: Any) -> None:
    """`3.1 REC`, or `0.3, 0.5 REC`: the grade that follows a row in a comment is the row's own."""
    words = switch.comment.replace(",", " ").replace(";", " ").replace(":", " ").split()
    for row in made.cited(switch.comment):
        after = words[words.index(row) + 1 :]
        grade = next((word for word in after if word in made.GRADES), None)
        assert grade == ROWS[row].grade, f"{switch.name}: row {row} is {ROWS[row].grade}"


def test_comments_are_found_behind_strings() -> None:
    """A `#` inside a string of TOML starts no comment."""
    assert made.comment_of('a = "#1" # 3.1 REC') == "3.1 REC"
    assert made.comment_of("a = 1") == ""
    assert made.cited("7.4 REC, 10a.2 REC-s; 4.00MiB of 2026-10.") == ["7.4", "10a.2"]
