"""The transport: connections, header fields, redirects, bodies, time-outs, what is counted and what is learned."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from client.scripted import Scripted, Told, call, refusal, scripted, transport_to
from ghcr_client.auth import StaticCredentials
from ghcr_client.calls import Answer, Body
from ghcr_client.errors import (
    BlobUnknown,
    ConfigError,
    Denied,
    GhcrError,
    ProtocolError,
    RateLimited,
    RegistryError,
    ServerError,
    TransportError,
)
from ghcr_client.settings import GhcrConfig
from ghcr_client.wire import tls_context, translated
from yarl import URL

from ghcr_sim.tls import Authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from ghcr_client.transport import Transport


SECRET = "correct-horse-battery"
BASIC = 'Basic realm="registry"'


async def fine(request: web.Request) -> web.Response:
    """An answer that everybody likes."""
    return web.Response(body=b"ok")


async def silent(request: web.Request) -> web.Response:
    """No answer."""
    await asyncio.sleep(3600)
    return web.Response()


def told(
    answering: Callable[[web.Request], Awaitable[web.StreamResponse]],
    story: Callable[[Scripted, Transport], Awaitable[Any]],
    **settings: Any,
) -> Any:
    """What a story gives that has a scripted registry and a transport to it."""

    async def main() -> Any:
        async with scripted(answering) as here, transport_to(here, **settings) as transport:
            return await story(here, transport)

    return asyncio.run(main())


# --- connections


def test_ten_connections_at_most() -> None:
    """Thirty calls at once use at most ten connections to a host, all the time, and all are answered."""
    now, most = 0, 0

    async def counted(request: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(20):
            await asyncio.sleep(0)
        now -= 1
        return web.Response(body=b"ok")

    async def story(here: Scripted, transport: Transport) -> int:
        answers = await asyncio.gather(*(transport.ask(call(here)) for _ in range(30)))
        assert [each.body for each in answers] == [b"ok"] * 30
        return here.connections

    assert told(counted, story) <= 10
    assert 1 < most <= 10
    assert told(counted, story, max_connections=2) <= 2


def test_connections_are_kept() -> None:
    """Calls one after another share a connection, also after refusals and redirects."""

    async def answering(request: web.Request) -> web.Response:
        if request.path.endswith("none"):
            return refusal(404, "MANIFEST_UNKNOWN", "none")
        if request.path.endswith("moved"):
            raise web.HTTPTemporaryRedirect("/v2/a/b/manifests/v1")
        return web.Response(body=b"ok")

    async def story(here: Scripted, transport: Transport) -> int:
        for name in ("v1", "moved", "v2"):
            await transport.ask(call(here, f"/v2/a/b/manifests/{name}"))
        return here.connections

    assert told(answering, story) == 1


def test_a_closed_client() -> None:
    """Before and after `async with`, a call is an error that says so; closing twice is no error."""

    async def story(here: Scripted, transport: Transport) -> None:
        await transport.__aexit__()
        await transport.__aexit__()
        with pytest.raises(ConfigError, match="use it inside `async with`"):
            await transport.ask(call(here))

    told(fine, story)


@pytest.mark.parametrize("has_idle", [True, False])
def test_sockets(monkeypatch: pytest.MonkeyPatch, has_idle: bool) -> None:
    """A socket notices when the other side is gone, after a minute where the system can say so."""
    if not has_idle:
        monkeypatch.delattr(socket, "TCP_KEEPIDLE", raising=False)
    transport = transport_to(Scripted("http://127.0.0.1:1", "127.0.0.1:1"))
    with transport._sockets((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


# --- header fields


def test_header_fields() -> None:
    """It says who it is, takes nothing encoded, keeps no cookie, and sends no credentials that it has not."""

    async def cookies(request: web.Request) -> web.Response:
        answer = web.Response(body=b"ok")
        answer.set_cookie("sid", SECRET)
        return answer

    async def story(here: Scripted, transport: Transport) -> list[Answer]:
        answers = [await transport.ask(call(here, headers={"Accept": "a/b"})) for _ in range(2)]
        for asked in here.asked:
            assert asked.headers["user-agent"].startswith("ghcr-client")
            assert asked.headers["accept-encoding"] == "identity"
            assert asked.headers["accept"] == "a/b"
            assert "cookie" not in asked.headers
            assert asked.authorization is None
        return answers

    assert [each.body for each in told(cookies, story)] == [b"ok"] * 2


def test_a_coding_that_nobody_asked_for() -> None:
    """Nothing is decoded: content comes as it is, a document is an error that names the coding, no refusal shows it."""

    async def coded(request: web.Request) -> web.Response:
        status = 403 if request.path.endswith("no") else 200
        return web.Response(status=status, body=b"\x1f\x8b bytes", headers={"Content-Encoding": "gzip"})

    async def story(here: Scripted, transport: Transport) -> bytes:
        with pytest.raises(ProtocolError, match="Content-Encoding gzip, which was not asked for"):
            await transport.ask(call(here))
        with pytest.raises(Denied) as caught:
            await transport.ask(call(here, "/v2/a/b/manifests/no"))
        assert "bytes" not in str(caught.value)
        assert (await transport.ask(call(here, method="PUT", body=b"x"))).status == 200  # it was written
        async with transport.open(call(here)) as response:
            return await response.read()

    assert told(coded, story) == b"\x1f\x8b bytes"


@pytest.mark.parametrize("word", ["UTF-8", "aws-chunked", "identity"])
def test_labels_that_are_no_coding(word: str) -> None:
    """What storages write by mistake where a coding's name belongs changes nothing."""

    async def labelled(request: web.Request) -> web.Response:
        return web.Response(body=b"ok", headers={"Content-Encoding": word})

    assert told(labelled, lambda here, transport: transport.ask(call(here))).body == b"ok"


