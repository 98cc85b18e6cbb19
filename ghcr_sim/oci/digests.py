"""Digests: `algorithm:hex`, as the image specification's descriptor section defines them."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

from ghcr_sim.oci.refusals import Refusal

__all__ = ["ALGORITHMS", "Digest", "digest_of", "is_digest", "parse_digest"]

ALGORITHMS: dict[str, int] = {"sha256": 64, "sha512": 128}
"""The registered algorithms, and how many hex digits each has."""

_HEX = re.compile(r"[0-9a-f]+\Z")


class Digest(NamedTuple):
    """A digest's two halves."""

    algorithm: str
    hex: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def is_digest(text: str) -> bool:
    """Whether `text` is a digest of a known algorithm."""
    algorithm, _, digits = text.partition(":")
    return len(digits) == ALGORITHMS.get(algorithm, -1) and _HEX.match(digits) is not None


@lru_cache(maxsize=4096)
def parse_digest(text: str) -> Digest:
    """Split a digest.

    Raises:
        Refusal: DIGEST_INVALID, with GHCR's text (ghcr-wire row 6.5).
    """
    if not is_digest(text):
        raise Refusal("DIGEST_INVALID")
    algorithm, _, digits = text.partition(":")
    return Digest(algorithm, digits)


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """The digest of some bytes."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
