"""What a replay may serve: content that the cassette shows in a repository, and what this run has pushed there.

Content is scoped to the repository in which it was seen, and counts only from the write on that made it. It answers
no request.
Source: `reference/record-replay.md` section 5.2, point 5; section 6 pitfalls 10 and 11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_sim.cassette.cause import sizes_in
from ghcr_sim.cassette.changes import Changes, Shown
from ghcr_sim.cassette.errors import CassetteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghcr_sim.cassette.model import Body, Exchange
    from ghcr_sim.cassette.pool import Pool
    from ghcr_sim.cassette.shelf import Shelf
    from ghcr_sim.store import Blob

__all__ = ["Known", "Unseen"]

_OK = range(200, 300)


class Known:
    """The content of a replay.

    Args:
        shelf: What was recorded.
        pool: Where the bodies are.
    """

    def __init__(self, shelf: Shelf, pool: Pool) -> None:
        self._shelf = shelf
        self._pool = pool
        self._changes = Changes(shelf.exchanges)
        self._recorded: dict[tuple[str, str], list[tuple[Exchange, Body]]] = {}
        self._shown: dict[tuple[str, str], list[tuple[Exchange, Body, str]]] = {}
        self._absent: set[tuple[str, str]] = set()
        self._mentioned = {(each.repository, each.reference) for each in shelf.exchanges}
        self._there: dict[tuple[str, str], list[Exchange]] = {}
        redirected: dict[str, list[Exchange]] = {}
        for each in shelf.exchanges:
            if each.operation in {"blob.get", "blob.head"} and each.response.status < 400:  # noqa: PLR2004 - it is there
                redirected.setdefault(each.reference, []).append(each)
                self._there.setdefault((each.repository, each.reference), []).append(each)
            self._learn_manifest(each)
        for each in shelf.exchanges:
            self._learn_blob(each, redirected)

    def _learn_manifest(self, each: Exchange) -> None:
        status, sent, got = each.response.status, each.request.body, each.response.body
        if each.operation == "manifest.get" and status == 200 and got and got.pooled and got.digest:  # noqa: PLR2004 - OK
            self._show(each, got, _field(each.response.headers, "content-type"))
        elif each.operation == "manifest.put" and status in _OK and sent and sent.pooled and sent.digest:
            self._show(each, sent, _field(each.request.headers, "content-type"))
        elif each.operation.startswith(("manifest.", "blob.")) and status == 404:  # noqa: PLR2004 - Not Found
            self._absent.add((each.repository, each.reference))

    def _show(self, each: Exchange, body: Body, media_type: str) -> None:
        for reference in {each.reference, str(body.digest)}:
            self._shown.setdefault((each.repository, reference), []).append((each, body, media_type))

    def _learn_blob(self, each: Exchange, redirected: dict[str, list[Exchange]]) -> None:
        body = each.response.body
        whole = body is not None and body.pooled and body.part is None
        if not whole or body is None or each.operation not in {"blob.get", "storage.get"}:
            return
        if each.response.status != 200 or body.digest != each.reference:  # noqa: PLR2004 - OK
            return
        owners = redirected.get(each.reference, []) if each.operation == "storage.get" else [each]
        for owner in owners:
            self._recorded.setdefault((owner.repository, each.reference), []).append((owner, body))

    # -- what this run does

    def push_manifest(
        self, repository: str, reference: str, shown: Shown | None, write: int | None = None
    ) -> None:
        """Take note of a manifest that this run pushed, or deleted.

        Args:
            repository: The repository.
            reference: The tag or digest.
            shown: The manifest; None where it was deleted: by its digest, with all its tags.
            write: The number of the recorded write that this was, or None.
        """
        gone = self._tags_of(repository, reference) if shown is None and ":" in reference else ()
        for each in (reference, *gone):
            self._changes.manifest(repository, each, shown, write)

    def _tags_of(self, repository: str, digest: str) -> list[str]:
        """The tags that name a manifest now."""
        recorded = [ref for name, ref in self._shown if name == repository and ":" not in ref]
        return [
            each
            for each in dict.fromkeys([*recorded, *self.own_tags(repository)])
            if self._digest(repository, each) == digest
        ]

    def push_blob(self, repository: str, blob: Blob, write: int | None = None) -> None:
        """Take note of a blob that this run pushed or mounted, and of the recorded write that this was."""
        self._changes.blob(repository, blob.digest, blob, write)

    def delete_blob(self, repository: str, digest: str, write: int | None = None) -> None:
        """Take note of a blob that this run deleted, and of the recorded write that this was."""
        self._changes.blob(repository, digest, None, write)

    # -- what there is

    def holds(self, exchange: Exchange) -> bool:
        """Whether a recorded answer is not over: this run has changed nothing of what it speaks of since."""
        return self._changes.holds(exchange)

    def is_own(self, repository: str, reference: str) -> bool:
        """Whether this run has changed a manifest or a blob."""
        changes = self._changes
        return (repository, reference) in changes.manifests or (repository, reference) in changes.blobs

    def own_tags(self, repository: str) -> dict[str, bool]:
        """The tags that this run has pushed or deleted → whether they are there."""
        return {
            each: shown is not None for each, shown in self._changes.of(repository).items() if ":" not in each
        }

    def is_mentioned(self, repository: str, digest: str) -> bool:
        """Whether the cassette speaks of a digest in a repository."""
        return (repository, digest) in self._mentioned

    def comes_later(self, repository: str, digest: str) -> bool:
        """Whether the cassette shows a blob after writes that this run has not made, and only then."""
        shown = self._there.get((repository, digest), [])
        return bool(shown) and not any(self._shelf.is_available(each) for each in shown)

    def was_absent(self, repository: str, reference: str) -> bool:
        """Whether the cassette saw that there is no such thing."""
        return (repository, reference) in self._absent

    def manifest(self, repository: str, reference: str) -> Shown | None:
        """A manifest that may be served now."""
        if (repository, reference) in self._changes.manifests:
            return self._changes.manifests[repository, reference]
        newest = self._newest(repository, reference)
        return newest and Shown(newest[0], newest[1], self._pool.read(newest[0]))

    def _digest(self, repository: str, reference: str) -> str | None:
        """The digest of a manifest that may be served now; its bytes are not read."""
        if (repository, reference) in self._changes.manifests:
            own = self._changes.manifests[repository, reference]
            return own.digest if own else None
        newest = self._newest(repository, reference)
        return newest and newest[0]

    def _newest(self, repository: str, reference: str) -> tuple[str, str] | None:
        """Digest and media type of what was recorded last of a manifest, of what holds already."""
        open_ones = [each for each in self._shown.get((repository, reference), []) if self._is_open(each[0])]
        if not open_ones:
            return None
        _, body, media_type = max(open_ones, key=lambda each: (len(each[0].after), each[0].id))
        return str(body.digest), media_type

    def blob(self, repository: str, digest: str) -> Blob | None:
        """A blob that may be served now."""
        if (repository, digest) in self._changes.blobs:
            return self._changes.blobs[repository, digest]
        for owner, _ in self._recorded.get((repository, digest), []):
            if self._shelf.is_available(owner):
                return self._pool.blob(digest)
        return None

    def size_of(self, blob: Blob) -> int | None:
        """How many bytes a blob has, by itself or by what the cassette says of its digest; None where nobody does."""
        if not isinstance(blob, Unseen) or blob.is_sized:
            return blob.size
        shown = (body for found in self._shown.values() for _, body, _ in found)
        manifests = dict.fromkeys(str(body.digest) for body in shown)
        named = (sizes_in(self._pool.read(each)) for each in manifests if self._pool.has(each))
        return next((sizes[blob.digest] for sizes in named if blob.digest in sizes), None)

    def any_blob(self, digest: str) -> Blob | None:
        """A blob by its digest alone, as the storage host finds it behind a signature."""
        own = next((blob for (_, each), blob in self._changes.blobs.items() if blob and each == digest), None)
        if own is not None:
            return own
        return self._pool.blob(digest) if self._pool.has(digest) else None

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a blob is there now, by what was recorded or done; its bytes may be unknown."""
        return self.blob(repository, digest) is not None

    def _is_open(self, exchange: Exchange) -> bool:
        """Whether what an exchange shows holds already: a push, once it was played; a pull, once its causes were."""
        if exchange.operation == "manifest.put":
            return exchange.id in self._shelf.played
        return self._shelf.is_available(exchange)


class Unseen:
    """A blob of which the digest is known, and the bytes are not: nobody kept them.

    Args:
        digest: Its digest.
        size: How many bytes it has; None where nobody has said so.

    Attributes:
        is_sized: Whether `size` is known; it is 0 where it is not.
    """

    path: str | None = None

    def __init__(self, digest: str, size: int | None) -> None:
        self.digest = digest
        self.size = size or 0
        self.is_sized = size is not None

    def pieces(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """Nothing.

        Raises:
            CassetteError: Always.
        """
        raise CassetteError(f"the bytes of {self.digest} were not kept ({start} to {stop} were asked for)")


def _field(headers: tuple[tuple[str, str], ...], name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")
