"""Copies: an image with all that belongs to it, from any registry to any other, through this machine's memory only.

Within a registry blobs are mounted; between two they stream. What is there is not sent. Source:
`reference/registry-clients.md` section 1.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_client.errors import ManifestUnknown
from ghcr_client.manifests import Manifest
from ghcr_client.models import ImageIndex
from ghcr_client.operations.images import ImageOperations
from ghcr_client.operations.referrers import fallback_tag
from ghcr_client.platforms import Platform, best_platform
from ghcr_client.tracing import span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghcr_client.digests import Digest
    from ghcr_client.models import Descriptor
    from ghcr_client.progress import ProgressCallback
    from ghcr_client.refs import ImageRef

__all__ = ["CopyOperations"]

_DEEPEST = 4
_ABOUT = "vnd.docker.reference.digest"
"""The annotation by which an attestation inside an index says which image it is about."""


class CopyOperations(ImageOperations):
    """The operation that copies."""

    async def copy_image(
        self,
        source: ImageRef | str,
        target: ImageRef | str,
        *,
        platforms: Iterable[Platform | str] | None = None,
        referrers: bool = False,
        digest_tags: bool = False,
        progress: ProgressCallback | None = None,
    ) -> Digest:
        """Copy an image to another tag, repository or registry.

        Args:
            source: The image.
            target: What it will be called.
            platforms: Only the images for these platforms; the copy is an index of them, with a digest of its own.
            referrers: Copy what is about the image, too: signatures, SBOMs, attestations, and what is about those.
            digest_tags: Copy cosign's tags `sha256-….sig`, `.att` and `.sbom` of the image, too.
            progress: Is told how far each blob is.

        Returns:
            The copy's digest.

        Raises:
            ManifestUnknown: There is no such image, or none for one of the platforms.
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
                manifest = _filtered(origin, manifest, platforms)
            if await self._find(goal) != manifest.digest:
                await self._copy_tree(origin, goal, manifest, progress=progress)
            subjects = _subjects(manifest)
            if referrers:
                seen = set(subjects)
                for subject in subjects:
                    await self._copy_referrers(origin, goal, subject, seen, _DEEPEST)
            if digest_tags:
                await self._copy_digest_tags(origin, goal, subjects)
            return manifest.digest

    async def _copy_referrers(
        self, origin: ImageRef, goal: ImageRef, subject: Digest, seen: set[Digest], depth: int
    ) -> None:
        """Copy what is about a manifest, and what is about that."""
        for each in await self._referrers_of(origin, subject):
            if each.digest in seen:
                continue
            seen.add(each.digest)
            there = goal.with_digest(each.digest, keep_tag=False)
            manifest = await self._pull(origin.with_digest(each.digest, keep_tag=False))
            # Pushed although it may be there: then it is listed there, too.
            await self._copy_tree(origin, there, manifest)
            if depth > 1:
                await self._copy_referrers(origin, goal, each.digest, seen, depth - 1)

    async def _copy_digest_tags(self, origin: ImageRef, goal: ImageRef, subjects: tuple[Digest, ...]) -> None:
        """Copy the tags that are made of a digest and an ending."""
        starts = tuple(f"{fallback_tag(each)}." for each in subjects)
        async for tag in self.iter_tags(origin):
            if tag.startswith(starts):
                manifest = await self._pull(origin.with_tag(tag))
                await self._copy_tree(origin, goal.with_tag(tag), manifest)


def _subjects(manifest: Manifest) -> tuple[Digest, ...]:
    """A manifest, and those that it lists, if it is an index: each may have something about it."""
    listed = manifest.document.manifests if isinstance(manifest.document, ImageIndex) else ()
    return tuple(dict.fromkeys((manifest.digest, *(each.digest for each in listed))))


def _filtered(ref: ImageRef, manifest: Manifest, platforms: Iterable[Platform | str]) -> Manifest:
    """An index of the images for some platforms, and the attestations about them; an image stays as it is."""
    document = manifest.document
    if not isinstance(document, ImageIndex):
        return manifest
    kept: set[Digest] = set()
    for each in platforms:
        wanted = Platform.parse(each) if isinstance(each, str) else each
        place = best_platform(wanted, (one.platform for one in document.manifests))
        if place is None:
            offered = ", ".join(map(str, document.platforms)) or "none"
            raise ManifestUnknown(
                f"{ref} has no image that runs on {wanted}; it has: {offered}", operation="manifest.get"
            )
        kept.add(document.manifests[place].digest)
    chosen = tuple(each for each in document.manifests if _belongs(each, kept))
    if len(chosen) == len(document.manifests):
        return manifest
    return Manifest.build(document.model_copy(update={"manifests": chosen}))


def _belongs(entry: Descriptor, kept: set[Digest]) -> bool:
    """Whether an index's entry is one of those, or about one of those."""
    return entry.digest in kept or entry.annotations.get(_ABOUT) in kept
