"""The forward door: an HTTPS proxy that takes over some hosts, by certificates of an authority made for this run.

`CONNECT ghcr.io:443` is answered, and what the client then says inside TLS goes to the handler as if it had come to
that host. Hosts that are not taken over are refused: nothing leaves by accident. It listens on loopback. Sources: RFC
9110, section 9.3.6.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Self, cast

from ghcr_sim.bulk import tune_allocator
from ghcr_sim.connections import Connections
from ghcr_sim.errors import ServeError
from ghcr_sim.http1 import Http1Server
from ghcr_sim.serve import stop_accepting

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from ghcr_sim.exchange import Handler
    from ghcr_sim.tls import Authority

__all__ = ["Proxy"]

_HEAD_LIMIT = 16 * 1024
_HEAD_SECONDS = 10.0
_GRACE = 0.1
"""Seconds that requests under way may take when it closes."""

_CONNECT = re.compile(rb"CONNECT ([A-Za-z0-9.-]{1,253}):([0-9]{1,5}) HTTP/1\.[01]\r\n")
_PLAIN = re.compile(rb"[A-Z]+ http://(?:[^/?#@ ]*@)?([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\])[:/?# ]")
"""What a client sends that uses it as a proxy for plain HTTP (RFC 9112, section 3.2.2)."""


class Proxy:
    """A proxy on a loopback port. Use it as `async with Proxy(handler, authority, hosts) as proxy:`.

    Args:
        handler: What answers for the hosts that are taken over; its requests say which one is meant.
        authority: Makes their certificates.
        hosts: The hosts.
        port: The port; 0 takes a free one.
        ports: On which ports they are taken over; None for every one.

    Attributes:
        refused: Hosts that were asked for and are not taken over.
        closed: What else of hosts that are was asked for, and is not served: `ghcr.io:8443`, `http://ghcr.io`.
    """

    def __init__(
        self,
        handler: Handler,
        authority: Authority,
        hosts: frozenset[str],
        *,
        port: int = 0,
        ports: frozenset[int] | None = None,
    ) -> None:
        self._http1: Http1Server | None = None
        self._connections = Connections()
        self._handler = handler
        self._authority = authority
        self._hosts = hosts
        self._ports = ports
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._listener: asyncio.Server | None = None
        self.port = port
        self.refused: list[str] = []
        self.closed: list[str] = []

    @property
    def url(self) -> str:
        """Where it is, as `HTTPS_PROXY` wants it."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        tune_allocator()
        self._http1 = Http1Server(self._handler, "https")
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._connected, "127.0.0.1", self.port
            )
        except OSError as error:
            raise ServeError(
                f"cannot listen on 127.0.0.1 port {self.port}: {error.strerror}; --port 0 takes a free one"
            ) from None
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        assert self._http1 is not None
        await stop_accepting(self._listener)
        await self._http1.close(_GRACE)
        await self._connections.cut_off(_GRACE)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._listener.wait_closed()

    def _context(self, host: str) -> ssl.SSLContext:
        """The TLS of a host; recorders speak HTTP/1.1 only."""
        if host not in self._contexts:
            self._contexts[host] = self._authority.server_context(host, alpn=("http/1.1",))
        return self._contexts[host]

    def _connected(self) -> _Connect:
        """The protocol for a new connection."""
        return _Connect(self)

    def opens(self, host: str, port: int) -> bool:
        """Whether a host is taken over on a port; what is not is noted."""
        if not self._known(host):
            return False
        if self._ports is None or port in self._ports:
            return True
        self.closed.append(f"{host}:{port}")
        return False

    def refusal_of_plain(self, host: str) -> str:
        """What to say to who wants a host without TLS, which is noted."""
        said = f"http://{host} is not taken over by this proxy"
        if not self._known(host):
            return said
        self.closed.append(f"http://{host}")
        return f"{said}: say https://{host}"

    def _known(self, host: str) -> bool:
        """Whether a host is one of ours; one that is not is noted."""
        if host not in self._hosts:
            self.refused.append(host)
        return host in self._hosts

    def accepted(self, transport: asyncio.Transport) -> None:
        """Take note of a connection."""
        self._connections.add(transport)

    def take_over(self, transport: asyncio.Transport, host: str) -> None:
        """Speak TLS as a host, and hand the connection to the HTTP server."""
        assert self._http1 is not None
        self._connections.begin_tls(transport, self._context(host), self._http1())


class _Connect(asyncio.Protocol):
    """A connection until its CONNECT is answered.

    Args:
        proxy: Whose it is.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the head, but not for ever."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        self._proxy.accepted(self._transport)
        self._watch = asyncio.get_running_loop().call_later(_HEAD_SECONDS, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Stop waiting."""
        if self._watch is not None:
            self._watch.cancel()

    def data_received(self, data: bytes) -> None:
        """Take the head, and answer it when it is whole."""
        self._head += data
        if b"\r\n\r\n" not in self._head and len(self._head) <= _HEAD_LIMIT:
            return
        assert self._transport is not None
        assert self._watch is not None
        self._watch.cancel()
        if b"\r\n\r\n" not in self._head:
            self._transport.abort()
            return
        self._answer(self._transport, bytes(self._head))

    def _answer(self, transport: asyncio.Transport, head: bytes) -> None:
        if (said := _CONNECT.match(head)) is not None:
            host, port = said[1].decode().lower(), int(said[2])
            if self._proxy.opens(host, port):
                transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._proxy.take_over(transport, host)
                return
            why = f"{host}:{port} is not taken over by this proxy"
        elif (said := _PLAIN.match(head)) is not None:
            why = self._proxy.refusal_of_plain(said[1].decode().lower())
        else:
            line = head[:100].partition(b"\r\n")[0].decode("latin-1")
            why = f"{line} is not taken over by this proxy"
        transport.write(_refusal(why))
        transport.close()


def _refusal(why: str) -> bytes:
    """The answer to who wants what is not taken over."""
    text = f"{why}\n".encode()
    fields = ("content-type: text/plain", "connection: close", f"content-length: {len(text)}")
    return "\r\n".join(("HTTP/1.1 403 Forbidden", *fields, "", "")).encode() + text
