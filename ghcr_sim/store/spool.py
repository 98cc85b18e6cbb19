"""Files on their way into a layout or out of it: `_uploads`, `_trash`, and the lock of the one writer.

A file appears in its place whole or not at all, because it gets there by a rename. That holds when the
process dies at any point; against a loss of power nothing is done (no fsync).
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_sim.errors import StoreError, StoreLocked
from ghcr_sim.oci.digests import parse_digest
from ghcr_sim.store.blobs import Blob, FileBlob
from ghcr_sim.store.files import Stamp, explained, stamp_of
from ghcr_sim.store.writers import FileWriter

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["Spool"]


_WRITER = "_writer"
"""The file that says which process writes. It outlives a process that was killed, and no other."""


class Spool:
    """The writer's own corner of a directory. It locks the directory, and sweeps what a dead store left.

    Directories of these names that no store made are the user's, and are refused.

    Args:
        root: The real path of the directory.

    Raises:
        StoreLocked: Another writer has it open.
        StoreError: It cannot be written to, or `_uploads` or `_trash` are somebody else's.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.uploads = os.path.join(root, "_uploads")  # noqa: PTH118 - strings all the way
        self.trash = os.path.join(root, "_trash")  # noqa: PTH118
        self._numbers = count(1)
        # Before the lock, which would leave this store's mark where it is refused.
        self._check_owner()
        self._lock = _locked(root)
        try:
            self._sweep()
            with explained("make", self.uploads):
                os.mkdir(self.uploads)  # noqa: PTH102
        except StoreError:
            self._lock.release()
            raise

    def writer(self) -> FileWriter:
        """A file for the bytes of an upload."""
        path = self._fresh()
        with explained("write", path):
            return FileWriter(Path(path))

    def write(self, path: str, data: bytes) -> Stamp:
        """Put a file of these bytes into its place; its stamp."""
        temporary = self._fresh()
        with explained("write", path):
            Path(temporary).write_bytes(data)
            stamp = stamp_of(temporary)
            os.replace(temporary, path)  # noqa: PTH105
        assert stamp is not None
        return stamp

    def take(self, blob: Blob, path: str) -> Stamp | None:
        """Put a blob into its place, and leave the handle usable.

        An upload is moved. The file of another repository is linked, or copied where the disk cannot.
        Anything else is copied, and hashed on the way: nobody else's file becomes part of a layout.

        Raises:
            DigestMismatch: What was hashed is not its digest's.
        """
        source = blob.path
        if source is None or not source.startswith(self.root + os.sep):
            blob = self._copied(blob)
            source = str(blob.path)
        with explained("write", path):
            if isinstance(blob, FileBlob) and os.path.dirname(source) == self.uploads:  # noqa: PTH120
                os.replace(source, path)  # noqa: PTH105
                blob.path = path
            elif source != path:
                self._link(source, path)
        return stamp_of(path)

    def drop(self, path: str, trashed: str | None) -> None:
        """Remove a file, or move it; nothing where it is gone."""
        with explained("remove", path), suppress(FileNotFoundError):
            if trashed is None:
                os.unlink(path)  # noqa: PTH108
            else:
                os.makedirs(os.path.dirname(trashed), exist_ok=True)  # noqa: PTH103, PTH120
                os.replace(path, trashed)  # noqa: PTH105

    def close(self) -> None:
        """Remove unfinished uploads and the trash, and let go of the lock. Harmless to repeat."""
        if self._lock.is_locked:
            self._sweep()
            Path(self.root, _WRITER).unlink(missing_ok=True)
            self._lock.release()

    def check(self) -> None:
        """Refuse to write after `close`.

        Raises:
            StoreError: Always, then.
        """
        if not self._lock.is_locked:
            raise StoreError(f"the store over {self.root} was closed; open it again to write")

    def _copied(self, blob: Blob) -> Blob:
        writer = self.writer()
        algorithm = parse_digest(blob.digest).algorithm
        try:
            with explained("copy", blob.digest):
                for piece in blob.pieces(0, blob.size):
                    writer.write((bytes(piece),), algorithm)
            return writer.finish(blob.digest)
        except BaseException:
            writer.discard()
            raise

    def _link(self, source: str, path: str) -> None:
        temporary = self._fresh()
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        os.replace(temporary, path)  # noqa: PTH105
        # Renaming a link onto another link of the same file does nothing, and leaves it.
        with suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108

    def _fresh(self) -> str:
        self.check()
        return f"{self.uploads}{os.sep}{next(self._numbers)}"

    def _check_owner(self) -> None:
        if os.path.lexists(os.path.join(self.root, _WRITER)):  # noqa: PTH118
            return
        for path in (self.uploads, self.trash):
            if os.path.lexists(path):
                raise StoreError(
                    f"{path}: a store uses this name, and this directory or symbolic link is not from one; "
                    "move it away, or name another directory"
                )

    def _sweep(self) -> None:
        for directory in (self.uploads, self.trash):
            if os.path.lexists(directory):
                # It removes no link, and follows none.
                with explained("empty", directory):
                    shutil.rmtree(directory)


def _locked(root: str) -> BaseFileLock:
    """The directory's lock, taken.

    Raises:
        StoreLocked: Another writer has it.
    """
    # Half of the time that this package takes to import, and only a writer needs it.
    from filelock import FileLock, Timeout  # noqa: PLC0415

    path = Path(root, "_lock")
    with explained("lock", str(path)):
        if path.is_symlink():
            raise OSError("it is a symbolic link; remove it")
        # A server's thread may close what another thread opened.
        lock = FileLock(path, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise StoreLocked(
                f"{root} is open for writing by {_holder(root)}; name another directory, "
                "or use an overlay of this one, which reads it without a lock"
            ) from None
        # Beside the lock: filelock 3 empties that file whenever somebody tries it, and Windows locks its bytes.
        Path(root, _WRITER).write_text(f"{os.getpid()}\n", "ascii")
    return lock


def _holder(root: str) -> str:
    with suppress(OSError, ValueError):
        pid = int(Path(root, _WRITER).read_text("ascii"))
        return "this very process" if pid == os.getpid() else f"process {pid}"
    return "another process"
