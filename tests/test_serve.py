"""The fake on a port: starting, stopping, connections, large bodies, and effects on the wire."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import ssl
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asking import basic
from hypothesis import given
from hypothesis import strategies as st
from raw import Raw, bearer
from strategies import few

from ghcr_sim.assemble import Simulator
from ghcr_sim.errors import ServeError
from ghcr_sim.exchange import Relay, Response, Wire
from ghcr_sim.http1 import Http1Server
from ghcr_sim.http2 import Http2Server, offered
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.serve import Door, Server
from ghcr_sim.store import BytesBlob, Manifest
from ghcr_sim.threads import BACKGROUND, ThreadServer, _Background
from ghcr_sim.tls import Authority

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from ghcr_sim.exchange import Body, Request

A = "acme/app"
MIB = 1 << 20
LARGE = bytes(range(256)) * (16 * MIB // 256)


class Bent(Simulator):
    """A fake whose every answer has an effect on the wire."""

    wire: Wire | None = None

    async def __call__(self, request: Request, body: Body) -> Response:
        answer = await super().__call__(request, body)
        return answer._replace(wire=self.wire)


def put(simulator: Simulator, data: bytes) -> str:
    """A blob, straight into the store; its target."""
    digest = digest_of(data)
    simulator.store.put_blob(A, BytesBlob(digest, (data,)))
    return f"/v2/{A}/blobs/{digest}"


def connect(server: Any, *, buffer: int = 0) -> socket.socket:
    """A connection; a small `buffer` lets little be on its way."""
    sock = socket.socket()
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.settimeout(10)
    try:
        sock.connect(("127.0.0.1", server.port))
    except OSError:
        sock.close()
        raise
    return sock


def request(
    simulator: Simulator, target: str = "/v2/", *lines: str, method: str = "GET", version: str = "1.1"
) -> bytes:
    """The head of a request by somebody who may do everything."""
    head = [
        f"{method} {target} HTTP/{version}",
        "Host: x",
        f"Authorization: {basic(simulator.token)}",
        *lines,
        "",
        "",
    ]
    return "\r\n".join(head).encode()


def read_all(sock: socket.socket) -> bytes:
    """Everything up to the end of the connection; a reset raises."""
    parts = []
    while part := sock.recv(MIB):
        parts.append(part)
    return b"".join(parts)


def read_answer(file: Any) -> tuple[int, dict[str, str], bytes]:
    """One answer: status, header fields, body."""
    status = int(file.readline().split()[1])
    fields = {}
    while line := file.readline().strip():
        name, _, value = line.decode().partition(": ")
        fields[name] = value
    return status, fields, file.read(int(fields.get("content-length", 0)))


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something holds, or fail."""
    late = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < late, "it does not come true"
        time.sleep(0.01)


def sockets() -> int:
    """How many sockets this process has open, where the system says."""
    found = 0
    for link in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):
            found += str(link.readlink()).startswith("socket:")
    return found


@pytest.fixture
def simulator() -> Bent:
    return Bent("oci")


@pytest.fixture
def server(simulator: Bent) -> Iterator[ThreadServer]:
    with ThreadServer(simulator) as server:
        yield server


# -- starting and stopping


def test_in_the_running_loop() -> None:
    """`async with Server(…)` listens on a free loopback port for as long as the block runs."""

    async def once() -> Server:
        async with Server(Simulator("oci")) as server:
            assert server.url == f"http://127.0.0.1:{server.port}"
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(request(server.simulator))
            assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
            writer.close()
            await writer.wait_closed()
        await server.stop()
        return server

    server = asyncio.run(once())
    with pytest.raises(ConnectionRefusedError), connect(server):
        pass


