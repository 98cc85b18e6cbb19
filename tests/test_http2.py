"""HTTP/2: requests, answers, bodies in both directions."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from h2peer import Peer, authority, go, plain
from hyperframe.frame import DataFrame

from ghcr_sim.exchange import Body, BodyError, Content, Request, Response, Wire
from ghcr_sim.http2 import AlpnSwitch, Http2Server, offered
from ghcr_sim.http2.state import STREAM_WINDOW
from ghcr_sim.store import BytesBlob

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, CANCEL = 0x2, 0x0, 0x1, 0x7, 0x8
BIG = bytes(range(256)) * 8192  # 2 MiB, in which no two places look alike for long


@pytest.fixture(autouse=True)
def _silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that a client does may make the server log an error; a test that wants one clears it."""
    with caplog.at_level(logging.WARNING):
        yield
    assert [record.getMessage() for record in caplog.records] == []


def answering(response: Response):
    """A handler that always gives the same answer."""

    async def handler(request: Request, body: Body) -> Response:
        return response

    return handler


def text(body: bytes, status: int = 200, **named) -> Response:
    return Response(status, (("Content-Length", str(len(body))),), body, **named)


def content(start: int = 0, stop: int = len(BIG)) -> Content:
    chunks = [BIG[at : at + 300_000] for at in range(0, len(BIG), 300_000)]
    return Content(BytesBlob("sha256:0", chunks), start, stop)


class Reader:
    """A handler that reads its body, and says what became of it."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.length: int | None = -1
        self.error: BaseException | None = None
        self.started = asyncio.Event()
        self.done = asyncio.Event()

    async def __call__(self, request: Request, body: Body) -> Response:
        self.length = body.length
        self.started.set()
        try:
            async for piece in body.pieces():
                self.got += piece
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.done.set()
        return text(str(len(self.got)).encode(), 201)


# -- heads


def test_a_request_as_the_handler_sees_it() -> None:
    """Method, target, scheme, authority and headers arrive as over HTTP/1.1, `Host` among them, cookies joined."""
    seen = []

    async def handler(request: Request, body: Body) -> Response:
        seen.append((request, body.length))
        return text(b"ok")

    async def test() -> None:
        async with plain(handler) as (_, port), Peer.connect(port) as peer:
            headers = [("accept", "a"), ("accept", "b"), ("cookie", "a=1"), ("cookie", "b=2")]
            stream = peer.ask("PURGE", "/v2/%41/tags/list?n=2", *headers)
            assert (await peer.answer(stream)).body == b"ok"

    go(test())
    [(request, length)] = seen
    assert request[:2] == ("PURGE", "/v2/%41/tags/list?n=2")
    assert (request.scheme, request.authority, length) == ("https", "ghcr.io", 0)
    assert request.headers["Cookie"] == "a=1; b=2"
    assert request.headers["HOST"] == "ghcr.io"
    assert request.headers.getall("Accept") == ["a", "b"]


def test_headers_go_out_in_lower_case_without_those_of_http_1() -> None:
    """What belongs to a connection of HTTP/1.1 is left out; the rest keeps its order and its value."""
    headers = (
        ("Content-Length", "0"),
        ("Connection", "close"),
        ("Keep-Alive", "5"),
        ("Transfer-Encoding", "chunked"),
        ("Docker-Upload-UUID", " ÄB "),
    )

    async def test() -> None:
        async with plain(answering(Response(202, headers))) as (_, port), Peer.connect(port) as peer:
            answer = await peer.get()
            expected = {":status": "202", "content-length": "0", "docker-upload-uuid": "ÄB"}
            assert answer.headers == expected

    go(test())


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_an_answer_without_content(method: str, status: int) -> None:
    """HEAD, 204 and 304 send no content, whatever `content-length` says."""

    async def test() -> None:
        async with plain(answering(text(b"12345", status))) as (_, port), Peer.connect(port) as peer:
            answer = await peer.answer(peer.ask(method, "/"))
            assert (answer.status, answer.headers["content-length"], answer.body) == (status, "5", b"")

    go(test())


# -- downloads


@pytest.mark.parametrize("window", [1000, 65535, 1 << 24])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_download_within_any_window(window: int, loop: str) -> None:
    """Content arrives whole and in order, however little the client lets come at once."""
    part = BIG[1234:345_678] if window == 1000 else BIG[1234:]
    body = content(1234, 1234 + len(part))

    async def test() -> None:
        response = Response(200, (("content-length", str(len(part))),), body)
        async with plain(answering(response)) as (_, port), Peer.connect(port, window=window) as peer:
            assert (await peer.get()).body == part

    go(test(), loop)


def test_a_download_faster_than_the_network() -> None:
    """A client whose windows are open, but which reads slowly, gets all of it from a buffer that stays small."""

    async def test() -> None:
        handler = answering(Response(200, (), content()))
        async with (
            plain(handler, buffer=4096) as (_, port),
            Peer.connect(port, window=1 << 24, buffer=4096) as peer,
        ):
            peer.state.increment_flow_control_window(1 << 24)
            stream = peer.ask("GET", "/")
            await asyncio.sleep(0.1)
            assert (await peer.answer(stream)).body == BIG

    go(test())


def test_a_stalled_download_stalls_nothing_else() -> None:
    """A client that does not take one answer gets the next one all the same."""

    async def handler(request: Request, body: Body) -> Response:
        return text(b"small") if request.target == "/small" else Response(200, (), content())

    async def test() -> None:
        async with plain(handler) as (_, port), Peer.connect(port, window=20000, consume=False) as peer:
            big = peer.ask("GET", "/big")
            await peer.until(lambda: len(peer.answers[big].body) == 20000)
            assert (await peer.get("/small")).body == b"small"

    go(test())


def test_many_downloads_share_a_connection() -> None:
    """Twenty downloads at once all arrive, though they share the connection's window."""

    async def test() -> None:
        handler = answering(Response(200, (), content()))
        async with plain(handler) as (_, port), Peer.connect(port, window=1 << 20) as peer:
            for stream in [peer.ask("GET", "/") for _ in range(20)]:
                assert (await peer.answer(stream)).body == BIG

    go(test())


