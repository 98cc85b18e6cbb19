"""From parts to a cassette: merged, looked through for secrets, rehearsed, and only then swapped in.

Recorders that end do it, and `ghcr-sim cassette merge` for those that were killed. Whoever fails in between leaves the
old cassette and the parts as they were. Source: `reference/record-replay.md` sections 5.1, 5.3 and 5.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghcr_sim.cassette.care import list_manifests
from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.cassette.files import load, save
from ghcr_sim.cassette.parts import merged, merging, parts_of
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.cassette.rehearse import rehearse
from ghcr_sim.cassette.taint import Taint, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ghcr_sim.cassette.files import Cassette

__all__ = ["UNASKED", "Left", "join", "left_by", "merge_parts", "nothing_recorded", "told_of"]

UNASKED = "does the command reach the registry by this door?"
"""What to look at where a command was recorded, and nothing came."""

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Left:
    """What a recorder has left.

    Attributes:
        path: The part.
        exchanges: How many can be read in it.
        recorded_at: When the recorder began, in UTC; empty where its first line cannot be read.
    """

    path: Path
    exchanges: int
    recorded_at: str

    def __str__(self) -> str:
        since = f"from {self.recorded_at}" if self.recorded_at else "from nobody knows when"
        return f"{self.path} ({self.exchanges} exchanges, {since})"


def left_by(parts: Iterable[Path]) -> tuple[Left, ...]:
    """What is in some parts, as far as it can be read."""
    read = (load(each, lenient=True) for each in parts)
    return tuple(Left(each.path, len(each.exchanges), each.header.recorded_at) for each in read)


def told_of(left: Sequence[Left]) -> str:
    """The parts in words, on one line.

    Args:
        left: They.
    """
    return ", ".join(map(str, left))


async def join(target: Path, parts: Sequence[Path], taint: Taint, *, remedy: str) -> Cassette:
    """Make a cassette of parts, in place of the old one; the caller holds the lock, and deletes the parts.

    Args:
        target: The cassette.
        parts: They.
        taint: The secrets that are known, beside those that look like one.
        remedy: What to do where it does not replay.

    Returns:
        The new cassette.

    Raises:
        SecretFound: A line holds a secret; the old cassette is as it was.
        CassetteError: Nothing was recorded, or nothing that can be replayed, or it does not replay; the same.
    """
    header, exchanges = merged(parts)
    if not exchanges:
        raise (
            _left_out(target) if any(each.exchanges for each in left_by(parts)) else nothing_recorded(target)
        )
    for each in exchanges:
        check(each, target, taint)
    new = target.with_name(f".{target.name}.rehearsal")
    try:
        save(new, header, exchanges)
        faults = await rehearse(load(new))
    finally:
        new.unlink(missing_ok=True)
    if faults:
        more = f" (and {len(faults) - _SHOWN} more)" if faults[_SHOWN:] else ""
        raise CassetteError(
            f"it does not replay as it was recorded: {'; '.join(faults[:_SHOWN])}{more}",
            path=target,
            remedy=remedy,
        )
    list_manifests(Pool.beside(target), exchanges)
    save(target, header, exchanges)
    return load(target)


def nothing_recorded(target: Path, *, remedy: str = UNASKED) -> CassetteError:
    """What is wrong where no exchange came.

    Args:
        target: The cassette.
        remedy: What to look at.
    """
    return CassetteError("nothing was recorded", path=target, remedy=remedy)


def _left_out(target: Path) -> CassetteError:
    """What is wrong where exchanges came, and none of them can be replayed."""
    return CassetteError(
        "all that was recorded is of uploads that were opened elsewhere",
        path=target,
        remedy="record their beginning, too",
    )


async def merge_parts(path: Path) -> tuple[Cassette, tuple[Left, ...]]:
    """Make a cassette of what killed recorders have left.

    Args:
        path: The cassette.

    Returns:
        The cassette, and what was merged.

    Raises:
        SecretFound: A part holds a secret.
        CassetteError: A recorder is still at it, nothing is left, or what is left does not replay. The old cassette
            and the parts are as they were.
    """
    if not any(parts_of(path)):
        raise CassetteError("no recorder has left anything", path=path, remedy="is it the cassette's name?")
    with merging(path):
        done, alive = parts_of(path)
        if alive:
            raise CassetteError("a recorder is still at it", path=path, remedy="let it end")
        left = left_by(done)
        # What the killed recorder knew is gone; what looks like a secret does so without it.
        remedy = f"the old cassette is as it was; the part that does not play can be deleted: {told_of(left)}"
        cassette = await join(path, done, Taint(), remedy=remedy)
        for part in done:
            part.unlink(missing_ok=True)
        return cassette, left
