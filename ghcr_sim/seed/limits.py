"""How much an archive may ask for before it is refused: numbers only, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DEFAULT_LIMITS",
    "MAX_DEPTH",
    "MAX_ENTRIES",
    "MAX_JSON",
    "MAX_RATIO",
    "MAX_TAR_HEADER",
    "MAX_TOTAL",
    "RATIO_FROM",
    "Limits",
]

MAX_TOTAL = 16 << 30
"""Bytes that one seed may unpack or put: more than the largest public image, less than a disk."""

MAX_RATIO = 200
"""Bytes out for one byte in. Images have 2 to 10; deflate reaches 1032, and only a bomb comes near."""

RATIO_FROM = 64 << 20
"""The ratio is looked at only after that many bytes: small files of zeros are honest."""

MAX_ENTRIES = 65_536
"""Entries of an archive, and manifests of a layout."""

MAX_JSON = 4 << 20
"""Bytes of a manifest, a config or a list: the specification's own proposal for manifests."""

MAX_TAR_HEADER = 64 << 10
"""Bytes of an extended tar header, which a reader holds in memory; a path has at most 4 KiB."""

MAX_DEPTH = 8
"""Indexes within indexes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may ask for.

    Attributes:
        total: Bytes that may be unpacked, and bytes that may be put into the store.
        ratio: Unpacked bytes for each packed byte, once `ratio_from` bytes are unpacked.
        ratio_from: Bytes that may be unpacked at any ratio.
        entries: Entries of an archive, and manifests of a layout.
        json: Bytes of one JSON document.
    """

    total: int = MAX_TOTAL
    ratio: int = MAX_RATIO
    ratio_from: int = RATIO_FROM
    entries: int = MAX_ENTRIES
    json: int = MAX_JSON


DEFAULT_LIMITS = Limits()
