"""What happened to one test, as plain data that can travel from a worker of xdist to the one who reports.

It holds no secret: a record carries none, and in all other words those that are known, and what looks like one, are
masked as a story is made.
It asks neither pytest nor a fake for anything.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING, Any, Self

from ghcr_sim.journal import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["KEPT", "Story"]

KEPT = 1000
"""How many requests of a failed test travel; what is shown of them are the last ones."""

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PIECES = re.compile(
    r"(?:\b(?:gh[oprsu]_|github_pat_)\w{4,}|\bZ2h[vwyz1]X[\w+/-]{4,}|\bZ2l0aHVi[\w+/-]{4,}|\beyJ[\w-]{6,}(?=\.\.\.))"
    r"(?:\.\.\.[\w+/.=-]+)?"
)
"""A piece of a token: pytest shows the two ends of what is long, with dots in between."""

_WORDS = ("unmet", "misses", "strays", "notes")


@dataclass(frozen=True, slots=True)
class Story:
    """One test and what it did.

    Attributes:
        test: Its id, as pytest has it.
        outcome: `passed`, `failed`, `error`, `skipped`, `xfailed`, `xpassed` or what another plugin calls it.
        seconds: How long it took.
        records: What its fakes were asked, oldest first.
        unmet: Planned failures that did not happen, in words; see `nearest.unmet_told`.
        misses: What its cassette could not answer, or answered in vain; see `nearest.replay_told`.
        strays: Names that it wanted to reach and that are not the fake's: `pypi.org:443`.
        notes: What else may explain it; see `nearest.silence_told`.
        error: The failure as pytest tells it, or the empty string.
        earlier: How many requests came before the first of `records`.
        watched: Whether there was anything that would have noticed a request: a recording keeps no list.
        hide: Takes the secrets that are known out of a text, before those go that only look like one.
    """

    test: str
    outcome: str
    seconds: float
    records: Sequence[Record] = ()
    unmet: Sequence[str] = ()
    misses: Sequence[str] = ()
    strays: Sequence[str] = ()
    notes: Sequence[str] = ()
    error: str = ""
    earlier: int = 0
    watched: bool = True
    hide: InitVar[Callable[[str], str]] = str

    def __post_init__(self, hide: Callable[[str], str]) -> None:
        from ghcr_sim.shapes import masked as whole  # noqa: PLC0415 - who makes no story pays nothing

        def masked(text: str) -> str:
            return _PIECES.sub("<secret>", whole(hide(text)))

        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("test", masked(self.test))
        put("error", masked(_ANSI.sub("", self.error)))
        put("records", tuple(_clean(self.records, masked)))
        for name in _WORDS:
            put(name, tuple(masked(each) for each in getattr(self, name)))

    @property
    def failed(self) -> bool:
        """Whether it is one of those that are told at length."""
        return self.outcome in {"failed", "error"}

    @property
    def requests(self) -> int:
        """How many requests there were in all."""
        return self.earlier + len(self.records)

    @property
    def leaks(self) -> int:
        """How many of the records brought a credential where it must not be."""
        return sum(record.leak for record in self.records)

    def short(self) -> Self:
        """The same for a journey: the last `KEPT` requests where they are worth telling, or their number."""
        kept = self.records[-KEPT:] if self.failed or self.leaks else ()
        told = dataclasses.replace(self, records=kept, earlier=self.requests - len(kept))
        lost = self.leaks - told.leaks
        if not lost:
            return told
        note = f"a credential came to the storage host before the requests that are shown, too: {lost} times"
        return dataclasses.replace(told, notes=(*self.notes, note))

    def to_json(self) -> str:
        """The story as one ASCII text, which every channel between processes takes."""
        return json.dumps({each.name: getattr(self, each.name) for each in dataclasses.fields(self)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The story that was made such a text of.

        Raises:
            ValueError: It is none.
        """
        try:
            told = json.loads(text)
            return cls(**{**told, "records": [Record(*each) for each in told["records"]]})
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is no story of a test: {error}") from None


def _clean(records: Iterable[Record], masked: Callable[[str], str]) -> Iterable[Record]:
    """The records. A client may have asked for a secret by name; nearly none has, so all are looked at in one go."""
    records = list(records)
    texts = "\n".join(f"{each.target}\n{each.repository}\n{each.reference}\n{each.by}" for each in records)
    if masked(texts) == texts:
        return records
    return [
        each._replace(
            target=masked(each.target),
            repository=masked(each.repository),
            reference=masked(each.reference),
            by=masked(each.by),
        )
        for each in records
    ]
