"""What is wrong with a cassette, or with the way it is used: which file, which line, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_sim.errors import GhcrSimError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CassetteError", "SecretFound"]


class CassetteError(GhcrSimError):
    """A cassette cannot be read, written or played.

    Args:
        what: What is wrong.
        path: The file.
        line: The line in it, from 1.
        remedy: What to do.

    Example:
        >>> print(CassetteError("it has no header", remedy="record it again"))
        it has no header; record it again
    """

    def __init__(
        self, what: str, *, path: Path | None = None, line: int | None = None, remedy: str = ""
    ) -> None:
        self.path = path
        self.line = line
        where = "" if path is None else f"{path}: " if line is None else f"{path}, line {line}: "
        super().__init__(f"{where}{what}{'; ' if remedy else ''}{remedy}")


class SecretFound(CassetteError):  # noqa: N818 - it says what is the case
    """A secret of this recording would have been written; nothing was."""