def test_a_window_that_shrinks_below_nothing() -> None:
    """A client may take window back that was used already; the server waits until there is some again."""

    async def test() -> None:
        handler = answering(Response(200, (), content(0, 60_000)))
        async with plain(handler) as (_, port), Peer.connect(port, window=40_000, consume=False) as peer:
            stream = peer.ask("GET", "/")
            await peer.until(lambda: len(peer.answers[stream].body) == 40_000)
            peer.state.update_settings({4: 100})
            peer.flush()
            peer.state.increment_flow_control_window(60_000, stream)
            peer.flush()
            assert (await peer.answer(stream)).body == BIG[:60_000]

    go(test())


# -- uploads


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_an_upload_arrives_whole(announced: bool, loop: str) -> None:
    """A body larger than the window arrives whole, with or without `content-length`."""
    body = BIG * 4
    assert len(body) > STREAM_WINDOW
    headers = [("content-length", str(len(body)))] if announced else []

    async def test() -> None:
        reader = Reader()
        async with plain(reader) as (_, port), Peer.connect(port) as peer:
            stream = peer.ask("PUT", "/", *headers, ended=False)
            await peer.upload(stream, body)
            assert (await peer.answer(stream)).status == 201
        assert reader.got == body
        assert reader.length == (len(body) if announced else None)

    go(test(), loop)


def test_a_body_waits_for_its_handler_in_flat_memory() -> None:
    """The client gets no more window than the handler makes by reading, and others are not held up."""
    let_go = asyncio.Event()

    async def handler(request: Request, body: Body) -> Response:
        if request.method == "PUT":
            await let_go.wait()
        return text(str(sum([len(piece) async for piece in body.pieces()])).encode())

    async def test() -> None:
        async with plain(handler) as (_, port), Peer.connect(port) as peer:
            stream = peer.ask("PUT", "/", ended=False)
            upload = asyncio.create_task(peer.upload(stream, BIG * 4))
            await asyncio.sleep(0.3)
            assert not upload.done()
            assert peer.state.local_flow_control_window(stream) == 0
            let_go.set()
            await upload
            assert int((await peer.answer(stream)).body) == 4 * len(BIG)

    go(test())


