"""A bare `aiohttp.web.Server`: what the fake is built on, without the fake. The floor of four rows.

In this process, in the running loop or in a thread of its own, it answers every request with an empty 200.
As a program (`python bare.py PORT`) it takes any push, keeps nothing but the manifest, and answers that to
every GET and HEAD, with ghcr.io's headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

__all__ = ["bare", "bare_in_thread"]

_HEADERS = {
    "Content-Type": "application/vnd.oci.image.manifest.v1+json",
    "Docker-Distribution-Api-Version": "registry/2.0",
    "Docker-Content-Digest": f"sha256:{'0' * 64}",
    "ETag": f'"sha256:{"0" * 64}"',
    "X-GitHub-Request-Id": "0000:000000:0000000:0000000:00000000",
}


async def _empty(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response()


@contextlib.asynccontextmanager
async def bare(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] = _empty, port: int = 0
) -> AsyncIterator[str]:
    """A server in the running loop; its URL."""
    server = web.Server(handler, access_log=None)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        server.pre_shutdown()  # closes what is idle; without it, shutdown waits its whole grace
        await server.shutdown(0.1)
        await listener.wait_closed()


@contextlib.contextmanager
def bare_in_thread() -> Iterator[str]:
    """The same in a loop thread that is started and ended with it, as a plain fixture would have it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = bare()
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _serve(port: int) -> None:
    manifest = b""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal manifest
        if request.method == "POST":
            return web.Response(status=202, headers={"Location": f"{request.path}1"})
        if request.method == "PUT":
            manifest = await request.read()
            return web.Response(status=201)
        return web.Response(body=manifest, headers=_HEADERS)

    async with bare(handle, port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(int(sys.argv[1])))
