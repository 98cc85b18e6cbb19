"""Standard input as a stream that can be given up at any time: a thread that waits for it could not be."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["stdin_pieces"]

_PIECE = 1 << 20


async def stdin_pieces() -> AsyncIterator[bytes]:
    """What comes on stdin, to its end.

    Yields:
        Pieces, as they come.

    Raises:
        OSError: It cannot be read.
    """
    place = sys.stdin.fileno()
    while piece := await _piece(place):
        yield piece


async def _piece(place: int) -> bytes:
    """The next piece; b"" at the end."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    try:
        loop.add_reader(place, _settle, ready)
    except (OSError, NotImplementedError):
        # A file, which is always ready; or Windows.
        return await asyncio.to_thread(os.read, place, _PIECE)
    try:
        await ready
    finally:
        loop.remove_reader(place)
    return os.read(place, _PIECE)


def _settle(ready: asyncio.Future[None]) -> None:
    """Wake who waits."""
    if not ready.done():
        ready.set_result(None)
