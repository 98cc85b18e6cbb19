"""A large body is looked through for secrets while it passes, 128 KiB at a time, seams included.

It keeps no more of it than that, and holds nothing up: it is called in a thread. Source: `reference/record-replay.md`
section 5.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_sim.cassette.taint import secret_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghcr_sim.cassette.taint import Taint

__all__ = ["Search"]

_STEP = 1 << 17
"""Bytes that are looked through at once: they stay in the processor's cache."""

_SEAM = 4096
"""Bytes that are looked through again with the next: no shape needs more to be seen."""


class Search:
    """One body, looked through from its beginning to its end.

    Args:
        taint: The secrets that are known; those that come later are looked for from then on.

    Attributes:
        found: The name of a secret that is in it, or None.
    """

    def __init__(self, taint: Taint) -> None:
        self._taint = taint
        self._before = b""
        self.found: str | None = None

    def add(self, pieces: Iterable[bytes | memoryview]) -> None:
        """Look through what comes next.

        Args:
            pieces: Some of the body; a secret may lie across them, and across what came before.
        """
        waiting: list[bytes | memoryview] = []
        size = 0
        for piece in pieces:
            waiting.append(piece)
            size += len(piece)
            if size >= _STEP:
                self._look(waiting)
                waiting, size = [], 0
        self._look(waiting)

    def _look(self, pieces: list[bytes | memoryview]) -> None:
        if self.found is None and pieces:
            data = b"".join([self._before, *pieces])
            self.found = secret_in(data, self._taint)
            self._before = data[-max(_SEAM, self._taint.longest) :]
