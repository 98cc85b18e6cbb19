"""What `WWW-Authenticate` says: schemes and their parameters, read as far as they can be read.

The grammar is RFC 9110, sections 11.2, 11.3 and 11.6.1: several challenges in one field or in several, quoted strings
with escapes, commas inside quotes, token68. What breaks it (missing quotes, missing commas, a cut end) is read as it
was meant, or left out; nothing raises, and the work is bounded. It does not know what a realm is good for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["CHALLENGES", "LIMIT", "Challenge", "choose", "parse_challenges"]

LIMIT = 8 * 1024
"""Characters that are looked at, in all fields of an answer together."""

CHALLENGES = 10
"""The most challenges that are returned."""

_FIELDS = 100

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word
_GAP = re.compile(r"[\s,]*")
_JUNK = re.compile(r"[^\s,]+")
_SCHEME = re.compile(rf"({_TOKEN})(?:[ \t]+([A-Za-z0-9._~+/-]+=*)(?=[ \t]*(?:,|\Z)))?")
_PARAMETER = re.compile(
    rf"({_TOKEN})[ \t]*=[ \t]*"
    r'(?:"((?:[^"\\]|\\.)*)(?:"|\\?\Z)'  # a quoted string, or what is left of one
    r"|([^\s,]*))",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate that a server offers.

    Attributes:
        scheme: Its name in lower case, such as `bearer`.
        parameters: Its parameters; the names are in lower case. Of a name that comes twice, the first value.
        token68: What stands in place of parameters, or "".

    Example:
        >>> parse_challenges(["Negotiate YII="])[0].token68
        'YII='
    """

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)
    token68: str = ""


def parse_challenges(values: Iterable[str]) -> tuple[Challenge, ...]:
    """The challenges of an answer; it never raises.

    Args:
        values: The value of each `WWW-Authenticate` field; one string counts as one value.

    Returns:
        At most 10 challenges, in their order, from the first 8 KiB of all values.

    Example:
        >>> (challenge,) = parse_challenges(['Bearer realm="https://ghcr.io/token",service="ghcr.io"'])
        >>> challenge.scheme, challenge.parameters["realm"]
        ('bearer', 'https://ghcr.io/token')
    """
    return tuple(islice(_challenges([values] if isinstance(values, str) else values), CHALLENGES))


def choose(challenges: Sequence[Challenge]) -> Challenge | None:
    """The challenge to answer: a Bearer that names its realm, else Basic, else None.

    Args:
        challenges: What a server offers.

    Returns:
        One of them, or None where none can be answered.

    Example:
        >>> choose(parse_challenges(['Basic realm="x", Bearer realm="https://ghcr.io/token"'])).scheme
        'bearer'
    """
    bearers = (each for each in challenges if each.scheme == "bearer" and each.parameters.get("realm"))
    basics = (each for each in challenges if each.scheme == "basic")
    return next(bearers, None) or next(basics, None)


def _challenges(values: Iterable[str]) -> Iterator[Challenge]:
    """The challenges of each value, until the limit is reached."""
    left = LIMIT
    for value in islice(values, _FIELDS):
        yield from _read(value[:left])
        left -= len(value)
        if left <= 0:
            return


def _read(text: str) -> Iterator[Challenge]:
    """The challenges of one value: a name with `=` is a parameter, a name without one is the next scheme."""
    current: Challenge | None = None
    at = _end(_GAP, text, 0)
    while at < len(text):
        if said := _PARAMETER.match(text, at):
            if current is not None:
                current.parameters.setdefault(said[1].lower(), _value(said))
            at = said.end()
        elif said := _SCHEME.match(text, at):
            if current is not None:
                yield current
            current = Challenge(said[1].lower(), token68=said[2] or "")
            at = said.end()
        else:
            at = _end(_JUNK, text, at)
        at = _end(_GAP, text, at)
    if current is not None:
        yield current


def _value(said: re.Match[str]) -> str:
    """A parameter's value, without its quotes and escapes."""
    quoted, plain = said[2], said[3]
    return plain if quoted is None else _ESCAPE.sub(r"\1", quoted)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a run of such characters ends."""
    said = pattern.match(text, at)
    return said.end() if said else at
