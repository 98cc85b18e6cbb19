"""What the client's tests share: a client for a registry, time that does not pass, progress that is kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ghcr_client.auth import Anonymous, StaticCredentials
from ghcr_client.client import GhcrClient
from ghcr_client.clock import Clock

if TYPE_CHECKING:
    from client.peers import Peer
    from ghcr_client.progress import Progress

__all__ = ["Progresses", "QuickClock", "client_for"]


class QuickClock(Clock):
    """Time that passes only where somebody sleeps, and then at once.

    Attributes:
        slept: How long each sleep was to be.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def jitter(self) -> float:
        return 0.5


class Progresses(list["Progress"]):
    """A progress callback that keeps what it is told."""

    def __call__(self, event: Progress) -> None:
        self.append(event)

    def of(self, name: str) -> list[Progress]:
        """What was told of one transfer."""
        return [each for each in self if each.name == name]

    def last(self) -> dict[str, Progress]:
        """The last word on each transfer."""
        return {each.name: each for each in self}


def client_for(peer: Peer, **settings: Any) -> GhcrClient:
    """A client for a registry, as its user; nothing of this machine's files and environment is asked for credentials.

    Args:
        peer: The registry, which is also the one of names that say none.
        settings: Further arguments of `GhcrClient`; they come before these.
    """
    told: dict[str, Any] = {
        "registry": peer.url,
        "plain_http": peer.ca_file is None,
        "ca_file": peer.ca_file,
        "clock": QuickClock(),
        "credentials": Anonymous()
        if peer.token is None
        else StaticCredentials(peer.username or "", peer.token, peer.host),
    }
    return GhcrClient(**told | settings)
