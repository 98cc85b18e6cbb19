"""One layer from whatever the caller has: bytes, files, a directory, a size, or a blob of any kind."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_sim.errors import SeedError
from ghcr_sim.oci import media
from ghcr_sim.oci.digests import is_digest
from ghcr_sim.seed.gzips import inflated, stored_gzip
from ghcr_sim.seed.intake import Intake, bytes_blob
from ghcr_sim.seed.limits import DEFAULT_LIMITS, Limits
from ghcr_sim.seed.synthetic import synthetic
from ghcr_sim.seed.tars import Entry, content_entries, directory_entries, file_entries, file_pieces, tar

if TYPE_CHECKING:
    from ghcr_sim.store import Blob

__all__ = [
    "DOCKER_LAYER",
    "DOCKER_LAYER_GZIP",
    "BuiltLayer",
    "Layer",
    "LayerItem",
    "build_layer",
    "gzip_diff_id",
    "raw_layer",
]

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_DOCKER = {media.OCI_LAYER: DOCKER_LAYER, media.OCI_LAYER_GZIP: DOCKER_LAYER_GZIP}
_OCTETS = "application/octet-stream"
_TITLE = "org.opencontainers.image.title"
"""The annotation by which clients name a file (image specification, "Pre-Defined Annotation Keys")."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as it shall be, byte for byte.

    Attributes:
        media_type: What the manifest says it is.
        content: Its bytes, or a blob such as `SyntheticBlob`.
        diff_id: The digest of the tar in it; None finds it out for plain and gzipped tars.
        annotations: Annotations of its descriptor.
    """

    media_type: str
    content: bytes | Blob
    diff_id: str | None = None
    annotations: Mapping[str, str] | None = None


LayerItem = bytes | int | Path | Mapping[str, bytes | str] | Layer
"""What `layers=[…]` takes."""


@dataclass(frozen=True, slots=True)
class BuiltLayer:
    """A layer that is ready.

    Attributes:
        blob: Its bytes.
        media_type: What its descriptor says.
        diff_id: The digest of the tar in it; empty within artifacts.
        annotations: Annotations of its descriptor.
    """

    blob: Blob
    media_type: str
    diff_id: str = ""
    annotations: Mapping[str, str] | None = None


def build_layer(item: LayerItem, position: int, intake: Intake, *, docker: bool = False) -> BuiltLayer:
    """A layer of an image.

    Raises:
        SeedError: The item is of no known kind, or cannot be read.
    """
    built = _build(item, position, intake)
    if docker and not isinstance(item, Layer):
        return replace(built, media_type=_DOCKER[built.media_type])
    return built


def _build(item: LayerItem, position: int, intake: Intake) -> BuiltLayer:
    match item:
        case Layer():
            return BuiltLayer(
                _blob(item.content), item.media_type, _diff_id(item, position), item.annotations
            )
        case bytes():
            return _in_memory(content_entries([(f"layer-{position}", item)]))
        case Mapping():
            return _in_memory(content_entries(item.items()))
        case Path() if item.is_dir():
            return _streamed(directory_entries(item), intake, item)
        case Path():
            return _streamed(file_entries(item), intake, item)
        case int() if not isinstance(item, bool):
            blob = synthetic(item, position)
            return BuiltLayer(blob, media.OCI_LAYER, blob.digest)
    raise _unknown(item, position)


def raw_layer(item: LayerItem, position: int, intake: Intake) -> list[BuiltLayer]:
    """The layers of an artifact: files as they are, named by an annotation where they have a name.

    Raises:
        SeedError: The item is of no known kind, or cannot be read.
    """
    match item:
        case Layer():
            return [BuiltLayer(_blob(item.content), item.media_type, annotations=item.annotations)]
        case bytes():
            return [BuiltLayer(bytes_blob([item]), _OCTETS)]
        case Mapping():
            entries = [entry for entry in content_entries(item.items()) if entry.kind == "file"]
            return [
                BuiltLayer(bytes_blob([_bytes(e)]), _OCTETS, annotations={_TITLE: e.name}) for e in entries
            ]
        case Path() if not item.is_dir():
            return [BuiltLayer(_raw_file(item, intake), _OCTETS, annotations={_TITLE: item.name})]
        case Path() | int() if not isinstance(item, bool):
            return [_build(item, position, intake)]
    raise _unknown(item, position)


def _unknown(item: object, position: int) -> SeedError:
    return SeedError(
        f"layers[{position}] is {type(item).__name__}: give bytes, a dict of path → content, a pathlib.Path, "
        "a size as int, or a Layer"
    )


def _bytes(entry: Entry) -> bytes:
    assert isinstance(entry.content, bytes)
    return entry.content


def _raw_file(path: Path, intake: Intake) -> Blob:
    (entry,) = file_entries(path)
    return intake.take(file_pieces(path, entry.size), str(path))


def _blob(content: bytes | Blob) -> Blob:
    return bytes_blob([content]) if isinstance(content, bytes) else content


class _Diff:
    """The digest of the tar, taken while it passes on its way into gzip."""

    def __init__(self) -> None:
        self._running = hashlib.sha256()

    def through(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._running.update(piece)
            yield piece

    @property
    def digest(self) -> str:
        return f"sha256:{self._running.hexdigest()}"


def _in_memory(entries: Iterable[Entry]) -> BuiltLayer:
    diff = _Diff()
    blob = bytes_blob(stored_gzip(diff.through(tar(entries))))
    return BuiltLayer(blob, media.OCI_LAYER_GZIP, diff.digest)


def _streamed(entries: Iterable[Entry], intake: Intake, where: Path) -> BuiltLayer:
    diff = _Diff()
    blob = intake.take(stored_gzip(diff.through(tar(entries))), str(where))
    return BuiltLayer(blob, media.OCI_LAYER_GZIP, diff.digest)


def _diff_id(layer: Layer, position: int) -> str:
    """The digest of the tar in a layer that the caller made."""
    what = f"layers[{position}]"
    if layer.diff_id is not None:
        if not is_digest(layer.diff_id):
            raise SeedError(f"{what}.diff_id is {layer.diff_id!r}: give algorithm:hex")
        return layer.diff_id
    blob = _blob(layer.content)
    if layer.media_type.endswith(".tar"):
        return blob.digest
    if layer.media_type.endswith(("+gzip", ".gzip")):
        return gzip_diff_id(
            blob.pieces(0, blob.size), f"{what} (it needs diff_id='sha256:…' if it is no gzip)"
        )
    raise SeedError(f"{what} is {layer.media_type}, in which no tar can be seen: give diff_id='sha256:…'")


def gzip_diff_id(pieces: Iterable[bytes | memoryview], where: str, limits: Limits = DEFAULT_LIMITS) -> str:
    """The digest of what a gzip file holds.

    Raises:
        SeedError: The file is damaged or a bomb.
    """
    running = hashlib.sha256()
    for piece in inflated(pieces, where, limits):
        running.update(piece)
    return f"sha256:{running.hexdigest()}"
