"""Iterators that are left before their end, closed at once and not when garbage is collected.

What waits in one may hold a connection of a registry, or an open file. It knows nothing of what they give.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["closing"]

T = TypeVar("T")


@contextlib.asynccontextmanager
async def closing(pieces: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """An iterator that is closed when the block ends, if it is one that can be closed.

    Args:
        pieces: A generator, or any other asynchronous iterator.

    Yields:
        The same iterator.
    """
    try:
        yield pieces
    finally:
        if close := getattr(pieces, "aclose", None):
            await close()
