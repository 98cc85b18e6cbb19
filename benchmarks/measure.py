"""What is measured, and how it is summed up: CPU time, resident memory, spreads, ratios.

CPU time and memory are those of a whole process tree, read from /proc (proc(5)): threads are in their
process's figures, children that have ended are in their parent's. A tick is 10 ms on most kernels, so
whoever asks lets enough work pass between two readings. No server is started here and none is asked.
"""

from __future__ import annotations

import mmap
import os
import resource
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "Failed",
    "Samples",
    "Spread",
    "available_memory",
    "cpu_seconds",
    "peak_rss",
    "ratios",
    "reset_peak",
    "rss",
    "spread",
    "touch",
    "tree",
]

_TICK = os.sysconf("SC_CLK_TCK")


class Failed(Exception):  # noqa: N818 - it says what is the case
    """A subject could not be measured in a row; the text says why and is printed in its place."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and the least and the greatest of what it was taken from."""

    median: float
    low: float
    high: float


@dataclass(slots=True)
class Samples:
    """The figures of one row: subject, metric, one value a round, in the order of the rounds.

    Attributes:
        values: Subject → metric → values.
        failed: Subject → why it has no figures here.
    """

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, subject: str, **metrics: float) -> None:
        """Take one round's values of a subject."""
        row = self.values.setdefault(subject, {})
        for metric, value in metrics.items():
            row.setdefault(metric, []).append(value)

    def fail(self, subject: str, why: object) -> None:
        """Note why a subject has no figures, and drop those it has."""
        self.failed[subject] = str(why)
        self.values.pop(subject, None)

    def of(self, subject: str, metric: str) -> list[float]:
        """The values of a metric; none where it was not measured."""
        return self.values.get(subject, {}).get(metric, [])


def spread(values: Sequence[float]) -> Spread:
    """Sum up values.

    Raises:
        ValueError: There are none.
    """
    if not values:
        raise ValueError("no values to sum up")
    return Spread(statistics.median(values), min(values), max(values))


def ratios(ours: Sequence[float], others: Sequence[float]) -> list[float]:
    """Divide round by round, so that what slowed a round down slowed both sides."""
    return [one / other for one, other in zip(ours, others, strict=False) if other]


def tree(pid: int) -> Iterator[int]:
    """A process and its living descendants. A process that ends meanwhile is left out."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:
            continue
        for child in found:
            yield from tree(int(child))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process tree so far, in seconds."""
    total = 0
    for one in tree(pid):
        try:
            stat = Path(f"/proc/{one}/stat").read_text()
        except OSError:
            continue
        # Fields 14 to 17: utime, stime, cutime, cstime; the name in field 2 may hold blanks.
        total += sum(int(ticks) for ticks in stat.rpartition(")")[2].split()[11:15])
    return total / _TICK


def _status(pid: int, name: str) -> float:
    """A memory field of /proc/PID/status, summed over the tree, in MiB."""
    total = 0
    for one in tree(pid):
        try:
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
    return total / 1024


def rss(pid: int) -> float:
    """Resident memory of a process tree now, in MiB."""
    return _status(pid, "VmRSS")


def peak_rss(pid: int) -> float:
    """The most resident memory since `reset_peak`, in MiB (of each process for itself, summed)."""
    return _status(pid, "VmHWM")


def touch(size: int) -> float:
    """Take that many bytes of memory from the system, touch each page, and give them back; CPU seconds.

    In a virtual machine a page that nobody held lately is dear, because the host has to find one first: ten
    times what it costs the next time. Whoever compares servers that allocate makes it cheap for all before.
    """
    before = resource.getrusage(resource.RUSAGE_SELF)
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_HUGEPAGE)
        for page in range(0, size, mmap.PAGESIZE):
            memory[page] = 1
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def available_memory() -> int:
    """How many bytes can be had without swapping."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024


def reset_peak(pid: int) -> None:
    """Let the peak start again from what is resident now."""
    for one in tree(pid):
        Path(f"/proc/{one}/clear_refs").write_text("5")
