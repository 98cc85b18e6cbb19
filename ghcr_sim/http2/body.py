"""A request's body that arrives as DATA frames, within a receive window.

The client may send as much as the window holds; it is told that it may send more when the handler has
taken what came, so an upload of any size passes in flat memory. Source: RFC 9113, sections 5.2, 6.9, 8.1.1.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from ghcr_sim.exchange import BodyError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["StreamBody", "Window"]


class Window:
    """What a client may still send, and what it has not been told yet that it may send again.

    Args:
        size: The most bytes that may be on their way or waiting.
    """

    __slots__ = ("_left", "_owed", "_size")

    def __init__(self, size: int) -> None:
        self._size = self._left = size
        self._owed = 0

    def take(self, size: int) -> bool:
        """Count bytes that came; False if they were more than allowed."""
        self._left -= size
        return self._left >= 0

    def give(self, size: int) -> int:
        """Count bytes that were consumed; how much to announce now, if it is worth a frame."""
        self._owed += size
        if self._owed < self._size // 4:
            return 0
        increment, self._owed = self._owed, 0
        self._left += increment
        return increment


class StreamBody:
    """A body: filled by the connection, emptied by one reader.

    Args:
        length: The announced number of bytes, or None.
        begin: Called before the body is first read.
        consumed: Called with each number of flow-controlled bytes that are not held any more.
    """

    __slots__ = (
        "_arrived",
        "_begin",
        "_consumed",
        "_ended",
        "_error",
        "_held",
        "_queue",
        "_reading",
        "_wake",
        "length",
    )

    def __init__(
        self, length: int | None, begin: Callable[[], None], consumed: Callable[[int], None]
    ) -> None:
        self.length = length
        self._begin: Callable[[], None] | None = begin
        self._consumed = consumed
        self._queue: deque[bytes] = deque()
        self._held = 0
        self._arrived = 0
        self._ended = False
        self._reading = False
        self._error: str | None = None
        self._wake: asyncio.Future[None] | None = None

    @property
    def ended(self) -> bool:
        """The client has said that nothing more comes."""
        return self._ended

    @property
    def begun(self) -> bool:
        """Something has arrived, be it the end."""
        return self._ended or self._arrived > 0

    @property
    def being_read(self) -> bool:
        """A reader will come back for more, and so will learn of an error."""
        return self._reading

    def feed(self, piece: bytes, flow: int) -> bool:
        """Take what arrived; False if it is more than was announced, and so is not kept."""
        if flow > len(piece):
            self._consumed(flow - len(piece))
        if not piece:
            return True
        self._arrived += len(piece)
        if self.length is not None and self._arrived > self.length:
            self._consumed(len(piece))
            return False
        if self._error is not None:
            self._consumed(len(piece))
            return True
        self._queue.append(piece)
        self._held += len(piece)
        self._notify()
        return True

    def end(self) -> None:
        """Take note that nothing more comes. Too little is an error for whoever reads."""
        self._ended = True
        if self.length is not None and self._arrived < self.length and self._error is None:
            self._error = f"it ended after {self._arrived} of {self.length} bytes"
        self._notify()

    def fail(self, reason: str) -> None:
        """Let the reader have what arrived, and then a `BodyError`."""
        if self._error is None:
            self._error = reason
        self._notify()

    def discard(self) -> None:
        """Let go of what nobody will read, now and later."""
        self._queue.clear()
        held, self._held = self._held, 0
        self.fail("nobody reads it")
        if held:
            self._consumed(held)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they come; a second reader goes on where the first one stopped.

        Raises:
            BodyError: The client announced more than it sent, reset the stream, or has gone.
        """
        if self._begin is not None:
            begin, self._begin = self._begin, None
            begin()
        self._reading = True
        try:
            while True:
                if self._queue:
                    piece = self._queue.popleft()
                    self._held -= len(piece)
                    self._consumed(len(piece))
                    yield piece
                elif self._error is not None:
                    raise BodyError(self._error)
                elif self._ended:
                    return
                else:
                    self._wake = asyncio.get_running_loop().create_future()
                    await self._wake
        finally:
            self._reading = False

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
