"""Whatever bytes arrive at the socket, the server goes on answering others, and keeps nothing of them."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from asking import basic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw import Raw
from strategies import few

from ghcr_sim.assemble import Simulator
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.profiles import load_profile
from ghcr_sim.threads import BACKGROUND, ThreadServer

if TYPE_CHECKING:
    from collections.abc import Iterator

A = "acme/app"
DATA = b"0123456789"
DIGEST = digest_of(DATA)
SECRET = "ghp_SECRET0marker"

RESET = struct.pack("ii", 1, 0)


class Target:
    """A server to be abused, with one tag and one upload that nobody may touch."""

    def __init__(self, server: ThreadServer, simulator: Simulator) -> None:
        self.server = server
        self.simulator = simulator
        self.who = f"Authorization: {basic(simulator.token)}\r\nHost: x\r\n"

    def head(self, method: str, target: str, *lines: str) -> bytes:
        """The head of a request by somebody who may do everything."""
        return "".join(
            [f"{method} {target} HTTP/1.1\r\n", self.who, *(f"{line}\r\n" for line in lines), "\r\n"]
        ).encode()

    def connect(self) -> socket.socket:
        """A connection."""
        sock = socket.create_connection(("127.0.0.1", self.server.port), 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def say(self, *steps: bytes | float | str, answers: int = 99) -> bytes:
        """Send, pause, and do "eof", "reset" or "close"; then read to the end, or until `answers` have come."""
        got = b""
        with self.connect() as sock, suppress(OSError):
            for step in steps:
                match step:
                    case bytes():
                        sock.sendall(step)
                    case float():
                        time.sleep(step)
                    case "eof":
                        sock.shutdown(socket.SHUT_WR)
                    case "reset":
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                        return got
                    case _:
                        return got
            sock.settimeout(5)
            while len(statuses(got)) < answers and (part := sock.recv(1 << 16)):
                got += part
            sock.settimeout(0.02)
            got += sock.recv(1 << 16)
        return got

    def settle(self) -> None:
        """Wait until nothing goes on in the server."""
        late = time.monotonic() + 5
        while any(connection.busy for connection in self.connections()):
            assert time.monotonic() < late, "a request does not end"
            time.sleep(0.01)

    def connections(self) -> list[Any]:
        """The server's connections."""
        return list(self.server._server._http1.connections)


def held(simulator: Simulator) -> tuple[Any, ...]:
    """Everything that is stored."""
    store = simulator.store
    states = [store.repository(name) for name in store.names()]
    return tuple((s.name, list(s.blobs), list(s.manifests), dict(s.tags)) for s in states if s)


@pytest.fixture
def target(caplog: pytest.LogCaptureFixture) -> Iterator[Target]:
    """A server that, after all that was done to it, is as before: it answers, and nothing is stored or left."""
    simulator = Simulator("oci")
    simulator.seed("acme/there:v1")
    before = held(simulator)
    with ThreadServer(simulator) as server:
        target = Target(server, simulator)
        yield target
        assert Raw(server.host)("GET", "/v2/").status == 401
        target.settle()
        loop = BACKGROUND._loop
    assert loop is not None
    late = time.monotonic() + 2
    while asyncio.all_tasks(loop):
        assert time.monotonic() < late, asyncio.all_tasks(loop)
        time.sleep(0.01)
    gc.collect()
    assert held(simulator) == before
    assert len(simulator.registry.uploads) == 0
    assert all(record.status < 500 for record in simulator.requests())
    for record in caplog.records:
        assert record.exc_info is None, record.getMessage()
        assert record.levelno <= logging.WARNING
        assert SECRET not in record.getMessage()


def statuses(got: bytes) -> list[int]:
    """The statuses of all answers."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([2-5]\d\d) ", got)]


MALFORMED: dict[str, bytes] = {
    "noise": b"\x00\x01\x02noise\r\n\r\n",
    "no version and no path": b"GET\r\n\r\n",
    "no such version": b"GET /v2/ HTTP/9.9\r\nHost: x\r\n\r\n",
    "no colon": b"GET /v2/ HTTP/1.1\r\nHost x\r\n\r\n",
    "a secret without a colon": f"GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization Basic {SECRET}\r\n\r\n".encode(),
    "a secret in a bad target": f"GET /v2/\x01{SECRET} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    "a blank in front of the colon": b"GET /v2/ HTTP/1.1\r\nHost : x\r\n\r\n",
    "a folded field": b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    "a huge field": b"GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: " + SECRET.encode() * 9999 + b"\r\n\r\n",
    "a huge target": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a length that is none": b"PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
    "a negative length": b"PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "length and chunks": (
        b"PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: x\r\n"
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "an unknown coding": b"PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\n\r\n{}",
    "a chunk that is none": b"GET /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
    "a chunk beyond all": b"GET /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"f" * 20
    + b"\r\n",
    "bytes in a target": b"GET /v2/\xff\xc3\xa9/tags/list HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2 without a word": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_malformed_http(target: Target, sent: bytes) -> None:
    """What is no HTTP is 400, in the specification's form, and the connection is closed; nothing of it is logged."""
    got = target.say(sent)
    assert statuses(got) == [400]
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head
    assert b"connection: close" in head
    assert b"server:" not in head.lower()
    assert body.startswith(b'{"errors":[{"code":"UNSUPPORTED","message":"malformed HTTP: ')
    assert SECRET.encode() not in got
    assert len(body) < 300


