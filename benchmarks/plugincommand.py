"""The command line of `benchmarks/plugin`: the fixtures beside a bare server, and beside other people's plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import Suite
from plugintargets import ORDER, REQUIREMENTS, ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

SIZES = {
    "rounds": "rounds of each project (7)",
    "tests": "tests of each project (300)",
    "images": "images of the session's seed (200)",
    "starts": "starts of pytest (40)",
}
QUICK = {"rounds": 1, "tests": 20, "images": 20, "starts": 3}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit status whether it went well."""
    return Suite(
        program="benchmarks/plugin",
        summary="Measure what the plugin costs a test, and print each requirement with its figure.",
        rows=ROWS,
        requirements=REQUIREMENTS,
        order=ORDER,
        sizes=SIZES,
        quick=QUICK,
        full={"rounds": 7, "images": 200, "starts": 40},
        registries=lambda _: (),
        missing=lambda _: [],
    ).main(arguments)
