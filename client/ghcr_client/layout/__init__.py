"""Images on this machine: OCI image layouts in directories and tars, and docker-archives, read and written.

Layers are never unpacked, and tars never extracted. It knows no transport: what is read are sources, and what is
written comes from them. `open_local` opens whatever there is. A name is loaded when it is first used, so that
nobody pays for archives who has none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ghcr_client.errors import LayoutError

if TYPE_CHECKING:
    from ghcr_client.layout.archive import LayoutArchive, write_blobs_archive, write_layout_archive
    from ghcr_client.layout.directory import BlobSink, LayoutDirectory
    from ghcr_client.layout.dockerarchive import DockerArchive
    from ghcr_client.layout.dockerwriter import write_docker_archive
    from ghcr_client.layout.names import Entry
    from ghcr_client.layout.opening import open_local
    from ghcr_client.layout.reading import LocalImages

__all__ = [
    "BlobSink",
    "DockerArchive",
    "Entry",
    "LayoutArchive",
    "LayoutDirectory",
    "LayoutError",
    "LocalImages",
    "open_local",
    "write_blobs_archive",
    "write_docker_archive",
    "write_layout_archive",
]

_HOMES = {
    "open_local": "opening",
    "write_blobs_archive": "archive",
    "write_docker_archive": "dockerwriter",
    "write_layout_archive": "archive",
    "BlobSink": "directory",
    "DockerArchive": "dockerarchive",
    "Entry": "names",
    "LayoutArchive": "archive",
    "LayoutDirectory": "directory",
    "LocalImages": "reading",
}
"""The module of each name."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
