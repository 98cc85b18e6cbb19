"""The one order of a recording: by cause, then by what was asked, so that the same scenario gives the same file.

Parallel requests end in another order each time; sorted, they do not. Numbers of exchanges and of placeholders follow
that order. Of several tokens that were at hand for a read, which one a client took is chance, too. It knows nothing
of files. Source: `reference/record-replay.md` section 5.1 and complaint 21.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from ghcr_sim.cassette.key import key_of_exchange
from ghcr_sim.cassette.model import Exchange
from ghcr_sim.cassette.redact import PLACEHOLDER, sized
from ghcr_sim.route import READS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ordered", "session_of"]

_RANKS = {"ping": 0, "landing": 0, "token": 1, "storage": 3, "upload": 4}
"""Noun → place among what has the same cause: the way in, then reading, then writing."""

_READ, _PUT = 2, 5
_CHANGES = frozenset({"api.delete", "api.patch", "api.post", "api.put", "manifest.put"})
_BAD, _NOT_FOUND = 400, 404
_STEPS = {"upload.post": 0, "upload.patch": 1, "upload.get": 1, "upload.put": 2, "upload.delete": 3}
_SESSION = re.compile(r"<session:\d+>")


def ordered(parts: Sequence[Iterable[Exchange]]) -> tuple[Exchange, ...]:
    """The exchanges of several recorders, in canonical order, with canonical numbers.

    Args:
        parts: What each recorded, in the order in which it ended.

    Returns:
        All, numbered from 1.
    """
    given = [(place, each) for place, part in enumerate(parts) for each in part]
    held = {each.auth.scopes for _, each in given}
    flat = [(place, _with_least(each, held)) for place, each in given]
    depth, bound = _depths(flat), _bindings(flat)
    turn: dict[tuple[object, ...], int] = defaultdict(int)
    keyed = []
    for place, each in flat:
        # The digest stands for the session: the number of its placeholder depends on who came first.
        group = bound.get((place, session_of(each) or ""), "")
        step = _STEPS.get(each.operation, 0)
        key = (depth[place, each.id], _rank(each), each.repository, group, step, *key_of_exchange(each))
        turn[key] += 1
        keyed.append(((*key, turn[key]), place, each))
    keyed.sort(key=lambda item: item[0])
    numbers = {(place, each.id): number for number, (_, place, each) in enumerate(keyed, start=1)}
    names: dict[tuple[int, str, str], str] = {}
    counts: dict[str, int] = defaultdict(int)
    return tuple(_renamed(each, place, numbers, names, counts) for _, place, each in keyed)


def _with_least(exchange: Exchange, held: set[tuple[str, ...]]) -> Exchange:
    """A read that was let in, with the least token of the recording that is for reading there.

    Args:
        exchange: Any exchange; what is not such a read stays as it is.
        held: The scopes of all tokens that were used.
    """
    auth, status = exchange.auth, exchange.response.status
    if not auth.scopes or exchange.operation not in READS or (status >= _BAD and status != _NOT_FOUND):
        return exchange
    if not _reads(auth.scopes, exchange.repository):
        return exchange
    fit = (each for each in held if _reads(each, exchange.repository))
    least = min(fit, key=lambda each: (",".join(each).count(","), each))
    return exchange.model_copy(update={"auth": auth.model_copy(update={"scopes": least})})


def _reads(scopes: tuple[str, ...], repository: str) -> bool:
    """Whether a token for these scopes is for reading a repository."""
    asked = (each.rpartition(":") for each in scopes)
    return any(
        resource == f"repository:{repository}" and {"pull", "*"} & set(actions.split(","))
        for resource, _, actions in asked
    )


def _depths(flat: Sequence[tuple[int, Exchange]]) -> dict[tuple[int, int], int]:
    """How many writes, one after another, came before each."""
    depth: dict[tuple[int, int], int] = {}
    led: dict[tuple[int, str], int] = {}
    for place, each in flat:
        mine = 1 + max((depth.get((place, cause), 0) for cause in each.after), default=0)
        depth[place, each.id] = mine
        if each.operation == "blob.get":
            led[place, each.reference] = min(mine, led.get((place, each.reference), mine))
    for place, each in flat:
        if each.operation.startswith("storage."):
            # It comes after the first redirect that may have led to it, whichever of several did.
            depth[place, each.id] = led.get((place, each.reference), depth[place, each.id])
    return depth


def _rank(exchange: Exchange) -> int:
    """The place among what has the same cause."""
    return _PUT if exchange.operation in _CHANGES else _RANKS.get(exchange.operation.partition(".")[0], _READ)


def session_of(exchange: Exchange) -> str | None:
    """The placeholder of the upload's session that an exchange belongs to, or opened.

    Args:
        exchange: Any exchange.

    Returns:
        The placeholder, or None.
    """
    if not exchange.operation.startswith("upload."):
        return None
    said = [
        exchange.reference,
        *(value for name, value in exchange.response.headers if name.lower() == "location"),
    ]
    found = (_SESSION.search(each) for each in said)
    return next((each[0] for each in found if each), None)


def _bindings(flat: Sequence[tuple[int, Exchange]]) -> dict[tuple[int, str], str]:
    """Session → the digest that it was finished with."""
    found: dict[tuple[int, str], str] = {}
    for place, each in flat:
        if each.operation == "upload.put" and (session := session_of(each)):
            found[place, session] = dict(each.query).get("digest", "")
    return found


def _renamed(
    exchange: Exchange,
    place: int,
    numbers: dict[tuple[int, int], int],
    names: dict[tuple[int, str, str], str],
    counts: dict[str, int],
) -> Exchange:
    """The exchange with its new number, and new numbers in its placeholders."""

    def name(found: re.Match[str]) -> str:
        key = (place, found[1], found[2])
        if key not in names:
            counts[found[1]] += 1
            names[key] = f"<{found[1]}:{counts[found[1]]}>"
        return names[key]

    after = tuple(sorted(numbers[place, each] for each in exchange.after if (place, each) in numbers))
    moved = exchange.model_copy(update={"id": numbers[place, exchange.id], "after": after})
    return _sized_as(exchange, Exchange.model_validate_json(PLACEHOLDER.sub(name, moved.line())))


def _sized_as(before: Exchange, renamed: Exchange) -> Exchange:
    """A renamed exchange whose text is as long as it says, if it was before: a number may have got another length."""
    was, body = before.response.body, renamed.response.body
    if was is None or body is None or was.text is None or body.text is None or was.text == body.text:
        return renamed
    if was.size != len(was.text.encode()):
        return renamed  # an older version's, which says how long the token was
    size = len(body.text.encode())
    response = renamed.response.model_copy(
        update={
            "headers": sized(renamed.response.headers, size),
            "body": body.model_copy(update={"size": size}),
        }
    )
    return renamed.model_copy(update={"response": response})
