"""A file that is not there until it is complete: written under a hidden name, then renamed.

It may be written to in one thread and given up in another. It does not know what is written.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

__all__ = ["PendingFile", "is_special", "must_be_replaceable", "sweep", "write_atomically"]

_HIDDEN = re.compile(r"\..{1,32}\.[0-9a-f]{16}\.tmp")
_DAY = 86_400.0


class PendingFile:
    """A file that is being written; nobody sees it before `commit`.

    Args:
        target: What it will be called. Its directory must be there.
        directory: Where it is meanwhile, on the same file system; None for beside its target.

    Attributes:
        written: How many bytes it has.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, target: Path, directory: Path | None = None) -> None:
        self._target = target
        self._hidden = (directory or target.parent) / f".{target.name[:32]}.{secrets.token_hex(8)}.tmp"
        # Closing while another thread writes would hand that thread somebody else's file.
        self._lock = threading.Lock()
        self._file = self._hidden.open("xb", buffering=0)
        self.written = 0

    @classmethod
    def replacing(cls, path: str | os.PathLike[str]) -> Self:
        """Write what somebody's path leads to: links are followed, and the mode of a file that is there stays.

        Args:
            path: The path.

        Returns:
            The file.

        Raises:
            OSError: It cannot be made, or something is there that is no regular file.
        """
        must_be_replaceable(path)
        target = Path(os.path.realpath(path))
        file = cls(target)
        try:
            with suppress(FileNotFoundError):
                file._take_mode(stat.S_IMODE(target.stat().st_mode))
        except BaseException:
            file.discard()
            raise
        return file

    def _take_mode(self, mode: int) -> None:
        """Have a mode before there is anything to read. Some file systems know one mode only: they are not asked."""
        if stat.S_IMODE(self._hidden.stat().st_mode) != mode:
            self._hidden.chmod(mode)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append some bytes, all of them.

        Raises:
            OSError: They cannot be written, say because the disk is full.
            ValueError: The file was given up or is complete.
        """
        with self._lock:
            rest = memoryview(data).cast("B")
            while rest:
                count = self._file.write(rest) or 0
                self.written += count
                rest = rest[count:]

    def rewind(self) -> None:
        """Forget all that was written."""
        with self._lock:
            self._file.seek(0)
            self._file.truncate()
            self.written = 0

    def commit(self) -> None:
        """Let the file be seen, in place of one that was there; atomic.

        Raises:
            OSError: It cannot be renamed; then it is gone.
            ValueError: It was given up before.
        """
        with self._lock:
            if self._file.closed:
                raise ValueError("the file was given up")
            self._file.close()
            try:
                self._hidden.replace(self._target)
            except BaseException:
                self._hidden.unlink(missing_ok=True)
                raise

    def discard(self) -> None:
        """Remove the file, unless it is complete; as often as you like."""
        with self._lock:
            if not self._file.closed:
                self._file.close()
                self._hidden.unlink(missing_ok=True)


def is_special(path: str | os.PathLike[str]) -> bool:
    """Whether a path leads to what is there and is no regular file: a device, a pipe, a directory.

    Args:
        path: The path; links are followed.

    Raises:
        OSError: It cannot be found out.
    """
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - any path
    except (FileNotFoundError, NotADirectoryError):
        return False


def must_be_replaceable(path: str | os.PathLike[str]) -> None:
    """Refuse a path that leads to what no file may take the place of.

    Args:
        path: The path.

    Raises:
        OSError: Something is there that is no regular file.
    """
    if is_special(path):
        raise FileExistsError(errno.EEXIST, "is no regular file, and is not replaced", str(path))


def write_atomically(target: Path, data: bytes, directory: Path | None = None) -> None:
    """Write a small file so that everybody sees the old one or the new one, whole.

    Args:
        target: The file.
        data: All of it.
        directory: Where the new one is meanwhile, as `PendingFile` says.

    Raises:
        OSError: It cannot be written; the old one is as it was.
    """
    file = PendingFile(target, directory)
    try:
        file.write(data)
        file.commit()
    finally:
        file.discard()


def sweep(directory: Path, age: float = _DAY) -> None:
    """Remove what writers that were killed have left.

    Args:
        directory: Where they wrote.
        age: Seconds for which nobody has written to it: a living writer does so all the time.
    """
    for each in directory.iterdir():
        if _HIDDEN.fullmatch(each.name):
            with suppress(OSError):
                if time.time() - each.stat().st_mtime > age:
                    each.unlink()
