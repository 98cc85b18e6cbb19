"""One way to answer from a recording, and its client, in one process: `cassetteworker.py WAY PLACE COUNT SECONDS`.

It prints what was measured as JSON. Client and server share a loop, so that nobody waits for the other core; each
request is timed by itself, and the median tells. What is compared need not be installed where the rest is: each
library is imported where it is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__: list[str] = []

TYPE = "application/vnd.oci.image.manifest.v1+json"
PATH = "/v2/acme/app/manifests/v{number}"
SIZE = 1024
WARM = 20
HEADERS = {"Accept": TYPE, "Authorization": "Bearer bm9ib2R5"}


async def _once(session: aiohttp.ClientSession, url: str, proxy: str | None) -> None:
    async with session.get(url, headers=HEADERS, proxy=proxy) as answer:
        body = await answer.read()
        if answer.status != 200 or len(body) != SIZE:
            raise SystemExit(f"{answer.status} with {len(body)} bytes: {body[:300]!r}")


async def _asked(base: str, count: int, seconds: float, proxy: str | None = None) -> dict[str, float]:
    """Ask for one manifest after the other, by chance, until the time is over; µs of a request."""
    dice, took = random.Random(0), []
    async with aiohttp.ClientSession() as session:
        late = time.perf_counter() + seconds
        while len(took) <= WARM or time.perf_counter() < late:
            url = base + PATH.format(number=dice.randint(1, count))
            begun = time.perf_counter()
            await _once(session, url, proxy)
            took.append(time.perf_counter() - begun)
            if len(took) > 2 and sum(took) > 4 * seconds:
                break
    return {"us": statistics.median(took[min(WARM, len(took) // 2) :]) * 1e6}


@contextlib.asynccontextmanager
async def _bare() -> AsyncIterator[str]:
    """A bare server that answers with as many bytes and fields."""
    from aiohttp import web  # noqa: PLC0415 - see above
    from bare import bare  # noqa: PLC0415 - see above

    body = b"x" * SIZE
    fields = {
        "Content-Type": TYPE,
        "Docker-Content-Digest": f"sha256:{'0' * 64}",
        "Docker-Distribution-Api-Version": "registry/2.0",
        "ETag": f'"sha256:{"0" * 64}"',
        "X-GitHub-Request-Id": "0000:000000:0000000:0000000:00000000",
    }

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body, headers=fields)

    async with bare(handle) as url:
        yield url


async def bare(_: str, count: int, seconds: float) -> dict[str, float]:
    """The floor."""
    async with _bare() as url:
        return await _asked(url, count, seconds)


async def replay(place: str, count: int, seconds: float) -> dict[str, float]:
    """Ours."""
    from ghcr_sim.cassette import Replay, load  # noqa: PLC0415 - see above
    from ghcr_sim.serve import Door  # noqa: PLC0415 - see above

    async with Door(Replay(load(place))) as door:
        return await _asked(door.url, count, seconds)


async def loading(place: str, _: int, __: float) -> dict[str, float]:
    """Ours, from the file to the first answer."""
    from ghcr_sim.cassette import Replay, load  # noqa: PLC0415 - see above
    from ghcr_sim.serve import Door  # noqa: PLC0415 - see above

    begun = time.perf_counter()
    cassette = load(place)
    loaded = time.perf_counter()
    replay = Replay(cassette)
    stands = time.perf_counter()
    async with Door(replay) as door, aiohttp.ClientSession() as session:
        await _once(session, door.url + PATH.format(number=1), None)
        first = time.perf_counter()
    return {
        "load_ms": (loaded - begun) * 1e3,
        "stand_ms": (stands - loaded) * 1e3,
        "first_ms": (first - stands) * 1e3,
    }


def _vcr(place: str) -> object:
    import vcr  # noqa: PLC0415 - see above

    return vcr.VCR(serializer="json", record_mode="none").use_cassette(place, allow_playback_repeats=True)


async def vcrpy(place: str, count: int, seconds: float) -> dict[str, float]:
    """vcrpy, which answers in the client's place: no server is asked."""
    begun = time.perf_counter()
    with _vcr(place):  # type: ignore[attr-defined]
        loaded = time.perf_counter()
        found = await _asked("http://registry.test", count, seconds)
    return {**found, "load_ms": (loaded - begun) * 1e3}


async def proxied(place: str, count: int, seconds: float) -> dict[str, float]:
    """Through a proxy in another process: `PROXY=ORIGIN`."""
    proxy, _, origin = place.partition("=")
    return await _asked(origin, count, seconds, proxy)


async def filled(place: str, count: int, _: float) -> dict[str, float]:
    """Each request once through a proxy that records."""
    proxy, _, origin = place.partition("=")
    async with aiohttp.ClientSession() as session:
        for number in range(1, count + 1):
            await _once(session, origin + PATH.format(number=number), proxy)
    return {}


WAYS = {one.__name__: one for one in (bare, replay, loading, vcrpy, proxied, filled)}

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    way, where, exchanges, duration = sys.argv[1:]
    print(json.dumps(asyncio.run(WAYS[way](where, int(exchanges), float(duration)))))
