"""A client's `simulation="record"` and `"replay"`: a door in this process, for as long as the client is open.

The client finds it by an entry point and knows nothing else of it. It runs in the client's loop. Failures that a
replay shows are raised when the client is closed, unless something has failed already.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from ghcr_sim.cassette import CassetteError, Replay, load
from ghcr_sim.cassette.addresses import ReverseDoor
from ghcr_sim.cassette.merge import told_of
from ghcr_sim.cassette.recording import Recording
from ghcr_sim.clock import Clock
from ghcr_sim.serve import Door
from ghcr_sim.upstream import Upstream

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["CassetteSimulation", "open_cassette"]

_log = logging.getLogger("ghcr_sim")


def open_cassette(
    mode: Literal["record", "replay"], path: str | os.PathLike[str], upstream: str = "https://ghcr.io"
) -> CassetteSimulation:
    """Make what a client's setting `simulation` asks for.

    Args:
        mode: Whether traffic is recorded, or answered.
        path: The cassette.
        upstream: The registry that is recorded; a cassette says itself which one it is of.

    Returns:
        Something to be started and stopped.
    """
    return CassetteSimulation(mode, Path(path), upstream)


class CassetteSimulation:
    """A cassette in the place of a registry.

    Args:
        mode: `record` or `replay`.
        path: The cassette.
        upstream: The registry that is recorded.
    """

    def __init__(self, mode: Literal["record", "replay"], path: Path, upstream: str) -> None:
        self._mode = mode
        self._path = path
        self._upstream = upstream
        self._stack = AsyncExitStack()
        self._recording: Recording | None = None
        self._replay: Replay | None = None

    async def start(self) -> Mapping[str, str]:
        """Open the door.

        Returns:
            The registry's name → where the door is.

        Raises:
            CassetteError: The cassette cannot be read, or nothing can be written there.
        """
        if self._mode == "replay":
            cassette = load(self._path).sealed()
            self._replay = Replay(cassette)
            door = await self._stack.enter_async_context(Door(self._replay))
            return {_name(cassette.header.upstream): door.url}
        self._recording = Recording(self._path, self._upstream, clock=Clock())
        upstream = await self._stack.enter_async_context(Upstream())
        recorder = self._recording.recorder(upstream, ReverseDoor(self._upstream))
        door = await self._stack.enter_async_context(Door(recorder))
        return {_name(self._upstream): door.url}

    async def stop(self, failed: bool) -> None:
        """Close the door; a recording becomes a cassette, and a replay says what went wrong.

        Args:
            failed: Whether what used the client has failed: then what was recorded is forgotten, and nothing more is
                raised.

        Raises:
            CassetteError: The recording does not replay, or the replay missed something.
        """
        await self._stack.aclose()
        if self._recording is not None:
            if failed:
                self._recording.discard()
            else:
                await self._recording.finish()
                if joined := self._recording.joined:
                    _log.warning(
                        "%s: what other recorders had left was merged, too: %s", self._path, told_of(joined)
                    )
        if self._replay is not None:
            report = self._replay.close()
            if not failed and not report.ok:
                raise CassetteError("\n".join(report.problems()), path=self._path)


def _name(origin: str) -> str:
    """A registry's name, as references have it."""
    return urlsplit(origin).netloc