UNUSUAL: dict[str, tuple[bytes, int]] = {
    "a request for another server": (b"CONNECT ghcr.io:443 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "a request for no resource": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "an absolute target": (b"GET http://a:b@ghcr.io/v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 401),
    "an unknown method": (b"PURGE /v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "HTTP/1.0": (b"GET /v2/ HTTP/1.0\r\n\r\n", 401),
    "HTTP/0.9": (b"GET /v2/\r\n\r\n", 401),
    "an offer of h2c": (
        (
            b"GET /v2/ HTTP/1.1\r\nHost: x\r\n"
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"
        ),
        401,
    ),
    "an offer of a WebSocket": (
        (
            b"GET /v2/ HTTP/1.1\r\nHost: x\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ),
        401,
    ),
    "a host that is none": (b'GET /v2/ HTTP/1.1\r\nHost: a"b<\xff\r\n\r\n', 401),
    "no host at all": (b"GET /v2/ HTTP/1.1\r\nHost:\r\n\r\n", 401),
    "blank lines in front": (b"\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 401),
    "bytes in a field": (b"GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n", 401),
}


@pytest.mark.parametrize(("sent", "status"), UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_http(target: Target, sent: bytes, status: int) -> None:
    """What is HTTP, but nothing that a registry's client sends, has its answer."""
    assert statuses(target.say(sent, answers=1)) == [status]


ODD: dict[str, bytes] = {
    "no host": b"GET /v2/ HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a thousand fields": b"GET /v2/ HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
}


@pytest.mark.parametrize("sent", ODD.values(), ids=ODD)
def test_what_older_parsers_let_pass(target: Target, sent: bytes) -> None:
    """What newer versions of aiohttp refuse, and the oldest that is allowed does not, has one answer in any case."""
    assert statuses(target.say(sent, answers=1)) in ([400], [401])


@pytest.mark.parametrize("end", ["eof", "reset", "close"])
@pytest.mark.parametrize("line", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", f"/v2/{A}/manifests/v1"),
        ("POST", f"/v2/{A}/blobs/uploads/?digest={DIGEST}"),
        ("POST", "/token"),
    ],
    ids=["manifest", "blob", "form"],
)
def test_a_body_that_is_cut(target: Target, method: str, path: str, line: str, end: str) -> None:
    """A body that ends before its end is not stored, however its connection ends."""
    begin = b"a\r\n0123456789\r\n" if "chunked" in line else DATA
    target.say(target.head(method, path, line) + begin, 0.05, end)
    target.settle()
    assert {record.status for record in target.simulator.requests()} == {400}


@pytest.mark.parametrize(
    "rest", [b"zz\r\n", b"-1\r\n", b"3\r\n0123456\r\n", b"f" * 20 + b"\r\n", b"5;\x00\r\n"],
    ids=["no size", "negative", "longer than announced", "beyond all", "an extension with a NUL"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["manifests/v1 PUT", f"blobs/uploads/?digest={DIGEST} POST"])
def test_chunks_that_break_off(target: Target, path: str, rest: bytes) -> None:
    """A chunked body that goes on as no chunk is refused at once, not waited for, and the connection is closed."""
    name, method = path.split()
    head = target.head(method, f"/v2/{A}/{name}", "Transfer-Encoding: chunked")
    start = time.monotonic()
    got = target.say(head + b"3\r\nabc\r\n", 0.02, rest)
    assert time.monotonic() - start < 4
    assert statuses(got) == [400]
    assert b"connection: close" in got


def test_a_client_waits_for_continue(target: Target) -> None:
    """`Expect: 100-continue`: a refusal comes before the body, and closes the connection; else it is asked for."""
    lines = ("Expect: 100-continue", "Content-Length: 2", "Content-Type: text/plain")
    refused = target.head("PUT", f"/v2/{A}/manifests/.v1", *lines)
    got = target.say(refused, 0.05, target.head("GET", "/v2/"))
    assert statuses(got) == [400]
    assert b"connection: close" in got
    with target.connect() as sock:
        sock.sendall(target.head("PUT", f"/v2/{A}/manifests/v1", *lines))
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"[]" + target.head("GET", "/v2/", "Connection: close"))
        got = b""
        while part := sock.recv(4096):
            got += part
    assert statuses(got) == [400, 200]


@pytest.mark.parametrize("size", [10, 5 << 20, 20 << 20])
def test_a_refused_body_does_not_end_the_connection(target: Target, size: int) -> None:
    """A body that nobody wants is read and dropped: the next request on the connection is answered."""
    head = f"PUT /v2/{A}/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()
    got = target.say(head + bytes(size), target.head("GET", "/v2/"), answers=2)
    assert statuses(got) == [401, 200]


def test_a_manifest_that_is_too_large_is_not_read(target: Target) -> None:
    """A manifest above the limit is refused before it is read, if it says its length; after 4 MiB if not."""
    head = target.head("PUT", f"/v2/{A}/manifests/v1", f"Content-Length: {1 << 40}")
    assert statuses(target.say(head, answers=1)) == [413]
    assert target.simulator.requests()[-1].received == 0
    head = target.head("PUT", f"/v2/{A}/manifests/v1", "Transfer-Encoding: chunked")
    piece = b"%x\r\n" % (1 << 20) + bytes(1 << 20) + b"\r\n"
    assert statuses(target.say(head, *[piece] * 5, answers=1)) == [413]
    assert target.simulator.requests()[-1].received <= 6 << 20


def test_slow_heads_and_bodies(target: Target) -> None:
    """Clients that send byte by byte hold up nobody, and are answered in the end."""
    slow = [target.connect() for _ in range(20)]
    sent = (
        target.head("POST", f"/v2/{A}/blobs/uploads/?digest={digest_of(b'x')}", "Content-Length: 10") + DATA
    )
    for start in range(0, len(sent), 40):
        for sock in slow:
            sock.sendall(sent[start : start + 40])
        assert Raw(target.server.host)("GET", "/v2/").status == 401
    for sock in slow:
        with sock:
            assert statuses(sock.recv(4096)) == [400]


def test_a_body_that_takes_too_long() -> None:
    """Where the profile sets a time for a body, a slower one is cut off."""
    simulator = Simulator(load_profile("oci", uploads__slow_body_seconds=0.1))
    with ThreadServer(simulator) as server:
        target = Target(server, simulator)
        got = target.say(target.head("PUT", f"/v2/{A}/manifests/v1", "Content-Length: 9") + b"{")
        assert got == b""
        target.settle()
    assert simulator.store.names() == []


@pytest.fixture(scope="module")
def shared() -> Iterator[Target]:
    """One server for all that hypothesis thinks of."""
    simulator = Simulator("oci")
    with ThreadServer(simulator) as server:
        yield Target(server, simulator)


_lines = st.sampled_from(
    (
        *(b"Content-Length: 3", b"Content-Length: 0", b"Content-Length: x", b"Transfer-Encoding: chunked"),
        *(b"Transfer-Encoding: gzip", b"Connection: close", b"Connection: upgrade", b"Expect: 100-continue"),
        *(
            b"Range: bytes=0-",
            b"Content-Type: a/b",
            b"Host: y",
            b": x",
            b"X: \x00",
            b"\xff: y",
            b"X:" + b"y" * 9000,
        ),
    )
)
_starts = st.sampled_from(
    (
        *(b"GET /v2/ HTTP/1.1", b"PUT /v2/a/manifests/v1 HTTP/1.1", b"POST /v2/a/blobs/uploads/ HTTP/1.1"),
        *(b"GET / HTTP/1.0", b"get /v2/ http/1.1", b"GET  /v2/  HTTP/1.1", b"HTTP/1.1 200 OK", b"GET /v2/"),
        *(b"HEAD /v2/_catalog?n=\xff HTTP/1.1", b"DELETE * HTTP/1.1", b"\r\n", b""),
    )
)
_messages = st.builds(
    lambda start, lines, end, body: b"\r\n".join([start, b"Host: x", *lines]) + end + body,
    _starts,
    st.lists(_lines, max_size=3),
    st.sampled_from((b"\r\n\r\n", b"\r\n\r\n", b"\n\n", b"\r\n", b"")),
    st.sampled_from((b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"3\r\nabcd", b"0\r\n\r\n", b"zz\r\n")),
)


@given(
    st.lists(_messages | st.binary(max_size=60), min_size=1, max_size=3),
    st.sampled_from(("eof", "reset", "close")),
)
@settings(few, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(shared: Target, parts: list[bytes], end: str) -> None:
    """Whatever bytes a connection brings, no answer is a 5xx, and the next connection is served."""
    with suppress(ConnectionError):
        assert all(status < 500 for status in statuses(shared.say(*parts, 0.0, end)))
    assert Raw(shared.server.host)("GET", "/v2/").status == 401
    assert shared.simulator.store.names() == []
    assert all(record.status < 500 for record in shared.simulator.requests())
