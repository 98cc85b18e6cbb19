"""Where blobs, manifests and tags are kept: in memory, in a directory of OCI layouts, or one over the other.

A store knows repositories, digests and bytes. It knows no HTTP, no credentials and no profile.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ghcr_sim.store.blobs import Blob, BytesBlob, FileBlob
from ghcr_sim.store.memory import Snapshot, Store
from ghcr_sim.store.repository import Manifest, Repository
from ghcr_sim.store.writers import DigestMismatch, MemoryWriter, Writer

if TYPE_CHECKING:
    from ghcr_sim.store.directory import DirectoryStore
    from ghcr_sim.store.overlay import OverlayStore

__all__ = [
    "Blob",
    "BytesBlob",
    "DigestMismatch",
    "DirectoryStore",
    "FileBlob",
    "Manifest",
    "MemoryWriter",
    "OverlayStore",
    "Repository",
    "Snapshot",
    "Store",
    "Writer",
]

# A test that keeps everything in memory does not pay for the modules that read and write files.
_LATE = {"DirectoryStore": "ghcr_sim.store.directory", "OverlayStore": "ghcr_sim.store.overlay"}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATE[name]), name)
