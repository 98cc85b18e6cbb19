"""The connections of one listener that speak HTTP/2: made here, and closed together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghcr_sim.exchange import Handler
    from ghcr_sim.http2.protocol import Http2Protocol

__all__ = ["Http2Server"]


class Http2Server:
    """Makes the protocol for each connection, as aiohttp's `web.Server` does for HTTP/1.1.

    Args:
        handler: What answers.
        patience: Seconds that a body may take from its first reading to its end; 0 is any time.
    """

    def __init__(self, handler: Handler, *, patience: float = 0.0) -> None:
        self._handler = handler
        self._patience = patience
        self._connections: set[Http2Protocol] = set()
        self._closed = False

    def __call__(self) -> asyncio.BaseProtocol:
        """Make the protocol for a new connection; one that was accepted while the server closed has come too late.

        Raises:
            ImportError: `h2` is not installed; `offered` says so before.
        """
        if self._closed:
            return _Late()
        from ghcr_sim.http2.protocol import Http2Protocol  # noqa: PLC0415 - h2 costs 100 ms

        protocol = Http2Protocol(self._handler, patience=self._patience, lost=self._connections.discard)
        self._connections.add(protocol)
        return protocol

    def __len__(self) -> int:
        return len(self._connections)

    async def shutdown(self, grace: float = 60.0) -> None:
        """Close every connection.

        Args:
            grace: Seconds that requests under way may take; then they are cancelled.
        """
        self._closed = True
        await asyncio.gather(*(connection.close(grace) for connection in self._connections))


class _Late(asyncio.BaseProtocol):
    """A connection that is cut off."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Cut it off."""
        transport.abort()  # type: ignore[attr-defined]
