"""A test's cassette: replayed, recorded from the real service, or left alone while that answers.

It finds the file, opens the door that fits (a port, or the real names where those are taken over) and says at the end
what was missing. What a cassette is, and what may be on it, is `ghcr_sim.cassette`'s.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from ghcr_fixtures import names, path

from ghcr_sim.cassette import CassetteError, Replay, load
from ghcr_sim.cassette.addresses import ForwardDoor, ReverseDoor
from ghcr_sim.cassette.recording import Recording
from ghcr_sim.clock import Clock
from ghcr_sim.commands.record import secrets_of
from ghcr_sim.serve import Door
from ghcr_sim.threads import BACKGROUND, ThreadDoor
from ghcr_sim.upstream import Upstream
from pytest_ghcr.per_test import MISSED
from pytest_ghcr.settings import BEGAN, marked
from pytest_ghcr.takeover import HOSTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghcr_sim.cassette import Report
    from ghcr_sim.cassette.addresses import Addresses
    from ghcr_sim.exchange import Handler
    from ghcr_sim.journal import Record
    from pytest_ghcr.per_test import PerTest

__all__ = ["GhcrCassette", "cassette_path", "keep", "played"]

REAL = "https://ghcr.io"
"""What is recorded."""

UPSTREAM = "GHCR_SIM_UPSTREAM"
"""The variable that names another registry to record; not with a takeover."""

TOKEN = "GHCR_TOKEN"  # noqa: S105 - a name
"""The variable whose token is used where the real service answers."""


_REPLAYED: pytest.StashKey[dict[Path, str]] = pytest.StashKey()
"""Cassette → the first test of the session that has replayed it, and missed nothing."""

_UNASKED = "does the test reach the registry by ghcr_cassette.url, or by ghcr_client?"

_AGAIN = "to record again: pytest --ghcr-record=new"


class GhcrCassette:
    """A cassette in the place of ghcr.io.

    Args:
        path: Its file.
        mode: `replay`, `record`, or `live` where the real service answers and nothing is kept.
        handler: What answers.

    Attributes:
        url: Where it is: a loopback port, or `https://ghcr.io` where that is taken over.
        report: How a replay went, at any time; None of a recording.
    """

    def __init__(self, path: Path, mode: Literal["replay", "record", "live"], handler: Handler) -> None:
        self.path = path
        self.mode = mode
        self.handler = handler
        self.url = ""

    @property
    def host(self) -> str:
        """What references begin with."""
        return self.url.partition("://")[2]

    @property
    def token(self) -> str:
        """A token to log in with: the one in `GHCR_TOKEN` where the real service answers, and any for a replay."""
        return "replayed" if self.mode == "replay" else os.environ.get(TOKEN, "")

    @property
    def report(self) -> Report | None:
        """How a replay goes; None of a recording."""
        return self.handler.report if isinstance(self.handler, Replay) else None

    def requests(self, operation: str | None = None) -> list[Record]:
        """What a replay was asked, oldest first, or what of one operation; nothing of a recording."""
        return self.handler.journal.records(operation) if isinstance(self.handler, Replay) else []

    def __repr__(self) -> str:
        return f"<GhcrCassette {self.path.name}, {self.mode} at {self.url}>"


def cassette_path(test: PerTest) -> Path:
    """A test's cassette: what its marker names, else `cassettes/MODULE/CLASS.TEST.jsonl` beside it."""
    said = test.settings.cassette
    folder = test.beside / "cassettes"
    if said is None:
        classes = [each.name for each in test.item.listchain() if isinstance(each, pytest.Class)]
        return folder / test.item.path.stem / f"{_file_name('.'.join([*classes, test.item.name]))}.jsonl"
    if isinstance(said, Path):
        return said
    shipped = f"cassettes/{said}.jsonl"
    mine = folder / f"{said}.jsonl"
    return path(shipped) if not mine.exists() and shipped in names() else mine


def _file_name(name: str) -> str:
    """A file's name for a test: `test_it-v1` for `test_it[v1]`; stranger ids are told apart by a hash."""
    plain = name.removesuffix("]").replace("[", "-", 1) if name.endswith("]") else name
    if re.fullmatch(r"[A-Za-z0-9._-]{1,200}", plain):
        return plain
    short = re.sub(r"[^A-Za-z0-9._-]+", "-", plain)[:150].strip("-.")
    return f"{short}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def played(test: PerTest) -> contextlib.AbstractContextManager[GhcrCassette]:
    """Replay or record a test's cassette for as long as the block runs.

    Raises:
        CassetteError: There is none, it is damaged, or none can be written.
    """
    target = cassette_path(test)
    if test.settings.live:
        return _recorded(test, target, keep=False)
    if not _records(test, target):
        return _replayed(test, target)
    _refuse_to_replace(test, target)
    return _recorded(test, _own(test, target), keep=True)


