"""`ghcr_client`: our client, connected to the test's fake or cassette, for tests with a loop and without.

An asynchronous client opens itself in the loop of its first call, whoever runs that: a test, a fixture, a test case. It
is closed behind the test and, where it is used again, with its loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, Self

from ghcr_client import Anonymous, GhcrClient, GhcrConfig, StaticCredentials, SyncGhcrClient
from ghcr_client.errors import ConfigError
from ghcr_client.transport import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

    import aiohttp
    import pytest
    from ghcr_client.calls import Answer, Call

__all__ = ["connected"]


@contextlib.contextmanager
def connected(item: pytest.Item, url: str, token: str) -> Iterator[GhcrClient | SyncGhcrClient]:
    """A client whose `ghcr.io` is at a URL, and that is nobody elsewhere, whoever runs the tests.

    Args:
        item: The test that it is for.
        url: Where ghcr.io is.
        token: Who it is there; nobody if empty.
    """
    endpoints = {} if url == "https://ghcr.io" else {"ghcr.io": url}
    config = GhcrConfig(registry="ghcr.io", endpoints=endpoints, simulation="off")
    credentials = StaticCredentials("", token) if token else Anonymous()
    if not _is_coroutine(item):
        with SyncGhcrClient(config, credentials=credentials) as blocking:
            yield blocking
        return
    client = _TestsClient(config, credentials=credentials)
    test = getattr(item, "obj", None)
    if inspect.iscoroutinefunction(test):
        item.obj = _closing(client, test)  # type: ignore[attr-defined]
    try:
        yield client
    finally:
        item.obj = test  # type: ignore[attr-defined]
        client.end()


def _closing(client: GhcrClient, test: Callable[..., Any]) -> Callable[..., Any]:
    """A test that closes the client behind it: not everybody who runs a loop ends it with care."""

    @wraps(test)
    async def closing(*args: Any, **more: Any) -> Any:
        try:
            return await test(*args, **more)
        finally:
            await client.__aexit__(None, None, None)

    return closing


def _is_coroutine(item: pytest.Item) -> bool:
    """Whether a test is a coroutine function, also one behind `@given` or another wrapper."""
    test: Any = getattr(item, "obj", None)
    inner = getattr(getattr(test, "hypothesis", None), "inner_test", test)
    # Who runs coroutines puts a function of its own there; hypothesis keeps the first one here.
    test = getattr(test, "__wrapped_target", inner)
    return inspect.iscoroutinefunction(test) or inspect.iscoroutinefunction(inspect.unwrap(test))


class _TestsTransport(Transport):
    """A transport that is open from its first call on, until the loop of that ends."""

    _life: AsyncGenerator[None] | None = None

    async def __aenter__(self) -> Self:
        loop = _running_loop()
        if self._life is None or self._loop is None or self._loop.is_closed():
            self._loop, self._life = loop, self._living()
            await anext(self._life)
        elif self._loop is not loop:
            raise ConfigError(
                "ghcr_client belongs to the loop of its first call, and this is another one: let the test and its "
                "fixtures share a loop, or make a GhcrClient in each"
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._life is not None and self._loop is asyncio.get_running_loop():
            await self._life.aclose()

    async def _living(self) -> AsyncGenerator[None]:
        """Be open. Whoever runs a loop closes such generators before it ends: that is when a client has to close."""
        await super().__aenter__()
        try:
            yield
        finally:
            self._life = None
            await super().__aexit__()

    def end(self) -> None:
        """Close it, where its loop goes on after the test."""
        life, loop = self._life, self._loop
        if life is None or loop is None or loop.is_closed():
            return
        if loop.is_running():
            asyncio.run_coroutine_threadsafe(self.__aexit__(), loop)
        else:
            loop.run_until_complete(self.__aexit__())

    async def ask(self, call: Call) -> Answer:
        await self.__aenter__()
        return await super().ask(call)

    @contextlib.asynccontextmanager
    async def open(self, call: Call) -> AsyncIterator[aiohttp.ClientResponse]:
        await self.__aenter__()
        async with super().open(call) as answer:
            yield answer


class _TestsClient(GhcrClient):
    """A client that nobody has to open."""

    _transport_type = _TestsTransport
    _transport: _TestsTransport

    def end(self) -> None:
        """Close it."""
        self._transport.end()


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigError(
            "ghcr_client runs in asyncio, and this test does not: let anyio_backend be 'asyncio', or use a "
            "SyncGhcrClient in a thread"
        ) from None
