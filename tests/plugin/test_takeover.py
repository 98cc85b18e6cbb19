"""https://ghcr.io leads to the fake, for every library of Python, and back to the world afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import socket
import ssl
import urllib.request

import aiohttp
import httpx
import pytest
import requests
import urllib3

from pytest_ghcr.takeover import Takeover, TakeoverError

pytestmark = pytest.mark.ghcr(takeover=True)

PING = "https://ghcr.io/v2/"
TAGS = "https://ghcr.io/v2/acme/app/tags/list"


def by_urllib(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def by_http_client(url):
    host, _, path = url.removeprefix("https://").partition("/")
    connection = http.client.HTTPSConnection(host, timeout=10)
    try:
        connection.request("GET", f"/{path}")
        return connection.getresponse().status
    finally:
        connection.close()


def by_requests(url):
    return requests.get(url, timeout=10).status_code


def by_urllib3(url):
    with urllib3.PoolManager() as pool:
        return pool.request("GET", url, retries=False).status


def by_httpx(url):
    return httpx.get(url, timeout=10).status_code


def by_httpx_in_a_loop(url):
    async def ask():
        async with httpx.AsyncClient() as client:
            return (await client.get(url)).status_code

    return asyncio.run(ask())


async def ask_aiohttp(url, **how):
    connector = aiohttp.TCPConnector(**how)
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as answer:
        return answer.status


def by_aiohttp(url):
    return asyncio.run(ask_aiohttp(url))


def by_aiohttp_with_a_resolver_of_its_own(url):
    pytest.importorskip("aiodns")

    async def ask():
        return await ask_aiohttp(url, resolver=aiohttp.AsyncResolver())

    return asyncio.run(ask())


def by_aiohttp_on_uvloop(url):
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(ask_aiohttp(url))


async def ask_streams(url):
    host, _, path = url.removeprefix("https://").partition("/")
    reader, writer = await asyncio.open_connection(host, 443, ssl=True)
    writer.write(f"GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        await writer.wait_closed()
    return int(answer.split()[1])


def by_streams(url):
    return asyncio.run(ask_streams(url))


def by_streams_on_uvloop(url):
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(ask_streams(url))


def by_sockets(url):
    host, _, path = url.removeprefix("https://").partition("/")
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, 443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as sock,
    ):
        sock.sendall(f"GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        return int(sock.recv(100).split()[1])


WAYS = {name.removeprefix("by_"): way for name, way in list(globals().items()) if name.startswith("by_")}


@pytest.fixture(params=list(WAYS))
def ask(request):
    """Each way to ask for a URL, in turn."""
    return WAYS[request.param]


def test_every_library_reaches_the_fake(ghcr, ask) -> None:
    """With TLS that is checked, and under the real name: the challenge says so, too."""
    assert ask(PING) == 401
    assert [each.operation for each in ghcr.requests()] == ["ping"]


def test_the_storage_host_is_another_one(ghcr) -> None:
    """A blob is a redirect to the real storage host, which leads to the fake as well."""
    seeded = ghcr.seed("acme/app:v1", visibility="public")
    token = requests.get("https://ghcr.io/token?scope=repository:acme/app:pull", timeout=10).json()["token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.oci.image.manifest.v1+json"}
    manifest = requests.get(
        f"https://ghcr.io/v2/acme/app/manifests/{seeded.digest}", headers=headers, timeout=10
    )
    digest = manifest.json()["config"]["digest"]
    got = requests.get(f"https://ghcr.io/v2/acme/app/blobs/{digest}", headers=headers, timeout=10)
    assert got.status_code == 200
    assert got.url.startswith("https://pkg-containers.githubusercontent.com/")
    assert got.history[0].status_code == 307
    assert ghcr.leaks == []


def test_clients_that_were_there_before(ghcr) -> None:
    """What was made when the module was imported, with contexts of its own, reaches the fake, too."""
    assert BEFORE.get(PING, timeout=10).status_code == 401
    assert httpx_before.get(PING).status_code == 401
    assert len(ghcr.requests("ping")) == 2


BEFORE = requests.Session()
httpx_before = httpx.Client()


@pytest.fixture(scope="module", autouse=True)
def _close():
    yield
    BEFORE.close()
    httpx_before.close()


def test_a_context_is_as_strict_as_before(ghcr) -> None:
    """Who checks nothing goes on so, and its own context is not touched."""
    context = ssl.create_default_context()
    authorities = context.cert_store_stats()
    with pytest.warns(urllib3.exceptions.InsecureRequestWarning):
        assert requests.get(PING, timeout=10, verify=False).status_code == 401
    with (
        socket.create_connection(("ghcr.io", 443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="ghcr.io"),
    ):
        pass
    assert context.cert_store_stats() == authorities
    other = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", _port(ghcr)), timeout=10) as plain,
        pytest.raises(ssl.SSLError),
    ):
        other.wrap_socket(plain, server_hostname="127.0.0.1")


def test_a_context_offers_what_it_did(ghcr) -> None:
    """The ciphers that it was told, also where that is changed between two connections."""
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    for cipher in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"):
        context.set_ciphers(cipher)
        with (
            socket.create_connection(("ghcr.io", 443), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="ghcr.io") as sock,
        ):
            assert sock.cipher()[0] == cipher


def test_contexts_of_another_class(ghcr, monkeypatch) -> None:
    """Client and fake go on where `ssl.SSLContext` is another class around Python's own, as truststore makes it."""
    real = ssl.SSLContext

    class Around(real):  # type: ignore[misc, valid-type]
        def __init__(self, protocol) -> None:
            self.inner = real(protocol)

        def wrap_socket(self, *args, **more):
            return self.inner.wrap_socket(*args, **more)

    monkeypatch.setattr(ssl, "SSLContext", Around)
    with (
        socket.create_connection(("ghcr.io", 443), timeout=10) as plain,
        Around(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(plain, server_hostname="ghcr.io") as sock,
    ):
        assert sock.version() == "TLSv1.3"


def _port(ghcr):
    """The port of the fake without TLS."""
    return int(ghcr.host.partition(":")[2])


def test_loopback_stays_open(ghcr) -> None:
    """The fake's own port, and every other server of a test, is reached as always."""
    assert urllib.request.urlopen(f"{ghcr.url}/", timeout=10).status == 200
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname(), timeout=10) as sock:
            assert sock.getpeername() == server.getsockname()


