"""From a test's part of the world to its story, and from stories to sections and a page.

Stories are made where the test ran, and told where pytest reports: with workers these are two processes. It is imported
when a test fails, or when a page is wanted.
"""

from __future__ import annotations

import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from ghcr_sim.cassette.taint import Taint
from ghcr_sim.commands.record import secrets_of
from pytest_ghcr.nearest import replay_told, silence_told, unmet_told
from pytest_ghcr.report import ReportError, check_path, write_report
from pytest_ghcr.story import KEPT, Story
from pytest_ghcr.table import section

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ghcr_sim.journal import Record
    from pytest_ghcr.cassettes import GhcrCassette
    from pytest_ghcr.per_test import PerTest
    from pytest_ghcr.simulator import Ghcr

__all__ = ["Page", "story_of", "told"]


def story_of(
    item: pytest.Item,
    report: pytest.TestReport,
    test: PerTest | None,
    shared: Ghcr | None,
    before: Record | None,
) -> str:
    """A test's story, as text that goes from one process to another.

    Args:
        item: The test.
        report: How a part of it came out.
        test: What stands behind it, where it has a fake or a cassette of its own.
        shared: The session's fake, where the test uses it.
        before: The last thing that the session's fake was asked before this test.
    """
    records = _since(before, shared.requests()) if shared else []
    cassette = test.cassette if test else None
    replay = cassette.report if cassette else None
    misses, notes = replay_told(replay) if replay else ([], [])
    own = test.ghcr if test else None
    records += test.records_now() if test else []
    story = Story(
        test=item.nodeid,
        outcome=report.outcome if report.when == "call" else "error",
        seconds=report.duration,
        records=records[-KEPT:],
        earlier=max(0, len(records) - KEPT),
        unmet=unmet_told(own.simulator.faults.rules, own.requests()) if own else [],
        misses=misses,
        strays=test.strays if test else [],
        notes=[*notes, *test.notes, *silence_told(test.silent)] if test else notes,
        error=report.longreprtext,
        watched=bool(replay or ((own or shared) and not cassette)),
        hide=_hiding([each for each in (own, shared) if each], cassette),
    )
    return story.short().to_json()


def _since(before: Record | None, records: list[Record]) -> list[Record]:
    """The records after one of them, or all where that is forgotten."""
    at = next((number for number in reversed(range(len(records))) if records[number] is before), -1)
    return records[at + 1 :]


def _hiding(fakes: list[Ghcr], cassette: GhcrCassette | None) -> Callable[[str], str]:
    """What takes the tokens of these out of a text, and those of the person who records."""
    taint = Taint()
    for fake in fakes:
        for each in fake.simulator.accounts.secrets():
            taint.add("a token", each)
    if cassette is not None and cassette.mode != "replay":
        for name, value in secrets_of(os.environ):
            taint.add(name, value)
    return taint.masked


def told(text: str, width: int) -> tuple[str, str] | None:
    """The section of a failed test's report, and its name; None where nothing is to be told."""
    story = Story.from_json(text)
    said = section(story, width) if story.failed else ""
    return ("ghcr", said) if said else None


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

    def begin(self, test: str) -> None:
        """Forget what came of a test before: it is run again, and its last try counts."""
        self._stories.pop(test, None)

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
