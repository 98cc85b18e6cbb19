"""What a long-lived client remembers of many repositories, in dictionaries that do not grow for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_KEPT", "remember"]

Key = TypeVar("Key")
Value = TypeVar("Value")

MOST_KEPT = 1000
"""How much is remembered of one kind: one entry a repository, mostly."""


def remember(
    kept: dict[Key, Value],
    key: Key,
    value: Value,
    most: int = MOST_KEPT,
    *,
    may_go: Callable[[Value], bool] | None = None,
) -> None:
    """Keep a value as the newest one; of too many, the oldest goes.

    Args:
        kept: Where it is kept.
        key: Under what.
        value: What.
        most: How many are kept.
        may_go: Whether an old one may go; by default each may. Those that may not stay, above `most` if need be.

    Example:
        >>> kept = {1: "a", 2: "b"}
        >>> remember(kept, 3, "c", 2)
        >>> kept
        {2: 'b', 3: 'c'}
    """
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        oldest = (each for each in kept if each != key and (may_go is None or may_go(kept[each])))
        if (gone := next(oldest, None)) is not None:
            del kept[gone]
