"""A connection as asyncio sees it: it lends a buffer, and is told what was read into it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from ghcr_sim.http2.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghcr_sim.exchange import Handler

__all__ = ["Http2Protocol"]

LINGER = 0.05
"""Seconds that a client may take to say goodbye."""

FORCED = 5.0
"""Seconds that a cancelled handler may take to let go."""

_READ_BUFFER = 1 << 18


class Http2Protocol(asyncio.BufferedProtocol):
    """A connection that speaks HTTP/2 from its first byte.

    Args:
        handler: What answers.
        patience: Seconds that a body may take from its first reading to its end; 0 is any time.
        lost: Called with this object when the connection is closed.
    """

    _transport: asyncio.Transport
    _connection: Connection
    _closed: asyncio.Future[None]

    def __init__(
        self, handler: Handler, *, patience: float = 0.0, lost: Callable[[Http2Protocol], None] | None = None
    ) -> None:
        self._handler = handler
        self._patience = patience
        self._lost = lost
        self._buffer = memoryview(bytearray(_READ_BUFFER))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        self._closed = asyncio.get_running_loop().create_future()
        self._connection = Connection(self._handler, self._transport, self._patience)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Lend the buffer; what is read is taken out of it at once."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take in what was read."""
        self._connection.receive(self._buffer[:nbytes])

    def pause_writing(self) -> None:
        """Let no stream write."""
        self._connection.sender.pause()

    def resume_writing(self) -> None:
        """Let the streams write again."""
        self._connection.sender.resume()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """End all that is under way."""
        self._connection.lose("the client has closed the connection")
        self._closed.set_result(None)
        if self._lost is not None:
            self._lost(self)

    async def close(self, grace: float) -> None:
        """Take no more requests, let those under way end, and close.

        Args:
            grace: Seconds that they may take; then they are cancelled.
        """
        self._connection.leave()
        await self._connection.settle(grace)
        self._connection.cancel()
        await self._connection.settle(FORCED)
        self._connection.hang_up()
        if not self._closed.done():
            unsent = self._transport.get_write_buffer_size()
            await asyncio.wait([self._closed], timeout=grace if unsent else LINGER)
        self._transport.abort()
