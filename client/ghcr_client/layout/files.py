"""Files by name, wherever they lie: in a directory or within a tar. Names lead nowhere else.

It knows where bytes are, and reads small files. It does not know what is in them. Blobs are called as in the OCI image
specification, "OCI Image Layout Specification": `blobs/<algorithm>/<hex>`.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ghcr_client.errors import LayoutError
from ghcr_client.manifests import PULL_LIMIT
from ghcr_client.masking import shown

if TYPE_CHECKING:
    import os

    from ghcr_client.digests import Digest

__all__ = ["DirectoryFiles", "Files", "Place", "blob_name", "needed", "read_small"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a file are.

    Attributes:
        path: The file on disk that holds them.
        start: Offset of the first one.
        size: How many there are.
    """

    path: Path
    start: int
    size: int


class Files(Protocol):
    """Files by name.

    Attributes:
        where: What holds them, for messages.
    """

    @property
    def where(self) -> str:
        """What holds them."""

    def place(self, name: str) -> Place | None:
        """Where a file is, or None where there is none of that name.

        Raises:
            LayoutError: It is no regular file, or leads out.
        """


class DirectoryFiles:
    """The files below a directory.

    Args:
        path: The directory.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.where = shown(str(Path(path)))
        self.root = Path(path).resolve()

    def place(self, name: str) -> Place | None:
        """Where a file is; links are followed, if they stay in the directory."""
        try:
            real = (self.root / name).resolve(strict=True)
            state = real.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before Python 3.13
            why = getattr(error, "strerror", None) or "a loop of links"
            raise LayoutError(f"{self.where}: {shown(name)} cannot be read: {why}") from None
        if not real.is_relative_to(self.root):
            raise LayoutError(
                f"{self.where}: {shown(name)} is a link that leads out of the directory: copy the file there"
            )
        if not stat.S_ISREG(state.st_mode):
            raise LayoutError(f"{self.where}: {shown(name)} is no regular file")
        return Place(real, 0, state.st_size)


def blob_name(digest: Digest) -> str:
    """Where a layout keeps a blob.

    Example:
        >>> from ghcr_client.digests import Digest
        >>> blob_name(Digest.of(b""))[:22]
        'blobs/sha256/e3b0c4429'
    """
    return f"blobs/{digest.algorithm}/{digest.hex}"


def needed(files: Files, name: str) -> Place:
    """Where a file is that must be there.

    Raises:
        LayoutError: It is not there.
    """
    place = files.place(name)
    if place is None:
        raise LayoutError(f"{files.where}: {shown(name)} is missing: the copy is incomplete, make it again")
    return place


def read_small(files: Files, name: str, limit: int = PULL_LIMIT) -> bytes:
    """All bytes of a small file.

    Args:
        files: What holds it.
        name: Its name.
        limit: How many bytes it may have.

    Raises:
        LayoutError: It is missing, too large, or became shorter.
    """
    place = needed(files, name)
    if place.size > limit:
        raise LayoutError(
            f"{files.where}: {shown(name)} has {place.size} bytes: at most {limit} are read of it"
        )
    try:
        with place.path.open("rb") as file:
            file.seek(place.start)
            data = file.read(place.size)
    except OSError as error:
        raise LayoutError(f"{files.where}: {shown(name)} cannot be read: {error.strerror}") from None
    if len(data) != place.size:
        raise LayoutError(f"{files.where}: {shown(name)} became shorter while it was read")
    return data