def test_warnings_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """What a registry warns of is logged once, and not without end."""
    count = 0

    async def warning(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        text = '299 - "pull less"' if count < 4 else f'299 - "number {count}"'
        return web.Response(headers={"Warning": text})

    async def story(here: Scripted, transport: Transport) -> None:
        for _ in range(150):
            await transport.ask(call(here))

    with caplog.at_level(logging.WARNING, "ghcr_client"):
        told(warning, story)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 100
    assert lines[0].endswith('warns: 299 - "pull less"')


def test_the_log_has_no_query(caplog: pytest.LogCaptureFixture) -> None:
    """A request is logged without what is secret in its address."""

    async def story(here: Scripted, transport: Transport) -> None:
        await transport.ask(call(here, f"/v2/a/b/blobs/x?sig={SECRET}"))

    with caplog.at_level(logging.DEBUG, "ghcr_client"):
        told(fine, story)
    assert "/v2/a/b/blobs/x" in caplog.text
    assert SECRET not in caplog.text


# --- bodies


async def pieces() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"x" * 1_000_000


BODIES: dict[str, tuple[Any, int, str | None]] = {
    "nothing": (None, 0, None),
    "bytes": (b"hello", 5, "5"),
    "large bytes": (b"x" * 3_000_000, 3_000_000, "3000000"),
    "a stream of known size": (Body(pieces, 3_000_000, rewindable=True), 3_000_000, "3000000"),
    "a stream": (Body(pieces, None, rewindable=True), 3_000_000, None),
}


@pytest.mark.parametrize(("body", "size", "length"), BODIES.values(), ids=BODIES)
def test_bodies(body: Any, size: int, length: str | None) -> None:
    """Each kind of body arrives whole, with its length where it is known; sent again, it is the same."""
    status = 503

    async def answering(request: web.Request) -> web.Response:
        nonlocal status
        status, said = 201, status
        return web.Response(status=said)

    async def story(here: Scripted, transport: Transport) -> None:
        put = call(here, method="PUT", body=body, ok=frozenset({201}))
        assert (await transport.ask(put)).status == 201
        assert [len(each.body) for each in here.asked] == [size, size]
        assert [each.headers.get("content-length") for each in here.asked] == [
            length or ("0" if not size else None)
        ] * 2

    told(answering, story)


@pytest.mark.parametrize("status", [401, 503])
def test_what_cannot_be_sent_again(status: int) -> None:
    """A body that can be read once is sent once, whatever the answer."""

    async def answering(request: web.Request) -> web.Response:
        return refusal(status, "UNAUTHORIZED", "no", WWW_Authenticate='Basic realm="x"')

    async def story(here: Scripted, transport: Transport) -> int:
        with pytest.raises(GhcrError):
            await transport.ask(call(here, method="PUT", body=Body(pieces, None, rewindable=False)))
        return len(here.asked)

    assert told(answering, story) == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_too_long_an_answer(chunked: bool) -> None:
    """More than may be read is an error, whether its length was said or not."""

    async def answering(request: web.Request) -> web.StreamResponse:
        if not chunked:
            return web.Response(body=b"x" * 101)
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        await answer.write(b"x" * 101)
        return answer

    async def story(here: Scripted, transport: Transport) -> list[str]:
        assert len((await transport.ask(call(here, limit=101))).body) == 101
        with pytest.raises(ProtocolError, match="more than 100 bytes, which are not read"):
            await transport.ask(call(here, limit=100))
        assert isinstance(transport.metrics, Told)
        return transport.metrics.errors

    assert told(answering, story) == ["ProtocolError"]


def test_head_of_something_large() -> None:
    """The length in an answer to HEAD is not the length of that answer."""

    async def answering(request: web.Request) -> web.Response:
        return web.Response(headers={"Content-Length": str(50 << 30)})

    async def story(here: Scripted, transport: Transport) -> Answer:
        head: Answer = await transport.ask(call(here, method="HEAD", operation="blob.head"))
        return head

    assert told(answering, story).body == b""


def test_open() -> None:
    """An opened answer is read by the caller; tries are repeated until there is one, and not after."""
    statuses = [503, 200]

    async def answering(request: web.Request) -> web.Response:
        return web.Response(status=statuses.pop(0), body=b"content")

    async def story(here: Scripted, transport: Transport) -> bytes:
        async with transport.open(call(here)) as response:
            return await response.read()

    assert told(answering, story) == b"content"
    statuses[:] = [503, 503]
    with pytest.raises(ServerError):
        told(
            answering,
            lambda here, transport: transport.open(call(here, retry=False)).__aenter__(),
        )
    assert statuses == [503]


# --- redirects


def test_redirects_leave_the_token_behind() -> None:
    """A GET follows to another host without the token, to the same one with it; others do not follow."""

    async def main() -> None:
        async with scripted(fine) as storage:

            async def answering(request: web.Request) -> web.Response:
                if request.path.startswith("/v2/"):
                    target = "/here" if request.query_string else f"{storage.url}/blob?sig=1"
                    return web.Response(status=307, headers={"Location": target}, body=b"gone there")
                return web.Response(body=b"here")

            async with scripted(answering) as here:
                credentials = StaticCredentials("me", SECRET, here.host)
                async with transport_to(here, credentials, direct_bearer=True) as transport:
                    answer = await transport.ask(call(here))
                    assert (answer.body, str(answer.url)) == (b"ok", f"{storage.url}/blob?sig=1")
                    assert (await transport.ask(call(here, "/v2/a?same"))).body == b"here"
                    assert [each.authorization for each in storage.asked] == [None]
                    assert all(each.authorization for each in here.asked)
                    kept = await transport.ask(call(here, follow=False, ok=frozenset({307})))
                    assert kept.body == b"gone there"
                    put = call(here, method="PUT", ok=frozenset({307}))
                    assert (await transport.ask(put)).status == 307
                    assert len(storage.asked) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("location", "said", "requests"),
    [
        pytest.param("/v2/again", "sent on more than 5 times", 6, id="for ever"),
        pytest.param("", "leads nowhere", 1, id="nowhere"),
        pytest.param("ftp://storage.example/", "leads nowhere", 1, id="no HTTP"),
    ],
)
def test_bad_redirects(location: str, said: str, requests: int) -> None:
    """Redirects without an end, or without a target, are errors that are not tried again."""

    async def answering(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    async def story(here: Scripted, transport: Transport) -> int:
        with pytest.raises(ProtocolError, match=said):
            await transport.ask(call(here))
        return len(here.asked)

    assert told(answering, story) == requests


def test_where_a_target_may_be() -> None:
    """A target that a registry gave is guarded as a redirect is."""

    async def story(here: Scripted, transport: Transport) -> None:
        with pytest.raises(ProtocolError, match="leads nowhere"):
            await transport.ask(call(here, f"http://me:{SECRET}@127.0.0.1/"))

    told(fine, story)


# --- what goes wrong


def test_no_answer_in_time() -> None:
    """A call that is not answered in time is an error that passes, after all tries."""

    async def story(here: Scripted, transport: Transport) -> list[float]:
        with pytest.raises(TransportError, match="no answer in time") as caught:
            await transport.ask(call(here))
        assert caught.value.is_temporary
        return transport.clock.slept  # type: ignore[attr-defined,no-any-return]

    assert told(silent, story, timeout_secs=0.05, max_retries=2) == [1.125, 2.25]


@pytest.mark.parametrize(
    ("operation", "seconds"),
    [("manifest.get", 7), ("manifest.put", 7), ("upload.put", 70), ("upload.patch", 70), ("upload.post", 70)],
)
def test_time_outs(operation: str, seconds: float) -> None:
    """Uploads have their own time: also a chunk, and the last request, for which a registry may need long."""

    async def story(here: Scripted, transport: Transport) -> aiohttp.ClientTimeout:
        return transport._timeout(call(here, operation=operation, method="PUT", body=b"x"))

    assert told(fine, story, timeout_secs=7, upload_timeout_secs=70).total == seconds


def test_the_longest_silence() -> None:
    """Of a download, the silence is limited, and not the whole."""

    async def halting(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"a piece")
        await asyncio.sleep(3600)
        return answer

    async def story(here: Scripted, transport: Transport) -> None:
        async with transport.open(call(here)) as response:
            with pytest.raises(TransportError, match="no answer in time"), translated(response.url):
                await response.read()

    told(halting, story, timeout_secs=0.5)


async def dripping(request: web.Request) -> web.StreamResponse:
    """An answer that never ends, and is never silent for long either."""
    name = request.path.rpartition("/")[2]
    response = web.StreamResponse(
        status=int(name), headers={"Location": "/v2/a/b/manifests/404", "WWW-Authenticate": BASIC}
    )
    await response.prepare(request)
    while True:
        await response.write(b"x")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("status", [401, 404, 307])
def test_a_refusal_that_drips(status: int) -> None:
    """What refuses or leads on, and drips its body, takes no longer than the setting, also where content may."""

    async def story(here: Scripted, transport: Transport) -> None:
        with pytest.raises(RegistryError) as caught:
            async with asyncio.timeout(5), transport.open(call(here, f"/v2/a/b/manifests/{status}")):
                raise AssertionError("it was refused")
        assert caught.value.status == (404 if status == 307 else status)

    told(dripping, story, timeout_secs=0.2, max_retries=0)


def test_a_head_that_drips() -> None:
    """An answer whose head comes byte by byte is given up in time, also where its body may take any."""
    ended = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not reader.at_eof():
            writer.write(b"x")
            with contextlib.suppress(TimeoutError, OSError):
                await asyncio.wait_for(reader.read(1), 0.02)
        writer.close()
        ended.set()

    async def main() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        async with server:
            host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            here = Scripted(url=f"http://{host}", host=host)
            async with asyncio.timeout(5), transport_to(here, timeout_secs=0.2, max_retries=0) as transport:
                with pytest.raises(TransportError, match="no answer in time"):
                    async with transport.open(call(here)):
                        raise AssertionError("there was no answer")
            await ended.wait()

    asyncio.run(main())


def test_nobody_there() -> None:
    """Where nobody listens, each try fails, and the error has no query."""

    async def main() -> None:
        async with scripted(fine) as here:
            pass
        async with transport_to(here) as transport:
            with pytest.raises(TransportError, match="the connection failed") as caught:
                await transport.ask(call(here, f"/v2/?sig={SECRET}"))
            assert SECRET not in str(caught.value)
            assert len(transport.clock.slept) == 3  # type: ignore[attr-defined]

    asyncio.run(main())


KEY = aiohttp.client_reqrep.ConnectionKey(
    "ghcr.io", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None
)
"""What aiohttp calls a connection."""


FOREIGN: dict[str, tuple[BaseException, type[GhcrError], str, bool | None]] = {
    "certificate": (
        aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("self-signed")),
        TransportError, "TLS failed: .*self-signed", False,
    ),
    "TLS": (
        aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "wrong version")),
        TransportError, "TLS failed: .*wrong version", False,
    ),
    "no such name": (
        aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_NONAME, "unknown")),
        TransportError, "ghcr.io has no address", False,
    ),
    "no name server": (
        aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_AGAIN, "later")),
        TransportError, "ghcr.io has no address", True,
    ),
    "lookup failed": (
        aiohttp.ClientConnectorDNSError(KEY, OSError("lookup")), TransportError, "has no address", True,
    ),
    "time": (TimeoutError(), TransportError, "no answer in time", True),
    "no HTTP": (
        aiohttp.ClientResponseError(None, (), message=f"Bearer {SECRET}"),  # type: ignore[arg-type]
        ProtocolError, "does not speak HTTP", None,
    ),
    "proxy": (
        aiohttp.ClientHttpProxyError(None, (), status=407, message="no"),  # type: ignore[arg-type]
        TransportError, "the proxy refused: 407", False,
    ),
    "no URL": (aiohttp.InvalidURL("http:"), ProtocolError, "is no URL that can be asked", None),
    "cut": (aiohttp.ClientPayloadError("not enough data"), TransportError, "the connection failed", True),
    "gone": (ConnectionResetError(104, "reset"), TransportError, "the connection failed", True),
    "ours": (ConfigError("ours"), ConfigError, "ours", None),
}  # fmt: skip


