"""Fixtures for the tests that drive real clients."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from clients.content import Layout, write_layout
from clients.setting import NAME, Door, Home
from tools import require_name

from ghcr_sim.threads import ThreadServer
from ghcr_sim.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ghcr.simulator import Ghcr

__all__ = ["authority", "door", "home", "layout", "make_layout", "public"]


@pytest.fixture(scope="session")
def authority() -> Authority:
    """One private authority for all tests: making one costs time, and nothing of a test goes into it."""
    return Authority.create()


@pytest.fixture(params=["http", "tls"])
def door(request: pytest.FixtureRequest, ghcr: Ghcr, authority: Authority, tmp_path: Path) -> Iterator[Door]:
    """A test's own fake: over plain HTTP, and again over TLS with the private authority."""
    if request.param == "http":
        yield Door(ghcr, ghcr.host, token=ghcr.token)
        return
    require_name(NAME)
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    (certificates / "ca.crt").write_bytes(authority.pem)
    with ThreadServer(ghcr.simulator, tls=authority.server_context(NAME)) as server:
        yield Door(ghcr, f"{NAME}:{server.port}", certificates, token=ghcr.token)


@pytest.fixture
def home(door: Door) -> Iterator[Home]:
    """A home of the client's own, so that nothing of the user's is read or written.

    Its path is short: podman refuses a long one, and sockets have no room for it.
    """
    with tempfile.TemporaryDirectory(prefix="h-", ignore_cleanup_errors=True) as root:
        yield Home.make(Path(root), door)


@pytest.fixture
def public(door: Door) -> str:
    """The digest of `acme/public:v1`: an image for two platforms that anybody may pull."""
    seeded = door.ghcr.seed("acme/public:v1", platforms=["linux/amd64", "linux/arm64"], visibility="public")
    return str(seeded.digest)


@pytest.fixture
def make_layout(tmp_path: Path) -> Callable[..., Layout]:
    """Write OCI layouts; see `write_layout`."""

    def make(tag: str = "v1", *, size: int = 3000) -> Layout:
        return write_layout(tmp_path / f"layout-{tag}", tag, size=size)

    return make


@pytest.fixture
def layout(make_layout: Callable[..., Layout]) -> Layout:
    """A small image in an OCI layout, to push."""
    return make_layout()
