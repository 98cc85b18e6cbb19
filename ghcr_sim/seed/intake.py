"""Streams into blobs of a store, all or none: what a failed seed has written is forgotten.

It knows writers and digests, and neither archives nor images.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Self

from ghcr_sim.errors import SeedError
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.seed.limits import DEFAULT_LIMITS, Limits
from ghcr_sim.store import Blob, BytesBlob, DigestMismatch, Store, Writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

__all__ = ["Intake", "bytes_blob", "checked"]


def bytes_blob(chunks: Iterable[bytes]) -> BytesBlob:
    """A blob of bytes that are in memory anyway."""
    kept = tuple(chunks)
    running = hashlib.sha256()
    for chunk in kept:
        running.update(chunk)
    return BytesBlob(f"sha256:{running.hexdigest()}", kept)


class Intake:
    """The blobs of one seed. Leaving the context with an error discards them all.

    Args:
        store: Whose writers take the bytes; no repository of it is touched.
        limits: `Limits.total` bounds the bytes of all blobs together.
    """

    def __init__(self, store: Store, limits: Limits = DEFAULT_LIMITS) -> None:
        self._store = store
        self._limits = limits
        self._writers: list[Writer] = []
        self._blobs: dict[str, Blob] = {}
        self._left = limits.total

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if kind is not None:
            for writer in self._writers:
                writer.discard()

    def known(self, digest: str) -> Blob | None:
        """A blob that came already."""
        return self._blobs.get(digest)

    def take(self, pieces: Iterable[bytes], where: str, digest: str | None = None) -> Blob:
        """Write a stream down.

        Args:
            pieces: The bytes.
            where: What they are, for error texts.
            digest: The digest that they should have; None takes what they have.

        Raises:
            SeedError: They have another digest, or are too many.
        """
        running = hashlib.sha256()
        writer = self._store.writer()
        self._writers.append(writer)
        algorithm = digest.partition(":")[0] if digest else "sha256"
        writer.write([], algorithm)
        for piece in self._bounded(pieces, where):
            writer.write([piece], algorithm)
            if digest is None:
                running.update(piece)
        wanted = digest or f"sha256:{running.hexdigest()}"
        try:
            blob = writer.finish(wanted)
        except DigestMismatch as mismatch:
            raise SeedError(
                f"{where} should be {wanted}, but its bytes are {mismatch.got}: make it again"
            ) from None
        self._blobs[wanted] = blob
        return blob

    def _bounded(self, pieces: Iterable[bytes], where: str) -> Iterator[bytes]:
        for piece in pieces:
            self._left -= len(piece)
            if self._left < 0:
                raise SeedError(
                    f"{where} takes the seed beyond {self._limits.total} bytes: "
                    "pass limits=Limits(total=…) if you trust it"
                )
            yield piece


def checked(content: bytes, where: str, digest: str) -> bytes:
    """Bytes that have this digest.

    Raises:
        SeedError: They have another.
    """
    got = digest_of(content, digest.partition(":")[0])
    if got != digest:
        raise SeedError(f"{where} should be {digest}, but its bytes are {got}: make it again")
    return content