def test_padding_is_not_content() -> None:
    """Padding counts in the windows and nowhere else."""

    async def test() -> None:
        reader = Reader()
        async with plain(reader) as (_, port), Peer.connect(port) as peer:
            stream = peer.ask("PUT", "/", ("content-length", "3"), ended=False)
            for piece, padding in ((b"a", 200), (b"", 0), (b"", 9), (b"bc", 0)):
                frame = DataFrame(stream, data=piece, pad_length=padding, flags=["PADDED"])
                peer.raw(frame)
            peer.raw(DataFrame(stream, pad_length=7, flags=["PADDED", "END_STREAM"]))
            assert (await peer.answer(stream)).status == 201
        assert reader.got == b"abc"

    go(test())


def test_trailers_end_a_body() -> None:
    """Fields after the content end it."""

    async def test() -> None:
        reader = Reader()
        async with plain(reader) as (_, port), Peer.connect(port) as peer:
            stream = peer.ask("PUT", "/", ended=False)
            peer.state.send_data(stream, b"abc")
            peer.state.send_headers(stream, [("checksum", "1")], end_stream=True)
            peer.flush()
            assert (await peer.answer(stream)).body == b"3"

    go(test())


def test_a_refusal_costs_no_upload() -> None:
    """A handler that answers without reading tells the client to stop sending; the connection goes on."""

    async def test() -> None:
        async with plain(answering(text(b"no", 401))) as (_, port), Peer.connect(port) as peer:
            stream = peer.ask("PUT", "/", ("content-length", str(len(BIG))), ended=False)
            answer = peer.answers[stream]
            await peer.until(lambda: answer.reset is not None)
            assert (answer.status, answer.body, answer.ended, answer.reset) == (401, b"no", True, NO_ERROR)
            peer.data(stream, b"still on its way", ended=True)
            assert (await peer.get()).status == 401

    go(test())


def test_many_refused_uploads_give_the_window_back() -> None:
    """Content that arrives for nobody does not use up the connection's window."""

    async def test() -> None:
        reader = Reader()

        async def handler(request: Request, body: Body) -> Response:
            return await reader(request, body) if request.target == "/take" else text(b"no", 401)

        async with plain(handler) as (_, port), Peer.connect(port) as peer:
            for _ in range(12):
                stream = peer.ask("PUT", "/", ended=False)
                for at in range(0, len(BIG), 1 << 20):
                    peer.data(stream, BIG[at : at + (1 << 20)])
                await peer.answer(stream)
            stream = peer.ask("PUT", "/take", ended=False)
            await peer.upload(stream, BIG)
            assert (await peer.answer(stream)).status == 201

    go(test())


@pytest.mark.parametrize(("announced", "got"), [("7", b"abcde"), ("4", b"abc")], ids=["short", "long"])
def test_a_body_of_another_length(announced: str, got: bytes) -> None:
    """A body that ends early, or goes on for too long, is a `BodyError` after what was good of it."""

    async def test() -> None:
        reader = Reader()
        async with plain(reader) as (_, port), Peer.connect(port) as peer:
            stream = peer.ask("PUT", "/", ("content-length", announced), ended=False)
            await reader.started.wait()
            peer.data(stream, b"abc")
            await asyncio.sleep(0.05)
            peer.data(stream, b"de", ended=True)
            assert (await peer.answer(stream)).reset == PROTOCOL_ERROR
            assert (await peer.get()).status == 201  # the connection goes on
        assert reader.got == got
        assert isinstance(reader.error, BodyError)

    go(test())


def test_a_body_that_was_announced_and_never_came() -> None:
    """A head that announces content and ends the stream is a `BodyError` too."""

    async def test() -> None:
        reader = Reader()
        async with plain(reader) as (_, port), Peer.connect(port) as peer:
            assert (await peer.answer(peer.ask("PUT", "/", ("content-length", "5")))).reset == PROTOCOL_ERROR
        assert str(reader.error) == "it ended after 0 of 5 bytes"

    go(test())