@pytest.mark.parametrize(("error", "kind", "said", "temporary"), FOREIGN.values(), ids=FOREIGN)
def test_foreign_errors(
    error: BaseException, kind: type[GhcrError], said: str, temporary: bool | None
) -> None:
    """What aiohttp and the system raise is an error of the tree, without a query or a secret."""
    with pytest.raises(kind, match=said) as caught, translated(URL(f"https://ghcr.io/v2/?sig={SECRET}")):
        raise error
    assert SECRET not in str(caught.value)
    assert getattr(caught.value, "is_temporary", None) is temporary


# --- limits and figures


def test_what_is_counted() -> None:
    """Each request is counted with its status, and an error once it is final; what HEAD does not find is none."""
    statuses = [200, 503, 200, 404, 404, 503, 503]

    async def answering(request: web.Request) -> web.Response:
        return web.Response(status=statuses.pop(0))

    async def story(here: Scripted, transport: Transport) -> Told:
        await transport.ask(call(here))
        await transport.ask(call(here))
        with pytest.raises(BlobUnknown):
            await transport.ask(call(here, operation="blob.head", method="HEAD"))
        with pytest.raises(BlobUnknown):
            await transport.ask(call(here, operation="blob.get"))
        with pytest.raises(ServerError):
            await transport.ask(call(here))
        assert isinstance(transport.metrics, Told)
        return transport.metrics

    metrics = told(answering, story, max_retries=1)
    get = ("GET", "manifest.get")
    assert metrics.requests == [
        (*get, 200), (*get, 503), (*get, 200), ("HEAD", "blob.head", 404), ("GET", "blob.get", 404),
        (*get, 503), (*get, 503),
    ]  # fmt: skip
    assert metrics.errors == ["BlobUnknown", "ServerError"]
    assert metrics.remaining == []


