"""Images on this machine: the common protocol, and reading an OCI image layout wherever its files lie.

Manifests are verified against their digests; of blobs, the size is checked here and the digest by who reads them. It
does not know whether the files are in a directory or a tar. Source: OCI image specification, "OCI Image Layout
Specification".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ghcr_client.errors import InvalidManifest, LayoutError
from ghcr_client.layout.documents import INDEX, check_version, read_index
from ghcr_client.layout.files import blob_name, needed, read_small
from ghcr_client.layout.names import Entry, chosen, digest_in, names_of
from ghcr_client.manifests import ACCEPT, Manifest
from ghcr_client.models import Descriptor
from ghcr_client.sources import FileSource

if TYPE_CHECKING:
    from ghcr_client.digests import Digest
    from ghcr_client.layout.files import Files, Place
    from ghcr_client.sources import Source

__all__ = ["LayoutReader", "LocalImages", "sized"]


@runtime_checkable
class LocalImages(Protocol):
    """Images that lie on this machine, in a layout or in an archive."""

    async def list(self) -> tuple[Entry, ...]:
        """What there is, in the order in which it is listed.

        Raises:
            LayoutError: The list is damaged.
        """

    async def manifest(self, reference: str | Descriptor | None = None) -> Manifest:
        """A manifest, verified.

        Args:
            reference: A tag, a full name, a digest, a descriptor out of an index, or None for the only one.

        Raises:
            LayoutError: There is none of that name, or several may be meant; the message lists them.
            InvalidManifest: It is not a manifest.
            DigestMismatch: Its bytes are not what its digest promises.
        """

    def source(self, descriptor: Descriptor) -> Source:
        """The content of a blob or manifest, to be read from any offset, again and again.

        Raises:
            LayoutError: It is missing, or has another size than the descriptor says.
        """

    def has(self, descriptor: Descriptor) -> bool:
        """Whether a blob or manifest is there with the right size; it is not hashed."""


def sized(place: Place, descriptor: Descriptor, what: str) -> Place:
    """The same place, if it has as many bytes as a descriptor says.

    Raises:
        LayoutError: It has not; `what` says where.
    """
    if place.size != descriptor.size:
        raise LayoutError(
            f"{what} should have {descriptor.size} bytes, but has {place.size}: the copy is incomplete, make it again"
        )
    return place


class LayoutReader:
    """An OCI image layout, read.

    Args:
        files: Its files.

    Raises:
        LayoutError: It is no layout, or one of another version than 1.0.0.
    """

    def __init__(self, files: Files) -> None:
        check_version(files)
        self._files = files

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._files.where!r})"

    async def list(self) -> tuple[Entry, ...]:
        """The manifests that `index.json` lists; what is none is passed over, as the specification asks.

        Raises:
            LayoutError: `index.json` is missing or damaged.
        """
        return await asyncio.to_thread(self._entries)

    async def manifest(self, reference: str | Descriptor | None = None) -> Manifest:
        """A manifest, verified; by digest or descriptor, it need not be listed.

        Args:
            reference: A tag, a full name, a digest, a descriptor out of an index, or None for the only one.

        Raises:
            LayoutError: There is none of that name, or several may be meant; a file is missing or too short.
            InvalidManifest: It is not a manifest.
            DigestMismatch: Its bytes are not what its digest promises.
        """
        return await asyncio.to_thread(self._manifest, reference)

    def source(self, descriptor: Descriptor) -> Source:
        """The content of a blob or manifest.

        Raises:
            LayoutError: It is missing, has another size than the descriptor says, or lies elsewhere.
        """
        name = blob_name(descriptor.digest)
        place = sized(needed(self._files, name), descriptor, f"{self._files.where}: {name}")
        return FileSource(place.path, start=place.start, size=place.size, digest=descriptor.digest)

    def has(self, descriptor: Descriptor) -> bool:
        """Whether a blob or manifest is there with the right size; it is not hashed."""
        try:
            place = self._files.place(blob_name(descriptor.digest))
        except LayoutError:
            return False
        return place is not None and place.size == descriptor.size

    def _entries(self) -> tuple[Entry, ...]:
        """What is listed, read now."""
        index = read_index(read_small(self._files, INDEX), f"{self._files.where}: {INDEX}")
        return tuple(Entry(each, names_of(each)) for each in index.manifests if each.media_type in ACCEPT)

    def _manifest(self, reference: str | Descriptor | None) -> Manifest:
        """A manifest, read now."""
        if isinstance(reference, Descriptor):
            return self._read(reference.digest, reference)
        digest = None if reference is None else digest_in(reference)
        entries = self._entries()
        if digest is None:
            named = [(each.names, each.descriptor.digest) for each in entries]
            digest = chosen(named, reference, self._files.where)
        listed = (each.descriptor for each in entries if each.descriptor.digest == digest)
        return self._read(digest, next(listed, None))

    def _read(self, digest: Digest, descriptor: Descriptor | None) -> Manifest:
        """The manifest of a digest; the descriptor says its type and size, if it is listed."""
        name = blob_name(digest)
        what = f"{self._files.where}: {name}"
        if descriptor is not None:
            sized(needed(self._files, name), descriptor, what)
        raw = read_small(self._files, name)
        digest.verify(raw, what=what)
        media_type = None if descriptor is None else descriptor.media_type
        try:
            return Manifest.parse(raw, media_type, algorithm=digest.algorithm)
        except InvalidManifest as error:
            raise InvalidManifest(f"{what}: {error}") from None
