"""Pushes in a replay: bytes are hashed, and a push is taken for the recorded one when its digest is that one's.

What no registry takes is refused whatever was recorded: other bytes than the digest says, chunks out of order, a
session that nobody opened, a manifest whose blobs are missing. Source: `reference/record-replay.md` sections 3.2, 3.4
and 3.9.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ghcr_sim.cassette.changes import Shown
from ghcr_sim.cassette.content import Unseen
from ghcr_sim.cassette.key import IN_SESSION
from ghcr_sim.cassette.order import session_of
from ghcr_sim.cassette.sessions import digest_of
from ghcr_sim.exchange import BodyError, Response
from ghcr_sim.oci import Refusal
from ghcr_sim.oci.digests import parse_digest
from ghcr_sim.ranges import parse_chunk_range
from ghcr_sim.registry.check import check_form
from ghcr_sim.registry.registry import read_capped
from ghcr_sim.store import DigestMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ghcr_sim.cassette.content import Known
    from ghcr_sim.cassette.derive import Deriver
    from ghcr_sim.cassette.dialect import Dialect
    from ghcr_sim.cassette.key import Key
    from ghcr_sim.cassette.model import Exchange
    from ghcr_sim.cassette.report import Report
    from ghcr_sim.cassette.sessions import Session, Sessions
    from ghcr_sim.cassette.shelf import Shelf
    from ghcr_sim.exchange import Body, Request
    from ghcr_sim.registry.check import Checked
    from ghcr_sim.route import Operation
    from ghcr_sim.store import Blob

__all__ = ["Pushes"]

_REFUSED = 400
_CREATED = 201
_ACCEPTED = 202
_MANIFEST = 8 << 20


class Pushes:
    """Answers pushes.

    Args:
        shelf: What was recorded.
        known: What may be served.
        dialect: How this registry speaks.
        sessions: The uploads that are open.
        derive: Makes answers that were not recorded.
        report: How it goes.
    """

    def __init__(
        self,
        shelf: Shelf,
        known: Known,
        dialect: Dialect,
        sessions: Sessions,
        *,
        derive: Deriver,
        report: Report,
    ) -> None:
        self._shelf = shelf
        self._known = known
        self._dialect = dialect
        self._sessions = sessions
        self._derive = derive
        self._report = report
        self._turns: Counter[Key] = Counter()
        self._odd = frozenset(_odd_chunks(shelf.exchanges))

    async def answer(  # noqa: PLR0911 - a table
        self, operation: Operation, request: Request, body: Body, key: Key, *, derives: bool
    ) -> Response | None:
        """An answer; None where nothing justifies one.

        Raises:
            Refusal: No registry takes it.
        """
        if not self._derive.is_let_in(operation.repository, key.auth):
            refused = self._next_refusal(key)
            if refused is not None:
                return self._recorded(refused, request)
            return self._derive.challenge(operation, request, key.auth) if derives else None
        if operation.name in IN_SESSION and self._find(operation) is None:
            stray = self._shelf.stray(key, repeats=derives)
            if stray is not None:
                return self._recorded(stray, request)
        try:
            match operation.name:
                case "upload.post":
                    return await self._post(operation, request, body, key, derives=derives)
                case "upload.patch":
                    return await self._patch(operation, request, body, key)
                case "upload.put":
                    return await self._put(operation, request, body, derives=derives)
                case "manifest.put":
                    return await self._manifest(operation, request, body, key, derives=derives)
        except BodyError as error:
            self._report.wrongs.append(f"an upload to {operation.repository} broke off: {error}")
            raise Refusal("SIZE_INVALID", f"the body broke off: {error}") from None
        return self._of_session(operation, request, key)

    # -- sessions

    async def _post(
        self, operation: Operation, request: Request, body: Body, key: Key, *, derives: bool
    ) -> Response | None:
        """Open a session, mount a blob, or take a whole blob at once."""
        known = self._shelf.of_key(key)
        turn = self._turns[key]
        self._turns[key] += 1
        exchange = known[turn] if turn < len(known) else None
        if exchange is not None and exchange.response.status >= _REFUSED:
            return self._recorded(exchange, request)
        digest = operation.one("mount") or operation.one("digest") or ""
        if exchange is not None and exchange.response.status == _CREATED:
            return await self._created(exchange, operation, request, body, digest)
        if exchange is None and derives:
            mounted = self._mounted(operation, request, digest)
            if mounted is not None:
                return mounted
        exemplar = exchange or (self._shelf.exemplar("upload.post", _ACCEPTED) if derives else None)
        if exemplar is None:
            return None
        if exchange is not None:
            # One looks like the other: which session it is shows when its digest is known, and only the count matters.
            self._shelf.play(exchange)
        session = self._sessions.begin(operation.repository)
        headers = self._dialect.headers(
            exemplar, request, session=session.id, repository=operation.repository
        )
        return Response(_ACCEPTED, headers, by="derived" if exchange is None else "recorded")

    async def _created(
        self, exchange: Exchange, operation: Operation, request: Request, body: Body, digest: str
    ) -> Response:
        """A blob that was mounted, or that came with the POST."""
        if operation.one("mount") is None:
            session = self._sessions.begin(operation.repository, body.length)
            await session.take(body, parse_digest(digest).algorithm)
            self._known.push_blob(operation.repository, self._finished(session, digest), exchange.id)
        else:
            self._mount(operation, digest, exchange.id)
        self._shelf.play(exchange)
        return Response(exchange.response.status, self._dialect.headers(exchange, request), by="recorded")

    def _mount(self, operation: Operation, digest: str, write: int | None = None) -> None:
        blob = self._known.blob(operation.one("from") or "", digest) or Unseen(digest, None)
        self._known.push_blob(operation.repository, blob, write)

    def _mounted(self, operation: Operation, request: Request, digest: str) -> Response | None:
        """A mount that was not recorded, of a blob that the source is known to have."""
        source = operation.one("from")
        exemplar = self._shelf.exemplar("upload.post", _CREATED)
        if source is None or exemplar is None or self._known.blob(source, digest) is None:
            return None
        self._mount(operation, digest)
        self._shelf.play_upload(operation.repository, digest)
        replaced = _committed(exemplar, operation.repository, digest)
        return Response(_CREATED, self._dialect.headers(exemplar, request, replaced=replaced), by="derived")

    async def _patch(self, operation: Operation, request: Request, body: Body, key: Key) -> Response | None:
        """A chunk, or a stream."""
        session = self._session(operation)
        refused = self._refused_chunk(request, key)
        if refused is not None:
            return self._recorded(refused, request, session)
        self._check_order(request, session)
        await session.take(body)
        self._shelf.play_chunk(key, request.headers.get("content-range"))
        exemplar = self._shelf.exemplar("upload.patch", 202, 201, 204)
        if exemplar is None:
            return None
        replaced: dict[str, str | None] = {"range": f"0-{max(0, session.size - 1)}"}
        headers = self._dialect.headers(
            exemplar, request, session=session.id, repository=operation.repository, replaced=replaced
        )
        return Response(exemplar.response.status, headers, by="recorded")

    def _refused_chunk(self, request: Request, key: Key) -> Exchange | None:
        """The recorded refusal of just this chunk, which is not played yet."""
        asked = request.headers.get("content-range")
        for each in self._shelf.of_key(key):
            sent = dict(each.request.headers).get("content-range")
            if each.response.status >= _REFUSED and each.id not in self._shelf.played and sent == asked:
                return each
        return None

    def _check_order(self, request: Request, session: Session) -> None:
        """Refuse a chunk that does not begin where the last one ended, unless just that was seen to be taken."""
        said = request.headers.get("content-range")
        chunk = None if said is None else parse_chunk_range(said)
        if (session.repository, said) in self._odd:
            return
        if said is not None and (chunk is None or chunk[0] != session.size):
            self._report.wrongs.append(f"a chunk {said} came where the upload had {session.size} bytes")
            raise Refusal(
                "REQUESTED_RANGE_NOT_SATISFIABLE", f"the chunk {said[:80]!r} does not begin at {session.size}"
            )

    async def _put(
        self, operation: Operation, request: Request, body: Body, *, derives: bool
    ) -> Response | None:
        """The end of an upload: now its digest is known, and with it the recorded upload."""
        digest = operation.one("digest")
        if digest is None:
            raise Refusal("DIGEST_INVALID", "the query has no digest")
        exchange = self._shelf.upload_of(operation.repository, digest)
        if exchange is not None and exchange.response.status >= _REFUSED:
            return self._recorded(exchange, request)
        session = self._session(operation)
        await session.take(body, parse_digest(digest).algorithm)
        if exchange is None and not (derives and self._shelf.exemplar("upload.put", _CREATED)):
            return None
        blob = self._finished(session, digest)
        self._sessions.end(session)
        self._known.push_blob(operation.repository, blob, exchange.id if exchange else None)
        if exchange is not None:
            self._shelf.play_session(exchange)
            return Response(exchange.response.status, self._dialect.headers(exchange, request), by="recorded")
        exemplar = self._shelf.exemplar("upload.put", _CREATED)
        assert exemplar is not None
        if not self._shelf.play_mount(operation.repository, digest):
            self._shelf.substituted.append(operation.repository)
        replaced = _committed(exemplar, operation.repository, digest)
        return Response(_CREATED, self._dialect.headers(exemplar, request, replaced=replaced), by="derived")

    def _finished(self, session: Session, digest: str) -> Blob:
        """The content of a session, if it has the digest that was promised."""
        if session.known:
            whole = len(session.known) == 1 and session.known[0][0] != digest
            if whole:
                raise self._wrong_digest(digest, session.known[0][0])
            return Unseen(digest, session.size)
        try:
            return session.writer.finish(digest)
        except DigestMismatch as mismatch:
            raise self._wrong_digest(digest, str(mismatch)) from None

    def _wrong_digest(self, digest: str, why: str) -> Refusal:
        self._report.wrongs.append(f"an upload was to be {digest} and is not: {why}")
        return Refusal("DIGEST_INVALID", details=(why,))

    def _find(self, operation: Operation) -> Session | None:
        return self._sessions.find(operation.repository, operation.reference)

    def _session(self, operation: Operation) -> Session:
        session = self._find(operation)
        if session is None:
            self._report.wrongs.append(
                f"{operation.name} in {operation.repository}: nobody has opened that upload"
            )
            raise Refusal("BLOB_UPLOAD_UNKNOWN")
        return session

    def _of_session(self, operation: Operation, request: Request, key: Key) -> Response | None:
        """The status of an upload, or its end."""
        session = self._session(operation)
        exchange, _ = self._shelf.next(key, repeats=True)
        exemplar = exchange or self._shelf.exemplar(operation.name, 204)
        if exemplar is None:
            return None
        if operation.name == "upload.delete" and exemplar.response.status < _REFUSED:
            self._sessions.end(session)
        replaced: dict[str, str | None] = {}
        if operation.name == "upload.get":
            replaced["range"] = f"0-{max(0, session.size - 1)}"
        return self._recorded(exemplar, request, session, replaced)

    # -- manifests

    async def _manifest(
        self, operation: Operation, request: Request, body: Body, key: Key, *, derives: bool
    ) -> Response | None:
        """A manifest, taken if what it lists is there."""
        data = await read_capped(body, _MANIFEST, "a manifest")
        by_digest = ":" in operation.reference
        algorithm = parse_digest(operation.reference).algorithm if by_digest else "sha256"
        digest = digest_of(data, algorithm)
        if by_digest and digest != operation.reference:
            raise self._wrong_digest(operation.reference, f"the manifest has {digest}")
        exchange = self._recorded_manifest(key, digest_of(data, "sha256"))
        if exchange is not None and exchange.response.status >= _REFUSED:
            return self._recorded(exchange, request)
        media_type = request.headers.get("content-type", "")
        early = exchange is None or not self._shelf.is_available(exchange)
        if early or exchange is None or _media_type(exchange) not in {"", media_type}:
            checked = self._checked(operation, media_type, data)
            media_type = checked.media_type
            if early:
                self._check_references(operation, checked)
        exemplar = exchange or (self._shelf.exemplar("manifest.put", _CREATED) if derives else None)
        if exemplar is None:
            return None
        if exchange is None:
            self._shelf.play_instead(key)
        shown = Shown(digest, media_type, data)
        self._known.push_manifest(
            operation.repository, operation.reference, shown, exchange.id if exchange else None
        )
        if exchange is not None:
            return self._recorded(exchange, request)
        values = {
            "location": f"/v2/{operation.repository}/manifests/{digest}",
            "docker-content-digest": digest,
        }
        named = {name.lower() for name, _ in exemplar.response.headers}
        replaced: dict[str, str | None] = {name: value for name, value in values.items() if name in named}
        return Response(_CREATED, self._dialect.headers(exemplar, request, replaced=replaced), by="derived")

    def _recorded_manifest(self, key: Key, digest: str) -> Exchange | None:
        """The next recorded push of these bytes, or refusal of any."""
        for each in self._shelf.of_key(key):
            if each.id in self._shelf.played:
                continue
            sent = each.request.body.digest if each.request.body else None
            if sent == digest:
                return each
        return None

    def _checked(self, operation: Operation, media_type: str, data: bytes) -> Checked:
        """What a manifest is and names; what is none is refused."""
        try:
            return check_form(media_type, data)
        except Refusal as refusal:
            self._report.wrongs.append(f"what was pushed to {operation.repository} is no manifest: {refusal}")
            raise

    def _check_references(self, operation: Operation, checked: Checked) -> None:
        """Refuse a manifest whose content is not there."""
        repository, known = operation.repository, self._known
        missing = checked.missing(
            lambda digest: known.has_blob(repository, digest),
            lambda digest: known.manifest(repository, digest) is not None,
        )
        if missing:
            self._report.wrongs.append(
                f"a manifest was pushed to {repository} before what it lists: {', '.join(missing[:3])}"
            )
            raise Refusal("MANIFEST_BLOB_UNKNOWN", details=missing)

    # -- what they share

    def _next_refusal(self, key: Key) -> Exchange | None:
        exchange, _ = self._shelf.next(key, repeats=True)
        return exchange if exchange is not None and exchange.response.status >= _REFUSED else None

    def _recorded(
        self,
        exchange: Exchange,
        request: Request,
        session: Session | None = None,
        replaced: dict[str, str | None] | None = None,
    ) -> Response:
        """A recorded answer."""
        self._shelf.play(exchange)
        body = exchange.response.body
        data = b"" if body is None or body.text is None else body.text.encode()
        changes = dict(replaced or {})
        if data:
            changes["content-length"] = str(len(data))
        headers = self._dialect.headers(
            exchange,
            request,
            session="" if session is None else session.id,
            repository="" if session is None else session.repository,
            replaced=changes,
        )
        return Response(exchange.response.status, headers, data, by="recorded")


def _odd_chunks(exchanges: Iterable[Exchange]) -> Iterator[tuple[str, str]]:
    """Repository and range of each chunk that was taken, though it did not begin where the last one ended."""
    sizes: Counter[str | None] = Counter()
    for each in exchanges:
        if each.operation != "upload.patch" or each.response.status >= _REFUSED:
            continue
        session, said = session_of(each), dict(each.request.headers).get("content-range")
        chunk = None if said is None else parse_chunk_range(said)
        if said is not None and (chunk is None or chunk[0] != sizes[session]):
            yield each.repository, said
        sizes[session] += each.request.body.size if each.request.body else 0


def _media_type(exchange: Exchange) -> str:
    """What a recorded push said that it was."""
    return next((value for name, value in exchange.request.headers if name == "content-type"), "")


def _committed(exemplar: Exchange, repository: str, digest: str) -> dict[str, str | None]:
    """The fields that say which blob it is."""
    values = {"location": f"/v2/{repository}/blobs/{digest}", "docker-content-digest": digest}
    named = {name.lower() for name, _ in exemplar.response.headers}
    return {name: value for name, value in values.items() if name in named}