def test_nothing_is_left_of_a_server_in_a_loop() -> None:
    """After the block no task is left in the loop, whatever its clients do."""

    async def count() -> int:
        simulator = Simulator("oci")
        async with Server(simulator) as server:
            idle = await asyncio.open_connection("127.0.0.1", server.port)
            half = await asyncio.open_connection("127.0.0.1", server.port)
            half[1].write(b"GET /v2/ HT")
            stuck = await asyncio.open_connection("127.0.0.1", server.port)
            stuck[1].write(
                request(simulator, f"/v2/{A}/manifests/v1", "Content-Length: 9", method="PUT") + b"{"
            )
            await asyncio.sleep(0.05)
        for _, writer in (idle, half, stuck):
            writer.close()
        return len(asyncio.all_tasks())

    assert asyncio.run(count()) == 1


def test_from_synchronous_code(server: ThreadServer, simulator: Bent) -> None:
    """`with ThreadServer(…)` answers from a thread of its own."""
    assert Raw(server.host)("GET", "/v2/", ("Authorization", basic(simulator.token))).status == 200
    assert server.simulator is simulator


def test_many_servers_at_once() -> None:
    """Any number of servers share one thread; each has its own port and its own content."""
    before = threading.active_count(), sockets()
    with ExitStack() as stack:
        servers = [stack.enter_context(ThreadServer(Simulator("oci"))) for _ in range(10)]
        assert len({server.port for server in servers}) == 10
        assert threading.active_count() <= before[0] + 1
        for server in servers:
            assert Raw(server.host)("GET", "/v2/").status == 401
    eventually(lambda: (threading.active_count(), sockets()) <= before)
    assert [len(server.simulator.requests()) for server in servers] == [1] * 10


