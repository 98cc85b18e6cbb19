"""What a replay has to say: what was answered from where, what was missing, what was wrong, what was left over.

A miss is explained: how far the request came, field by field and then in the order of writes, the nearest recorded
ones, the first difference, and what to do. It decides nothing.
Source: `reference/record-replay.md` section 5.5.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ghcr_sim.cassette.key import key_of_exchange
from ghcr_sim.shapes import masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ghcr_sim.cassette.key import Key
    from ghcr_sim.cassette.model import Exchange

__all__ = ["Miss", "Report", "explain"]

_FIELDS = ("operation", "repository", "reference", "query", "auth", "accept", "range")
_WEIGHTS = {"operation": 8, "repository": 4, "reference": 2, "query": 2, "auth": 1, "accept": 1, "range": 1}
_SHOWN = 3
_HINTS = {
    "scope": "its token was not fetched for pushing there, and each recorded one was",
    "early": "it was recorded after a write that this run has not made: make it first",
    "over": "this run has changed what it speaks of since, and nothing shows how it is now: record that, too",
    "condition": "its If-None-Match or If-Match is another than the recorded one, and nothing shows what is said to it",
    "used up": "it is used up: literal replay gives each answer once; try repeat or registry",
    "withheld": "its body was withheld, because it holds a secret, or could not be looked through for one",
    "cut off": "its body was cut off while it was recorded",
}

_LAST = {
    "early": "order NO (the write before it was not made yet)",
    "over": "order NO (this run has changed it since)",
    "condition": "condition NO",
    "used up": "order NO (used up)",
    "withheld": "order yes, body NO (withheld)",
    "cut off": "order yes, body NO (cut off)",
    "scope": "scope NO",
}
"""Reason → the stage after all fields agree."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A request that the cassette cannot answer.

    Attributes:
        what: The request, in words without secrets.
        reason: `unknown`, `early`, `over`, `condition`, `used up`, `withheld`, `cut off`, or `damaged` where the
            pool is.
        text: The whole explanation.
    """

    what: str
    reason: str
    text: str


@dataclass(slots=True)
class Report:
    """How a replay went.

    Attributes:
        answers: `recorded`, `repeated`, `derived` → how often.
        misses: Requests that could not be answered.
        wrongs: What no registry would take: lost bytes, other digests, credentials at the storage host.
        unused_writes: Writes that were recorded and not played: a failure.
        unused_reads: Reads that were recorded and not played: a warning.
    """

    answers: Counter[str] = field(default_factory=Counter)
    misses: list[Miss] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    unused_writes: list[Exchange] = field(default_factory=list)
    unused_reads: list[Exchange] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was missing or wrong, and each write was made."""
        return not (self.misses or self.wrongs or self.unused_writes)

    def summary(self) -> str:
        """One line."""
        counted = [f"{self.answers[each]} {each}" for each in ("recorded", "repeated", "derived")]
        return ", ".join(
            [
                *counted,
                f"{len(self.misses)} missed",
                f"{len(self.unused_writes)} unused writes",
                f"{len(self.unused_reads)} unused reads",
            ]
        )

    def problems(self) -> list[str]:
        """What makes a replay fail, each in words."""
        unused = [
            f"recorded and not played: {told(key_of_exchange(each))} (exchange {each.id})"
            for each in self.unused_writes
        ]
        return [*(each.text for each in self.misses), *self.wrongs, *unused]


def told(key: Key) -> str:
    """A key in words."""
    what = f"{key.operation} {key.repository}"
    if key.reference:
        what += f"{'@' if ':' in key.reference else ':'}{key.reference}"
    notes = [
        *(f"{name}={value}" for name, value in key.query),
        *([f"accept: {', '.join(key.accept)}"] if key.accept else []),
        *([f"range: {key.range}"] if key.range else []),
        f"auth: {key.auth}",
    ]
    return f"{what.strip()} ({'; '.join(notes)})"


def explain(
    key: Key,
    exchanges: Iterable[Exchange],
    path: Path,
    reason: str,
    *,
    hide: Callable[[str], str] = masked,
    remedy: str = "",
) -> Miss:
    """Why there is no answer, and which recorded requests are nearest.

    Args:
        key: What was asked.
        exchanges: What was recorded.
        path: The cassette.
        reason: Why, in a word.
        hide: Masks secrets in what was asked.
        remedy: How to record again; the words of the command line where it is empty.

    Returns:
        The miss, explained.
    """
    ranked: dict[Key, tuple[int, Exchange]] = {}
    for each in exchanges:
        other = key_of_exchange(each)
        ranked.setdefault(other, (_likeness(key, other), each))
    nearest = sorted(ranked.items(), key=lambda item: -item[1][0])[:_SHOWN]
    asked = _hidden(key, hide)
    lines = [
        f"no answer on cassette for {told(asked)}",
        f"  cassette {path.name}; {_stage(key, list(ranked), reason)}",
    ]
    for other, (_, each) in nearest:
        difference = _first_difference(key, other, asked)
        lines.append(
            f"  nearest: exchange {each.id}, {each.response.status}: {told(other)}"
            + (f"; differs in {difference}" if difference else "")
        )
    hint = _HINTS.get(reason, "record it, or ask for what was recorded")
    lines.append(f"  {hint}; {remedy or f'to record again: ghcr-sim record --to {path.name} -- COMMAND'}")
    return Miss(masked(told(asked)), reason, masked("\n".join(lines)))


def _hidden(key: Key, hide: Callable[[str], str]) -> Key:
    """A key that may be shown: what a client has asked may hold a secret."""
    return key._replace(
        repository=hide(key.repository),
        reference=hide(key.reference),
        query=tuple((hide(name), hide(value)) for name, value in key.query),
        accept=tuple(map(hide, key.accept)),
        range=hide(key.range),
    )


def _likeness(one: Key, other: Key) -> int:
    return sum(_WEIGHTS[each] for each in _FIELDS if getattr(one, each) == getattr(other, each))


def _first_difference(one: Key, other: Key, asked: Key) -> str | None:
    """The first field that differs, with both values; ours as it may be shown."""
    for each in _FIELDS:
        theirs = getattr(other, each)
        if getattr(one, each) != theirs:
            return f"{each} ({_shown(getattr(asked, each))} was asked, {_shown(theirs)} recorded)"
    return None


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return (
            ", ".join("=".join(each) if isinstance(each, tuple) else str(each) for each in value) or "nothing"
        )
    return str(value) or "nothing"


def _stage(key: Key, known: list[Key], reason: str) -> str:
    """How far a request came: each field among what agrees in those before, and last, whether it is its turn."""
    left = known
    reached = []
    for name in _FIELDS:
        left = [each for each in left if getattr(each, name) == getattr(key, name)]
        reached.append(f"{name} {'yes' if left else 'NO'}")
        if not left:
            break
    else:
        reached.append(_LAST.get(reason, "order yes"))
    return "stage reached: " + ", ".join(reached)