def test_a_handler_may_answer_a_truncated_body() -> None:
    """The answer that a handler gives to a body cut short goes out."""

    async def handler(request: Request, body: Body) -> Response:
        try:
            return text(b"".join([piece async for piece in body.pieces()]))
        except BodyError as error:
            return text(str(error).encode(), 400)

    async def test() -> None:
        async with plain(handler) as (_, port), Peer.connect(port) as peer:
            stream = peer.ask("PUT", "/", ("content-length", "9"), ended=False)
            peer.data(stream, b"abc", ended=True)
            answer = await peer.answer(stream)
            assert (answer.status, bytes(answer.body)) == (400, b"it ended after 3 of 9 bytes")

    go(test())


@pytest.mark.parametrize("how", ["reset", "hang up"])
def test_a_client_that_gives_up_an_upload(how: str) -> None:
    """A handler that reads is told so by a `BodyError`, after all that arrived: its store has a defined end."""

    async def test() -> None:
        reader = Reader()
        async with plain(reader) as (_, port), Peer.connect(port) as peer:
            stream = peer.ask("PUT", "/", ended=False)
            peer.data(stream, b"abc")
            await reader.started.wait()
            if how == "reset":
                peer.state.reset_stream(stream, CANCEL)
                peer.flush()
            else:
                peer.writer.close()
            await reader.done.wait()
        assert reader.got == b"abc"
        assert isinstance(reader.error, BodyError)

    go(test())


@pytest.mark.parametrize("how", ["reset", "hang up"])
def test_a_client_that_gives_up_waiting(how: str) -> None:
    """A handler that is at something else than its body is cancelled."""
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(request: Request, body: Body) -> Response:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError

    async def test() -> None:
        async with plain(handler) as (_, port), Peer.connect(port) as peer:
            stream = peer.ask("GET", "/")
            await started.wait()
            if how == "reset":
                peer.state.reset_stream(stream, CANCEL)
                peer.flush()
            else:
                peer.writer.close()
            await cancelled.wait()

    go(test())


def test_a_client_that_gives_up_a_download() -> None:
    """A download that nobody wants any more ends, and others go on."""

    async def test() -> None:
        handler = answering(Response(200, (), content()))
        async with plain(handler) as (_, port), Peer.connect(port, window=10_000, consume=False) as peer:
            stream = peer.ask("GET", "/")
            await peer.until(lambda: peer.answers[stream].body)
            peer.state.reset_stream(stream, CANCEL)
            peer.consume = True
            peer.state.increment_flow_control_window(1 << 20)
            assert (await peer.get()).body == BIG

    go(test())


def test_expect_100_continue() -> None:
    """A client that asks first is invited when the body is first read, and not when it is refused."""

    async def test() -> None:
        reader = Reader()

        async def handler(request: Request, body: Body) -> Response:
            return await reader(request, body) if request.target == "/take" else text(b"no", 401)

        async with plain(handler) as (_, port), Peer.connect(port) as peer:
            expect = ("expect", "100-continue")
            stream = peer.ask("PUT", "/take", expect, ended=False)
            await peer.until(lambda: peer.answers[stream].early)
            await peer.upload(stream, b"abc")
            answer = await peer.answer(stream)
            assert (answer.early, answer.status) == (["100"], 201)
            answer = await peer.answer(peer.ask("PUT", "/", expect, ended=False))
            assert (answer.early, answer.status) == ([], 401)

    go(test())


@pytest.mark.row("7.13")
def test_a_slow_body_is_cut() -> None:
    """A body that takes too long is cut as GHCR cuts it, with INTERNAL_ERROR; a fast one is not."""

    async def test() -> None:
        reader = Reader()
        async with plain(reader, patience=0.1) as (_, port), Peer.connect(port) as peer:
            fast = peer.ask("PUT", "/", ended=False)
            await peer.upload(fast, b"abc")
            assert (await peer.answer(fast)).status == 201
            slow = peer.ask("PUT", "/", ended=False)
            peer.data(slow, b"abc")
            assert (await peer.answer(slow)).reset == INTERNAL_ERROR
        assert str(reader.error) == "it came too slowly"

    go(test())


# -- effects on the wire, and accidents