def test_servers_started_from_many_threads() -> None:
    """Servers may start and stop in any thread at any time: none disturbs another."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                with ThreadServer(Simulator("oci")) as server:
                    assert Raw(server.host)("GET", "/v2/").status == 401
        except BaseException as error:  # noqa: BLE001 - it is looked at in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_stopping_twice_stops_nobody_else(server: ThreadServer) -> None:
    """A server that is stopped again, or was never started, takes the thread from no other one."""
    other = ThreadServer(Simulator("oci"))
    other.stop()
    with other:
        other.stop()
    other.stop()
    assert Raw(server.host)("GET", "/v2/").status == 401


def test_what_is_left_in_the_thread_is_ended() -> None:
    """A task that somebody left in the shared loop is cancelled when nobody needs the loop any more."""
    background = _Background()
    background.acquire()

    async def leave() -> asyncio.Task[bool]:
        return asyncio.create_task(asyncio.Event().wait())

    task = background.run(leave())
    background.release()
    assert task.cancelled()


def test_a_connection_that_comes_too_late_is_cut_off() -> None:
    """One that was accepted before the listener closed, and made after the server did: nobody else would close it."""

    async def play() -> list[bytes]:
        async def handler(request: Request, body: Body) -> Response:
            return Response(200)

        loop = asyncio.get_running_loop()
        http1, http2 = Http1Server(handler, "http"), Http2Server(handler)
        await http1.close(0)
        await http2.shutdown(0)
        got = []
        for late in (http1, http2):
            async with await loop.create_server(late, "127.0.0.1", 0) as listener:
                reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
                with suppress(ConnectionError):
                    got.append(await asyncio.wait_for(reader.read(), 5))
                writer.close()
        return got

    assert b"".join(asyncio.run(play())) == b""


def test_a_server_can_start_again(simulator: Bent) -> None:
    """A server that was stopped starts again on its port, with its content."""
    server = ThreadServer(simulator)
    ports = set()
    for _ in range(3):
        with server:
            ports.add(server.port)
            assert Raw(server.host)("GET", "/v2/").status == 401
    assert len(ports) == 1
    assert len(simulator.requests()) == 3


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("127.0.0.1", None, "in use"),
        ("192.0.2.1", 0, "address"),  # the words differ between versions of Python
        ("no.such.host.invalid", 0, ""),
        ("a" * 70, 0, ""),
        ("127.0.0.1", 70_000, "0-65535"),
        ("127.0.0.1", -1, "0-65535"),
    ],
    ids=[
        "port taken",
        "address of nobody",
        "unknown name",
        "impossible name",
        "port too large",
        "port below 0",
    ],
)
def test_where_it_cannot_listen(server: ThreadServer, host: str, port: int | None, why: str) -> None:
    """A server that cannot listen says so in one line, with the address, and leaves nothing behind."""
    before = sockets()
    refused = ThreadServer(Simulator(), host=host, port=server.port if port is None else port)
    with pytest.raises(ServeError) as caught:
        refused.start()
    text = str(caught.value)
    assert text.startswith(f"cannot listen on {host} port {refused.port}: ")
    assert why in text.lower()
    assert "\n" not in text
    refused.stop()
    assert Raw(server.host)("GET", "/v2/").status == 401
    assert sockets() <= before


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("0.0.0.0", "127.0.0.1")]
)
def test_names(host: str, shown: str) -> None:
    """The address is shown as a client can dial it."""
    with ThreadServer(Simulator(), host=host) as server:
        assert server.host == f"{shown}:{server.port}"
        assert Raw(server.host)("GET", "/v2/").status == 401


def test_ipv6() -> None:
    """It listens on IPv6, too, and shows the address in brackets."""
    server = ThreadServer(Simulator(), host="::1")
    try:
        server.start()
    except ServeError:
        pytest.skip("there is no ::1 here")
    assert server.url == f"http://[::1]:{server.port}"
    server.stop()


def test_stopping_lets_a_request_end(simulator: Bent) -> None:
    """A request that is under way when the server stops is answered, if it ends within the grace."""
    server = ThreadServer(simulator, grace=5)
    digest = digest_of(b"0123456789")
    with server:
        sock = connect(server)
        target = f"/v2/{A}/blobs/uploads/?digest={digest}"
        sock.sendall(request(simulator, target, "Content-Length: 10", method="POST") + b"01234")
        eventually(lambda: len(asyncio.all_tasks(BACKGROUND._loop)) > 1)
        timer = threading.Timer(0.2, sock.sendall, (b"56789",))
        timer.start()
    timer.join()
    with sock:
        assert read_all(sock).startswith(b"HTTP/1.1 201 Created\r\n")
    assert simulator.store.blob(A, digest) is not None


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("turns", range(6))
def test_stopping_tells_who_comes_late(turns: int, https: bool) -> None:
    """A client that connects just as the last server of a loop stops is cut off, wherever its connection was."""
    context = Authority.create().server_context("localhost") if https else None

    async def once() -> socket.socket:
        async with Server(Simulator(), tls=context) as server:
            sock = socket.create_connection(("127.0.0.1", server.port))
            for _ in range(turns):
                await asyncio.sleep(0)
        return sock

    with asyncio.run(once()) as sock:
        sock.settimeout(10)
        with suppress(ConnectionResetError):
            assert sock.recv(1) == b""


def test_stopping_ends_what_does_not_end(simulator: Bent) -> None:
    """After the grace every connection is closed: idle ones, stuck uploads, clients that do not read, hangs."""
    target = put(simulator, LARGE)
    before = sockets()
    with ExitStack() as stack:
        with ThreadServer(simulator, grace=0.05) as server:
            for sent in (
                b"",
                b"GET /v2/ HTTP/1.1\r\nHo",
                request(
                    simulator,
                    f"/v2/{A}/blobs/uploads/?digest={digest_of(b'')}",
                    "Content-Length: 9",
                    method="POST",
                ),
                request(simulator, target),
            ):
                stack.enter_context(connect(server, buffer=4096)).sendall(sent)
            time.sleep(0.1)
            simulator.wire = Wire(hang=True)
            stack.enter_context(connect(server)).sendall(request(simulator))
            time.sleep(0.1)
            start = time.monotonic()
        assert time.monotonic() - start < 3
    eventually(lambda: sockets() <= before)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_stopping_closes_every_socket_of_tls(loop: str, protocol: str) -> None:
    """When `stop` returns no socket is open, also where a client is in its handshake or answers no end of TLS.

    Who was idle has heard a clean end.
    """
    authority = Authority.create()
    client = authority.client_context()
    client.set_alpn_protocols([protocol])

    def shake_hands(server: Server) -> ssl.SSLSocket:
        return client.wrap_socket(connect(server), server_hostname="localhost", suppress_ragged_eofs=False)

    async def once() -> list[socket.socket]:
        before = sockets()
        async with Server(Simulator(), tls=authority.server_context("localhost", alpn=offered())) as server:
            clients = [await asyncio.to_thread(shake_hands, server), connect(server), connect(server)]
            clients[1].sendall(b"\x16\x03\x01")
            assert clients[0].selected_alpn_protocol() == protocol  # type: ignore[union-attr]
            await asyncio.sleep(0.05)
        assert sockets() == before + len(clients)
        return clients

    with asyncio.Runner(loop_factory=pytest.importorskip(loop).new_event_loop) as runner:
        idle, *others = runner.run(once())
    read_all(idle)
    for sock in (idle, *others):
        sock.close()


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
def test_stopping_closes_the_socket_of_who_does_not_read(simulator: Bent, https: bool) -> None:
    """What is not sent within the grace holds no socket open."""
    authority = Authority.create()
    target = put(simulator, bytes(60_000))
    before = sockets()
    with ThreadServer(simulator, tls=authority.server_context("127.0.0.1") if https else None) as server:
        sock = connect(server, buffer=4096)
        if https:
            sock = authority.client_context().wrap_socket(sock, server_hostname="127.0.0.1")
        sock.sendall(request(simulator, target) * 200)
        time.sleep(0.2)
        inside = sockets()
        server.stop()
        assert sockets() <= inside - 2  # its own, and the listener
    sock.close()
    eventually(lambda: sockets() <= before)


# -- connections


def test_a_connection_is_kept(server: ThreadServer, simulator: Bent) -> None:
    """HTTP/1.1: many requests go over one connection, one after the other, and end with `Connection: close`."""
    with connect(server) as sock, sock.makefile("rb") as file:
        for _ in range(5):
            sock.sendall(request(simulator))
            status, fields, body = read_answer(file)
            assert (status, body) == (200, b"{}")
            assert "connection" not in fields
        sock.sendall(request(simulator, "/v2/", "Connection: close"))
        status, fields, _ = read_answer(file)
        assert (status, fields["connection"]) == (200, "close")
        assert file.read() == b""


@pytest.mark.parametrize("asks", [False, True], ids=["closes", "keep-alive"])
def test_http_1_0(server: ThreadServer, simulator: Bent, asks: bool) -> None:
    """HTTP/1.0: the connection is closed, unless the client asks to keep it."""
    lines = ["Connection: keep-alive"] if asks else []
    with connect(server) as sock, sock.makefile("rb") as file:
        for _ in range(2 if asks else 1):
            sock.sendall(request(simulator, "/v2/", *lines, version="1.0"))
            status, fields, body = read_answer(file)
            assert (status, body) == (200, b"{}")
            assert fields["connection"] == ("keep-alive" if asks else "close")
        if not asks:
            assert file.read() == b""


def test_pipelined_requests_are_answered_in_order(server: ThreadServer, simulator: Bent) -> None:
    """Requests that are sent without waiting are answered one after the other, in their order."""
    digests = [simulator_put(simulator, bytes([number]) * 70_000 * (number % 2 + 1)) for number in range(6)]
    sent = b"".join(request(simulator, f"/v2/{A}/blobs/{digest}") for digest in digests)
    with connect(server) as sock, sock.makefile("rb") as file:
        sock.sendall(sent)
        for digest in digests:
            assert digest_of(read_answer(file)[2]) == digest


def simulator_put(simulator: Simulator, data: bytes) -> str:
    """A blob in the store; its digest."""
    return put(simulator, data).rpartition("/")[2]


@pytest.mark.parametrize("size", [60_000, 70_000], ids=["in one piece", "in many"])
def test_who_does_not_read_is_not_served_ahead(server: ThreadServer, simulator: Bent, size: int) -> None:
    """Answers to a client that sends requests and reads nothing do not pile up in memory."""
    target = put(simulator, bytes(size))
    with connect(server, buffer=4096) as sock:
        sock.settimeout(0.3)
        with suppress(TimeoutError):
            for _ in range(1000):
                sock.sendall(request(simulator, target) * 50)
        assert len(simulator.requests()) * size < 32 * MIB


@pytest.mark.parametrize("target", ["/v2/", "/v2/absent/manifests/v1", "blob"])
def test_head_on_the_wire(server: ThreadServer, simulator: Bent, target: str) -> None:
    """HEAD sends GET's head and no body: the next answer follows at once."""
    if target == "blob":
        target = put(simulator, LARGE)
    with connect(server) as sock, sock.makefile("rb") as file:
        sock.sendall(
            request(simulator, target, method="HEAD") + request(simulator, "/v2/", "Connection: close")
        )
        first = file.readline()
        fields = dict(line.split(b": ", 1) for line in iter(lambda: file.readline().strip(), b""))
        assert int(fields[b"content-length"]) > 0
        assert first.startswith((b"HTTP/1.1 200", b"HTTP/1.1 404"))
        assert read_answer(file)[::2] == (200, b"{}")