def test_uvloop_tries_each_address(ghcr, monkeypatch) -> None:
    """Of a name that has several, as `localhost` has where IPv6 is first; and its datagrams on loopback arrive."""
    uvloop = pytest.importorskip("uvloop")
    found = socket.getaddrinfo

    def two(host, port, *how):
        first = found("127.0.0.2", port, *how) if host == "localhost" else []
        return first + found(host, port, *how)

    async def connect(port):
        _, writer = await asyncio.open_connection("localhost", port)
        writer.close()

    async def send(there):
        transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=there
        )
        assert transport.get_protocol() is protocol
        transport.sendto(b"x")
        transport.close()

    monkeypatch.setattr(socket, "getaddrinfo", two)
    with socket.socket() as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        server.bind(("127.0.0.1", 0))
        server.listen()
        runner.run(connect(server.getsockname()[1]))
        server.close()
        with pytest.raises(OSError, match=r"127\.0\.0\.2.*127\.0\.0\.1"):
            runner.run(connect(1))
    with (
        socket.socket(type=socket.SOCK_DGRAM) as heard,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        heard.bind(("127.0.0.1", 0))
        heard.settimeout(5)
        runner.run(send(heard.getsockname()))
        assert heard.recv(9) == b"x"


def test_it_needs_no_name_of_the_fixture() -> None:
    """A marked test that asks for nothing has it."""
    assert by_requests(PING) == 401


@pytest.mark.ghcr(takeover=False)
def test_the_nearest_marker_has_the_last_word(ghcr) -> None:
    """Without a takeover nothing is patched."""
    assert Takeover._active is None
    assert "pytest_ghcr" not in socket.getaddrinfo.__module__


def test_only_one_at_a_time(ghcr) -> None:
    """A second takeover in one process would be the first one's end."""
    with pytest.raises(TakeoverError, match="by another test of this process already"):
        Takeover(lambda: 1, b"").__enter__()
    assert by_requests(PING) == 401


def test_other_ports_of_a_name_are_closed(ghcr) -> None:
    """Plain HTTP to the name is refused as a connection, in words."""
    with socket.socket() as sock:
        assert sock.connect_ex((socket.gethostbyname("ghcr.io"), 80)) != 0
    with pytest.raises(OSError, match=r"ghcr\.io:80 is not served"):
        socket.create_connection(("ghcr.io", 80), timeout=1)


def test_addresses_are_looked_up_in_all_ways(ghcr) -> None:
    """IPv4 by every function; no IPv6."""
    address = socket.gethostbyname("GHCR.io.")
    assert address.startswith("127.71.")
    assert socket.gethostbyname_ex("ghcr.io") == ("ghcr.io", [], [address])
    assert {each[4] for each in socket.getaddrinfo(b"ghcr.io", "https")} == {(address, 443)}
    assert socket.getaddrinfo(None, 80)
    with pytest.raises(socket.gaierror, match="IPv4"):
        socket.getaddrinfo("ghcr.io", 443, socket.AF_INET6)


def test_the_machine_has_its_own_name(ghcr) -> None:
    """Its name is looked up as always, and who has the name of an address is told the real one."""
    assert socket.gethostbyname(socket.gethostname())
    assert socket.getfqdn()
    assert socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
    address = socket.gethostbyname("ghcr.io")
    assert socket.gethostbyaddr(address) == ("ghcr.io", [], [address])
    assert socket.getnameinfo((address, 443), 0) == ("ghcr.io", "443")


def test_no_proxy_comes_between(ghcr, monkeypatch) -> None:
    """Variables that name a proxy are away while it is on."""
    assert [name for name in os.environ if name.lower() in {"https_proxy", "all_proxy", "http_proxy"}] == []
    assert os.environ["NO_PROXY"] == "*"
    assert by_urllib(PING) == 401


@pytest.fixture(scope="module")
def service():
    """A client that lives longer than a test, and keeps the addresses that it has looked up."""
    with asyncio.Runner() as runner:

        async def begin():
            return aiohttp.ClientSession()

        session = runner.run(begin())

        async def ask(url):
            async with session.get(url) as answer:
                return answer.status

        yield lambda url: runner.run(ask(url))
        runner.run(session.close())


@pytest.mark.parametrize("test", [1, 2])
def test_a_client_that_keeps_addresses_reaches_the_next_fake(service, ghcr, test) -> None:
    """A name has one address in all tests of a process, which leads to the fake of the test that runs."""
    assert service(PING) == 401
    assert len(ghcr.requests("ping")) == 1


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_fork_has_the_same_fake(ghcr, asked_before) -> None:
    """What a child asks is seen by the test, also where nobody has asked for anything before the fork."""
    if asked_before:
        assert by_urllib(PING) == 401
    child = os.fork()
    if not child:
        os._exit(by_urllib(PING) != 401)
    assert os.waitpid(child, 0)[1] == 0
    assert len(ghcr.requests("ping")) == 1 + asked_before


def test_a_client_that_goes_on_leaves_no_socket_of_ours(user) -> None:
    """A session of a module, kept alive, is no warning at the end of the run."""
    done = user(
        """
        import pytest, requests

        KEPT = requests.Session()

        @pytest.mark.ghcr(takeover=True)
        def test_it():
            KEPT.get("https://ghcr.io/v2/")
        """,
        apart=True,
    )
    done.assert_outcomes(passed=1)
    assert done.ret == 0


@pytest.mark.parametrize("before", [None, "x.test"])
@pytest.mark.parametrize("fixtures", ["monkeypatch, ghcr", "ghcr, monkeypatch"])
def test_proxies_that_a_test_has_set_are_put_back(user, monkeypatch, before, fixtures) -> None:
    """Whoever is first to put back what he has found."""
    names = ("NO_PROXY", "HTTPS_PROXY", "no_proxy")
    for name in names:
        monkeypatch.delenv(name, raising=False)
        if before is not None:
            monkeypatch.setenv(name, before)
    done = user(
        f"""
        import os, pytest

        @pytest.mark.ghcr(takeover=True)
        def test_it({fixtures}):
            for name in {names}:
                monkeypatch.setenv(name, "y")

        def test_after():
            assert [os.environ.get(name) for name in {names}] == [{before!r}] * 3
        """,
        "-p",
        "no:randomly",
        apart=True,
    )
    done.assert_outcomes(passed=2)
