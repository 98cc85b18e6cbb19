"""What all operations stand on: the settings, the transport, and how a reference becomes a path.

It knows no operation.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ghcr_client.errors import NotFound, ServerError, TransportError
from ghcr_client.refs import ImageRef
from ghcr_client.retries import repeated, wait_before

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ghcr_client.calls import Call
    from ghcr_client.errors import GhcrError
    from ghcr_client.settings import GhcrConfig
    from ghcr_client.transport import Transport

__all__ = ["DEEPEST", "Base", "deleted", "gathered"]

DEEPEST = 8
"""How many indexes within indexes are followed."""

T = TypeVar("T")
Item = TypeVar("Item")

_NOTHING_DONE = 503
_log = logging.getLogger("ghcr_client")


class Base:
    """The ground of the operations."""

    config: GhcrConfig
    _transport: Transport

    def ref(self, ref: ImageRef | str) -> ImageRef:
        """A reference, read as this client reads it.

        Args:
            ref: A reference, or a text as `ImageRef.parse` takes it; without a registry, the settings' one is meant.

        Returns:
            The reference.

        Raises:
            InvalidReference: The text is not a reference.

        Example:
            client.ref("acme/app").tag  # 'latest'
        """
        return (
            ref if isinstance(ref, ImageRef) else ImageRef.parse(ref, registry=self.config.default_registry)
        )

    async def _pause(self, tries: int, error: GhcrError) -> None:
        """Wait before a further try, after so many that ended so."""
        clock = self._transport.clock
        seconds = wait_before(tries, error, clock.jitter())
        _log.info("%s; going on in %.3f s", error, seconds)
        await clock.sleep(seconds)


async def deleted(transport: Transport, call: Call) -> None:
    """Delete; after an answer that was lost, that there is nothing any more is what was wanted.

    Args:
        transport: What sends.
        call: What to delete.

    Raises:
        NotFound: There was nothing.
        GhcrError: As `Transport.ask` does.
    """
    doubtful = False

    async def attempt() -> None:
        nonlocal doubtful
        try:
            await transport.ask(replace(call, retry=False))
        except NotFound:
            if not doubtful:
                raise
        except (TransportError, ServerError) as error:
            doubtful = doubtful or getattr(error, "status", 0) != _NOTHING_DONE
            raise

    await repeated(attempt, transport.config.max_retries, transport.clock)


async def gathered(work: Callable[[Item], Awaitable[T]], items: Iterable[Item], most: int) -> list[T]:
    """The results of some work on each item, in order, a few at a time.

    The first failure ends the others and is raised. Of what waits for its turn nothing exists yet.

    Args:
        work: What is done with an item.
        items: With what.
        most: How many at once.

    Returns:
        The results.
    """
    gate = asyncio.Semaphore(most)

    async def one(item: Item) -> T:
        async with gate:
            return await work(item)

    running: list[asyncio.Task[T]] = []
    try:
        async with asyncio.TaskGroup() as group:
            running.extend(group.create_task(one(each)) for each in items)
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    return [each.result() for each in running]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure of a group, however deep it is."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
