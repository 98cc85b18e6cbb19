"""Ranges of bytes: the offsets of a chunk, checked, and written as each header wants them.

Both ends are part of a range, as in HTTP. It does not know blobs. Sources: distribution specification, section "Pushing
a blob in chunks" (`Content-Range: 0-99`, `Range: 0-99`); RFC 9110, section 14 (`bytes=0-99`, `bytes 0-99/200`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ghcr_client.errors import InvalidRange
from ghcr_client.masking import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ChunkRange"]

_LARGEST = 2**63 - 1
_FORM = re.compile(r"(?:bytes[ =])?([0-9]{1,19})-([0-9]{1,19})(?:/([0-9]{1,19}|\*))?")


@dataclass(frozen=True, slots=True)
class ChunkRange:
    """A range of bytes that is not empty.

    Attributes:
        start: Offset of the first byte, from 0.
        end: Offset of the last byte, which is part of the range.
        total: Length of the whole in bytes, or None where it is unknown.

    Raises:
        InvalidRange: An offset is negative or beyond the whole, or the last byte stands before the first.

    Example:
        >>> chunk = ChunkRange(0, 99, total=200)
        >>> chunk.size, chunk.upload_header, chunk.download_header
        (100, '0-99', 'bytes=0-99')
    """

    start: int
    end: int
    total: int | None = None

    def __post_init__(self) -> None:
        if self.start < 0 or self.end > _LARGEST:
            raise InvalidRange(f"invalid range {self.start}-{self.end}: offsets go from 0 to {_LARGEST}")
        if self.end < self.start:
            raise InvalidRange(
                f"invalid range {self.start}-{self.end}: the last byte stands before the first"
            )
        if self.total is not None and self.end >= self.total:
            raise InvalidRange(
                f"invalid range {self.start}-{self.end}: the whole has only {self.total} bytes"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a header's value.

        Args:
            text: `0-99`, `bytes=0-99`, `bytes 0-99/200` or `bytes 0-99/*`.

        Returns:
            The range.

        Raises:
            InvalidRange: It is none, or makes no sense.

        Example:
            >>> ChunkRange.parse("bytes 0-99/200")
            ChunkRange(start=0, end=99, total=200)
        """
        form = _FORM.fullmatch(text.strip())
        if not form:
            raise InvalidRange(f"invalid range {shown(repr(text), 100)}: it is written first-last")
        start, end, total = form.groups()
        return cls(int(start), int(end), int(total) if total not in (None, "*") else None)

    @classmethod
    def split(cls, total: int, size: int, *, start: int = 0) -> Iterator[Self]:
        """The ranges of a whole, one after another.

        Args:
            total: Length of the whole in bytes.
            size: Bytes in each range; the last one may be shorter.
            start: Where to begin, when the bytes before are there already.

        Yields:
            Ranges that touch and do not overlap; none where nothing is left.

        Raises:
            InvalidRange: The size is not positive, or the start is not within the whole.

        Example:
            >>> [str(each) for each in ChunkRange.split(10, 4)]
            ['0-3', '4-7', '8-9']
        """
        if size < 1:
            raise InvalidRange(f"invalid chunk size {size}: a chunk has at least 1 byte")
        if not 0 <= start <= total:
            raise InvalidRange(f"invalid start {start}: the whole has {total} bytes")
        return (cls(at, min(at + size, total) - 1, total) for at in range(start, total, size))

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"

    @property
    def size(self) -> int:
        """How many bytes it has, at least 1."""
        return self.end - self.start + 1

    @property
    def upload_header(self) -> str:
        """The value of `Content-Range` for a chunk that is sent: `0-99`, as the distribution specification has it."""
        return str(self)

    @property
    def download_header(self) -> str:
        """The value of `Range` for bytes that are asked for: `bytes=0-99`."""
        return f"bytes={self}"
