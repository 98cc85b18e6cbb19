"""Layers of any size that cost no memory: their bytes are made when they are read.

A synthetic layer is a valid uncompressed tar of one file, `synthetic-SEED.bin`. The file is made of
blocks of 1 MiB: the block's number in 8 bytes, then pseudo-random bytes from the seed (SHAKE-128),
the same in each block. So no two blocks are equal, deflate cannot shrink them, and any part can be made
without what lies before it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from ghcr_sim.errors import SeedError
from ghcr_sim.exchange import PIECE
from ghcr_sim.seed.tars import END, Entry, header, padding

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SyntheticBlob", "synthetic"]

_NUMBER = 8


class SyntheticBlob:
    """A synthetic layer, as a blob. Equal arguments give equal bytes on every machine.

    Args:
        file_size: Bytes of the one file in the tar. The blob's own `size` is larger: the file filled up to
            512 bytes, one header block (three from 8 GiB on), and 1024 bytes of end.
        seed: Which bytes; 0 or more.

    Attributes:
        digest: The SHA-256 digest. Computing it reads the whole blob once for each process and (size, seed).
    """

    __slots__ = ("_head", "_tail", "digest", "file_size", "seed", "size")
    path: str | None = None

    def __init__(self, file_size: int, seed: int = 0) -> None:
        if file_size < 0 or seed < 0:
            raise SeedError(
                f"a synthetic layer of {file_size} bytes with seed {seed}: give numbers from 0 on"
            )
        self.file_size = file_size
        self.seed = seed
        self._head = header(Entry(f"synthetic-{seed}.bin", size=file_size))
        self._tail = padding(file_size) + END
        self.size = len(self._head) + file_size + len(self._tail)
        self.digest = _digest(self)

    def pieces(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """The bytes from `start` up to `stop`, in pieces of at most 1 MiB."""
        first, last = len(self._head), len(self._head) + self.file_size
        if start < first:
            yield self._head[start:stop]
        yield from self._file(max(start - first, 0), min(stop - first, self.file_size))
        if stop > last:
            yield self._tail[max(start - last, 0) : stop - last]

    def _file(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """A part of the file, cut at the blocks."""
        pattern = memoryview(_pattern(self.seed, min(self.file_size, PIECE)))
        while start < stop:
            number, offset = divmod(start, PIECE)
            end = min(PIECE, offset + stop - start)
            block = number.to_bytes(_NUMBER, "big")[offset:end] + pattern[max(offset, _NUMBER) : end]
            yield block
            start += len(block)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SyntheticBlob):
            return NotImplemented
        return (self.file_size, self.seed) == (other.file_size, other.seed)

    def __hash__(self) -> int:
        return hash((self.file_size, self.seed))

    def __repr__(self) -> str:
        return f"SyntheticBlob({self.file_size}, seed={self.seed})"


@lru_cache(maxsize=8)
def _pattern(seed: int, size: int) -> bytes:
    """The pseudo-random bytes of a seed: a shorter pattern is the start of a longer one."""
    return hashlib.shake_128(b"ghcr_sim synthetic layer %d" % seed).digest(size)


_digests: dict[tuple[int, int], str] = {}


def _digest(blob: SyntheticBlob) -> str:
    """The digest, from the cache or by reading all of it."""
    key = blob.file_size, blob.seed
    if key not in _digests:
        running = hashlib.sha256()
        for piece in blob.pieces(0, blob.size):
            running.update(piece)
        _digests[key] = f"sha256:{running.hexdigest()}"
    return _digests[key]


@lru_cache(maxsize=64)
def synthetic(file_size: int, seed: int = 0) -> SyntheticBlob:
    """A synthetic layer; equal arguments give the same object while it is remembered."""
    return SyntheticBlob(file_size, seed)
