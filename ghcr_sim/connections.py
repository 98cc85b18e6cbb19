"""The sockets of a listener, each known from its accept to its end, whatever is spoken on it.

TLS is begun here, and not by the listener: asyncio and uvloop show nobody a connection whose handshake is under way,
and where TLS has ended they keep the socket until the client has answered. What is spoken is not known here.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Coroutine, Generator

__all__ = ["Accepted", "Connections"]

T = TypeVar("T")

_TICK = 0.01
"""Seconds between two looks at what is not sent yet."""

_TURNS = 3
"""Turns of the loop from an abort to a protocol, behind TLS, that knows of it."""


class Connections:
    """What a listener has accepted and is not closed yet."""

    def __init__(self) -> None:
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._closed = False

    def add(self, transport: asyncio.Transport) -> None:
        """Take note of a connection; one that comes after the end is cut off."""
        self._transports.add(transport)
        if self._closed:
            transport.abort()

    def begin_tls(
        self, transport: asyncio.Transport, context: ssl.SSLContext, protocol: asyncio.BaseProtocol
    ) -> None:
        """Speak TLS as a server on a connection, and give what is inside to a protocol."""
        if transport.is_closing():
            return
        loop = asyncio.get_running_loop()
        early = _Early()
        try:
            begun = _Begun(loop.start_tls(transport, early, context, server_side=True))
        except BaseException:
            transport.abort()
            raise
        task = loop.create_task(_shake_hands(begun, transport, early, protocol))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def cut_off(self, grace: float) -> None:
        """Close every socket, now and from now on. Who was told of an end by TLS has heard it, and is not waited for.

        Args:
            grace: Seconds that may pass until what was said is sent.
        """
        self._closed = True
        loop = asyncio.get_running_loop()
        late = loop.time() + grace
        while self._unsent() and loop.time() < late:  # noqa: ASYNC110 - transports tell nobody else
            await asyncio.sleep(_TICK)
        for transport in list(self._transports):
            transport.abort()
        await asyncio.gather(*self._handshakes)
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def _unsent(self) -> bool:
        return any(each.get_write_buffer_size() for each in list(self._transports))


class Accepted(asyncio.Protocol):
    """A connection that was just accepted, until somebody speaks on it.

    Args:
        connections: Where it is noted.
        make: Makes the protocol that speaks.
        tls: With what TLS is spoken below it; None for none.
    """

    def __init__(
        self,
        connections: Connections,
        make: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._connections = connections
        self._make = make
        self._tls = tls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand it over. Nothing has been read from it yet."""
        accepted = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        self._connections.add(accepted)
        if self._tls is not None:
            self._connections.begin_tls(accepted, self._tls, self._make())
            return
        protocol = self._make()
        accepted.set_protocol(protocol)
        protocol.connection_made(accepted)


class _Begun(Generic[T]):
    """What runs up to its first wait now, and on from there when this is awaited.

    A task would begin it a turn later; on uvloop the client may have said something by then, to nobody.

    Args:
        coroutine: What waits at least once, and no more where that fails.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._wait = coroutine.send(None)

    def __await__(self) -> Generator[Any, Any, T]:
        try:
            yield self._wait
        except BaseException as error:
            self._coroutine.throw(error)
            raise
        return (yield from self._coroutine.__await__())


async def _shake_hands(
    begun: Awaitable[asyncio.Transport | None],
    transport: asyncio.Transport,
    early: _Early,
    protocol: asyncio.BaseProtocol,
) -> None:
    try:
        secured = await begun
    except OSError:
        secured = None
    if secured is None or transport.is_closing():  # it may have been cut off while hands were shaken
        transport.abort()
        return
    secured.set_protocol(protocol)
    protocol.connection_made(secured)
    early.pass_on(secured.get_protocol())


class _Early(asyncio.Protocol):
    """What a client says in one breath with the end of its handshake, kept until `start_tls` returns."""

    def __init__(self) -> None:
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self._data += data

    def pass_on(self, protocol: asyncio.BaseProtocol) -> None:
        """Give it to whom it is for."""
        if isinstance(protocol, asyncio.Protocol) and self._data:
            protocol.data_received(self._data)
        elif isinstance(protocol, asyncio.BufferedProtocol):
            left = memoryview(self._data)
            while left:
                buffer = memoryview(protocol.get_buffer(len(left)))[: len(left)]
                buffer[:] = left[: len(buffer)]
                left = left[len(buffer) :]
                protocol.buffer_updated(len(buffer))
