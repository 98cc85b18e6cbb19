"""What a row's measurement is given, and the one way rounds are interleaved: each in another order.

What disturbs the machine for a while then falls on all subjects alike, no one is always first, and no one
always follows the same other, whose freed memory may be cheap or dear to take over.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from measure import Failed, Samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from peers import Subject

__all__ = ["Plan", "each", "interleaved"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure.

    Attributes:
        subjects: The registries that are installed and wanted.
        folder: A temporary folder, swept away at the end.
        rounds: How often each subject is measured in a row.
        seconds: How long one load of small requests lasts.
        blob_mib: The size of the blob, in MiB.
        images: How many small images are pushed and pulled.
        starts: How many starts are measured in the rows that start something.
        tests: How many tests a project has whose run is measured.
        quiet: Say nothing of the progress.
    """

    subjects: Sequence[Subject]
    folder: Path
    rounds: int = 3
    seconds: int = 4
    blob_mib: int = 1024
    images: int = 1000
    starts: int = 400
    tests: int = 300
    quiet: bool = False

    def say(self, what: str) -> None:
        """Tell whoever waits what is measured now."""
        if not self.quiet:
            print(f"  … {what}", file=sys.stderr, flush=True)


def interleaved(subjects: Sequence[T], rounds: int) -> Iterator[tuple[int, T]]:
    """Each subject once a round, in an order that is shuffled anew, and alike in every run."""
    for number in range(rounds):
        for subject in random.Random(number).sample(subjects, len(subjects)):
            yield number, subject


def each(
    plan: Plan, what: str, samples: Samples, measure: Callable[[Subject], None], *, floors: bool = False
) -> None:
    """Measure each registry in each round, and the floors if they are wanted.

    One that fails is noted and left out from then on.
    """
    subjects = [one for one in plan.subjects if one.whole or floors]
    for number, subject in interleaved(subjects, plan.rounds):
        if subject.name in samples.failed:
            continue
        plan.say(f"{what}: round {number + 1}, {subject.name}")
        try:
            measure(subject)
        except Failed as failed:
            samples.fail(subject.name, failed)
