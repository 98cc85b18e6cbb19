"""Which protocol a TLS connection speaks: what was agreed upon in its handshake (RFC 7301)."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AlpnSwitch", "offered"]


def offered() -> tuple[str, ...]:
    """Return what a TLS context should offer: `h2` only where the library for it is installed."""
    return ("h2", "http/1.1") if importlib.util.find_spec("h2") else ("http/1.1",)


class AlpnSwitch(asyncio.Protocol):
    """What a TLS listener makes for a connection, until the handshake has said what it should have been.

    Args:
        http2: Makes the protocol for a connection that agreed on `h2`.
        http1: Makes the protocol for every other one, also for a client that knows no ALPN.
    """

    def __init__(
        self, http2: Callable[[], asyncio.BaseProtocol], http1: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        self._http2 = http2
        self._http1 = http1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection over. Nothing has been read from it yet."""
        tls = transport.get_extra_info("ssl_object")
        agreed = tls.selected_alpn_protocol() if tls is not None else None
        protocol = self._http2() if agreed == "h2" else self._http1()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
