"""Where blobs, manifests and tags are kept: in memory, in a directory of OCI layouts, or one over the other.

A store knows repositories, digests and bytes. It knows no HTTP, no credentials and no profile.
"""

from ghcr_sim.store.blobs import Blob, BytesBlob, DigestMismatch, FileBlob, MemoryWriter, Writer
from ghcr_sim.store.memory import Snapshot, Store
from ghcr_sim.store.repository import Manifest, Repository

__all__ = [
    "Blob",
    "BytesBlob",
    "DigestMismatch",
    "FileBlob",
    "Manifest",
    "MemoryWriter",
    "Repository",
    "Snapshot",
    "Store",
    "Writer",
]
