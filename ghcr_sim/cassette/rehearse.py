"""A new cassette is replayed before it replaces an old one: in the recorded order, and with its requests in parallel.

What does not replay now never will. Source: `reference/record-replay.md` section 5.6.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ghcr_sim.cassette.player import DigestBody, Player
from ghcr_sim.cassette.replay import MISS, Replay
from ghcr_sim.cassette.turns import at_once, turn
from ghcr_sim.clock import Ids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.cassette.model import Exchange
    from ghcr_sim.exchange import Body, Request, Response

__all__ = ["rehearse"]


async def rehearse(cassette: Cassette, *, seed: int = 1) -> list[str]:
    """Replay a cassette twice, and say what did not come out as it was recorded.

    Args:
        cassette: The cassette.
        seed: The dice of the second order.

    Returns:
        What went wrong, in words, in the order of the exchanges; empty where it holds.
    """
    first = _Rehearsal(cassette, "in the recorded order")
    with contextlib.closing(first.replay):
        for each in cassette.exchanges:
            await first.play(each)
    second = _Rehearsal(cassette, "with parallel requests shuffled")
    with contextlib.closing(second.replay):
        await at_once(cassette.exchanges, Ids(seed), second.play)
    return [*first.told(), *second.told()]


class _Rehearsal:
    """One replay.

    Args:
        cassette: What is replayed.
        how: In which order, for people.

    Attributes:
        replay: It.
    """

    def __init__(self, cassette: Cassette, how: str) -> None:
        self.replay = Replay(cassette)
        self._player = Player(self._send, cassette.pool)
        self._how = how
        self._faults: dict[int, str] = {}

    async def _send(self, request: Request, body: Body) -> Response:
        """Send one request, its body in two pieces at least."""
        if isinstance(body, DigestBody) or not body.length:
            return await self.replay(request, body)
        return await self.replay(request, _Halting(body))

    async def play(self, each: Exchange) -> None:
        """Send one request, and note another answer than the recorded one."""
        if _cannot_be_played(each):
            # A client that has the bytes can: what comes after it is played as if it had been.
            self.replay.suppose(each)
            return
        played = await self._player.play(each)
        got = played.response.status if played.response else None
        if got != each.response.status:
            what = "no answer on the cassette" if got == MISS else played.why or f"{got}"
            self._faults[each.id] = (
                f"replayed {self._how}, exchange {each.id} ({each.operation} {each.repository}) gave {what} instead of "
                f"{each.response.status}"
            )

    def told(self) -> list[str]:
        """What went wrong, by the numbers of the exchanges."""
        return [self._faults[number] for number in sorted(self._faults)]


class _Halting:
    """A body between whose pieces others may go on, as on a wire: uploads overlap.

    Args:
        body: Its bytes.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self.length = body.length

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes, each piece in halves.

        Raises:
            BodyError: The body broke off.
        """
        async for piece in self._body.pieces():
            half = len(piece) // 2
            yield piece[:half]
            await turn()
            yield piece[half:]


def _cannot_be_played(each: Exchange) -> bool:
    """Whether the bytes that would be sent or compared were not kept."""
    sent, got = each.request.body, each.response.body
    lost = got is not None and (got.withheld is not None or got.truncated)
    return lost or (each.operation == "manifest.put" and sent is not None and not sent.pooled)
