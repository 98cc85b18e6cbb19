"""A new cassette is replayed before it replaces an old one: in the recorded order, and in another possible one.

What does not replay now never will. Source: `reference/record-replay.md` section 5.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_sim.cassette.player import Player, shuffled
from ghcr_sim.cassette.replay import MISS, Replay
from ghcr_sim.clock import Ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.cassette.model import Exchange

__all__ = ["rehearse"]


async def rehearse(cassette: Cassette, *, seed: int = 1) -> list[str]:
    """Replay a cassette twice, and say what did not come out as it was recorded.

    Args:
        cassette: The cassette.
        seed: The dice of the second order.

    Returns:
        What went wrong, in words; empty where it holds.
    """
    faults = await _once(cassette, cassette.exchanges, "in the recorded order")
    return faults + await _once(cassette, shuffled(cassette.exchanges, Ids(seed)), "in another order")


async def _once(cassette: Cassette, exchanges: Sequence[Exchange], how: str) -> list[str]:
    """One replay."""
    replay = Replay(cassette)
    player = Player(replay, cassette.pool)
    faults = []
    try:
        for each in exchanges:
            if _cannot_be_played(each):
                # A client that has the bytes can: what comes after it is played as if it had been.
                replay.suppose(each)
                continue
            played = await player.play(each)
            got = played.response.status if played.response else None
            if got != each.response.status:
                what = "no answer on the cassette" if got == MISS else played.why or f"{got}"
                faults.append(
                    f"replayed {how}, exchange {each.id} ({each.operation} {each.repository}) gave {what} instead of "
                    f"{each.response.status}"
                )
    finally:
        replay.close()
    return faults


def _cannot_be_played(each: Exchange) -> bool:
    """Whether the bytes that would be sent or compared were not kept."""
    sent, got = each.request.body, each.response.body
    lost = got is not None and (got.withheld is not None or got.truncated)
    return lost or (each.operation == "manifest.put" and sent is not None and not sent.pooled)
