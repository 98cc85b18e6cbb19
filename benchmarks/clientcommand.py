"""The command line of `benchmarks/client`: the client beside other people's, against docker-registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clienttargets import ORDER, REQUIREMENTS, ROWS
from harness import Suite
from peers import available
from programs import find

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

SIZES = {
    "rounds": "rounds a row (3)",
    "blob_mib": "size of the big blob (1024)",
    "images": "how many small images (200)",
    "starts": "imports of each kind (30)",
}
QUICK = {"rounds": 1, "blob_mib": 16, "images": 10, "starts": 3}
PROGRAMS = ("docker-registry", "crane", "oras-python", "skopeo", "curl", "sha256sum")


def _missing(_: Sequence[str]) -> list[str]:
    """The programs that are not installed."""
    return [one for one in PROGRAMS if find(one) is None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit status whether it went well."""
    return Suite(
        program="benchmarks/client",
        summary="Measure the client beside other people's, and print each requirement with its figure.",
        rows=ROWS,
        requirements=REQUIREMENTS,
        order=ORDER,
        sizes=SIZES,
        quick=QUICK,
        full={"images": 200, "starts": 30},
        registries=lambda _: available(("docker-registry",)),
        missing=_missing,
    ).main(arguments)
