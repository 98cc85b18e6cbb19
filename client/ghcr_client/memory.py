"""How the C library treats memory that large content has moved through.

glibc gives freed blocks of 128 KiB and more back to the system, and takes them anew for the next piece: each page is
then fetched and cleared again, which costs a virtual machine more than the piece's way through it. Once a larger block
has been freed, glibc keeps blocks up to that size for the next one. Elsewhere this does nothing. Source: mallopt(3),
`M_MMAP_THRESHOLD` and `M_TRIM_THRESHOLD`.
"""

from __future__ import annotations

from functools import cache

__all__ = ["keep_freed_memory"]

_LARGEST = 4 * 1024 * 1024


@cache
def keep_freed_memory() -> None:
    """Let pieces of content reuse the memory of those before them; it is done once, and touches no page."""
    bytes(_LARGEST)