def _records(test: PerTest, target: Path) -> bool:
    """Whether a cassette is to be recorded, by the option, and by what a first try has shown."""
    match test.settings.record:
        case "all":
            return True
        case "once":
            return not target.exists() or _is_new(test, target)
        case "new":
            return not target.exists() or test.item.stash.get(MISSED, False)
    return False


def _is_new(test: PerTest, target: Path) -> bool:
    """Whether this run has recorded it, in whichever of its processes."""
    return target.exists() and target.stat().st_mtime >= test.item.config.stash[BEGAN]


def _sharing_elsewhere(test: PerTest) -> str | None:
    """A test that has the same cassette by its marker, and may have replayed it in another process, unseen."""
    if test.settings.record != "new" or not hasattr(test.item.config, "workerinput"):
        return None
    mine = marked(test.item).get("cassette")
    return next(
        (
            each.nodeid
            for each in test.item.session.items
            if each is not test.item
            and mine is not None
            and (each.path.parent, marked(each).get("cassette")) == (test.beside, mine)
        ),
        None,
    )


def _refuse_to_replace(test: PerTest, target: Path) -> None:
    """Refuse to record a cassette anew for one test where another one has replayed the old one in this run.

    Raises:
        CassetteError: So it is.
    """
    other = test.item.session.stash.get(_REPLAYED, {}).get(target) or _sharing_elsewhere(test)
    if other is not None and target.exists() and not _is_new(test, target):
        raise CassetteError(
            f"it lacks something for {test.item.nodeid}, and {other} needs it as it is",
            path=target,
            remedy="record it with all tests that share it: pytest --ghcr-record=all",
        )


def _own(test: PerTest, target: Path) -> Path:
    """Where a cassette is recorded: one that is shipped stays as it is, and the test has its own from then on."""
    shipped = path("cassettes/wire.jsonl").parent
    return test.beside / "cassettes" / target.name if target.parent == shipped else target


@contextlib.contextmanager
def _replayed(test: PerTest, target: Path) -> Iterator[GhcrCassette]:
    if not target.exists():
        raise CassetteError(
            "there is no such cassette",
            path=target,
            remedy="record it: pytest --ghcr-record=once (docs/recording.md)",
        )
    replay = Replay(load(target).sealed(), faithful=test.settings.takeover, remedy=_AGAIN)
    cassette = GhcrCassette(target, "replay", replay)
    try:
        with _opened(test, cassette):
            yield cassette
    finally:
        missed = test.item.stash[MISSED] = bool(replay.close().misses)
        if not missed:
            test.item.session.stash.setdefault(_REPLAYED, {}).setdefault(target, test.item.nodeid)


@contextlib.contextmanager
def _recorded(test: PerTest, target: Path, *, keep: bool) -> Iterator[GhcrCassette]:
    origin = os.environ.get(UPSTREAM, REAL)
    where = target if keep else test.folder() / "live.jsonl"
    if test.settings.takeover and origin.rstrip("/") != REAL:
        raise CassetteError(
            f"with a takeover, {REAL} itself answers, and {UPSTREAM} names another registry",
            path=target,
            remedy="leave out one of them",
        )
    recording = Recording(where, origin, clock=Clock(), secrets=secrets_of(os.environ), unasked=_UNASKED)
    upstream = Upstream()
    BACKGROUND.acquire()
    try:
        BACKGROUND.run(upstream.__aenter__())
        handler = recording.recorder(upstream, _addresses(origin, over=test.settings.takeover))
        cassette = GhcrCassette(target, "record" if keep else "live", handler)
        try:
            with _opened(test, cassette):
                yield cassette
        finally:
            BACKGROUND.run(upstream.__aexit__(None, None, None))
        if keep and test.passed and not test.failed:
            test.recording = recording
        else:
            recording.discard()
    except BaseException:
        recording.discard()
        raise
    finally:
        BACKGROUND.release()


def keep(test: PerTest) -> None:
    """Make a cassette of what a test has recorded, once everything of it has ended well.

    What other tests of this run have recorded in it stays.

    Raises:
        CassetteError: It holds a secret, or does not replay.
    """
    if test.recording is not None:
        BACKGROUND.acquire()
        try:
            BACKGROUND.run(test.recording.finish(since=test.item.config.stash[BEGAN]))
        finally:
            BACKGROUND.release()
        test.recording = None


def _addresses(origin: str, *, over: bool) -> Addresses:
    return ForwardDoor(origin, frozenset(HOSTS[1:2])) if over else ReverseDoor(origin)


@contextlib.contextmanager
def _opened(test: PerTest, cassette: GhcrCassette) -> Iterator[None]:
    """Open the cassette's door."""
    if test.settings.takeover:
        cassette.url = "https://ghcr.io"
        with test.taken_over(cassette.handler):
            yield
        return
    with ThreadDoor(Door(cassette.handler)) as door:
        cassette.url = door.url
        yield
