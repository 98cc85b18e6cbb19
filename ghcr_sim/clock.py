"""Time, ids and chance, as arguments: the only room that reads the system's clock and its dice.

A test moves the clock instead of waiting, and a seed makes every id the same again.
"""

from __future__ import annotations

import random
import time
import uuid
from datetime import UTC, datetime

__all__ = ["Clock", "Ids", "http_date"]

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_SHORTEST = 0x1000
"""The groups of a request id have four digits at least (ghcr-wire row 0.5)."""


class Clock:
    """Seconds since 1970, as the fake sees them.

    Args:
        start: The time at which the clock stands still until it is moved; None follows the system's.
    """

    __slots__ = ("_offset", "_start")

    def __init__(self, start: float | None = None) -> None:
        self._start = start
        self._offset = 0.0

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return (time.time() if self._start is None else self._start) + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock on. Tokens, signed addresses and upload sessions age by it; nothing waits.

        Raises:
            ValueError: `seconds` is negative: time does not run back.
        """
        if seconds < 0:
            raise ValueError(f"a clock moves forward: got {seconds} seconds")
        self._offset += seconds

    def __repr__(self) -> str:
        return f"Clock({datetime.fromtimestamp(self.now(), UTC):%Y-%m-%dT%H:%M:%SZ})"


class Ids:
    """Upload ids, request ids and secrets.

    Args:
        seed: The same seed gives the same ids in the same order; None draws from the system's entropy.
    """

    __slots__ = ("_count", "_random", "_start")

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed) if seed is not None else random.SystemRandom()  # noqa: S311 - a seed is for tests
        self._start = _SHORTEST + self._random.getrandbits(20)
        self._count = 0

    def uuid(self) -> str:
        """A random UUID (version 4)."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def key(self) -> bytes:
        """32 bytes to sign with."""
        return self._random.getrandbits(256).to_bytes(32, "big")

    def token(self, prefix: str) -> str:
        """A secret of the form of a GitHub token: the prefix and 36 characters of base 36."""
        number = self._random.getrandbits(192)
        letters = ""
        for _ in range(36):
            number, digit = divmod(number, 36)
            letters += _BASE36[digit]
        return prefix + letters

    def request(self, now: int) -> str:
        """A request id of GitHub's form (ghcr-wire row 0.5): five hex groups, the last one the time."""
        self._count += 1
        n = self._start + self._count
        groups = (0xC000 + n % 0x3FFF, n, 0x2179958 + 7 * n, 0x22512F7 + 11 * n, now)
        return "%04X:%X:%X:%X:%X" % groups  # noqa: UP031 - each answer has one, and this takes half the time


def http_date(now: float) -> str:
    """A time as HTTP's `Date` writes it (RFC 9110, section 5.6.7), whatever the locale."""
    t = time.gmtime(now)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year} "
        f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT"
    )
