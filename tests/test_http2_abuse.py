"""HTTP/2 clients that break the rules: each ends its stream or its connection, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import pytest
from h2peer import Peer, authority, go, plain
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghcr_sim.exchange import Body, Request, Response
from ghcr_sim.http2 import AlpnSwitch, Http2Server, offered
from ghcr_sim.http2.connection import TOLERANCE, Connection
from ghcr_sim.http2.frames import MAX_DATA
from ghcr_sim.http2.state import CONNECTION_WINDOW, MAX_STREAMS, STREAM_WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR = 0x1, 0x2, 0x3, 0x5, 0x6
REFUSED_STREAM, ENHANCE_YOUR_CALM = 0x7, 0xB
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.fixture(autouse=True)
def _silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that a client does may make the server log a warning, or a traceback."""
    with caplog.at_level(logging.WARNING):
        yield
    assert caplog.text == ""


async def patient(request: Request, body: Body) -> Response:
    """Answers a GET; waits for ever on anything else."""
    if request.method != "GET":
        await asyncio.get_running_loop().create_future()
    return Response(200, (("content-length", "2"),), b"ok")


async def still_there(port: int) -> None:
    """The server answers others."""
    async with Peer.connect(port) as peer:
        assert (await peer.get()).body == b"ok"


def padded(stream: int) -> bytes:
    """A DATA frame that says that it has more padding than bytes."""
    return bytes.fromhex("000002 00 08") + stream.to_bytes(4, "big") + b"\x05a"


def head(kind: int, length: int, flags: int = 0, stream: int = 1) -> bytes:
    """The head of a frame, of any length."""
    return length.to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")


def unended(stream: int) -> HeadersFrame:
    """A HEADERS frame that more must follow."""
    return HeadersFrame(stream, data=b"\x82")


CONNECTION_ERRORS: dict[str, tuple[int, Callable[[Peer], list[Frame | bytes]]]] = {
    "content on stream 0": (PROTOCOL_ERROR, lambda _: [head(0, 1, stream=0), b"a"]),
    "content on an idle stream": (PROTOCOL_ERROR, lambda _: [DataFrame(99, data=b"a")]),
    "content on a stream of ours": (PROTOCOL_ERROR, lambda _: [DataFrame(2, data=b"a")]),
    "more padding than content": (PROTOCOL_ERROR, lambda p: [padded(p.ask("PUT", "/", ended=False))]),
    "padding without a byte for it": (
        FRAME_SIZE_ERROR,
        lambda p: [head(0, 0, 8, p.ask("PUT", "/", ended=False))],
    ),
    "a DATA frame that is too large": (FRAME_SIZE_ERROR, lambda _: [head(0, MAX_DATA + 1)]),
    "another frame that is too large": (FRAME_SIZE_ERROR, lambda _: [head(1, 100_000, 4, 5)]),
    "an unknown frame that is too large": (FRAME_SIZE_ERROR, lambda _: [head(99, 100_000)]),
    "content amid a head": (PROTOCOL_ERROR, lambda _: [unended(1), DataFrame(1, data=b"a")]),
    "another head amid a head": (PROTOCOL_ERROR, lambda _: [unended(1), unended(3)]),
    "a head without end": (PROTOCOL_ERROR, lambda _: [unended(1), *[ContinuationFrame(1, data=b"")] * 100]),
    "a continuation of nothing": (PROTOCOL_ERROR, lambda _: [ContinuationFrame(5, data=b"")]),
    "a table index that is not there": (
        PROTOCOL_ERROR,
        lambda _: [HeadersFrame(1, data=b"\xff\xff\xff\x00", flags=["END_HEADERS"])],
    ),
    "a head without a method": (
        PROTOCOL_ERROR,
        lambda _: [HeadersFrame(5, data=b"\x84", flags=["END_HEADERS"])],
    ),
    "a stream of the server's": (
        PROTOCOL_ERROR,
        lambda _: [HeadersFrame(2, data=b"\x82", flags=["END_HEADERS"])],
    ),
    "a window beyond measure": (
        FLOW_CONTROL_ERROR,
        lambda _: [WindowUpdateFrame(0, window_increment=2**31 - 1)],
    ),
    "a setting out of range": (PROTOCOL_ERROR, lambda _: [SettingsFrame(0, settings={2: 7})]),
    "a setting of the wrong length": (FRAME_SIZE_ERROR, lambda _: [head(4, 5, stream=0), b"12345"]),
    "a ping of the wrong length": (FRAME_SIZE_ERROR, lambda _: [head(6, 1, stream=0), b"1"]),
}


@pytest.mark.parametrize("name", CONNECTION_ERRORS)
def test_a_broken_connection(name: str) -> None:
    """A connection that cannot go on is closed with the reason that RFC 9113 demands, and others are served."""
    code, frames = CONNECTION_ERRORS[name]

    async def test() -> None:
        async with plain(patient) as (_, port), Peer.connect(port) as peer:
            await peer.get()
            peer.ask("POST", "/hang")
            peer.raw(*frames(peer))
            assert await peer.until_goaway() == code
            await peer.until(lambda: False)
            await still_there(port)

    go(test())


