"""Writers: what turns a stream into a blob.

A writer hashes as it goes, can be rolled back to where it was before a request, and gives up its bytes only
under the digest that they have.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
from typing import TYPE_CHECKING, Protocol

from ghcr_sim.exchange import PIECE
from ghcr_sim.oci.digests import parse_digest
from ghcr_sim.store.blobs import Blob, BytesBlob, FileBlob

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from hashlib import _Hash
    from pathlib import Path

__all__ = ["DigestMismatch", "FileWriter", "MemoryWriter", "Writer"]


class DigestMismatch(Exception):  # noqa: N818 - it says what is the case
    """The bytes of an upload do not have the digest that was promised."""

    def __init__(self, wanted: str, got: str) -> None:
        self.wanted = wanted
        self.got = got
        super().__init__(f"wanted {wanted}, the bytes have {got}")


class Writer(Protocol):
    """An unfinished blob."""

    blocking: bool
    """Whether `write` may wait for a disk, so that it had better run in a thread."""

    @property
    def size(self) -> int:
        """How many bytes are there so far."""
        ...

    def write(self, chunks: Sequence[bytes], algorithm: str = "sha256") -> None:
        """Append. Not reentrant; may run in any thread.

        Args:
            chunks: The bytes, in order; a writer may keep them, so they must not change.
            algorithm: What the first write should hash by; a later change costs a second reading.
        """
        ...

    def mark(self) -> object:
        """Where the writer stands, for `rollback`."""
        ...

    def rollback(self, mark: object) -> None:
        """Forget what was written since `mark`."""
        ...

    def finish(self, digest: str) -> Blob:
        """The blob. The writer is spent.

        Raises:
            DigestMismatch: The bytes have another digest. The writer stands as it was.
        """
        ...

    def discard(self) -> None:
        """Forget everything; to be called twice is harmless."""
        ...


class _Hasher:
    """A running digest that can go back to a mark."""

    __slots__ = ("_hash", "algorithm")

    def __init__(self, algorithm: str, running: _Hash | None = None) -> None:
        self.algorithm = algorithm
        self._hash = hashlib.new(algorithm) if running is None else running

    def update(self, chunks: Iterable[bytes | memoryview]) -> None:
        for chunk in chunks:
            self._hash.update(chunk)

    def copy(self) -> _Hasher:
        return _Hasher(self.algorithm, self._hash.copy())

    @property
    def digest(self) -> str:
        return f"{self.algorithm}:{self._hash.hexdigest()}"


class _HashingWriter:
    """What both writers share: the digest of what passed, and what to do when another one is asked for."""

    __slots__ = ("_hasher", "size")

    def __init__(self) -> None:
        self._hasher: _Hasher | None = None
        self.size = 0

    def _hashed(self, chunks: Sequence[bytes], algorithm: str) -> None:
        if self._hasher is None:
            self._hasher = _Hasher(algorithm)
        self._hasher.update(chunks)

    def _check(self, wanted: str, again: Iterable[bytes | memoryview]) -> None:
        """Compare digests; `again` reads the bytes once more where the running one is of another kind."""
        algorithm = parse_digest(wanted).algorithm
        hasher = self._hasher
        if hasher is None or hasher.algorithm != algorithm:
            hasher = _Hasher(algorithm)
            hasher.update(again)
        if hasher.digest != wanted:
            raise DigestMismatch(wanted, hasher.digest)


class MemoryWriter(_HashingWriter):
    """An unfinished blob in memory: a small one in the pieces that came, a large one in slabs.

    Slabs are mapped with their pages already there: to fault them in one by one costs more than the hashing does.
    """

    __slots__ = ("_chunks", "_room", "_slabs")
    blocking = False
    _SMALL = PIECE
    _SLAB = PIECE

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []
        self._slabs: list[memoryview] = []
        self._room = 0

    def write(self, chunks: Sequence[bytes], algorithm: str = "sha256") -> None:
        """Append."""
        self._hashed(chunks, algorithm)
        for chunk in chunks:
            if not self._slabs and self.size + len(chunk) <= self._SMALL:
                self._chunks.append(chunk)
            else:
                self._fill(chunk)
            self.size += len(chunk)

    def _fill(self, chunk: bytes) -> None:
        """Copy a chunk into the slabs."""
        if not self._slabs:
            self._chunks = [b"".join(self._chunks)]
        rest = memoryview(chunk)
        while rest:
            if not self._room:
                self._slabs.append(_slab(self._SLAB))
                self._room = self._SLAB
            start = self._SLAB - self._room
            part = rest[: self._room]
            self._slabs[-1][start : start + len(part)] = part
            self._room -= len(part)
            rest = rest[len(part) :]

    def mark(self) -> tuple[int, list[bytes], int, int, _Hasher | None]:
        """Where the writer stands."""
        return (
            self.size,
            list(self._chunks),
            len(self._slabs),
            self._room,
            self._hasher and self._hasher.copy(),
        )

    def rollback(self, mark: object) -> None:
        """Forget what was written since `mark`."""
        assert isinstance(mark, tuple)
        self.size, self._chunks, slabs, self._room, self._hasher = mark
        del self._slabs[slabs:]

    def _buffers(self) -> tuple[bytes | memoryview, ...]:
        if not self._slabs:
            return (b"".join(self._chunks),)
        last = self._slabs[-1][: self._SLAB - self._room].toreadonly()
        return (*self._chunks, *(slab.toreadonly() for slab in self._slabs[:-1]), last)

    def finish(self, digest: str) -> Blob:
        """The blob."""
        buffers = self._buffers()
        self._check(digest, buffers)
        return BytesBlob(digest, buffers)

    def discard(self) -> None:
        """Forget everything."""
        self._chunks, self._slabs, self._room, self.size = [], [], 0, 0


def _slab(size: int) -> memoryview:
    """Fresh memory."""
    if not hasattr(mmap, "MAP_POPULATE"):
        return memoryview(bytearray(size))
    return memoryview(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE))


class FileWriter(_HashingWriter):
    """An unfinished blob in a file. `finish` leaves the file where it is; who asked moves it.

    Args:
        path: The file to make; it must not exist.
    """

    __slots__ = ("_file", "path")
    blocking = True

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._file = open(path, "xb+", buffering=0)  # noqa: PTH123, SIM115 - closed by finish or discard

    def write(self, chunks: Sequence[bytes], algorithm: str = "sha256") -> None:
        """Append.

        Raises:
            StoreError: The disk takes no more; what it took stays until `rollback`.
        """
        from ghcr_sim.store.files import explained  # noqa: PLC0415 - a store in memory pays for no file

        self._hashed(chunks, algorithm)
        with explained("write", str(self.path)):
            for chunk in chunks:
                view = memoryview(chunk)
                while view:
                    written = os.write(self._file.fileno(), view)
                    self.size += written
                    view = view[written:]

    def mark(self) -> tuple[int, _Hasher | None]:
        """Where the writer stands."""
        return self.size, self._hasher and self._hasher.copy()

    def rollback(self, mark: object) -> None:
        """Forget what was written since `mark`."""
        assert isinstance(mark, tuple)
        self.size, self._hasher = mark
        self._file.truncate(self.size)
        self._file.seek(self.size)

    def finish(self, digest: str) -> Blob:
        """The blob, still under the writer's own path."""
        self._check(digest, FileBlob(digest, str(self.path), self.size).pieces(0, self.size))
        self._file.close()
        return FileBlob(digest, str(self.path), self.size)

    def discard(self) -> None:
        """Close and remove the file."""
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
