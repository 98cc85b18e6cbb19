"""How far transfers are: absolute counts of bytes, so that what a retry repeats is taken back by itself.

It does not know how progress is shown. A transfer is named by its digest, or by "" until its digest is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Progress", "ProgressCallback", "State"]

State = Literal["started", "moving", "done", "exists", "mounted"]
"""`started` and `moving` while bytes flow, `done` at the end; `exists` and `mounted` where none had to."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one transfer is.

    Attributes:
        name: The digest, or "" for content whose digest is not known yet.
        done: Bytes that the other side has, or that were written here. It falls when a try is given up.
        total: Bytes in all, or None where nobody knows.
        state: What is going on.

    Example:
        >>> Progress("sha256:" + "0" * 64, done=512, total=1024).state
        'moving'
    """

    name: str
    done: int
    total: int | None
    state: State = "moving"


ProgressCallback = Callable[[Progress], None]
"""Called in the loop's thread, often; it must be quick and must not raise."""
