"""`Range` and `Content-Range`, as RFC 9110 section 14 and the distribution specification write them."""

from __future__ import annotations

import re

__all__ = ["BadRange", "parse_chunk_range", "parse_range"]

_RANGE = re.compile(r"[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*\Z")
_SEVERAL = re.compile(r"[-0-9, \t]+\Z")
_CHUNK = re.compile(r"(?:bytes[ =])?([0-9]{1,19})-([0-9]{1,19})(?:/(?:[0-9]+|\*))?\Z")


class BadRange(Exception):  # noqa: N818 - it says what is the case
    """A range of bytes that is malformed, or lies outside; the text says which."""


def parse_range(value: str | None, size: int) -> tuple[int, int] | None:
    """The one range that is asked for.

    Args:
        value: The header's value, or None.
        size: How many bytes there are.

    Returns:
        Start and stop (one past the last byte), or None for everything: another unit, or several ranges at
        once, are ignored, as the RFC demands of the first and allows of the second.

    Raises:
        BadRange: It is malformed (the RFC allows to ignore that too; a fake had better say so), or outside.
    """
    unit, equals, text = (value or "").partition("=")
    if not equals or unit.strip().lower() != "bytes" or ("," in text and _SEVERAL.match(text)):
        return None
    match = _RANGE.match(text)
    if match is None or match[1] == match[2] == "":
        raise BadRange("is malformed")
    first, last = match[1], match[2]
    if first == "":
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last), size - 1) + 1 if last else size
        if last and int(last) < int(first):
            raise BadRange("ends before it starts")
    if start >= size:
        raise BadRange("lies outside")
    return start, stop


def parse_chunk_range(value: str) -> tuple[int, int] | None:
    """The `Content-Range` of a chunk: first and last byte, both inclusive; None where it is malformed."""
    match = _CHUNK.match(value.strip())
    if match is None or int(match[2]) < int(match[1]):
        return None
    return int(match[1]), int(match[2])
