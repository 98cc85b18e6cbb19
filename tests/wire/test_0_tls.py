"""Row 0.6, and 7.13 over HTTP/2: TLS, and the protocols that are agreed upon in its handshake."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
from raw import DATE, REQUEST_ID, bearer

from ghcr_sim.assemble import Simulator
from ghcr_sim.profiles import load_profile
from ghcr_sim.threads import ThreadServer
from ghcr_sim.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from h2.events import Event

Headers = list[tuple[str, str]]
INTERNAL_ERROR = 2


@pytest.fixture(scope="module")
def authority() -> Authority:
    """An authority for all tests here."""
    return Authority.create()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A fake that cuts slow bodies soon."""
    simulator = Simulator(load_profile("ghcr", uploads__slow_body_seconds=0.2))
    yield simulator
    simulator.close()


@pytest.fixture
def dial(simulator: Simulator, authority: Authority) -> Iterator[Callable[..., ssl.SSLSocket]]:
    """Connect to it as `ghcr.io` over TLS, offering the protocols that are given."""
    context = ssl.create_default_context(cadata=authority.pem.decode())
    with ThreadServer(simulator, tls=authority.server_context()) as server:

        def connect(*protocols: str) -> ssl.SSLSocket:
            if protocols:
                context.set_alpn_protocols(list(protocols))
            sock = socket.create_connection(("127.0.0.1", server.port), 10)
            return context.wrap_socket(sock, server_hostname="ghcr.io")

        yield connect


def ask_http_1(sock: ssl.SSLSocket) -> http.client.HTTPResponse:
    """`GET /v2/` over a connection that is there."""
    connection = http.client.HTTPConnection("ghcr.io")
    connection.sock = sock
    connection.request("GET", "/v2/")
    return connection.getresponse()


def ask_http_2(sock: ssl.SSLSocket, headers: Headers, body: bytes | None = None) -> list[Event]:
    """One request on a connection that is there, its body never ended; what came until its stream was over."""
    connection = pytest.importorskip("h2.connection").H2Connection()
    connection.initiate_connection()
    connection.send_headers(1, headers, end_stream=body is None)
    if body is not None:
        connection.send_data(1, body)
    sock.sendall(connection.data_to_send())
    seen: list[Event] = []
    while not any(type(event).__name__ in {"StreamEnded", "StreamReset"} for event in seen):
        data = sock.recv(1 << 16)
        assert data, f"the connection was closed after {seen}"
        seen += connection.receive_data(data)
        sock.sendall(connection.data_to_send())
    return seen


def head(method: str, path: str, *more: tuple[str, str]) -> Headers:
    """The header fields of a request to `https://ghcr.io`."""
    return [(":method", method), (":scheme", "https"), (":authority", "ghcr.io"), (":path", path), *more]


def fields(events: list[Event]) -> dict[str, str]:
    """The header fields of the answer."""
    for event in events:
        if type(event).__name__ == "ResponseReceived":
            pairs = [tuple(map(_text, pair)) for pair in event.headers]
            assert len(dict(pairs)) == len(pairs), f"a field came twice: {pairs}"
            return dict(pairs)
    raise AssertionError(f"no answer came: {events}")


def _text(part: str | bytes) -> str:
    return part if isinstance(part, str) else part.decode()


@pytest.mark.row("0.6")
@pytest.mark.parametrize(
    ("offered", "agreed"),
    [(("h2", "http/1.1"), "h2"), (("h2",), "h2"), (("http/1.1",), "http/1.1"), ((), None)],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else str(value),
)
def test_http_2_is_agreed_upon_where_the_client_knows_it(
    dial: Callable[..., ssl.SSLSocket], offered: tuple[str, ...], agreed: str | None
) -> None:
    """By ALPN, and over TLS 1.3, with a certificate whose common name is the recorded one."""
    with dial(*offered) as sock:
        certificate = sock.getpeercert() or {}

        assert sock.selected_alpn_protocol() == agreed
        assert sock.version() == "TLSv1.3"
        assert certificate["subject"] == ((("commonName", "*.ghcr.io"),),)


@pytest.mark.row("0.6", "1.1")
def test_http_2_gives_the_recorded_challenge(dial: Callable[..., ssl.SSLSocket]) -> None:
    """A request to `https://ghcr.io/v2/` over HTTP/2 is the 401 that was recorded, with no field more."""
    with dial("h2") as sock:
        answer = fields(ask_http_2(sock, head("GET", "/v2/")))

    assert answer == {
        ":status": "401",
        "content-length": "73",
        "content-type": "application/json",
        "date": DATE,
        "www-authenticate": (
            'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"'
        ),
        "x-github-request-id": REQUEST_ID,
    }


@pytest.mark.row("0.6")
@pytest.mark.parametrize("offered", [("http/1.1",), ()], ids=["agreed upon", "not asked"])
def test_http_1_works_as_well(dial: Callable[..., ssl.SSLSocket], offered: tuple[str, ...]) -> None:
    """Who does not know HTTP/2, or knows no ALPN, is answered over HTTP/1.1."""
    with dial(*offered) as sock, ask_http_1(sock) as reply:
        assert (reply.version, reply.status) == (11, 401)
        assert "https://ghcr.io/token" in str(reply.getheader("www-authenticate"))
        assert len(reply.read()) == 73


@pytest.mark.row("7.13")
def test_a_slow_body_is_a_stream_error_over_http_2(
    simulator: Simulator, dial: Callable[..., ssl.SSLSocket]
) -> None:
    """A body that is not there in time ends its stream with INTERNAL_ERROR, and no answer."""
    name, value = bearer(simulator.token)
    who = (name.lower(), value)
    with dial("h2") as sock:
        location = fields(ask_http_2(sock, head("POST", "/v2/acme/app/blobs/uploads/", who)))["location"]
    with dial("h2") as sock:
        events = ask_http_2(sock, head("PATCH", location, who, ("content-length", "1000")), b"the beginning")

    names = [type(event).__name__ for event in events]
    assert "ResponseReceived" not in names
    assert events[names.index("StreamReset")].error_code == INTERNAL_ERROR
