"""What goes out on a connection: control frames at once, DATA as far as the client's windows allow.

DATA frames are written here, in batches, because h2 would copy their contents four times; h2's own count of
the windows is kept right. Source: RFC 9113, sections 5.2, 6.1 and 6.9.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hyperframe.frame import GoAwayFrame, WindowUpdateFrame

from ghcr_sim.http2.frames import data_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from h2.connection import H2Connection

__all__ = ["Sender"]

BATCH = 1 << 18
"""The most content that is written at once, and the largest DATA frame that goes out."""

TURN = 1 << 20
"""How much a stream writes before the others have their turn, where the client takes all at once."""

HIGH_WATER = 1 << 20
"""More than this in the transport's buffer, and no stream writes any more."""

BACKLOG = 1 << 22
"""More than this, and it is not DATA that fills the buffer, but answers to a client that reads nothing."""

# glibc gives a large buffer back to the system when it is freed, and each new one costs page faults, until
# it has seen a larger one come and go. Without this line, downloads take twice the CPU.
_large = bytes(1 << 22)
del _large


class Sender:
    """Writes one connection.

    Args:
        state: h2's state of the connection.
        transport: Where the bytes go.
        choke: Called when the client has made us say more than it is willing to read.
    """

    def __init__(self, state: H2Connection, transport: asyncio.Transport, choke: Callable[[], None]) -> None:
        self._state = state
        self._transport = transport
        self._choke = choke
        self._paused = False
        self._waiting: list[asyncio.Future[None]] = []
        transport.set_write_buffer_limits(high=HIGH_WATER)

    def flush(self, *frames: bytes) -> None:
        """Write what h2 has to say, and then `frames`."""
        said = self._state.data_to_send()
        if self._transport.is_closing() or not (said or frames):
            return
        self._transport.write(b"".join((said, *frames)) if frames else said)
        if self._transport.get_write_buffer_size() > BACKLOG:
            self._choke()

    def widen(self, stream_id: int, increment: int) -> None:
        """Tell the client that it may send so many bytes more on a stream, or on the connection (0).

        h2 saw no content, so it must not be asked: it would think that the window grows and grows.
        """
        self.flush(WindowUpdateFrame(stream_id=stream_id, window_increment=increment).serialize())

    def say_goodbye(self) -> None:
        """Tell the client to open no more streams here. h2 itself could only hang up."""
        last = self._state.highest_inbound_stream_id
        self.flush(GoAwayFrame(stream_id=0, last_stream_id=last, error_code=0).serialize())

    def pause(self) -> None:
        """The transport's buffer is full."""
        self._paused = True

    def resume(self) -> None:
        """The transport's buffer has room again."""
        self._paused = False
        self.wake()

    def wake(self) -> None:
        """Let every stream look again whether it may write."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def send(
        self, stream_id: int, pieces: Iterable[bytes | memoryview], finish: Callable[[], bytes]
    ) -> None:
        """Write content, and with its last frames what ends the stream.

        Args:
            stream_id: Which stream.
            pieces: The content.
            finish: Makes the frames that end the stream.
        """
        frames: list[bytes | memoryview] = []
        room = sent = 0
        for piece in pieces:
            view = memoryview(piece)
            while view:
                if not room:
                    self._write(frames)
                    frames = []
                    if sent >= TURN:
                        sent = 0
                        await asyncio.sleep(0)
                    room = await self._room(stream_id)
                size = min(room, len(view), self._state.max_outbound_frame_size)
                frames += (data_head(stream_id, size), view[:size])
                self._count(stream_id, size)
                view = view[size:]
                room -= size
                sent += size
        self._write(frames, finish)

    def _write(self, frames: list[bytes | memoryview], finish: Callable[[], bytes] | None = None) -> None:
        said = self._state.data_to_send()
        end = finish() if finish is not None else b""
        if not self._transport.is_closing():
            self._transport.write(b"".join((said, *frames, end)))

    async def _room(self, stream_id: int) -> int:
        """Wait until something may be written on a stream; return how much, at most `BATCH`."""
        while True:
            if not self._paused:
                room = self._state.local_flow_control_window(stream_id)
                if room > 0:
                    return min(room, BATCH)
            self.flush()
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    def _count(self, stream_id: int, size: int) -> None:
        self._state.outbound_flow_control_window -= size
        self._state.streams[stream_id].outbound_flow_control_window -= size
