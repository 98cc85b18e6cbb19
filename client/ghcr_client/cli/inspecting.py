"""What `ghcr inspect` finds out about an image, and how that is shown.

It asks for each manifest of an index, a few at once, and for the configuration of a single image, which alone says what
that runs on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ghcr_client.cli.output import human, table
from ghcr_client.documents import json_object
from ghcr_client.errors import ProtocolError
from ghcr_client.models import ImageIndex, ImageManifest
from ghcr_client.operations.base import gathered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghcr_client.client import GhcrClient
    from ghcr_client.digests import Digest
    from ghcr_client.manifests import Manifest
    from ghcr_client.models import Descriptor
    from ghcr_client.platforms import Platform
    from ghcr_client.refs import ImageRef

__all__ = ["Inspected", "Part", "look", "raw_config", "raw_manifest"]

_ATTESTATION = "vnd.docker.reference.type"


@dataclass(frozen=True, slots=True)
class Part:
    """One image, or an index within an index.

    Attributes:
        platform: What it runs on, or what it is instead.
        manifest: Its manifest.
    """

    platform: str
    manifest: Manifest

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """Its layers, or an artifact's content; an index has none."""
        document = self.manifest.document
        if isinstance(document, ImageIndex):
            return ()
        return document.layers if isinstance(document, ImageManifest) else document.blobs

    @property
    def size(self) -> int:
        """Bytes of manifest, configuration and layers, each content once."""
        return self.manifest.size + sum(_contents(self.manifest).values())

    def document(self) -> dict[str, Any]:
        """It, for machines."""
        return {
            "platform": self.platform,
            "digest": self.manifest.digest,
            "media_type": self.manifest.media_type,
            "size": self.size,
            "layers": [
                {"digest": each.digest, "size": each.size, "media_type": each.media_type}
                for each in self.layers
            ],
        }


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found out.

    Attributes:
        ref: What was asked for.
        manifest: What it is.
        parts: Its images: itself, where it is no index.
    """

    ref: ImageRef
    manifest: Manifest
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes of everything, each content once."""
        contents = {self.manifest.digest: self.manifest.size} | _contents(self.manifest)
        for part in self.parts:
            contents[part.manifest.digest] = part.manifest.size
            contents.update(_contents(part.manifest))
        return sum(contents.values())

    def document(self) -> dict[str, Any]:
        """It, for machines."""
        document = self.manifest.document
        return {
            "reference": str(self.ref),
            "digest": self.manifest.digest,
            "media_type": self.manifest.media_type,
            "artifact_type": document.artifact_type,
            "subject": None if document.subject is None else document.subject.digest,
            "size": self.size,
            "annotations": document.annotations,
            "images": [each.document() for each in self.parts],
        }

    def lines(self) -> Iterator[str]:
        """It, for people."""
        about = self.document()
        for name in ("reference", "digest", "media_type", "artifact_type", "subject"):
            if about[name]:
                yield f"{name.replace('_', ' ')}:".ljust(15) + about[name]
        yield "size:".ljust(15) + human(self.size)
        for name, text in about["annotations"].items():
            yield f"  {name}: {text}"
        yield ""
        rows = [
            [each.platform, human(each.size), str(len(each.layers)), each.manifest.digest]
            for each in self.parts
        ]
        yield from table(["PLATFORM", "size", "layers", "DIGEST"], rows)
        if not self.manifest.is_multi_arch and self.parts[0].layers:
            yield ""
            layers = [[each.media_type, human(each.size), each.digest] for each in self.parts[0].layers]
            yield from table(["LAYER", "size", "DIGEST"], layers)


async def look(client: GhcrClient, ref: str, platform: Platform | None) -> Inspected:
    """Find out what an image is.

    Args:
        client: Asks.
        ref: The image.
        platform: Only the image for this platform, or None.

    Returns:
        What it is.

    Raises:
        GhcrError: There is no such image, or a registry refuses.
    """
    where, manifest = client.ref(ref), await _manifest(client, ref, platform)
    document = manifest.document
    if not isinstance(document, ImageIndex):
        kind = platform_of(await _config(client, where, manifest)) if _runs(manifest) else "artifact"
        return Inspected(where, manifest, (Part(kind, manifest),))

    async def child(entry: Descriptor) -> Part:
        inner = await client.pull_manifest(where.with_digest(entry.digest, keep_tag=False))
        return Part(_kind(entry), inner)

    listed = [each for each in document.manifests if each.is_manifest]
    parts = await gathered(child, listed, client.config.max_concurrency)
    return Inspected(where, manifest, tuple(parts))


async def raw_manifest(client: GhcrClient, ref: str, platform: Platform | None) -> bytes:
    """A manifest's bytes.

    Args:
        client: Asks.
        ref: The image.
        platform: Of which image, or None.

    Returns:
        They, as they are stored.

    Raises:
        GhcrError: There is none.
    """
    return (await _manifest(client, ref, platform)).raw


async def raw_config(client: GhcrClient, ref: str, platform: Platform | None) -> bytes:
    """The bytes of an image's configuration.

    Args:
        client: Asks.
        ref: The image.
        platform: Of which image, or None.

    Returns:
        They, as they are stored.

    Raises:
        click.UsageError: There are several, or none.
        GhcrError: There is no such image.
    """
    return await _config(client, client.ref(ref), await _manifest(client, ref, platform))


def platform_of(config: bytes) -> str:
    """What an image runs on, as its configuration says.

    Args:
        config: The configuration.

    Returns:
        Such as `linux/arm/v7`; or `unknown`, also where it is not JSON, as that of older artifacts.
    """
    try:
        said = json_object(config, "the configuration")
    except ProtocolError:
        return "unknown"
    words = [said.get(name) for name in ("os", "architecture", "variant")]
    return "/".join(each for each in words if isinstance(each, str) and each) or "unknown"


def needs_platform(ref: ImageRef, manifest: Manifest) -> click.UsageError:
    """The error of who did not say which image of an index is meant.

    Args:
        ref: What was asked for.
        manifest: The index.

    Returns:
        An error that lists what there is.
    """
    offered = ", ".join(map(str, manifest.platforms)) or "none that it names"
    return click.UsageError(f"{ref} is for several platforms: add --platform, one of {offered}")


async def _manifest(client: GhcrClient, ref: str, platform: Platform | None) -> Manifest:
    """The manifest that is meant."""
    return await (
        client.pull_manifest(ref) if platform is None else client.get_platform_manifest(ref, platform)
    )


async def _config(client: GhcrClient, ref: ImageRef, manifest: Manifest) -> bytes:
    """The configuration that a manifest lists."""
    document = manifest.document
    if isinstance(document, ImageIndex):
        raise needs_platform(ref, manifest)
    if not isinstance(document, ImageManifest):
        raise click.UsageError(f"{ref} is an artifact and has no configuration")
    return await client.get_blob(ref, document.config.digest)


def _contents(manifest: Manifest) -> dict[Digest, int]:
    """The sizes of what a manifest lists and a registry keeps."""
    return {each.digest: each.size for each in manifest.document.children if not each.stays_elsewhere}


def _runs(manifest: Manifest) -> bool:
    """Whether a manifest is of an image, and not of an artifact."""
    return not manifest.is_artifact


def _kind(entry: Descriptor) -> str:
    """What an index says of an entry."""
    if kind := entry.annotations.get(_ATTESTATION):
        return str(kind)
    return str(entry.platform) if entry.platform else entry.artifact_type or "unknown"
