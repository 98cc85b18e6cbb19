"""A user's project: tests in each style, in one run with every plugin that people have. `.ci/matrix` runs it."""

import asyncio
import base64

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    """Lend each test a loop: where none is set pytest-asyncio sets one of its own, and anyio then drops it, open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return (yield)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@pytest.fixture
def headers(ghcr):
    """What the one user of this test's registry sends."""
    secret = base64.b64encode(ghcr.token.encode()).decode()
    return {"Authorization": f"Bearer {secret}", "Accept": "application/vnd.oci.image.manifest.v1+json"}


@pytest.fixture
def anyio_backend():
    """The loop that the tests of anyio run in."""
    return "asyncio"
