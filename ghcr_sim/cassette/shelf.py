"""Recorded exchanges, found by what is asked: the next one, the last one again, and none from after a later write.

It keeps account of what was played. It makes nothing up. Source: `reference/record-replay.md` section 5.2, points 3
and 4.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from ghcr_sim.cassette.key import key_of_exchange
from ghcr_sim.cassette.order import session_of
from ghcr_sim.route import WRITES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ghcr_sim.cassette.key import Key
    from ghcr_sim.cassette.model import Exchange

    _Holds = Callable[[Exchange], bool]

__all__ = ["Shelf", "is_write", "may_push"]


def is_write(operation: str) -> bool:
    """Whether an operation changes what later ones see, GitHub's API included; the status of an upload does not."""
    if operation.startswith("api."):
        return operation not in {"api.get", "api.head"}
    return operation in WRITES and operation != "upload.get"


def may_push(scopes: tuple[str, ...], repository: str) -> bool:
    """Whether a token that was fetched for these scopes is for pushing to a repository."""
    for scope in scopes:
        resource, _, actions = scope.rpartition(":")
        if resource == f"repository:{repository}" and {"push", "*"} & set(actions.split(",")):
            return True
    return False


@dataclass(slots=True)
class _Epoch:
    """What was asked alike after the same writes, in order.

    Attributes:
        after: The writes.
        entries: The exchanges, each with its place among all that ask the same.
        open: Whether the writes were played; they stay so.
        turn: How many were played, counted from the first: they stay so, too.
    """

    after: tuple[int, ...]
    entries: list[tuple[int, Exchange]] = field(default_factory=list)
    open: bool = False
    turn: int = 0

    def is_open(self, done: set[int]) -> bool:
        """Whether the writes were played."""
        self.open = self.open or done.issuperset(self.after)
        return self.open

    def left(self, played: set[int], holds: _Holds) -> tuple[int, Exchange] | None:
        """The first that was not played and holds."""
        while self.turn < len(self.entries) and self.entries[self.turn][1].id in played:
            self.turn += 1
        rest = islice(self.entries, self.turn, None)
        return next((each for each in rest if each[1].id not in played and holds(each[1])), None)

    def last(self, holds: _Holds) -> tuple[int, Exchange] | None:
        """The last that holds, played or not."""
        return next((each for each in reversed(self.entries) if holds(each[1])), None)


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
    _epochs: dict[Key, list[_Epoch]] = field(default_factory=dict)
    _by_session: dict[str, list[Exchange]] = field(default_factory=lambda: defaultdict(list))
    _by_digest: dict[tuple[str, str], list[Exchange]] = field(default_factory=lambda: defaultdict(list))
    _mounts: dict[tuple[str, str], list[Exchange]] = field(default_factory=lambda: defaultdict(list))
    _exemplars: dict[tuple[str, int], Exchange] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in self.exchanges:
            self._by_key[key_of_exchange(each)].append(each)
            self._exemplars.setdefault((each.operation, each.response.status), each)
            if session := session_of(each):
                self._by_session[session].append(each)
            if each.operation == "upload.put":
                self._by_digest[each.repository, dict(each.query).get("digest", "")].append(each)
            if each.operation == "upload.post" and each.response.status == 201:  # noqa: PLR2004 - Created
                self._mounts[each.repository, dict(each.query).get("mount", "")].append(each)

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

    def next(self, key: Key, *, repeats: bool, holds: _Holds = lambda _: True) -> tuple[Exchange | None, str]:
        """The exchange to answer with.

        Args:
            key: What is asked.
            repeats: Whether the last one may be given again.
            holds: Whether one still says what is so; what does not is passed over.

        Returns:
            The exchange, and `recorded` or `repeated`; or None, and why: `unknown`, `early`, `over` or `used up`.
        """
        newest = self._newest(key)
        if not newest:
            return None, "early" if self.of_key(key) else "unknown"
        left = [found for each in newest if (found := each.left(self.played, holds)) is not None]
        if left:
            return min(left, key=itemgetter(0))[1], "recorded"
        last = [found for each in newest if (found := each.last(holds)) is not None]
        if not last:
            return None, "over"
        return (max(last, key=itemgetter(0))[1], "repeated") if repeats else (None, "used up")

    def _newest(self, key: Key) -> list[_Epoch]:
        """Of what is available, what was recorded after the most writes: it is what holds now."""
        found: list[_Epoch] = []
        for each in self._epochs_of(key):
            if found and len(each.after) < len(found[0].after):
                break
            if each.is_open(self.done):
                found.append(each)
        return found

    def _epochs_of(self, key: Key) -> list[_Epoch]:
        """The exchanges of a key by the writes before them, the most first. Sorted once, when it is asked for."""
        if key not in self._by_key:
            return []
        if key not in self._epochs:
            epochs: dict[tuple[int, ...], _Epoch] = {}
            for place, each in enumerate(self._by_key[key]):
                epochs.setdefault(each.after, _Epoch(each.after)).entries.append((place, each))
            self._epochs[key] = sorted(epochs.values(), key=lambda each: -len(each.after))
        return self._epochs[key]

    def play(self, exchange: Exchange) -> None:
        """Take note that an exchange was answered with."""
        self.played.add(exchange.id)
        if is_write(exchange.operation):
            self.done.add(exchange.id)

    def upload_of(self, repository: str, digest: str) -> Exchange | None:
        """The next recorded end of an upload of this content, or None."""
        ends = self._by_digest.get((repository, digest), [])
        return next((each for each in ends if each.id not in self.played and self.is_available(each)), None)

    def play_chunk(self, key: Key, chunk: str | None) -> None:
        """Take a chunk for the recorded one of an upload that never ended: those of others are played at their end."""
        for each in self.of_key(key):
            alike = each.response.status < 400 and dict(each.request.headers).get("content-range") == chunk  # noqa: PLR2004 - it was taken
            if alike and each.id not in self.played and not self._is_ended(each):
                self.play(each)
                return

    def _is_ended(self, exchange: Exchange) -> bool:
        steps = self._by_session.get(session_of(exchange) or "", [])
        return any(each.operation == "upload.put" and each.response.status < 400 for each in steps)  # noqa: PLR2004 - the same

    def stray(self, key: Key, *, repeats: bool) -> Exchange | None:
        """The next recorded refusal of a step of an upload that was not opened in the recording; perhaps one again."""
        strays = [each for each in self.of_key(key) if each.response.status >= 400 and self._is_stray(each)]  # noqa: PLR2004 - refused
        left = (each for each in strays if each.id not in self.played)
        return next(left, strays[-1] if strays and repeats else None)

    def _is_stray(self, exchange: Exchange) -> bool:
        steps = self._by_session.get(session_of(exchange) or "", [])
        return all(each.operation != "upload.post" for each in steps)

    def play_session(self, exchange: Exchange) -> None:
        """Take note that all of an upload was played: its session was bound when its digest was known."""
        for each in self._by_session.get(session_of(exchange) or "", [exchange]):
            self.play(each)

    def play_mount(self, repository: str, digest: str) -> bool:
        """Take an upload for the recorded mount of the same content, if there is one that did not come."""
        mounts = self._mounts.get((repository, digest), [])
        left = next((each for each in mounts if each.id not in self.played), None)
        if left is not None:
            self.play(left)
        return left is not None

    def play_upload(self, repository: str, digest: str) -> None:
        """Take a mount for the recorded upload of the same content, if there is one that did not come."""
        left = self.upload_of(repository, digest)
        if left is not None and left.response.status < 400:  # noqa: PLR2004 - it was taken
            self.play_session(left)

    def play_instead(self, key: Key) -> None:
        """Take note that a push of other bytes stands for the recorded one: test data is often random."""
        left = (each for each in self.of_key(key) if each.id not in self.played)
        if (instead := next(left, None)) is not None and instead.response.status < 400:  # noqa: PLR2004 - it was taken
            self.play(instead)

    def deletions_in(self, repository: str) -> Iterator[Exchange]:
        """The recorded deletions of manifests by digest that were not played, and whose writes were."""
        for each in self.exchanges:
            here = (each.operation, each.repository) == ("manifest.delete", repository)
            if here and ":" in each.reference and each.id not in self.played and self.is_available(each):
                yield each

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
