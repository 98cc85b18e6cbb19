"""What uvloop's loops do past Python's `socket`, done by it: to look names up, to connect, and to send datagrams.

It knows no takeover: an address may be reached where a socket of Python's can be connected to it.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["REPLACEMENTS"]


async def _getaddrinfo(
    self: Any,
    host: Any,
    port: Any,
    *,
    family: int = 0,
    type: int = 0,  # noqa: A002 - the signature of what it stands for
    proto: int = 0,
    flags: int = 0,
) -> Any:
    return await self.run_in_executor(None, socket.getaddrinfo, host, port, family, type, proto, flags)


async def _getnameinfo(self: Any, sockaddr: Any, flags: int = 0) -> Any:
    return await self.run_in_executor(None, socket.getnameinfo, sockaddr, flags)


# -- connections


def _connecting(real: Any) -> Any:
    async def create_connection(
        self: Any, factory: Any, host: Any = None, port: Any = None, **more: Any
    ) -> Any:
        """Open the socket by Python, and let uvloop have it."""
        if host is None or more.get("sock") is not None:
            return await real(self, factory, host, port, **more)
        family, flags = more.pop("family", 0), more.pop("flags", 0)
        proto, local = more.pop("proto", 0), more.pop("local_addr", None)
        for name in ("happy_eyeballs_delay", "interleave", "all_errors"):
            more.pop(name, None)
        found = await _getaddrinfo(
            self, host, port, family=family, type=socket.SOCK_STREAM, proto=proto, flags=flags
        )
        sock = await _first_that_connects(self, found, local)
        try:
            if more.get("ssl") and more.get("server_hostname") is None:
                more["server_hostname"] = host
            return await real(self, factory, sock=sock, **more)
        except BaseException:
            sock.close()
            raise

    return create_connection


async def _first_that_connects(loop: Any, found: Any, local: Any) -> socket.socket:
    """Try addresses in their order.

    Raises:
        OSError: None of them can be connected to.
    """
    errors = []
    for family, kind, proto, _, address in found:
        try:
            return await _connected(loop, socket.socket(family, kind, proto), address, local)
        except OSError as error:
            errors.append(error)
    raise errors[0] if len(errors) == 1 else OSError("; ".join(map(str, errors)))


async def _connected(loop: Any, sock: socket.socket, address: Any, local: Any) -> socket.socket:
    sock.settimeout(0)
    try:
        if local is not None:
            sock.bind(local)
        await loop.sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


# -- datagrams


def _sending(real: Any) -> Any:
    async def create_datagram_endpoint(
        self: Any, factory: Any, local_addr: Any = None, remote_addr: Any = None, **more: Any
    ) -> Any:
        """Ask for each address before uvloop has it."""
        if remote_addr is not None:
            asked = {name: more.get(name, 0) for name in ("family", "proto", "flags")}
            found = await _getaddrinfo(self, *remote_addr, type=socket.SOCK_DGRAM, **asked)
            family, _, _, _, address = found[0]
            _ask(family, address)
            remote_addr = address[:2]
        protocol = _Protocol(factory())
        transport, _ = await real(self, lambda: protocol, local_addr, remote_addr, **more)
        return protocol.transport or transport, protocol.inner

    return create_datagram_endpoint


def _ask(family: int, address: Any) -> None:
    """Find out whether datagrams may go to an address; none is sent.

    Raises:
        OSError: They may not.
    """
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(address)


class _Protocol:
    """A protocol that is given a transport of ours.

    Args:
        inner: The protocol.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.transport: _Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = _Transport(transport, self.inner)
        self.inner.connection_made(self.transport)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class _Transport:
    """A transport that asks before it sends.

    Args:
        inner: The transport.
        protocol: Who is told of errors.
    """

    def __init__(self, inner: Any, protocol: Any) -> None:
        self._inner = inner
        self._protocol = protocol

    def sendto(self, data: Any, addr: Any = None) -> None:
        family = self._inner.get_extra_info("socket").family
        try:
            if addr is not None and family in {socket.AF_INET, socket.AF_INET6}:
                _ask(family, addr)
        except OSError as error:
            self._protocol.error_received(error)
            return
        self._inner.sendto(data, addr)

    def get_protocol(self) -> Any:
        return self._protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


REPLACEMENTS: dict[str, Callable[[Any], Any]] = {
    "getaddrinfo": lambda _real: _getaddrinfo,
    "getnameinfo": lambda _real: _getnameinfo,
    "create_connection": _connecting,
    "create_datagram_endpoint": _sending,
}
"""What makes the function that stands in the place of a loop's, from that."""
