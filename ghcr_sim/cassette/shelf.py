"""Recorded exchanges, found by what is asked: the next one, the last one again, and none from after a later write.

It keeps account of what was played. It makes nothing up. Source: `reference/record-replay.md` section 5.2, points 3
and 4.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ghcr_sim.cassette.key import key_of_exchange
from ghcr_sim.cassette.order import session_of
from ghcr_sim.route import WRITES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghcr_sim.cassette.key import Key
    from ghcr_sim.cassette.model import Exchange

__all__ = ["Shelf", "is_write", "may_push"]


def is_write(operation: str) -> bool:
    """Whether an operation changes what later ones see; the status of an upload does not."""
    return operation in WRITES and operation != "upload.get"


def may_push(scopes: tuple[str, ...], repository: str) -> bool:
    """Whether a token that was fetched for these scopes is for pushing to a repository."""
    for scope in scopes:
        resource, _, actions = scope.rpartition(":")
        if resource == f"repository:{repository}" and {"push", "*"} & set(actions.split(",")):
            return True
    return False


@dataclass(slots=True)
class Shelf:
    """The exchanges of a cassette.

    Args:
        exchanges: They, in order.

    Attributes:
        done: The numbers of the writes that were played.
        played: The numbers of all exchanges that were played.
        substituted: For each upload of content that was not recorded, its repository.
    """

    exchanges: tuple[Exchange, ...]
    done: set[int] = field(default_factory=set)
    substituted: list[str] = field(default_factory=list)
    played: set[int] = field(default_factory=set)
    _by_key: dict[Key, list[Exchange]] = field(default_factory=lambda: defaultdict(list))
    _by_session: dict[str, list[Exchange]] = field(default_factory=lambda: defaultdict(list))
    _by_digest: dict[tuple[str, str], list[Exchange]] = field(default_factory=lambda: defaultdict(list))
    _exemplars: dict[tuple[str, int], Exchange] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in self.exchanges:
            self._by_key[key_of_exchange(each)].append(each)
            self._exemplars.setdefault((each.operation, each.response.status), each)
            if session := session_of(each):
                self._by_session[session].append(each)
            if each.operation == "upload.put":
                self._by_digest[each.repository, dict(each.query).get("digest", "")].append(each)

    # -- what there is

    def of_key(self, key: Key) -> list[Exchange]:
        """All exchanges of a key, in order."""
        return self._by_key.get(key, [])

    def exemplar(self, operation: str, *statuses: int) -> Exchange | None:
        """The first exchange of an operation that ended with one of these statuses."""
        found = (self._exemplars.get((operation, status)) for status in statuses)
        return next((each for each in found if each is not None), None)

    def is_available(self, exchange: Exchange) -> bool:
        """Whether every write was played that it was recorded after."""
        return self.done.issuperset(exchange.after)

    # -- what is next

    def next(self, key: Key, *, repeats: bool) -> tuple[Exchange | None, str]:
        """The exchange to answer with.

        Args:
            key: What is asked.
            repeats: Whether the last one may be given again.

        Returns:
            The exchange, and `recorded` or `repeated`; or None, and why: `unknown`, `early` or `used up`.
        """
        known = self.of_key(key)
        open_ones = [each for each in known if self.is_available(each)]
        if not open_ones:
            return None, "early" if known else "unknown"
        # Of what depends on writes, what was recorded after the most of them is what holds now.
        newest = max(len(each.after) for each in open_ones)
        epoch = [each for each in open_ones if len(each.after) == newest]
        for each in epoch:
            if each.id not in self.played:
                return each, "recorded"
        return (epoch[-1], "repeated") if repeats else (None, "used up")

    def play(self, exchange: Exchange) -> None:
        """Take note that an exchange was answered with."""
        self.played.add(exchange.id)
        if is_write(exchange.operation):
            self.done.add(exchange.id)

    def upload_of(self, repository: str, digest: str) -> Exchange | None:
        """The next recorded end of an upload of this content, or None."""
        ends = self._by_digest.get((repository, digest), [])
        return next((each for each in ends if each.id not in self.played and self.is_available(each)), None)

    def play_session(self, exchange: Exchange) -> None:
        """Take note that all of an upload was played: its session was bound when its digest was known."""
        for each in self._by_session.get(session_of(exchange) or "", [exchange]):
            self.play(each)

    def play_instead(self, key: Key) -> None:
        """Take note that a push of other bytes stands for the recorded one: test data is often random."""
        left = (each for each in self.of_key(key) if each.id not in self.played)
        if (instead := next(left, None)) is not None and instead.response.status < 400:  # noqa: PLR2004 - it was taken
            self.play(instead)

    def settle(self) -> None:
        """Take each upload of content that was not recorded for one that was and did not come."""
        for repository in self.substituted:
            ends = (
                each for (name, _), found in self._by_digest.items() if name == repository for each in found
            )
            left = [each for each in ends if each.id not in self.played and each.response.status < 400]  # noqa: PLR2004 - the same
            if left:
                self.play_session(left[0])
        self.substituted.clear()

    def unused(self) -> tuple[list[Exchange], list[Exchange]]:
        """What was not played: writes, and reads."""
        left = [each for each in self.exchanges if each.id not in self.played]
        writes = [each for each in left if is_write(each.operation)]
        return writes, [each for each in left if not is_write(each.operation)]

    def repositories(self) -> Iterable[str]:
        """All repositories that are spoken of."""
        return dict.fromkeys(each.repository for each in self.exchanges if each.repository)
