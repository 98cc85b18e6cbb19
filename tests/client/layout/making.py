"""Layouts and archives to be read: made by the fake's seeds, or by hand."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from ghcr_client.digests import Digest
from ghcr_client.models import Descriptor
from seed.layout_files import layout_files, tar_bytes, write_files

from ghcr_sim.seed import seed
from ghcr_sim.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from ghcr_client.sources import Source

__all__ = [
    "CONFIG",
    "LAYERS",
    "descriptor_of",
    "index_of",
    "layout",
    "read_all",
    "saved",
    "tar_bytes",
    "write_files",
    "write_tar",
]


def layout(*, full_names: bool = False) -> dict[str, bytes]:
    """The files of a layout: `v1` is an image, `all` is an index of two platforms."""
    store = Store()
    seed(store, "acme/app:v1", layers=[b"content", {"etc/motd": "hi\n"}], labels={"a": "b"})
    seed(store, "acme/app:all", platforms=["linux/amd64", "linux/arm64"])
    return layout_files(store, "acme/app", full_names=full_names)


def index_of(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """The entries of a layout's index."""
    listed: list[dict[str, Any]] = json.loads(files["index.json"])["manifests"]
    return listed


def descriptor_of(data: bytes, media_type: str = "application/octet-stream") -> Descriptor:
    """What names some bytes."""
    return Descriptor(media_type=media_type, digest=Digest.of(data), size=len(data))


async def read_all(source: Source, start: int = 0) -> bytes:
    """All that a source gives."""
    return b"".join([piece async for piece in source.read(start)])


def write_tar(files: dict[str, Any], path: Path) -> Path:
    """A tar of these files."""
    path.write_bytes(tar_bytes(files))
    return path


LAYERS = {
    "one/layer.tar": tar_bytes({"etc/one": b"1"}),
    "two/layer.tar": gzip.compress(tar_bytes({"etc/two": b"2"}), mtime=0),
}
"""The layers of an archive: one is a tar, one is packed."""

_DIFF_IDS = [Digest.of(LAYERS["one/layer.tar"]), Digest.of(gzip.decompress(LAYERS["two/layer.tar"]))]
CONFIG = json.dumps(
    {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": _DIFF_IDS}}
).encode()
"""The config of the image with these layers."""


def saved(files: dict[str, Any] | None = None, **entry: Any) -> dict[str, Any]:
    """The files of what an old `docker save` wrote: one image, changed as told."""
    name = f"{Digest.of(CONFIG).hex}.json"
    image = {"Config": name, "RepoTags": ["acme/app:v1"], "Layers": list(LAYERS), **entry}
    return {**LAYERS, name: CONFIG, "manifest.json": json.dumps([image]).encode(), **(files or {})}
