"""How often callers may ask: one bucket for reads and one for writes, shared by all (ghcr-wire section 10b).

The waits that were recorded (25 µs to 1 ms on reads, 10 ms on writes) are what a bucket answers that is
refilled one by one: a minute divided by 44,000, or by 2,000, is the longest wait there can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_sim.oci import Refusal
from ghcr_sim.route import READS, WRITES, Operation

if TYPE_CHECKING:
    from ghcr_sim.clock import Clock
    from ghcr_sim.profiles.model import Profile

__all__ = ["Limiter", "go_duration"]

_MINUTE = 60.0
_ROUNDING = 1e-6
"""Seconds: what is shorter is no wait, but what floats make of the time since 1970."""


class _Bucket:
    """A minute's worth of requests, refilled evenly.

    It counts what is used, and not until when: a sum of thousands of small times on top of a large one
    would let 43,996 pass for 44,000.
    """

    __slots__ = ("_at", "_step", "_used", "allowed")

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self._step = _MINUTE / allowed
        self._used = 0.0
        self._at = 0.0

    def take(self, now: float) -> float:
        """Take one; the seconds until there is one to take, or 0."""
        used = max(0.0, self._used - (now - self._at) / self._step)
        wait = (used + 1 - self.allowed) * self._step
        if wait > _ROUNDING:
            return wait
        self._used, self._at = used + 1, now
        return 0.0


class Limiter:
    """Counts, where the profile enforces limits."""

    def __init__(self, profile: Profile, clock: Clock) -> None:
        limits = profile.limits
        self._message = limits.message
        self._clock = clock
        reads, writes = _Bucket(limits.reads_per_minute), _Bucket(limits.writes_per_minute)
        self._buckets: dict[str, _Bucket] = {}
        if limits.enforce:
            self._buckets = dict.fromkeys(READS, reads) | dict.fromkeys(WRITES, writes)

    def check(self, operation: Operation) -> None:
        """Count one operation.

        Raises:
            Refusal: TOOMANYREQUESTS, with the wait in Go's notation (row 10.1).
        """
        bucket = self._buckets.get(operation.name)
        if bucket is None:
            return
        wait = bucket.take(self._clock.now())
        if wait:
            message = self._message.format(wait=go_duration(wait), allowed=bucket.allowed)
            raise Refusal("TOOMANYREQUESTS", message, by="limits")


def go_duration(seconds: float) -> str:
    """A wait as Go prints it: `85.383µs`, `10.487765ms`, `1.5s`."""
    nanoseconds = round(seconds * 1e9)
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000)):
        if nanoseconds >= size:
            whole, rest = divmod(nanoseconds, size)
            digits = f"{rest:0{len(str(size)) - 1}}".rstrip("0")
            return f"{whole}.{digits}{unit}" if digits else f"{whole}{unit}"
    return f"{nanoseconds}ns"
