"""An HTTP/2 server to test, and a client that does exactly what it is told, be it right or wrong."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame, Frame, GoAwayFrame

from ghcr_sim.http2 import Http2Server
from ghcr_sim.tls import Authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from ghcr_sim.exchange import Handler

__all__ = ["Answer", "Peer", "authority", "go", "plain"]


@functools.cache
def authority() -> Authority:
    """One authority for all tests."""
    return Authority.create()


def go(work: Coroutine[Any, Any, None], loop: str = "asyncio") -> None:
    """Run a test's coroutine in a loop of its own, at most half a minute."""
    if loop == "uvloop":
        import pytest  # noqa: PLC0415 - only to skip

        if find_spec("uvloop") is None:
            work.close()  # or Python warns, in some later test, that nobody awaited it
        factory: Callable[[], asyncio.AbstractEventLoop] = pytest.importorskip("uvloop").new_event_loop
    else:
        factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(asyncio.wait_for(work, 30))


@contextlib.asynccontextmanager
async def plain(
    handler: Handler, *, patience: float = 0.0, buffer: int = 1 << 18
) -> AsyncIterator[tuple[Http2Server, int]]:
    """The server without TLS, and its port: what is tested is the same, and the bytes are at hand."""
    server = Http2Server(handler, patience=patience)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    listener.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    try:
        yield server, listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await server.shutdown(0)


@dataclass
class Answer:
    """What has come on a stream so far."""

    headers: dict[str, str] = field(default_factory=dict)
    early: list[str] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        return int(self.headers[":status"])


class Peer:
    """A client on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, consume: bool) -> None:
        self.reader = reader
        self.writer = writer
        self.consume = consume
        config = H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.state = H2Connection(config)
        # h2 takes no more answers after a GOAWAY, though the server may still give those it has promised.
        self.state._frame_dispatch_table[GoAwayFrame] = self._on_goaway
        self.answers: dict[int, Answer] = {}
        self.goaway: int | None = None
        self.closed = False

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls,
        port: int,
        *,
        tls: bool = False,
        window: int = 65535,
        consume: bool = True,
        buffer: int = 1 << 18,
    ) -> AsyncIterator[Self]:
        """Connect and greet.

        `consume` gives the server its windows back as content comes, `buffer` is how much of what was not
        read yet the kernel keeps.
        """
        context = authority().client_context() if tls else None
        if context:
            context.set_alpn_protocols(["h2"])
        name = "ghcr.io" if tls else None
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.settimeout(0)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name)
        peer = cls(reader, writer, consume=consume)
        peer.state.local_settings[SettingCodes.INITIAL_WINDOW_SIZE] = window
        peer.state.initiate_connection()
        peer.state.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        peer.flush()
        try:
            yield peer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def flush(self) -> None:
        """Write what h2 has to say."""
        self.writer.write(self.state.data_to_send())

    def raw(self, *frames: Frame | bytes) -> None:
        """Write frames that h2 knows nothing of."""
        self.flush()
        self.writer.write(b"".join(f if isinstance(f, bytes) else f.serialize() for f in frames))

    def ask(self, method: str, path: str, *headers: tuple[str, str], ended: bool = True) -> int:
        """Send a request's head; the stream's number."""
        stream = self.state.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "https"), (":authority", "ghcr.io"), (":path", path)]
        self.state.send_headers(stream, [*pseudo, *headers], end_stream=ended)
        self.flush()
        self.answers[stream] = Answer()
        return stream

    def data(self, stream: int, piece: bytes, *, ended: bool = False) -> None:
        """Send a DATA frame, whatever the windows say."""
        frame = DataFrame(stream, data=piece)
        if ended:
            frame.flags.add("END_STREAM")
        self.raw(frame)

    async def upload(self, stream: int, body: bytes) -> None:
        """Send a body as fast as the windows allow."""
        view = memoryview(body)
        while view:
            size = min(self.state.local_flow_control_window(stream), len(view), 16384)
            if size:
                self.state.send_data(stream, bytes(view[:size]))
                view = view[size:]
                self.flush()
                await self.writer.drain()
            else:
                await self.read()
        self.state.end_stream(stream)
        self.flush()

    async def read(self) -> None:
        """Take in what came next."""
        data = await self.reader.read(1 << 16)
        if not data:
            self.closed = True
            return
        for event in self.state.receive_data(data):
            self._note(event)
        self.flush()

    def _on_goaway(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Any]]:
        self.goaway = frame.error_code
        return [], []

    def _note(self, event: Any) -> None:
        answer = self.answers.get(getattr(event, "stream_id", 0))
        match event:
            case InformationalResponseReceived() if answer:
                answer.early.append(dict(event.headers)[":status"])
            case ResponseReceived() if answer:
                answer.headers = dict(event.headers)
            case DataReceived() if answer:
                answer.body += event.data
                if self.consume:
                    self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded() if answer:
                answer.ended = True
            case StreamReset() if answer:
                answer.reset = int(event.error_code)

    async def until(self, condition: Callable[[], object]) -> None:
        """Take in what comes until something is so, or the connection is closed."""
        while not condition() and not self.closed:
            await self.read()

    async def answer(self, stream: int) -> Answer:
        """Wait for a stream's end, good or bad."""
        answer = self.answers[stream]
        await self.until(lambda: answer.ended or answer.reset is not None)
        return answer

    async def get(self, path: str = "/") -> Answer:
        """Ask, and wait for the answer."""
        return await self.answer(self.ask("GET", path))

    async def until_goaway(self) -> int | None:
        """Wait until the server has had enough; the error code that it gave."""
        with contextlib.suppress(ConnectionError):
            await self.until(lambda: self.goaway is not None)
        return self.goaway
