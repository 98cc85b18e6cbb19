"""A client's `simulation`: a door in its process, and what it says when it is closed."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from cassette.making import fake

from ghcr_sim import Server
from ghcr_sim.cassette import CassetteError, load
from ghcr_sim.simulation import open_cassette


async def get(url, path):
    """Ask; the status."""
    async with aiohttp.ClientSession() as session, session.get(url + path) as response:
        await response.read()
        return response.status


async def use(mode, path, *paths, failed=False, **more):
    """Open a cassette, ask for some paths, and close it; where the door was, and what came."""
    simulation = open_cassette(mode, path, **more)
    places = await simulation.start()
    ((name, url),) = places.items()
    statuses = [await get(url, each) for each in paths]
    await simulation.stop(failed)
    return name, statuses


def record(tmp_path, *paths, failed=False):
    """Record the fake."""

    async def play():
        async with Server(fake()) as server:
            target = str(tmp_path / "a.jsonl")
            name, statuses = await use("record", target, *paths, failed=failed, upstream=server.url)
            assert name == server.host
            return statuses

    return asyncio.run(play())


def test_what_was_recorded_replays(tmp_path) -> None:
    """The same requests have the same answers with the server gone."""
    assert record(tmp_path, "/v2/", "/v2/a/b/tags/list") == [401, 401]
    name, statuses = asyncio.run(use("replay", tmp_path / "a.jsonl", "/v2/", "/v2/a/b/tags/list"))
    assert statuses == [401, 401]
    assert name == load(tmp_path / "a.jsonl").header.upstream.removeprefix("http://")


def test_a_miss_is_an_error_when_the_client_is_closed(tmp_path) -> None:
    """What was missing is told; where something had failed before, that is enough."""
    record(tmp_path, "/v2/")
    with pytest.raises(CassetteError, match=r"no answer on cassette for tags.list a/b"):
        asyncio.run(use("replay", tmp_path / "a.jsonl", "/v2/a/b/tags/list"))
    assert asyncio.run(use("replay", tmp_path / "a.jsonl", "/v2/a/b/tags/list", failed=True))[1] == [490]


def test_a_failed_run_is_forgotten(tmp_path) -> None:
    """Where the user's code has failed, nothing becomes a cassette."""
    record(tmp_path, "/v2/", failed=True)
    assert list(tmp_path.iterdir()) == []


def test_a_cassette_that_is_none_is_an_error_at_once(tmp_path) -> None:
    """Before any request: the file is named."""
    with pytest.raises(CassetteError, match="there is no such cassette"):
        asyncio.run(open_cassette("replay", tmp_path / "none.jsonl").start())
