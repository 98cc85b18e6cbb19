"""HTTP/1.1: aiohttp on one side, the exchange on the other.

It turns a request into an `exchange.Request`, a `Response` into bytes, and does what `Wire` says. aiohttp
parses and keeps connections; heads are written here, because aiohttp would add `Server` and its own order.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import struct
from contextlib import aclosing
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError

from ghcr_sim.bulk import READ_BUFFER, receive_in_large_steps, send_content
from ghcr_sim.exchange import BodyError, Content, Handler, Relay, Request, Response
from ghcr_sim.oci.refusals import error_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import StreamReader

__all__ = ["Http1Server"]

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TICK = 0.01
_PATIENCE = 5.0
"""Seconds between two looks at a connection, and until a client that does not read is cut off all the same."""

_QUOTED = re.compile(r"\bb['\"]|\bbytearray\(")
"""Where a reason of aiohttp's begins to quote what came."""

_log = logging.getLogger("ghcr_sim")


class Http1Server(web.Server):
    """Makes the protocol for each connection.

    Args:
        handler: What answers.
        scheme: `http` or `https`.
        patience: Seconds that a body may take from its first reading to its end; 0 is any time.

    Attributes:
        closed: Whether a connection that is still made is to be cut off: aiohttp would forget it, open.
    """

    def __init__(self, handler: Handler, scheme: str, *, patience: float = 0.0) -> None:
        super().__init__(_adapt(handler, scheme, patience))
        self.closed = False

    def __call__(self) -> web.RequestHandler:
        """Make the protocol for a new connection."""
        loop = asyncio.get_running_loop()
        return _Connection(self, loop=loop, access_log=None, auto_decompress=False, read_bufsize=READ_BUFFER)

    async def close(self, grace: float) -> None:
        """Close every connection.

        Args:
            grace: Seconds that requests under way may take; then they are cancelled.
        """
        loop = asyncio.get_running_loop()
        late = loop.time() + grace
        self.closed = True
        self.pre_shutdown()
        while self._busy() and loop.time() < late:  # noqa: ASYNC110 - aiohttp tells nobody
            await asyncio.sleep(_TICK)
        await self.shutdown(_TICK)

    def _busy(self) -> bool:
        return any(isinstance(each, _Connection) and each.busy for each in self.connections)


class _Connection(web.RequestHandler):
    """A connection that answers in our words also what aiohttp cannot read.

    Attributes:
        busy: A request is under way.
        reading: Its body, while somebody reads it.
    """

    __slots__ = ("_shall_close", "busy", "reading")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.busy = False
        self.reading: StreamReader | None = None
        self._shall_close = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; one that was accepted while the server closed has come too late."""
        super().connection_made(transport)
        if isinstance(self._manager, Http1Server) and self._manager.closed:
            self.force_close()

    def close(self) -> None:
        """Take no more requests. What still comes of a body is taken: aiohttp would drop it."""
        if self.reading is None:
            super().close()
        else:
            self._shall_close = True

    def read(self, body: StreamReader) -> None:
        """Note that a body has been read, or will not be read on."""
        if self.reading is body:
            self.reading = None
            if self._shall_close:
                super().close()

    def data_received(self, data: bytes) -> None:
        """Wake who reads a body that cannot be read on: aiohttp's parser lets go of it without a word."""
        super().data_received(data)
        body = self.reading
        if body is None or body.is_eof() or not self._messages:
            return
        if not isinstance(self._messages[-1][0], RawRequestMessage):
            body.set_exception(web.RequestPayloadError("it is not chunked as it should be"))
            body.feed_eof()
            super().close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the task also where it reads a body that nobody wants: aiohttp would let it wait for more."""
        task = self._task_handler
        super().connection_lost(exc)
        if task is not None and not self.busy:
            task.cancel()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002 - the signature is aiohttp's
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP is 400. aiohttp logs it with a traceback and what came: that may hold a secret."""
        why = " ".join(_QUOTED.split(message or "", maxsplit=1)[0].split()).rstrip(": ")
        _log.warning("refused what %s sent: %s", request.remote, why)
        return _Reply(_error(status, "UNSUPPORTED", f"malformed HTTP: {why}"))


def _connection(request: web.BaseRequest) -> _Connection:
    """The connection that a request came by."""
    connection = request.protocol
    assert isinstance(connection, _Connection)
    return connection


class _HttpBody:
    """A request's body as aiohttp gives it. `100 Continue` goes out when somebody wants to read."""

    __slots__ = ("_begun", "_broken", "_patience", "_request")

    def __init__(self, request: web.BaseRequest, patience: float) -> None:
        self._request = request
        self._patience = patience
        self._begun = False
        self._broken = False

    @property
    def at_odds(self) -> bool:
        """Whether nobody can tell where the next request would begin: it broke off, or the client keeps it back."""
        kept_back = not self._begun and not self._request.content.is_eof() and self._waits()
        return self._broken or kept_back

    def _waits(self) -> bool:
        return self._request.headers.get("expect", "").lower() == "100-continue"

    @property
    def length(self) -> int | None:
        return self._request.content_length if self._request.can_read_body else 0

    async def pieces(self) -> AsyncIterator[bytes]:
        request = self._request
        transport = request.transport
        if transport is None:
            raise BodyError("the connection is closed")
        if not self._begun and self._waits():
            transport.write(_CONTINUE)
        self._begun = True
        content = request.content
        if not content.is_eof():
            receive_in_large_steps(transport)
        loop = asyncio.get_running_loop()
        watch = (
            loop.call_later(self._patience, transport.abort)
            if self._patience and not content.is_eof()
            else None
        )
        connection = _connection(request)
        connection.reading = content
        try:
            while chunk := await content.readany():
                yield chunk
        except (
            web.RequestPayloadError,
            HttpProcessingError,
            ConnectionError,
            asyncio.IncompleteReadError,
        ) as error:
            self._broken = True
            raise BodyError(str(error) or type(error).__name__) from None
        finally:
            connection.read(content)
            if watch is not None:
                watch.cancel()


