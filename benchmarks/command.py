"""The command line of `benchmarks/run`: the fake beside real registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import Suite
from peers import SUBJECTS, available
from targets import REQUIREMENTS, ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

SIZES = {
    "rounds": "rounds a row (3)",
    "seconds": "seconds of each load of small requests (4)",
    "blob_mib": "size of the big blob (1024)",
    "images": "how many small images (1000)",
    "starts": "in-process starts; a twentieth of it, spawned ones (400)",
}
QUICK = {"rounds": 1, "seconds": 1, "blob_mib": 32, "images": 50, "starts": 60}


def _missing(wanted: Sequence[str]) -> list[str]:
    """The wanted subjects whose programs are not installed."""
    installed = {one.name for one in available(wanted)}
    return [one.name for one in SUBJECTS if (not wanted or one.name in wanted) and one.name not in installed]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit status whether it went well."""
    names = [one.name for one in SUBJECTS]
    return Suite(
        program="benchmarks/run",
        summary="Measure the fake beside real registries, and print each requirement with its figure.",
        rows=ROWS,
        requirements=REQUIREMENTS,
        order=names,
        sizes=SIZES,
        quick=QUICK,
        registries=available,
        missing=_missing,
        chosen=names,
    ).main(arguments)
