"""The limiter: a slow-down before a limit is met, periods that begin anew, pauses, and limits that answers name."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from client.helping import QuickClock
from ghcr_client.limiter import Limiter, LimitState

if TYPE_CHECKING:
    from ghcr_client.limiter import Kind


class Gate:
    """A limiter, and when it let each request go."""

    def __init__(self, **settings: Any) -> None:
        self.clock = QuickClock()
        self.limiter = Limiter(self.clock, **settings)
        self.began = self.clock.now

    def state(self, kind: Kind = "read") -> LimitState:
        return self.limiter.state("r", kind)

    async def go(self, count: int, kind: Kind = "read", seconds: float = 0.0) -> list[float]:
        """When each of some requests goes, one after another, each taking a while."""
        went = []
        for _ in range(count):
            await self.limiter.turn("r", kind)
            went.append(round(self.clock.now - self.began, 6))
            self.clock.now += seconds
        return went

    def places(self, count: int, kind: Kind = "read") -> list[float]:
        """The places of requests that all come at once."""
        bucket = self.limiter._bucket("r", kind)
        return [round(self.limiter._take(bucket), 6) for _ in range(count)]


def test_no_limit_no_wait() -> None:
    """Where no limit is known, nothing waits, and nothing is claimed."""
    gate = Gate()
    assert asyncio.run(gate.go(10_000)) == [0.0] * 10_000
    assert gate.state() == LimitState(None, 60.0, None, 0.0)
    assert gate.limiter.remaining("r") is None


def test_ghcr_is_known() -> None:
    """GHCR's two limits hold from the start, each for itself; the tighter one is what remains."""
    limiter = Limiter(QuickClock())
    asyncio.run(limiter.turn("ghcr.io", "write"))
    assert limiter.state("ghcr.io", "read") == LimitState(44_000, 60.0, 44_000, 0.0)
    assert limiter.state("ghcr.io", "write") == LimitState(2_000, 60.0, 1_999, 0.0)
    assert limiter.remaining("ghcr.io") == 1_999


@pytest.mark.parametrize(("threshold", "free"), [(0.8, 8), (0.5, 5), (1.0, 10)])
def test_slow_down(threshold: float, free: int) -> None:
    """From a part of the limit on, what is left is spread evenly over what is left of the period."""
    gate = Gate(threshold=threshold)
    gate.limiter.learn_rate("r", "read", "10/minute")
    went = asyncio.run(gate.go(10))
    step = 60 / (10 - free) if free < 10 else 0
    assert went == [0.0] * free + [round(step * each, 6) for each in range(10 - free)]


def test_the_period_rolls() -> None:
    """When a period is over, all of the limit is there again."""
    gate = Gate()
    gate.limiter.learn_rate("r", "read", "10/minute")
    asyncio.run(gate.go(9))
    assert gate.state().remaining == 1
    gate.clock.now += 60
    assert gate.state().remaining == 10
    gate.began = gate.clock.now
    assert asyncio.run(gate.go(8)) == [0.0] * 8


def test_many_at_once() -> None:
    """Tasks that come together get places of their own, and never more than the limit in a period."""
    gate = Gate()
    gate.limiter.learn_rate("r", "read", "100/minute")
    places = gate.places(350)
    assert places == sorted(places)
    assert places[:80] == [0.0] * 80
    assert [round(after - before, 6) for before, after in pairwise(places[80:100])] == [3.0] * 19
    assert places[100:180] == [60.0] * 80
    for start in range(0, 240, 60):
        assert sum(start <= each < start + 60 for each in places) <= 100


def test_tasks_are_spaced() -> None:
    """The same through `turn`, with tasks that really run at once."""
    gate = Gate()
    gate.limiter.learn_rate("r", "write", "10/second")

    async def run() -> None:
        await asyncio.gather(*(gate.limiter.turn("r", "write") for _ in range(10)))

    asyncio.run(run())
    assert [round(each, 6) for each in gate.clock.slept] == [0.5]


def test_what_comes_later_waits_less() -> None:
    """Requests that are slow by themselves are not slowed down more."""
    gate = Gate()
    gate.limiter.learn_rate("r", "read", "10/minute")
    asyncio.run(gate.go(20, seconds=40))
    assert gate.clock.slept == []


