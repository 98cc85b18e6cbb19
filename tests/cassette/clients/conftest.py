"""Fixtures for recordings of real clients."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cassette.clients.drivers import DRIVERS
from cassette.clients.images import chance, write_image
from cassette.clients.stage import Stage
from clients.daemons import require_root
from tools import require

from ghcr_sim.registry.storage import GHCR_STORAGE
from ghcr_sim.threads import ThreadServer
from ghcr_sim.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassette.clients.driver import Driver
    from cassette.clients.stage import Way
    from clients.content import Layout

    from ghcr_sim.assemble import Simulator
    from pytest_ghcr.simulator import Ghcr

__all__ = ["authority", "client", "image", "make_image", "record", "stage"]


@pytest.fixture(scope="session")
def authority() -> Authority:
    """One private authority for all tests."""
    return Authority.create()


@pytest.fixture(params=["reverse", "forward"])
def stage(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Stage]:
    """Each door in turn. Its path is short and of letters and numbers, as podman wants it."""
    folder = Path(tempfile.gettempdir()) / f"c{os.urandom(4).hex()}"
    folder.mkdir(mode=0o755)
    yield Stage(request.param, authority, folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def record(
    stage: Stage, ghcr: Ghcr, authority: Authority
) -> Callable[..., contextlib.AbstractContextManager[Way]]:
    """Record a cassette of this test's fake, or of a fork of it, which is there as ghcr.io in that time only."""

    @contextlib.contextmanager
    def recording(name: str = "one", fake: Simulator | None = None) -> Iterator[Way]:
        context = authority.server_context("ghcr.io", GHCR_STORAGE)
        with ThreadServer(fake or ghcr.simulator, tls=context) as server:
            ports = {"ghcr.io": server.port, GHCR_STORAGE: server.port}
            with stage.recording(name, ports, ghcr.token) as way:
                yield way

    return recording


@pytest.fixture(params=list(DRIVERS))
def client(request: pytest.FixtureRequest) -> type[Driver]:
    """Each client in turn."""
    require(request.param)
    driver = DRIVERS[request.param]
    if driver.needs_root:
        require_root()
    return driver


@pytest.fixture
def make_image(stage: Stage) -> Callable[..., Layout]:
    """Write images of several layers; see `write_image`."""

    def make(tag: str = "v1", **how: int) -> Layout:
        return write_image(stage.folder / f"image-{tag}-{how.get('seed', 1)}", tag, **how)

    return make


@pytest.fixture
def image(make_image: Callable[..., Layout]) -> Layout:
    """An image of five layers, to push; no other test has its bytes, which clients may remember."""
    return make_image(seed=chance())
