"""Whole images: a manifest, and the bytes of all that it names.

Each is one that a builder could have made: layers are tars, plain or gzipped, and the config has their digests. They
are small, so that a failing one can be read. Source: image specification 1.1, "Image Configuration", "Image Layer
Filesystem Changeset".
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st

from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
)
from ghcr_sim.seed.intake import bytes_blob
from ghcr_sim.seed.references import LATEST, parse_reference
from ghcr_sim.store import Manifest
from pytest_ghcr.strategies.documents import annotation_maps, platforms, unknown_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ghcr.simulator import Ghcr

__all__ = ["Image", "images"]


@dataclass(frozen=True, slots=True, repr=False)
class Image:
    """An image with all its bytes.

    Attributes:
        media_type: The manifest's: it goes into `Content-Type`.
        manifest: Its bytes.
        blobs: Digest → bytes of the config and the layers; of an index, of all its images.
        children: The images that an index lists; empty for every other.
    """

    media_type: str
    manifest: bytes
    blobs: Mapping[str, bytes]
    children: tuple[Image, ...] = ()

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return digest_of(self.manifest)

    def manifests(self) -> Iterator[Image]:
        """The images that it consists of, in the order of a push: what it lists, then itself."""
        yield from self.children
        yield self

    def put(self, ghcr: Ghcr, reference: str) -> None:
        """Put it into a fake, without a request.

        Args:
            ghcr: Where to.
            reference: `acme/app:v1`; without a tag, `latest`.

        Raises:
            SeedError: It is no reference.
        """
        repository, tag = parse_reference(reference)
        store = ghcr.simulator.store
        for content in self.blobs.values():
            store.put_blob(repository, bytes_blob([content]))
        for each in self.manifests():
            made = Manifest.read(each.digest, each.media_type, each.manifest)
            store.put_manifest(repository, made, [tag or LATEST] if each is self else ())
        ghcr.simulator.rights.settle(repository)

    def __hash__(self) -> int:
        return hash(self.manifest)

    def __repr__(self) -> str:
        said = self.manifest.decode(errors="replace")
        return f"<Image {self.digest[:19]}…, {len(self.children)} children, {len(self.blobs)} blobs: {said}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - hypothesis's hook
        """Hypothesis prints this, and not every byte of every layer."""
        printer.text(repr(self))


class _Family(NamedTuple):
    """The media types that go together."""

    listing: str
    manifest: str
    config: str
    layer: str | None
    gzip: str


_OCI = _Family(OCI_INDEX, OCI_MANIFEST, OCI_CONFIG, OCI_LAYER, OCI_LAYER_GZIP)
_DOCKER = _Family(
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    "application/vnd.docker.container.image.v1+json",
    None,
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)

_names = st.text("abcxyz._-é", min_size=1, max_size=8).filter(lambda name: name.strip("."))


@st.composite
def images(draw: st.DrawFn, *, multi_platform: bool | None = None, max_layers: int = 3) -> Image:
    """Images that every registry takes, OCI's and Docker's.

    Args:
        draw: Given by hypothesis.
        multi_platform: Whether it is an index over two or three images; None draws both.
        max_layers: Of one image.
    """
    family = draw(st.sampled_from((_OCI, _OCI, _DOCKER)))
    several = draw(st.booleans()) if multi_platform is None else multi_platform
    if not several:
        return draw(_single(family, draw(platforms()), max_layers))
    named = draw(st.lists(platforms(), min_size=2, max_size=3, unique=True))
    children = tuple(draw(_single(family, each, max_layers)) for each in named)
    listed = [
        {**_named(each.media_type, each.manifest), "platform": _platform(name)}
        for name, each in zip(named, children, strict=True)
    ]
    document = {"schemaVersion": 2, "mediaType": family.listing, "manifests": listed, **draw(_extras(family))}
    blobs = {digest: content for each in children for digest, content in each.blobs.items()}
    return Image(family.listing, draw(_written(document)), blobs, children)


@st.composite
def _single(draw: st.DrawFn, family: _Family, platform: str, max_layers: int) -> Image:
    files = st.dictionaries(_names, st.binary(max_size=16), max_size=2)
    tars = [_tar(each) for each in draw(st.lists(files, min_size=1, max_size=max_layers))]
    layers = [_plain_or_packed(tar, family, packed=draw(st.booleans())) for tar in tars]
    config = draw(
        _written(
            {
                **_platform(platform),
                "config": draw(st.just({}) | st.just({"Env": ["PATH=/bin"], "Cmd": ["/app"]})),
                "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in tars]},
            }
        )
    )
    document = {
        "schemaVersion": 2,
        "mediaType": family.manifest,
        "config": _named(family.config, config),
        "layers": [_named(kind, content) for kind, content in layers],
        **draw(_extras(family)),
    }
    blobs = {digest_of(content): content for content in (config, *(content for _, content in layers))}
    return Image(family.manifest, draw(_written(document)), blobs)


@st.composite
def _extras(draw: st.DrawFn, family: _Family) -> dict[str, Any]:
    notes = {"annotations": draw(annotation_maps())} if family is _OCI and draw(st.booleans()) else {}
    return notes | draw(unknown_fields())


@st.composite
def _written(draw: st.DrawFn, document: dict[str, Any]) -> bytes:
    """A document's bytes: a registry keeps whatever whitespace and escapes somebody's writer has."""
    indent = draw(st.sampled_from((None, None, 2)))
    return json.dumps(document, indent=indent, ensure_ascii=draw(st.booleans())).encode()


def _platform(name: str) -> dict[str, str]:
    os, architecture, *variant = name.split("/")
    return {"architecture": architecture, "os": os} | ({"variant": variant[0]} if variant else {})


def _named(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _plain_or_packed(tar: bytes, family: _Family, *, packed: bool) -> tuple[str, bytes]:
    if family.layer is not None and not packed:
        return family.layer, tar
    return family.gzip, gzip.compress(tar, mtime=0)


def _tar(files: Mapping[str, bytes]) -> bytes:
    """A tar without the padding to ten kibibytes that only tapes want: two empty blocks end it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        end = buffer.tell()
    return buffer.getvalue()[: end + 2 * tarfile.BLOCKSIZE]
