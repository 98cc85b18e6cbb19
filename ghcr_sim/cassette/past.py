"""What was recorded before a write, and did not see it: it stays before that write in every order.

By numbers alone nothing is known to be earlier: parallel requests have them by chance. What counts is whether a read
speaks of what a write changed, and is not recorded as after it. It knows no files. Source:
`reference/record-replay.md` section 3.9 and 5.1.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from ghcr_sim.cassette.cause import changed_by, needed_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ghcr_sim.cassette.cause import Resource
    from ghcr_sim.cassette.model import Exchange

__all__ = ["Named", "unseen"]

_OK = range(200, 300)
_REFUSED = 400


class Named:
    """Which tags named a manifest at some time: a deletion by its digest takes them along."""

    def __init__(self) -> None:
        self._tags: dict[tuple[str, str], set[str]] = defaultdict(set)

    def learn(self, each: Exchange) -> None:
        """Take note of the digest that an exchange shows under a tag."""
        if not each.operation.startswith("manifest.") or ":" in each.reference:
            return
        if each.response.status in _OK:
            for digest in _digests(each):
                self._tags[each.repository, digest].add(each.reference)

    def of(self, repository: str, digest: str) -> tuple[str, ...]:
        """The tags, sorted."""
        return tuple(sorted(self._tags.get((repository, digest), ())))


def unseen(exchanges: Sequence[Exchange]) -> Iterator[tuple[int, int]]:
    """What did not see a write yet that began later.

    Args:
        exchanges: All of one recorder, in any order.

    Yields:
        The number of what was asked, and that of the write.
    """
    writes = _writes(exchanges)
    for each in exchanges:
        if each.operation.startswith(("upload.", "token.")) or each.operation == "manifest.put":
            continue
        seen = set(each.after)
        for resource in needed_by(each.operation, each.repository, each.reference, each.query):
            late = (write for write in writes.get(resource, ()) if write not in seen)
            yield from ((each.id, write) for write in late if each.id < write)
    yield from _too_early(exchanges)


def _writes(exchanges: Sequence[Exchange]) -> dict[Resource, list[int]]:
    """What was changed → by whom."""
    named = Named()
    for each in exchanges:
        named.learn(each)
    found: dict[Resource, list[int]] = defaultdict(list)
    for each in exchanges:
        what = (each.operation, each.repository, each.reference, each.query)
        digest = _sent(each) if each.operation == "manifest.put" else None
        tags = named.of(each.repository, each.reference)
        for resource in changed_by(*what, status=each.response.status, digest=digest, tags=tags):
            found[resource].append(each.id)
    return found


def _too_early(exchanges: Sequence[Exchange]) -> Iterator[tuple[int, int]]:
    """Refused manifests, and what the same manifest was taken after: what it lists was not there yet."""
    refused: dict[tuple[str, str | None], list[Exchange]] = defaultdict(list)
    for each in sorted(exchanges, key=lambda each: each.id):
        if each.operation != "manifest.put":
            continue
        alike = (each.repository, _sent(each))
        if each.response.status >= _REFUSED:
            refused[alike].append(each)
            continue
        for early in refused.get(alike, ()):
            yield from (
                (early.id, write) for write in each.after if write not in early.after and early.id < write
            )


def _sent(each: Exchange) -> str | None:
    """The digest of what was sent."""
    return each.request.body.digest if each.request.body else None


def _digests(each: Exchange) -> set[str]:
    """The digests by which an exchange names its manifest."""
    said = {value for name, value in each.response.headers if name.lower() == "docker-content-digest"}
    bodies = (each.request.body, each.response.body)
    return said | {body.digest for body in bodies if body is not None and body.digest is not None}