class _Reply(web.StreamResponse):
    """A response that writes itself, as it was said, in one go."""

    # The parent's state is aiohttp's way to write, not ours.
    def __init__(self, answer: Response, *, alive: bool = False) -> None:
        self._answer = answer
        self._alive = alive

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def keep_alive(self) -> bool | None:
        return self._alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write head and body."""
        connection = _connection(request)
        try:
            await self._write(request, connection)
        finally:
            connection.busy = False

    async def _write(self, request: web.BaseRequest, connection: _Connection) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the connection is closed")
        answer = self._answer
        if answer.wire is not None and (answer.wire.hang or answer.wire.reset):
            self._alive = connection.busy = False
            if answer.wire.hang:
                await _until_gone(request)
            else:
                _reset(transport)
            return
        if isinstance(answer.body, Relay):
            await self._pass_on(request, transport, answer.body)
            return
        head = _head(answer, request, alive=self._alive)
        body = b"" if request.method == "HEAD" else answer.body
        cut = answer.wire.cut_after if answer.wire else None
        if isinstance(body, Content):
            await send_content(request, transport, head, body if cut is None else _shortened(body, cut))
        else:
            transport.write(head + body[:cut] if body else head)
            if transport.get_write_buffer_size():
                await request.writer.drain()
        if cut is not None:
            await _arrived(transport)
            _reset(transport)

    async def _pass_on(self, request: web.BaseRequest, transport: asyncio.Transport, body: Relay) -> None:
        """Send a stream as it comes. One of unknown size ends with the connection; one that breaks off is cut."""
        self._alive = self._alive and body.size is not None
        transport.write(_head(self._answer, request, alive=self._alive))
        try:
            async with aclosing(body.pieces):
                async for piece in body.pieces:
                    transport.write(piece)
                    await request.writer.drain()
        except Exception:
            _reset(transport)
            raise

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""


def _head(answer: Response, request: web.BaseRequest, *, alive: bool) -> bytes:
    """The head of a response, as bytes."""
    fields = "".join([f"{name}: {value}\r\n" for name, value in answer.headers])
    if not alive:
        fields += "connection: close\r\n"
    elif request.version < (1, 1):
        fields += "connection: keep-alive\r\n"
    head = f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, '')}\r\n{fields}\r\n"
    return head.encode("utf-8", "surrogateescape")


def _shortened(body: Content, size: int) -> Content:
    return Content(body.source, body.start, min(body.stop, body.start + size))


def _reset(transport: asyncio.Transport) -> None:
    """Close with a real TCP reset."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    # The client may have closed it before: then asyncio has none, and uvloop one that says -1.
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _arrived(transport: asyncio.Transport) -> None:
    """Wait until all that was written is at the other end: a reset drops what is still on its way."""
    loop = asyncio.get_running_loop()
    late = loop.time() + _PATIENCE
    while (transport.get_write_buffer_size() or _on_its_way(transport)) and loop.time() < late:  # noqa: ASYNC110 - the system tells nobody
        await asyncio.sleep(_TICK)


def _on_its_way(transport: asyncio.Transport) -> int:
    """How many bytes the other end has not acknowledged; 0 where the system does not say."""
    try:
        from fcntl import ioctl  # noqa: PLC0415 - not every system has it
        from termios import TIOCOUTQ  # noqa: PLC0415 - the same

        count: int = struct.unpack(
            "i", ioctl(transport.get_extra_info("socket").fileno(), TIOCOUTQ, bytes(4))
        )[0]
    except (ImportError, OSError, ValueError):
        return 0
    return count


async def _until_gone(request: web.BaseRequest) -> None:
    """Wait until the client has had enough."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - aiohttp tells nobody
        await asyncio.sleep(_TICK)


def _adapt(handler: Handler, scheme: str, patience: float) -> Callable[[web.BaseRequest], Any]:
    """An aiohttp handler from an exchange handler."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        headers = request.headers
        head = Request(request.method, request.raw_path, headers, scheme, headers.get("host") or "localhost")
        body = _HttpBody(request, patience)
        _connection(request).busy = True
        try:
            answer = await handler(head, body)
        except Exception:  # noqa: BLE001 - a bug of ours must not end the connection without an answer
            _log.exception("cannot answer %s %s", request.method, request.path)
            answer = _error(500, "UNKNOWN", "unknown error")
        return _Reply(answer, alive=bool(request.keep_alive) and not body.at_odds)

    return handle


def _error(status: int, code: str, message: str) -> Response:
    """An answer where the exchange gave none."""
    body = error_body(code, message)
    headers = (("content-length", str(len(body))), ("content-type", "application/json"))
    return Response(status, headers, body, by="http")