@pytest.mark.parametrize("prefix", ["RateLimit", "X-RateLimit", "ratelimit"])
def test_limits_that_answers_name(prefix: str) -> None:
    """A limit is learned from any answer, and how much of it is left is shown."""
    left = 79

    async def answering(request: web.Request) -> web.Response:
        nonlocal left
        left -= 1
        return web.Response(
            headers={f"{prefix}-Limit": "100;w=21600", f"{prefix}-Remaining": f"{left};w=21600"}
        )

    async def story(here: Scripted, transport: Transport) -> list[float]:
        for _ in range(2):
            await transport.ask(call(here))
        state = transport.limiter.state(here.host, "read")
        assert (state.limit, state.period, state.remaining) == (100, 21600.0, 77)
        assert isinstance(transport.metrics, Told)
        return transport.metrics.remaining

    assert told(answering, story) == [78, 77]


def test_a_limit_that_is_met() -> None:
    """A 429 teaches the rate, makes everybody wait, and passes."""
    refused = [True]

    async def answering(request: web.Request) -> web.Response:
        if refused:
            refused.pop()
            return refusal(429, "TOOMANYREQUESTS", "retry-after: 2s, allowed: 2000/minute")
        return web.Response()

    async def story(here: Scripted, transport: Transport) -> list[float]:
        await transport.ask(call(here, operation="upload.post", method="POST"))
        assert transport.limiter.state(here.host, "write").limit == 2000
        assert transport.limiter.state(here.host, "read").limit is None
        return transport.clock.slept  # type: ignore[attr-defined,no-any-return]

    assert told(answering, story) == [2.25]


