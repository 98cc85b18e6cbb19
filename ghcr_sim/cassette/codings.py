"""Content codings, undone to look for secrets: what a registry or a cache in front of it has compressed.

Only those that the standard library undoes. It keeps nothing and decides nothing. Source: RFC 9110, section 8.4.1.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["coding_of", "plain"]

_FIELD = "content-encoding"
_INFLATED = frozenset({"deflate", "gzip", "x-gzip"})
_MOST = 64 << 20
"""Bytes that are undone at most: a few may stand for very many."""

_ANY_HEADER = 47
"""For zlib: gzip's header or its own, whichever comes."""


def coding_of(headers: Iterable[tuple[str, str]]) -> str:
    """The content coding that header fields say, in lower case, or ""."""
    said = ", ".join(value.strip().lower() for name, value in headers if name.lower() == _FIELD)
    return "" if said == "identity" else said


def plain(data: bytes, coding: str) -> bytes | None:
    """What stands in a coding.

    Args:
        data: Encoded bytes.
        coding: As `coding_of` says it.

    Returns:
        The bytes behind it; None where nobody knows the coding, or they are not in it, or are too many.

    Example:
        >>> plain(zlib.compress(b"hello"), "deflate")
        b'hello'
    """
    if not coding:
        return data
    if coding not in _INFLATED:
        return None
    out = bytearray()
    try:
        while data:
            inflating = zlib.decompressobj(_ANY_HEADER)
            out += inflating.decompress(data, _MOST - len(out))
            if not inflating.eof or len(out) >= _MOST:
                return None
            data = inflating.unused_data
    except zlib.error:
        return None
    return bytes(out)
