"""The registries that the client is tested against are there, and are what they say."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from asking import basic

from client import peers

if TYPE_CHECKING:
    from client.peers import Peer


def ping(peer: Peer, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and challenge of `GET /v2/`."""
    port = urlsplit(peer.url).port
    name = peer.host.partition(":")[0]
    trust = peer.ssl_context()
    with_tls = http.client.HTTPSConnection(name, port, timeout=10, context=trust) if trust else None
    connection = with_tls or http.client.HTTPConnection(name, port, timeout=10)
    try:
        connection.request("GET", "/v2/", headers=headers or {})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("www-authenticate", "")
    finally:
        connection.close()


def test_each_registry_answers(registry: Peer) -> None:
    """`GET /v2/` is 200, or a challenge where somebody has to log in."""
    status, challenge = ping(registry)
    if registry.username is None:
        assert (status, challenge) == (200, "")
    else:
        assert status == 401
        assert challenge.partition(" ")[0] == ("Basic" if registry.simulator is None else "Bearer")


@pytest.mark.clients
def test_the_password_lets_in(docker_registry_tls: Peer) -> None:
    """Basic credentials open the registry with TLS, other ones do not."""
    assert docker_registry_tls.token is not None
    assert ping(docker_registry_tls, {"authorization": basic(docker_registry_tls.token)})[0] == 200
    assert ping(docker_registry_tls, {"authorization": basic("wrong")})[0] == 401


def test_nothing_shows_a_password(registry: Peer) -> None:
    """The repr of a registry, which a failed assertion prints, has no password in it."""
    assert "token" not in repr(registry)
    assert registry.token is None or registry.token not in repr(registry)


def test_a_fake_tells_of_a_failure_that_never_was() -> None:
    """A planned failure that no request met fails the test that planned it."""

    def plan() -> None:
        with peers.fake("oci") as peer:
            assert peer.simulator is not None
            peer.simulator.fail("blob.get", status=503)

    with pytest.raises(AssertionError, match="never met"):
        plan()
