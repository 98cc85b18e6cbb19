"""Which recorded requests wait for which, and how they are sent when clients send them at once.

Causes come first, an upload's steps keep their turn, and so does what asks the same; what was read before a write is
read before it, and a token is fetched before it is used. All else may be under way at the same time. It sends nothing
itself. Source: `reference/record-replay.md` section 5.6.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from ghcr_sim.cassette.key import IN_SESSION
from ghcr_sim.cassette.order import session_of
from ghcr_sim.cassette.past import unseen
from ghcr_sim.cassette.player import scopes_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from ghcr_sim.cassette.model import Exchange
    from ghcr_sim.clock import Ids

__all__ = ["WIDTH", "at_once", "before_each", "turn"]

WIDTH = 16
"""Requests that are under way at once at most; clients have fewer."""

_PAUSES = 4
"""A request is sent up to so many turns of the loop later than it might be, by chance."""


def before_each(exchanges: Sequence[Exchange]) -> dict[int, set[int]]:
    """What must have been answered before each exchange is sent.

    Args:
        exchanges: They, in the recorded order.

    Returns:
        Number → the numbers of what comes before it.
    """
    numbers = {each.id for each in exchanges}
    before: dict[int, set[int]] = {
        each.id: {one for one in each.after if one in numbers} for each in exchanges
    }
    last: dict[str, int] = {}
    answers: dict[str, set[int]] = defaultdict(set)
    for each in exchanges:
        answers[_asked(each)].add(each.response.status)
    for each in exchanges:
        for name in _turns(each, answers):
            if name in last:
                before[each.id].add(last[name])
            last[name] = each.id
    for read, write in unseen(exchanges):
        before[write].add(read)
    for token, use in _token_before(exchanges):
        before[use].add(token)
    return before


def _token_before(exchanges: Sequence[Exchange]) -> Iterator[tuple[int, int]]:
    """The first token of each scope, and what was asked with such a token."""
    first: dict[tuple[str, ...], int] = {}
    for each in exchanges:
        if each.operation == "token.get":
            first.setdefault(scopes_of(each), each.id)
        elif each.auth.kind == "bearer" and each.auth.scopes in first:
            yield first[each.auth.scopes], each.id


def _turns(each: Exchange, answers: dict[str, set[int]]) -> Iterator[str]:
    """What keeps its turn: what asks the same, belongs to one upload, or follows a redirect."""
    if each.operation in {"blob.get", "storage.get"}:
        yield f"blob {each.reference}"
        return
    session = session_of(each)
    if session is not None:
        yield session
    # Steps of two uploads that ask the same are told from each other by their turn, if they were answered otherwise.
    if session is None or len(answers[_asked(each)]) > 1:
        yield _asked(each)


def _asked(each: Exchange) -> str:
    """What an exchange asks; which upload it belongs to is no part of it."""
    reference = "" if each.operation in IN_SESSION else each.reference
    chunk = next((value for name, value in each.request.headers if name == "content-range"), "")
    return f"{each.operation} {each.repository} {reference} {each.query} {chunk}"


async def at_once(
    exchanges: Sequence[Exchange], ids: Ids, play: Callable[[Exchange], Awaitable[None]]
) -> None:
    """Send recorded requests as parallel clients might: each when all before it was answered, in an order by chance.

    What waits for itself, as only a cassette by hand can have it, is sent at the end, one after another.

    Args:
        exchanges: They, in the recorded order.
        ids: The dice; the same ones give the same order, where answers take as long.
        play: Sends one, and returns when it was answered. What it raises ends them all.
    """
    waiting = _Waiting(exchanges, ids)
    running: set[asyncio.Task[int]] = set()
    try:
        while waiting.free or running:
            while waiting.free and len(running) < WIDTH:
                running.add(asyncio.ensure_future(_later(waiting.drawn(), ids, play)))
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            # A set has no order of its own: the dice would fall otherwise each time.
            for number in sorted(each.result() for each in done):
                waiting.answered(number)
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    for exchange in waiting.left():
        await play(exchange)


async def _later(exchange: Exchange, ids: Ids, play: Callable[[Exchange], Awaitable[None]]) -> int:
    """Send one after a few turns of the loop; its number."""
    for _ in range(_below(_PAUSES, ids)):
        await turn()
    await play(exchange)
    return exchange.id


async def turn() -> None:
    """Let all others that can go on do so, once; it takes no time."""
    loop = asyncio.get_running_loop()
    others = loop.create_future()
    loop.call_soon(others.set_result, None)
    await others


class _Waiting:
    """What was not sent yet.

    Args:
        exchanges: All.
        ids: The dice.

    Attributes:
        free: The numbers of those that wait for nothing.
    """

    def __init__(self, exchanges: Sequence[Exchange], ids: Ids) -> None:
        before = before_each(exchanges)
        self._ids = ids
        self._by_id = {each.id: each for each in exchanges}
        self._open = {number: len(causes) for number, causes in before.items()}
        self._effects: dict[int, list[int]] = {}
        for number, causes in before.items():
            for cause in causes:
                self._effects.setdefault(cause, []).append(number)
        self.free = [number for number in self._by_id if not self._open[number]]

    def drawn(self) -> Exchange:
        """One that is free, by chance."""
        chosen = _below(len(self.free), self._ids)
        self.free[chosen], self.free[-1] = self.free[-1], self.free[chosen]
        return self._by_id.pop(self.free.pop())

    def answered(self, number: int) -> None:
        """Free what has waited for this one only."""
        for effect in self._effects.get(number, ()):
            self._open[effect] -= 1
            if not self._open[effect]:
                self.free.append(effect)

    def left(self) -> list[Exchange]:
        """What never became free, as it stands."""
        return list(self._by_id.values())


def _below(limit: int, ids: Ids) -> int:
    """A number from 0, below a limit, by chance."""
    return int.from_bytes(ids.key()[:4], "big") % limit
