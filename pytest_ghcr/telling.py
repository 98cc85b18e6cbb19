"""From a test's part of the world to its story, and from stories to sections and a page.

Stories are made where the test ran, and told where pytest reports: with workers these are two processes. It is imported
when a test fails, or when a page is wanted.
"""

from __future__ import annotations

import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from pytest_ghcr.nearest import replay_told, silence_told, unmet_told
from pytest_ghcr.report import ReportError, check_path, write_report
from pytest_ghcr.story import KEPT, Story
from pytest_ghcr.table import section

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ghcr.per_test import PerTest

__all__ = ["Page", "story_of", "told"]


def story_of(test: PerTest, report: pytest.TestReport) -> str:
    """A test's story, as text that goes from one process to another."""
    records = test.records_now()
    misses, notes = replay_told(test.cassette.report) if test.cassette and test.cassette.report else ([], [])
    rules = test.ghcr.simulator.faults.rules if test.ghcr else ()
    story = Story(
        test=test.item.nodeid,
        outcome=report.outcome if report.when == "call" else "error",
        seconds=report.duration,
        records=records[-KEPT:],
        earlier=max(0, len(records) - KEPT),
        unmet=unmet_told(rules, records),
        misses=misses,
        strays=test.strays,
        notes=[*notes, *test.notes, *silence_told(test.silent)],
        error=report.longreprtext,
    )
    return story.short().to_json()


def told(text: str, width: int) -> tuple[str, str] | None:
    """The section of a failed test's report, and its name; None where nothing is to be told."""
    story = Story.from_json(text)
    return ("ghcr", section(story, width)) if story.failed else None


class Page:
    """The page of a run, written at its end.

    Args:
        path: The file.

    Raises:
        pytest.UsageError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            check_path(path)
        except ReportError as error:
            raise pytest.UsageError(str(error)) from None
        self._path = path
        self._stories: dict[str, Story] = {}
        self._started = time.time()

    def add(self, text: str) -> None:
        """Take a story; a later one of the same test, as of a teardown that failed, replaces it."""
        story = Story.from_json(text)
        before = self._stories.get(story.test)
        if before is None or not before.failed or story.failed:
            self._stories[story.test] = story

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write it."""
        try:
            write_report(
                self._path,
                list(self._stories.values()),
                title=session.config.rootpath.name,
                started=datetime.fromtimestamp(self._started, UTC),
                seconds=time.time() - self._started,
                versions={
                    "pytest-ghcr": version("pytest-ghcr"),
                    "pytest": pytest.__version__,
                    "Python": platform.python_version(),
                },
            )
        except ReportError as error:
            raise pytest.UsageError(str(error)) from None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where it is."""
        terminalreporter.write_sep("-", f"ghcr report: {self._path}")
