"""Whole images, pushed: blobs a few at a time, each once, and every manifest after what it lists.

Where the content comes from is somebody else's: an image that was made here, a layout, another registry. A registry
that answered 201 for a blob and does not know it when the manifest comes is given time, and the blob again. Source:
`reference/registry-clients.md` section 1.5; `reference/ghcr-wire.md` section 12, P1.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ghcr_client.errors import InvalidContent
from ghcr_client.models import ImageIndex
from ghcr_client.operations.base import DEEPEST, gathered
from ghcr_client.operations.sending import Upload
from ghcr_client.operations.tags import TagOperations

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ghcr_client.digests import Digest
    from ghcr_client.manifests import Manifest
    from ghcr_client.models import Descriptor
    from ghcr_client.progress import ProgressCallback
    from ghcr_client.refs import ImageRef
    from ghcr_client.sources import Source

__all__ = ["Pushing", "TreeOperations"]


@dataclass(slots=True)
class Pushing:
    """An image on its way to a registry.

    Attributes:
        target: The repository that it goes to.
        child: Gives a manifest that an index lists.
        source: Gives the content of a blob.
        gate: How many blobs move at once.
        progress: Is told how far each blob is.
        mount_from: A repository of the same registry that has the blobs.
        blobs: Digest → its upload, so that each goes once.
    """

    target: ImageRef
    child: Callable[[Descriptor], Awaitable[Manifest]]
    source: Callable[[Descriptor], Source]
    gate: asyncio.Semaphore
    progress: ProgressCallback | None = None
    mount_from: ImageRef | None = None
    blobs: dict[Digest, asyncio.Task[None]] = field(default_factory=dict)


class TreeOperations(TagOperations):
    """What pushes whole images."""

    async def _push_tree(
        self, pushing: Pushing, ref: ImageRef, manifest: Manifest, depth: int = DEEPEST
    ) -> None:
        """Push a manifest after all that it lists."""
        if isinstance(manifest.document, ImageIndex):
            if depth == 0:
                raise InvalidContent(
                    f"{ref} is an index of indexes, more than {DEEPEST} deep", operation="manifest.put"
                )
            children = {
                each.digest: each for each in manifest.document.manifests if each.is_manifest
            }.values()
            push = partial(self._push_child, pushing, depth=depth)
            await gathered(push, children, self.config.max_concurrency)
        await self._push_blobs(pushing, manifest.document.blobs)
        await self._push_listed(pushing, ref, manifest)

    async def _push_child(self, pushing: Pushing, child: Descriptor, *, depth: int) -> None:
        """Push a manifest that an index lists, unless it is there."""
        ref = pushing.target.with_digest(child.digest, keep_tag=False)
        if await self._find(ref) is None:
            await self._push_tree(pushing, ref, await pushing.child(child), depth - 1)

    async def _push_blobs(self, pushing: Pushing, blobs: Iterable[Descriptor]) -> None:
        """Push blobs; one that is on its way already is waited for."""
        wanted = [each for each in dict.fromkeys(blobs) if not each.stays_elsewhere]
        await gathered(partial(self._push_blob, pushing), wanted, len(wanted) or 1)

    async def _push_blob(self, pushing: Pushing, blob: Descriptor) -> None:
        """Push a blob once, however many manifests list it."""
        task = pushing.blobs.get(blob.digest)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = pushing.blobs[blob.digest] = asyncio.ensure_future(self._push_blob_now(pushing, blob))
        await task

    async def _push_blob_now(self, pushing: Pushing, blob: Descriptor) -> None:
        async with pushing.gate:
            upload = Upload(
                pushing.target, pushing.source(blob), blob.digest, blob.size, progress=pushing.progress
            )
            await self._upload(upload, pushing.mount_from)

    async def _push_listed(self, pushing: Pushing, ref: ImageRef, manifest: Manifest) -> None:
        """Push a manifest; where the registry misses what it has taken, wait and look again."""
        tries = 0
        while True:
            try:
                await self._push(ref, manifest)
            except InvalidContent as error:
                tries += 1
                if error.code != "MANIFEST_BLOB_UNKNOWN" or tries > self.config.max_retries:
                    raise
                await self._pause(tries, error)
                pushing.blobs.clear()
                await self._push_blobs(pushing, manifest.document.blobs)
            else:
                return
