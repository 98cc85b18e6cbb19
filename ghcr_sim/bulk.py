"""How a large body goes out: the one place that knows which way is fastest (see `benchmarks/`)."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ghcr_sim.exchange import Content

__all__ = ["send_content"]

_SMALL = 1 << 16


async def send_content(request: web.BaseRequest, transport: asyncio.Transport, body: Content) -> None:
    """Send a part of a source, in flat memory.

    Raises:
        ConnectionError: The client has gone.
    """
    drain = request.writer.drain
    for piece in body.source.pieces(body.start, body.stop):
        transport.write(piece)
        await drain()
