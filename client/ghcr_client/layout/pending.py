"""A file that is not there until it is complete: written under a hidden name, then renamed.

It may be written to in one thread and given up in another. It does not know what is written.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PendingFile", "sweep", "write_atomically"]

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
