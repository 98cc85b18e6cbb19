"""Manifests: whether they are there, pulled, pushed, chosen by platform, measured, deleted.

It does not know how a registry is asked. Source: distribution specification, sections "Pulling manifests", "Pushing
Manifests" and "Deleting Manifests"; `reference/registry-clients.md` section 2 rows 4 and 21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_client.answers import header
from ghcr_client.errors import InvalidManifest, ManifestUnknown
from ghcr_client.models import INDEXES, ImageIndex
from ghcr_client.operations.base import DEEPEST
from ghcr_client.operations.referrers import ReferrerOperations
from ghcr_client.platforms import Platform, best_platform
from ghcr_client.tracing import span

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from ghcr_client.digests import Digest
    from ghcr_client.manifests import Manifest
    from ghcr_client.models import Descriptor
    from ghcr_client.refs import ImageRef

__all__ = ["ManifestOperations", "chosen_entry", "no_image_for"]


class ManifestOperations(ReferrerOperations):
    """The operations on manifests."""

    async def image_exists(self, ref: ImageRef | str) -> bool:
        """Whether there is an image of this tag or digest.

        Args:
            ref: The image.

        Returns:
            False where the registry says 404. That an image is hidden is an error, not False.

        Raises:
            InvalidReference: The text is not a reference.
            RegistryError: The registry refuses, such as `Denied` for a package that this token may not read.
            TransportError: There is no answer.

        Example:
            await client.image_exists("acme/app:v1")  # True
        """
        ref = self.ref(ref)
        with span("image_exists", image=ref):
            return await self._find(ref) is not None

    async def tag_digest(self, ref: ImageRef | str) -> Digest:
        """The digest that a tag names now.

        Args:
            ref: The image; where it has a digest already, that one is looked for.

        Returns:
            The manifest's digest.

        Raises:
            ManifestUnknown: There is no such tag.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            await client.tag_digest("acme/app:v1")  # 'sha256:…'
        """
        ref = self.ref(ref)
        with span("tag_digest", image=ref):
            found = await self._find(ref)
            if found is None:
                # A HEAD tells no reason; the GET does.
                found = (await self._pull(ref)).digest
            return found

    async def pull_manifest(self, ref: ImageRef | str) -> Manifest:
        """A manifest, byte by byte as it was pushed, its digest verified.

        Args:
            ref: The image.

        Returns:
            The manifest; of an image for several platforms, the index.

        Raises:
            ManifestUnknown: There is none.
            DigestMismatch: What came has another digest than the one that was asked for.
            InvalidManifest: What came is no manifest.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            manifest = await client.pull_manifest("acme/app:v1")
            [str(each) for each in manifest.platforms]  # ['linux/amd64', 'linux/arm64']
        """
        ref = self.ref(ref)
        with span("pull_manifest", image=ref) as here:
            manifest = await self._pull(ref)
            here.set_attribute("media_type", manifest.media_type)
            return manifest

    async def get_platform_manifest(self, ref: ImageRef | str, platform: Platform | str) -> Manifest:
        """The manifest of an image that runs best on a platform.

        Args:
            ref: The image. One that is for a single platform is returned as it is.
            platform: Such as `linux/arm64`.

        Returns:
            The manifest of an image, never an index.

        Raises:
            InvalidReference: The text is not a platform.
            ManifestUnknown: There is no such image, or nothing in it runs on that platform; the message lists what
                does.
            InvalidManifest: It is an index of indexes, more than 8 deep.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            manifest = await client.get_platform_manifest("acme/app:v1", "linux/arm64")
            manifest.is_multi_arch  # False
        """
        ref, wanted = self.ref(ref), Platform.of(platform)
        with span("get_platform_manifest", image=ref) as here:
            manifest = await self._image_for(ref, await self._pull(ref), wanted)
            here.set_attribute("media_type", manifest.media_type)
            return manifest

    async def _image_for(self, ref: ImageRef, manifest: Manifest, wanted: Platform) -> Manifest:
        """The image in an index that runs best on a platform; an image stays as it is."""
        for _ in range(DEEPEST):
            if not isinstance(manifest.document, ImageIndex):
                return manifest
            entries = await self._entries_for(ref, manifest.document, (wanted,))
            entry = chosen_entry(ref, entries, wanted)
            manifest = await self._pull(ref.with_digest(entry.digest, keep_tag=False))
        raise _too_deep(ref)

    async def _entries_for(
        self, ref: ImageRef, index: ImageIndex, wanted: Sequence[Platform]
    ) -> tuple[Descriptor, ...]:
        """What an index lists; where nothing of that runs on a platform, with what the indexes in it list."""
        if all(index.select(each) for each in wanted):
            return index.manifests
        return tuple([each async for each in self._unfolded(ref, index, set(), DEEPEST)])

    async def _unfolded(
        self, ref: ImageRef, index: ImageIndex, seen: set[Digest], depth: int
    ) -> AsyncIterator[Descriptor]:
        """What an index lists, and instead of an index that names no platform, what that one lists."""
        for each in index.manifests:
            if each.platform is not None or each.media_type not in INDEXES:
                yield each
            elif each.digest not in seen:
                if depth == 1:
                    raise _too_deep(ref)
                seen.add(each.digest)
                inner = (await self._pull(ref.with_digest(each.digest, keep_tag=False))).document
                if isinstance(inner, ImageIndex):
                    async for entry in self._unfolded(ref, inner, seen, depth - 1):
                        yield entry

    async def image_size(self, ref: ImageRef | str, *, platform: Platform | str | None = None) -> int:
        """How many bytes an image takes in the registry: manifests, configurations and layers, each content once.

        Layers that registries do not keep, of Windows for example, are not counted.

        Args:
            ref: The image.
            platform: Only the image for this platform; None counts all that an index lists. An image that is for a
                single platform is measured as it is.

        Returns:
            Bytes, as they are stored, compressed.

        Raises:
            ManifestUnknown: There is no such image, or none in an index for that platform.
            InvalidManifest: It is an index of indexes, more than 8 deep.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            size = await client.image_size("acme/app:v1", platform="linux/amd64")
            size < 4096  # True
        """
        ref = self.ref(ref)
        with span("image_size", image=ref) as here:
            manifest = (
                await self._pull(ref) if platform is None else await self.get_platform_manifest(ref, platform)
            )
            here.set_attribute("media_type", manifest.media_type)
            sizes: dict[Digest, int] = {}
            await self._measure(ref, manifest, sizes, DEEPEST)
            return sum(sizes.values())

    async def _measure(self, ref: ImageRef, manifest: Manifest, sizes: dict[Digest, int], depth: int) -> None:
        """Add up what a manifest leads to."""
        if isinstance(manifest.document, ImageIndex) and depth == 0:
            raise _too_deep(ref)
        sizes[manifest.digest] = manifest.size
        for child in manifest.document.children:
            if child.digest in sizes or child.stays_elsewhere:
                continue
            sizes[child.digest] = child.size
            if isinstance(manifest.document, ImageIndex) and child.is_manifest:
                inner = await self._pull(ref.with_digest(child.digest, keep_tag=False))
                await self._measure(ref, inner, sizes, depth - 1)

    async def push_manifest(self, ref: ImageRef | str, manifest: Manifest) -> Digest:
        """Push a manifest; what it lists has to be there.

        A manifest with a subject is listed among that one's referrers afterwards, also where the registry has no
        referrers API: see `list_referrers`.

        Args:
            ref: Where to: a tag, or the manifest's own digest, or both.
            manifest: What to push; its bytes go as they are.

        Returns:
            The manifest's digest.

        Raises:
            InvalidManifest: It makes no sense, has more than 4 MiB, or the digest in `ref` is not its own.
            InvalidContent: The registry misses what it lists, or does not take it.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            config = await client.upload_blob("acme/app", b"{}", media_type="application/vnd.oci.empty.v1+json")
            text = await client.upload_blob("acme/app", b"hello", media_type="text/plain")
            document = ImageManifest(artifact_type="text/plain", config=config, layers=(text,))
            await client.push_manifest("acme/app:hello", Manifest.build(document))  # 'sha256:…'
        """
        ref = self.ref(ref)
        with span("push_manifest", image=ref, media_type=manifest.media_type):
            manifest.validate()
            return await self._push(ref, manifest)

    async def delete_image(self, ref: ImageRef | str) -> None:
        """Delete a manifest, and all tags that name it; on GHCR, by GitHub's REST API.

        What an index lists stays, and an index that lists this one is broken by it: nobody checks that.

        Args:
            ref: The image. Of a tag, what it names now is deleted.

        Raises:
            Unsupported: The registry deletes nothing.
            NotDeletable: GitHub keeps this version: the last one with a tag, or one that too many have downloaded.
            ManifestUnknown: There is no such image.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            await client.delete_image("acme/app:v1")
            await client.image_exists("acme/app:v1")  # False
        """
        ref = self.ref(ref)
        with span("delete_image", image=ref) as here:
            manifest = await self._pull(ref)
            here.set_attribute("media_type", manifest.media_type)
            await self._delete_referrer(ref, manifest)

    async def _push(self, ref: ImageRef, manifest: Manifest) -> Digest:
        """Put a manifest, and keep its subject's referrers right."""
        answer = await self._put(ref, manifest)
        if manifest.subject is not None:
            await self._list_referrer(ref, manifest, promised=bool(header(answer.headers, "oci-subject")))
        return ref.digest or manifest.digest


def chosen_entry(ref: ImageRef, entries: Sequence[Descriptor], wanted: Platform) -> Descriptor:
    """The one of an index's entries that runs best on a platform.

    Args:
        ref: The index, for the message.
        entries: What it lists.
        wanted: What there is to run on.

    Raises:
        ManifestUnknown: Nothing runs; the message lists what does.
    """
    place = best_platform(wanted, (each.platform for each in entries))
    if place is None:
        raise no_image_for(ref, wanted, ImageIndex(manifests=tuple(entries)).platforms)
    return entries[place]


def no_image_for(ref: ImageRef, wanted: Platform, offered: Iterable[Platform]) -> ManifestUnknown:
    """The error for a platform on which nothing runs; the message lists what does."""
    has = ", ".join(map(str, offered)) or "none"
    return ManifestUnknown(
        f"{ref} has no image that runs on {wanted}; it has: {has}", operation="manifest.get"
    )


def _too_deep(ref: ImageRef) -> InvalidManifest:
    """The error for an index that hides too much."""
    return InvalidManifest(f"{ref} is an index of indexes, more than {DEEPEST} deep")