@given(st.lists(st.integers(1, 40), max_size=12), st.booleans())
@few
def test_a_request_may_come_in_any_pieces(sizes: list[int], chunked: bool) -> None:
    """However the network cuts a request, the answer is the same."""
    simulator = Simulator("oci")
    digest = digest_of(b"0123456789")
    line = "Transfer-Encoding: chunked" if chunked else "Content-Length: 10"
    body = b"4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n" if chunked else b"0123456789"
    sent = request(simulator, f"/v2/{A}/blobs/uploads/?digest={digest}", line, method="POST") + body
    with ThreadServer(simulator) as server, connect(server) as sock, sock.makefile("rb") as file:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for size in sizes:
            sock.sendall(sent[:size])
            sent = sent[size:]
        sock.sendall(sent)
        assert read_answer(file)[0] == 201


# -- large bodies


def resident() -> int:
    """Bytes of memory that this process holds, where the system says."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - no need for a path
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pytest.skip("this system does not say how much memory is in use")


def test_large_bodies_both_ways(server: ThreadServer, simulator: Bent) -> None:
    """A body of many MiB goes up and comes down whole, also in parts of it."""
    raw, who = Raw(server.host), ("Authorization", basic(simulator.token))
    digest = digest_of(LARGE)
    for body in (LARGE, [LARGE[: 5 * MIB], LARGE[5 * MIB :]]):
        assert raw("POST", f"/v2/{A}/blobs/uploads/?digest={digest}", who, body=body).status == 201
    target = f"/v2/{A}/blobs/{digest}"
    assert raw("GET", target, who).body == LARGE
    for start, stop in ((0, 10), (3 * MIB + 1, 9 * MIB), (16 * MIB - 100_000, 16 * MIB)):
        answer = raw("GET", target, who, ("Range", f"bytes={start}-{stop - 1}"))
        assert (answer.status, answer.body == LARGE[start:stop]) == (206, True)


def test_memory_stays_flat(tmp_path: Any) -> None:
    """256 MiB go up into a directory and down again, and the process does not grow by a quarter of that."""
    from ghcr_sim.store.directory import DirectoryStore  # noqa: PLC0415 - this test alone

    piece, count = bytes(MIB), 256
    digest = digest_of(piece * count)
    simulator = Simulator("oci", store=DirectoryStore(tmp_path))
    with ThreadServer(simulator) as server, connect(server) as sock, sock.makefile("rb") as file:
        gc.collect()
        before = resident()
        target = f"/v2/{A}/blobs/uploads/?digest={digest}"
        sock.sendall(request(simulator, target, f"Content-Length: {count * MIB}", method="POST"))
        for _ in range(count):
            sock.sendall(piece)
        assert read_answer(file)[0] == 201
        sock.sendall(request(simulator, f"/v2/{A}/blobs/{digest}"))
        while file.readline().strip():
            pass
        left = count * MIB
        while left:
            left -= len(file.read(min(left, MIB)))
        grown = resident() - before
    simulator.close()
    assert grown < 64 * MIB


def test_a_client_that_leaves_in_the_middle_of_a_download(server: ThreadServer, simulator: Bent) -> None:
    """A client that hangs up while a blob is sent disturbs nobody, and is forgotten."""
    target = put(simulator, LARGE)
    before = sockets()
    for linger in (False, True):
        with connect(server) as sock:
            sock.sendall(request(simulator, target))
            assert sock.recv(1000)
            if linger:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    eventually(lambda: sockets() <= before)
    assert Raw(server.host)("GET", target, ("Authorization", basic(simulator.token))).body == LARGE


def test_a_client_that_leaves_in_the_middle_of_an_upload(server: ThreadServer, simulator: Bent) -> None:
    """What a client sent before it hung up is not stored."""
    digest = digest_of(LARGE)
    for way in ("POST", "PUT"):
        with connect(server) as sock:
            target = f"/v2/{A}/blobs/uploads/?digest={digest}" if way == "POST" else f"/v2/{A}/manifests/v1"
            sock.sendall(
                request(simulator, target, f"Content-Length: {len(LARGE)}", method=way) + LARGE[:MIB]
            )
    eventually(lambda: len(simulator.requests()) == 2)
    assert simulator.store.names() == []
    assert len(simulator.registry.uploads) == 0


# -- effects on the wire


def test_reset(server: ThreadServer, simulator: Bent) -> None:
    """`reset` is a TCP reset, without a byte of an answer."""
    simulator.wire = Wire(reset=True)
    with connect(server) as sock:
        sock.sendall(request(simulator))
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


@pytest.mark.parametrize("cut", [0, 1, 1000, 70_000, 300_000, 9 * MIB])
@pytest.mark.parametrize("pause", [0, 0.002], ids=["a quick reader", "a slow reader"])
def test_cut_after(server: ThreadServer, simulator: Bent, cut: int, pause: float) -> None:
    """`cut_after` sends the head, exactly so many bytes of the body, and a reset; however slowly they are read."""
    target = put(simulator, LARGE)
    simulator.wire = Wire(cut_after=cut)
    got, end = b"", "closed"
    with connect(server) as sock:
        sock.sendall(request(simulator, target))
        try:
            while part := sock.recv(MIB // 8):
                got += part
                time.sleep(pause)
        except ConnectionResetError:
            end = "reset"
    assert end == "reset"
    head, _, body = got.partition(b"\r\n\r\n")
    assert f"content-length: {len(LARGE)}".encode() in head
    assert body == LARGE[:cut]


def test_cut_after_a_small_answer(server: ThreadServer, simulator: Bent) -> None:
    """`cut_after` cuts bodies that are no blobs, too."""
    simulator.wire = Wire(cut_after=1)
    with connect(server) as sock:
        sock.sendall(request(simulator))
        head, _, body = sock.recv(4096).partition(b"\r\n\r\n")
        assert (b"content-length: 2" in head, body) == (True, b"{")
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_hang(server: ThreadServer, simulator: Bent) -> None:
    """`hang` answers nothing until the client gives up; others are served meanwhile."""
    simulator.wire = Wire(hang=True)
    before = sockets()
    with connect(server) as sock:
        sock.sendall(request(simulator))
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        simulator.wire = None
        assert Raw(server.host)("GET", "/v2/").status == 401
    eventually(lambda: sockets() <= before)


def test_planned_failures_reach_the_wire(server: ThreadServer, simulator: Bent) -> None:
    """Failures that were recorded of GHCR do on the wire what they did there."""
    simulator.__class__ = Simulator
    simulator.fail("blob.get", "connection-reset")
    target = put(simulator, b"data")
    with connect(server) as sock:
        sock.sendall(request(simulator, target))
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    assert Raw(server.host)("GET", target, ("Authorization", basic(simulator.token))).body == b"data"
    assert simulator.faults.unmet() == []


# -- and the rest


def test_large_bodies_over_tls(simulator: Bent) -> None:
    """Large bodies go both ways over TLS, too, and are cut there as exactly."""
    authority = Authority.create()
    context = authority.server_context("127.0.0.1", alpn=("http/1.1",))
    digest = digest_of(LARGE)
    with ThreadServer(simulator, tls=context) as server:
        client = authority.client_context()
        wrapped = client.wrap_socket(connect(server), server_hostname="127.0.0.1", suppress_ragged_eofs=False)
        with wrapped as sock, sock.makefile("rb") as file:
            target = f"/v2/{A}/blobs/uploads/?digest={digest}"
            sock.sendall(request(simulator, target, f"Content-Length: {len(LARGE)}", method="POST") + LARGE)
            assert read_answer(file)[0] == 201
            target = f"/v2/{A}/blobs/{digest}"
            sock.sendall(request(simulator, target))
            assert read_answer(file)[2] == LARGE
            simulator.wire = Wire(cut_after=300_000)
            sock.sendall(request(simulator, target))
            while file.readline().strip():
                pass
            assert file.read(300_000) == LARGE[:300_000]
            with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
                file.read(1)


def test_a_long_list_arrives_whole(server: ThreadServer, simulator: Bent) -> None:
    """An answer of megabytes of JSON waits for a client that reads slowly, and arrives whole."""
    names = [f"{number:06}" + "x" * 120 for number in range(60_000)]
    simulator.store.put_manifest(A, Manifest("sha256:" + "a" * 64, "a/b", b"{}"), names)
    with connect(server, buffer=4096) as sock, sock.makefile("rb") as file:
        sock.sendall(request(simulator, f"/v2/{A}/tags/list"))
        time.sleep(0.1)
        assert json.loads(read_answer(file)[2])["tags"] == names


class Failing(Simulator):
    """A fake with a bug."""

    async def __call__(self, request: Request, body: Body) -> Response:
        if request.target == "/v2/bug":
            raise RuntimeError("the insides")
        return await super().__call__(request, body)


def test_a_bug_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """An answer that fails is 500 in the specification's form, tells nothing of our insides, and is logged."""
    simulator = Failing("oci")
    with ThreadServer(simulator) as server, connect(server) as sock, sock.makefile("rb") as file:
        sock.sendall(request(simulator, "/v2/bug") + request(simulator))
        status, fields, body = read_answer(file)
        assert (status, fields["content-type"]) == (500, "application/json")
        assert json.loads(body) == {"errors": [{"code": "UNKNOWN", "message": "unknown error"}]}
        assert read_answer(file)[0] == 200
    assert "the insides" in caplog.text


