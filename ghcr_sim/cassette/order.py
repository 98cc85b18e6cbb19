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
from ghcr_sim.cassette.past import unseen
from ghcr_sim.cassette.redact import PLACEHOLDER, sized
from ghcr_sim.route import READS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ordered", "session_of"]

_RANKS = {"ping": 0, "landing": 0, "token": 1, "storage": 3, "upload": 5}
"""Noun → place among what has the same cause: the way in, then reading, then writing."""

_READ, _DELETE, _PUT = 2, 4, 6
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
    stumbled = _stumbled(flat)
    turn: dict[tuple[object, ...], int] = defaultdict(int)
    keyed = []
    for place, each in flat:
        # The digest stands for the session: the number of its placeholder depends on who came first.
        session = (place, session_of(each) or "")
        # A replay knows no session by its chunk: of those that ask the same, the one that was refused comes first.
        group = (session in bound and session not in stumbled, bound.get(session, ""))
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
    late = _unseen_by_write(flat)
    for place, each in sorted(flat, key=lambda item: (item[0], item[1].id)):
        mine = 1 + max((depth.get((place, cause), 0) for cause in each.after), default=0)
        for read in late.get((place, each.id), ()):
            mine = max(mine, depth[place, read.id] + (_rank(read) >= _rank(each)))
        depth[place, each.id] = mine
        if each.operation == "blob.get":
            led[place, each.reference] = min(mine, led.get((place, each.reference), mine))
    uploads = _deepest(flat, depth)
    for place, each in flat:
        if each.operation.startswith("storage."):
            # It comes after the first redirect that may have led to it, whichever of several did.
            depth[place, each.id] = led.get((place, each.reference), depth[place, each.id])
        elif session := session_of(each):
            depth[place, each.id] = uploads[place, session]
    return depth


def _unseen_by_write(flat: Sequence[tuple[int, Exchange]]) -> dict[tuple[int, int], list[Exchange]]:
    """Each write → what did not see it yet."""
    found: dict[tuple[int, int], list[Exchange]] = defaultdict(list)
    for place in {place for place, _ in flat}:
        mine = {each.id: each for at, each in flat if at == place}
        for read, write in unseen(list(mine.values())):
            found[place, write].append(mine[read])
    return found


def _deepest(
    flat: Sequence[tuple[int, Exchange]], depth: dict[tuple[int, int], int]
) -> dict[tuple[int, str], int]:
    """Session → the largest depth of its steps, which stay together."""
    found: dict[tuple[int, str], int] = {}
    for place, each in flat:
        if session := session_of(each):
            found[place, session] = max(depth[place, each.id], found.get((place, session), 0))
    return found


def _rank(exchange: Exchange) -> int:
    """The place among what has the same cause."""
    noun, _, verb = exchange.operation.partition(".")
    if exchange.operation in _CHANGES:
        return _PUT
    if verb == "delete" and noun in {"blob", "manifest"}:
        return _DELETE
    return _RANKS.get(noun, _READ)


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


def _stumbled(flat: Sequence[tuple[int, Exchange]]) -> set[tuple[int, str]]:
    """The sessions of which a chunk was refused, and that came to a good end all the same."""

    def sessions(operation: str, *, refused: bool) -> set[tuple[int, str]]:
        return {
            (place, session_of(each) or "")
            for place, each in flat
            if each.operation == operation and (each.response.status >= _BAD) is refused
        }

    return sessions("upload.patch", refused=True) & sessions("upload.put", refused=False)


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
