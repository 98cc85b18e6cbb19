"""How a registry is: every answer of every registry, and what goes wrong; never an exception."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from client.helping import client_for
from client.operations.making import with_client
from client.scripted import Scripted, scripted
from ghcr_client import auth
from ghcr_client.client import GhcrClient
from ghcr_client.settings import GhcrConfig
from yarl import URL

if TYPE_CHECKING:
    from client.peers import Peer
    from ghcr_client.operations.health import Health


async def asked(client: GhcrClient) -> Health:
    """How it is."""
    return await client.health_check()


def test_well(registry: Peer) -> None:
    """A registry that answers is well: with its name, a latency, and limits of which nothing is known."""
    health = with_client(registry, asked)
    assert (health.registry, health.ok, health.error) == (registry.host, True, None)
    assert health.latency is not None
    assert (health.reads.limit, health.writes.limit) == (None, None)


def test_well_to_nobody(registry: Peer) -> None:
    """A registry that lets nobody in without credentials is well when it says so to somebody who has none."""
    health = with_client(registry, asked, credentials=auth.Anonymous())
    assert (health.ok, health.error) == (True, None)


@pytest.mark.clients
def test_a_wrong_password(docker_registry_tls: Peer) -> None:
    """A refusal of credentials is told, without the credentials."""
    wrong = auth.StaticCredentials("octocat", "wrong-password", docker_registry_tls.host)
    health = with_client(docker_registry_tls, asked, credentials=wrong)
    assert (health.ok, health.latency) == (False, None)
    assert "401" in str(health.error)
    assert "wrong-password" not in str(health)


NO_REGISTRIES = {
    "sign-in": {"text": "<html><title>Sign in to Wi-Fi</title>", "content_type": "text/html"},
    "firewall": {"status": 403, "text": "<html><title>Blocked</title>", "content_type": "text/html"},
    "storage": {"status": 403, "text": "<Error><Code>AccessDenied</Code></Error>"},
    "gateway": {"status": 403, "text": '{"message":"Forbidden"}', "content_type": "application/json"},
    "router": {"status": 401, "headers": {"WWW-Authenticate": 'Basic realm="router"'}},
}
VERSION = "Docker-Distribution-Api-Version"
BEARER = 'Bearer realm="https://auth.example.com/token",service="registry"'
ERRORS = '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
REGISTRIES = {
    "empty": {},
    "object": {"text": "{}", "content_type": "application/json"},
    "text": {"text": "ok"},
    "page": {"text": "true", "content_type": "text/html", "headers": {VERSION: "registry/2.0"}},
    "basic": {"status": 401, "text": "no", "headers": {"WWW-Authenticate": "Basic", VERSION: "registry/2.0"}},
    "errors": {"status": 401, "text": ERRORS, "headers": {"WWW-Authenticate": 'Basic realm="x"'}},
    "denied": {"status": 403, "text": ERRORS.replace("UNAUTHORIZED", "DENIED")},
    "token": {"status": 401, "text": "<html>", "headers": {"WWW-Authenticate": BEARER}},
}


def answered_by(**answer: Any) -> Health:
    """How somebody is who gives this answer to everything."""

    async def answering(request: web.Request) -> web.Response:
        if request.path == "/token":
            return web.Response(status=403, text="<html>")
        told = {name: value.replace("https://auth.example.com", here.url) for name, value in fields.items()}
        return web.Response(**answer, headers=told)

    fields = answer.pop("headers", {})

    async def main() -> Health:
        nonlocal here
        async with (
            scripted(answering) as here,
            GhcrClient(registry=here.url, credentials=auth.Anonymous()) as client,
        ):
            return await client.health_check()

    here = Scripted()
    return asyncio.run(main())


@pytest.mark.parametrize("answer", NO_REGISTRIES.values(), ids=NO_REGISTRIES)
def test_no_registry(answer: dict[str, Any]) -> None:
    """What stands in the way and answers as no registry does is told, and is not well."""
    health = answered_by(**answer)
    assert not health.ok
    assert "answered as no registry does" in str(health.error)


@pytest.mark.parametrize("answer", REGISTRIES.values(), ids=REGISTRIES)
def test_any_registry(answer: dict[str, Any]) -> None:
    """A registry is known by any one of its signs; one that lets in needs none, as long as it shows no page."""
    assert answered_by(**answer).error is None


@pytest.mark.parametrize("fault", ["unavailable", "internal-error", "unicorn", "connection-reset"])
def test_failing(fake_ghcr: Peer, fault: str) -> None:
    """A registry that fails is not well."""
    assert fake_ghcr.simulator is not None
    # aiohttp itself asks again where a connection that was kept is gone.
    fake_ghcr.simulator.fail("ping", fault, times=None)
    health = with_client(fake_ghcr, asked)
    assert (health.ok, health.latency) == (False, None)
    assert health.error


def test_nobody_listens(fake_ghcr: Peer) -> None:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        health = with_client(fake_ghcr, asked, registry=f"http://127.0.0.1:{port}")
    assert not health.ok
    assert "connection failed" in str(health.error)


def test_no_such_host(fake_ghcr: Peer) -> None:
    """A name without an address."""
    health = with_client(fake_ghcr, asked, registry="no-such-host.invalid")
    assert (health.ok, health.registry) == (False, "no-such-host.invalid")


@pytest.mark.clients
def test_wrong_tls(docker_registry_tls: Peer) -> None:
    """A certificate that nobody vouches for is told; and plain HTTP is not spoken to it."""
    health = with_client(docker_registry_tls, asked, ca_file=None)
    assert not health.ok
    assert "TLS failed" in str(health.error)


def test_tls_to_somebody_who_does_not_speak_it(fake_ghcr: Peer) -> None:
    """Https to a plain port is an answer, too."""
    health = with_client(fake_ghcr, asked, registry=f"https://{fake_ghcr.host}", plain_http=False)
    assert (health.ok, bool(health.error)) == (False, True)


def test_https_that_was_written_is_kept() -> None:
    """`plain_http` is for names that say no scheme: what says https is never asked without."""
    config = GhcrConfig(registry="https://localhost:5000", plain_http=True)
    assert config.url_of("localhost:5000") == URL("https://localhost:5000")
    assert GhcrConfig(registry="localhost:5000", plain_http=True).url_of("localhost:5000").scheme == "http"


def test_another_registry(fake_ghcr: Peer, fake_oci: Peer) -> None:
    """One client asks another registry by its name; upper case is the same."""

    async def story(client: GhcrClient) -> None:
        assert (await client.health_check(fake_oci.host)).ok
        assert not (await client.health_check("not a host")).ok

    with_client(fake_ghcr, story)


def test_closed(registry: Peer) -> None:
    """A client that is not open tells so in its answer, and does not raise."""

    async def main() -> Health:
        return await client_for(registry).health_check()

    health = asyncio.run(main())
    assert not health.ok
    assert "async with" in str(health.error)


def test_cancelling_is_no_answer(fake_ghcr: Peer) -> None:
    """Who cancels gets no answer: the one thing that is raised."""

    async def story(client: GhcrClient) -> None:
        task = asyncio.ensure_future(client.health_check())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with_client(fake_ghcr, story)


def test_what_is_known_of_limits(fake_ghcr: Peer, repository: str) -> None:
    """After a 429 the limit that its message names is part of the answer."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed(f"{repository}:v1")
    fake_ghcr.simulator.fail("manifest.get", "rate-limited-read")

    async def story(client: GhcrClient) -> Health:
        await client.pull_manifest(f"{repository}:v1")
        return await client.health_check()

    health = with_client(fake_ghcr, story)
    assert (health.ok, health.reads.limit, health.reads.period) == (True, 44_000, 60)
    assert health.writes.limit is None


@pytest.mark.parametrize(
    "registry", [5, b"ghcr.io", "http://127.0.0.1:1", "a b", "[::1", "127.0.0.1:99999", "\ud800"]
)
def test_what_is_no_registry(fake_ghcr: Peer, registry: Any) -> None:
    """What is no registry's name is an answer, too, and no exception."""
    health = with_client(fake_ghcr, lambda client: client.health_check(registry))
    assert not health.ok
    assert health.error
    assert isinstance(health.registry, str)
