"""Gzip both ways: written without compression, read under limits (RFC 1951, RFC 1952).

What is written here has the same bytes on every machine: compressors differ between builds of zlib, so
the digest of a compressed layer would too, and a test could not name it.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from ghcr_sim.errors import SeedError
from ghcr_sim.exchange import PIECE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ghcr_sim.seed.limits import Limits

__all__ = ["MAGIC", "inflated", "stored_gzip"]

MAGIC = b"\x1f\x8b"
"""The first two bytes of every gzip file."""

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""Deflate, no name, modification time 0, no extra flags, operating system unknown."""

_BLOCK = 0xFFFF
"""The most bytes that a stored block can hold."""

_STEP = 1 << 16


def stored_gzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A gzip file of these bytes in stored blocks; the cuts between pieces decide on those between blocks."""
    checksum = size = 0
    yield _HEAD
    for piece in pieces:
        checksum = zlib.crc32(piece, checksum)
        size += len(piece)
        yield b"".join(_blocks(piece))
    yield _block(b"", last=True) + checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def _blocks(piece: bytes) -> Iterator[bytes]:
    for start in range(0, len(piece), _BLOCK):
        yield _block(piece[start : start + _BLOCK])


def _block(data: bytes, *, last: bool = False) -> bytes:
    size = len(data)
    return bytes((last,)) + size.to_bytes(2, "little") + (size ^ _BLOCK).to_bytes(2, "little") + data


def inflated(pieces: Iterable[bytes | memoryview], where: str, limits: Limits) -> Iterator[bytes]:
    """The content of a gzip file of any number of members, in pieces of at most 1 MiB.

    Args:
        pieces: The file.
        where: What it is, for error texts.
        limits: Where to stop: see `Limits.total` and `Limits.ratio`.

    Raises:
        SeedError: The file is damaged, cut short, or a bomb.
    """
    came = given = members = 0
    engine = None
    for step in _steps(pieces):
        came += len(step)
        rest = step
        while rest:
            if engine is None:
                rest = rest.lstrip(b"\0") if members else rest
                if not rest:
                    break
                members += 1
                _check(came, given, members, where, limits)
                engine = zlib.decompressobj(zlib.MAX_WBITS | 16)
            for out in _inflate(engine, rest, where):
                given += len(out)
                _check(came, given, members, where, limits)
                yield out
            rest = engine.unused_data
            engine = None if engine.eof else engine
    if engine is not None or not members:
        raise SeedError(f"{where} is cut short: its gzip stream does not end: make it again")


def _steps(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Small steps, since a member's end copies what is left of one."""
    for piece in pieces:
        for start in range(0, len(piece), _STEP):
            yield bytes(piece[start : start + _STEP])


def _inflate(engine: zlib._Decompress, rest: bytes, where: str) -> Iterator[bytes]:
    """What one step gives, up to the end of the member."""
    try:
        while out := engine.decompress(rest, PIECE):
            yield out
            rest = engine.unconsumed_tail
    except zlib.error as error:
        raise SeedError(f"{where} is damaged gzip: {error}: make it again") from None


def _check(came: int, given: int, members: int, where: str, limits: Limits) -> None:
    if given > limits.total:
        raise SeedError(
            f"{where} unpacks to more than {limits.total} bytes: pass limits=Limits(total=…) if you trust it"
        )
    if members > limits.entries:
        raise SeedError(f"{where} has more than {limits.entries} gzip members: pass limits=Limits(entries=…)")
    if given > limits.ratio_from and given > limits.ratio * came:
        raise SeedError(
            f"{where} unpacks to more than {limits.ratio} times its size, as a bomb does: "
            "pass limits=Limits(ratio=…) if you trust it"
        )
