"""Where a repository lies in a directory: its name is its path, one OCI image layout each.

A component that a layout uses for itself is led by `_`, with which no component begins. Symbolic links
are no directories here.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_sim.errors import StoreError
from ghcr_sim.oci.digests import ALGORITHMS, is_digest, parse_digest
from ghcr_sim.oci.names import is_repository
from ghcr_sim.store.files import LayoutBlob, Stamp, explained, is_contained, stamp_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["INDEX", "LAYOUT", "Place", "made_root", "place_of", "repositories_below", "root_of"]

INDEX = "index.json"
LAYOUT = "oci-layout"
_TAKEN = frozenset({INDEX, LAYOUT, "blobs"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where the parts of one repository lie.

    Attributes:
        directory: The layout.
        trash: Where its deleted blobs lie for as long as a snapshot or a fork may hold them, or None.
    """

    directory: str
    trash: str | None = None

    @property
    def index(self) -> str:
        """The file that lists manifests and tags."""
        return f"{self.directory}{os.sep}{INDEX}"

    @property
    def layout(self) -> str:
        """The file that says that this is a layout."""
        return f"{self.directory}{os.sep}{LAYOUT}"

    def is_layout(self) -> bool:
        """Whether both files are there that make a directory a layout, or something in their place."""
        return os.path.lexists(self.index) and os.path.lexists(self.layout)

    def path(self, digest: str) -> str:
        """The file of a blob or manifest."""
        algorithm, digits = parse_digest(digest)
        return f"{self.directory}{os.sep}blobs{os.sep}{algorithm}{os.sep}{digits}"

    def prepared(self, digest: str) -> str:
        """The same, after its directory was made.

        Raises:
            StoreError: The directory cannot be made, or would lie elsewhere.
        """
        path = self.path(digest)
        directory = os.path.dirname(path)  # noqa: PTH120
        if not is_contained(directory):
            raise StoreError(
                f"{directory} lies behind a symbolic link, which is not followed; put a directory there"
            )
        if not os.path.isdir(directory):  # noqa: PTH112
            with explained("make", directory):
                os.makedirs(directory, exist_ok=True)  # noqa: PTH103
        return path

    def trashed(self, digest: str) -> str:
        """The file of a deleted one."""
        algorithm, digits = parse_digest(digest)
        return f"{self.trash}{os.sep}_{algorithm}-{digits}"

    def blob(self, digest: str, size: int, stamp: Stamp | None = None) -> LayoutBlob:
        """A handle on a blob; `stamp` where its file is known to be sound."""
        places = (self.path(digest),) if self.trash is None else (self.path(digest), self.trashed(digest))
        return LayoutBlob(digest, size, places, stamp)

    def files(self) -> dict[str, int]:
        """Digest → size of every plain file that is named like a digest; other files are left alone."""
        found = {}
        for algorithm in ALGORITHMS:
            directory = os.path.join(self.directory, "blobs", algorithm)  # noqa: PTH118
            if is_contained(directory) and os.path.isdir(directory):  # noqa: PTH112
                with os.scandir(directory) as entries:
                    for entry in entries:
                        digest = f"{algorithm}:{entry.name}"
                        stamp = stamp_of(entry.path) if is_digest(digest) else None
                        if stamp is not None:
                            found[digest] = stamp.size
        return found

    def remove(self, root: str) -> None:
        """Remove a layout without blobs, and the directories that only led to it."""
        with explained("remove", self.index):
            os.unlink(self.index)  # noqa: PTH108
            os.unlink(self.layout)  # noqa: PTH108
        blobs = Path(self.directory, "blobs")
        empty = [*(blobs / algorithm for algorithm in ALGORITHMS), blobs, *blobs.parents]
        for directory in empty[: empty.index(Path(root))]:
            # Another program's file, or a repository further down, may keep it.
            with suppress(OSError):
                directory.rmdir()


def root_of(directory: str | os.PathLike[str]) -> str:
    """The real path of a directory that holds repositories.

    Raises:
        StoreError: It is no directory, or is itself a layout.
    """
    root = os.path.realpath(directory)
    if not os.path.isdir(root):  # noqa: PTH112
        raise StoreError(f"{root} is not a directory; name one that exists")
    if os.path.lexists(os.path.join(root, LAYOUT)):  # noqa: PTH118
        raise StoreError(f"{root} is itself an OCI layout; name the directory that holds it")
    with explained("read", root):
        os.scandir(root).close()
    return root


def made_root(directory: str | os.PathLike[str]) -> str:
    """As `root_of`, of a directory that is made where it is missing."""
    with explained("make", os.fspath(directory)), suppress(FileExistsError):
        os.makedirs(directory, exist_ok=True)  # noqa: PTH103
    return root_of(directory)


def place_of(root: str, name: str, trash: str | None = None) -> Place:
    """Where a repository lies, whether it exists or not. The name must be a valid one."""
    parts = [f"_{part}" if part in _TAKEN else part for part in name.split("/")]
    below = os.path.join(*parts)  # noqa: PTH118
    return Place(os.path.join(root, below), trash and os.path.join(trash, below))  # noqa: PTH118


def repositories_below(root: str) -> Iterator[str]:
    """The names of all layouts in a directory, in no order. What cannot be read is left out."""
    waiting = [(root, "")]
    while waiting:
        directory, name = waiting.pop()
        try:
            with os.scandir(directory) as entries:
                inside = list(entries)
        except OSError:
            continue
        if name and {INDEX, LAYOUT} <= {
            entry.name for entry in inside if entry.is_file(follow_symlinks=False)
        }:
            yield name
        for entry in inside:
            deeper = _below(name, entry.name)
            if is_repository(deeper) and entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, deeper))


def _below(name: str, entry: str) -> str:
    """The name of the repository in an entry of a repository's directory; no valid name where it is none."""
    if entry in _TAKEN:
        return ""
    part = entry[1:] if entry[:1] == "_" and entry[1:] in _TAKEN else entry
    return f"{name}/{part}" if name else part
