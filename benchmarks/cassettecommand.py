"""The command line of `benchmarks/cassettes`: recording and replaying, beside bare aiohttp, vcrpy and mitmproxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cassettetargets import ORDER, REQUIREMENTS, ROWS
from harness import Suite
from programs import find

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

SIZES = {
    "rounds": "rounds a row (5)",
    "seconds": "seconds of each asking (2)",
    "blob_mib": "size of the layer (1024)",
    "images": "largest cassette that vcrpy and mitmproxy are given, in exchanges (10000)",
}
QUICK = {"rounds": 1, "seconds": 1, "blob_mib": 64, "images": 100}
PROGRAMS = ("ghcr-sim", "curl", "vcr-python", "mitmdump")


def _missing(_: Sequence[str]) -> list[str]:
    """The programs that are not installed."""
    return [one for one in PROGRAMS if find(one) is None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit status whether it went well."""
    return Suite(
        program="benchmarks/cassettes",
        summary="Measure recording and replaying, and print each requirement with its figure.",
        rows=ROWS,
        requirements=REQUIREMENTS,
        order=ORDER,
        sizes=SIZES,
        quick=QUICK,
        full={"rounds": 5, "seconds": 2, "images": 10_000},
        registries=lambda _: (),
        missing=_missing,
    ).main(arguments)
