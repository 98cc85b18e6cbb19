"""The plugin: imports pytest and the standard library only, until a test asks for a fake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ghcr.simulator import Ghcr

__all__ = ["ghcr"]


@pytest.fixture(scope="session")
def _ghcr_background() -> Iterator[None]:
    """One background loop for all tests: to start a thread for each would cost more than the fake does."""
    from ghcr_sim.threads import BACKGROUND  # noqa: PLC0415 - plugin import must cost pytest nothing

    BACKGROUND.acquire()
    yield
    BACKGROUND.release()


@pytest.fixture
def ghcr(_ghcr_background: None) -> Iterator[Ghcr]:
    """A private, empty ghcr.io for this test alone, listening on loopback.

    `.url` and `.host` say where; `.token` is the one token that it takes; `.seed("acme/app:v1")` puts images
    in; `.requests("blob.get")` says what happened; `.fail("blob.get", status=503, times=2)` plans a failure,
    and a failure that never happened fails the test.
    """
    from pytest_ghcr.simulator import Ghcr  # noqa: PLC0415 - plugin import must cost pytest nothing

    handle = Ghcr()
    with handle.running():
        yield handle
    unmet = handle.unmet()
    if unmet:
        pytest.fail("a planned failure was never met: " + "; ".join(unmet), pytrace=False)
