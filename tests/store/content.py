"""Content for stores: blobs, images, indexes, all of it made from a word."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from ghcr_sim.store import Blob, Manifest, Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "TAG",
    "blob_file",
    "contents",
    "descriptor",
    "entries",
    "image",
    "index",
    "layer",
    "listed",
    "manifest",
    "push",
    "read",
    "upload",
]


TAG = "org.opencontainers.image.ref.name"
"""The annotation that makes an entry of an index a tag."""


def upload(store: Store, data: bytes, digest: str | None = None) -> Blob:
    """Bytes through a writer, into no repository yet."""
    writer = store.writer()
    try:
        writer.write([data])
        return writer.finish(digest or digest_of(data))
    except BaseException:
        writer.discard()
        raise


def push(store: Store, repository: str, data: bytes, algorithm: str = "sha256") -> str:
    """A blob in a repository; its digest."""
    digest = digest_of(data, algorithm)
    store.put_blob(repository, upload(store, data, digest))
    return digest


def read(blob: Blob | None) -> bytes:
    """All bytes of a blob."""
    assert blob is not None
    return b"".join(blob.pieces(0, blob.size))


def manifest(document: dict[str, Any], media_type: str = OCI_MANIFEST) -> Manifest:
    """A document as a manifest."""
    content = json.dumps({"schemaVersion": 2, "mediaType": media_type, **document}).encode()
    return Manifest.read(digest_of(content), media_type, content)


def descriptor(data: bytes, media_type: str) -> dict[str, Any]:
    """The descriptor of some bytes."""
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


def layer(word: str) -> bytes:
    """An uncompressed layer with one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("word")
        entry.size = len(word)
        entry.mode = 0o644
        tar.addfile(entry, io.BytesIO(word.encode()))
    return buffer.getvalue()


def image(store: Store, repository: str, word: str, tags: Iterable[str] = (), **more: Any) -> Manifest:
    """A whole image that a real client accepts, pushed."""
    data = layer(word)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(data)]},
        }
    ).encode()
    push(store, repository, data)
    push(store, repository, config)
    made = manifest(
        {"config": descriptor(config, OCI_CONFIG), "layers": [descriptor(data, OCI_LAYER)], **more}
    )
    store.put_manifest(repository, made, tags)
    return made


def index(store: Store, repository: str, children: Iterable[Manifest], tags: Iterable[str] = ()) -> Manifest:
    """An index over manifests, pushed."""
    listed = [{"mediaType": m.media_type, "digest": m.digest, "size": m.size} for m in children]
    made = manifest({"manifests": listed}, OCI_INDEX)
    store.put_manifest(repository, made, tags)
    return made


def blob_file(root: Path, repository: str, digest: str) -> Path:
    """Where a blob or manifest of an unescaped name lies."""
    return root / repository / "blobs" / digest.replace(":", "/")


def entries(root: Path, repository: str) -> list[dict[str, Any]]:
    """What a layout's index lists."""
    found: list[dict[str, Any]] = json.loads((root / repository / "index.json").read_text())["manifests"]
    return found


def listed(directory: Path) -> list[str]:
    """What is in a directory, sorted."""
    return sorted(path.name for path in directory.iterdir())


def contents(store: Store) -> dict[str, Any]:
    """Everything that a store serves, as plain values that can be compared."""
    shown: dict[str, Any] = {}
    for name in store.names():
        state = store.repository(name)
        assert state is not None
        shown[name] = {
            "blobs": {digest: read(store.blob(name, digest)) for digest in sorted(state.blobs)},
            "manifests": {digest: (m.media_type, m.content) for digest, m in state.manifests.items()},
            "tags": list(state.tags.items()),
            "referrers": {subject: list(found) for subject, found in state.referrers.items() if found},
            "visibility": state.visibility,
            "roles": dict(state.roles),
        }
    return shown
