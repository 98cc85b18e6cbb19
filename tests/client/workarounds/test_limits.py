"""Rows 7, 8 and 25: waits that GHCR writes into a message or hides behind 403, and how fast one may ask."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from client.helping import Progresses, QuickClock
from client.workarounds.realm import asked_scopes
from client.workarounds.told import with_client
from ghcr_client.errors import RateLimited
from ghcr_client.images import Image
from ghcr_client.limiter import Limiter

if TYPE_CHECKING:
    from client.peers import Peer
    from ghcr_client.client import GhcrClient


# --- row 7: 429


@pytest.mark.workaround(7)
def test_the_wait_is_read_from_the_message(fake_ghcr: Peer) -> None:
    """85 µs are waited for with a floor that grows and with jitter; the rate that is named is kept."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")
    clock = QuickClock()

    async def story(client: GhcrClient) -> None:
        assert fake_ghcr.simulator is not None
        fake_ghcr.simulator.fail("manifest.get", "rate-limited-read", times=3)
        await client.pull_manifest("acme/app:v1")
        health = await client.health_check()
        assert health.reads.limit == 44_000

    with_client(fake_ghcr, story, clock=clock)
    assert clock.slept[:3] == pytest.approx([0.01 * 1.125, 0.04 * 1.125, 0.16 * 1.125])


@pytest.mark.workaround(7)
def test_a_limit_that_stays_says_until_when(fake_ghcr: Peer) -> None:
    """After all tries the error has the rate, the wait and the time at which it is over."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.fail("upload.post", "rate-limited-write", times=4)

    async def story(client: GhcrClient) -> None:
        with pytest.raises(RateLimited, match="allowed: 2000/minute") as caught:
            await client.upload_blob("acme/app", b"x")
        assert caught.value.allowed == "2000/minute"
        assert caught.value.retry_after == pytest.approx(0.010487765)
        assert caught.value.reset_at is not None

    with_client(fake_ghcr, story)
    assert len(fake_ghcr.simulator.requests("upload.post")) == 4, (
        "one try and three more, not three times three"
    )


# --- row 8: the secondary limit


@pytest.mark.workaround(8)
@pytest.mark.parametrize("operation", ["upload.post", "upload.put", "manifest.put"])
def test_the_secondary_limit_is_waited_out(fake_ghcr: Peer, operation: str) -> None:
    """It comes as 403 and names no time: a minute at least is waited, then the push goes on."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.fail(operation, "secondary-rate-limit")
    clock = QuickClock()

    async def story(client: GhcrClient) -> None:
        await client.push_image("acme/app:v1", await Image.build([b"\0" * 1024]))

    with_client(fake_ghcr, story, clock=clock)
    assert max(clock.slept) >= 60


@pytest.mark.workaround(8)
def test_the_secondary_limit_is_no_lack_of_rights(fake_ghcr: Peer) -> None:
    """Where it stays, the error is one of limits, and its advice says to send fewer at once."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.fail("manifest.put", "secondary-rate-limit")

    async def story(client: GhcrClient) -> None:
        with pytest.raises(RateLimited, match="fewer at once") as caught:
            await client.push_image("acme/app:v1", await Image.build([b"\0" * 1024]))
        assert (caught.value.status, caught.value.retry_after) == (403, 60)

    with_client(fake_ghcr, story, max_retries=0)


# --- row 25: pace


@pytest.mark.workaround(25)
def test_from_four_fifths_of_a_limit_on_requests_are_spread() -> None:
    """GHCR's 2000 writes a minute: the first 1600 go at once, and the rest is spread over what is left of it."""
    clock = QuickClock()
    limiter = Limiter(clock)

    async def story() -> None:
        for _ in range(1600):
            await limiter.turn("ghcr.io", "write")
        assert clock.slept == []
        for _ in range(400):
            await limiter.turn("ghcr.io", "write")
        assert 50 < sum(clock.slept) <= 60
        before = clock.now
        await limiter.turn("ghcr.io", "read")
        assert clock.now == before, "reads are counted apart"

    asyncio.run(story())


@pytest.mark.workaround(25)
def test_a_push_needs_two_tokens(fake_ghcr: Peer) -> None:
    """However many blobs an image has, one token to look and one to push are enough."""
    assert fake_ghcr.simulator is not None

    async def story(client: GhcrClient) -> None:
        layers = [bytes([n]) * 1024 for n in range(6)]
        await client.push_image("acme/app:v1", await Image.build(layers))

    scopes = asked_scopes(fake_ghcr)
    with_client(fake_ghcr, story)
    assert sorted(scopes) == [("repository:acme/app:pull",), ("repository:acme/app:pull,push",)]


@pytest.mark.workaround(25)
@pytest.mark.parametrize("most", [1, 3])
def test_few_blobs_move_at_once(fake_ghcr: Peer, most: int) -> None:
    """`max_concurrency` says how many; four by default."""
    progress = Progresses()

    async def story(client: GhcrClient) -> None:
        layers = [bytes([n]) * 100_000 for n in range(8)]
        await client.push_image("acme/app:v1", await Image.build(layers), progress=progress)

    with_client(fake_ghcr, story, max_concurrency=most)
    moving: set[str] = set()
    highest = 0
    for event in progress:
        (moving.discard if event.state in ("done", "exists") else moving.add)(event.name)
        highest = max(highest, len(moving))
    assert highest == most
