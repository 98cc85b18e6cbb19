"""An image or artifact that is made here: its manifest, and where the content is that it lists.

It makes what a registry needs and does not know registries. Layers are files or bytes: a tar, or a tar compressed by
gzip. Source: OCI image specification 1.1, "Image Configuration" (rootfs and `diff_ids`) and "Guidelines for Artifact
Usage".
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import zlib
from typing import TYPE_CHECKING, Any

from ghcr_client.closing import closing
from ghcr_client.digests import Digest
from ghcr_client.errors import InvalidManifest
from ghcr_client.hashing import digest_of
from ghcr_client.manifests import Manifest
from ghcr_client.models import EMPTY, OCI_CONFIG, Descriptor, ImageManifest
from ghcr_client.platforms import Platform
from ghcr_client.sources import BytesSource, source_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ghcr_client.sources import Content, Source

__all__ = ["OCI_LAYER", "OCI_LAYER_GZIP", "Image", "github_annotations"]

OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31
_PIECE = 1024 * 1024
_EMPTY = b"{}"
_NOTES = {"source": None, "description": 512, "licenses": 256}
"""Annotation → how many characters GitHub shows of it (`reference/ghcr-wire.md` row 4.7)."""


class Image:
    """A manifest, and the content that it lists; `build` and `artifact` make one.

    Args:
        manifest: The manifest.
        sources: Digest → content, of all that the manifest lists.

    Example:
        >>> image = asyncio.run(Image.artifact("application/spdx+json", [b'{"spdxVersion":"SPDX-2.3"}']))
        >>> image.manifest.is_artifact
        True
    """

    def __init__(self, manifest: Manifest, sources: Mapping[Digest, Source]) -> None:
        self.manifest = manifest
        self._sources = dict(sources)

    def __repr__(self) -> str:
        return f"<Image {self.manifest.digest}>"

    @classmethod
    async def build(
        cls,
        layers: Sequence[Content],
        *,
        platform: Platform | str = "linux/amd64",
        config: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Image:
        """Make an image that can run.

        Args:
            layers: Tars, plain or compressed by gzip, the lowest first: paths, bytes or sources.
            platform: What it runs on.
            config: What the image configuration says under `config`: `Cmd`, `Env`, `Entrypoint` and so on.
            annotations: The manifest's annotations; see `github_annotations`.

        Returns:
            The image. Files have to stay as they are until it is pushed.

        Raises:
            InvalidManifest: There is no layer, or one is damaged or cannot be read twice.
            InvalidReference: The platform is none.
            OSError: A file cannot be read.
        """
        if not layers:
            raise InvalidManifest("an image has at least one layer; `Image.artifact` makes what has none")
        wanted = Platform.parse(platform) if isinstance(platform, str) else platform
        made = [await _layer(each) for each in layers]
        document = {
            **wanted.model_dump(by_alias=True, exclude_none=True),
            "config": dict(config or {}),
            "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id, _ in made]},
        }
        raw = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
        manifest = ImageManifest(
            config=Descriptor(media_type=OCI_CONFIG, digest=Digest.of(raw), size=len(raw)),
            layers=tuple(each for each, _, _ in made),
            annotations=dict(annotations or {}),
        )
        sources: dict[Digest, Source] = {each.digest: source for each, _, source in made}
        return cls(Manifest.build(manifest), {**sources, manifest.config.digest: BytesSource(raw)})

    @classmethod
    async def artifact(
        cls,
        artifact_type: str,
        blobs: Sequence[Content],
        *,
        media_type: str | None = None,
        subject: Descriptor | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Image:
        """Make an artifact: an SBOM, a signature, a chart, anything that does not run.

        Args:
            artifact_type: What it is, as a media type.
            blobs: Its content.
            media_type: The media type of each content; the artifact's type by default.
            subject: The image that it is about: `(await client.pull_manifest(ref)).descriptor()`.
            annotations: The manifest's annotations.

        Returns:
            The artifact. Files have to stay as they are until it is pushed.

        Raises:
            OSError: A file cannot be read.
        """
        empty = Descriptor(media_type=EMPTY, digest=Digest.of(_EMPTY), size=len(_EMPTY))
        sources: dict[Digest, Source] = {empty.digest: BytesSource(_EMPTY)}
        layers = []
        for each in blobs:
            source = source_of(each)
            digest, size = await digest_of(source)
            sources[digest] = source
            layers.append(Descriptor(media_type=media_type or artifact_type, digest=digest, size=size))
        manifest = ImageManifest(
            artifact_type=artifact_type,
            config=empty,
            layers=tuple(layers) or (empty,),
            subject=subject,
            annotations=dict(annotations or {}),
        )
        return cls(Manifest.build(manifest), sources)

    async def child(self, descriptor: Descriptor) -> Manifest:
        """A manifest that this one lists: there is none.

        Raises:
            InvalidManifest: Always.
        """
        raise InvalidManifest(
            f"{self.manifest.digest} is an image, and lists no manifest {descriptor.digest}"
        )

    def source(self, descriptor: Descriptor) -> Source:
        """The content of a blob.

        Args:
            descriptor: One that the manifest lists.

        Returns:
            Its content.

        Raises:
            InvalidManifest: It was not given.
        """
        try:
            return self._sources[descriptor.digest]
        except KeyError:
            raise InvalidManifest(f"the content of {descriptor.digest} was not given") from None


def github_annotations(
    source: str | None = None, *, description: str | None = None, licenses: str | None = None
) -> dict[str, str]:
    """The annotations that a package's page on GitHub shows; `source` also connects the package to its repository.

    Args:
        source: The repository's URL, such as `https://github.com/acme/app`.
        description: At most 512 characters.
        licenses: An SPDX expression of at most 256 characters.

    Returns:
        Annotations for `Image.build` and `push_index`.

    Raises:
        InvalidManifest: A text is too long for GitHub.

    Example:
        >>> github_annotations("https://github.com/acme/app")
        {'org.opencontainers.image.source': 'https://github.com/acme/app'}
    """
    notes = {"source": source, "description": description, "licenses": licenses}
    for name, text in notes.items():
        most = _NOTES[name]
        if text is not None and most is not None and len(text) > most:
            raise InvalidManifest(f"{name} has {len(text)} characters; GitHub shows at most {most}")
    return {f"org.opencontainers.image.{name}": text for name, text in notes.items() if text is not None}


async def _layer(content: Content) -> tuple[Descriptor, str, Source]:
    """A layer's descriptor, the digest of its tar, and its content."""
    source = source_of(content)
    if not source.rewindable:
        raise InvalidManifest("a layer is read more than once: give bytes, a file or a Source")
    digest, size = await digest_of(source)
    diff_id = await _inner_digest(source)
    kind = OCI_LAYER if diff_id is None else OCI_LAYER_GZIP
    return Descriptor(media_type=kind, digest=digest, size=size), diff_id or str(digest), source


async def _inner_digest(source: Source) -> str | None:
    """The digest of what a gzip stream holds, or None where it is none."""
    hashed, inflating = hashlib.sha256(), zlib.decompressobj(_GZIP_WINDOW)
    begun = False
    try:
        async with closing(source.read()) as pieces:
            async for piece in pieces:
                if not begun and not piece.startswith(_GZIP):
                    return None
                begun = True
                inflating = await asyncio.to_thread(_inflate, piece, inflating, hashed)
    except zlib.error as error:
        raise InvalidManifest(f"a layer is a damaged gzip stream: {error}") from None
    if begun and not inflating.eof:
        raise InvalidManifest("a layer is a gzip stream that ends early")
    return f"sha256:{hashed.hexdigest()}" if begun else None


def _inflate(piece: bytes, inflating: Any, hashed: Any) -> Any:
    """Hash what a piece inflates to, a mebibyte at a time; a stream may have several members."""
    while piece:
        if inflating.eof:
            inflating = zlib.decompressobj(_GZIP_WINDOW)
        hashed.update(inflating.decompress(piece, _PIECE))
        piece = inflating.unconsumed_tail or inflating.unused_data
    return inflating
