"""From options to a draft: an image for each platform and the index over them, or an artifact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from ghcr_sim.oci import media
from ghcr_sim.seed.documents import (
    DOCKER_CONFIG,
    EMPTY_JSON,
    Platform,
    config_document,
    descriptor,
    encode,
    index_document,
    manifest_document,
)
from ghcr_sim.seed.draft import Draft
from ghcr_sim.seed.intake import Intake, bytes_blob
from ghcr_sim.seed.layers import BuiltLayer, LayerItem, build_layer, raw_layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ghcr_sim.store import Manifest

__all__ = ["Options", "build_artifact", "build_image"]


@dataclass(frozen=True, slots=True)
class Options:
    """What to build; `seed` explains each field, and has checked it.

    Attributes:
        name: `owner/name:tag`, for the text in the default layer.
        execution: The config's execution parameters, labels included.
        subject: The manifest that is referred to.
    """

    name: str
    platforms: Sequence[Platform]
    layers: Sequence[LayerItem] | None
    annotations: Mapping[str, str] | None
    execution: Mapping[str, Any]
    created: str
    docker: bool
    subject: Manifest | None


class _Top(TypedDict):
    """What the manifest has that is tagged."""

    annotations: Mapping[str, str] | None
    subject: Mapping[str, Any] | None


class _Types(NamedTuple):
    """The media types of one family."""

    config: str
    manifest: str
    listing: str


_NO_TOP: _Top = {"annotations": None, "subject": None}
_OCI = _Types(media.OCI_CONFIG, media.OCI_MANIFEST, media.OCI_INDEX)
_DOCKER = _Types(DOCKER_CONFIG, media.DOCKER_MANIFEST, media.DOCKER_INDEX)


def build_image(options: Options, intake: Intake) -> Draft:
    """An image; with more than one platform an index over one image each.

    Raises:
        SeedError: A layer cannot be built.
    """
    draft = Draft()
    types = _DOCKER if options.docker else _OCI
    single = len(options.platforms) == 1
    top: _Top = {"annotations": options.annotations, "subject": _subject(options)}
    shared = _layers(options, options.layers, intake) if options.layers is not None else None
    listed = []
    for platform in options.platforms:
        layers = shared if shared is not None else _layers(options, _default(options.name, platform), intake)
        config = _config(draft, options, platform, layers)
        document = manifest_document(
            descriptor(types.config, *config),
            _put(draft, layers),
            media_type=types.manifest,
            **(top if single else _NO_TOP),
        )
        manifest = draft.add_manifest(types.manifest, encode(document, "manifest"))
        draft.platforms[str(platform)] = manifest.digest
        listed.append(
            descriptor(types.manifest, manifest.digest, manifest.size, platform=platform.document())
        )
    if not single:
        draft.add_manifest(
            types.listing, encode(index_document(listed, media_type=types.listing, **top), "index")
        )
    return draft


def build_artifact(options: Options, artifact_type: str, intake: Intake) -> Draft:
    """An artifact: the empty config, and layers as they are; the empty blob where there is none.

    Raises:
        SeedError: A layer cannot be read.
    """
    draft = Draft()
    empty = draft.add_blob(bytes_blob([EMPTY_JSON]))
    layers = [
        layer
        for position, item in enumerate(options.layers or ())
        for layer in raw_layer(item, position, intake)
    ]
    document = manifest_document(
        descriptor(media.EMPTY, empty.digest, empty.size),
        _put(draft, layers or [BuiltLayer(empty, media.EMPTY)]),
        artifact_type=artifact_type,
        subject=_subject(options),
        annotations=options.annotations,
    )
    draft.add_manifest(media.OCI_MANIFEST, encode(document, "manifest"))
    return draft


def _default(name: str, platform: Platform) -> list[LayerItem]:
    return [{"image.txt": f"{name} {platform}\n"}]


def _layers(options: Options, items: Sequence[LayerItem], intake: Intake) -> list[BuiltLayer]:
    return [build_layer(item, position, intake, docker=options.docker) for position, item in enumerate(items)]


def _config(
    draft: Draft, options: Options, platform: Platform, layers: Sequence[BuiltLayer]
) -> tuple[str, int]:
    """Digest and size of the config, which the draft takes."""
    document = config_document(
        platform, [layer.diff_id for layer in layers], options.execution, options.created
    )
    blob = draft.add_blob(bytes_blob([encode(document, "config")]))
    return blob.digest, blob.size


def _put(draft: Draft, layers: Sequence[BuiltLayer]) -> list[dict[str, Any]]:
    """The descriptors of layers, which the draft takes."""
    for layer in layers:
        draft.add_blob(layer.blob)
    return [
        descriptor(layer.media_type, layer.blob.digest, layer.blob.size, annotations=layer.annotations)
        for layer in layers
    ]


def _subject(options: Options) -> dict[str, Any] | None:
    subject = options.subject
    return descriptor(subject.media_type, subject.digest, subject.size) if subject else None
