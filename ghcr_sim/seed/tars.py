"""Tar files that are the same wherever they are made: owner 0, time 0, names sorted by who calls.

Headers come from the standard library's `tarfile` in its pax form; everything that could tell one machine
from another is left out.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_sim.errors import SeedError
from ghcr_sim.exchange import PIECE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "END",
    "Entry",
    "content_entries",
    "directory_entries",
    "file_entries",
    "file_pieces",
    "header",
    "padding",
    "tar",
]

_BLOCK = 512
END = bytes(2 * _BLOCK)
"""The two empty blocks that end a tar file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tar file.

    Attributes:
        name: Its path, without a leading slash.
        kind: `file`, `directory` or `symlink`.
        size: Bytes of a file.
        mode: Permission bits.
        content: A file's bytes: there already, or in the file of this path.
        target: Where a symlink points.
    """

    name: str
    kind: str = "file"
    size: int = 0
    mode: int = 0o644
    content: bytes | Path = b""
    target: str = ""


def header(entry: Entry) -> bytes:
    """The header blocks of an entry."""
    import tarfile  # noqa: PLC0415 - 15 ms that only a seed shall pay, not every start of pytest

    kinds = {"file": tarfile.REGTYPE, "directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE}
    info = tarfile.TarInfo(entry.name)
    info.type = kinds[entry.kind]
    info.size = entry.size
    info.mode = entry.mode
    info.linkname = entry.target
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def padding(size: int) -> bytes:
    """What fills a file's last block."""
    return bytes(-size % _BLOCK)


def tar(entries: Iterable[Entry]) -> Iterator[bytes]:
    """A tar file, in pieces of at most 1 MiB where content comes from a file."""
    for entry in entries:
        yield header(entry)
        if isinstance(entry.content, Path):
            yield from file_pieces(entry.content, entry.size)
        elif entry.content:
            yield entry.content
        if entry.size % _BLOCK:
            yield padding(entry.size)
    yield END


def file_pieces(path: Path, size: int) -> Iterator[bytes]:
    """Exactly that many bytes of a file; a tar header has promised them."""
    left = size
    with path.open("rb") as file:  # buffered, so that only the end cuts a piece short: cuts decide on digests
        while left:
            piece = file.read(min(PIECE, left))
            if not piece:
                raise SeedError(f"{path} became shorter while it was read: seed what nobody writes to")
            left -= len(piece)
            yield piece


def content_entries(files: Iterable[tuple[str, bytes | str]]) -> list[Entry]:
    """Entries for paths and contents, with the directories above them.

    Raises:
        SeedError: A path is empty, leads upwards, or is both a file and a directory.
    """
    entries: dict[str, Entry] = {}
    for path, content in files:
        if not isinstance(path, str) or not isinstance(content, bytes | str):
            raise SeedError(
                f"a layer cannot hold {path!r}: {type(content).__name__}: give str paths, and bytes or str"
            )
        name = path.lstrip("/")
        parts = name.split("/")
        if "" in parts or "." in parts or ".." in parts or "\0" in name:
            raise SeedError(
                f"a layer cannot hold a file at {path!r}: give a plain path, such as 'etc/app.conf'"
            )
        data = content.encode() if isinstance(content, str) else content
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            entries.setdefault(above, Entry(above, "directory", mode=0o755))
        if name in entries or any(entries["/".join(parts[:d])].kind == "file" for d in range(1, len(parts))):
            raise SeedError(
                f"a layer cannot hold {path!r} twice, or as a file and a directory: give one of them"
            )
        entries[name] = Entry(name, size=len(data), content=data)
    return [entries[name] for name in sorted(entries)]


def file_entries(path: Path) -> list[Entry]:
    """The entry for one file under its own name; a symlink that the caller names is followed."""
    return [_entry(Path(os.path.realpath(path)), path.name, path.parent)]


def directory_entries(root: Path) -> list[Entry]:
    """Entries for everything under a directory, sorted by path; the directory itself has none.

    Raises:
        SeedError: A symlink leads out of the directory, or something is neither file, directory nor symlink.
    """
    found: list[Entry] = []
    for where, directories, files in os.walk(root, onerror=_unreadable):
        for name in directories + files:
            path = Path(where, name)
            found.append(_entry(path, path.relative_to(root).as_posix(), root))
    return sorted(found, key=lambda entry: entry.name)


def _unreadable(error: OSError) -> None:
    raise SeedError(f"cannot read {error.filename}: {error.strerror}: make it readable") from None


def _entry(path: Path, name: str, root: Path) -> Entry:
    """The entry for one path. Of the mode only "executable by its owner" survives: the rest is chance."""
    try:
        state = path.lstat()
    except OSError as error:
        raise SeedError(f"cannot read {path}: {error.strerror}: make it readable") from None
    if stat.S_ISLNK(state.st_mode):
        return Entry(name, "symlink", mode=0o777, target=_target(path, root))
    if stat.S_ISDIR(state.st_mode):
        return Entry(name, "directory", mode=0o755)
    if stat.S_ISREG(state.st_mode):
        mode = 0o755 if state.st_mode & stat.S_IXUSR else 0o644
        return Entry(name, size=state.st_size, mode=mode, content=path)
    raise SeedError(f"{path} is neither file, directory nor symlink: leave it out of the layer")


def _target(path: Path, root: Path) -> str:
    """Where a symlink points, if that is inside `root`."""
    target = path.readlink()
    real = Path(os.path.realpath(path))
    if target.is_absolute() or not real.is_relative_to(os.path.realpath(root)):
        raise SeedError(
            f"the symlink {path} leads out of {root} (to {target}): make it relative, or copy the file"
        )
    return target.as_posix()
