"""An OCI image layout inside an uncompressed tar: read where it lies, and written the same for the same content.

It does not know `docker save`. Source: OCI image specification, "OCI Image Layout Specification", which allows a layout
to be in an archive; skopeo calls it `oci-archive:`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ghcr_client.digests import ALGORITHMS, Digest
from ghcr_client.errors import InvalidReference, LayoutError
from ghcr_client.layout.documents import INDEX, LAYOUT, MARK, read_index
from ghcr_client.layout.files import DirectoryFiles, blob_name, needed, read_small
from ghcr_client.layout.reading import LayoutReader
from ghcr_client.layout.tarfiles import TarFiles
from ghcr_client.layout.tarwriter import tar_writing
from ghcr_client.sources import FileSource

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from ghcr_client.layout.directory import LayoutDirectory
    from ghcr_client.sources import Source

__all__ = ["LayoutArchive", "write_blobs_archive", "write_layout_archive"]


class LayoutArchive(LayoutReader):
    """An OCI image layout inside an uncompressed tar. Opening it reads the tar's headers, at once, not in a thread.

    Args:
        path: The tar, or its files.

    Raises:
        LayoutError: It is no tar, compressed, damaged or not safe to read; it holds links; or it is no layout of
            version 1.0.0.
    """

    def __init__(self, path: str | os.PathLike[str] | TarFiles) -> None:
        files = path if isinstance(path, TarFiles) else TarFiles(path)
        files.refuse_links()
        super().__init__(files)


async def write_layout_archive(layout: LayoutDirectory, path: str | os.PathLike[str]) -> None:
    """Write a layout into a tar, with all its blobs, verified; equal layouts make equal tars.

    Args:
        layout: The layout.
        path: The tar; its directory must be there. One that was there is replaced at the end.

    Raises:
        DigestMismatch: A blob is not what its name promises.
        LayoutError: The layout is damaged.
        OSError: The tar cannot be written; nothing is left of it.
    """
    index, blobs = await asyncio.to_thread(_contents, DirectoryFiles(layout.path))
    await write_blobs_archive(index, blobs, path)


async def write_blobs_archive(
    index: bytes, blobs: Iterable[tuple[Digest, Source]], path: str | os.PathLike[str]
) -> None:
    """Write a tar with an OCI image layout of these blobs, verified, sorted, and without dates.

    Args:
        index: What is `index.json`.
        blobs: Digests and contents, manifests included; each source knows its size and is read once.
        path: The tar; its directory must be there. One that was there is replaced at the end.

    Raises:
        DigestMismatch: A content is not what its digest promises.
        LayoutError: The index is damaged; a source does not know its size, or has another one.
        OSError: The tar cannot be written; nothing is left of it.
    """
    read_index(index, INDEX)
    named = {blob_name(digest): (digest, source) for digest, source in blobs}
    async with tar_writing(path) as tar:
        for name, (digest, source) in sorted(named.items()):
            if source.size is None:
                raise LayoutError(f"{name}: a tar says sizes first, and this source does not know its own")
            await tar.add(name, source, digest, source.size)
        await tar.add_bytes(INDEX, index)
        await tar.add_bytes(MARK, LAYOUT)


def _contents(files: DirectoryFiles) -> tuple[bytes, list[tuple[Digest, Source]]]:
    """The index as it is now, and the blobs that there are then, so that none of the index's is forgotten."""
    index = read_small(files, INDEX)
    found: list[tuple[Digest, Source]] = []
    for algorithm in ALGORITHMS:
        directory = files.root / "blobs" / algorithm
        for each in sorted(directory.iterdir()) if directory.is_dir() else ():
            try:
                digest = Digest(f"{algorithm}:{each.name}")
            except InvalidReference:
                continue  # not a blob: something that is being written, or left of it
            place = needed(files, blob_name(digest))
            found.append((digest, FileSource(place.path, start=place.start, size=place.size, digest=digest)))
    return index, found
