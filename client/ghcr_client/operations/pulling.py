"""Whole images, pulled into a layout: blobs a few at a time, each once, and every manifest after what it lists.

It does not know how a blob is brought here. Layers that registries do not keep are left where they are. Source:
`reference/registry-clients.md` section 1.5; OCI image layout specification.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ghcr_client.errors import InvalidManifest
from ghcr_client.hashing import digest_of
from ghcr_client.models import ImageIndex
from ghcr_client.operations.access import ManifestAccess
from ghcr_client.operations.base import DEEPEST, gathered
from ghcr_client.operations.downloads import DownloadOperations
from ghcr_client.operations.receiving import Receiving
from ghcr_client.progress import Progress

if TYPE_CHECKING:
    from ghcr_client.digests import Digest
    from ghcr_client.layout import LayoutDirectory
    from ghcr_client.manifests import Manifest
    from ghcr_client.models import Descriptor
    from ghcr_client.progress import ProgressCallback
    from ghcr_client.refs import ImageRef

__all__ = ["PullOperations", "Pulling"]


@dataclass(slots=True)
class Pulling:
    """An image on its way into a layout.

    Attributes:
        ref: The repository that it comes from.
        layout: Where it goes to.
        gate: How many blobs move at once.
        progress: Is told how far each blob is.
        manifests: The manifests that were begun, so that each comes once.
        blobs: Digest → what brings that blob, so that each comes once.
    """

    ref: ImageRef
    layout: LayoutDirectory
    gate: asyncio.Semaphore
    progress: ProgressCallback | None = None
    manifests: set[Digest] = field(default_factory=set)
    blobs: dict[Digest, asyncio.Task[None]] = field(default_factory=dict)


class PullOperations(ManifestAccess, DownloadOperations):
    """What pulls whole images."""

    async def _pull_tree(self, pulling: Pulling, manifest: Manifest, depth: int = DEEPEST) -> None:
        """Put a manifest into a layout, after all that it lists."""
        document = manifest.document
        if isinstance(document, ImageIndex):
            if depth == 0:
                raise InvalidManifest(f"{pulling.ref} is an index of indexes, more than {DEEPEST} deep")
            bring = partial(self._pull_child, pulling, depth=depth - 1)
        else:
            bring = partial(self._pull_blob, pulling)
        listed = [each for each in dict.fromkeys(document.children) if not each.stays_elsewhere]
        await gathered(bring, listed, self.config.max_concurrency)
        await asyncio.to_thread(pulling.layout.put_bytes, manifest.raw, algorithm=manifest.digest.algorithm)

    async def _pull_child(self, pulling: Pulling, child: Descriptor, *, depth: int) -> None:
        """Put what an index lists into the layout, once, however many indexes list it."""
        if not child.is_manifest:
            await self._pull_blob(pulling, child)
        elif child.digest not in pulling.manifests:
            pulling.manifests.add(child.digest)
            inner = await self._pull(pulling.ref.with_digest(child.digest, keep_tag=False))
            await self._pull_tree(pulling, inner, depth)

    async def _pull_blob(self, pulling: Pulling, blob: Descriptor) -> None:
        """Put a blob into the layout, once, however many manifests list it."""
        task = pulling.blobs.get(blob.digest)
        if task is None:
            task = pulling.blobs[blob.digest] = asyncio.ensure_future(self._pull_blob_now(pulling, blob))
        await task

    async def _pull_blob_now(self, pulling: Pulling, blob: Descriptor) -> None:
        """Put a blob into the layout, unless it is there, and right."""
        async with pulling.gate:
            if await _is_right(pulling.layout, blob):
                if pulling.progress is not None:
                    pulling.progress(Progress(blob.digest, blob.size, blob.size, "exists"))
                return
            async with pulling.layout.writing(blob.digest, blob.size) as sink:
                receiving = Receiving(blob.digest, sink, size=blob.size, progress=pulling.progress)
                await self._download(pulling.ref, receiving)
                sink.confirm()


async def _is_right(layout: LayoutDirectory, blob: Descriptor) -> bool:
    """Whether a layout has a blob with the digest that its name promises."""
    if not layout.has(blob):
        return False
    actual, _ = await digest_of(layout.source(blob), blob.digest.algorithm)
    return actual == blob.digest
