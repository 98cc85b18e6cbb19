"""Content to be sent: bytes, a file, a stream. It can be read from an offset and, if it is rewindable, again.

Files are read in a thread, a mebibyte at a time, so that neither the loop nor memory feels their size. It does not know
where content goes.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ghcr_client.errors import UploadError
from ghcr_client.memory import keep_freed_memory

if TYPE_CHECKING:
    from io import FileIO

    from ghcr_client.digests import Digest

__all__ = ["PIECE", "BytesSource", "Content", "FileSource", "Source", "StreamSource", "source_of"]

PIECE = 1024 * 1024
"""Bytes that are read from a file at a time."""


@runtime_checkable
class Source(Protocol):
    """Content that can be read from an offset.

    Attributes:
        size: How many bytes it has, or None where nobody knows before its end.
        digest: Its digest where somebody said it, else None.
        rewindable: Whether it can be read more than once.
    """

    @property
    def size(self) -> int | None:
        """How many bytes."""

    @property
    def digest(self) -> Digest | None:
        """The digest of all bytes."""

    @property
    def rewindable(self) -> bool:
        """Whether `read` may be called again."""

    def read(self, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from an offset to the end, in pieces of any size."""
        ...


Content = bytes | bytearray | memoryview | str | os.PathLike[str] | AsyncIterable[bytes] | Source
"""What operations take: bytes, the path of a file, an asynchronous iterator of bytes, or a `Source`."""


class BytesSource:
    """Content that is in memory.

    Args:
        data: The bytes.
        digest: Their digest, if it is known.

    Example:
        >>> BytesSource(b"hello").size
        5
    """

    rewindable = True

    def __init__(self, data: bytes | bytearray | memoryview, *, digest: Digest | None = None) -> None:
        self._data = memoryview(data).cast("B")
        self.size: int | None = len(self._data)
        self.digest = digest

    async def read(self, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from an offset."""
        for at in range(start, len(self._data), PIECE):
            yield bytes(self._data[at : at + PIECE])


class FileSource:
    """Content that is a file, or a part of one.

    Args:
        path: The file. What is no regular file has no size, and cannot be read again: it is content as a stream.
        start: Offset of the first byte.
        size: How many bytes from there; None to the file's end, as it is now.
        digest: Their digest, if it is known.

    Attributes:
        size: How many bytes; None for a file of the kernel's that says 0 and has more, as those in `/proc`.

    Raises:
        OSError: There is no such file, or it may not be read.
        UploadError: It is no regular file.
    """

    rewindable = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        start: int = 0,
        size: int | None = None,
        digest: Digest | None = None,
    ) -> None:
        self.path = Path(path)
        self._start = start
        self.size: int | None = _size_of(self.path, start) if size is None else size
        self.digest = digest

    async def read(self, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from an offset.

        Raises:
            UploadError: The file is shorter than it was.
        """
        left = (sys.maxsize if self.size is None else self.size) - start
        if left > PIECE:
            keep_freed_memory()
        file, piece = await asyncio.to_thread(self._begin, start, min(PIECE, left))
        try:
            while left > 0:
                if not piece:
                    if self.size is None:
                        break
                    raise UploadError(
                        f"{self.path.name} became shorter while it was read: {left} bytes are missing"
                    )
                left -= len(piece)
                yield piece
                piece = await asyncio.to_thread(file.read, min(PIECE, left)) if left > 0 else b""
        finally:
            file.close()

    def _begin(self, start: int, count: int) -> tuple[FileIO, bytes]:
        """The open file and its first bytes, in one step: small files have no others."""
        file = self.path.open("rb", 0)
        try:
            file.seek(self._start + start)
            return file, file.read(max(0, count))
        except BaseException:
            file.close()
            raise


def _size_of(path: Path, start: int) -> int | None:
    """How many bytes a file has from an offset; None where it says 0, and has some."""
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise UploadError(
            f"{path} is no regular file, and cannot be read twice: pass what is in it, as bytes or as an asynchronous "
            "iterator"
        )
    if state.st_size == 0:
        with path.open("rb", 0) as file:
            return None if file.read(1) else 0
    return state.st_size - start


class StreamSource:
    """Content that comes by and by, and only once.

    Args:
        stream: The pieces.
        size: How many bytes they have together, if it is known.
        digest: Their digest, if it is known.
    """

    rewindable = False

    def __init__(
        self, stream: AsyncIterable[bytes], *, size: int | None = None, digest: Digest | None = None
    ) -> None:
        self._stream = stream
        self._begun = False
        self.size = size
        self.digest = digest

    async def read(self, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes, once.

        Raises:
            UploadError: They were read before.
        """
        if self._begun or start:
            raise UploadError(
                "the stream was read already and cannot be read again: pass bytes, a file or a Source, "
                "so that a failed upload can be repeated"
            )
        self._begun = True
        async for piece in self._stream:
            yield piece


class _Promised:
    """A source of which somebody else says the digest."""

    def __init__(self, source: Source, digest: Digest) -> None:
        self._source = source
        self.digest: Digest | None = digest
        self.size = source.size
        self.rewindable = source.rewindable

    def read(self, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from an offset."""
        return self._source.read(start)


def source_of(content: Content, *, digest: Digest | None = None) -> Source:
    """Something to read from, whatever was given.

    Args:
        content: Bytes, the path of a file, an asynchronous iterator, or a `Source`.
        digest: Its digest, if it is known; what a `Source` itself says, counts less.

    Returns:
        A source.

    Raises:
        TypeError: It is nothing of that.
        OSError: The file cannot be read.

    Example:
        >>> source_of(b"hello").rewindable
        True
    """
    for kinds, make in _MAKERS:
        if isinstance(content, kinds):
            return make(content, digest=digest)
    if isinstance(content, Source):
        return content if digest is None or digest == content.digest else _Promised(content, digest)
    raise TypeError(
        f"content is bytes, a path, an asynchronous iterator or a Source, not {type(content).__name__}"
    )


_MAKERS: tuple[tuple[tuple[type, ...], Callable[..., Source]], ...] = (
    ((bytes, bytearray, memoryview), BytesSource),
    ((str, os.PathLike), FileSource),
    ((AsyncIterable,), StreamSource),
)
