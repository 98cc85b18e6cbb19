"""Rows and requirements as values, and the one rule that says whether a requirement is met.

A requirement with a partner is on a ratio, taken round by round. A requirement on a missing partner is neither met nor
missed: it is not measured. What is measured, and which limits there are, is said elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

from measure import Samples, ratios

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rounds import Plan

__all__ = ["Requirement", "Row", "Verdict", "judge", "partner", "relative"]


@dataclass(frozen=True, slots=True)
class Row:
    """A table of figures.

    Attributes:
        name: What `--only` calls it.
        title: What was done.
        measure: Takes the figures. Rows with the same one are measured together.
        metrics: Metric → column title, the most telling first.
        floor: A subject to which the first metric is compared beside what the requirements ask for.
    """

    name: str
    title: str
    measure: Callable[[Plan], Samples]
    metrics: Mapping[str, str]
    floor: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A limit on a metric of our subjects, absolute or as a ratio to a partner.

    Attributes:
        row: The row it is about.
        metric: The metric it is about.
        sense: On which side of the limit the figure must be.
        limit: The limit, in the metric's unit, or the ratio.
        text: The requirement in words.
        subjects: Which of ours it is on.
        against: The partner; of several, the one with the greatest median. With none the limit is absolute.
        goal: What would be better still.
    """

    row: str
    metric: str
    sense: Literal["at most", "at least", "under"]
    limit: float
    text: str
    subjects: tuple[str, ...]
    against: tuple[str, ...] = ()
    goal: float | None = None

    def holds(self, value: float, limit: float) -> bool:
        """Whether a figure is on the right side."""
        return {"at most": value <= limit, "at least": value >= limit, "under": value < limit}[self.sense]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A requirement beside its figures.

    Attributes:
        requirement: The requirement.
        partner: Who the partner turned out to be.
        measured: Our subject → the median figure or ratio.
        missed: Those of them for which it does not hold, or which failed the row.
        met: Whether it holds for all of them; None where nothing could be compared.
        goal_met: The same for the goal.
    """

    requirement: Requirement
    partner: str
    measured: Mapping[str, float]
    missed: tuple[str, ...]
    met: bool | None
    goal_met: bool | None


def partner(requirement: Requirement, samples: Samples) -> str:
    """The partner's name; of several, the measured one with the greatest median."""
    if len(requirement.against) == 1:
        return requirement.against[0]
    medians = {
        peer: median(found) for peer in requirement.against if (found := samples.of(peer, requirement.metric))
    }
    return max(medians, key=lambda peer: medians[peer], default="")


def relative(requirement: Requirement, samples: Samples, subject: str) -> list[float]:
    """A subject's figures as the requirement wants them: as they are, or as ratios to the partner's."""
    values = samples.of(subject, requirement.metric)
    if not requirement.against:
        return values
    return ratios(values, samples.of(partner(requirement, samples), requirement.metric))


def judge(requirement: Requirement, samples: Samples) -> Verdict:
    """Say whether a requirement is met: the median of each of our measured subjects must hold."""
    measured = {
        subject: median(values)
        for subject in requirement.subjects
        if (values := relative(requirement, samples, subject))
    }

    missed = _missed(requirement, samples, measured, requirement.limit)
    met = not missed if missed or measured else None
    goal_met = None
    if requirement.goal is not None and met is not None:
        goal_met = not _missed(requirement, samples, measured, requirement.goal)
    return Verdict(requirement, partner(requirement, samples), measured, missed, met, goal_met)


def _missed(
    requirement: Requirement, samples: Samples, measured: Mapping[str, float], limit: float
) -> tuple[str, ...]:
    """Our subjects on the wrong side of a limit; one that failed the row is."""
    return tuple(
        subject
        for subject in requirement.subjects
        if subject in samples.failed
        or (subject in measured and not requirement.holds(measured[subject], limit))
    )
