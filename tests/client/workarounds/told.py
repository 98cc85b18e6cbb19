"""A story, told to a client of a registry."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from client.helping import client_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from client.peers import Peer
    from ghcr_client.client import GhcrClient

__all__ = ["with_client"]


def with_client(peer: Peer, story: Callable[[GhcrClient], Awaitable[None]], **settings: Any) -> None:
    """Run a story with a client, whose settings may be others than `client_for` gives."""

    async def main() -> None:
        async with client_for(peer, **settings) as client:
            await story(client)

    asyncio.run(main())
