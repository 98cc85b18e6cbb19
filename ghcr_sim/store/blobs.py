"""Blobs as handles: their bytes may lie in memory, in a file, or be made when they are read; nobody above can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ghcr_sim.exchange import PIECE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Blob", "BytesBlob", "FileBlob"]


class Blob(Protocol):
    """Bytes under a digest. Immutable, so it may be shared by any number of repositories and forks."""

    @property
    def digest(self) -> str:
        """`algorithm:hex`."""
        ...

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    @property
    def path(self) -> str | None:
        """The file that holds exactly these bytes, or None."""
        ...

    def pieces(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """The bytes from `start` up to `stop`, in pieces of at most 1 MiB."""
        ...


class BytesBlob:
    """A blob in memory, kept in the buffers in which it came."""

    __slots__ = ("_buffers", "digest", "size")
    path: str | None = None

    def __init__(self, digest: str, buffers: Sequence[bytes | memoryview]) -> None:
        self.digest = digest
        self._buffers = buffers
        self.size = sum(map(len, buffers))

    def pieces(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """The bytes from `start` up to `stop`, without copying one."""
        at = 0
        for buffer in self._buffers:
            end = at + len(buffer)
            if start <= at and end <= stop and len(buffer) <= PIECE:
                yield buffer
            elif end > start and at < stop:
                view = memoryview(buffer)[max(0, start - at) : stop - at]
                for offset in range(0, len(view), PIECE):
                    yield view[offset : offset + PIECE]
            if end >= stop:
                return
            at = end

    def __repr__(self) -> str:
        return f"BytesBlob({self.digest}, {self.size} bytes)"


class FileBlob:
    """A blob in a file of its own."""

    __slots__ = ("digest", "path", "size")

    def __init__(self, digest: str, path: str, size: int) -> None:
        self.digest = digest
        self.path: str | None = path
        self.size = size

    def pieces(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """The bytes from `start` up to `stop`."""
        assert self.path is not None
        with open(self.path, "rb", buffering=0) as file:  # noqa: PTH123 - the hot path of a download
            file.seek(start)
            while start < stop:
                piece = file.read(min(PIECE, stop - start))
                if not piece:
                    raise OSError(f"{self.path} is shorter than its {self.size} bytes")
                start += len(piece)
                yield piece

    def __repr__(self) -> str:
        return f"FileBlob({self.digest}, {self.size} bytes)"
