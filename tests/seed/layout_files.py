"""A repository of a store, written out as an OCI layout: what other tools can be asked to judge."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ghcr_sim.store import Manifest, Store

__all__ = ["REF_NAME", "blob_path", "contents", "descriptor", "layout_files", "tar_bytes", "write_files"]

REF_NAME = "org.opencontainers.image.ref.name"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def layout_files(store: Store, repository: str, *, full_names: bool = False) -> dict[str, bytes]:
    """The files of the layout: path → content. Tags become names; a referrer stays without one."""
    state = store.repository(repository)
    assert state is not None
    entries: list[dict[str, Any]] = []
    for tag, digest in state.tags.items():
        name = f"ghcr.io/{repository}:{tag}" if full_names else tag
        entries.append(descriptor(state.manifests[digest]) | {"annotations": {REF_NAME: name}})
    entries += [descriptor(manifest) for manifest in state.manifests.values() if manifest.subject]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode()}
    return files | {blob_path(digest): content for digest, content in contents(store, repository).items()}


def contents(store: Store, repository: str) -> dict[str, bytes]:
    """Digest → bytes of all that a repository holds."""
    state = store.repository(repository)
    assert state is not None
    blobs = {digest: b"".join(blob.pieces(0, blob.size)) for digest, blob in state.blobs.items()}
    return blobs | {digest: manifest.content for digest, manifest in state.manifests.items()}


def descriptor(manifest: Manifest) -> dict[str, Any]:
    """The three fields that every descriptor has."""
    return {"mediaType": manifest.media_type, "digest": manifest.digest, "size": manifest.size}


def blob_path(digest: str) -> str:
    """Where a layout keeps a digest."""
    return f"blobs/{digest.replace(':', '/')}"


def write_files(files: dict[str, bytes], directory: Path) -> Path:
    """Write files into a directory."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory


def tar_bytes(files: dict[str, bytes | tarfile.TarInfo]) -> bytes:
    """A tar of these files, in this order; a `TarInfo` stands for an entry without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo()
            info.name = name
            if isinstance(content, bytes):
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return buffer.getvalue()
