"""What stands behind one test: its settings, its fake, the takeover, the proxy for subprocesses, and the end of it all.

Fixtures are thin around it. At the end it closes what it has opened and looks whether anything is left.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ghcr_sim.exchange import Response
from ghcr_sim.http2 import offered
from ghcr_sim.proxy import Proxy
from ghcr_sim.serve import Door
from ghcr_sim.threads import BACKGROUND, ThreadDoor
from ghcr_sim.tls import Authority
from pytest_ghcr.fakes import make_simulator
from pytest_ghcr.settings import marked, placed, settings_of
from pytest_ghcr.simulator import Ghcr
from pytest_ghcr.takeover import HOSTS, HTTPS, Takeover

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    from ghcr_sim.assemble import Simulator
    from ghcr_sim.cassette.recording import Recording
    from ghcr_sim.exchange import Body, Handler, Request
    from ghcr_sim.journal import Record
    from pytest_ghcr.cassettes import GhcrCassette

__all__ = ["MISSED", "Front", "PerTest", "authority"]

_API = "api.github.com"

MISSED: pytest.StashKey[bool] = pytest.StashKey()
"""Whether a test has asked for what its cassette does not have: then it is run again, and recorded anew."""


@cache
def authority() -> Authority:
    """The authority of this process; its key is nowhere else."""
    return Authority.create()


@cache
def _server_tls() -> ssl.SSLContext:
    return authority().server_context(*HOSTS, alpn=offered())


class Front:
    """All hosts of a takeover: the fake, and a plain word where GitHub's API is asked, which it does not have yet.

    Args:
        simulator: The fake.

    Attributes:
        api: What the API was asked: `GET /user`.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.api: list[str] = []

    async def __call__(self, request: Request, body: Body) -> Response:
        """Answer one request."""
        if request.authority.partition(":")[0].lower() != _API:
            return await self._simulator(request, body)
        self.api.append(f"{request.method} {request.target.partition('?')[0]}")
        said = b'{"message":"pytest-ghcr has no GitHub API yet: replay a cassette that has recorded it"}'
        fields = (("content-type", "application/json; charset=utf-8"), ("content-length", str(len(said))))
        return Response(501, fields, said, by="nobody")


