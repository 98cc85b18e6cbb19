"""Plain files, read with suspicion: never through a symbolic link, never more than expected.

A stamp tells whether a file is still the one that was read. Nothing here knows what a file means.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import stat
from io import FileIO
from typing import TYPE_CHECKING, NamedTuple

from ghcr_sim.errors import StoreError
from ghcr_sim.exchange import PIECE
from ghcr_sim.oci.digests import parse_digest
from ghcr_sim.store.blobs import FileBlob

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LayoutBlob", "Stamp", "explained", "is_contained", "is_still", "read_plain", "stamp_of"]

_LOG = logging.getLogger(__name__)
# Neither follow a link nor wait for a pipe's other end. Windows has neither flag.
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Stamp(NamedTuple):
    """What changes when a file is written or replaced; a rename leaves it as it is."""

    modified: int
    size: int
    inode: int
    device: int


def _stamp(found: os.stat_result) -> Stamp | None:
    if not stat.S_ISREG(found.st_mode):
        return None
    return Stamp(found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev)


def stamp_of(path: str) -> Stamp | None:
    """The stamp of a plain file; None where there is none that can be reached."""
    try:
        return _stamp(os.lstat(path))
    except OSError:
        return None


def is_still(path: str, stamp: Stamp) -> bool:
    """Whether a path is still the plain file that has this stamp. Every request asks: it costs one look."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stamp == (
        found.st_mtime_ns,
        found.st_size,
        found.st_ino,
        found.st_dev,
    ) and stat.S_ISREG(found.st_mode)


def is_contained(path: str) -> bool:
    """Whether no part of an absolute path is a symbolic link; parts that do not exist yet are none."""
    return os.path.realpath(path) == path


def read_plain(path: str, limit: int) -> tuple[bytes, Stamp]:
    """A file's bytes, and the stamp that it had before they were read.

    Raises:
        OSError: It is missing, a link, no file at all, or has more than `limit` bytes.
    """
    with _open(path) as file:
        stamp = _stamp(os.fstat(file.fileno()))
        if stamp is None:
            raise OSError("it is not a plain file; remove it")
        if stamp.size > limit:
            raise OSError(f"it has {stamp.size} bytes, at most {limit} are read")
        return file.readall(), stamp


def _open(path: str) -> FileIO:
    """Open a file for reading, unless it is a link."""
    try:
        return FileIO(path, opener=lambda path, flags: os.open(path, flags | _FLAGS))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError("it is a symbolic link, which is not followed; put a file there") from error
        raise


@contextlib.contextmanager
def explained(doing: str, path: str) -> Iterator[None]:
    """Turn what the system says into one line that names the file.

    Raises:
        StoreError: In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        # Python's own refusals have no number, and since 3.13 their text is in the arguments only.
        why = error.strerror or next(iter(error.args), error)
        raise StoreError(f"cannot {doing} {path}: {why}") from error


class LayoutBlob:
    """A blob in a layout. Its file is found where it lies now: in its place, or in the trash.

    A file that another program put there is hashed once, when it is first asked for (well under a second
    a GiB), and again when its stamp changes: other bytes than the digest's are never given.

    Args:
        digest: The digest under which it is stored.
        size: How many bytes it has.
        places: Where the file may be, most likely place first.
        stamp: The stamp of a file that is known to have this digest.
    """

    __slots__ = ("_places", "_sound", "_unsound", "digest", "size")

    def __init__(self, digest: str, size: int, places: tuple[str, ...], stamp: Stamp | None = None) -> None:
        self.digest = digest
        self.size = size
        self._places = places
        self._sound = stamp
        self._unsound: Stamp | None = None

    @property
    def path(self) -> str | None:
        """The file that holds exactly these bytes; None where it is gone or damaged."""
        for path in self._places:
            stamp = stamp_of(path)
            if stamp is not None and (stamp == self._sound or self._check(path, stamp)):
                return path
        return None

    def pieces(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """The bytes from `start` up to `stop`.

        Raises:
            OSError: The file is gone or damaged.
        """
        path = self.path
        if path is None:
            raise OSError(f"{self._places[0]} is gone or damaged")
        yield from FileBlob(self.digest, path, self.size).pieces(start, stop)

    def _check(self, path: str, stamp: Stamp) -> bool:
        """Whether the file holds what its name says; remembered for as long as it is the same file."""
        if stamp == self._unsound:
            return False
        with contextlib.suppress(OSError):
            if is_contained(path) and stamp.size == self.size and self._has_digest(path):
                self._sound = stamp
                return True
        self._unsound = stamp
        _LOG.warning("%s does not hold %s and is not served; remove it and push it again", path, self.digest)
        return False

    def _has_digest(self, path: str) -> bool:
        wanted = parse_digest(self.digest)
        running = hashlib.new(wanted.algorithm)
        with _open(path) as file:
            while piece := file.read(PIECE):
                running.update(piece)
        return running.hexdigest() == wanted.hex

    def __repr__(self) -> str:
        return f"LayoutBlob({self.digest}, {self.size} bytes)"
