"""A manifest as it was sent: its bytes, its media type, its digest, and what it says.

The bytes are never written anew: they are what is hashed, stored and pushed, so that fields nobody here knows survive.
What claims to be two things at once is refused (CVE-2021-41190). Sources: OCI image specification 1.1; distribution
specification, section "Pushing Manifests"; `reference/registry-clients.md` section 2 row 21 for GHCR's 4 MiB.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ghcr_client.digests import Digest
from ghcr_client.errors import InvalidManifest
from ghcr_client.masking import shown
from ghcr_client.models import (
    INDEXES,
    MANIFESTS,
    OCI_ARTIFACT,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA1,
    ArtifactManifest,
    Descriptor,
    ImageIndex,
    ImageManifest,
)

if TYPE_CHECKING:
    from ghcr_client.platforms import Platform

__all__ = ["ACCEPT", "PULL_LIMIT", "PUSH_LIMIT", "Manifest"]

PUSH_LIMIT = 4 * 1024 * 1024
"""Bytes of a manifest that a registry takes at least, and GHCR at most."""

PULL_LIMIT = 8 * 1024 * 1024
"""Bytes of a manifest that are read."""

ACCEPT = (*sorted(MANIFESTS | INDEXES), OCI_ARTIFACT)
"""Media types to ask for, all at once: GHCR answers 404 where the stored one is not among them."""

_VAGUE = frozenset({"", "application/json", "application/octet-stream", "text/plain"})
_MODELS: dict[str, type[BaseModel]] = {
    **dict.fromkeys(MANIFESTS, ImageManifest),
    **dict.fromkeys(INDEXES, ImageIndex),
    OCI_ARTIFACT: ArtifactManifest,
}
Document = ImageManifest | ImageIndex | ArtifactManifest


class _Outline(BaseModel):
    """Just enough of a document to tell what it is."""

    model_config = ConfigDict(strict=True, defer_build=True)

    mediaType: str | None = None  # noqa: N815 - the wire's name
    manifests: Any = None
    config: Any = None
    layers: Any = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as it was sent; `Manifest.parse` and `Manifest.build` make one.

    Attributes:
        raw: The bytes, as they came and as they are pushed.
        media_type: The media type, such as `application/vnd.oci.image.manifest.v1+json`.
        digest: The digest of the bytes.
        document: What they say.

    Example:
        >>> manifest = Manifest.parse(b'{"schemaVersion":2,"manifests":[]}')
        >>> manifest.is_multi_arch, manifest.media_type == OCI_INDEX, manifest.digest == Digest.of(manifest.raw)
        (True, True, True)
    """

    raw: bytes = field(repr=False)
    media_type: str
    digest: Digest
    document: Document = field(compare=False, repr=False)

    @classmethod
    def parse(cls, raw: bytes, media_type: str | None = None, *, algorithm: str = "sha256") -> Self:
        """Read a manifest.

        Args:
            raw: The bytes, all of them.
            media_type: The `Content-Type` that came with them; parameters are ignored. Without it, or with a vague one
                such as `application/json`, the bytes tell what they are.
            algorithm: The digest's algorithm, where the manifest was asked for by a sha512 digest.

        Returns:
            The manifest. That it makes sense, `validate` promises.

        Raises:
            InvalidManifest: It is not JSON, not a manifest, claims to be two things, is of Docker's schema 1, or has
                more than 8 MiB.

        Example:
            >>> Manifest.parse(b"[]")
            Traceback (most recent call last):
            ghcr_client.errors.InvalidManifest: not a manifest: Input should be an object
        """
        if len(raw) > PULL_LIMIT:
            raise InvalidManifest(f"a manifest of {len(raw)} bytes is not read: at most {PULL_LIMIT} are")
        kind = _kind(_read(_Outline, raw), (media_type or "").partition(";")[0].strip().lower())
        return cls(raw, kind, Digest.of(raw, algorithm), _read(_MODELS[kind], raw))

    @classmethod
    def build(cls, document: Document) -> Self:
        """Write a manifest.

        Args:
            document: What it says. Where it has no media type, it gets OCI's.

        Returns:
            The manifest, as compact JSON; empty fields are left out, save lists that must be there.

        Raises:
            InvalidManifest: It makes no sense, as `validate` says.

        Example:
            >>> config = Descriptor(media_type="application/vnd.oci.empty.v1+json", digest=Digest.of(b"{}"), size=2)
            >>> Manifest.build(ImageManifest(config=config, artifact_type="text/plain")).raw[:33]
            b'{"schemaVersion":2,"mediaType":"a'
        """
        if document.media_type is None:
            kind = OCI_INDEX if isinstance(document, ImageIndex) else OCI_MANIFEST
            document = document.model_copy(update={"media_type": kind})
        raw = document.model_dump_json(by_alias=True, exclude_none=True).encode()
        manifest = cls.parse(raw, document.media_type)
        manifest.validate()
        return manifest

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.raw)

    @property
    def is_multi_arch(self) -> bool:
        """Whether it is an index, so that a platform has to be chosen before there is an image."""
        return isinstance(self.document, ImageIndex)

    @property
    def is_artifact(self) -> bool:
        """Whether it is not meant to run."""
        if isinstance(self.document, ImageManifest):
            return self.document.is_artifact
        return isinstance(self.document, ArtifactManifest) or bool(self.document.artifact_type)

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """What an index has images for; empty for an image, whose config says it."""
        return self.document.platforms if isinstance(self.document, ImageIndex) else ()

    @property
    def subject(self) -> Descriptor | None:
        """The manifest that this one is about, or None."""
        return self.document.subject

    def descriptor(self) -> Descriptor:
        """What names this manifest, as an index lists it: media type, digest, size and artifact type."""
        kind = self.document.artifact_type
        return Descriptor(media_type=self.media_type, digest=self.digest, size=self.size, artifact_type=kind)

    def validate(self) -> None:
        """Nothing, if it may be pushed.

        Raises:
            InvalidManifest: The schema version is not 2; an image has no layer and is no artifact; an index lists
                nothing; or it has more than 4 MiB, to which GHCR answers 500.

        Example:
            >>> Manifest.parse(b'{"schemaVersion":2,"manifests":[]}').validate()
            Traceback (most recent call last):
            ghcr_client.errors.InvalidManifest: an index lists at least one manifest, and this one lists none
        """
        document = self.document
        if self.size > PUSH_LIMIT:
            raise InvalidManifest(f"the manifest has {self.size} bytes; registries take at most {PUSH_LIMIT}")
        if isinstance(document, ArtifactManifest):
            return
        if document.schema_version != 2:  # noqa: PLR2004 - the one that both specifications demand
            raise InvalidManifest(
                f"a manifest's schema version is 2, and this one's is {document.schema_version}"
            )
        if isinstance(document, ImageIndex):
            if not document.manifests:
                raise InvalidManifest("an index lists at least one manifest, and this one lists none")
        elif not document.layers and not document.is_artifact:
            raise InvalidManifest("an image has at least one layer, and this one has none and is no artifact")


