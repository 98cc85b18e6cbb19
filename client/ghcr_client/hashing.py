"""Hashes of content that moves: computed in a thread while the loop goes on, and small pieces at once.

It knows no HTTP. hashlib lets go of the interpreter's lock for all but the smallest pieces, so that a second core
hashes.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from ghcr_client.closing import closing
from ghcr_client.digests import Digest
from ghcr_client.errors import OTHER_CONTENT, DigestMismatch, UploadError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ghcr_client.sources import Source

__all__ = ["SMALL", "Hasher", "checked", "digest_of"]

SMALL = 64 * 1024
"""Bytes that are hashed sooner than a thread is asked."""


class Hasher:
    """The digest of pieces that come one after another.

    Args:
        algorithm: `sha256` or `sha512`.

    Attributes:
        size: How many bytes came.

    Example:
        >>> hasher = Hasher()
        >>> hasher.update(b"hello")
        >>> hasher.digest == Digest.of(b"hello"), hasher.size
        (True, 5)
    """

    __slots__ = ("_algorithm", "_hash", "size")

    def __init__(self, algorithm: str = "sha256") -> None:
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm)
        self.size = 0

    def update(self, piece: bytes) -> None:
        """Take a piece."""
        self._hash.update(piece)
        self.size += len(piece)

    async def take(self, piece: bytes) -> None:
        """Take a piece; a large one in a thread."""
        if len(piece) <= SMALL:
            self.update(piece)
        else:
            await asyncio.to_thread(self.update, piece)

    @property
    def digest(self) -> Digest:
        """The digest of all that came."""
        return Digest(f"{self._algorithm}:{self._hash.hexdigest()}")


async def digest_of(source: Source, algorithm: str = "sha256") -> tuple[Digest, int]:
    """The digest and size of content that can be read again.

    Args:
        source: The content; all of it is read.
        algorithm: `sha256` or `sha512`.

    Returns:
        Digest, and bytes.
    """
    hasher = Hasher(algorithm)
    async with closing(source.read()) as pieces:
        async for piece in pieces:
            await hasher.take(piece)
    return hasher.digest, hasher.size


async def checked(source: Source, digest: Digest, size: int) -> AsyncIterator[bytes]:
    """The bytes of a source, whose last piece is held back until all have the digest that was promised.

    So a server never gets the whole of something else: it sees an upload that breaks off.

    Args:
        source: The content.
        digest: What it should have.
        size: How many bytes it should have.

    Yields:
        The pieces.

    Raises:
        DigestMismatch: It has another digest.
        UploadError: It has fewer or more bytes.
    """
    hasher = Hasher(digest.algorithm)
    hashing: asyncio.Task[None] | None = None
    try:
        async with closing(source.read()) as pieces:
            async for piece in pieces:
                if hashing is not None:
                    await hashing
                    hashing = None
                if hasher.size + len(piece) > size:
                    raise UploadError(
                        f"the content of {digest} has more than the {size} bytes that were announced"
                    )
                if hasher.size + len(piece) == size:
                    await hasher.take(piece)
                    _confirm(hasher.digest, digest)
                else:
                    hashing = asyncio.ensure_future(hasher.take(piece))
                yield piece
    finally:
        if hashing is not None:
            await asyncio.wait((hashing,))
    if hasher.size != size:
        raise UploadError(
            f"the content of {digest} has {hasher.size} bytes instead of the {size} that were announced"
        )
    _confirm(hasher.digest, digest)


def _confirm(actual: Digest, expected: Digest) -> None:
    """Refuse another digest than the one that was promised."""
    if actual != expected:
        raise DigestMismatch(expected, actual, what="content to be sent", advice=OTHER_CONTENT)
