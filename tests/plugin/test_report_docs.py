"""docs/plugin-report.md shows what a failed test says now.

Skipped, with a reason, where the tests run without the source tree.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"

if not (DOCS / "make_plugin_report.py").exists():
    pytest.skip("docs/ is not here: this is not a source tree", allow_module_level=True)

made: Any = SimpleNamespace(**runpy.run_path(str(DOCS / "make_plugin_report.py")))


def test_the_example_is_what_comes_out_now() -> None:
    """Whoever changes the section makes the page again."""
    written = (DOCS / "plugin-report.md").read_text("utf-8")
    assert written == made.document(), "it is out of date: run `python docs/make_plugin_report.py`"


def test_the_numbers_are_those_of_the_code() -> None:
    """How many rows and arrows there are is said as it is."""
    from pytest_ghcr import diagram, page, table  # noqa: PLC0415 - nothing else here needs them

    text = (DOCS / "plugin-report.md").read_text("utf-8")
    assert f"the last {table.ROWS} requests" in text
    assert f"at most {diagram.MOST} pairs" in text
    assert f"{page._PAIRS // 100} each for 100 tests, at least {page._FEWEST}" in " ".join(text.split())