@pytest.mark.parametrize(
    ("options", "origin"),
    [
        ({}, "http://localhost:{port}/"),
        ({"host": "0.0.0.0"}, "http://127.0.0.1:{port}/"),
        ({"storage_url": "https://blobs.test/"}, "https://blobs.test/"),
        ({"host": "0.0.0.0", "storage_url": "http://blobs.test:1"}, "http://blobs.test:1/"),
    ],
    ids=["loopback", "every address", "told", "every address, told"],
)
def test_where_blobs_are_redirected_to(options: dict[str, str], origin: str) -> None:
    """Blobs are at loopback's other name, at the same one where there is no other, or where it is told."""
    simulator = Simulator("ghcr")
    target = put(simulator, b"data")
    with ThreadServer(simulator, **options) as server:
        raw = Raw(f"127.0.0.1:{server.port}")
        answer = raw("GET", target, bearer(simulator.token))
        assert answer.status == 307
        assert answer["location"].startswith(origin.format(port=server.port) + "ghcr")
        if "storage_url" not in options:
            assert raw.fetch(answer["location"]).body == b"data"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
def test_a_redirect_to_the_same_origin(host: str) -> None:
    """Who dials localhost, or an address without a second name, gets blobs there, and may keep the bearer: no leak."""
    simulator = Simulator("ghcr")
    target = put(simulator, b"data")
    with ThreadServer(simulator, host="127.0.0.1" if host == "localhost" else host) as server:
        url = f"http://localhost:{server.port}" if host == "localhost" else server.url
        raw = Raw(url.removeprefix("http://"))
        answer = raw("GET", target, bearer(simulator.token))
        assert answer["location"].startswith(f"{url}/ghcr")
        for headers in ((), (bearer(simulator.token),)):
            assert raw("GET", answer["location"].removeprefix(url), *headers).body == b"data"
        assert simulator.leaks == []


