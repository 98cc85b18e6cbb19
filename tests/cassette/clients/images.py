"""Images of several layers, written by hand: what clients push in parallel, layer by layer."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
from typing import TYPE_CHECKING, Any

from clients.content import CONFIG, INDEX, LAYER, MANIFEST, REF_NAME, Layout, _tar

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["chance", "write_image"]


def chance(size: int = 3000) -> int:
    """A seed that no other run has: what it makes is other bytes each time."""
    return int.from_bytes(os.urandom(8), "big") + size


def write_image(path: Path, tag: str = "v1", *, layers: int = 5, seed: int = 1, size: int = 20_000) -> Layout:
    """Write an OCI layout with an image of several layers for linux/amd64.

    Args:
        path: The directory, which is made.
        tag: The image's name.
        layers: How many.
        seed: The same bytes for the same seed.
        size: About how many bytes a layer has; they do not compress.
    """
    store = path / "blobs/sha256"
    store.mkdir(parents=True)
    dice = random.Random(seed)

    def blob(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        hexes = hashlib.sha256(data).hexdigest()
        (store / hexes).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{hexes}", "size": len(data), **more}

    tars = [_tar({f"layer-{number}": dice.randbytes(size)}) for number in range(layers)]
    packed = [blob(gzip.compress(each, 1, mtime=0), LAYER) for each in tars]
    when = "2026-01-01T00:00:00Z"
    config = blob(
        _json(
            {
                "created": when,
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/hello"]},
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in tars],
                },
                "history": [{"created": when, "created_by": f"layer {number}"} for number in range(layers)],
            }
        ),
        CONFIG,
    )
    manifest = blob(
        _json({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": packed}),
        MANIFEST,
        platform={"architecture": "amd64", "os": "linux"},
        annotations={REF_NAME: tag},
    )
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (path / "index.json").write_bytes(
        _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]})
    )
    blobs = frozenset(each["digest"] for each in [*packed, config])
    return Layout(path, tag, manifest["digest"], blobs)


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()
