"""Answers that follow from what was recorded: known content, in the manner of a recorded answer of that kind.

Without a recorded example there is no answer, and none for whom the cassette shows nobody of that kind of credential
let in. Each is labelled. Source: `reference/record-replay.md` section 5.2, point 5; section 6 pitfalls 10, 11 and 25.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from ghcr_sim.cassette.content import Unseen
from ghcr_sim.cassette.key import BY_ACCEPT, key_of_exchange, media_types
from ghcr_sim.cassette.tags import link_to, page_of, tags_now
from ghcr_sim.exchange import Response
from ghcr_sim.registry.blobs import ranged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghcr_sim.cassette.changes import Shown
    from ghcr_sim.cassette.content import Known
    from ghcr_sim.cassette.dialect import Dialect
    from ghcr_sim.cassette.model import Exchange
    from ghcr_sim.cassette.shelf import Shelf
    from ghcr_sim.exchange import Request
    from ghcr_sim.route import Operation
    from ghcr_sim.store import Blob

__all__ = ["Deriver"]

_BY = "derived"
_SCOPE = re.compile(r"repository:([^:\"]+):")
_LET_IN = range(200, 400)
_CHALLENGED = ("manifest.get", "upload.post", "ping", "blob.get", "manifest.head", "blob.head")
"""Whose 401 is the example for others: first those that have a body."""

_REFUSED = 400
_TAKEN = frozenset({"bearer", "basic"})


class Deriver:
    """Makes answers.

    Args:
        shelf: What was recorded.
        known: What may be served.
        dialect: How this registry speaks.
    """

    def __init__(self, shelf: Shelf, known: Known, dialect: Dialect) -> None:
        self._shelf = shelf
        self._known = known
        self._dialect = dialect
        self._let_in = {
            (each.repository, each.auth.kind)
            for each in shelf.exchanges
            if each.response.status in _LET_IN and not each.operation.startswith(("token.", "storage."))
        }

        # Registries differ in what they give to who names no type, or any: what was seen of this one counts.
        self._given = {
            (key_of_exchange(each).accept, value)
            for each in shelf.exchanges
            if each.operation in BY_ACCEPT and each.response.status == 200  # noqa: PLR2004 - OK
            for name, value in each.response.headers
            if name.lower() == "content-type"
        }

    def is_let_in(self, repository: str, auth: str) -> bool:
        """Whether the cassette shows somebody of this kind of credential let into a repository."""
        return (repository, auth) in self._let_in

    def answer(self, operation: Operation, request: Request, auth: str) -> Response | None:  # noqa: PLR0911 - a table
        """An answer to anything but a push and the storage host; None where nothing justifies one."""
        if operation.name == "token.get":
            return self._token(operation, request, auth)
        if not self.is_let_in(operation.repository, auth):
            return self.challenge(operation, request, auth)
        match operation.name:
            case "manifest.get" | "manifest.head":
                return self._manifest(operation, request)
            case "manifest.delete":
                return self._delete(operation, request)
            case "blob.head":
                return self._blob_head(operation, request)
            case "blob.get":
                return self._blob(operation, request)
            case "tags.list":
                return self._tags(operation, request)
            case "referrers.list":
                # Of a registry without the API, the cassette shows that, whatever the subject.
                return self._like(request, self._shelf.exemplar("referrers.list", 404))
        return None

    # -- the way in

    def challenge(self, operation: Operation, request: Request, auth: str) -> Response | None:
        """The 401 of who brings nothing, where the cassette shows that credentials are taken."""
        named = operation.repository
        taken = any(kind in _TAKEN and named in {"", repository} for repository, kind in self._let_in)
        if auth != "none" or not taken:
            return None
        for name in (operation.name, *_CHALLENGED):
            exemplar = self._shelf.exemplar(name, 401)
            if exemplar is not None:
                return self._like(request, exemplar, operation.repository)
        return None

    def _token(self, operation: Operation, request: Request, auth: str) -> Response | None:
        """A token for other scopes, of repositories that the cassette speaks of."""
        known = {*self._shelf.repositories(), *self._challenged()}
        scopes = operation.every("scope")
        asked = {each.split(":")[1] for each in scopes if each.count(":") > 1}
        exemplar = next(
            (
                each
                for each in self._shelf.exchanges
                if each.operation == "token.get" and each.response.status == 200 and each.auth.kind == auth  # noqa: PLR2004 - OK
            ),
            None,
        )
        body = None if exemplar is None else exemplar.response.body
        if exemplar is None or body is None or body.text is None or not asked <= known:
            return None
        data = self._dialect.token_body(body.text, tuple(scopes))
        headers = self._dialect.headers(exemplar, request, replaced={"content-length": str(len(data))})
        return Response(200, headers, data, by=_BY)

    def _challenged(self) -> Iterator[str]:
        """The repositories that challenges name: GHCR's name a placeholder, and some clients ask for it, too."""
        for each in self._shelf.exchanges:
            for name, value in each.response.headers:
                if name.lower() == "www-authenticate":
                    yield from _SCOPE.findall(value)

    # -- reading

    def _manifest(self, operation: Operation, request: Request) -> Response | None:
        shown = self._known.manifest(operation.repository, operation.reference)
        if shown is None:
            return self._absent(operation, request, "manifest.get", "manifest.head")
        accepted = media_types(value for name, value in request.headers.items() if name.lower() == "accept")
        if shown.media_type not in accepted and (accepted, shown.media_type) not in self._given:
            return None
        exemplar = self._shelf.exemplar(operation.name, 200) or self._shelf.exemplar("manifest.get", 200)
        exemplar = exemplar or self._shelf.exemplar("manifest.head", 200)
        if exemplar is None:
            return None
        return Response(
            200,
            self._dialect.headers(exemplar, request, replaced=_named(shown, exemplar)),
            shown.data,
            by=_BY,
        )

    def _delete(self, operation: Operation, request: Request) -> Response | None:
        """The recorded answer to the deletion of what this run has not pushed, for what it has pushed instead.

        Clients that delete a tag push a manifest of random bytes under it, and delete that by its digest.
        """
        repository, digest = operation.repository, operation.reference
        if not self._known.is_own(repository, digest) or self._known.manifest(repository, digest) is None:
            return None
        found = self._shelf.deletions_in(repository)
        exchange = next((each for each in found if not self._known.is_own(repository, each.reference)), None)
        if exchange is None:
            return None
        self._shelf.play(exchange)
        if exchange.response.status < _REFUSED:
            self._known.push_manifest(repository, digest, None, exchange.id)
        return self._like(request, exchange)

    def _blob_head(self, operation: Operation, request: Request) -> Response | None:
        blob = self._known.blob(operation.repository, operation.reference)
        if blob is None:
            return self._absent(operation, request, "blob.head", "blob.get")
        exemplar, size = self._shelf.exemplar("blob.head", 200), self._known.size_of(blob)
        if exemplar is None or size is None:
            return None
        replaced = _sized(exemplar, size, blob.digest)
        return Response(200, self._dialect.headers(exemplar, request, replaced=replaced), by=_BY)

    def _blob(self, operation: Operation, request: Request) -> Response | None:
        blob = self._known.blob(operation.repository, operation.reference)
        if blob is None:
            return self._absent(operation, request, "blob.get", "blob.head")
        redirect = self._shelf.exemplar("blob.get", 307, 302, 303, 301)
        if redirect is not None:
            return Response(
                redirect.response.status, self._dialect.headers(redirect, request, digest=blob.digest), by=_BY
            )
        exemplar = self._shelf.exemplar("blob.get", 200, 206)
        return None if exemplar is None else self._serve(blob, request, exemplar)

    def storage(self, operation: Operation, request: Request) -> Response | None:
        """The storage host's answer to an address that was signed in this replay."""
        blob = self._known.any_blob(operation.reference)
        exemplar = self._shelf.exemplar("storage.get", 200, 206)
        if blob is None or exemplar is None:
            return None
        return self._serve(blob, request, exemplar)

    def _serve(self, blob: Blob, request: Request, exemplar: Exchange) -> Response | None:
        """A blob, or the part of it that is asked for; None where nobody has its bytes."""
        if isinstance(blob, Unseen):
            return None
        plain = ranged(blob, request, (), by=_BY)
        sizes: dict[str, str | None] = {
            "content-range": None,
            "transfer-encoding": None,
            **dict(plain.headers),
        }
        sizes |= {
            name: value
            for name, value in _sized(exemplar, 0, blob.digest).items()
            if name != "content-length"
        }
        return plain._replace(headers=self._dialect.headers(exemplar, request, replaced=sizes))

    def _tags(self, operation: Operation, request: Request) -> Response | None:
        """The page of the recorded tags and those of this run, where this run has changed them."""
        own = self._known.own_tags(operation.repository)
        lists = [
            each
            for each in self._shelf.exchanges
            if (each.operation, each.repository, each.response.status)
            == ("tags.list", operation.repository, 200)
            and self._shelf.is_available(each)
        ]
        names = tags_now(lists, own) if own else None
        page = page_of(names, operation, lists) if names else None
        body = page and page.example.response.body
        if page is None or body is None or body.text is None:
            return None
        document = json.loads(body.text) | {"tags": page.tags}
        data = json.dumps(document, separators=(",", ":")).encode()
        data += b"\n" if body.text.endswith("\n") else b""
        replaced: dict[str, str | None] = {"content-length": str(len(data))}
        if not page.more:
            replaced["link"] = None
        headers = tuple(
            (name, link_to(value, page.tags[-1], operation.one("n")) if name.lower() == "link" else value)
            for name, value in self._dialect.headers(page.example, request, replaced=replaced)
        )
        return Response(200, headers, data, by=_BY)

    def _absent(self, operation: Operation, request: Request, *names: str) -> Response | None:
        """The recorded 404, for what the cassette saw absent and for content that it has never heard of."""
        repository, reference = operation.repository, operation.reference
        known = self._known.is_own(repository, reference) or self._known.was_absent(repository, reference)
        if operation.name == "blob.head":
            # Who remembers what it has pushed before asks for it first; recorded was who did not remember.
            known = known or self._known.comes_later(repository, reference)
        if not known and (":" not in reference or self._known.is_mentioned(repository, reference)):
            return None
        exemplar = self._shelf.exemplar(operation.name, 404)
        for name in names:
            exemplar = exemplar or self._shelf.exemplar(name, 404)
        return self._like(request, exemplar)

    def _like(self, request: Request, exemplar: Exchange | None, repository: str = "") -> Response | None:
        """The same answer as a recorded one, to another request."""
        if exemplar is None:
            return None
        body = exemplar.response.body
        data = b"" if body is None or body.text is None else body.text.encode()
        replaced: dict[str, str | None] | None = {"content-length": str(len(data))} if data else None
        return Response(
            exemplar.response.status,
            self._dialect.headers(exemplar, request, repository=repository, replaced=replaced),
            data,
            by=_BY,
        )


def _named(shown: Shown, exemplar: Exchange) -> dict[str, str | None]:
    """The fields that say which manifest it is."""
    known = {name.lower() for name, _ in exemplar.response.headers}
    values = {
        "content-length": str(len(shown.data)),
        "content-type": shown.media_type,
        "docker-content-digest": shown.digest,
        "etag": f'"{shown.digest}"',
    }
    return {name: value for name, value in values.items() if name in known or name == "content-length"}


def _sized(exemplar: Exchange, size: int, digest: str) -> dict[str, str | None]:
    """The fields that say which blob it is."""
    known = {name.lower() for name, _ in exemplar.response.headers}
    values = {"content-length": str(size), "docker-content-digest": digest, "etag": f'"{digest}"'}
    return {name: value for name, value in values.items() if name in known or name == "content-length"}
