"""The rows and the requirements, as tables, and the one rule that says whether a requirement is met.

A requirement with a partner is on a ratio, taken round by round; the partner `fastest` is the peer with the
best median. A requirement on a missing partner is neither met nor missed: it is not measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

from bulk import measure_bulk
from coldstart import IMPORT, measure_start
from images import measure_images
from inprocess import BARE, BARE_THREAD, FIXTURE, SIMULATOR, measure_fixture, measure_inprocess
from measure import Samples, ratios
from peers import SUBJECTS
from small import measure_get, measure_head

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rounds import Plan

__all__ = ["REQUIREMENTS", "ROWS", "Requirement", "Row", "Verdict", "judge", "partner", "relative"]

OURS = tuple(one.name for one in SUBJECTS if one.ours)
FLOOR = next(one.name for one in SUBJECTS if not one.whole)
PEERS = tuple(one.name for one in SUBJECTS if one.whole and not one.ours)


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


_SMALL = {"cpu_us": "CPU µs/request", "rate": "requests/s"}

ROWS = (
    Row("get", "GET manifest (1 KiB), 16 connections", measure_get, _SMALL, FLOOR),
    Row("head", "HEAD manifest (1 KiB), 16 connections", measure_head, _SMALL, FLOOR),
    Row("upload", "upload {mib} MiB (POST+PUT)", measure_bulk, {"up_mbps": "MB/s", "up_cpu_gb": "CPU s/GB"}),
    Row("download", "download {mib} MiB", measure_bulk, {"down_mbps": "MB/s", "down_cpu_gb": "CPU s/GB"}),
    Row(
        "memory",
        "memory, {mib} MiB up and down",
        measure_bulk,
        {"growth_mib": "grown MiB", "idle_mib": "idle MiB"},
    ),
    Row(
        "images",
        "{images} small images pushed and pulled, 8 at once",
        measure_images,
        {"total_s": "seconds", "push_s": "push s", "pull_s": "pull s", "cpu_s": "server CPU s"},
    ),
    Row("inprocess", "in-process start, one request, stop", measure_inprocess, {"ms": "ms"}),
    Row("fixture", "the same by the fixture, from synchronous code", measure_fixture, {"ms": "ms"}),
    Row("start", "spawn to the first 200", measure_start, {"ms": "ms"}),
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A limit on a metric of our subjects, absolute or as a ratio to a partner.

    Attributes:
        row: The row it is about.
        metric: The metric it is about.
        sense: On which side of the limit the figure must be.
        limit: The limit, in the metric's unit, or the ratio.
        text: The requirement in words.
        against: A partner's name, `fastest` (of the peers), or nothing.
        goal: What would be better still.
        subjects: Which of ours it is on.
    """

    row: str
    metric: str
    sense: Literal["at most", "at least", "under"]
    limit: float
    text: str
    against: str = ""
    goal: float | None = None
    subjects: tuple[str, ...] = OURS

    def holds(self, value: float, limit: float) -> bool:
        """Whether a figure is on the right side."""
        return {"at most": value <= limit, "at least": value >= limit, "under": value < limit}[self.sense]


_CPU = "server CPU µs a request"

REQUIREMENTS = (
    Requirement("get", "cpu_us", "at most", 45, f"GET manifest: {_CPU}"),
    Requirement(
        "get", "cpu_us", "at most", 0.25, "GET manifest: of docker-registry's CPU", "docker-registry"
    ),
    Requirement("head", "cpu_us", "at most", 45, f"HEAD manifest: {_CPU}"),
    Requirement(
        "head", "cpu_us", "at most", 0.25, "HEAD manifest: of docker-registry's CPU", "docker-registry"
    ),
    Requirement(
        "upload", "up_mbps", "at least", 1.2, "upload: times the fastest peer's MB/s", "fastest", goal=2
    ),
    Requirement("upload", "up_cpu_gb", "at most", 1.3, "upload: CPU s per GB"),
    Requirement(
        "download", "down_mbps", "at least", 1, "download: times docker-registry's MB/s", "docker-registry"
    ),
    Requirement(
        "download", "down_mbps", "at least", 0.6, "download: of the fastest peer's MB/s", "fastest", goal=1
    ),
    Requirement("download", "down_cpu_gb", "at most", 0.3, "download: CPU s per GB"),
    Requirement(
        "memory", "growth_mib", "under", 64, "memory: MiB grown, directory store", subjects=("ghcr --store",)
    ),
    Requirement("images", "total_s", "under", 2, "small images: times crane's seconds", "crane"),
    Requirement(
        "images", "total_s", "under", 0.25, "small images: of docker-registry's seconds", "docker-registry"
    ),
    Requirement(
        "inprocess", "ms", "at most", 1.5, "in-process: times a bare server's", BARE, None, (SIMULATOR,)
    ),
    Requirement("fixture", "ms", "at most", 1.5, "by the fixture: the same", BARE_THREAD, None, (FIXTURE,)),
    Requirement("start", "ms", "at most", 2, f"first 200: times `{IMPORT}`", IMPORT),
)


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
    """The partner's name; for `fastest`, the measured peer with the greatest median."""
    if requirement.against != "fastest":
        return requirement.against
    medians = {peer: median(found) for peer in PEERS if (found := samples.of(peer, requirement.metric))}
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
