"""What came closest to what did not happen: planned failures, recorded exchanges, requests after a handshake.

It makes the words of a story and decides nothing; `ghcr_sim.faults` and `ghcr_sim.cassette.report` did that.
"""

from __future__ import annotations

from collections import Counter
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from pytest_ghcr.showing import by_told

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ghcr_sim.cassette.report import Report
    from ghcr_sim.faults import Rule
    from ghcr_sim.journal import Record

__all__ = ["replay_told", "silence_told", "unmet_told"]

_SHOWN = 3
_READS_SHOWN = 5
_NOTHING = "  nothing was asked at all: does the code under test know this fake's address?"


def unmet_told(rules: Iterable[Rule], records: Sequence[Record]) -> list[str]:
    """Planned failures that did not happen, each with the requests that came closest.

    Args:
        rules: What was planned: `simulator.faults.rules`.
        records: What was asked.

    Returns:
        A text of several lines for each plan that is owed; the first line is the one of `Ghcr.unmet()`.
    """
    told = []
    for rule in rules:
        owed = rule.owed()
        if owed is not None:
            told.append("\n".join([owed, *_closest(rule, records)]))
    return told


def _closest(rule: Rule, records: Sequence[Record]) -> list[str]:
    if not records:
        return [_NOTHING]
    asked = Counter((each.operation, each.repository) for each in records if by_told(each) != "fault")
    ranked = sorted(asked.items(), key=lambda item: -_likeness(rule, *item[0]))
    near = [(what, times) for what, times in ranked if _likeness(rule, *what) > 0]
    if not near:
        return [f"  nothing like it was asked{' otherwise' if rule.met else ''}"]
    return [_line(rule, operation, repository, times) for (operation, repository), times in near[:_SHOWN]]


def _likeness(rule: Rule, operation: str, repository: str) -> float:
    """How much alike they are: 0 where they have nothing in common."""
    same = 4.0 if operation == rule.operation else 0.0
    family = 2.0 if operation.partition(".")[0] == rule.operation.partition(".")[0] else 0.0
    points = max(same, family)
    if rule.repository is None or not repository:
        return points
    if repository == rule.repository:
        return points + 3.0
    return points + SequenceMatcher(None, rule.repository, repository).ratio() if points else 0.0


def _line(rule: Rule, operation: str, repository: str, times: int) -> str:
    where = f" in {repository}" if repository else ""
    often = "once" if times == 1 else f"{times} times"
    differs = [
        *(["operation"] if operation != rule.operation else []),
        *(["repository"] if rule.repository is not None and repository != rule.repository else []),
    ]
    why = f"differs in {' and '.join(differs)}" if differs else _why_not(rule)
    return f"  nearest: {operation}{where}, answered {often}; {why}"


def _why_not(rule: Rule) -> str:
    return "that is too few" if rule.met else "before it was planned: plan it first"


def replay_told(report: Report) -> tuple[list[str], list[str]]:
    """How a replay went, for `Story.misses` and `Story.notes`.

    Args:
        report: What `Replay.close()` gave.

    Returns:
        What makes the test fail, each in words, and what is worth a look.
    """
    notes = []
    if report.unused_reads:
        asked = [_exchange_told(each) for each in report.unused_reads[:_READS_SHOWN]]
        more = len(report.unused_reads) - len(asked)
        asked += [f"and {more} more"] if more else []
        notes.append("recorded and not asked for: " + ", ".join(asked))
    return report.problems(), notes


def _exchange_told(exchange: object) -> str:
    words = [str(getattr(exchange, name)) for name in ("operation", "repository", "reference")]
    return " ".join(word for word in words if word)


def silence_told(hosts: Iterable[str]) -> list[str]:
    """What TLS connections that were opened and closed without a request may mean, for `Story.notes`.

    Args:
        hosts: The name that each of them wanted: `ghcr.io`.
    """
    return [
        f"{times} TLS connection{'s' if times > 1 else ''} to {host} ended without a request: its certificate may be "
        "pinned, or the client reads authorities from a place of its own; let it trust the test's authority, the file "
        "ghcr_env['SSL_CERT_FILE']"
        for host, times in Counter(hosts).items()
    ]