def test_too_long_a_wait() -> None:
    """A wait of an hour is an error that says until when; who asks next hears so at once, and nothing is sent."""

    async def answering(request: web.Request) -> web.Response:
        return refusal(429, "TOOMANYREQUESTS", "later", Retry_After="3600")

    async def story(here: Scripted, transport: Transport) -> float:
        with pytest.raises(RateLimited) as caught:
            await transport.ask(call(here))
        assert caught.value.retry_after == 3600
        assert caught.value.reset_at is not None
        assert len(here.asked) == 1
        return transport.limiter.state(here.host, "read").wait

    assert told(answering, story) == pytest.approx(3600.0, abs=5)


# --- TLS and proxies


def test_tls() -> None:
    """TLS is 1.2 at least, and certificates are checked."""
    context = tls_context(GhcrConfig())
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_authorities(tmp_path: Path) -> None:
    """An authority that is trusted, too, is enough; without it, TLS fails at once and for good."""
    authority = Authority.create()
    authority.write(tmp_path)

    async def main() -> None:
        async with scripted(fine, authority.server_context("127.0.0.1")) as here:
            async with transport_to(here, ca_file=tmp_path / "ca.crt") as transport:
                assert (await transport.ask(call(here))).body == b"ok"
            async with transport_to(here) as transport:
                with pytest.raises(TransportError, match="TLS failed") as caught:
                    await transport.ask(call(here))
                assert not caught.value.is_temporary
                assert transport.clock.slept == []  # type: ignore[attr-defined]

    asyncio.run(main())


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_no_authority(tmp_path: Path, content: str | None) -> None:
    """A file that is not there, or holds no certificate, is an error that names the setting."""
    file = tmp_path / "ca.crt"
    if content:
        file.write_text(content)

    async def main() -> None:
        async with transport_to(Scripted("https://ghcr.io", "ghcr.io"), ca_file=file):
            raise AssertionError

    with pytest.raises(ConfigError, match=r"ca_file .* cannot be read"):
        asyncio.run(main())


