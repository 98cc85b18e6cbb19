"""Fixtures for the client's tests: registries to talk to.

`registry` runs a test once against each of them; the others are for tests that are about one.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from client.peers import Peer

from client import peers

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "crane_registry",
    "docker_registry",
    "docker_registry_tls",
    "fake_ghcr",
    "fake_oci",
    "registry",
    "repository",
]

SHOWN = 3000
"""Characters of a registry's log that a failure shows: its end."""

REGISTRIES = {
    "ghcr": "fake_ghcr",
    "oci": "fake_oci",
    "docker-registry": "docker_registry",
    "docker-registry-tls": "docker_registry_tls",
    "crane": "crane_registry",
}
"""Name → fixture."""

FAKES = ("ghcr", "oci")


@pytest.fixture
def fake_ghcr(_ghcr_background: None) -> Iterator[Peer]:
    """An empty fake with GHCR's profile, for this test alone."""
    with peers.fake("ghcr") as peer:
        yield peer


@pytest.fixture
def fake_oci(_ghcr_background: None) -> Iterator[Peer]:
    """An empty fake with the strict profile, for this test alone."""
    with peers.fake("oci") as peer:
        yield peer


@pytest.fixture(scope="session")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Debian's docker-registry, for all tests: use `repository`."""
    with peers.docker_registry(tmp_path_factory.mktemp("docker-registry")) as peer:
        yield peer


@pytest.fixture(scope="session")
def docker_registry_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Debian's docker-registry with TLS and a password, for all tests: use `repository`."""
    with peers.docker_registry_tls(tmp_path_factory.mktemp("docker-registry-tls")) as peer:
        yield peer


@pytest.fixture(scope="session")
def crane_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Crane's registry, for all tests: use `repository`."""
    with peers.crane(tmp_path_factory.mktemp("crane")) as peer:
        yield peer


@pytest.fixture(
    params=[
        pytest.param(name, marks=() if name in FAKES else pytest.mark.clients, id=name) for name in REGISTRIES
    ]
)
def registry(request: pytest.FixtureRequest) -> Peer:
    """Each registry in turn; programs that are not installed are skipped, or fail where skips are forbidden."""
    peer = request.getfixturevalue(REGISTRIES[request.param])
    assert isinstance(peer, Peer)
    return peer


@pytest.fixture
def repository() -> str:
    """A repository's name that no other test has."""
    return f"acme/app-{uuid.uuid4().hex[:12]}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show a failed test what the registries said that it talked to."""
    report = yield
    if report.failed:
        values = getattr(item, "funcargs", {}).values()
        logs = {value.name: value.log for value in values if isinstance(value, Peer) and value.log}
        report.sections += [(f"log of {name}", log.read_text()[-SHOWN:]) for name, log in logs.items()]
    return report
