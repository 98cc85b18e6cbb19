"""The documents of a registry as frozen models: descriptors, image manifests, image indexes, artifact manifests.

A model holds what a document says, fields that nobody here knows included. Whether it makes sense, and which bytes it
was, `manifests` knows. Sources: OCI image specification 1.1, "Image Manifest", "Image Index" and "Content Descriptors";
Docker's image manifest version 2, schema 2. `null` is read as empty, since Go writes empty lists so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema

from ghcr_client.digests import Digest  # noqa: TC001 - pydantic reads the annotations
from ghcr_client.platforms import Platform, best_platform

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = [
    "DOCKER_CONFIG",
    "DOCKER_INDEX",
    "DOCKER_MANIFEST",
    "EMPTY",
    "INDEXES",
    "MANIFESTS",
    "OCI_ARTIFACT",
    "OCI_CONFIG",
    "OCI_INDEX",
    "OCI_MANIFEST",
    "SCHEMA1",
    "ArtifactManifest",
    "Descriptor",
    "ImageIndex",
    "ImageManifest",
]

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"

INDEXES = frozenset({OCI_INDEX, DOCKER_INDEX})
"""Media types of manifests that list manifests."""

MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
"""Media types of manifests with a config and layers."""

SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+"
"""How the media types of Docker's manifest schema 1 begin: it is told from blobs, and not read."""

_LARGEST = 2**63 - 1
_FOREIGN = ("nondistributable", "foreign")
_OPTIONAL = frozenset({"annotations", "urls"})


class _NullAs:
    """Reads `null` as something empty; everything else stays as strict as it is."""

    def __init__(self, empty: Callable[[], Any]) -> None:
        self.empty = empty

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = core_schema.nullable_schema(handler(source))
        return core_schema.no_info_after_validator_function(self._filled, schema)

    def _filled(self, value: Any) -> Any:
        """The value, or a new empty one."""
        return self.empty() if value is None else value


Annotations = Annotated[dict[str, str], _NullAs(dict)]


class _Document(BaseModel):
    """What all documents share: camelCase on the wire, no coercion, unknown fields kept."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="allow",
        populate_by_name=True,
        alias_generator=to_camel,
        defer_build=True,  # to the first use: who imports a client may never read a manifest
    )

    @model_serializer(mode="wrap")
    def _without_what_is_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """No `null`, and no empty annotations or urls: other registries' parsers are strict."""
        return {
            key: value
            for key, value in write(self).items()
            if value is not None and (value or key not in _OPTIONAL)
        }


class Descriptor(_Document):
    """What names some content: its media type, digest and size.

    Attributes:
        media_type: The content's media type.
        digest: The content's digest.
        size: The content's length in bytes.
        urls: Where else it can be had; empty for nearly all.
        annotations: Free text by key.
        data: The content itself in base64, or None.
        artifact_type: The type of the artifact that it leads to, or None.
        platform: What it runs on, or None.

    Example:
        >>> Descriptor(media_type=OCI_CONFIG, digest=Digest.of(b"{}"), size=2).size
        2
    """

    media_type: str
    digest: Digest
    size: int = Field(ge=0, le=_LARGEST)
    urls: Annotated[tuple[str, ...], Field(strict=False), _NullAs(tuple)] = ()
    annotations: Annotations = {}
    data: str | None = None
    artifact_type: str | None = None
    platform: Platform | None = None

    def __hash__(self) -> int:
        return hash((self.media_type, self.digest, self.size))

    @property
    def stays_elsewhere(self) -> bool:
        """Whether it is a layer that registries do not keep, a Windows base layer say: it is at its `urls`."""
        return bool(self.urls) and any(word in self.media_type for word in _FOREIGN)

    @property
    def is_manifest(self) -> bool:
        """Whether its media type is a manifest's. Some indexes list blobs, too, as that of BuildKit's cache does."""
        known = self.media_type in MANIFESTS | INDEXES or self.media_type == OCI_ARTIFACT
        return known or self.media_type.startswith(SCHEMA1)


