"""An OCI image layout in a directory: opened or made, read and written by several at once.

A blob is visible when it is complete and its writer has said that it is right; the index is never half written. It does
not know where blobs come from, and does not hash what it is given. Source: OCI image specification, "OCI Image Layout
Specification".
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ghcr_client.digests import Digest
from ghcr_client.errors import LayoutError
from ghcr_client.layout.documents import EMPTY_INDEX, INDEX, LAYOUT, MARK
from ghcr_client.layout.files import DirectoryFiles, blob_name
from ghcr_client.layout.index import LOCK, add_entry, index_lock
from ghcr_client.layout.names import check_name
from ghcr_client.layout.pending import PendingFile, sweep, write_atomically
from ghcr_client.layout.reading import LayoutReader

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator

    from ghcr_client.models import Descriptor

__all__ = ["BlobSink", "LayoutDirectory"]


class BlobSink:
    """A blob that is being written; `LayoutDirectory.writing` makes one.

    Args:
        file: Where its bytes go.
        digest: Its digest.
        size: How many bytes it will have, or None where nobody knows.

    Attributes:
        confirmed: Whether `confirm` was called.
    """

    def __init__(self, file: PendingFile, digest: Digest, size: int | None) -> None:
        self._file = file
        self.digest = digest
        self.size = size
        self.confirmed = False

    @property
    def written(self) -> int:
        """How many bytes it has: where a download that was cut goes on."""
        return self._file.written

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append some bytes; it blocks, and may be called in a thread, one call at a time.

        Raises:
            LayoutError: They are more than the blob's size.
            OSError: They cannot be written.
        """
        if self.size is not None and self.written + memoryview(data).nbytes > self.size:
            raise LayoutError(f"{self.digest} should have {self.size} bytes, and more came")
        self.confirmed = False
        self._file.write(data)

    def rewind(self) -> None:
        """Begin again, where a download cannot go on from an offset."""
        self.confirmed = False
        self._file.rewind()

    def confirm(self) -> None:
        """Say that the bytes have the digest: the blob may be seen.

        Raises:
            LayoutError: There are fewer bytes than the blob's size.
        """
        if self.size is not None and self.written != self.size:
            raise LayoutError(f"{self.digest} should have {self.size} bytes, and {self.written} came")
        self.confirmed = True


class LayoutDirectory(LayoutReader):
    """An OCI image layout in a directory. Opening it reads one small file; it does so at once, not in a thread.

    Args:
        path: The directory.

    Raises:
        LayoutError: It is no layout, or one of another version than 1.0.0.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as place:
        ...     layout = LayoutDirectory.create(f"{place}/app")
        ...     layout.put_bytes(b"hello")[:15], asyncio.run(layout.list())
        ('sha256:2cf24dba', ())
    """

    _files: DirectoryFiles

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(DirectoryFiles(path))

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> Self:
        """Open a layout, and make it first where there is none. It works at once, not in a thread.

        What writers that were killed a day ago or earlier have left is removed.

        Args:
            path: The directory; it is made with those above it.

        Returns:
            The layout.

        Raises:
            LayoutError: Something else is there, or a layout of another version.
            OSError: It cannot be made.
        """
        root = Path(path)
        _refuse_strangers(root)
        root.mkdir(parents=True, exist_ok=True)
        files = DirectoryFiles(root)
        with index_lock(files):
            (root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
            for name, content in ((INDEX, EMPTY_INDEX), (MARK, LAYOUT)):
                # The mark comes last: it says that the rest is there. An index without it is left of a broken start.
                if not (root / name).exists():
                    write_atomically(root / name, content)
        sweep(root)
        return cls(root)

    @property
    def path(self) -> Path:
        """The directory."""
        return self._files.root

    @asynccontextmanager
    async def writing(self, digest: Digest, size: int | None = None) -> AsyncIterator[BlobSink]:
        """Write a blob: it is seen when the block ends well and `sink.confirm()` was called in it, else never.

        Args:
            digest: Its digest. Who writes checks it, and confirms that the bytes have it.
            size: How many bytes it has; more are refused, and fewer not confirmed.

        Yields:
            Where to write to; its methods block, and may be called in threads.

        Raises:
            LayoutError: The block ended without a confirmation, or the layout's directories are links that lead out.
            OSError: It cannot be written.
        """
        file = PendingFile(self._target(digest), self.path)
        sink = BlobSink(file, digest, size)
        try:
            yield sink
            if not sink.confirmed:
                raise LayoutError(f"{digest} was written and not confirmed: check it and call sink.confirm()")
            await asyncio.to_thread(file.commit)
        finally:
            file.discard()

    def put_bytes(self, data: bytes, *, algorithm: str = "sha256") -> Digest:
        """Store a manifest, a config or anything else that is small. It works at once, not in a thread.

        Args:
            data: All of it.
            algorithm: The digest's algorithm.

        Returns:
            Its digest.

        Raises:
            LayoutError: The layout's directories are links that lead out.
            OSError: It cannot be written.
        """
        digest = Digest.of(data, algorithm)
        write_atomically(self._target(digest), data, self.path)
        return digest

    async def tag(self, manifest: Descriptor, name: str | None) -> None:
        """List a manifest that was stored, by a name; an entry of that name is replaced.

        Several may do so at once, in threads and in processes. Who is cancelled meanwhile may find it listed or not.

        Args:
            manifest: What names the manifest.
            name: A bare tag, as most tools write and read it, or a full name. None lists it without one.

        Raises:
            InvalidReference: The name is empty or holds blanks.
            LayoutError: The manifest was not stored; `index.json` is damaged, and stays as it is; or another process
                does not release it.
            OSError: It cannot be written, and `index.json` is as it was.
        """
        if name is not None:
            check_name(name)
        if not self.has(manifest):
            raise LayoutError(
                f"{self._files.where} does not have {manifest.digest} of {manifest.size} bytes: "
                "put_bytes the manifest first"
            )
        await asyncio.to_thread(add_entry, self._files, manifest, name)

    def _target(self, digest: Digest) -> Path:
        """Where a blob goes. Until then it is in the layout's top: `umoci gc` stumbles over what is below `blobs/`."""
        target = self.path / blob_name(Digest(digest))
        if not target.parent.resolve().is_relative_to(self.path):
            raise LayoutError(
                f"{self._files.where}: blobs/{digest.algorithm} is a link that leads out of the directory"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def _refuse_strangers(root: Path) -> None:
    """Refuse to make a layout out of a directory that holds something else."""
    if not root.exists():
        return
    if not root.is_dir():
        raise LayoutError(f"{root} is a file, and a layout is a directory: name another one")
    known = {"blobs", INDEX, MARK, LOCK}
    names = {each.name for each in root.iterdir()}
    if MARK not in names and (
        strange := {each for each in names - known if not each.startswith(f".{INDEX}.")}
    ):
        raise LayoutError(
            f"{root} is not empty and no OCI image layout: it holds {min(strange)!r}; name another directory"
        )
