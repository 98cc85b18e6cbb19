"""What a replay's run has changed, and which recorded answers are over since: they speak of what is no more.

An answer holds while it agrees with what this run has made of its subject, and where it was recorded after that very
write. Refusals hold: they say nothing of content. It answers nothing. Source: `reference/record-replay.md` section
3.9; section 6 pitfalls 8 and 25.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ghcr_sim.cassette.cause import changed_by
from ghcr_sim.route import WRITES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghcr_sim.cassette.cause import Resource
    from ghcr_sim.cassette.model import Exchange
    from ghcr_sim.store import Blob

__all__ = ["Changes", "Shown", "listed_in"]

_NOT_FOUND = 404
_CONTENT = frozenset({*range(200, 400), _NOT_FOUND})
"""Statuses that say what is there, or that it is not."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A manifest.

    Attributes:
        digest: Its digest.
        media_type: Its media type.
        data: Its bytes.
    """

    digest: str
    media_type: str
    data: bytes


class Changes:
    """The changes of a run.

    Args:
        exchanges: What was recorded.

    Attributes:
        manifests: Repository and reference → what this run has pushed there last; None where it has deleted it.
        blobs: Repository and digest → what this run has pushed or mounted; None where it has deleted it.
    """

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self.manifests: dict[tuple[str, str], Shown | None] = {}
        self.blobs: dict[tuple[str, str], Blob | None] = {}
        self._was: dict[Resource, int | None] = {}
        self._recorded: dict[Resource, set[int]] = defaultdict(set)
        self._puts: set[int] = set()
        for each in exchanges:
            if each.operation in WRITES:
                sent = each.request.body.digest if each.request.body else None
                what = (each.operation, each.repository, each.reference, each.query)
                for resource in changed_by(*what, status=each.response.status, digest=sent):
                    self._recorded[resource].add(each.id)
                if each.operation == "manifest.put":
                    self._puts.add(each.id)

    def manifest(self, repository: str, reference: str, shown: Shown | None, write: int | None) -> None:
        """Take note of a manifest that was pushed under a reference, or deleted.

        Args:
            repository: The repository.
            reference: A tag or digest.
            shown: The manifest, or None.
            write: The number of the recorded write that this was, or None.
        """
        for name in {reference} if shown is None else {reference, shown.digest}:
            self.manifests[repository, name] = shown
            self._was["manifest", repository, name] = write

    def blob(self, repository: str, digest: str, blob: Blob | None, write: int | None) -> None:
        """Take note of a blob that was pushed, mounted or deleted; the arguments are those of a manifest."""
        self.blobs[repository, digest] = blob
        self._was["blob", repository, digest] = write

    def of(self, repository: str) -> dict[str, Shown | None]:
        """Reference → what this run has made of it, in one repository."""
        return {ref: shown for (name, ref), shown in self.manifests.items() if name == repository}

    def holds(self, exchange: Exchange) -> bool:
        """Whether a recorded answer to a read is still one after all that this run has changed."""
        if exchange.response.status not in _CONTENT:
            return True
        match exchange.operation:
            case "manifest.get" | "manifest.head":
                return self._manifest_holds(exchange)
            case "blob.get" | "blob.head":
                return self._blob_holds(exchange)
            case "tags.list":
                return self._tags_hold(exchange)
            case "referrers.list":
                return self._referrers_hold(exchange)
        return True

    def _last(self, exchange: Exchange, resource: Resource) -> int | None:
        """The last write to something that an answer was recorded after."""
        return max((each for each in exchange.after if each in self._recorded[resource]), default=None)

    def _saw(self, exchange: Exchange, resource: Resource) -> bool:
        """Whether an answer was recorded after the write that this run made last, and before any other."""
        write = self._was.get(resource)
        return write is not None and write == self._last(exchange, resource)

    def _manifest_holds(self, exchange: Exchange) -> bool:
        subject = (exchange.repository, exchange.reference)
        if subject not in self.manifests or self._saw(exchange, ("manifest", *subject)):
            return True
        shown = self.manifests[subject]
        if shown is None or exchange.response.status == _NOT_FOUND:
            return shown is None and exchange.response.status == _NOT_FOUND
        return ":" in exchange.reference or shown.digest in _shown_by(exchange)

    def _blob_holds(self, exchange: Exchange) -> bool:
        subject = (exchange.repository, exchange.reference)
        if subject not in self.blobs or self._saw(exchange, ("blob", *subject)):
            return True
        return (self.blobs[subject] is None) == (exchange.response.status == _NOT_FOUND)

    def _tags_hold(self, exchange: Exchange) -> bool:
        """Whether a list, or a page of one, has each tag that was pushed, and none that was deleted."""
        listed = {each for each in listed_in(exchange, "tags") if isinstance(each, str)}
        absent = exchange.response.status == _NOT_FOUND
        for reference, shown in self.of(exchange.repository).items():
            # A push of other content than the recorded one makes the same tag: a page need not have it.
            resource = ("manifest", exchange.repository, reference)
            if shown is None and self._was[resource] in exchange.after:
                continue
            last = self._last(exchange, resource)
            there = reference in listed if last is None else last in self._puts
            if (absent or ":" not in reference) and (shown is not None) != there:
                return False
        return True

    def _referrers_hold(self, exchange: Exchange) -> bool:
        """Whether a list has each referrer that was pushed, and none that was deleted; 404 is a registry without."""
        if exchange.response.status == _NOT_FOUND:
            return True
        manifests = listed_in(exchange, "manifests")
        listed = [each.get("digest") for each in manifests if isinstance(each, dict)]
        for reference, shown in self.of(exchange.repository).items():
            if ":" not in reference or self._saw(exchange, ("manifest", exchange.repository, reference)):
                continue
            if shown is None and reference in listed:
                return False
            if shown is not None and _subject_of(shown) == exchange.reference and reference not in listed:
                return False
        return True


def _shown_by(exchange: Exchange) -> set[str]:
    """The digests by which an answer names its manifest."""
    said = {value for name, value in exchange.response.headers if name.lower() == "docker-content-digest"}
    body = exchange.response.body
    return said | ({body.digest} if body is not None and body.digest is not None else set())


def listed_in(exchange: Exchange, key: str) -> list[Any]:
    """The list under a key of a recorded answer's JSON; an empty one where there is none."""
    body = exchange.response.body
    found = _object(body.text.encode()).get(key) if body is not None and body.text is not None else None
    return found if isinstance(found, list) else []


def _subject_of(shown: Shown) -> str | None:
    """The digest that a manifest refers to."""
    subject = _object(shown.data).get("subject")
    return subject.get("digest") if isinstance(subject, dict) else None


def _object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
