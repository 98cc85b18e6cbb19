"""Standard streams that whoever started the command has closed: Python has None for them, and nobody expects that.

Reading or writing one is an error that names it; what would be said on stderr is lost. It knows no command.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import NoReturn

__all__ = ["replace_closed"]


class _Shut(io.RawIOBase):
    """A stream that is closed, and can only say so.

    Args:
        name: Which one.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def readable(self) -> bool:
        """So that reading is not refused in other words."""
        return True

    def writable(self) -> bool:
        """The same of writing."""
        return True

    def fileno(self) -> NoReturn:
        """Refused: it has none."""
        raise OSError(errno.EBADF, "it is closed", self.name)

    def readinto(self, _buffer: object) -> NoReturn:
        """Refused."""
        self.fileno()

    def write(self, _data: object) -> NoReturn:
        """Refused."""
        self.fileno()


def replace_closed() -> None:
    """Put something into the place of each standard stream that is None."""
    # Its number is taken, lest the next file or connection gets what others write to that number.
    if sys.stdin is None:
        os.open(os.devnull, os.O_RDWR)
        sys.stdin = _text("stdin")
    if sys.stdout is None:
        os.open(os.devnull, os.O_RDWR)
        sys.stdout = _text("stdout")
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end


def _text(name: str) -> io.TextIOWrapper:
    # Nothing is kept back: the interpreter would try to write it at its end.
    return io.TextIOWrapper(_Shut(name), encoding="utf-8", write_through=True)