def test_hang() -> None:
    """A request that is never answered holds up nothing: neither its upload, nor other requests, nor the end."""

    async def handler(request: Request, body: Body) -> Response:
        return Response(200, wire=Wire(hang=True)) if request.target == "/hang" else text(b"ok")

    async def test() -> None:
        async with plain(handler) as (server, port), Peer.connect(port) as peer:
            stream = peer.ask("PUT", "/hang", ended=False)
            await peer.upload(stream, BIG * 10)
            assert (await peer.get()).body == b"ok"
            assert peer.answers[stream].headers == {}
            async with asyncio.timeout(5):
                await server.shutdown(60)
            assert (await peer.answer(stream)).reset == INTERNAL_ERROR

    go(test())


def test_reset() -> None:
    """A reset breaks the stream instead of an answer, and leaves the connection alone."""

    async def test() -> None:
        handler = answering(Response(200, wire=Wire(reset=True)))
        async with plain(handler) as (_, port), Peer.connect(port) as peer:
            for _ in range(2):
                answer = await peer.get()
                assert (answer.reset, answer.headers) == (INTERNAL_ERROR, {})

    go(test())


@pytest.mark.parametrize("cut", [0, 1, 100_000, len(BIG), len(BIG) + 1])
@pytest.mark.parametrize("body", [BIG, content()], ids=["bytes", "content"])
@pytest.mark.row("7.13")
def test_cut_after(cut: int, body: bytes | Content) -> None:
    """So many bytes are sent, and then the stream is broken, as GHCR breaks it."""

    async def test() -> None:
        response = Response(200, (("content-length", str(len(BIG))),), body, Wire(cut_after=cut))
        async with plain(answering(response)) as (_, port), Peer.connect(port) as peer:
            answer = await peer.get()
            assert (answer.status, answer.reset, answer.ended) == (200, INTERNAL_ERROR, False)
            assert answer.body == BIG[:cut]

    go(test())


