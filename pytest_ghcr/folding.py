"""Many requests as few rows: equal ones that follow each other are one, and so are equal rounds of several.

Clients that try again and again, or wait for something, ask for the same in rounds: a manifest and its token, a blob
and where it is kept. What a row looks like is decided elsewhere.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ghcr_sim.journal import Record

__all__ = ["Round", "Run", "fold", "last"]

_LONGEST = 6
_FEWEST = 3
"""Twice the same is told as it was."""


class Run(NamedTuple):
    """Equal requests that came one after another, or at the same place of a round.

    Attributes:
        record: The first of them.
        times: How many they are, in all rounds.
        received: Bytes of all their bodies.
        sent: Bytes of all answers' bodies.
        seconds: How long all of them took.
    """

    record: Record
    times: int
    received: int
    sent: int
    seconds: float


class Round(NamedTuple):
    """Rows that came so many times in this order; most are one row that came once.

    Attributes:
        runs: The rows.
        times: How many times.
    """

    runs: tuple[Run, ...]
    times: int = 1

    @property
    def requests(self) -> int:
        """How many requests they are."""
        return sum(each.times for each in self.runs)


def fold(records: Iterable[Record]) -> list[Round]:
    """The requests in order, as few rows.

    Args:
        records: What was asked.

    Returns:
        Rounds of up to six rows, if they came three times at least; all other rows alone.
    """
    runs = [_added(list(group)) for _, group in groupby(records, key=_likeness)]
    keys = [(_likeness(each.record), each.times) for each in runs]
    found, at = [], 0
    while at < len(runs):
        length, times = max(
            ((length, _rounds(keys, at, length)) for length in range(2, _LONGEST + 1)),
            key=lambda each: (each[0] * each[1] if each[1] >= _FEWEST else 0, -each[0]),
        )
        if times < _FEWEST:
            length, times = 1, 1
        stop = at + length * times
        found.append(Round(tuple(_merged(runs[at + i : stop : length]) for i in range(length)), times))
        at = stop
    return found


def last(rounds: Sequence[Round], most: int) -> list[Round]:
    """The last rounds that have at most so many rows; one at least."""
    rows = 0
    for number, each in enumerate(reversed(rounds)):
        rows += len(each.runs)
        if rows > most and number:
            return list(rounds[len(rounds) - number :])
    return list(rounds)


def _likeness(record: Record) -> tuple[object, ...]:
    return (*record[:6], record.by, record.leak)


def _added(same: Sequence[Record]) -> Run:
    received, sent = sum(each.received for each in same), sum(each.sent for each in same)
    return Run(same[0], len(same), received, sent, sum(each.seconds for each in same))


def _merged(runs: Sequence[Run]) -> Run:
    if len(runs) == 1:
        return runs[0]
    received, sent = sum(each.received for each in runs), sum(each.sent for each in runs)
    times, seconds = sum(each.times for each in runs), sum(each.seconds for each in runs)
    return Run(runs[0].record, times, received, sent, seconds)


def _rounds(keys: Sequence[object], at: int, length: int) -> int:
    """How many times the next rows come, one time after the other."""
    first, times = keys[at : at + length], 1
    while keys[at + times * length : at + (times + 1) * length] == first:
        times += 1
    return times
