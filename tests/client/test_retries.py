"""Retries: which failures pass, how long is waited for them, and what a registry's own words change."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from client.helping import QuickClock
from ghcr_client.clock import Clock
from ghcr_client.errors import ConfigError, DigestMismatch, GhcrError, ProtocolError, TransportError
from ghcr_client.refusals import error_from_answer
from ghcr_client.retries import is_temporary, repeated, wait_before

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 10, 7, 12, 0, 0, tzinfo=UTC)
SECONDARY = b'{"errors":[{"code":"DENIED","message":"You have exceeded a secondary rate limit"}]}'
MICROSECONDS = (
    b'{"errors":[{"code":"TOOMANYREQUESTS","message":"retry-after: 85.383\xc2\xb5s, allowed: 44000/minute"}]}'
)


def answer(status: int, body: bytes = b"", **headers: str) -> GhcrError:
    """The error of an answer."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_from_answer(status, fields, body, operation="manifest.get", now=NOW)


CLASSES: dict[str, tuple[BaseException, bool]] = {
    **{str(status): (answer(status), True) for status in (408, 429, 499, 500, 502, 503, 504, 522)},
    **{str(status): (answer(status), False) for status in (400, 401, 403, 404, 405, 409, 413, 416)},
    "connection": (TransportError("the connection failed"), True),
    "TLS": (TransportError("TLS failed", temporary=False), False),
    "secondary limit": (answer(403, SECONDARY), True),
    "storage address expired": (
        error_from_answer(403, {}, b"", operation="blob.get", from_storage=True),
        True,
    ),
    "429 for a while": (answer(429, retry_after="120"), True),
    "429 for long": (answer(429, retry_after="121"), False),
    "503 for long": (answer(503, retry_after="3600"), False),
    "protocol": (ProtocolError("no JSON"), False),
    "digest": (DigestMismatch("sha256:a", "sha256:b"), False),
    "settings": (ConfigError("no"), False),
    "foreign": (OSError("disk"), False),
    "cancelled": (asyncio.CancelledError(), False),
}


@pytest.mark.parametrize(("error", "temporary"), CLASSES.values(), ids=CLASSES)
def test_classes(error: BaseException, temporary: bool) -> None:
    """What passes is tried again, and nothing else is."""
    assert is_temporary(error) is temporary


WAITS: dict[str, tuple[BaseException | None, list[float]]] = {
    "nobody says": (TransportError(""), [1.0, 2.0, 4.0, 8.0]),
    "a server error": (answer(503), [1.0, 2.0, 4.0, 8.0]),
    "seconds": (answer(503, retry_after="3"), [3.0, 3.0, 3.0, 3.0]),
    "a date": (answer(429, retry_after="Wed, 07 Oct 2026 12:00:05 GMT"), [5.0, 5.0, 5.0, 5.0]),
    "the past": (answer(429, retry_after="Wed, 07 Oct 2026 11:00:00 GMT"), [0.01, 0.04, 0.16, 0.64]),
    "none": (answer(429, retry_after="0"), [0.01, 0.04, 0.16, 0.64]),
    "GHCR's microseconds": (answer(429, MICROSECONDS), [0.01, 0.04, 0.16, 0.64]),
    "GitHub's reset": (
        answer(429, x_ratelimit_remaining="0", x_ratelimit_reset=str(int(NOW.timestamp()) + 30)),
        [30.0, 30.0, 30.0, 30.0],
    ),
    "a reset while some are left": (
        answer(429, x_ratelimit_remaining="5", x_ratelimit_reset=str(int(NOW.timestamp()) + 30)),
        [1.0, 2.0, 4.0, 8.0],
    ),
    "GHCR's secondary limit": (answer(403, SECONDARY), [60.0, 60.0, 60.0, 60.0]),
}


@pytest.mark.parametrize(("error", "waits"), WAITS.values(), ids=WAITS)
def test_waits(error: BaseException | None, waits: list[float]) -> None:
    """1, 2, 4 s where nobody says; else what is said, above a floor that grows."""
    assert [wait_before(attempt, error, 0.0) for attempt in range(1, 5)] == pytest.approx(waits)


def test_jitter() -> None:
    """Chance makes a wait up to a quarter longer, and never shorter than what was said."""
    error = answer(429, retry_after="8")
    assert [wait_before(1, error, jitter) for jitter in (0.0, 0.5, 1.0)] == [8.0, 9.0, 10.0]


@pytest.mark.parametrize("error", [None, answer(429, MICROSECONDS)], ids=["nobody says", "microseconds"])
def test_no_wait_is_endless(error: BaseException | None) -> None:
    """Also the last of the most tries that settings allow is not for tomorrow."""
    assert max(wait_before(attempt, error, 1.0) for attempt in range(1, 21)) == 75.0


def failing(*errors: BaseException) -> Callable[[], Any]:
    """Something that fails so often, and then gives the number of tries."""
    tries = 0

    async def attempt() -> int:
        nonlocal tries
        tries += 1
        if tries <= len(errors):
            raise errors[tries - 1]
        return tries

    return attempt


def test_it_passes() -> None:
    """After three failures, the fourth try counts; the waits grow."""
    clock = QuickClock()
    assert asyncio.run(repeated(failing(*[TransportError("gone")] * 3), 3, clock)) == 4
    assert clock.slept == [1.125, 2.25, 4.5]


def test_it_does_not_pass() -> None:
    """After the last try, its own error is raised."""
    clock = QuickClock()
    errors = [TransportError(f"number {count}") for count in range(9)]
    with pytest.raises(TransportError, match="number 3"):
        asyncio.run(repeated(failing(*errors), 3, clock))
    assert len(clock.slept) == 3


@pytest.mark.parametrize(
    ("errors", "retries", "slept"),
    [
        pytest.param([answer(404)], 3, 0, id="at once"),
        pytest.param([TransportError("gone"), answer(404)], 3, 1, id="at the second try"),
        pytest.param([TransportError("gone")], 0, 0, id="no retries"),
        pytest.param([answer(429, retry_after="600")], 3, 0, id="wait too long"),
    ],
)
def test_no_further_try(errors: list[GhcrError], retries: int, slept: int) -> None:
    """What does not pass ends the loop with itself."""
    clock = QuickClock()
    with pytest.raises(GhcrError) as caught:
        asyncio.run(repeated(failing(*errors), retries, clock))
    assert caught.value is errors[-1]
    assert len(clock.slept) == slept


def test_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Each further try is told, with its reason and its wait."""
    with caplog.at_level(logging.INFO, "ghcr_client"):
        asyncio.run(repeated(failing(TransportError("gone")), 3, QuickClock()))
    assert [record.getMessage() for record in caplog.records] == ["gone; trying again in 1.125 s"]


def test_this_machines_time() -> None:
    """The clock of those who give none is this machine's: it sleeps, does not go back, and has dice."""
    clock = Clock()
    before = clock.monotonic()
    asyncio.run(clock.sleep(0))
    assert clock.monotonic() >= before
    assert all(0 <= clock.jitter() < 1 for _ in range(100))
