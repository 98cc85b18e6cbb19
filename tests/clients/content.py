"""Images that no part of this project made: what clients push, written by hand from the specification."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Layout", "tree", "write_layout"]

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, slots=True)
class Layout:
    """An OCI layout on disk with one image.

    Attributes:
        path: Its directory.
        tag: The image's name in it.
        digest: The digest of the image's manifest.
        blobs: The digests of its layer and its configuration.
    """

    path: Path
    tag: str
    digest: str
    blobs: frozenset[str]

    @property
    def named(self) -> str:
        """`DIRECTORY:TAG`, as clients write it after `oci:`."""
        return f"{self.path}:{self.tag}"


def write_layout(path: Path, tag: str = "v1", *, size: int = 3000) -> Layout:
    """Write an OCI layout with a one-layer image for linux/amd64, the same bytes each time.

    Args:
        path: The directory, which is made.
        tag: The image's name.
        size: About how many bytes the layer has; they do not compress.
    """
    store = path / "blobs/sha256"
    store.mkdir(parents=True)

    def blob(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        hexes = hashlib.sha256(data).hexdigest()
        (store / hexes).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{hexes}", "size": len(data), **more}

    tarred = _tar({"hello.txt": b"hello\n", "noise": random.Random(size).randbytes(size)})
    layer = blob(gzip.compress(tarred, 1, mtime=0), LAYER)
    config = blob(
        _json(
            {
                "created": "2026-01-01T00:00:00Z",
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/hello"]},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tarred).hexdigest()}"]},
                "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "by hand"}],
            }
        ),
        CONFIG,
    )
    manifest = blob(
        _json({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}),
        MANIFEST,
        platform={"architecture": "amd64", "os": "linux"},
        annotations={REF_NAME: tag},
    )
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (path / "index.json").write_bytes(
        _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]})
    )
    return Layout(path, tag, manifest["digest"], frozenset({layer["digest"], config["digest"]}))


def tree(path: Path) -> dict[str, bytes]:
    """The content of a layout's blobs: digest → bytes, each checked against its name."""
    found = {}
    for file in (path / "blobs/sha256").iterdir():
        data = file.read_bytes()
        assert hashlib.sha256(data).hexdigest() == file.name, f"{file} is damaged"
        found[f"sha256:{file.name}"] = data
    return found


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()
