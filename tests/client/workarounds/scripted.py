"""A server that answers as a test says: for what the fake cannot be made to do."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    Script = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

__all__ = ["Came", "Scripted"]


class Came(NamedTuple):
    """A request that came.

    Attributes:
        method: Its method.
        path: Its path and query, as they were on the wire.
        headers: Its header fields.
    """

    method: str
    path: str
    headers: Mapping[str, str]


class Scripted:
    """A server on a loopback port that follows a script.

    Args:
        script: Answers each request.

    Attributes:
        url: Where it is, while it runs.
        came: What was asked.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self.url = ""
        self.came: list[Came] = []

    @property
    def methods(self) -> list[str]:
        """The methods that came, in order."""
        return [each.method for each in self.came]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Scripted]:
        """Listen for as long as the block runs."""
        runner = web.ServerRunner(web.Server(self._answer, access_log=None))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.came.append(Came(request.method, request.raw_path, dict(request.headers)))
        return await self._script(request)