@pytest.mark.parametrize(
    ("name", "value"),
    [("Upper", "case"), ("connection", "close"), ("x", "y" * 70_000), (":path", "/")],
)
def test_a_malformed_head(name: str, value: str) -> None:
    """Fields that HTTP/2 does not allow, or too many of them, end the connection."""

    async def test() -> None:
        async with plain(patient) as (_, port), Peer.connect(port) as peer:
            peer.ask("GET", "/", (name, value))
            assert await peer.until_goaway() in (PROTOCOL_ERROR, ENHANCE_YOUR_CALM)
            await still_there(port)

    go(test())


@pytest.mark.parametrize(("name", "value"), [("ä", "b"), ("a", "\0"), ("a", "ä")])
def test_fields_beyond_ascii(name: str, value: str) -> None:
    """A field that is no ASCII, or no text, does no harm, whatever the h2 at hand makes of it."""

    async def test() -> None:
        async with plain(patient) as (_, port), Peer.connect(port) as peer:
            stream = peer.ask("GET", "/", (name, value))
            await peer.until(lambda: peer.answers[stream].ended or peer.goaway is not None)
            await still_there(port)

    go(test())


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\nhost: ghcr.io\r\n\r\n", b"\0" * 100])
def test_no_http_2_at_all(first: bytes) -> None:
    """Whoever does not begin as HTTP/2 does gets a GOAWAY and no more."""

    async def test() -> None:
        async with plain(patient) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(first)
            assert head(7, 8, stream=0) in await reader.read()
            writer.close()
            await writer.wait_closed()
            await still_there(port)

    go(test())


