"""Rate limits: the buckets, and the wait in Go's notation."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ghcr_sim.clock import Clock
from ghcr_sim.limits import Limiter, go_duration
from ghcr_sim.oci import Refusal
from ghcr_sim.profiles import load_profile
from ghcr_sim.route import OPERATIONS, READS, WRITES, Operation

UNITS = {"ns": 1, "µs": 10**3, "ms": 10**6, "s": 10**9}
START = 1_700_000_000.0


def limiter(clock: Clock, *, reads: int = 4, writes: int = 2) -> Limiter:
    """A limiter with small numbers."""
    profile = load_profile(
        "ghcr", limits__enforce=True, limits__reads_per_minute=reads, limits__writes_per_minute=writes
    )
    return Limiter(profile, clock)


def taken(limits: Limiter, name: str, most: int = 10) -> int:
    """How many operations pass, of so many."""
    for number in range(most):
        try:
            limits.check(Operation(name, "acme/app"))
        except Refusal:
            return number
    return most


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.000085383, "85.383µs"),
        (0.010487765, "10.487765ms"),
        (0.00096 + 0.000008575, "968.575µs"),
        (1.5, "1.5s"),
        (15, "15s"),
        (0.001, "1ms"),
        (0.000001, "1µs"),
        (0.0000005, "500ns"),
        (0, "0ns"),
    ],
)
def test_durations_are_written_as_go_writes_them(seconds: float, text: str) -> None:
    """As in the recorded messages: the unit fits the number, and no digit is there for nothing."""
    assert go_duration(seconds) == text


@given(st.integers(1, 59 * 10**9))
@example(999_999_999)
@example(1_000_001)
def test_durations_say_each_nanosecond(nanoseconds: int) -> None:
    """Read back, a duration is the wait that went in, in the largest unit that keeps it at 1 or more."""
    text = go_duration(nanoseconds / 1e9)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ns|µs|ms|s)", text)

    assert match is not None, text
    assert Fraction(match[1]) * UNITS[match[2]] == nanoseconds
    assert not match[1].startswith("0")
    assert "." not in match[1] or not match[1].endswith("0")
    assert match[2] == "s" or Fraction(match[1]) < 1000


def test_a_minute_s_worth_passes_at_once() -> None:
    """A bucket starts full, whatever the clock says."""
    limits = limiter(Clock(START))

    assert taken(limits, "manifest.get") == 4
    assert taken(limits, "upload.post") == 2


def test_a_refusal_says_how_long_to_wait() -> None:
    """429, with the wait until the next one and the number a minute, and no header."""
    limits = limiter(Clock(START))
    taken(limits, "blob.get")

    with pytest.raises(Refusal) as caught:
        limits.check(Operation("blob.get", "acme/app"))

    assert (caught.value.status, caught.value.code) == (429, "TOOMANYREQUESTS")
    assert caught.value.message == "retry-after: 15s, allowed: 4/minute"
    assert caught.value.headers == ()


def test_who_waits_as_long_as_was_said_passes_once() -> None:
    """The bucket is refilled one by one, and never beyond its size."""
    clock = Clock(START)
    limits = limiter(clock)
    taken(limits, "tags.list")

    clock.advance(14.9)
    assert taken(limits, "tags.list") == 0
    clock.advance(0.1)
    assert taken(limits, "tags.list") == 1
    clock.advance(3600)
    assert taken(limits, "tags.list") == 4


def test_a_refused_request_costs_nothing() -> None:
    """Asking too early again and again does not make the wait longer."""
    clock = Clock(START)
    limits = limiter(clock)
    taken(limits, "tags.list")
    for _ in range(100):
        assert taken(limits, "tags.list") == 0

    clock.advance(15)
    assert taken(limits, "tags.list") == 1


@given(st.lists(st.floats(0, 40), min_size=1, max_size=30), st.integers(1, 20))
def test_a_bucket_gives_no_more_than_it_held_and_got(pauses: list[float], allowed: int) -> None:
    """However requests come, a bucket gives out what it held and what was refilled, and not one more."""
    clock = Clock(START)
    limits = limiter(clock, reads=allowed)
    passed, elapsed = 0, 0.0
    for pause in pauses:
        clock.advance(pause)
        elapsed += pause
        passed += taken(limits, "tags.list", allowed + 1)
        assert passed <= allowed + elapsed * allowed / 60 + 1e-3


def test_the_longest_wait_of_the_recorded_numbers_is_as_short_as_the_recorded_waits() -> None:
    """44,000 reads a minute leave at most 1.4 ms to wait, 2,000 writes at most 30 ms."""
    limits = Limiter(load_profile("ghcr", limits__enforce=True), Clock(START))

    def wait(name: str, allowed: int) -> str:
        assert taken(limits, name, allowed) == allowed
        with pytest.raises(Refusal) as caught:
            limits.check(Operation(name, "acme/app"))
        return caught.value.message

    assert wait("manifest.get", 44_000) == "retry-after: 1.363636ms, allowed: 44000/minute"
    assert wait("upload.put", 2_000) == "retry-after: 30ms, allowed: 2000/minute"


def test_all_reads_share_a_bucket_and_all_writes_another() -> None:
    """What is neither, such as the realm, is not counted."""
    limits = limiter(Clock(START), reads=len(READS), writes=len(WRITES))
    for name in sorted(READS | WRITES):
        assert taken(limits, name, 1) == 1

    assert {name for name in OPERATIONS if taken(limits, name, 1) == 0} == READS | WRITES


def test_by_default_nothing_is_counted() -> None:
    """A test may ask as fast as it can."""
    limits = Limiter(load_profile("ghcr", limits__reads_per_minute=1), Clock(START))

    assert taken(limits, "manifest.get", 1000) == 1000
