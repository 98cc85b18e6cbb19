"""The JSON documents of an image: config, manifest, index (image specification v1.1; Docker's schema 2).

Fields stand in the order of the specification, compact and in UTF-8, so that equal images have equal bytes.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ghcr_sim.errors import SeedError
from ghcr_sim.oci import media

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "DOCKER_CONFIG",
    "EMPTY_JSON",
    "EPOCH",
    "Platform",
    "config_document",
    "descriptor",
    "encode",
    "index_document",
    "manifest_document",
    "parse_platform",
]

DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
EPOCH = "1970-01-01T00:00:00Z"
EMPTY_JSON = b"{}"
"""The content of the empty descriptor (image specification, "Guidance for an Empty Descriptor")."""

_WORD = re.compile(r"[a-z0-9_.]+\Z")


class Platform(NamedTuple):
    """What an image runs on: `os/architecture[/variant]`, in Go's words."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, self))

    def document(self) -> dict[str, str]:
        """The platform object of a descriptor."""
        shown = {"architecture": self.architecture, "os": self.os}
        return shown | {"variant": self.variant} if self.variant else shown


def parse_platform(text: str) -> Platform:
    """Read `linux/amd64` or `linux/arm/v7`.

    Raises:
        SeedError: It has not two or three parts.
    """
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(_WORD.match(part) for part in parts):
        raise SeedError(
            f"{text!r} is no platform: give os/architecture or os/architecture/variant, as 'linux/arm/v7'"
        )
    return Platform(*parts)


def encode(document: Mapping[str, Any], what: str) -> bytes:
    """The bytes of a document.

    Raises:
        SeedError: It holds what JSON cannot.
    """
    try:
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SeedError(
            f"the {what} cannot be written as JSON: {error}: give plain text, numbers, lists, dicts"
        ) from None


def descriptor(
    media_type: str,
    digest: str,
    size: int,
    *,
    annotations: Mapping[str, str] | None = None,
    platform: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A descriptor (image specification, "Content Descriptors")."""
    shown: dict[str, Any] = {"mediaType": media_type, "digest": digest, "size": size}
    if annotations:
        shown["annotations"] = dict(annotations)
    if platform:
        shown["platform"] = dict(platform)
    return shown


def config_document(
    platform: Platform, diff_ids: Sequence[str], config: Mapping[str, Any], created: str
) -> dict[str, Any]:
    """An image's config, with one history entry for each layer."""
    history = [{"created": created, "created_by": f"ghcr-sim seed: layer {n}"} for n in range(len(diff_ids))]
    return {
        "created": created,
        **platform.document(),
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
        "history": history,
    }


def manifest_document(
    config: Mapping[str, Any],
    layers: Iterable[Mapping[str, Any]],
    *,
    media_type: str = media.OCI_MANIFEST,
    artifact_type: str | None = None,
    subject: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A manifest."""
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type}
    if artifact_type:
        document["artifactType"] = artifact_type
    document |= {"config": config, "layers": list(layers)}
    return document | _tail(subject, annotations)


def index_document(
    manifests: Iterable[Mapping[str, Any]],
    *,
    media_type: str = media.OCI_INDEX,
    subject: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """An index."""
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type, "manifests": list(manifests)}
    return document | _tail(subject, annotations)


def _tail(subject: Mapping[str, Any] | None, annotations: Mapping[str, str] | None) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if subject:
        shown["subject"] = dict(subject)
    if annotations:
        shown["annotations"] = dict(annotations)
    return shown
