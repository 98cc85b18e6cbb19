"""The same test in each style that people write: none of the plugins beside it takes `ghcr` away, or its name."""

import aiohttp
import httpx
import pytest
import requests

PATH = "/v2/acme/app/manifests/v1"


def check(ghcr, digest, found):
    """One request was made, and answered with the image."""
    assert found == digest
    assert [each.status for each in ghcr.requests("manifest.get")] == [200]


@pytest.mark.parametrize("number", range(3))
def test_sync(ghcr, headers, number):
    """A plain test."""
    image = ghcr.seed("acme/app:v1")
    answer = requests.get(ghcr.url + PATH, headers=headers, timeout=10)
    check(ghcr, image.digest, answer.headers["Docker-Content-Digest"])


@pytest.mark.asyncio
@pytest.mark.parametrize("number", range(3))
async def test_asyncio(ghcr, headers, number):
    """A test of pytest-asyncio's."""
    image = ghcr.seed("acme/app:v1")
    async with aiohttp.ClientSession() as session, session.get(ghcr.url + PATH, headers=headers) as answer:
        check(ghcr, image.digest, answer.headers["Docker-Content-Digest"])


@pytest.mark.anyio
@pytest.mark.parametrize("number", range(3))
async def test_anyio(ghcr, headers, number):
    """A test of anyio's."""
    image = ghcr.seed("acme/app:v1")
    async with httpx.AsyncClient() as client:
        answer = await client.get(ghcr.url + PATH, headers=headers)
    check(ghcr, image.digest, answer.headers["Docker-Content-Digest"])


@pytest.mark.vcr
def test_beside_a_cassette_of_others(ghcr, ghcr_config):
    """A test that pytest-recording or cassetter looks after as well, whose marker that is."""
    assert ghcr_config == {}
    assert ghcr.requests() == []


@pytest.mark.ghcr(takeover=True)
def test_takeover_sync(ghcr, headers):
    """`https://ghcr.io` leads to the fake, whoever else has a hand on the sockets."""
    image = ghcr.seed("acme/app:v1")
    answer = requests.get("https://ghcr.io" + PATH, headers=headers, timeout=10)
    check(ghcr, image.digest, answer.headers["Docker-Content-Digest"])


@pytest.mark.asyncio
@pytest.mark.ghcr(takeover=True)
async def test_takeover_asyncio(ghcr, headers):
    """The same in a test of pytest-asyncio's."""
    image = ghcr.seed("acme/app:v1")
    async with (
        aiohttp.ClientSession() as session,
        session.get("https://ghcr.io" + PATH, headers=headers) as answer,
    ):
        check(ghcr, image.digest, answer.headers["Docker-Content-Digest"])


@pytest.mark.anyio
@pytest.mark.ghcr(takeover=True)
async def test_takeover_anyio(ghcr, headers):
    """The same in a test of anyio's."""
    image = ghcr.seed("acme/app:v1")
    async with httpx.AsyncClient() as client:
        answer = await client.get("https://ghcr.io" + PATH, headers=headers)
    check(ghcr, image.digest, answer.headers["Docker-Content-Digest"])
