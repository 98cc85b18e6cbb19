"""Runs of a user's tests."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest
import requests

# A run in this process forgets what it has imported, which cryptography and requests do not survive.
import ghcr_sim.tls.certificates
import pytest_ghcr.again
import pytest_ghcr.cassettes
import pytest_ghcr.clients
import pytest_ghcr.environment
import pytest_ghcr.per_test
import pytest_ghcr.signing
import pytest_ghcr.telling

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["IMPORTED", "user"]

IMPORTED = (aiohttp, ghcr_sim, httpx, requests, pytest_ghcr)


@pytest.fixture
def user(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run a user's tests, in this process or apart; warnings are errors."""

    def run(
        source: str, *words: str, ini: str = "", conftest: str = "", apart: bool = False
    ) -> pytest.RunResult:
        pytester.makeini("[pytest]\nfilterwarnings = error\n" + dedent(ini))
        if conftest:
            pytester.makeconftest(dedent(conftest))
        pytester.makepyfile(test_user=dedent(source))
        start = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
        return start("-p", "no:cacheprovider", "-p", "no:xdist", *words)

    return run
