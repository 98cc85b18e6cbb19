"""`SyncGhcrClient`: the operations of `GhcrClient` for code without a loop.

Made by `docs/make_sync.py` from the operations' signatures and docstrings. Do not edit it by hand. What it stands on is
in `blocking`, `background` and `jobs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_client.blocking import BlockingClient, callback_of, content_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import IO

    from ghcr_client.blocking import SyncContent
    from ghcr_client.digests import Digest
    from ghcr_client.images import Image
    from ghcr_client.layout import LocalImages
    from ghcr_client.manifests import Manifest
    from ghcr_client.models import Descriptor
    from ghcr_client.operations.health import Health
    from ghcr_client.operations.images import Format
    from ghcr_client.operations.tags import Retagged
    from ghcr_client.platforms import Platform
    from ghcr_client.progress import ProgressCallback
    from ghcr_client.refs import ImageRef

__all__ = ["SyncGhcrClient"]


class SyncGhcrClient(BlockingClient):
    """A client for GHCR and every other OCI registry, for code without a loop.

    Each method waits for its operation. Any number of threads may use it at once; the operations run in one thread,
    which is the client's own. Progress callbacks, iterables and open files are used in the thread that waits, never in
    the client's. `KeyboardInterrupt` cancels the operation that is waited for. Where a loop runs already, it works and
    holds that loop up: use `GhcrClient` there. After a fork, the child opens a client of its own.

    Args:
        config: The settings; from the environment if None.
        credentials: Who this client is, registry by registry; `default_credentials` if None. Asked in the client's
            thread.
        metrics: What is counted, such as a `PrometheusMetrics`; nothing by default.
        clock: The time, for tests.
        settings: Settings in place of `config`, by name: `registry="ghcr.io"`, `token="…"`.

    Raises:
        ConfigError: Settings make no sense, or both `config` and settings were given.

    Example:
        with SyncGhcrClient() as client:
            client.list_tags("acme/app")  # ['v1', 'v2']
    """

    def ref(self, ref: ImageRef | str) -> ImageRef:
        """A reference, read as this client reads it.

        Args:
            ref: A reference, or a text as `ImageRef.parse` takes it; without a registry, the settings' one is meant.

        Returns:
            The reference.

        Raises:
            InvalidReference: The text is not a reference.

        Example:
            client.ref("acme/app").tag  # 'latest'
        """
        return self._client.ref(ref)

    def health_check(self, registry: str | None = None) -> Health:
        """How a registry is; it never raises.

        A registry that lets nobody in without credentials is well when it says so to somebody who has none. What
        answers by a page, or refuses without a registry's signs, is none: a sign-in page, a firewall, a router.

        Args:
            registry: Its name, which is no URL; the settings' one by default.

        Returns:
            How it is.

        Example:
            health = client.health_check()
            health.ok  # True
        """
        work = self._client.health_check(registry)
        return self.run(work)

    def blob_exists(self, ref: ImageRef | str, digest: str) -> bool:
        """Whether a repository has a blob.

        Args:
            ref: The repository.
            digest: The blob.

        Returns:
            False where the registry says 404.

        Raises:
            InvalidReference: It is not a digest.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            blob = client.upload_blob("acme/app", b"hello")
            client.blob_exists("acme/app", blob.digest)  # True
        """
        work = self._client.blob_exists(ref, digest)
        return self.run(work)

    def mount_blob(self, ref: ImageRef | str, digest: str, source: ImageRef | str) -> bool:
        """Take a blob over from another repository of the same registry, without sending it.

        Args:
            ref: The repository that gets it.
            digest: The blob.
            source: The repository that has it.

        Returns:
            Whether it is there now. False where the registry would rather have it sent.

        Raises:
            InvalidReference: A reference is none, or the two are on different registries.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            blob = client.upload_blob("acme/base", b"hello")
            client.mount_blob("acme/app", blob.digest, "acme/base")  # True
        """
        work = self._client.mount_blob(ref, digest, source)
        return self.run(work)

    def upload_blob(
        self,
        ref: ImageRef | str,
        content: SyncContent,
        *,
        digest: str | None = None,
        media_type: str = "application/octet-stream",
        mount_from: ImageRef | str | None = None,
        chunk_size: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> Descriptor:
        """Upload a blob, unless the repository has it; in one streamed PUT, in little memory.

        Args:
            ref: The repository.
            content: Bytes, the path of a file, a `Source`, an open file or an iterable. An iterable without a digest is
                sent as `upload_blob_streaming` does.
            digest: Its digest, if known: that saves reading it twice. Content with another one is not sent whole.
            media_type: What the descriptor says it is.
            mount_from: A repository of the same registry that may have it.
            chunk_size: Send it in ranged chunks of this size, instead of whole; cut to what the registry takes.
            progress: Is told how far it is.

        Returns:
            The descriptor, to be put into a manifest.

        Raises:
            InvalidRange: The chunk size is not positive.
            DigestMismatch: The content has another digest.
            UploadError: The content changed, has to be sent again and cannot be read again, or is no regular file.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            layer = client.upload_blob("acme/app", "layer.tar")
            layer.size  # 10240
        """
        work = self._client.upload_blob(
            ref,
            content_of(content),
            digest=digest,
            media_type=media_type,
            mount_from=mount_from,
            chunk_size=chunk_size,
            progress=callback_of(progress),
        )
        return self.run(work)

    def upload_blob_streaming(
        self,
        ref: ImageRef | str,
        content: SyncContent,
        *,
        media_type: str = "application/octet-stream",
        progress: ProgressCallback | None = None,
    ) -> Descriptor:
        """Upload content whose digest shows only at its end, in one pass: a streamed PATCH, and a PUT with the digest.

        It cannot know whether the repository has the blob already. Where an iterable's upload breaks off, it cannot
        be repeated.

        Args:
            ref: The repository.
            content: An iterable, an open file, or anything else that `upload_blob` takes.
            media_type: What the descriptor says it is.
            progress: Is told how far it is; without a name, and without a total where the size is not known.

        Returns:
            The descriptor, to be put into a manifest.

        Raises:
            UploadError: The upload broke off, and the content cannot be read again.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            def log():
                for number in range(3):
                    yield b"entry %d;" % number

            blob = client.upload_blob_streaming("acme/app", log())
            blob.size  # 24
        """
        work = self._client.upload_blob_streaming(
            ref,
            content_of(content),
            media_type=media_type,
            progress=callback_of(progress),
        )
        return self.run(work)

    def get_blob(self, ref: ImageRef | str, digest: str, *, limit: int = 67108864) -> bytes:
        """A blob's bytes, verified; for configurations and other small things.

        Args:
            ref: The repository.
            digest: The blob.
            limit: Bytes that are held in memory at most; 64 MiB by default.

        Returns:
            The bytes.

        Raises:
            BlobUnknown: The repository has no such blob.
            DigestMismatch: What came has another digest.
            ProtocolError: It has more bytes than `limit`; use `download_blob`.
            RegistryError: The registry refuses.
            TransportError: The connection broke off more often than `max_retries`.

        Example:
            blob = client.upload_blob("acme/app", b"hello")
            client.get_blob("acme/app", blob.digest)  # b'hello'
        """
        work = self._client.get_blob(ref, digest, limit=limit)
        return self.run(work)

    def download_blob(
        self,
        ref: ImageRef | str,
        digest: str,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        size: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> int:
        """Download a blob of any size, in little memory.

        A file appears under its name when all of it is there and verified; what was there before stays until then,
        and a failure leaves nothing behind. Links are followed, and a file that was there lends its mode. What is no
        regular file, such as a pipe or `/dev/stdout`, is written to like an open file.

        Args:
            ref: The repository.
            digest: The blob.
            target: The path of a file, or a file that is open for writing bytes. An open file may hold wrong bytes
                after an error.
            size: How many bytes there should be, if known; more are not read.
            progress: Is told how far it is.

        Returns:
            How many bytes there are.

        Raises:
            BlobUnknown: The repository has no such blob.
            DigestMismatch: What came has another digest or another size.
            RegistryError: The registry refuses.
            TransportError: The connection broke off more often than `max_retries` without a mebibyte in between.
            OSError: The file cannot be written.

        Example:
            blob = client.upload_blob("acme/app", b"hello")
            client.download_blob("acme/app", blob.digest, "hello.txt")  # 5
        """
        work = self._client.download_blob(ref, digest, target, size=size, progress=callback_of(progress))
        return self.run(work)

    def delete_blob(self, ref: ImageRef | str, digest: str) -> None:
        """Delete a blob.

        Args:
            ref: The repository.
            digest: The blob.

        Raises:
            Unsupported: The registry does not delete blobs; on GHCR they go with the last version that has them.
            BlobUnknown: The repository has no such blob.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            blob = client.upload_blob("acme/app", b"hello")
            client.delete_blob("acme/app", blob.digest)
            client.blob_exists("acme/app", blob.digest)  # False
        """
        work = self._client.delete_blob(ref, digest)
        self.run(work)

    def list_referrers(self, ref: ImageRef | str, *, artifact_type: str | None = None) -> list[Descriptor]:
        """What is about an image: signatures, SBOMs, attestations.

        Args:
            ref: The image.
            artifact_type: Only those of this type.

        Returns:
            Their descriptors, with artifact type and annotations; empty where there is none.

        Raises:
            ManifestUnknown: There is no such tag. Of a digest it is not checked whether it exists.
            ProtocolError: The list cannot be read, or never ends.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            subject = (client.pull_manifest("acme/app:v1")).descriptor()
            sbom = client.run(Image.artifact("application/spdx+json", [b"{}"], subject=subject))
            client.push_image(f"acme/app@{sbom.manifest.digest}", sbom)
            [each.artifact_type for each in client.list_referrers("acme/app:v1")]  # ['application/spdx+json']
        """
        work = self._client.list_referrers(ref, artifact_type=artifact_type)
        return self.run(work)

    def image_exists(self, ref: ImageRef | str) -> bool:
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
            client.image_exists("acme/app:v1")  # True
        """
        work = self._client.image_exists(ref)
        return self.run(work)

    def tag_digest(self, ref: ImageRef | str) -> Digest:
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
            client.tag_digest("acme/app:v1")  # 'sha256:…'
        """
        work = self._client.tag_digest(ref)
        return self.run(work)

    def pull_manifest(self, ref: ImageRef | str) -> Manifest:
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
            manifest = client.pull_manifest("acme/app:v1")
            [str(each) for each in manifest.platforms]  # ['linux/amd64', 'linux/arm64']
        """
        work = self._client.pull_manifest(ref)
        return self.run(work)

    def get_platform_manifest(self, ref: ImageRef | str, platform: Platform | str) -> Manifest:
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
            manifest = client.get_platform_manifest("acme/app:v1", "linux/arm64")
            manifest.is_multi_arch  # False
        """
        work = self._client.get_platform_manifest(ref, platform)
        return self.run(work)

    def image_size(self, ref: ImageRef | str, *, platform: Platform | str | None = None) -> int:
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
            size = client.image_size("acme/app:v1", platform="linux/amd64")
            size < 4096  # True
        """
        work = self._client.image_size(ref, platform=platform)
        return self.run(work)

    def push_manifest(self, ref: ImageRef | str, manifest: Manifest) -> Digest:
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
            config = client.upload_blob("acme/app", b"{}", media_type="application/vnd.oci.empty.v1+json")
            text = client.upload_blob("acme/app", b"hello", media_type="text/plain")
            document = ImageManifest(artifact_type="text/plain", config=config, layers=(text,))
            client.push_manifest("acme/app:hello", Manifest.build(document))  # 'sha256:…'
        """
        work = self._client.push_manifest(ref, manifest)
        return self.run(work)

    def delete_image(self, ref: ImageRef | str) -> None:
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
            client.delete_image("acme/app:v1")
            client.image_exists("acme/app:v1")  # False
        """
        work = self._client.delete_image(ref)
        self.run(work)

    def list_tags(
        self,
        repository: ImageRef | str,
        *,
        pattern: str | None = None,
        hide_referrers: bool = False,
    ) -> list[str]:
        """All tags of a repository, from all pages.

        Args:
            repository: The repository; a tag or digest in it says nothing here.
            pattern: Only tags that fit, as file names do in a shell: `v1.*`, `*-alpine`.
            hide_referrers: Leave out tags that are made of a digest, `sha256-…` and cosign's `sha256-….sig`: what is
                about images is listed under them, and no image.

        Returns:
            The tags in the registry's order: on GHCR, the oldest first.

        Raises:
            NameUnknown: There is no such repository.
            ProtocolError: The list cannot be read, or never ends.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            client.list_tags("acme/app", pattern="v*")  # ['v1', 'v2']
        """
        work = self._client.list_tags(repository, pattern=pattern, hide_referrers=hide_referrers)
        return self.run(work)

    def iter_tags(
        self,
        repository: ImageRef | str,
        *,
        pattern: str | None = None,
        page_size: int | None = None,
        hide_referrers: bool = False,
    ) -> Iterator[str]:
        """The tags of a repository, while its pages come.

        Args:
            repository: The repository; a tag or digest in it says nothing here.
            pattern: Only tags that fit, as file names do in a shell.
            page_size: How many tags a page, at least one; the registry's own number by default.
            hide_referrers: Leave out tags that are made of a digest.

        Yields:
            Each tag once, in the registry's order.

        Raises:
            NameUnknown: There is no such repository.
            ProtocolError: The list cannot be read, or never ends.
            RegistryError: The registry refuses.
            TransportError: There is no answer.
            ValueError: `page_size` is less than one.

        Example:
            for tag in client.iter_tags("acme/app"):
                print(tag)  # v1, v2
        """
        stream = self._client.iter_tags(
            repository,
            pattern=pattern,
            page_size=page_size,
            hide_referrers=hide_referrers,
        )
        return self._iterate(stream)

    def tag_image(self, ref: ImageRef | str, tag: str) -> Digest:
        """Give an image one more tag; a tag that exists is moved.

        Args:
            ref: The image.
            tag: The tag.

        Returns:
            The digest that the tag names now.

        Raises:
            InvalidReference: It is not a tag.
            ManifestUnknown: There is no such image.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            client.tag_image("acme/app:v1", "stable")  # 'sha256:…'
        """
        work = self._client.tag_image(ref, tag)
        return self.run(work)

    def retag(self, ref: ImageRef | str, tag: str) -> Retagged:
        """Move a tag to an image, and tell what it named before, so that it can be moved back.

        Args:
            ref: The image.
            tag: The tag; it may be new.

        Returns:
            What it names now, and what it named before.

        Raises:
            InvalidReference: It is not a tag.
            ManifestUnknown: There is no such image.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            moved = client.retag("acme/app:v2", "v1")
            client.tag_image(f"acme/app@{moved.previous}", "v1")  # 'sha256:…'
        """
        work = self._client.retag(ref, tag)
        return self.run(work)

    def delete_tag(self, ref: ImageRef | str) -> None:
        """Take a tag away, and leave the image.

        A registry that takes a tag away by DELETE is asked so. Of another, the tag is given to a throw-away manifest,
        which is deleted by its digest, on GHCR by GitHub's REST API: the tag goes with it, and the image stays. Where
        that fails, the image gets its tag back.

        Args:
            ref: The tag.

        Raises:
            InvalidReference: The reference names no tag.
            ManifestUnknown: There is no such tag.
            Unsupported: The registry deletes nothing. The tag is as it was.
            NotDeletable: It is the only tag of a package on GHCR. The tag is as it was.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            client.delete_tag("acme/app:v1")
            client.list_tags("acme/app")  # ['v2']
        """
        work = self._client.delete_tag(ref)
        self.run(work)

    def push_image(
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
            image = client.run(Image.build(["layer.tar"], platform="linux/amd64", config={"Cmd": ["/app"]}))
            client.push_image("acme/app:v3", image)  # 'sha256:…'
        """
        work = self._client.push_image(
            ref,
            image,
            name=name,
            mount_from=mount_from,
            progress=callback_of(progress),
        )
        return self.run(work)

    def pull_image(
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
            client.pull_image("acme/app:v1", "app.tar", platform="linux/amd64", format="docker-archive")
            Path("app.tar").exists()  # True
        """
        work = self._client.pull_image(
            ref,
            target,
            platform=platform,
            format=format,
            progress=callback_of(progress),
        )
        return self.run(work)

    def push_index(
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
            client.push_index("acme/app:both", ["acme/app:v1", "acme/app:v2"])  # 'sha256:…'
        """
        work = self._client.push_index(ref, images, annotations=annotations, progress=callback_of(progress))
        return self.run(work)

    def copy_image(
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
            client.copy_image("acme/app:v1", "acme/mirror:v1", platforms=["linux/amd64"])  # 'sha256:…'
        """
        work = self._client.copy_image(
            source,
            target,
            platforms=platforms,
            referrers=referrers,
            digest_tags=digest_tags,
            progress=callback_of(progress),
        )
        return self.run(work)
