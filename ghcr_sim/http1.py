"""HTTP/1.1: aiohttp on one side, the exchange on the other.

It turns a request into an `exchange.Request`, a `Response` into bytes, and does what `Wire` says. aiohttp
parses and keeps connections; heads are written here, because aiohttp would add `Server` and its own order.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ghcr_sim.bulk import READ_BUFFER, receive_in_large_steps, send_content
from ghcr_sim.exchange import BodyError, Content, Handler, Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["Http1Server"]

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_log = logging.getLogger("ghcr_sim")


class Http1Server(web.Server):
    """Makes the protocol for each connection.

    Args:
        handler: What answers.
        scheme: `http` or `https`.
        patience: Seconds that a body may take from its first reading to its end; 0 is any time.
    """

    def __init__(self, handler: Handler, scheme: str, *, patience: float = 0.0) -> None:
        super().__init__(
            _adapt(handler, scheme, patience),
            access_log=None,
            auto_decompress=False,
            read_bufsize=READ_BUFFER,
        )


class _HttpBody:
    """A request's body as aiohttp gives it. `100 Continue` goes out when somebody wants to read."""

    __slots__ = ("_patience", "_request")

    def __init__(self, request: web.BaseRequest, patience: float) -> None:
        self._request = request
        self._patience = patience

    @property
    def length(self) -> int | None:
        return self._request.content_length if self._request.can_read_body else 0

    async def pieces(self) -> AsyncIterator[bytes]:
        request = self._request
        transport = request.transport
        if transport is None:
            raise BodyError("the connection is closed")
        if request.headers.get("expect", "").lower() == "100-continue":
            transport.write(_CONTINUE)
        content = request.content
        if not content.is_eof():
            receive_in_large_steps(transport)
        loop = asyncio.get_running_loop()
        watch = (
            loop.call_later(self._patience, transport.abort)
            if self._patience and not content.is_eof()
            else None
        )
        try:
            while chunk := await content.readany():
                yield chunk
        except (
            web.RequestPayloadError,
            HttpProcessingError,
            ConnectionError,
            asyncio.IncompleteReadError,
        ) as error:
            raise BodyError(str(error) or type(error).__name__) from None
        finally:
            if watch is not None:
                watch.cancel()


class _Reply(web.StreamResponse):
    """A response that writes itself, as it was said, in one go."""

    def __init__(self, answer: Response) -> None:  # the parent's state is aiohttp's way to write, not ours
        self._answer = answer
        self._alive = False

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def keep_alive(self) -> bool | None:
        return self._alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write head and body."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the connection is closed")
        answer = self._answer
        if answer.wire is not None:
            if answer.wire.hang:
                await _until_gone(request)
                return
            if answer.wire.reset:
                _reset(transport)
                return
        self._alive = request.keep_alive
        head = _head(answer, request)
        body = b"" if request.method == "HEAD" else answer.body
        cut = answer.wire.cut_after if answer.wire else None
        if isinstance(body, Content):
            await send_content(request, transport, head, body if cut is None else _shortened(body, cut))
        else:
            transport.write(head + body[:cut] if body else head)
            if transport.get_write_buffer_size():
                await request.writer.drain()
        if cut is not None:
            _reset(transport)

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""


def _head(answer: Response, request: web.BaseRequest) -> bytes:
    """The head of a response, as bytes."""
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, '')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if not request.keep_alive:
        lines.append("connection: close")
    elif request.version < (1, 1):
        lines.append("connection: keep-alive")
    lines.append("\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def _shortened(body: Content, size: int) -> Content:
    return Content(body.source, body.start, min(body.stop, body.start + size))


def _reset(transport: asyncio.Transport) -> None:
    """Close with a real TCP reset."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _until_gone(request: web.BaseRequest) -> None:
    """Wait until the client has had enough."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - aiohttp tells nobody
        await asyncio.sleep(0.02)


def _adapt(handler: Handler, scheme: str, patience: float) -> Callable[[web.BaseRequest], Any]:
    """An aiohttp handler from an exchange handler."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        headers = request.headers
        head = Request(request.method, request.raw_path, headers, scheme, headers.get("host") or "localhost")
        try:
            return _Reply(await handler(head, _HttpBody(request, patience)))
        except Exception:  # noqa: BLE001 - a bug of ours must not end the connection without an answer
            _log.exception("cannot answer %s %s", request.method, request.path)
            return _Reply(_broken())

    return handle


def _broken() -> Response:
    """An answer for what must never happen; it tells the client nothing of our insides."""
    body = b'{"errors":[{"code":"UNKNOWN","message":"unknown error"}]}\n'
    headers = (("content-length", str(len(body))), ("content-type", "application/json"))
    return Response(500, headers, body, by="serve")