class Proxy:
    """A proxy that knows CONNECT, and leads everybody to one server.

    Attributes:
        lines: What it was asked.
    """

    def __init__(self, port: int, refuse: bool = False) -> None:
        self.port = port
        self.refuse = refuse
        self.lines: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.lines.append(head.split(b"\r\n")[0].decode())
        if self.refuse:
            writer.write(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        onward, back = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await asyncio.gather(pump(reader, back), pump(onward, writer))


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes from one side to the other, to the end."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@pytest.mark.parametrize("way", ["proxy", "no proxy", "refused"])
def test_proxies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """`HTTPS_PROXY` is gone through by CONNECT, with TLS to the registry itself; `NO_PROXY` and loopback are not."""
    authority = Authority.create()
    authority.write(tmp_path)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    async def main() -> list[str]:
        context = authority.server_context("registry.example", "127.0.0.1")
        async with scripted(fine, context) as here:
            proxy = Proxy(int(here.host.rpartition(":")[2]), refuse=way == "refused")
            server = await asyncio.start_server(proxy, "127.0.0.1", 0)
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            monkeypatch.setenv("NO_PROXY", "other.example")
            async with server, transport_to(here, ca_file=tmp_path / "ca.crt", max_retries=0) as transport:
                if way == "no proxy":
                    assert (await transport.ask(call(here))).body == b"ok"
                elif way == "refused":
                    with pytest.raises(TransportError, match="the proxy refused: 407"):
                        await transport.ask(call(here, registry="registry.example"))
                else:
                    assert (await transport.ask(call(here, registry="registry.example"))).body == b"ok"
            return proxy.lines

    assert asyncio.run(main()) == ([] if way == "no proxy" else ["CONNECT registry.example:443 HTTP/1.1"])


# --- one loop, opened once


def test_opened_twice() -> None:
    """An open client is not opened a second time, and stays as it is; closed, it can be opened again."""

    async def story(here: Scripted, transport: Transport) -> bytes:
        with pytest.raises(ConfigError, match="open already"):
            await transport.__aenter__()
        await transport.ask(call(here))
        await transport.__aexit__()
        async with transport:
            return (await transport.ask(call(here))).body

    assert told(fine, story) == b"ok"


def test_another_loop() -> None:
    """A client that is open in one loop is refused in another one, where it would wait for what never comes."""

    async def story(here: Scripted, transport: Transport) -> bytes:
        async def elsewhere() -> None:
            with pytest.raises(ConfigError, match="belongs to the loop in which it was opened"):
                await transport.ask(call(here))
            with pytest.raises(ConfigError, match="belongs to the loop in which it was opened"):
                await transport.open(call(here)).__aenter__()

        await asyncio.to_thread(asyncio.run, elsewhere())
        assert not here.asked
        return (await transport.ask(call(here))).body

    assert told(fine, story) == b"ok"


# --- who stands in


def test_stand_ins() -> None:
    """A registry that somebody stands in for is asked there."""

    async def story(here: Scripted, transport: Transport) -> str:
        transport.stand_ins["ghcr.io"] = URL(here.url)
        answer = await transport.ask(call(here, registry="ghcr.io"))
        return str(answer.url)

    assert told(fine, story).endswith("/v2/a/b/manifests/v1")


def test_what_is_shown() -> None:
    """Neither a call nor an answer shows a header field, a body or a query."""
    here = Scripted("https://ghcr.io", "ghcr.io")
    asked = call(here, f"/v2/a/blobs/uploads/1?sig={SECRET}", body=SECRET.encode(), headers={"X": SECRET})
    answer = Answer(200, {"X": SECRET}, SECRET.encode(), URL(f"https://ghcr.io/v2/?sig={SECRET}"))
    assert SECRET not in f"{asked!r}{asked}{answer!r}{answer}"
    assert "manifest.get" in repr(asked)
    assert "200" in repr(answer)
