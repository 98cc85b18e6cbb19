"""The handle that a test holds."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Unpack

from ghcr_sim.assemble import Simulator
from ghcr_sim.threads import ThreadServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ghcr_sim.clock import Clock
    from ghcr_sim.journal import Record
    from ghcr_sim.seed import Recipe, Seeded
    from ghcr_sim.store.repository import Visibility

__all__ = ["Ghcr"]


class Ghcr:
    """A fake ghcr.io on a loopback port, which it takes when `url` or `host` is read first.

    Args:
        simulator: What answers; an empty one with GHCR's profile if None.

    Attributes:
        simulator: Everything else that can be done with it.
    """

    def __init__(self, simulator: Simulator | None = None) -> None:
        self.simulator = simulator or Simulator()
        self._server = ThreadServer(self.simulator)
        self._process: int | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Be there for as long as the block runs. It listens once somebody asks where."""
        self._process = os.getpid()
        try:
            yield
        finally:
            self._process = None
            self._server.stop()
            self.simulator.close()

    @property
    def listening(self) -> bool:
        """Whether it is on its port."""
        return self._server.listening

    @property
    def url(self) -> str:
        """Where it is: `http://127.0.0.1:PORT`."""
        self._listen()
        return self._server.url

    @property
    def host(self) -> str:
        """Name and port, as a reference has them: `127.0.0.1:PORT`."""
        self._listen()
        return self._server.host

    def _listen(self) -> None:
        """Take the port, if that was not done.

        Raises:
            RuntimeError: This process was forked from the one that has the fake: a copy would answer here, unseen.
        """
        if self._server.listening or self._process is None:
            return
        if self._process != os.getpid():
            raise RuntimeError(
                "the fake is in the process that this one was forked from: read ghcr.url there, before the fork"
            )
        self._server.start()

    @property
    def token(self) -> str:
        """The one token that it takes: a classic PAT of `octocat` with all scopes, for every owner."""
        return self.simulator.token

    @property
    def clock(self) -> Clock:
        """Its time: `ghcr.clock.advance(301)` ages tokens, signed addresses and uploads."""
        return self.simulator.clock

    def seed(
        self,
        reference: str,
        *,
        platforms: Sequence[str] | None = None,
        visibility: Visibility | None = None,
        **recipe: Unpack[Recipe],
    ) -> Seeded:
        """Put a real image in; see `ghcr_sim.Simulator.seed`."""
        return self.simulator.seed(reference, platforms=platforms, visibility=visibility, **recipe)

    def fail(
        self,
        operation: str,
        recorded: str | None = None,
        *,
        status: int | None = None,
        times: int | None = 1,
        repository: str | None = None,
    ) -> None:
        """Plan a failure; see `ghcr_sim.Simulator.fail`. One that never happens fails the test."""
        self.simulator.fail(operation, recorded, status=status, times=times, repository=repository)

    def requests(self, operation: str | None = None) -> list[Record]:
        """What has happened, oldest first, or what has happened of one operation.

        Raises:
            ValueError: There is no such operation.
        """
        return self.simulator.requests(operation)

    @property
    def leaks(self) -> list[Record]:
        """Requests that brought a credential to the storage host."""
        return self.simulator.leaks

    def unmet(self) -> list[str]:
        """Planned failures that have not happened, in words."""
        return self.simulator.faults.unmet()

    def __repr__(self) -> str:
        where = self._server.url if self._server.listening else "not listening yet"
        return f"<Ghcr {where}, {len(self.requests())} requests>"