def test_several_lines_of_one_field() -> None:
    """A client may spread what it accepts over several lines, as docker does."""
    simulator = Simulator("ghcr")
    simulator.seed("acme/app:v1")
    kinds = [("Accept", "a/b"), ("Accept", "application/vnd.oci.image.manifest.v1+json"), ("Accept", "c/d")]
    with ThreadServer(simulator) as server:
        raw = Raw(server.host)
        for accept, status in ((kinds, 200), (kinds[::2], 404), ([], 404)):
            answer = raw("GET", "/v2/acme/app/manifests/v1", bearer(simulator.token), *accept)
            assert answer.status == status


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_client_that_hangs_up_in_a_stream_is_no_error(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    """The stream is closed, and nobody is told of a bug: its connection is gone, and needs no reset."""

    async def once() -> bool:
        closed = asyncio.Event()

        async def pieces() -> AsyncGenerator[bytes]:
            try:
                while True:
                    yield bytes(MIB)
                    await asyncio.sleep(0)
            finally:
                closed.set()

        async def handler(request: Request, body: Body) -> Response:
            return Response(200, (), Relay(pieces()))

        async with Door(handler) as door:
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(b"GET /v2/ HTTP/1.1\r\nhost: here\r\n\r\n")
            await reader.readexactly(MIB)
            writer.transport.abort()
            async with asyncio.timeout(10):
                await closed.wait()
            await asyncio.sleep(0.05)
        return closed.is_set()

    with asyncio.Runner(loop_factory=pytest.importorskip(loop).new_event_loop) as runner:
        assert runner.run(once())
    assert not [each for each in caplog.records if each.exc_info]


def test_uvloop() -> None:
    """On uvloop it serves, resets and stops as on asyncio's own loop."""
    uvloop = pytest.importorskip("uvloop")

    async def once() -> None:
        simulator = Bent("oci")
        target = put(simulator, LARGE)
        async with Server(simulator) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(request(simulator, target))
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(LARGE)) == LARGE
            simulator.wire = Wire(cut_after=9 * MIB)
            writer.write(request(simulator, target))
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(9 * MIB) == LARGE[: 9 * MIB]
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
            writer.close()
            simulator.wire = Wire(hang=True)
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(request(simulator, target))
            await asyncio.sleep(0.05)
        assert await reader.read() == b""
        writer.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(once())
