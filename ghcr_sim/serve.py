"""A simulator on a port: the listener, its names, its start and its end. Connections are `http1`'s and `http2`'s."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from ghcr_sim.bulk import tune_allocator
from ghcr_sim.connections import Accepted, Connections
from ghcr_sim.errors import ServeError
from ghcr_sim.http1 import Http1Server
from ghcr_sim.http2 import AlpnSwitch, Http2Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

    from ghcr_sim.assemble import Simulator
    from ghcr_sim.exchange import Handler

__all__ = ["Door", "Server", "stop_accepting"]

_TURNS = 3
"""Turns of the loop from an accept to a connection that is made."""


_NAMED_TWICE = frozenset({"127.0.0.1", "localhost"})
"""Addresses that are listened on by two names, each the other's."""


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    try:
        is_origin = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_origin = False
    if not is_origin or url.rstrip("/") != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise ServeError(f"a storage URL is http:// or https://, a name and a port, and no more: got {url!r}")
    return url.rstrip("/")


async def stop_accepting(listener: asyncio.Server) -> None:
    """Close a listener when what it has accepted is a connection, which can be closed like any other.

    asyncio would drop such a connection, open; the loop may end with the server, and its client would hear nothing.
    """
    loop = asyncio.get_running_loop()
    if isinstance(loop, asyncio.SelectorEventLoop):
        for sock in listener.sockets:
            loop.remove_reader(sock.fileno())
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    listener.close()


class Door:
    """Anything that answers, on a port, in the running loop. Use it as `async with Door(handler) as door:`.

    Args:
        handler: What answers.
        host: The address to listen on. Loopback, unless you say otherwise.
        port: The port; 0 takes a free one.
        tls: A context to serve HTTPS with; None serves plain HTTP. HTTP/2 is spoken to whom the context agrees
            on it with, as `Authority.server_context(alpn=offered())` makes it.
        patience: Seconds that a request's body may take; 0 is any time.
        grace: Seconds that requests under way may take when the door closes.

    Attributes:
        port: The port that is listened on, once it is.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        patience: float = 0.0,
        grace: float = 0.1,
    ) -> None:
        self.port = port
        self._handler = handler
        self._host = host
        self._tls = tls
        self._patience = patience
        self._grace = grace
        self._http1: Http1Server | None = None
        self._http2 = Http2Server(handler, patience=patience)
        self._connections = Connections()
        self._listener: asyncio.Server | None = None

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "https" if self._tls else "http"

    @property
    def host(self) -> str:
        """Name and port, as clients write them before `/owner/name:tag`."""
        name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(self._host, self._host)  # noqa: S104
        return f"{name}:{self.port}"

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self.scheme}://{self.host}"

    async def start(self) -> None:
        """Listen.

        Raises:
            ServeError: The port is taken, or the address is not this machine's.
        """
        tune_allocator()
        loop = asyncio.get_running_loop()
        self._http1 = Http1Server(self._handler, self.scheme, patience=self._patience)
        self._http2 = Http2Server(self._handler, patience=self._patience)
        self._connections = Connections()
        make: Callable[[], asyncio.BaseProtocol] = self._http1
        if self._tls is not None:
            make = partial(AlpnSwitch, self._http2, self._http1)
        accept = partial(Accepted, self._connections, make, self._tls)
        try:
            self._listener = await loop.create_server(
                accept, self._host, self.port, backlog=1024, reuse_address=True
            )
        except (OSError, OverflowError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise ServeError(
                f"cannot listen on {self._host} port {self.port}: {why}; --port 0 takes a free one"
            ) from None
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, let requests under way end within the grace, and close every connection."""
        if self._listener is None or self._http1 is None:
            return
        await stop_accepting(self._listener)
        if self._http2:
            await asyncio.gather(self._http1.close(self._grace), self._http2.shutdown(self._grace))
        else:
            await self._http1.close(self._grace)
        await self._connections.cut_off(self._grace)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._listener.wait_closed()
        self._listener = self._http1 = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class Server(Door):
    """A simulator on a port, in the running loop. Use it as `async with Server(simulator) as server:`.

    Args:
        simulator: What answers.
        storage_url: `scheme://host:port` under which clients reach this very server by another name. 127.0.0.1
            has localhost for another; any other address needs one, or blobs are redirected to the same origin,
            as they are for who dials localhost. There a bearer that is sent along is no leak.
        host: As for `Door`.
        port: As for `Door`.
        tls: As for `Door`.
        grace: As for `Door`.

    Raises:
        ServeError: `storage_url` is no such URL.
    """

    def __init__(
        self,
        simulator: Simulator,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        storage_url: str | None = None,
        grace: float = 0.1,
    ) -> None:
        patience = simulator.profile.uploads.slow_body_seconds
        super().__init__(simulator, host=host, port=port, tls=tls, patience=patience, grace=grace)
        self.simulator = simulator
        if storage_url is not None:
            simulator.storage.origin = _checked_url(storage_url)
        elif host not in _NAMED_TWICE:
            simulator.storage.origin = ""