def test_a_long_period() -> None:
    """Where a period is a day, two requests are a minute apart at most; then the registry's refusal says more."""
    gate = Gate()
    gate.limiter.learn_headers(
        "r", "read", {"ratelimit-limit": "100;w=86400", "ratelimit-remaining": "2;w=86400"}
    )
    assert gate.places(5) == [0.0, 60.0, 120.0, 180.0, 240.0]


def test_reads_and_writes_are_apart() -> None:
    """A limit on writing delays no reading, and neither do other registries' limits."""
    gate = Gate()
    gate.limiter.learn_rate("r", "write", "1/hour")
    gate.limiter.learn_rate("s", "read", "1/hour")
    gate.limiter.pause("r", "write", 30)
    assert gate.places(3) == [0.0] * 3
    assert gate.places(1, "write") == [30.0]


def test_a_pause() -> None:
    """What a registry demands is waited for once, by everybody; a shorter pause shortens nothing."""
    gate = Gate()
    gate.limiter.pause("r", "read", 30)
    gate.limiter.pause("r", "read", 5)
    assert gate.state().wait == 30.0
    assert asyncio.run(gate.go(3)) == [30.0] * 3
    assert gate.state().wait == 0.0


RATES = {
    "second": ("5/second", 5, 1.0),
    "minute": ("44000/minute", 44_000, 60.0),
    "hour": ("5000/hour", 5000, 3600.0),
    "none": ("0/minute", None, 60.0),
    "day": ("5/day", None, 60.0),
    "words": ("many/minute", None, 60.0),
    "more": ("5/minute, or so", None, 60.0),
    "empty": ("", None, 60.0),
}


@pytest.mark.parametrize(("said", "limit", "period"), RATES.values(), ids=RATES)
def test_rates(said: str, limit: int | None, period: float) -> None:
    """The rate of a 429 is taken over where it can be read."""
    gate = Gate()
    gate.limiter.learn_rate("r", "read", said)
    assert (gate.state().limit, gate.state().period) == (limit, period)


FIELDS: dict[str, tuple[dict[str, str], tuple[int | None, float, int | None]]] = {
    "Docker Hub": (
        {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"},
        (100, 21600.0, 76),
    ),
    "GitHub": ({"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4987"}, (5000, 3600.0, 4987)),
    "blanks": ({"RateLimit-Limit": " 10 ; w=60", "RateLimit-Remaining": " 3"}, (10, 60.0, 3)),
    "none left": ({"RateLimit-Limit": "10", "RateLimit-Remaining": "0"}, (10, 3600.0, 0)),
    "more left than there are": ({"RateLimit-Limit": "10", "RateLimit-Remaining": "11"}, (10, 3600.0, 10)),
    "no rest": ({"RateLimit-Limit": "10"}, (None, 60.0, None)),
    "no limit": ({"RateLimit-Remaining": "10"}, (None, 60.0, None)),
    "zero": ({"RateLimit-Limit": "0", "RateLimit-Remaining": "0"}, (None, 60.0, None)),
    "no period": ({"RateLimit-Limit": "10;w=0", "RateLimit-Remaining": "5;w=0"}, (None, 60.0, None)),
    "words": ({"RateLimit-Limit": "ten", "RateLimit-Remaining": "-1"}, (None, 60.0, None)),
    "nothing": ({}, (None, 60.0, None)),
}


@pytest.mark.parametrize(("headers", "wanted"), FIELDS.values(), ids=FIELDS)
def test_header_fields(headers: dict[str, str], wanted: tuple[int | None, float, int | None]) -> None:
    """The forms of Docker Hub and of GitHub are read; what makes no sense changes nothing."""
    gate = Gate()
    gate.limiter.learn_headers("r", "read", headers)
    state = gate.state()
    assert (state.limit, state.period, state.remaining) == wanted


def test_asking_changes_nothing() -> None:
    """The state can be asked for as often as one likes."""
    gate = Gate()
    gate.limiter.learn_rate("r", "read", "10/minute")
    assert [gate.state().remaining for _ in range(20)] == [10] * 20
