"""What a client sends, taken apart: whole control frames on one side, the contents of DATA on the other.

A DATA frame is handed on as it comes, copied once, and never held: a frame may be a megabyte. Knows no
streams, no windows and no headers. Source: RFC 9113, sections 3.4, 4.1, 6.1 and 7.
"""

from __future__ import annotations

import struct
from typing import Protocol

__all__ = ["MAX_CONTROL", "MAX_DATA", "FrameError", "Sink", "Splitter", "data_head"]

MAX_DATA = 1 << 20
"""The largest DATA frame that is taken, in bytes: what SETTINGS_MAX_FRAME_SIZE announces."""

MAX_CONTROL = 1 << 16
"""The largest other frame: as many bytes as all header fields together may have."""

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD = struct.Struct(">HBBBL")
_DATA, _HEADERS, _PUSH_PROMISE, _CONTINUATION = 0x0, 0x1, 0x5, 0x9
_END_STREAM, _END_HEADERS, _PADDED = 0x1, 0x4, 0x8
_PROTOCOL_ERROR, _FRAME_SIZE_ERROR = 0x1, 0x6


class FrameError(Exception):
    """The client broke the rules of framing: the connection cannot go on.

    Attributes:
        code: The error code for GOAWAY.
    """

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


class Sink(Protocol):
    """Where the parts go. Both may raise; what they raise goes through `Splitter.feed`."""

    def control(self, kind: int, frame: bytes) -> None:
        """Take a whole frame that is not DATA, its head included; kind -1 is the connection's preface."""
        ...

    def data(self, stream_id: int, piece: bytes, flow: int, *, ended: bool) -> None:
        """Take some content of a stream.

        Args:
            stream_id: Which stream.
            piece: The bytes; none where there was only padding, or only the end.
            flow: How many bytes they count in flow control: padding does.
            ended: The stream ends after them.
        """
        ...


def data_head(stream_id: int, size: int) -> bytes:
    """Return the head of a DATA frame that does not end its stream."""
    return _HEAD.pack(size >> 8, size & 0xFF, _DATA, 0, stream_id)


class Splitter:
    """Takes bytes apart, in whatever portions they come."""

    __slots__ = (
        "_begun",
        "_ends",
        "_flow",
        "_held",
        "_in_headers",
        "_left",
        "_padding",
        "_run",
        "_sink",
        "_stream",
        "_want",
    )

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._begun = False
        self._held = bytearray()  # the beginning of a frame that is not DATA, or of any frame's head
        self._want = len(_PREFACE)  # how many bytes it takes to go on; no head is that long
        self._in_headers = False
        self._left = 0  # content that the DATA frame at hand still has
        self._padding = 0
        self._ends = False
        self._stream = 0
        self._run: list[memoryview] = []  # content of one stream in the bytes at hand
        self._flow = 0

    def feed(self, data: memoryview) -> None:
        """Take bytes from the wire; they are not needed afterwards.

        Raises:
            FrameError: They cannot be taken apart.
        """
        at, end = 0, len(data)
        while at < end:
            if self._left or self._padding:
                at = self._content(data, at, end)
            else:
                take = min(self._want - len(self._held), end - at)
                self._held += data[at : at + take]
                at += take
                if len(self._held) == self._want:
                    self._complete()
        self._deliver(ended=False)

    def _content(self, data: memoryview, at: int, end: int) -> int:
        """Go on inside a DATA frame."""
        take = min(self._left, end - at)
        if take:
            self._run.append(data[at : at + take])
            self._flow += take
            self._left -= take
        skip = min(self._padding, end - at - take)
        self._padding -= skip
        if not self._left and not self._padding and self._ends:
            self._deliver(ended=True)
        return at + take + skip

    def _complete(self) -> None:
        """Go on with what was waited for: the preface, a head, or a whole frame."""
        if not self._begun:
            self._begun = True
            self._pass_on(-1)
            return
        high, low, kind, flags, stream = _HEAD.unpack_from(self._held)
        length = high << 8 | low
        if kind == _DATA and not self._in_headers:
            self._start_data(length, flags, stream & 0x7FFFFFFF)
            return
        if length > MAX_CONTROL:
            raise FrameError(_FRAME_SIZE_ERROR, f"a frame of type {kind} and {length} bytes")
        if len(self._held) < _HEAD.size + length:
            self._want = _HEAD.size + length
            return
        if kind in (_HEADERS, _PUSH_PROMISE, _CONTINUATION):
            self._in_headers = not flags & _END_HEADERS
        self._pass_on(kind)

    def _pass_on(self, kind: int) -> None:
        self._deliver(ended=False)
        frame = bytes(self._held)
        self._next()
        self._sink.control(kind, frame)

    def _next(self) -> None:
        self._held.clear()
        self._want = _HEAD.size

    def _start_data(self, length: int, flags: int, stream: int) -> None:
        if length > MAX_DATA:
            raise FrameError(_FRAME_SIZE_ERROR, f"a DATA frame of {length} bytes")
        padding = 0
        if flags & _PADDED:
            if not length:
                raise FrameError(_FRAME_SIZE_ERROR, "a padded DATA frame without padding")
            if len(self._held) == _HEAD.size:
                self._want = _HEAD.size + 1
                return
            padding = self._held[_HEAD.size]
            length -= 1
            if padding > length:
                raise FrameError(_PROTOCOL_ERROR, "more padding than frame")
        if stream != self._stream:
            self._deliver(ended=False)
            self._stream = stream
        self._flow += padding + (1 if flags & _PADDED else 0)
        self._left, self._padding, self._ends = length - padding, padding, bool(flags & _END_STREAM)
        self._next()
        if self._ends and not length:
            self._deliver(ended=True)

    def _deliver(self, *, ended: bool) -> None:
        """Hand on what there is of the stream at hand."""
        if self._flow or ended:
            piece, flow = b"".join(self._run), self._flow
            self._run.clear()
            self._flow = 0
            self._sink.data(self._stream, piece, flow, ended=ended)
