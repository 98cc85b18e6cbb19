"""The sockets of a listener: closed when they shall be, and not before what was said is sent."""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import partial
from typing import TYPE_CHECKING

import pytest

from ghcr_sim.connections import Accepted, Connections
from ghcr_sim.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE = bytes(8 << 20)
LOOPS = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


class Says(asyncio.Protocol):
    """Says much at once, and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(LARGE)  # type: ignore[attr-defined]
        transport.close()


class Echoes(asyncio.Protocol):
    """Says what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]


class EchoesFromBuffer(Echoes, asyncio.BufferedProtocol):
    """The same, with a small buffer of its own."""

    buffer = bytearray(3)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self.buffer[:nbytes]))


def play(
    loop: str, make: Callable[[], asyncio.BaseProtocol], client: Callable[[int], bytes], grace: float
) -> bytes:
    """Listen with TLS, let a client do its part in a thread, and cut off what is left; what the client has got."""

    async def once() -> bytes:
        connections = Connections()
        accept = partial(Accepted, connections, make, AUTHORITY.server_context())
        async with await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0) as listener:
            done = asyncio.create_task(asyncio.to_thread(client, listener.sockets[0].getsockname()[1]))
            await asyncio.sleep(0.1)
            await connections.cut_off(grace)
            return await done

    with asyncio.Runner(loop_factory=pytest.importorskip(loop).new_event_loop) as runner:
        return runner.run(once())


AUTHORITY = Authority.create()


@LOOPS
def test_what_was_said_is_sent_within_the_grace(loop: str) -> None:
    """A client that reads slowly gets all of it."""

    def read(port: int) -> bytes:
        got = bytearray()
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            AUTHORITY.client_context().wrap_socket(plain, server_hostname="localhost") as sock,
        ):
            while part := sock.recv(1 << 16):
                got += part
        return bytes(got)

    assert play(loop, Says, read, 10) == LARGE


@LOOPS
@pytest.mark.parametrize("make", [Echoes, EchoesFromBuffer])
def test_what_comes_with_the_end_of_the_handshake_is_heard(
    loop: str, make: type[asyncio.BaseProtocol]
) -> None:
    """A client of TLS 1.3 may speak before the server knows that hands were shaken."""

    def speak(port: int) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = AUTHORITY.client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    sock.sendall(outgoing.read())
                    incoming.write(sock.recv(1 << 16))
            tls.write(b"in one breath")
            sock.sendall(outgoing.read())
            got = b""
            while len(got) < len(b"in one breath"):
                try:
                    got += tls.read(100)
                except ssl.SSLWantReadError:
                    incoming.write(sock.recv(1 << 16))
            return got

    assert play(loop, make, speak, 0) == b"in one breath"


@LOOPS
def test_whom_tls_cannot_be_spoken_to_is_cut_off(loop: str) -> None:
    """A client hears the end at once, and does not wait for ever, where the context is none."""

    async def once() -> bytes:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, told: errors.append(told["exception"]))
        accept = partial(Accepted, Connections(), Echoes, "no context")
        async with await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0) as listener:
            reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
            try:
                async with asyncio.timeout(5):
                    return await reader.read()
            except ConnectionResetError:
                return b""
            finally:
                writer.close()

    errors: list[Exception] = []
    with asyncio.Runner(loop_factory=pytest.importorskip(loop).new_event_loop) as runner:
        assert runner.run(once()) == b""
    assert [type(each) for each in errors] == [TypeError]
