"""A tar file as a tree: its list is read once, with suspicion; contents are read where they lie.

It refuses names and links that lead out, devices, sparse files, headers beyond a limit, too many entries,
and an archive that ends early. It follows links inside, as older versions of `docker save` need.
"""

from __future__ import annotations

import posixpath
import tarfile
from typing import IO, TYPE_CHECKING

from ghcr_sim.errors import SeedError
from ghcr_sim.exchange import PIECE
from ghcr_sim.seed.limits import MAX_TAR_HEADER, Limits
from ghcr_sim.seed.trees import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TarTree"]

_MOST_LINKS = 40
"""Links to follow for one name, as Linux does."""

_DAMAGE = (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError)
"""What `tarfile` raises on bytes that are no sound tar."""


class _HeaderReader:
    """The file as `tarfile` sees it: it reads headers, which are small, and seeks over the rest."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.tell = file.tell
        self.seek = file.seek

    def read(self, size: int) -> bytes:
        if size > MAX_TAR_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)


class TarTree:
    """A tar file.

    Args:
        where: What the person called it.
        file: The file, uncompressed; it stays the caller's.
        limits: `Limits.entries` bounds the list.

    Raises:
        SeedError: It is no tar file, or not safe to read.
    """

    def __init__(self, where: str, file: IO[bytes], limits: Limits) -> None:
        self.where = where
        self._file = file
        self._files: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        self._end = file.seek(0, 2)
        file.seek(0)
        try:
            self._scan(limits)
        except _DAMAGE as error:
            raise SeedError(f"{where} is no sound tar file: {error}: make it again") from None

    def _scan(self, limits: Limits) -> None:
        archive = tarfile.TarFile(fileobj=_HeaderReader(self._file))  # type: ignore[arg-type]
        last, count = -1, 0
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined] # or all extended headers stay in memory
            count += 1
            if count > limits.entries:
                raise SeedError(
                    f"{self.where} has more than {limits.entries} entries: pass limits=Limits(entries=…)"
                )
            if not last < member.offset or not 0 <= member.size <= self._end - member.offset_data:
                raise tarfile.ReadError(f"the entry {member.name!r} does not fit into the file")
            last = member.offset
            self._enter(member)
        self._file.seek(archive.offset)
        if any(self._file.read(tarfile.BLOCKSIZE)):
            raise tarfile.ReadError(f"a damaged header at byte {archive.offset}")

    def _enter(self, member: tarfile.TarInfo) -> None:
        name = self._inside(member.name, member.name)
        self._files.pop(name, None)
        self._links.pop(name, None)
        if member.issym():
            self._links[name] = self._inside(
                posixpath.join(posixpath.dirname(name), member.linkname), member.name
            )
        elif member.islnk():
            self._links[name] = self._inside(member.linkname, member.name)
        elif member.isreg() and not member.issparse():
            self._files[name] = (member.offset_data, member.size)
        elif not member.isdir():
            raise SeedError(
                f"{self.where}: {member.name!r} is no file, directory or link: make the archive without it"
            )

    def _inside(self, path: str, name: str) -> str:
        """A path from the root of the archive, without `.` and `..`."""
        plain = posixpath.normpath(path)
        if path.startswith("/") or plain == ".." or plain.startswith("../"):
            raise SeedError(
                f"{self.where}: {name!r} leads out of the archive (to {path!r}): make the archive without it"
            )
        return plain

    def _found(self, name: str) -> tuple[int, int] | None:
        """Offset and size of a file, through links of it and of directories above it."""
        for _ in range(_MOST_LINKS):
            if name in self._files:
                return self._files[name]
            link = self._first_link(name)
            if link is None:
                return None
            name = self._inside(posixpath.join(self._links[link], name[len(link) + 1 :]), name)
        raise SeedError(f"{self.where}: {name!r} is a loop of links: make the archive again")

    def _first_link(self, name: str) -> str | None:
        parts = name.split("/")
        prefixes = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        return next((prefix for prefix in prefixes if prefix in self._links), None)

    def size(self, name: str) -> int | None:
        """How many bytes a file has."""
        found = self._found(self._inside(name, name))
        return found and found[1]

    def pieces(self, name: str) -> Iterator[bytes]:
        """A file's bytes; several files may be read in turns."""
        found = self._found(self._inside(name, name))
        if found is None:
            raise missing(self, name)
        at, size = found
        end = at + size
        while at < end:
            self._file.seek(at)
            piece = self._file.read(min(PIECE, end - at))
            if not piece:
                raise SeedError(f"{self.where} became shorter while it was read: seed what nobody writes to")
            yield piece
            at += len(piece)