@pytest.mark.parametrize("header", [("x", "a\r\nb: c"), ("a b", "c"), ("", "x")])
def test_a_header_that_cannot_be_sent(header: tuple[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """An answer that would break the connection becomes a 500, and a line in the log."""

    async def test() -> None:
        handler = answering(Response(200, (header,)))
        async with plain(handler) as (_, port), Peer.connect(port) as peer:
            assert (await peer.get("/x?secret")).status == 500
            assert (await peer.get("/x?secret")).status == 500

    go(test())
    assert {record.getMessage() for record in caplog.records} == {"cannot answer GET /x"}
    caplog.clear()


def test_a_handler_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets a 500 without our insides, the log the reason."""

    async def handler(request: Request, body: Body) -> Response:
        raise KeyError("secret")

    async def test() -> None:
        async with plain(handler) as (_, port), Peer.connect(port) as peer:
            answer = await peer.get()
            assert answer.status == 500
            assert b"secret" not in answer.body
            assert len(answer.body) == int(answer.headers["content-length"])

    go(test())
    assert "secret" in caplog.text
    caplog.clear()


def test_content_that_breaks_off(caplog: pytest.LogCaptureFixture) -> None:
    """A source that fails half way breaks its stream, so that the client cannot take the half for the whole."""

    class Broken(BytesBlob):
        def pieces(self, start: int, stop: int):
            yield b"abc"
            raise OSError("the disk is gone")

    async def test() -> None:
        response = Response(200, (), Content(Broken("sha256:0", [BIG]), 0, len(BIG)))
        async with plain(answering(response)) as (_, port), Peer.connect(port) as peer:
            assert (await peer.get()).reset == INTERNAL_ERROR

    go(test())
    assert "the disk is gone" in caplog.text
    caplog.clear()


# -- the end


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_shutdown_lets_requests_end(loop: str) -> None:
    """What is under way is answered, what comes later is refused, and then the connection is closed."""
    let_go = asyncio.Event()

    async def handler(request: Request, body: Body) -> Response:
        await let_go.wait()
        return text(b"late")

    async def test() -> None:
        async with plain(handler) as (server, port), Peer.connect(port) as peer:
            stream = peer.ask("GET", "/")
            await asyncio.sleep(0.05)
            end = asyncio.create_task(server.shutdown(10))
            await asyncio.sleep(0.05)
            late = peer.ask("GET", "/")
            await asyncio.sleep(0.05)
            let_go.set()
            await peer.until(lambda: peer.goaway is not None and peer.answers[stream].ended)
            assert (peer.goaway, peer.answers[stream].body) == (NO_ERROR, b"late")
            assert peer.answers[late].headers == {}
            await peer.until(lambda: False)
            await end
            assert len(server) == 0

    go(test(), loop)


def test_shutdown_cancels_what_takes_too_long() -> None:
    """After the grace, a request is broken off, and what it held is let go."""
    cancelled = []

    async def handler(request: Request, body: Body) -> Response:
        try:
            return await Reader()(request, body)
        except BodyError as error:
            cancelled.append(str(error))
            await asyncio.sleep(60)
            raise
        finally:
            cancelled.append("let go")

    async def test() -> None:
        async with plain(handler) as (server, port), Peer.connect(port) as peer:
            stream = peer.ask("PUT", "/", ended=False)
            await asyncio.sleep(0.05)
            await server.shutdown(0.05)
            assert (await peer.answer(stream)).reset == INTERNAL_ERROR

    go(test())
    assert cancelled[-1] == "let go"


def test_shutdown_does_not_wait_for_a_silent_client() -> None:
    """A client that reads nothing and says nothing does not hold up the end."""

    async def test() -> None:
        async with plain(answering(text(b"ok"))) as (server, port), Peer.connect(port) as peer:
            await peer.get()
            async with asyncio.timeout(3):
                await server.shutdown(60)
            assert len(server) == 0

    go(test())


def test_a_client_that_says_goodbye_is_still_answered() -> None:
    """After a client's GOAWAY its last answers come, and then the connection is closed."""

    async def handler(request: Request, body: Body) -> Response:
        await asyncio.sleep(0.05)
        return text(b"ok")

    async def test() -> None:
        async with plain(handler) as (_, port), Peer.connect(port) as peer:
            stream = peer.ask("GET", "/")
            peer.raw(bytes.fromhex("000008 07 00 00000000 00000000 00000000"))
            assert (await peer.answer(stream)).body == b"ok"
            await peer.until(lambda: False)
            assert peer.closed

    go(test())


# -- the choice between the two


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize(
    ("asked", "version"), [(["h2"], "2"), (["http/1.1", "h2"], "2"), (["http/1.1"], "1"), ([], "1")]
)
@pytest.mark.row("0.6")
def test_alpn(loop: str, asked: list[str], version: str) -> None:
    """The handshake decides, and no byte of what follows it is lost."""

    async def http1(request: web.BaseRequest) -> web.Response:
        return web.Response(text="1")

    async def handler(request: Request, body: Body) -> Response:
        return text(b"2")

    async def speak(port: int) -> str:
        client = authority().client_context()
        if asked:
            client.set_alpn_protocols(asked)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client, server_hostname="ghcr.io"
        )
        if version == "1":
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            said = (await reader.read()).decode()[-1:]
        else:
            peer = Peer(reader, writer, consume=True)
            peer.state.initiate_connection()
            said = (await peer.get()).body.decode()
        writer.close()
        await writer.wait_closed()
        return said

    async def test() -> None:
        old, new = web.Server(http1), Http2Server(handler)
        context = authority().server_context(alpn=offered())
        make = asyncio.get_running_loop().create_server
        listener = await make(lambda: AlpnSwitch(new, old), "127.0.0.1", 0, ssl=context)
        assert await speak(listener.sockets[0].getsockname()[1]) == version
        listener.close()
        await new.shutdown(1)
        await old.shutdown(1)

    go(test(), loop)


def test_without_tls_it_is_http_1() -> None:
    """A listener without TLS has nothing to agree by, and speaks HTTP/1.1."""

    class Old(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transport.close()

    async def test() -> None:
        make = asyncio.get_running_loop().create_server
        listener = await make(lambda: AlpnSwitch(Old, Old), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        listener.close()

    go(test())


def test_without_the_library_only_http_1_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where h2 is not installed, no client is promised HTTP/2."""
    assert offered() == ("h2", "http/1.1")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert offered() == ("http/1.1",)


def test_h2_is_imported_late() -> None:
    """Whoever speaks HTTP/1.1 does not wait for h2, and does not need it."""
    code = "import sys, ghcr_sim.http2; print('h2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
