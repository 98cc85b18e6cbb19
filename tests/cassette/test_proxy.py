"""The forward door: hosts are taken over by certificates of this run, and all others are refused."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from pathlib import Path

import pytest

from ghcr_sim import proxy as module
from ghcr_sim.errors import ServeError
from ghcr_sim.exchange import Response
from ghcr_sim.proxy import Proxy
from ghcr_sim.tls import Authority


@pytest.fixture(scope="module")
def authority():
    """An authority of this run."""
    return Authority.create()


async def handler(request, body):
    """Say what was asked, of whom."""
    said = f"{request.method} {request.scheme}://{request.authority}{request.target}".encode()
    return Response(200, (("content-length", str(len(said))),), said)


async def connect(proxy, said):
    """Say something to the proxy; the connection, and the head of its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(said)
    return reader, writer, await reader.readuntil(b"\r\n\r\n")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_host_is_taken_over(authority, loop) -> None:
    """After CONNECT, TLS with that name's certificate, and requests arrive as if they had come to that host.

    uvloop's transports are no subclasses of asyncio's.
    """

    async def play():
        async with Proxy(handler, authority, frozenset({"ghcr.io"})) as proxy:
            got = []
            for _ in range(2):
                reader, writer, head = await connect(
                    proxy, b"CONNECT GHCR.io:443 HTTP/1.1\r\nhost: ghcr.io\r\n\r\n"
                )
                assert head.startswith(b"HTTP/1.1 200")
                await writer.start_tls(authority.client_context(), server_hostname="ghcr.io")
                writer.write(b"GET /v2/ HTTP/1.1\r\nhost: ghcr.io\r\nconnection: close\r\n\r\n")
                got.append((await reader.read()).partition(b"\r\n\r\n")[2])
                writer.close()
            return got, proxy.refused, proxy.url

    with asyncio.Runner(loop_factory=pytest.importorskip(loop).new_event_loop) as runner:
        got, refused, url = runner.run(play())
    assert got == [b"GET https://ghcr.io/v2/"] * 2
    assert refused == []
    assert url.startswith("http://127.0.0.1:")


REFUSED = {
    "another host": (b"CONNECT example.com:443 HTTP/1.1\r\n\r\n", "example.com"),
    "no CONNECT": (b"GET http://ghcr.io/v2/ HTTP/1.1\r\n\r\n", None),
    "another host, without TLS": (b"GET http://me@Example.com:81/v2/ HTTP/1.1\r\n\r\n", "example.com"),
    "an address, without TLS": (b"GET http://[2001:db8::1]/ HTTP/1.1\r\n\r\n", "[2001:db8::1]"),
    "another port": (b"CONNECT ghcr.io:8443 HTTP/1.1\r\n\r\n", None),
    "nonsense": (b"\x16\x03\x01\x00 nonsense\r\n\r\n", None),
}


@pytest.mark.parametrize(("said", "host"), REFUSED.values(), ids=REFUSED)
def test_everything_else_is_refused(authority, said, host) -> None:
    """Nothing leaves by accident: what is not taken over is told, and the connection ends."""

    async def play():
        async with Proxy(handler, authority, frozenset({"ghcr.io"}), ports=frozenset({443})) as proxy:
            reader, writer, head = await connect(proxy, said)
            rest = await reader.read()
            writer.close()
            return head, rest, proxy.refused

    head, rest, refused = asyncio.run(play())
    assert head.startswith(b"HTTP/1.1 403")
    assert b"is not taken over by this proxy" in rest
    assert refused == ([] if host is None else [host])


def test_a_head_without_an_end_is_cut_off(authority) -> None:
    """A head that goes on and on is not waited for."""

    async def play():
        async with Proxy(handler, authority, frozenset({"ghcr.io"})) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"CONNECT ghcr.io:443 HTTP/1.1\r\nx: " + b"y" * 20_000)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
            return proxy.refused

    assert asyncio.run(play()) == []


def test_no_tls_after_connect_ends_the_connection(authority) -> None:
    """Who speaks something else after CONNECT is cut off, and others are served on."""

    async def play():
        async with Proxy(handler, authority, frozenset({"ghcr.io"})) as proxy:
            reader, writer, _ = await connect(proxy, b"CONNECT ghcr.io:443 HTTP/1.1\r\n\r\n")
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            try:
                rest = await asyncio.wait_for(reader.read(), 10)
            except ConnectionError:
                rest = b""
            writer.close()
            untrusting = ssl.create_default_context()
            reader, writer, _ = await connect(proxy, b"CONNECT ghcr.io:443 HTTP/1.1\r\n\r\n")
            with pytest.raises(ssl.SSLCertVerificationError):
                await writer.start_tls(untrusting, server_hostname="ghcr.io")
            writer.close()
            return rest

    assert b"HTTP/1.1 200" not in asyncio.run(play())


def test_who_says_nothing_is_cut_off(authority, monkeypatch) -> None:
    """A connection without a head does not stay."""
    monkeypatch.setattr(module, "_HEAD_SECONDS", 0.05)

    async def play():
        async with Proxy(handler, authority, frozenset()) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            try:
                return await asyncio.wait_for(reader.read(), 10)
            except ConnectionError:
                return b""
            finally:
                writer.close()

    assert asyncio.run(play()) == b""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_its_end_closes_every_socket(authority, loop) -> None:
    """Whether a client is idle, in its handshake, has said half of its head, or nothing."""
    context = authority.client_context()

    def sockets():
        links = (os.path.realpath(each) for each in Path("/proc/self/fd").glob("*"))
        return sum("socket:" in each for each in links)

    def connect(port, said, *, whole):
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        sock.sendall(said)
        if said.endswith(b"\r\n\r\n"):
            sock.recv(100)
        return context.wrap_socket(sock, server_hostname="ghcr.io") if whole else sock

    async def play():
        before = sockets()
        said = b"CONNECT ghcr.io:443 HTTP/1.1\r\n\r\n"
        async with Proxy(handler, authority, frozenset({"ghcr.io"})) as proxy:
            wanted = ((said, True), (said, False), (said[:9], False), (b"", False))
            clients = [
                await asyncio.to_thread(connect, proxy.port, said, whole=whole) for said, whole in wanted
            ]
            await asyncio.sleep(0.05)
        left = sockets() - before - len(clients)
        for each in clients:
            each.close()
        return left

    with asyncio.Runner(loop_factory=pytest.importorskip(loop).new_event_loop) as runner:
        assert runner.run(play()) == 0


def test_a_port_that_is_taken_is_named(authority) -> None:
    """The error says which."""

    async def play():
        async with Proxy(handler, authority, frozenset()) as proxy:
            with pytest.raises(
                ServeError, match=f"cannot listen on 127.0.0.1 port {proxy.port}: .*; --port 0"
            ):
                await Proxy(handler, authority, frozenset(), port=proxy.port).__aenter__()

    asyncio.run(play())