class PerTest:
    """One test's part of the world.

    Args:
        item: The test.
        fixture: What `ghcr_config` gives, with whole paths.

    Attributes:
        settings: What holds for this test.
        ghcr: Its fake, once there is one.
        cassette: Its cassette, once there is one.
        takeover: Its takeover, once there is one.
        proxy: Its proxy for subprocesses, once there is one.
        failed: Whether anything of the test has failed.
        passed: Whether its call has passed; not where it was skipped, failed as expected, or was interrupted.
        recording: What it has recorded, from the end of its cassette to the end of all its fixtures.

    Raises:
        pytest.UsageError: A setting is unknown.
    """

    def __init__(self, item: pytest.Item, fixture: Mapping[str, Any] | None) -> None:
        self.item = item
        self._marker = placed(marked(item), self.beside)
        self.settings = settings_of(item.config, self._marker, fixture)
        self.ghcr: Ghcr | None = None
        self.cassette: GhcrCassette | None = None
        self.takeover: Takeover | None = None
        self.proxy: Proxy | None = None
        self.failed = False
        self.passed = False
        self.recording: Recording | None = None
        self._front: Front | None = None
        self._answers: Handler | None = None
        self._folder: Path | None = None
        self._doors: list[ThreadDoor] = []
        self._stack = contextlib.ExitStack()

    @property
    def beside(self) -> Path:
        """The folder of the test's file."""
        return self.item.path.parent

    @property
    def will_be_run_again(self) -> bool:
        """Whether nothing counts of this try: with `new`, its cassette lacks something, and is recorded in the next."""
        report = self.cassette.report if self.cassette else None
        return bool(self.settings.record == "new" and report is not None and report.misses)

    def folder(self) -> Path:
        """A folder for this test alone, gone when it ends."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="ghcr-"))
            self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    # -- the fake

    def make_fake(self, base: Simulator | None) -> None:
        """Make the test's fake.

        Args:
            base: What it is a fork of; None for an empty one.

        Raises:
            GhcrSimError, TypeError, ValueError: Its settings make no sense.
        """
        settings = self.settings
        if base is not None:  # the fixture's seed is in there, or was changed on purpose
            settings = replace(settings, seed=self._marker.get("seed"))
        self.ghcr = Ghcr(make_simulator(settings, base))

    @contextlib.contextmanager
    def fake(self) -> Iterator[Ghcr]:
        """The test's fake, listening, and taken over if that is wanted."""
        handle = self.ghcr
        assert handle is not None
        with handle.running():
            over = self.settings.takeover and self.cassette is None
            with self.taken_over(self.front) if over else contextlib.nullcontext():
                yield handle

    @property
    def front(self) -> Front:
        """The fake behind all names."""
        assert self.ghcr is not None
        if self._front is None:
            self._front = Front(self.ghcr.simulator)
        return self._front

    # -- the real names

    @contextlib.contextmanager
    def taken_over(self, handler: Handler) -> Iterator[None]:
        """Lead the real names to a handler, in this process: a cassette's comes before the fake's.

        Raises:
            TakeoverError: Another test of this process has them.
        """
        before, self._answers = self._answers, handler
        try:
            with self._take_over() if before is None else contextlib.nullcontext():
                yield
        finally:
            self._answers = before

    @contextlib.contextmanager
    def _take_over(self) -> Iterator[None]:
        door = ThreadDoor(Door(self._answer, tls=_server_tls()))
        self._doors.append(door)
        ended = False

        def port() -> int:
            if not ended and not door.listening:  # after the end, it would be opened again, for ever
                door.start()
            return door.port

        self.takeover = Takeover(port, authority().pem)
        try:
            with self.takeover:
                yield
        finally:
            ended = True
            door.stop()

    async def _answer(self, request: Request, body: Body) -> Response:
        assert self._answers is not None
        return await self._answers(request, body)

    @contextlib.contextmanager
    def environment(self, handler: Handler, token: str) -> Iterator[dict[str, str]]:
        """Lead the real names to a handler, for subprocesses that are given this environment."""
        from pytest_ghcr.environment import environment_of  # noqa: PLC0415 - few tests run subprocesses

        self.proxy = proxy = Proxy(handler, authority(), frozenset(HOSTS), ports=frozenset({HTTPS}))
        BACKGROUND.acquire()
        try:
            BACKGROUND.run(proxy.__aenter__())
            try:
                yield environment_of(self.folder(), proxy.url, authority().pem, token)
            finally:
                BACKGROUND.run(proxy.__aexit__(None, None, None))
        finally:
            BACKGROUND.release()

    # -- the end

    @property
    def strays(self) -> list[str]:
        """What was wanted and is not let out."""
        return [each for wanted in self._strays().values() for each in wanted]

    def _strays(self) -> dict[str, list[str]]:
        """The same, by what does not let it out."""
        return {
            "a takeover": [] if self.takeover is None else list(self.takeover.strays),
            "ghcr_env": [] if self.proxy is None else list(self.proxy.refused),
        }

    def records_now(self) -> list[Record]:
        """What fake and cassette were asked so far."""
        asked = [] if self.cassette is None else self.cassette.requests()
        return asked + ([] if self.ghcr is None else self.ghcr.requests())

    @property
    def silent(self) -> list[str]:
        """The names to which TLS was begun and nothing was said, once for each connection."""
        return [] if self.takeover is None else self.takeover.silent

    @property
    def notes(self) -> list[str]:
        """What else may explain a failure."""
        asked = [] if self._front is None else self._front.api
        closed = [each for place in (self.takeover, self.proxy) if place is not None for each in place.closed]
        return [
            *(f"api.github.com was asked {each}, and is not there yet" for each in asked),
            *(
                f"{each} was wanted, and is closed: names are served with TLS on {HTTPS}"
                for each in dict.fromkeys(closed)
            ),
        ]

    def close(self) -> list[str]:
        """Close everything.

        Returns:
            What is wrong, each in words: strays, and what is left.
        """
        self._stack.close()
        problems = [_stray(by, wanted) for by, wanted in self._strays().items() if wanted]
        return problems + [f"pytest-ghcr has left {each} behind: please report it" for each in self._left()]

    def hold(self) -> None:
        """Do what can be done only when the fixtures begin to end, and other plugins think that the test has ended."""
        if self.takeover is not None:
            self.takeover.hold()

    def forget(self) -> None:
        """Forget what was recorded."""
        if self.recording is not None:
            self.recording.discard()
            self.recording = None

    def settle(self) -> None:
        """Do what can be done only when all fixtures have ended, those that were there before ours, too."""
        if self.takeover is not None:
            self.takeover.settle()

    def _left(self) -> list[str]:
        """What is left, in words."""
        left = [] if self.takeover is None else self.takeover.residue()
        if self._folder is not None and self._folder.exists():
            left.append(str(self._folder))
        left += [each.url for each in self._doors if each.listening]
        if self.ghcr is not None and self.ghcr.listening:
            left.append(self.ghcr.url)
        names = [each.name for each in threading.enumerate() if each.name == BACKGROUND.name]
        return left + (["a second background thread"] if len(names) > 1 else [])


def _stray(by: str, wanted: list[str]) -> str:
    names = ", ".join(dict.fromkeys(wanted))
    remedy = "answer it by a mock, or seed the fake with what it was to give"
    return f"the test wanted {names}, which {by} does not let out: {remedy}"
