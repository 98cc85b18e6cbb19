"""What `docker save` writes, of any age: with an OCI image layout in it, or with `manifest.json` alone.

Where there is a layout, it counts, since it keeps the manifests and their digests. Docker's containerd store saves an
index whole and the images of one platform: then `manifest.json` says which one is there. Sources: Docker's image
specification version 1.2; what Docker 25 and later write.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ghcr_client.errors import LayoutError
from ghcr_client.layout.documents import INDEX, MARK
from ghcr_client.layout.names import digest_in
from ghcr_client.layout.reading import LayoutReader
from ghcr_client.layout.saved import LIST, SavedImages, read_list
from ghcr_client.layout.tarfiles import TarFiles
from ghcr_client.models import INDEXES, Descriptor, ImageManifest

if TYPE_CHECKING:
    import os

    from ghcr_client.layout.names import Entry
    from ghcr_client.layout.reading import LocalImages
    from ghcr_client.manifests import Manifest
    from ghcr_client.sources import Source

__all__ = ["DockerArchive"]


class DockerArchive:
    """What `docker save` wrote. Opening it reads the tar's headers, at once, not in a thread.

    Args:
        path: The tar, or its files.

    Raises:
        LayoutError: It is no tar, compressed, damaged or not safe to read; or it was not written by `docker save`.
    """

    def __init__(self, path: str | os.PathLike[str] | TarFiles) -> None:
        self._files = path if isinstance(path, TarFiles) else TarFiles(path)
        if self._files.place(LIST) is None:
            raise LayoutError(f"{self._files.where} was not written by docker save: it has no file {LIST}")
        self._has_layout = all(self._files.place(name) for name in (INDEX, MARK))
        self._images: LocalImages = (LayoutReader if self._has_layout else SavedImages)(self._files)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._files.where!r})"

    async def list(self) -> tuple[Entry, ...]:
        """What there is; without a layout, all layers are hashed the first time, in a thread.

        Raises:
            LayoutError: A file is missing or damaged.
            InvalidManifest: An image has no layer.
            DigestMismatch: A file is not what its name or the config promises.
        """
        return await self._images.list()

    async def manifest(self, reference: str | Descriptor | None = None) -> Manifest:
        """A manifest, verified; without a layout, it is made.

        Of an index that was saved without all of its images, by name, it is the image that was saved.

        Args:
            reference: A tag, a full name, a digest, a descriptor, or None for the only one.

        Raises:
            LayoutError: There is none of that name, or several may be meant; a file is missing or damaged.
            InvalidManifest: It is not a manifest, or the image has no layer.
            DigestMismatch: A file is not what its name or the config promises.
        """
        manifest = await self._images.manifest(reference)
        by_name = reference is None or (isinstance(reference, str) and digest_in(reference) is None)
        if self._has_layout and by_name and not all(map(self.has, _needed_of(manifest))):
            return await self._saved_of(manifest)
        return manifest

    def source(self, descriptor: Descriptor) -> Source:
        """The content of a blob or manifest; without a layout, of a manifest that was asked for before.

        Raises:
            LayoutError: It is not there, or has another size than the descriptor says.
        """
        return self._images.source(descriptor)

    def has(self, descriptor: Descriptor) -> bool:
        """Whether a blob or manifest is there with the right size; `source` says of which."""
        return self._images.has(descriptor)

    async def _saved_of(self, index: Manifest) -> Manifest:
        """The one image of an incomplete index that `manifest.json` lists, too."""
        listed = await asyncio.to_thread(read_list, self._files)
        configs = {name.rpartition("/")[2].removesuffix(".json").removeprefix("sha256:") for name in listed}
        found = []
        for each in filter(self.has, _needed_of(index)):
            manifest = await self._images.manifest(each)
            document = manifest.document
            if isinstance(document, ImageManifest) and document.config.digest.hex in configs:
                found.append(manifest)
        if len(found) != 1:
            raise LayoutError(
                f"{self._files.where} holds {len(found)} of the images that {index.digest} lists, and not all: save "
                "the image of one platform, or ask for an image's digest"
            )
        return found[0]


def _needed_of(manifest: Manifest) -> tuple[Descriptor, ...]:
    """The manifests that an index lists."""
    return manifest.document.children if manifest.media_type in INDEXES else ()
