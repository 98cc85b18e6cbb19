"""Fixtures for the tests of the reference's rows: each speaks HTTP by hand to a fake on a real socket."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from raw import Raw, bearer

from ghcr_sim.assemble import Simulator
from ghcr_sim.exchange import BytesBody, Request
from ghcr_sim.profiles import load_profile
from pytest_ghcr.simulator import Ghcr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ghcr_sim.exchange import Response


@pytest.fixture
def raw(ghcr: Ghcr) -> Raw:
    """Requests by hand to this test's fake."""
    return Raw(ghcr.host)


@pytest.fixture
def owner(ghcr: Ghcr) -> tuple[str, str]:
    """`Authorization` of somebody who may do everything."""
    return bearer(ghcr.token)


@pytest.fixture
def serve() -> Iterator[Callable[..., Ghcr]]:
    """Start another fake: `serve(tags__page=7, clock=…)` changes its profile, and sets what `Simulator` takes."""
    with ExitStack() as stack:

        def start(**changes: Any) -> Ghcr:
            profile = {key: changes.pop(key) for key in list(changes) if "__" in key}
            ghcr = Ghcr(Simulator(load_profile("ghcr", **profile), **changes))
            stack.enter_context(ghcr.running())
            return ghcr

        yield start


@pytest.fixture
def as_ghcr(ghcr: Ghcr) -> Callable[..., Response]:
    """Ask the fake as if it had been dialled as https://ghcr.io, without a socket."""

    def ask(method: str, target: str, **headers: str) -> Response:
        request = Request(method, target, headers, "https", "ghcr.io")
        return asyncio.run(ghcr.simulator(request, BytesBody()))

    return ask
