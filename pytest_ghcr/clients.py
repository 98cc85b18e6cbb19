"""`ghcr_client`: our client, connected to the test's fake or cassette, for tests with a loop and without.

An asynchronous client is opened in the test's own loop, whoever runs that, just before the test and closed just after.
"""

from __future__ import annotations

import contextlib
import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

from ghcr_client import GhcrClient, GhcrConfig, SyncGhcrClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

__all__ = ["connected"]


@contextlib.contextmanager
def connected(item: pytest.Item, url: str, token: str) -> Iterator[GhcrClient | SyncGhcrClient]:
    """A client whose `ghcr.io` is at a URL.

    Args:
        item: The test that it is for.
        url: Where ghcr.io is.
        token: Who it is.
    """
    config = GhcrConfig(
        token=token or None, **({} if url == "https://ghcr.io" else {"endpoints": {"ghcr.io": url}})
    )
    test = getattr(item, "obj", None)
    if not inspect.iscoroutinefunction(test):
        with SyncGhcrClient(config) as blocking:
            yield blocking
        return
    client = GhcrClient(config)

    @wraps(test)
    async def with_client(*args: Any, **more: Any) -> Any:
        async with client:
            return await test(*args, **more)

    item.obj = with_client  # type: ignore[attr-defined]
    try:
        yield client
    finally:
        item.obj = test  # type: ignore[attr-defined]
