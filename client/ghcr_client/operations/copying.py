"""Copies: an image with all that belongs to it, from any registry to any other, through this machine's memory only.

Within a registry blobs are mounted; between two they stream. What is there is not sent. Source:
`reference/registry-clients.md` section 1.5.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ghcr_client.closing import closing
from ghcr_client.errors import ManifestUnknown, ProtocolError
from ghcr_client.manifests import Manifest
from ghcr_client.models import ImageIndex
from ghcr_client.operations.access import check_digest
from ghcr_client.operations.fallback import fallback_tag
from ghcr_client.operations.images import ImageOperations
from ghcr_client.operations.manifests import chosen_entry
from ghcr_client.platforms import Platform
from ghcr_client.tracing import span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghcr_client.digests import Digest
    from ghcr_client.models import Descriptor
    from ghcr_client.progress import ProgressCallback
    from ghcr_client.refs import ImageRef

__all__ = ["CopyOperations"]

_MOST_REFERRERS = 10_000
_ABOUT = "vnd.docker.reference.digest"
"""The annotation by which an attestation inside an index says which image it is about."""


class CopyOperations(ImageOperations):
    """The operation that copies."""

    async def copy_image(
        self,
        source: ImageRef | str,
        target: ImageRef | str,
        *,
        platforms: Platform | str | Iterable[Platform | str] | None = None,
        referrers: bool = False,
        digest_tags: bool = False,
        progress: ProgressCallback | None = None,
    ) -> Digest:
        """Copy an image to another tag, repository or registry.

        Args:
            source: The image.
            target: What it will be called. A digest in it has to be the copy's.
            platforms: Only the images for these platforms, or this one; the copy is an index of them, with a digest of
                its own. An image that is for a single platform is copied as it is, if it runs on them.
            referrers: Copy what is about the image, too: signatures, SBOMs, attestations, and what is about those. What
                is listed and was deleted is passed over.
            digest_tags: Copy cosign's tags `sha256-….sig`, `.att` and `.sbom` of the image, too.
            progress: Is told how far each blob is, those of referrers and digest tags included.

        Returns:
            The copy's digest.

        Raises:
            ManifestUnknown: There is no such image, or none for one of the platforms.
            InvalidManifest: The digest in `target` is not the copy's; nothing was copied.
            ProtocolError: There is no end to what is about the image.
            RegistryError: A registry refuses.
            TransportError: There is no answer.

        Example:
            await client.copy_image("acme/app:v1", "acme/mirror:v1", platforms=["linux/amd64"])  # 'sha256:…'
        """
        origin, goal = self.ref(source), self.ref(target)
        with span("copy_image", image=origin, target=str(goal)) as here:
            manifest = await self._pull(origin)
            here.set_attribute("media_type", manifest.media_type)
            if platforms is not None:
                manifest = await self._filtered(origin, manifest, _wanted(platforms))
            check_digest(goal, manifest)
            there = goal if goal.tag is None else goal.with_tag(goal.tag)
            if await self._find(there) != manifest.digest:
                await self._copy_tree(origin, goal, manifest, progress=progress)
            subjects = _subjects(manifest)
            if referrers:
                await self._copy_referrers(origin, goal, subjects, progress)
            if digest_tags:
                await self._copy_digest_tags(origin, goal, subjects, progress)
            return manifest.digest

    async def _copy_referrers(
        self,
        origin: ImageRef,
        goal: ImageRef,
        subjects: tuple[Digest, ...],
        progress: ProgressCallback | None,
    ) -> None:
        """Copy what is about some manifests, and what is about that, to the last."""
        seen, waiting = set(subjects), deque(subjects)
        while waiting:
            for each in await self._referrers_of(origin, waiting.popleft()):
                if each.digest in seen:
                    continue
                seen.add(each.digest)
                if len(seen) > _MOST_REFERRERS:
                    raise ProtocolError(f"more than {_MOST_REFERRERS} manifests are about {origin}")
                there = goal.with_digest(each.digest, keep_tag=False)
                try:
                    manifest = await self._pull(origin.with_digest(each.digest, keep_tag=False))
                except ManifestUnknown:
                    continue  # the list is behind: somebody deleted it without its entry
                # Pushed although it may be there: then it is listed there, too.
                await self._copy_tree(origin, there, manifest, progress=progress)
                waiting.append(each.digest)

    async def _filtered(self, ref: ImageRef, manifest: Manifest, wanted: tuple[Platform, ...]) -> Manifest:
        """An index of the images for some platforms, and the attestations about them; an image stays as it is."""
        document = manifest.document
        if not isinstance(document, ImageIndex):
            await self._check_platforms(ref, manifest, wanted)
            return manifest
        entries = await self._entries_for(ref, document, wanted)
        kept = {chosen_entry(ref, entries, each).digest for each in wanted}
        chosen = tuple(each for each in entries if _belongs(each, kept))
        if chosen == document.manifests:
            return manifest
        return Manifest.build(document.model_copy(update={"manifests": chosen}))

    async def _copy_digest_tags(
        self,
        origin: ImageRef,
        goal: ImageRef,
        subjects: tuple[Digest, ...],
        progress: ProgressCallback | None,
    ) -> None:
        """Copy the tags that are made of a digest and an ending."""
        starts = tuple(f"{fallback_tag(each)}." for each in subjects)
        async with closing(self.iter_tags(origin)) as tags:
            async for tag in tags:
                if tag.startswith(starts):
                    manifest = await self._pull(origin.with_tag(tag))
                    await self._copy_tree(origin, goal.with_tag(tag), manifest, progress=progress)


def _subjects(manifest: Manifest) -> tuple[Digest, ...]:
    """A manifest, and those that it lists, if it is an index: each may have something about it."""
    listed = manifest.document.manifests if isinstance(manifest.document, ImageIndex) else ()
    return tuple(dict.fromkeys((manifest.digest, *(each.digest for each in listed if each.is_manifest))))


def _wanted(platforms: Platform | str | Iterable[Platform | str]) -> tuple[Platform, ...]:
    """Platforms, also where there is only one."""
    several = (platforms,) if isinstance(platforms, (Platform, str)) else platforms
    return tuple(map(Platform.of, several))


def _belongs(entry: Descriptor, kept: set[Digest]) -> bool:
    """Whether an index's entry is one of those, or about one of those."""
    return entry.digest in kept or entry.annotations.get(_ABOUT) in kept
