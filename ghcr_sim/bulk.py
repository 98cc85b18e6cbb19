"""How a large body goes in and out: the one place that knows which way is fastest (see `benchmarks/`).

Memory goes out best past the transport, by large sends on the socket itself: half the CPU of `transport.write`,
and faster than `sendfile`, whose pages the receiver copies one by one.
"""

from __future__ import annotations

import asyncio
import os
import socket
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from ghcr_sim.exchange import Content

__all__ = ["READ_BUFFER", "receive_in_large_steps", "send_content", "tune_allocator"]

READ_BUFFER = 2 << 20
_SMALL = 1 << 16
_PIECE = 1 << 18
_LARGEST_BUFFER = 24 << 20


@cache
def tune_allocator() -> None:
    """Let glibc keep freed memory for the next buffer instead of giving it back to the kernel each time.

    It raises its thresholds to the size of the largest mapping that was freed. Without this, each 256 KiB
    that arrive cost 64 page faults. Nothing is touched, so nothing is used; other allocators do not care.
    """
    bytearray(_LARGEST_BUFFER)


def receive_in_large_steps(transport: asyncio.BaseTransport) -> None:
    """Let asyncio's own transport take 2 MiB at once from the socket, not 256 KiB; others decide for themselves."""
    if hasattr(transport, "max_size"):
        transport.max_size = READ_BUFFER


async def send_content(
    request: web.BaseRequest, transport: asyncio.Transport, head: bytes, body: Content
) -> None:
    """Send a head, and a part of a source, in flat memory.

    Raises:
        ConnectionError: The client has gone.
    """
    pieces = body.source.pieces(body.start, body.stop)
    size = body.stop - body.start
    if size <= _SMALL:
        transport.write(b"".join((head, *pieces)))
        if transport.get_write_buffer_size():
            await request.writer.drain()
        return
    transport.write(head)
    plain = transport.get_extra_info("sslcontext") is None
    if plain and os.name == "posix" and not transport.get_write_buffer_size():
        await _send_past(transport, pieces)
        return
    for piece in pieces:
        view = memoryview(piece)
        for start in range(0, len(view), _PIECE):
            transport.write(view[start : start + _PIECE])
            await request.writer.drain()


async def _send_past(transport: asyncio.Transport, pieces: Iterator[bytes | memoryview]) -> None:
    """Send on a second descriptor of the socket: the transport's own belongs to the transport."""
    loop = asyncio.get_running_loop()
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as sock:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        for piece in pieces:
            await loop.sock_sendall(sock, piece)
