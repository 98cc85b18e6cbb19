"""Rows `inprocess` and `fixture`: a fake for one request: start, `GET /v2/` with 200, stop.

First in the running loop, by an aiohttp client that lives on; then as the fixture does it for synchronous
code, with the loop in a thread, by the standard library's client. Beside each, a bare `aiohttp.web.Server`
is started, asked and stopped in the same way, one after the other in every round.
"""

from __future__ import annotations

import asyncio
import base64
import time
from typing import TYPE_CHECKING

import aiohttp
from bare import bare, bare_in_thread
from measure import Failed, Samples
from requesting import ask
from rounds import interleaved

if TYPE_CHECKING:
    from rounds import Plan

__all__ = ["BARE", "BARE_THREAD", "FIXTURE", "SIMULATOR", "measure_fixture", "measure_inprocess"]

SIMULATOR = "Server(Simulator())"
FIXTURE = "fixture `ghcr`"
BARE = "bare aiohttp"
BARE_THREAD = "bare aiohttp in a thread"
_WARM_UP = 3


async def _get(session: aiohttp.ClientSession, url: str, token: str = "") -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with session.get(f"{url}/v2/", headers=headers) as answer:
        await answer.read()
        if answer.status != 200:
            raise Failed(f"GET /v2/: {answer.status}")


def _bearer(secret: str) -> str:
    """A secret as the `ghcr` profile takes it without asking for a token first."""
    return base64.b64encode(secret.encode()).decode()


async def _simulator(session: aiohttp.ClientSession) -> None:
    from ghcr_sim import Server, Simulator  # noqa: PLC0415 - the harness works without it

    simulator = Simulator()
    async with Server(simulator) as server:
        await _get(session, server.url, _bearer(simulator.token))
    simulator.close()


async def _bare(session: aiohttp.ClientSession) -> None:
    async with bare() as url:
        await _get(session, url)


def _fixture() -> None:
    from pytest_ghcr.simulator import Ghcr  # noqa: PLC0415 - the same

    ghcr = Ghcr()
    with ghcr.running():
        _ask(ghcr.url, {"Authorization": f"Bearer {_bearer(ghcr.token)}"})


def _bare_thread() -> None:
    with bare_in_thread() as url:
        _ask(url, {})


def _ask(url: str, headers: dict[str, str]) -> None:
    answer = ask("GET", f"{url}/v2/", headers)
    if answer.status != 200:
        raise Failed(f"GET /v2/: {answer.status}")


async def _in_loop(samples: Samples, rounds: int) -> None:
    async with aiohttp.ClientSession() as session:
        for number, (name, once) in interleaved([(SIMULATOR, _simulator), (BARE, _bare)], rounds + _WARM_UP):
            begun = time.perf_counter()
            await once(session)
            if number >= _WARM_UP:
                samples.add(name, ms=(time.perf_counter() - begun) * 1e3)


def measure_inprocess(plan: Plan) -> Samples:
    """Milliseconds for start, request and stop (`ms`), in the running loop."""
    samples = Samples()
    plan.say(f"in-process: {plan.starts} rounds")
    try:
        asyncio.run(_in_loop(samples, plan.starts))
    except (ImportError, Failed, aiohttp.ClientError) as error:
        samples.fail(SIMULATOR, f"{type(error).__name__}: {error}")
    return samples


def measure_fixture(plan: Plan) -> Samples:
    """The same in a thread, for synchronous code."""
    samples = Samples()
    plan.say(f"fixture: {plan.starts} rounds")
    try:
        pair = [(FIXTURE, _fixture), (BARE_THREAD, _bare_thread)]
        for number, (name, once) in interleaved(pair, plan.starts + _WARM_UP):
            begun = time.perf_counter()
            once()
            if number >= _WARM_UP:
                samples.add(name, ms=(time.perf_counter() - begun) * 1e3)
    except (ImportError, Failed) as error:
        samples.fail(FIXTURE, f"{type(error).__name__}: {error}")
    return samples
