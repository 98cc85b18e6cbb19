"""Descriptors, manifests and indexes: valid documents, with the optional fields that clients forget.

What they name need not exist; `images` draws what does. Source: image specification 1.1, "Content Descriptors", "Image
Manifest", "Image Index" (also: "implementations must ignore unknown properties").
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from ghcr_sim.oci.media import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    EMPTY,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
)
from pytest_ghcr.strategies.names import digests

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["annotation_maps", "descriptors", "indexes", "manifests", "platforms", "unknown_fields"]

_LARGEST = (1 << 63) - 1
_CONFIGS = {
    OCI_MANIFEST: OCI_CONFIG,
    DOCKER_MANIFEST: "application/vnd.docker.container.image.v1+json",
}
_LAYERS = {
    OCI_MANIFEST: (OCI_LAYER, OCI_LAYER_GZIP, "application/vnd.oci.image.layer.v1.tar+zstd"),
    DOCKER_MANIFEST: ("application/vnd.docker.image.rootfs.diff.tar.gzip",),
}
_CHILDREN = {OCI_INDEX: OCI_MANIFEST, DOCKER_INDEX: DOCKER_MANIFEST}

_LETTERS = string.ascii_letters + string.digits + ' ./:-_"\\\n\té中😀\u202e\x7f'
"""Enough to trip over: quotes, escapes, two to four bytes of UTF-8, another direction. A list draws at once."""

_texts = st.text(_LETTERS, max_size=12)
_types = st.sampled_from(("application/spdx+json", "application/vnd.example.thing.v1+json", "text/plain"))


def annotation_maps() -> SearchStrategy[dict[str, str]]:
    """Annotations, in any script, of at most three keys."""
    key = st.sampled_from(
        ("org.opencontainers.image.source", "org.opencontainers.image.title", "com.example.k")
    )
    return st.dictionaries(key | _texts.filter(bool), _texts, max_size=3)


def unknown_fields() -> SearchStrategy[dict[str, Any]]:
    """Properties that no specification knows, which every reader has to bear; mostly none."""
    values: SearchStrategy[Any] = (
        st.none() | st.booleans() | st.integers(0, 9) | _texts | st.lists(_texts, max_size=2)
    )
    name = st.text(string.ascii_lowercase, min_size=1, max_size=4).map("x-{}".format)
    return st.just({}) | st.just({}) | st.dictionaries(name, values, max_size=2)


def platforms() -> SearchStrategy[str]:
    """Platforms of images that exist: `linux/arm/v7`, `windows/amd64`."""
    return st.sampled_from(
        ("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x", "windows/amd64", "freebsd/riscv64")
    )


@st.composite
def _platform_objects(draw: st.DrawFn) -> dict[str, Any]:
    os, architecture, *variant = draw(platforms()).split("/")
    shown: dict[str, Any] = {"architecture": architecture, "os": os}
    if variant:
        shown["variant"] = variant[0]
    if os == "windows":
        shown["os.version"] = draw(st.sampled_from(("10.0.20348.2700", "10.0.17763.6414")))
    return shown


@st.composite
def descriptors(draw: st.DrawFn, media_type: str | None = None, *, platform: bool = False) -> dict[str, Any]:
    """Descriptors: what names some content.

    Args:
        draw: Given by hypothesis.
        media_type: Of the content; None is any.
        platform: Whether one is said.
    """
    kind = media_type or draw(st.sampled_from((OCI_MANIFEST, OCI_CONFIG, OCI_LAYER_GZIP, EMPTY)))
    size = draw(st.integers(0, 1 << 20) | st.integers(0, _LARGEST))
    shown: dict[str, Any] = {"mediaType": kind, "digest": draw(digests()), "size": size}
    if platform:
        shown["platform"] = draw(_platform_objects())
    if draw(st.booleans()):
        shown["annotations"] = draw(annotation_maps())
    return shown | draw(unknown_fields())


@st.composite
def _more(draw: st.DrawFn, media_type: str) -> dict[str, Any]:
    """What a document of OCI may have and one of Docker has not, and what nobody knows."""
    shown: dict[str, Any] = draw(unknown_fields())
    if media_type in (OCI_MANIFEST, OCI_INDEX):
        if draw(st.booleans()):
            shown["annotations"] = draw(annotation_maps())
        if draw(st.booleans()):
            shown["subject"] = draw(descriptors(OCI_MANIFEST))
    return shown


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    """Documents of images and of artifacts, OCI's and Docker's; each says its media type."""
    kind = draw(st.sampled_from((OCI_MANIFEST, OCI_MANIFEST, DOCKER_MANIFEST)))
    artifact = kind == OCI_MANIFEST and draw(st.booleans())
    layer = st.sampled_from((*_LAYERS[kind], "text/plain") if artifact else _LAYERS[kind])
    document = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": draw(descriptors(EMPTY if artifact else _CONFIGS[kind])),
        "layers": draw(st.lists(layer.flatmap(descriptors), min_size=0 if artifact else 1, max_size=4)),
    }
    return document | ({"artifactType": draw(_types)} if artifact else {}) | draw(_more(kind))


@st.composite
def indexes(draw: st.DrawFn) -> dict[str, Any]:
    """Documents of indexes, OCI's and Docker's; each says its media type, and its manifests their platforms."""
    kind = draw(st.sampled_from((OCI_INDEX, OCI_INDEX, DOCKER_INDEX)))
    listed = st.lists(descriptors(_CHILDREN[kind], platform=True), min_size=1, max_size=4)
    document = {"schemaVersion": 2, "mediaType": kind, "manifests": draw(listed)}
    return document | draw(_more(kind))
