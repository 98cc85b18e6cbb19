"""Digests: `algorithm:hex`, made, checked and compared. It does not know what the bytes are.

Source: OCI image specification, section "Digests". The registered algorithms are sha256 and sha512; their hex digits
are lower case.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Self

from ghcr_client.errors import DigestMismatch, InvalidReference
from ghcr_client.masking import shown

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ["ALGORITHMS", "Digest"]

ALGORITHMS = {"sha256": 64, "sha512": 128}
"""The algorithms that are known, and how many hex digits each has."""

_HEX = re.compile(r"[0-9a-f]+")


class Digest(str):
    """A digest that is well-formed; it is a string, too.

    Args:
        text: `sha256:` and 64 lower-case hex digits, or `sha512:` and 128.

    Raises:
        InvalidReference: It is not a digest of a known algorithm.

    Example:
        >>> digest = Digest.of(b"hello")
        >>> digest.algorithm, digest.hex[:8], digest == "sha256:" + digest.hex
        ('sha256', '2cf24dba', True)
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:  # noqa: D102 - the class says it
        if not isinstance(text, cls) and (fault := _fault(text)):
            raise InvalidReference(f"invalid digest {shown(repr(text), 160)}: {fault}")
        return super().__new__(cls, text)

    @classmethod
    def of(cls, data: bytes, algorithm: str = "sha256") -> Self:
        """The digest that some bytes have.

        Args:
            data: The bytes, all of them.
            algorithm: `sha256` or `sha512`.

        Returns:
            Their digest.

        Raises:
            InvalidReference: The algorithm is not known.

        Example:
            >>> Digest.of(b"", "sha512").algorithm
            'sha512'
        """
        if algorithm not in ALGORITHMS:
            raise InvalidReference(f"unknown digest algorithm {shown(repr(algorithm), 60)}: {_known()}")
        return cls(f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}")

    @property
    def algorithm(self) -> str:
        """What stands before the colon."""
        return self.partition(":")[0]

    @property
    def hex(self) -> str:
        """What stands after the colon: lower-case hex digits."""
        return self.partition(":")[2]

    def verify(self, data: bytes, *, what: str = "content", advice: str = "") -> None:
        """Nothing, if these bytes have this digest.

        Args:
            data: The bytes, all of them.
            what: What they are, for the message.
            advice: What to do if they are not, for the message.

        Raises:
            DigestMismatch: They have another one.

        Example:
            >>> Digest.of(b"hello").verify(b"hello")
        """
        actual = type(self).of(data, self.algorithm)
        if actual != self:
            raise DigestMismatch(self, actual, what=what, advice=advice)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - digests are used without pydantic, too

        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


def _fault(text: str) -> str:
    """What is wrong with a text that should be a digest, or ""."""
    algorithm, colon, digits = text.partition(":")
    length = ALGORITHMS.get(algorithm)
    if not colon:
        return f"it is written algorithm:hex ({_known()})"
    if length is None:
        return f"the algorithm is not known ({_known()})"
    if len(digits) != length:
        return f"{algorithm} has {length} hex digits, not {len(digits)}"
    return "" if _HEX.fullmatch(digits) else "hex digits are 0 to 9 and lower-case a to f"


def _known() -> str:
    """The known algorithms, for a message."""
    return "known are " + " and ".join(ALGORITHMS)
