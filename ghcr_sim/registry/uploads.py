"""Upload sessions: distribution specification, section "Pushing blobs"; ghcr-wire section 7.

A session owns a writer of the store. A request that fails puts the writer back to where it was, but for a
streamed PATCH that is cut: what arrived stays, and the status says how much, so that it can be resumed.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghcr_sim.exchange import Body, BodyError, Request, Response
from ghcr_sim.oci import Refusal, parse_digest
from ghcr_sim.ranges import parse_chunk_range
from ghcr_sim.registry.answers import empty
from ghcr_sim.registry.pour import pour
from ghcr_sim.store import DigestMismatch, Store, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghcr_sim.clock import Clock, Ids
    from ghcr_sim.profiles.model import Profile
    from ghcr_sim.route import Operation

__all__ = ["Uploads"]


@dataclass(slots=True)
class _Session:
    """One upload."""

    id: str
    repository: str
    writer: Writer
    started: float
    busy: bool = False
    broken: bool = False
    gone: bool = False


class Uploads:
    """All sessions of a registry."""

    def __init__(self, profile: Profile, store: Store, clock: Clock, ids: Ids) -> None:
        self._profile = profile
        self._store = store
        self._clock = clock
        self._ids = ids
        self._sessions: dict[str, _Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def close(self) -> None:
        """Forget all sessions and what they hold. One that is being written to ends with its request."""
        for session in self._sessions.values():
            session.gone = True
            if not session.busy:
                session.writer.discard()
        self._sessions.clear()

    # -- the operations

    async def post(self, operation: Operation, request: Request, body: Body) -> Response:
        """Start a session, mount a blob, or take a whole blob at once."""
        mount, source = operation.one("mount"), operation.one("from")
        if mount is not None and source is not None:
            parse_digest(mount)
            blob = self._store.blob(source, mount)
            if blob is not None:
                self._store.put_blob(operation.repository, blob)
                return self._created(operation.repository, mount)
        self._sweep()
        session = _Session(self._ids.uuid(), operation.repository, self._store.writer(), self._clock.now())
        digest = operation.one("digest")
        if digest is not None and self._profile.uploads.single_post:
            try:
                with self._at_work(session):
                    return await self._take_all(session, digest, request, body)
            finally:
                session.writer.discard()
        self._sessions[session.id] = session
        return self._accepted(session, 202, "0-0")

    async def patch(self, operation: Operation, request: Request, body: Body) -> Response:
        """Append a chunk, or a stream."""
        session = self._find(operation)
        limit = self._profile.uploads.ranged_patch_limit
        with self._at_work(session):
            await self._append(session, request, body, limit=limit, keep_cut=True)
        return self._accepted(session, 202)

    async def put(self, operation: Operation, request: Request, body: Body) -> Response:
        """Finish: with the last chunk, the whole blob, or nothing more."""
        session = self._find(operation)
        digest = operation.one("digest")
        if digest is None:
            raise Refusal("DIGEST_INVALID", "the query has no digest")
        if session.broken and self._profile.uploads.broken_stays_broken:
            raise Refusal("BLOB_UPLOAD_INVALID", status=self._profile.uploads.broken_status)
        with self._at_work(session):
            answer = await self._take_all(session, digest, request, body)
        del self._sessions[session.id]
        return answer

    def status(self, operation: Operation) -> Response:
        """How much has arrived."""
        if not self._profile.uploads.status:
            raise Refusal("UNSUPPORTED")
        return self._accepted(self._find(operation), 204)

    def cancel(self, operation: Operation) -> Response:
        """Drop a session."""
        if not self._profile.uploads.cancel:
            raise Refusal("UNSUPPORTED")
        session = self._find(operation)
        with self._at_work(session):
            session.writer.discard()
        del self._sessions[session.id]
        return empty(204)

    # -- what they share

    async def _take_all(self, session: _Session, digest: str, request: Request, body: Body) -> Response:
        """The rest of the bytes, the digest, the blob. Nothing is kept of a request that fails."""
        algorithm = parse_digest(digest).algorithm
        writer = session.writer
        mark = writer.mark()
        await self._append(session, request, body, algorithm=algorithm)
        try:
            blob = writer.finish(digest)
        except DigestMismatch as mismatch:
            writer.rollback(mark)
            raise Refusal("DIGEST_INVALID", details=(str(mismatch),)) from None
        self._store.put_blob(session.repository, blob)
        return self._created(session.repository, digest)

    async def _append(
        self,
        session: _Session,
        request: Request,
        body: Body,
        *,
        algorithm: str = "sha256",
        limit: int = 0,
        keep_cut: bool = False,
    ) -> None:
        """Write a body. What does not hold is rolled back; a stream that is cut may be kept, to be resumed."""
        chunk = self._check_chunk(session, request, body, limit)
        writer = session.writer
        mark = writer.mark()
        try:
            got = await pour(body, writer, algorithm=algorithm, most=self._room(session))
            self._check_end(session, chunk, got)
        except BaseException as error:
            cut = isinstance(error, (BodyError, asyncio.CancelledError))
            if not (cut and keep_cut and chunk is None):
                writer.rollback(mark)
            raise

    def _check_end(self, session: _Session, chunk: tuple[int, int] | None, got: int) -> None:
        """Whether the session is still known, and as much came as `Content-Range` announced."""
        if session.gone:
            raise Refusal("BLOB_UPLOAD_UNKNOWN")
        if chunk is not None and got != chunk[1] - chunk[0] + 1:
            why = f"Content-Range announces bytes {chunk[0]}-{chunk[1]}, {got} came"
            raise self._broken(session, Refusal("SIZE_INVALID", why))

    def _find(self, operation: Operation) -> _Session:
        """The session of this repository; too old is as good as none (row 7.7)."""
        session = self._sessions.get(operation.reference)
        if session is None or session.repository != operation.repository:
            raise Refusal("BLOB_UPLOAD_UNKNOWN")
        age = self._clock.now() - session.started
        limits = self._profile.uploads
        if age >= limits.lifetime or (limits.max_seconds and age >= limits.max_seconds):
            self._drop(session)
            raise Refusal("BLOB_UPLOAD_UNKNOWN")
        return session

    @contextmanager
    def _at_work(self, session: _Session) -> Iterator[None]:
        """One request at a time writes to a session."""
        if session.busy:
            raise Refusal("BLOB_UPLOAD_INVALID", "another request is writing to this upload", status=416)
        session.busy = True
        try:
            yield
        finally:
            session.busy = False
            if session.gone:
                session.writer.discard()

    def _check_chunk(
        self, session: _Session, request: Request, body: Body, limit: int = 0
    ) -> tuple[int, int] | None:
        """The announced range of a chunk, checked before a byte of it is read; `limit` 0 allows any length."""
        header = request.headers.get("content-range")
        if header is None:
            return None
        chunk = parse_chunk_range(header)
        if chunk is None:
            raise self._broken(
                session,
                Refusal("BLOB_UPLOAD_INVALID", f"Content-Range must be <first>-<last>, got {header[:80]!r}"),
            )
        first, last = chunk
        announced = body.length if body.length is not None else last - first + 1
        if limit and max(announced, last - first + 1) > limit:
            message = self._profile.uploads.ranged_patch_message
            raise self._broken(session, Refusal("REQUESTED_RANGE_NOT_SATISFIABLE", message))
        if first != session.writer.size:
            raise self._broken(
                session,
                Refusal(
                    "REQUESTED_RANGE_NOT_SATISFIABLE",
                    f"the chunk starts at {first}, the upload is at {session.writer.size}",
                    headers=self._where(session),
                ),
            )
        if announced != last - first + 1:
            raise self._broken(
                session,
                Refusal(
                    "SIZE_INVALID",
                    f"Content-Range announces {last - first + 1} bytes, Content-Length {announced}",
                ),
            )
        return chunk

    @staticmethod
    def _broken(session: _Session, refusal: Refusal) -> Refusal:
        """Remember that a chunk went wrong (row 7.8)."""
        session.broken = True
        return refusal

    def _room(self, session: _Session) -> int | None:
        """How many bytes a session may still take; None is any number."""
        most = self._profile.uploads.max_blob_bytes
        return most - session.writer.size if most else None

    def _sweep(self) -> None:
        """Drop sessions that nobody will finish. They lie in the order in which they were started."""
        oldest = self._clock.now() - self._profile.uploads.lifetime
        while self._sessions:
            session = next(iter(self._sessions.values()))
            if session.started > oldest or session.busy:
                return
            self._drop(session)

    def _drop(self, session: _Session) -> None:
        if not session.busy:
            session.writer.discard()
            self._sessions.pop(session.id, None)

    # -- answers

    def _location(self, session: _Session) -> str:
        return self._profile.uploads.location.format(repository=session.repository, id=session.id)

    def _where(self, session: _Session, held: str | None = None) -> tuple[tuple[str, str], ...]:
        """The header fields that say how far a session is."""
        return (
            ("docker-upload-uuid", session.id),
            ("location", self._location(session)),
            ("range", held or f"0-{max(0, session.writer.size - 1)}"),
        )

    def _accepted(self, session: _Session, status: int, held: str | None = None) -> Response:
        return empty(status, *self._where(session, held))

    @staticmethod
    def _created(repository: str, digest: str) -> Response:
        return empty(201, ("docker-content-digest", digest), ("location", f"/v2/{repository}/blobs/{digest}"))