Descriptors = Annotated[tuple[Descriptor, ...], Field(strict=False), _NullAs(tuple)]


class ImageManifest(_Document):
    """An image, or any artifact that is stored as one, OCI's or Docker's.

    Attributes:
        schema_version: 2.
        media_type: What it says it is, or None: OCI allows to leave it out.
        artifact_type: What the artifact is, or None.
        config: The configuration; of an artifact, often the empty descriptor.
        layers: The layers, the lowest first.
        subject: The manifest that this one is about, or None.
        annotations: Free text by key.

    Example:
        >>> config = Descriptor(media_type=EMPTY, digest=Digest.of(b"{}"), size=2)
        >>> ImageManifest(config=config, artifact_type="application/spdx+json").is_artifact
        True
    """

    schema_version: int = 2
    media_type: str | None = None
    artifact_type: str | None = None
    config: Descriptor
    layers: Descriptors = ()
    subject: Descriptor | None = None
    annotations: Annotations = {}

    @property
    def is_artifact(self) -> bool:
        """Whether it is not meant to run: it has an artifact type, or its config is not an image's."""
        return bool(self.artifact_type) or self.config.media_type not in (OCI_CONFIG, DOCKER_CONFIG)

    @property
    def children(self) -> tuple[Descriptor, ...]:
        """What must be there before this manifest is pushed: the config and the layers."""
        return self.blobs

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The config and the layers, whatever their media types."""
        return (self.config, *self.layers)


class ImageIndex(_Document):
    """A list of manifests, mostly one a platform: OCI's image index or Docker's manifest list. Some list blobs, too.

    Attributes:
        schema_version: 2.
        media_type: What it says it is, or None: OCI allows to leave it out.
        artifact_type: What the artifact is, or None.
        manifests: The manifests, in the order in which they are listed.
        subject: The manifest that this one is about, or None.
        annotations: Free text by key.

    Example:
        >>> ImageIndex(manifests=()).platforms
        ()
    """

    schema_version: int = 2
    media_type: str | None = None
    artifact_type: str | None = None
    manifests: Descriptors = ()
    subject: Descriptor | None = None
    annotations: Annotations = {}

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """What it has images for, each once, in order; without attestations and what does not say."""
        offered = (each.platform for each in self.manifests)
        return tuple(dict.fromkeys(each for each in offered if each and not each.is_unknown))

    @property
    def children(self) -> tuple[Descriptor, ...]:
        """What must be there before this index is pushed: the manifests."""
        return self.manifests

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Those entries that are no manifests; empty for nearly all."""
        return tuple(each for each in self.manifests if not each.is_manifest)

    def select(self, platform: Platform | str) -> Descriptor | None:
        """The manifest that runs best on a platform, the first one of equals.

        Args:
            platform: What there is to run on; a text is read by `Platform.parse`.

        Returns:
            Its descriptor, or None where nothing runs; `platforms` says what there is.

        Raises:
            InvalidReference: The text is not a platform.

        Example:
            >>> ImageIndex(manifests=()).select("linux/amd64") is None
            True
        """
        wanted = Platform.of(platform)
        place = best_platform(wanted, (each.platform for each in self.manifests))
        return None if place is None else self.manifests[place]


class ArtifactManifest(_Document):
    """The artifact manifest of OCI's release candidates: still found in registries, and no longer written.

    Attributes:
        media_type: Always `application/vnd.oci.artifact.manifest.v1+json`.
        artifact_type: What the artifact is, or None.
        blobs: Its content.
        subject: The manifest that this one is about, or None.
        annotations: Free text by key.

    Example:
        >>> ArtifactManifest(media_type=OCI_ARTIFACT).children
        ()
    """

    media_type: str
    artifact_type: str | None = None
    blobs: Descriptors = ()
    subject: Descriptor | None = None
    annotations: Annotations = {}

    @property
    def children(self) -> tuple[Descriptor, ...]:
        """What must be there before this manifest is pushed: the blobs."""
        return self.blobs
