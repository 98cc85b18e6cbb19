"""How many exchanges with one registry are under way: as many as it has connections, and half of them send at most.

Content that is sent may come from the same registry: were all connections taken by those who send, none would be left
for what they wait for. Who sends takes the place before the content is opened, and keeps it to the last chunk. Waiting
here is before the clock of a request starts, so that a busy client is not taken for a slow registry.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Gates"]


class Gates:
    """A gate for each registry.

    Args:
        most: Exchanges with one registry at once; at least two, one to send and one to receive.
    """

    def __init__(self, most: int) -> None:
        self._most = max(2, most)
        self._gates: dict[str, tuple[asyncio.Semaphore, asyncio.Semaphore]] = {}

    @contextlib.asynccontextmanager
    async def through(self, registry: str, *, sends: bool) -> AsyncIterator[None]:
        """A place for an exchange, for as long as the block runs.

        Args:
            registry: Which registry.
            sends: Whether content is sent that has to come from somewhere.

        Yields:
            Nothing, when it is this exchange's turn.
        """
        if registry not in self._gates:
            self._gates[registry] = (asyncio.Semaphore(self._most), asyncio.Semaphore(self._most // 2))
        all_, sending = self._gates[registry]
        if sends:
            async with sending, all_:
                yield
        else:
            async with all_:
                yield
