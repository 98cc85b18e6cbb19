"""`Range` and `Content-Range`, as RFC 9110 section 14 and the distribution specification write them."""

from __future__ import annotations

import re

__all__ = ["Unsatisfiable", "parse_chunk_range", "parse_range"]

_RANGE = re.compile(r"bytes=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*\Z", re.IGNORECASE)
_CHUNK = re.compile(r"(?:bytes[ =])?(\d{1,19})-(\d{1,19})(?:/(?:\d+|\*))?\Z")


class Unsatisfiable(Exception):  # noqa: N818 - it says what is the case
    """A range that is well formed, and lies outside."""


def parse_range(value: str | None, size: int) -> tuple[int, int] | None:
    """The one range that is asked for.

    Args:
        value: The header's value, or None.
        size: How many bytes there are.

    Returns:
        Start and stop (one past the last byte), or None for everything: a header that is malformed, of
        another unit, or asks for several ranges is ignored, as the RFC allows.

    Raises:
        Unsatisfiable: It lies outside.
    """
    match = _RANGE.match(value) if value else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        length = int(match[2])
        if length == 0 or size == 0:
            raise Unsatisfiable
        return max(0, size - length), size
    start = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return start, min(last, size - 1) + 1


def parse_chunk_range(value: str) -> tuple[int, int] | None:
    """The `Content-Range` of a chunk: first and last byte, both inclusive; None where it is malformed."""
    match = _CHUNK.match(value.strip())
    if match is None or int(match[2]) < int(match[1]):
        return None
    return int(match[1]), int(match[2])
