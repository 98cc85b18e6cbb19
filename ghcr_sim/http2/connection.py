"""One connection: what arrives goes to h2 or to a stream, and what h2 makes of it happens.

No mistake of a client ends in a traceback: it ends its stream, or the connection with a GOAWAY. Nothing
that a client sends is held without a bound: neither bodies, nor heads, nor answers that it does not read.
Source: RFC 9113, sections 5 to 8 and 10.5.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from h2.connection import ConnectionState
from h2.errors import ErrorCodes
from h2.events import (
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from ghcr_sim.http2.body import Window
from ghcr_sim.http2.frames import FrameError, Splitter
from ghcr_sim.http2.heads import read_head
from ghcr_sim.http2.sender import Sender
from ghcr_sim.http2.state import CONNECTION_WINDOW, MAX_STREAMS, new_state
from ghcr_sim.http2.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghcr_sim.exchange import Handler

__all__ = ["Connection"]

TOLERANCE = 1000
"""How many more requests a client may give up than it lets be answered ("rapid reset", CVE-2023-44487)."""

_GOAWAY = 0x7
_log = logging.getLogger("ghcr_sim")


class Connection:
    """A connection, from its greeting on.

    Args:
        handler: What answers.
        transport: Where the client is.
        patience: Seconds that a body may take from its first reading to its end; 0 is any time.

    Attributes:
        patience: As given.
        state: h2's state of the connection.
        sender: What writes.
    """

    def __init__(self, handler: Handler, transport: asyncio.Transport, patience: float) -> None:
        self.patience = patience
        self.state = new_state()
        self.sender = Sender(self.state, transport, self._choke)
        self._handler = handler
        self._transport = transport
        self._splitter = Splitter(self)
        self._window = Window(CONNECTION_WINDOW)
        self._streams: dict[int, Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving = self._over = False
        self._given_up = self._answered = 0
        self._events: dict[type[Event], Callable[..., None]] = {
            RequestReceived: self._on_request,
            TrailersReceived: self._on_trailers,
            StreamReset: self._on_reset,
            WindowUpdated: self._on_room,
            RemoteSettingsChanged: self._on_room,
        }
        self.sender.flush()

    def receive(self, data: memoryview) -> None:
        """Take in what the client sent."""
        try:
            self._splitter.feed(data)
        except FrameError as error:
            self._terminate(error.code, str(error))
        except ProtocolError as error:
            self._terminate(error.error_code, str(error))
        except Exception:  # noqa: BLE001 - whatever it is, the client is told, and the log
            _log.exception("cannot understand what a client sent")
            self._terminate(ErrorCodes.INTERNAL_ERROR, "internal error")
        else:
            self.sender.flush()

    # -- what the splitter calls

    def control(self, kind: int, frame: bytes) -> None:
        """Let h2 see a frame, and do what it says."""
        if self._over:
            return
        if kind == _GOAWAY:
            # h2 would end the connection here, while the client still waits for its last answers.
            self._leaving = True
            self._close_if_idle()
            return
        for event in self.state.receive_data(frame):
            happens = self._events.get(type(event))
            if happens is not None:
                happens(event)

    def data(self, stream_id: int, piece: bytes, flow: int, *, ended: bool) -> None:
        """Give content to its stream, as far as the windows allow."""
        if self._over:
            return
        if not self._window.take(flow):
            raise FrameError(ErrorCodes.FLOW_CONTROL_ERROR, "more content than the connection's window")
        stream = self._streams.get(stream_id)
        if stream is None:
            if not stream_id % 2 or stream_id > self.state.highest_inbound_stream_id:
                raise FrameError(ErrorCodes.PROTOCOL_ERROR, f"content on the idle stream {stream_id}")
            self.consumed(flow)  # it was on its way when the stream ended
        elif stream.body.ended:
            self.consumed(flow)
            self.reset(stream, ErrorCodes.STREAM_CLOSED, "content came after its end")
        elif not stream.window.take(flow):
            self.consumed(flow)
            self.reset(stream, ErrorCodes.FLOW_CONTROL_ERROR, "more came than its window allows")
        elif not stream.body.feed(piece, flow):
            self.reset(stream, ErrorCodes.PROTOCOL_ERROR, "more came than was announced")
        elif ended:
            stream.body.end()

    # -- what h2 says

    def _on_request(self, event: RequestReceived) -> None:
        if self._leaving or len(self._tasks) >= MAX_STREAMS:
            self.state.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
            self._count_given_up()
            return
        request = read_head(event.headers)
        stream = Stream(self, event.stream_id, request, ended=event.stream_ended is not None)
        self._streams[stream.id] = stream
        task = stream.start(self._handler)
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._on_done(stream, task))

    def _on_trailers(self, event: TrailersReceived) -> None:
        stream = self._streams[event.stream_id]
        stream.known_to_end = True
        if stream.body.ended:
            self.reset(stream, ErrorCodes.STREAM_CLOSED, "trailers came after its end")
        else:
            stream.body.end()

    def _on_reset(self, event: StreamReset) -> None:
        stream = self._streams.pop(event.stream_id, None)
        if stream is not None:
            stream.lose("the client has reset the stream")
            self._count_given_up()

    def _on_room(self, _event: Event) -> None:
        self.sender.wake()

    # -- what streams call

    def consumed(self, flow: int) -> None:
        """Take note that so many bytes are not held any more."""
        increment = self._window.give(flow)
        if increment and not self._over:
            self.sender.widen(0, increment)

    def reset(self, stream: Stream, code: ErrorCodes, reason: str) -> None:
        """Break a stream off."""
        if self._streams.pop(stream.id, None) is None:
            return
        self.state.reset_stream(stream.id, code)
        self.sender.flush()
        stream.lose(reason)
        if code is not ErrorCodes.INTERNAL_ERROR:
            self._count_given_up()

    def forget(self, stream: Stream, *, answered: bool) -> None:
        """Take note that h2 is about to close a stream."""
        del self._streams[stream.id]
        self._answered += answered
        if self._leaving:
            asyncio.get_running_loop().call_soon(self._close_if_idle)

    # -- how things end

    def lose(self, reason: str) -> None:
        """End all that is under way: nothing can be said to the client any more."""
        self._over = True
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.lose(reason)

    def leave(self) -> None:
        """Take no more requests, and stop waiting for clients to lose patience."""
        self._leaving = True
        self.sender.say_goodbye()
        for stream in self._streams.values():
            if stream.hanging:
                stream.task.cancel()

    def cancel(self) -> None:
        """Break off what is under way."""
        for stream in list(self._streams.values()):
            self.reset(stream, ErrorCodes.INTERNAL_ERROR, "the server has stopped")
        for task in self._tasks:
            task.cancel()

    async def settle(self, seconds: float) -> None:
        """Wait until nothing is under way, or for so long."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    def hang_up(self) -> None:
        """Close the transport, once: asyncio's TLS transport breaks when it is closed a second time."""
        if not self._transport.is_closing():
            self._transport.close()

    def _on_done(self, stream: Stream, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        stream.close()
        if not self._over:
            self.reset(stream, ErrorCodes.INTERNAL_ERROR, "it was cancelled")

    def _count_given_up(self) -> None:
        self._given_up += 1
        if self._given_up > self._answered + TOLERANCE:
            self._terminate(ErrorCodes.ENHANCE_YOUR_CALM, "it gives up most of what it asks for")

    def _choke(self) -> None:
        """Hang up on a client that makes us answer and does not read the answers."""
        self._over = True
        _log.debug("a client reads nothing of what it asks for")
        self._transport.abort()

    def _terminate(self, code: int, reason: str) -> None:
        """Say goodbye with an error, and close."""
        if self._over:
            return
        _log.debug("a client broke the rules of HTTP/2: %s", reason)
        if self.state.state_machine.state is not ConnectionState.CLOSED:
            self.state.close_connection(code)
        self.sender.flush()
        self.lose("the connection is broken")
        self.hang_up()

    def _close_if_idle(self) -> None:
        if not self._streams:
            self.hang_up()
