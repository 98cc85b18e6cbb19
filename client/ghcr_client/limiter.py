"""How often each registry may be asked: pauses that it demanded, and a slow-down before a known limit is met.

A limit is known for ghcr.io from the start, and for others once they name theirs: in GHCR's message, or in the header
fields of Docker Hub and GitHub. It decides how long to wait and sends nothing. Sources: `reference/ghcr-wire.md` rows
10.1 to 10.5; `reference/registry-clients.md` section 2 rows 7, 8 and 25.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from ghcr_client.answers import header

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghcr_client.clock import Clock

__all__ = ["Kind", "LimitState", "Limiter"]

Kind = Literal["read", "write"]

_KNOWN: dict[tuple[str, Kind], int] = {("ghcr.io", "read"): 44_000, ("ghcr.io", "write"): 2_000}
"""Requests a minute that GHCR was seen to allow."""

_PREFIXES = ("ratelimit", "x-ratelimit")
_PERIODS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
_RATE = re.compile(r"(\d{1,12})/([a-z]+)")

_WIDEST = 60.0
"""Seconds between two requests at most: where a period is a day, a refusal is better than a long silence."""

_FIELD = re.compile(r"\s*(\d{1,12})\s*(?:;\s*w=(\d{1,8}))?")


@dataclass(frozen=True, slots=True)
class LimitState:
    """What is known of a limit.

    Attributes:
        limit: Requests in a period, or None where the registry has named none.
        period: Seconds of the period.
        remaining: Requests left in this period, or None.
        wait: Seconds until the next request may go.
    """

    limit: int | None
    period: float
    remaining: int | None
    wait: float


@dataclass(slots=True)
class _Bucket:
    """What was asked of one registry in this period."""

    limit: int | None = None
    period: float = 60.0
    began: float = 0.0
    used: int = 0
    free_at: float = 0.0
    next_at: float = 0.0


class Limiter:
    """Delays requests; one for all that a client does.

    Args:
        clock: The time.
        threshold: The part of a limit from which on requests are spread over what is left of its period.
    """

    def __init__(self, clock: Clock, threshold: float = 0.8) -> None:
        self._clock = clock
        self._threshold = threshold
        self._buckets: dict[tuple[str, Kind], _Bucket] = {}

    def _bucket(self, registry: str, kind: Kind) -> _Bucket:
        key = (registry, kind)
        if key not in self._buckets:
            self._buckets[key] = _Bucket(limit=_KNOWN.get(key), began=self._clock.monotonic())
        return self._buckets[key]

    async def turn(self, registry: str, kind: Kind) -> None:
        """Return when the next request may go, and count it.

        Args:
            registry: Which registry.
            kind: Whether it is read or written: GHCR counts them apart.
        """
        if wait := self._take(self._bucket(registry, kind)):
            await self._clock.sleep(wait)

    def _take(self, bucket: _Bucket) -> float:
        """Seconds to wait for the next place; the place is taken."""
        now = self._clock.monotonic()
        if now - bucket.began >= bucket.period:
            bucket.began, bucket.used = now, 0
        at = max(now, bucket.free_at, bucket.began)
        if bucket.limit is not None and bucket.used >= bucket.limit * self._threshold:
            at = max(at, bucket.next_at)
            left = bucket.began + bucket.period - at
            if left <= 0:  # the period is full: this is the first place of the next one
                bucket.began, bucket.used = at, 0
            bucket.next_at = at + min(max(0.0, left) / max(1, bucket.limit - bucket.used), _WIDEST)
        bucket.used += 1
        return at - now

    def pause(self, registry: str, kind: Kind, seconds: float) -> None:
        """Let nothing go for a while: the registry said so to somebody.

        Args:
            registry: Which registry.
            kind: What it was about.
            seconds: How long.
        """
        bucket = self._bucket(registry, kind)
        bucket.free_at = max(bucket.free_at, self._clock.monotonic() + seconds)

    def learn_rate(self, registry: str, kind: Kind, allowed: str) -> None:
        """Take over a limit that a message names.

        Args:
            registry: Which registry.
            kind: What it was about.
            allowed: Such as `2000/minute`; what cannot be read is ignored.
        """
        form = _RATE.fullmatch(allowed)
        if form and form[2] in _PERIODS and int(form[1]) > 0:
            bucket = self._bucket(registry, kind)
            bucket.limit, bucket.period = int(form[1]), _PERIODS[form[2]]

    def learn_headers(self, registry: str, kind: Kind, headers: Mapping[str, str]) -> None:
        """Take over a limit that an answer's header fields name: `RateLimit-…` or `X-RateLimit-…`.

        Args:
            registry: Which registry.
            kind: What it was about.
            headers: The answer's header fields.
        """
        for prefix in _PREFIXES:
            limit = _FIELD.match(header(headers, f"{prefix}-limit"))
            left = _FIELD.match(header(headers, f"{prefix}-remaining"))
            if limit and left and int(limit[1]) > 0 and limit[2] != "0":
                bucket = self._bucket(registry, kind)
                bucket.limit = int(limit[1])
                bucket.period = float(limit[2] or 3600)
                bucket.used = max(0, bucket.limit - int(left[1]))
                return

    def remaining(self, registry: str) -> int | None:
        """How many requests the tightest known limit of a registry still allows; None where none is known.

        Args:
            registry: Which registry.

        Returns:
            Requests.
        """
        states = (self.state(registry, kind).remaining for kind in get_args(Kind))
        return min((each for each in states if each is not None), default=None)

    def state(self, registry: str, kind: Kind) -> LimitState:
        """What is known of a limit; asking changes nothing.

        Args:
            registry: Which registry.
            kind: Reading or writing.

        Returns:
            The state now.
        """
        bucket = self._bucket(registry, kind)
        now = self._clock.monotonic()
        used = 0 if now - bucket.began >= bucket.period else bucket.used
        left = None if bucket.limit is None else max(0, bucket.limit - used)
        return LimitState(bucket.limit, bucket.period, left, max(0.0, bucket.free_at - now))