def _kind(outline: _Outline, said: str) -> str:
    """The media type, by what the answer said, by what the document says and by what it holds."""
    inside = outline.mediaType or ""
    if said.startswith(SCHEMA1) or inside.startswith(SCHEMA1):
        raise InvalidManifest(
            "Docker's manifest schema 1 is not read: push the image again with a current tool"
        )
    said = "" if said in _VAGUE else said
    if said and inside and said != inside:
        raise InvalidManifest(f"it was sent as {shown(said, 100)}, and says of itself {shown(inside, 100)}")
    lists = outline.manifests is not None
    is_image = outline.config is not None or outline.layers is not None
    kind = inside or said or (OCI_INDEX if lists else OCI_MANIFEST)
    if kind not in _MODELS:
        raise InvalidManifest(f"{shown(kind, 100)} is not the media type of a manifest")
    if (lists and is_image) or (lists and kind not in INDEXES) or (is_image and kind in INDEXES):
        raise InvalidManifest(
            f"it claims to be {kind}, and holds what belongs to another type: it is not trusted"
        )
    return kind


def _read(model: type[BaseModel], raw: bytes) -> Any:
    """The document, or an error that says what is wrong and where, without quoting the input."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        words = [
            ": ".join(filter(None, (".".join(map(str, each["loc"])), each["msg"]))) for each in faults[:3]
        ]
        more = f" and {len(faults) - 3} more" if faults[3:] else ""
        raise InvalidManifest(f"not a manifest: {shown('; '.join(words), 600)}{more}") from None
