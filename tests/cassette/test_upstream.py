"""The way out: answers come as they are, and what breaks off says so without a secret."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from asking import BrokenBody
from cassette.making import PAT, basic

from ghcr_sim.errors import ServeError
from ghcr_sim.exchange import BytesBody
from ghcr_sim.tls import Authority
from ghcr_sim.upstream import Upstream, UpstreamError


@contextlib.asynccontextmanager
async def server(answer, seen=None):
    """A server of one answer, as bytes."""

    async def talk(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                0,
            )
            body = await reader.readexactly(length)
            if b"transfer-encoding: chunked" in head.lower():
                body = await reader.readuntil(b"0\r\n\r\n")
            if seen is not None:
                seen.append(head + body)
            writer.write(answer)
            await writer.drain()
        writer.close()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"


def send(answer, method="GET", path="/", headers=(), body=None, seen=None):  # noqa: PLR0917 - a request
    """One request; status, fields, length and body."""

    async def play():
        async with server(answer, seen) as url, Upstream() as upstream:
            got = await upstream.send(method, url + path, headers, body)
            return got.status, got.headers, got.length, b"".join([piece async for piece in got.pieces()])

    return asyncio.run(play())


def test_an_answer_comes_as_it_is() -> None:
    """Order and spelling of fields stay, those of the connection go; nothing is unzipped, and no redirect followed."""
    data = b"\x1f\x8b not really gzip"
    head = b"HTTP/1.1 307 X\r\nX-One: 1\r\nx-two: \xc3\xa9\r\nContent-Encoding: gzip\r\nConnection: close\r\n"
    head += b"Location: /x\r\nContent-Length: 18\r\n\r\n"
    status, headers, length, body = send(head + data)
    assert (status, length, body) == (307, 18, data)
    assert headers == (
        ("X-One", "1"),
        ("x-two", "é"),
        ("Content-Encoding", "gzip"),
        ("Location", "/x"),
        ("Content-Length", "18"),
    )


def test_a_chunked_answer_has_no_length() -> None:
    """Nobody says how long it is; its framing is not a field of it."""
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    assert send(answer) == (200, (("X", "y"),), None, b"abc")


def test_a_request_goes_as_it_is() -> None:
    """Nothing is added but what HTTP needs: no User-Agent, no Accept, no cookie; the query is not quoted anew."""
    seen = []
    send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\n\r\n",
        "GET",
        "/a%2Fb?c=%3A:",
        [("x", "1"), ("Host", "no"), ("TE", "x")],
        seen=seen,
    )
    head = seen[0].decode().lower()
    assert head.startswith("get /a%2fb?c=%3a: http/1.1\r\n")
    assert "x: 1" in head
    assert not [name for name in ("user-agent", "accept", "te:", "cookie", "host: no") if name in head]


@pytest.mark.parametrize(
    ("headers", "body", "wanted"),
    [
        ([("Content-Length", "3")], BytesBody(b"abc"), b"abc"),
        ([], BytesBody(b"abc"), b"3\r\nabc\r\n0\r\n\r\n"),
        ([], BytesBody(b""), b"content-length: 0"),
        ([], None, b"content-length: 0"),
    ],
    ids=["with a length", "without", "empty", "none"],
)
def test_a_body_streams(headers, body, wanted) -> None:
    """With its length where it was said, chunked where not; a push of nothing says so."""
    seen = []
    send(b"HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n", "PUT", "/", headers, body, seen)
    assert wanted in seen[0].lower()


def test_an_answer_that_breaks_off() -> None:
    """Fewer bytes than were said are an error, and not a shorter body."""
    with pytest.raises(UpstreamError, match="the body broke off"):
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"], ids=["nothing", "nonsense", "no status"]
)
def test_no_answer_is_an_error_without_a_secret(answer) -> None:
    """The error names the host, and neither the credential nor the query."""
    with pytest.raises(UpstreamError, match=r"127.0.0.1 does not answer") as caught:
        send(answer, "GET", f"/?token={PAT}", [("authorization", basic(PAT))])
    assert PAT not in str(caught.value)
    assert basic(PAT)[6:] not in str(caught.value)


def test_what_cannot_be_sent_is_an_error_without_a_secret() -> None:
    """A malformed field is not repeated."""
    with pytest.raises(UpstreamError, match="cannot be sent") as caught:
        send(b"", "GET", "/", [("authorization", f"Basic {PAT}\r\nx: y")])
    assert PAT not in str(caught.value)


def test_a_client_that_breaks_off_is_an_error() -> None:
    """A body that ends early ends the request."""
    with pytest.raises(UpstreamError, match="does not answer"):
        send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "PUT",
            "/",
            [("Content-Length", "9")],
            BrokenBody(b"abc", length=9),
        )


def test_places_are_the_only_ones() -> None:
    """With places given, no other name is looked up."""

    async def play():
        seen = []
        async with server(b"HTTP/1.1 204 OK\r\n\r\n", seen) as url:
            place = ("127.0.0.1", int(url.rpartition(":")[2]))
            async with Upstream(places={"ghcr.example": place}) as upstream:
                found = await upstream.send("GET", "http://ghcr.example/v2/", (), None)
                with pytest.raises(UpstreamError, match=r"other.example does not answer"):
                    await upstream.send("GET", "http://other.example/", (), None)
                return found.status, seen

    status, seen = asyncio.run(play())
    assert status == 204
    assert b"host: ghcr.example" in seen[0].lower()


def test_an_authority_that_is_none(tmp_path) -> None:
    """A file that is no certificate, or is not there, is named; a good one is taken."""

    async def enter(path):
        async with Upstream(ca_file=path):
            pass

    (tmp_path / "ca.crt").write_text("no certificate")
    for path in (tmp_path / "ca.crt", tmp_path / "none"):
        with pytest.raises(ServeError, match="cannot be used as an authority"):
            asyncio.run(enter(path))
    Authority.create().write(tmp_path / "good")
    asyncio.run(enter(tmp_path / "good" / "ca.crt"))