def test_an_error_that_nobody_thought_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake of ours ends the connection with INTERNAL_ERROR and stands in the log."""

    async def test() -> None:
        async with plain(patient) as (_, port), Peer.connect(port) as peer:
            await peer.get()
            monkeypatch.setattr("ghcr_sim.http2.connection.read_head", lambda _: 1 / 0)
            peer.ask("GET", "/")
            assert await peer.until_goaway() == INTERNAL_ERROR

    go(test())
    assert "ZeroDivisionError" in caplog.text
    caplog.clear()


def test_content_after_the_end() -> None:
    """Content on a stream that the client has ended breaks this stream, not the connection."""

    async def test() -> None:
        async with plain(patient) as (_, port), Peer.connect(port) as peer:
            one, two = peer.ask("PUT", "/", ended=False), peer.ask("PUT", "/", ended=False)
            peer.data(one, b"a", ended=True)
            peer.data(one, b"b")
            assert (await peer.answer(one)).reset == STREAM_CLOSED
            peer.data(two, b"a", ended=True)
            peer.state.send_headers(two, [("a", "b")], end_stream=True)
            peer.flush()
            assert (await peer.answer(two)).reset == STREAM_CLOSED
            peer.data(two, b"late")
            peer.raw(RstStreamFrame(two), WindowUpdateFrame(two, window_increment=1))
            assert (await peer.get()).body == b"ok"

    go(test())


def test_trailers_for_a_stream_that_is_over() -> None:
    """Trailers of an upload that was refused meanwhile do no harm."""

    async def refusing(request: Request, body: Body) -> Response:
        return Response(200, (("content-length", "2"),), b"ok")

    async def test() -> None:
        async with plain(refusing) as (_, port), Peer.connect(port) as peer:
            stream = peer.ask("PUT", "/", ended=False)
            block = peer.state.encoder.encode([(b"a", b"b")])
            await peer.until(lambda: peer.answers[stream].reset is not None)
            peer.raw(HeadersFrame(stream, data=block, flags=["END_HEADERS", "END_STREAM"]))
            assert (await peer.get()).body == b"ok"

    go(test())


def test_more_than_a_streams_window() -> None:
    """A stream that sends more than it may is broken; the connection's window is given back."""

    async def test() -> None:
        async with plain(patient) as (_, port), Peer.connect(port) as peer:
            for _ in range(2 * CONNECTION_WINDOW // STREAM_WINDOW):
                stream = peer.ask("PUT", "/", ended=False)
                for _ in range(STREAM_WINDOW // MAX_DATA):
                    peer.data(stream, bytes(MAX_DATA))
                peer.data(stream, b"a")
                assert (await peer.answer(stream)).reset == FLOW_CONTROL_ERROR
            assert (await peer.get()).body == b"ok"

    go(test())


def test_more_than_the_connections_window() -> None:
    """A client that sends more than it may in all is hung up on."""

    async def test() -> None:
        async with plain(patient) as (_, port), Peer.connect(port) as peer:
            for _ in range(CONNECTION_WINDOW // STREAM_WINDOW):
                stream = peer.ask("PUT", "/", ended=False)
                for _ in range(STREAM_WINDOW // MAX_DATA):
                    peer.data(stream, bytes(MAX_DATA))
            assert (await peer.get()).body == b"ok"  # so all of it has been read
            peer.data(peer.ask("PUT", "/", ended=False), b"a")
            assert await peer.until_goaway() == FLOW_CONTROL_ERROR
            await still_there(port)

    go(test())


def test_too_many_requests_at_once() -> None:
    """More streams than were announced end the connection."""

    async def test() -> None:
        async with plain(patient) as (_, port), Peer.connect(port) as peer:
            for _ in range(MAX_STREAMS + 1):
                peer.ask("POST", "/")
            assert await peer.until_goaway() == PROTOCOL_ERROR
            await still_there(port)

    go(test())


def test_requests_that_are_given_up_at_once() -> None:
    """Whoever asks and gives up, over and over ("rapid reset"), is hung up on."""
    asked = 0

    async def counting(request: Request, body: Body) -> Response:
        nonlocal asked
        asked += 1
        return await patient(request, body)

    async def test() -> None:
        async with plain(counting) as (_, port), Peer.connect(port) as peer:
            for _ in range(TOLERANCE + 2):
                peer.raw(RstStreamFrame(peer.ask("POST", "/")))
            assert await peer.until_goaway() == ENHANCE_YOUR_CALM
            await still_there(port)

    go(test())
    assert asked < TOLERANCE


def test_handlers_that_do_not_let_go() -> None:
    """Requests that were given up count as long as their handlers run."""
    all_running, let_go = asyncio.Event(), asyncio.Event()
    running = 0

    async def stubborn(request: Request, body: Body) -> Response:
        nonlocal running
        running += 1
        if running == MAX_STREAMS:
            all_running.set()
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()
        return await patient(request, body)

    async def test() -> None:
        async with plain(stubborn) as (_, port), Peer.connect(port) as peer:
            streams = [peer.ask("GET", "/") for _ in range(MAX_STREAMS)]
            await all_running.wait()
            for stream in streams:
                peer.state.reset_stream(stream)
            try:
                assert (await peer.get()).reset == REFUSED_STREAM
            finally:
                let_go.set()
            await asyncio.sleep(0.05)
            assert (await peer.get()).body == b"ok"

    go(test())


def test_answers_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that makes the server answer and reads nothing is hung up on before memory runs out."""
    monkeypatch.setattr("ghcr_sim.http2.sender.BACKLOG", 1 << 16)

    async def test() -> None:
        async with plain(patient, buffer=4096) as (server, port), Peer.connect(port, buffer=4096) as peer:
            await peer.get()
            peer.writer.transport.pause_reading()
            pings = PingFrame(0, opaque_data=b"12345678").serialize() * 10_000
            with contextlib.suppress(ConnectionError):
                while len(server):
                    peer.writer.write(pings)
                    await peer.writer.drain()
            assert not len(server)
            await still_there(port)

    go(test())


def test_an_idle_tls_client_does_not_hold_up_the_end() -> None:
    """A pooled connection whose client looks elsewhere, and so does not say goodbye, is closed all the same."""

    async def test() -> None:
        server = Http2Server(patient)
        context = authority().server_context(alpn=offered())
        make = asyncio.get_running_loop().create_server
        listener = await make(lambda: AlpnSwitch(server, server), "127.0.0.1", 0, ssl=context)
        port = listener.sockets[0].getsockname()[1]
        async with Peer.connect(port, tls=True) as peer:
            await peer.get()
            peer.writer.transport.pause_reading()
            listener.close()
            start = asyncio.get_running_loop().time()
            await server.shutdown(60)
            assert asyncio.get_running_loop().time() - start < 5
            await asyncio.sleep(0.01)
            assert not len(server)
            peer.writer.transport.abort()

    go(test())


class Nowhere(asyncio.Transport):
    """A transport that forgets what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def write(self, data) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


KINDS = st.sampled_from([*range(11), 0x0, 0x1, 0x3, 0x8, 0x8])
FRAMES = st.builds(
    lambda kind, flags, stream, body: head(kind, len(body), flags, stream) + body,
    KINDS,
    st.integers(0, 255) | st.sampled_from([0, 1, 4, 5]),
    st.sampled_from([0, 1, 1, 1, 2, 3, 5, 2**31 + 1]),
    st.binary(max_size=20) | st.sampled_from([b"\x82\x84\x87\x01\x01a", b"\0\0\0\1", bytes(8), bytes(6)]),
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FRAMES, max_size=12))
def test_any_frames_at_all(frames: list[bytes]) -> None:
    """No sequence of frames makes the connection raise, log an error, or leave a task behind."""

    async def test() -> None:
        connection = Connection(patient, Nowhere(), 0)
        connection.receive(memoryview(PREFACE + SettingsFrame(0).serialize()))
        for frame in frames:
            connection.receive(memoryview(frame))
            await asyncio.sleep(0)
        connection.lose("the test is over")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) <= 2

    go(test())
