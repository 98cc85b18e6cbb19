"""Files by name, out of a directory or a tar file, and never from outside of it.

Nothing is unpacked: an entry is read where it lies. A gzipped archive is unpacked as a whole, under
limits, into a temporary file that nobody else can see.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol

from ghcr_sim.errors import SeedError
from ghcr_sim.exchange import PIECE
from ghcr_sim.seed.gzips import MAGIC, inflated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ghcr_sim.seed.limits import Limits

__all__ = [
    "DirectoryTree",
    "Missing",
    "Tree",
    "missing",
    "open_tree",
    "parse_json",
    "read_json",
    "read_small",
]

_IN_MEMORY = 16 << 20
"""An unpacked archive beyond that goes into a file."""

_COMPRESSED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
"""The first bytes of what is refused by name."""


class Tree(Protocol):
    """Files by name, with `/` between the parts."""

    where: str
    """What the person called it, for error texts."""

    def size(self, name: str) -> int | None:
        """How many bytes a file has; None where there is none.

        Raises:
            SeedError: The name leads out of the tree, or to something that is no plain file.
        """
        ...

    def pieces(self, name: str) -> Iterator[bytes]:
        """A file's bytes, in pieces of at most 1 MiB.

        Raises:
            SeedError: There is no such file.
        """
        ...


class DirectoryTree:
    """A directory. Symlinks in it are followed as long as they stay in it."""

    def __init__(self, root: Path) -> None:
        self.where = str(root)
        self._root = os.path.realpath(root)

    def _plain(self, name: str) -> tuple[str, int] | None:
        """Path and size of a plain file."""
        try:
            path = os.path.realpath(os.path.join(self._root, name))  # noqa: PTH118 - strings throughout
            inside = os.path.commonpath((self._root, path)) == self._root
        except ValueError:
            inside = False
        if not inside:
            raise SeedError(
                f"{self.where}: {name!r} leads out of the directory: copy what it points at (cp -rL)"
            )
        try:
            state = os.stat(path)  # noqa: PTH116 - the same
        except OSError:
            return None
        if not stat.S_ISREG(state.st_mode):
            raise SeedError(f"{self.where}: {name!r} is no plain file: put one there")
        return path, state.st_size

    def size(self, name: str) -> int | None:
        """How many bytes a file has."""
        found = self._plain(name)
        return found and found[1]

    def pieces(self, name: str) -> Iterator[bytes]:
        """A file's bytes."""
        found = self._plain(name)
        if found is None:
            raise missing(self, name)
        try:
            with open(found[0], "rb", buffering=0) as file:  # noqa: PTH123 - the same
                while piece := file.read(PIECE):
                    yield piece
        except OSError as error:
            raise SeedError(f"{self.where}: cannot read {name}: {error.strerror}: make it readable") from None


class Missing(SeedError):  # noqa: N818 - it says what is the case
    """A file that the archive itself names is not in it."""


def missing(tree: Tree, name: str) -> Missing:
    """The error for a file that is not there."""
    return Missing(f"{tree.where}: {name} is missing: make the archive again from a complete image")


@contextmanager
def open_tree(path: Path, limits: Limits) -> Iterator[Tree]:
    """What lies at a path, as a tree: a directory, a tar file or a gzipped one.

    Raises:
        SeedError: There is nothing, or nothing that is safe to read.
    """
    from ghcr_sim.seed.tartree import TarTree  # noqa: PLC0415 - brings tarfile, 15 ms that few starts need

    if os.path.isdir(path):  # noqa: PTH112 - raises nothing, whatever lies there
        yield DirectoryTree(path)
        return
    if not os.path.isfile(path):  # noqa: PTH113 - the same
        raise SeedError(
            f"{path} is neither a directory nor a file: give an OCI layout or an archive of docker save"
        )
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise SeedError(f"cannot read {path}: {error.strerror}: make it readable") from None
    with file:
        head = file.read(8)
        for magic, kind in _COMPRESSED.items():
            if head.startswith(magic):
                raise SeedError(f"{path} is compressed with {kind}: unpack it, or compress it with gzip")
        file.seek(0)
        if not head.startswith(MAGIC):
            yield TarTree(str(path), file, limits)
            return
        with _unpacked(file, str(path), limits) as unpacked:
            yield TarTree(str(path), unpacked, limits)


@contextmanager
def _unpacked(file: IO[bytes], where: str, limits: Limits) -> Iterator[IO[bytes]]:
    from tempfile import SpooledTemporaryFile  # noqa: PLC0415 - as tarfile above

    with SpooledTemporaryFile(_IN_MEMORY) as unpacked:
        try:
            for piece in inflated(iter(lambda: file.read(PIECE), b""), where, limits):
                unpacked.write(piece)
        except OSError as error:
            raise SeedError(
                f"cannot unpack {where}: {error.strerror}: gunzip it where there is room"
            ) from None
        yield unpacked


def read_small(tree: Tree, name: str, limits: Limits) -> bytes:
    """The bytes of a JSON document.

    Raises:
        SeedError: It is missing or too large.
    """
    size = tree.size(name)
    if size is None:
        raise missing(tree, name)
    if size > limits.json:
        raise SeedError(
            f"{tree.where}: {name} has {size} bytes, more than {limits.json}: pass limits=Limits(json=…)"
        )
    return b"".join(tree.pieces(name))


def read_json(tree: Tree, name: str, limits: Limits) -> Any:
    """A JSON document, as data.

    Raises:
        SeedError: It is missing, too large, or no JSON.
    """
    return parse_json(read_small(tree, name, limits), f"{tree.where}: {name}")


def parse_json(content: bytes, what: str) -> Any:
    """Data from bytes.

    Raises:
        SeedError: They are no JSON.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SeedError(f"{what} is no JSON: {error}: make the archive again") from None
