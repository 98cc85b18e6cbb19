"""Which failures are worth another try, and how long to wait for it.

Connections that broke, time-outs, 408, 429, 499, 5xx and GHCR's secondary limit pass; everything else does not, and
is raised at once. The waits are 1, 2 and 4 s with jitter, or what the registry says: GHCR writes some microseconds
into its message, which is believed, with a floor that grows. The loop itself is tenacity's, and is made when a
first try has failed: most never do. Source: `reference/registry-clients.md` section 1.6 and section 2 rows 7 and 8.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from ghcr_client.errors import RegistryError, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenacity import RetryCallState

    from ghcr_client.clock import Clock

__all__ = ["LONGEST_WAIT", "is_temporary", "repeated", "wait_before"]

T = TypeVar("T")

LONGEST_WAIT = 120.0
"""Seconds; a registry that wants more gets no further try, and its error says until when."""

_FLOOR = 0.01
_MOST = 60.0
_SPREAD = 0.25
_log = logging.getLogger("ghcr_client")


def is_temporary(error: BaseException) -> bool:
    """Whether the same request may succeed later.

    Args:
        error: What happened.

    Returns:
        True for lost connections, time-outs, limits that pass soon and failures of the server.

    Example:
        >>> from ghcr_client.errors import RateLimited
        >>> is_temporary(RateLimited(status=429, retry_after=0.25)), is_temporary(RegistryError(status=404))
        (True, False)
    """
    if isinstance(error, RegistryError):
        return error.is_temporary and (error.retry_after or 0) <= LONGEST_WAIT
    return isinstance(error, TransportError) and error.is_temporary


def wait_before(attempt: int, error: BaseException | None, jitter: float) -> float:
    """Seconds to wait before a further try.

    Args:
        attempt: How many tries there were, from 1.
        error: What the last one ended with.
        jitter: A number from 0 to 1.

    Returns:
        What the registry says, at least 10, 40, 160 … ms; else 1, 2, 4 … s. They grow to a minute at most, and up to a
        quarter is added by chance.

    Example:
        >>> from ghcr_client.errors import RateLimited
        >>> wait_before(3, None, jitter=0.0), wait_before(1, RateLimited(status=429, retry_after=0.25), jitter=0.0)
        (4.0, 0.25)
    """
    said = error.retry_after if isinstance(error, RegistryError) else None
    grown = 2.0 ** (attempt - 1) if said is None else _FLOOR * 4 ** (attempt - 1)
    seconds = max(said or 0.0, min(grown, _MOST))
    return seconds * (1 + _SPREAD * jitter)


async def repeated(attempt: Callable[[], Awaitable[T]], retries: int, clock: Clock) -> T:
    """The result of something that may fail, tried again while that may help.

    Args:
        attempt: One try.
        retries: How many further tries there are at most.
        clock: The time.

    Returns:
        The first result.

    Raises:
        GhcrError: The last try's own error.
    """
    try:
        return await attempt()
    except Exception as error:
        if not retries or not is_temporary(error):
            raise
        failure = error
    return await _go_on(attempt, failure, retries, clock)


async def _go_on(attempt: Callable[[], Awaitable[T]], error: Exception, retries: int, clock: Clock) -> T:
    """The loop, whose first try is the one that has failed."""
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt  # noqa: PLC0415

    failed = [error]

    async def attempt_or_fail() -> T:
        if failed:
            raise failed.pop()
        return await attempt()

    def wait(state: RetryCallState) -> float:
        return wait_before(state.attempt_number, _failure(state), clock.jitter())

    loop = AsyncRetrying(
        stop=stop_after_attempt(retries + 1),
        wait=wait,
        retry=retry_if_exception(is_temporary),
        sleep=clock.sleep,
        before_sleep=_tell,
        reraise=True,
    )
    result: T = await loop(attempt_or_fail)
    return result


def _failure(state: RetryCallState) -> BaseException | None:
    """What the last try ended with."""
    return state.outcome.exception() if state.outcome else None


def _tell(state: RetryCallState) -> None:
    """Log that there will be another try."""
    wait = state.next_action.sleep if state.next_action else 0.0
    _log.info("%s; trying again in %.3f s", _failure(state), wait)
