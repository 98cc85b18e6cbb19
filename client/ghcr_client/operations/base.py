"""What all operations stand on: the settings, the transport, and how a reference becomes a path.

It knows no operation.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ghcr_client.errors import NotFound, ServerError, TransportError
from ghcr_client.refs import ImageRef
from ghcr_client.retries import repeated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from ghcr_client.settings import GhcrConfig
    from ghcr_client.transport import Call, Transport

__all__ = ["Base", "deleted", "gathered"]

T = TypeVar("T")

_NOTHING_DONE = 503


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


async def gathered(tasks: Iterable[Awaitable[T]], most: int) -> list[T]:
    """The results of all, in order, a few at a time; the first failure ends the others and is raised.

    Args:
        tasks: What to wait for.
        most: How many at once.

    Returns:
        The results.
    """
    gate = asyncio.Semaphore(most)

    async def one(task: Awaitable[T]) -> T:
        async with gate:
            return await task

    running: list[asyncio.Task[T]] = []
    try:
        async with asyncio.TaskGroup() as group:
            running.extend(group.create_task(one(each)) for each in tasks)
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    return [each.result() for each in running]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure of a group, however deep it is."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
