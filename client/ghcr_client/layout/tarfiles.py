"""The files within a tar, by name: the list is read once, with suspicion; contents are read where they lie.

Nothing is extracted. Names that lead out, devices, sparse files, duplicates, headers without end and tars that end
early are refused. Links to another member are kept, for who wants to follow them. It does not know what the files are.
Source: POSIX `pax`, section "ustar Interchange Format".
"""

from __future__ import annotations

import posixpath
import stat
import tarfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ghcr_client.errors import LayoutError
from ghcr_client.layout.files import Place
from ghcr_client.masking import shown

if TYPE_CHECKING:
    import os

__all__ = ["MOST_MEMBERS", "TarFiles"]

MOST_MEMBERS = 100_000
"""Members of a tar: more than any image has, and few enough to be held in memory."""

_LONGEST_HEADER = 64 * 1024
"""Bytes of an extended header, which is held in memory; a path has at most 4 KiB."""

_MOST_LINKS = 40
"""Links that are followed for one name, as Linux does."""

_DAMAGE = (tarfile.TarError, ValueError, OverflowError, RecursionError)
"""What `tarfile` raises on bytes that are no sound tar."""

_COMPRESSED = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
    b"\xfd7zXZ": ("xz", "unxz"),
    b"BZh": ("bzip2", "bunzip2"),
}
"""How compressed files begin → what they are, and the program that undoes it."""


class _Headers:
    """A file as `tarfile` sees it: headers are read, if they are small, and all else is passed over."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.tell = file.tell
        self.seek = file.seek

    def read(self, size: int) -> bytes:
        """Some bytes of a header."""
        if size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)


class TarFiles:
    """The files within an uncompressed tar.

    Args:
        path: The tar.

    Attributes:
        names: The names of all files and links, in order.
        links: Name → the name that a link leads to.

    Raises:
        LayoutError: It is no tar, compressed, damaged, or not safe to read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.where = shown(str(self.path))
        self.links: dict[str, str] = {}
        self._places: dict[str, Place] = {}
        try:
            state = self.path.stat()
            if not stat.S_ISREG(state.st_mode):
                raise LayoutError(f"{self.where} is no regular file")
            with self.path.open("rb") as file:
                self._refuse_compressed(file)
                self._scan(file, state.st_size)
        except OSError as error:
            raise LayoutError(f"{self.where} cannot be read: {error.strerror or error}") from None
        except _DAMAGE as error:
            raise LayoutError(
                f"{self.where} is no sound tar file: {shown(str(error))}: make it again"
            ) from None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all files and links."""
        return (*self._places, *self.links)

    def place(self, name: str) -> Place | None:
        """Where a file is, through links within the tar."""
        name = posixpath.normpath(name)
        for _ in range(_MOST_LINKS):
            if name not in self.links:
                return self._places.get(name)
            name = self.links[name]
        raise LayoutError(f"{self.where}: {shown(name)} is a loop of links: make the archive again")

    def refuse_links(self) -> None:
        """Nothing, if there are no links.

        Raises:
            LayoutError: There are.
        """
        for name in self.links:
            raise LayoutError(f"{self.where}: {shown(name)} is a link, and a layout has none: make it again")

    def _refuse_compressed(self, file: IO[bytes]) -> None:
        head = file.read(8)
        file.seek(0)
        for magic, (kind, program) in _COMPRESSED.items():
            if head.startswith(magic):
                raise LayoutError(
                    f"{self.where} is compressed with {kind}, and is read where it lies: {program} it first"
                )

    def _scan(self, file: IO[bytes], end: int) -> None:
        """Enter every member."""
        tar = tarfile.TarFile(fileobj=_Headers(file))  # type: ignore[arg-type]
        last, count = -1, 0
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined] # or every header stays in memory
            count += 1
            if count > MOST_MEMBERS:
                raise LayoutError(f"{self.where} has more than {MOST_MEMBERS} members: it is not read")
            if not last < member.offset or not 0 <= member.size <= end - member.offset_data:
                raise tarfile.ReadError(f"the member {member.name!r} does not fit into the file")
            last = member.offset
            self._enter(member)
        file.seek(tar.offset)
        if any(file.read(tarfile.BLOCKSIZE)):
            raise tarfile.ReadError(f"a damaged header at byte {tar.offset}")

    def _enter(self, member: tarfile.TarInfo) -> None:
        """Remember a member, if it is a file or a link."""
        name = self._inside(member.name, member.name)
        if member.isdir():
            return
        if name in self._places or name in self.links:
            raise LayoutError(f"{self.where} holds {shown(name)} twice: it is not clear which one counts")
        if member.issym():
            above = posixpath.dirname(name)
            self.links[name] = self._inside(posixpath.join(above, member.linkname), member.name)
        elif member.islnk():
            self.links[name] = self._inside(member.linkname, member.name)
        elif member.isreg() and not member.issparse():
            self._places[name] = Place(self.path, member.offset_data, member.size)
        else:
            raise LayoutError(f"{self.where}: {shown(name)} is no file, directory or link: it is not read")

    def _inside(self, path: str, name: str) -> str:
        """A path from the top of the tar, in its shortest form."""
        plain = posixpath.normpath(path)
        # A member's own name needs no `..`; a symbolic link's target does.
        leads_out = path.startswith("/") or plain.startswith("../") or plain == ".."
        if leads_out or (path == name and ".." in path.split("/")):
            raise LayoutError(
                f"{self.where}: {shown(repr(name))} leads out of the archive (to {shown(repr(path))}): it is not read"
            )
        return plain
