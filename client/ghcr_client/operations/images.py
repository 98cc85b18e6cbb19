"""Images, whole: pushed from here, pulled to here, and joined into an index.

What is pushed comes from `Image.build`, a layout or an archive; what is pulled becomes a layout, a layout's tar or a
docker-archive, verified blob by blob. Source: `reference/registry-clients.md` section 1.5.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, get_args

from ghcr_client import layout as layouts
from ghcr_client.calls import JSON_LIMIT
from ghcr_client.digests import Digest
from ghcr_client.documents import json_object
from ghcr_client.errors import ProtocolError
from ghcr_client.images import Image
from ghcr_client.layout.pending import must_be_replaceable
from ghcr_client.manifests import Manifest
from ghcr_client.models import OCI_INDEX, Descriptor, ImageIndex, ImageManifest
from ghcr_client.operations.access import check_digest
from ghcr_client.operations.blobs import BlobOperations
from ghcr_client.operations.manifests import no_image_for
from ghcr_client.operations.pulling import Pulling, PullOperations
from ghcr_client.operations.remote import Remote
from ghcr_client.operations.trees import Pushing, TreeOperations
from ghcr_client.platforms import Platform
from ghcr_client.tracing import span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ghcr_client.layout import LayoutDirectory, LocalImages
    from ghcr_client.progress import ProgressCallback
    from ghcr_client.refs import ImageRef

__all__ = ["Format", "ImageOperations"]

_LARGEST_CONFIG = 64 * 1024 * 1024

Format = Literal["oci", "oci-archive", "docker-archive"]
"""What `pull_image` writes: a layout in a directory, a tar of one, or what `docker load` reads."""


class ImageOperations(TreeOperations, PullOperations, BlobOperations):
    """The operations on whole images."""

    async def push_image(
        self,
        ref: ImageRef | str,
        image: Image | LocalImages | str | os.PathLike[str],
        *,
        name: str | None = None,
        mount_from: ImageRef | str | None = None,
        progress: ProgressCallback | None = None,
    ) -> Digest:
        """Push an image: its blobs, a few at a time, those that are missing; then its manifest.

        Layers that registries do not keep, of Windows for example, are not sent: the manifest says where they are.

        Args:
            ref: What it will be called. A digest in it has to be the manifest's.
            image: What `Image.build` made; or a layout's directory, a layout's tar or a docker-archive, or its path.
            name: Which one of a layout's images: a tag, a full name or a digest. None is the only one.
            mount_from: A repository of the same registry that may have the blobs already.
            progress: Is told how far each blob is.

        Returns:
            The manifest's digest.

        Raises:
            LayoutError: The layout or archive is damaged, or has no such image.
            InvalidManifest: The digest in `ref` is not the manifest's; nothing was pushed.
            DigestMismatch: A file is not what its manifest says; the image was not pushed.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            image = await Image.build(["layer.tar"], platform="linux/amd64", config={"Cmd": ["/app"]})
            await client.push_image("acme/app:v3", image)  # 'sha256:…'
        """
        ref = self.ref(ref)
        with span("push_image", image=ref) as here:
            if isinstance(image, (str, os.PathLike)):
                image = await asyncio.to_thread(layouts.open_local, image)
            manifest = image.manifest if isinstance(image, Image) else await image.manifest(name)
            here.set_attribute("media_type", manifest.media_type)
            manifest.validate()
            check_digest(ref, manifest)
            pushing = Pushing(
                target=ref,
                child=image.child if isinstance(image, Image) else image.manifest,
                source=image.source,
                gate=asyncio.Semaphore(self.config.max_concurrency),
                progress=progress,
                mount_from=None if mount_from is None else self.ref(mount_from),
            )
            await self._push_tree(pushing, ref, manifest)
            return manifest.digest

    async def pull_image(
        self,
        ref: ImageRef | str,
        target: str | os.PathLike[str],
        *,
        platform: Platform | str | None = None,
        format: Format = "oci",  # noqa: A002 - the word that people look for
        progress: ProgressCallback | None = None,
    ) -> Manifest:
        """Pull an image to here, verified.

        Layers that registries do not keep, of Windows for example, are left out of a layout, as pushes and copies do:
        the manifest says at which URLs they are. A docker-archive cannot go without them.

        Args:
            ref: The image.
            target: A directory, which is made or added to; for an archive, a file, which appears when it is whole.
            platform: Only the image for this platform; an image for another one is refused. None pulls all that an
                index lists.
            format: A layout (`oci`), a layout's tar (`oci-archive`), or a `docker-archive`, which holds one platform.
            progress: Is told how far each blob is.

        Returns:
            The manifest that was pulled.

        Raises:
            ManifestUnknown: There is no such image, or none for that platform.
            InvalidManifest: A docker-archive was asked for, and this is an index, an artifact, or has layers that are
                elsewhere.
            DigestMismatch: What came has another digest.
            LayoutError: The target cannot be added to.
            RegistryError: The registry refuses.
            TransportError: There is no answer.
            OSError: The target cannot be written, or an archive would take the place of what is no regular file.
            ValueError: There is no such format.

        Example:
            await client.pull_image("acme/app:v1", "app.tar", platform="linux/amd64", format="docker-archive")
            Path("app.tar").exists()  # True
        """
        ref, path = self.ref(ref), Path(target)
        if format not in get_args(Format):
            raise ValueError(f"a format is one of {', '.join(get_args(Format))}, not {format!r}")
        with span("pull_image", image=ref) as here:
            if format != "oci":
                must_be_replaceable(path)
            manifest = await self._pull(ref)
            if platform is not None:
                wanted = Platform.of(platform)
                await self._check_platforms(ref, manifest, (wanted,))
                manifest = await self._image_for(ref, manifest, wanted)
            here.set_attribute("media_type", manifest.media_type)
            if format == "docker-archive":
                await self._save(ref, manifest, path, progress)
            elif format == "oci":
                await self._lay_out(
                    ref, manifest, await asyncio.to_thread(layouts.LayoutDirectory.create, path), progress
                )
            else:
                with TemporaryDirectory(dir=path.parent, prefix=f".{path.name[:40]}.") as folder:
                    layout = layouts.LayoutDirectory.create(folder)
                    await self._lay_out(ref, manifest, layout, progress)
                    await layouts.write_layout_archive(layout, path)
            return manifest

    async def _save(
        self, ref: ImageRef, manifest: Manifest, path: Path, progress: ProgressCallback | None
    ) -> None:
        """Write a docker-archive; its layers go through memory one after another."""
        document = manifest.document
        remote = Remote(self._stream, self._pull, ref, progress)
        config, layers = b"", []
        if isinstance(document, ImageManifest):
            config = await self._configuration(ref, document.config, None)
            layers = [remote.source(each) for each in document.layers]
        await layouts.write_docker_archive(path, manifest, config, layers, [ref] if ref.tag else [])

    async def _lay_out(
        self, ref: ImageRef, manifest: Manifest, layout: LayoutDirectory, progress: ProgressCallback | None
    ) -> None:
        """Put an image into a layout, and list it."""
        gate = asyncio.Semaphore(self.config.max_concurrency)
        await self._pull_tree(Pulling(ref, layout, gate, progress), manifest)
        descriptor = manifest.descriptor()
        platform = None if manifest.is_artifact else await self._platform_of(ref, manifest, layout)
        if platform is not None:
            descriptor = descriptor.model_copy(update={"platform": platform})
        await layout.tag(descriptor, ref.tag)

    async def push_index(
        self,
        ref: ImageRef | str,
        images: Sequence[ImageRef | str],
        *,
        annotations: Mapping[str, str] | None = None,
        progress: ProgressCallback | None = None,
    ) -> Digest:
        """Join images into one for several platforms, and push it.

        Args:
            ref: What it will be called.
            images: What it lists. An image that is for several platforms already gives all of them; one of another
                repository or registry is copied first.
            annotations: The index's annotations; see `github_annotations`.
            progress: Is told how far each blob is that has to be copied.

        Returns:
            The index's digest.

        Raises:
            InvalidManifest: There are no images.
            ManifestUnknown: One of them does not exist.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            await client.push_index("acme/app:both", ["acme/app:v1", "acme/app:v2"])  # 'sha256:…'
        """
        ref = self.ref(ref)
        with span("push_index", image=ref) as here:
            listed: dict[Digest, Descriptor] = {}
            for each in images:
                for descriptor in await self._listed(ref, self.ref(each), progress):
                    listed.setdefault(descriptor.digest, descriptor)
            document = ImageIndex(
                media_type=OCI_INDEX, manifests=tuple(listed.values()), annotations=dict(annotations or {})
            )
            manifest = Manifest.build(document)
            here.set_attribute("media_type", manifest.media_type)
            return await self._push(ref, manifest)

    async def _listed(
        self, ref: ImageRef, image: ImageRef, progress: ProgressCallback | None
    ) -> tuple[Descriptor, ...]:
        """How an index lists an image, which its repository has then."""
        manifest = await self._pull(image)
        if image.name != ref.name:
            there = ref.with_digest(manifest.digest, keep_tag=False)
            await self._copy_tree(image, there, manifest, progress=progress)
        if isinstance(manifest.document, ImageIndex):
            return manifest.document.manifests
        platform = await self._platform_of(image, manifest)
        return (manifest.descriptor().model_copy(update={"platform": platform}),)

    async def _configuration(
        self, ref: ImageRef, config: Descriptor, layout: LayoutDirectory | None
    ) -> bytes:
        """A configuration: out of the layout that it was just pulled into, where that is right, or pulled."""
        if layout is not None and config.size <= JSON_LIMIT and layout.has(config):
            raw = b"".join([piece async for piece in layout.source(config).read()])
            if Digest.of(raw, config.digest.algorithm) == config.digest:
                return raw
        # No more of it is read than the manifest says that there is.
        return await self.get_blob(ref, config.digest, limit=min(config.size, _LARGEST_CONFIG))

    async def _platform_of(
        self, ref: ImageRef, manifest: Manifest, layout: LayoutDirectory | None = None
    ) -> Platform | None:
        """What an image runs on, by its configuration; None where that does not say."""
        document = manifest.document
        if not isinstance(document, ImageManifest) or document.is_artifact:
            return None
        raw = await self._configuration(ref, document.config, layout)
        try:
            config = json_object(raw, f"the configuration of {ref}")
            fields = {name: config.get(name) for name in ("os", "architecture", "variant", "os.version")}
            return Platform.model_validate({name: value for name, value in fields.items() if value})
        except (ProtocolError, ValueError):
            return None  # older artifacts have an image's configuration by name only

    async def _check_platforms(self, ref: ImageRef, manifest: Manifest, wanted: Iterable[Platform]) -> None:
        """Refuse an image for a single platform that does not run on some; one that does not say so passes."""
        offered = await self._platform_of(ref, manifest)
        for each in wanted if offered is not None else ():
            assert offered is not None  # or there were none
            # Configurations often leave out the variant, where an index has it.
            plain = offered if offered.variant else offered.model_copy(update={"variant": each.variant})
            if each.distance(plain) is None:
                raise no_image_for(ref, each, (offered,))

    async def _copy_tree(
        self,
        source: ImageRef,
        target: ImageRef,
        manifest: Manifest,
        *,
        progress: ProgressCallback | None = None,
    ) -> None:
        """Copy a manifest and all that it lists to another repository, by mounts where that is possible."""
        remote = Remote(self._stream, self._pull, source)
        pushing = Pushing(
            target=target,
            child=remote.manifest,
            source=remote.source,
            gate=asyncio.Semaphore(self.config.max_concurrency),
            progress=progress,
            mount_from=source if source.registry == target.registry and source.name != target.name else None,
        )
        await self._push_tree(pushing, target, manifest)
