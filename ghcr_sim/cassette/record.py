"""Recording: the origin that asks the real registry, passes its answer on, and writes down what may be written.

Bodies stream through while they are hashed and kept. An exchange is written before its last byte goes to the client:
what a client has received whole survives a kill. One whose text holds a secret of this recording is not written, and
then nothing becomes a cassette. Where a request goes, and how addresses are rewritten for the client, `addresses`
knows; what is kept of a body, `bodies`. Source: `reference/record-replay.md` sections 3 and 5.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import defaultdict
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from ghcr_sim.cassette.bodies import SMALL, Keeper, Sending
from ghcr_sim.cassette.cause import changed_by, follows, needed_by
from ghcr_sim.cassette.codings import coding_of, plain
from ghcr_sim.cassette.errors import CassetteError, SecretFound
from ghcr_sim.cassette.key import auth_kind
from ghcr_sim.cassette.model import Auth, Body, Exchange, Received, Sent
from ghcr_sim.cassette.past import Named
from ghcr_sim.cassette.redact import Redactor, kept_query, sized
from ghcr_sim.cassette.search import Search
from ghcr_sim.cassette.taint import Taint, check
from ghcr_sim.exchange import Relay, Response, Wire
from ghcr_sim.oci.refusals import error_body
from ghcr_sim.upstream import UpstreamError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from ghcr_sim import exchange
    from ghcr_sim.cassette.addresses import Addresses, Headers, Place
    from ghcr_sim.cassette.cause import Resource
    from ghcr_sim.cassette.parts import Part
    from ghcr_sim.cassette.pool import Pool, PoolWriter
    from ghcr_sim.exchange import Request
    from ghcr_sim.route import Operation
    from ghcr_sim.upstream import Upstream, UpstreamAnswer

__all__ = ["Recorder"]

_CONTENT = ("blob.", "storage.")
"""Operations whose answers are bytes that a digest names, and must not come out otherwise for how they were asked."""

_BODILESS = frozenset({204, 304})
_BEHIND = 4 << 20
"""Bytes that may still have to be hashed and written while the client is given more."""

_STEP = 1 << 20
"""Bytes that are kept at once: each step is a way to a thread and back."""

_log = logging.getLogger("ghcr_sim")


class _More(TypedDict):
    """Beside an operation, what its causes and effects depend on."""

    digest: str | None
    tags: tuple[str, ...]


@dataclass(slots=True)
class _Asked:
    """A request under way, as it will be written down."""

    number: int
    request: Request
    place: Place
    auth: Auth
    since: int
    sending: Sending
    headers: Headers


class Recorder:
    """The origin of a recording.

    Args:
        upstream: The way to real registries.
        addresses: Where a request goes.
        part: Where exchanges are written.
        pool: Where bodies are kept.
        taint: The secrets that passed.

    Attributes:
        count: How many exchanges were written.
        keeper: What became of the bodies.
        failure: Why nothing becomes a cassette: a secret was about to be written, or the disk is full.
    """

    def __init__(
        self, upstream: Upstream, addresses: Addresses, part: Part, pool: Pool, taint: Taint | None = None
    ) -> None:
        self._upstream = upstream
        self._addresses = addresses
        self._part = part
        self._pool = pool
        self.taint = taint or Taint()
        self._redactor = Redactor(self.taint)
        self.keeper = Keeper(pool, self.taint, self._redactor)
        self._begun = 0
        self._over: dict[int, int] = {}
        self._writes: dict[Resource, list[int]] = defaultdict(list)
        self._named = Named()
        self._scopes: dict[str, tuple[str, ...]] = {}
        self.count = 0
        self.failure: CassetteError | None = None

    def __repr__(self) -> str:
        return f"<Recorder of {self.count} exchanges>"

    async def __call__(self, request: Request, body: exchange.Body) -> Response:
        """Ask the real registry."""
        place = self._addresses.place(request)
        if isinstance(place, Response):
            return place
        asked = self._begin(request, place, body)
        try:
            answer = await self._upstream.send(
                request.method, place.url, _sent_on(request, place), asked.sending
            )
        except UpstreamError as error:
            _log.warning("%s %s: %s", request.method, place.operation.name, error)
            return _bad_gateway(str(error))
        return await self._answered(asked, answer)

    def _begin(self, request: Request, place: Place, body: exchange.Body) -> _Asked:
        """Take note of a request; its secrets are known from here on."""
        self._begun += 1
        value = request.headers.get("authorization", "")
        self._redactor.learn(request.target)
        return _Asked(
            number=self._begun,
            request=request,
            place=place,
            auth=Auth(kind=auth_kind(request.headers), scopes=self._scopes.get(_name_of(value), ())),
            since=len(self._over),
            sending=Sending(body, place.operation.name),
            headers=self._redactor.request_headers(request.headers),
        )

    # -- passing on

    async def _answered(self, asked: _Asked, answer: UpstreamAnswer) -> Response:
        """Pass an answer on: a small one when it is written down, a large one while it comes."""
        headers = self._addresses.for_client(asked.request, asked.place, answer.headers)
        kept = self._redactor.response_headers(answer.headers)
        pieces = answer.pieces()
        begin: list[bytes] = []
        if _has_none(asked, answer) or answer.length is None or answer.length <= SMALL:
            try:
                whole = await _read(pieces, begin)
            except UpstreamError as error:
                _log.warning("%s %s: %s", asked.request.method, asked.place.operation.name, error)
                self._note(asked, answer, kept, _cut(answer))
                return Response(answer.status, headers, wire=Wire(reset=True), by="recorded")
            if whole:
                data = b"".join(begin)
                self._note(asked, answer, kept, data)
                return Response(answer.status, _framed(asked, answer, headers, data), data, by="recorded")
        passed = self._pass_on(asked, answer, kept, _chained(begin, pieces))
        return Response(answer.status, headers, Relay(passed, answer.length), by="recorded")

    async def _pass_on(
        self, asked: _Asked, answer: UpstreamAnswer, kept: Headers, pieces: AsyncGenerator[bytes]
    ) -> AsyncGenerator[bytes]:
        """A large body, kept while it passes. Whoever goes away early leaves an exchange that says so."""
        keeping = _Keeping(self._pool, self.taint)
        held = b""
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    keeping.begin(piece)
                    if held:
                        yield held
                    held = piece
                    await keeping.catch_up(_BEHIND)
            await keeping.catch_up()
            # Before the last piece goes: who has it all has an exchange that is written down.
            self._note(asked, answer, kept, keeping)
            yield held
        finally:
            await keeping.catch_up()
            if not keeping.noted:
                self._note(asked, answer, kept, _cut(answer))
            keeping.discard()

    # -- writing down

    def _note(
        self, asked: _Asked, answer: UpstreamAnswer, kept: Headers, body: bytes | Body | _Keeping
    ) -> None:
        """Write an exchange down, unless nothing can become of the recording any more."""
        if self.failure is not None or self._part.closed:
            return
        try:
            self._write_down(asked, answer, kept, body)
        except (OSError, CassetteError) as error:
            why = (error.strerror or "") if isinstance(error, OSError) else str(error)
            _log.error("nothing more is recorded: %s", why)
            self.failure = CassetteError(
                f"nothing more can be written there: {why}",
                path=self._part.target,
                remedy="make room, or choose another directory, and record again; the old cassette is as it was",
            )

    def _write_down(
        self, asked: _Asked, answer: UpstreamAnswer, kept: Headers, body: bytes | Body | _Keeping
    ) -> None:
        operation, sending = asked.place.operation, asked.sending
        if operation.name.startswith("token.") and isinstance(body, bytes):
            kept, body = _decoded(kept, body)
        self._note_scopes(asked, body)
        reference = operation.reference
        if operation.name.startswith("upload.") and reference:
            reference = self._redactor.number("session", reference)
        if isinstance(body, _Keeping):
            received: Body | None = body.note(self.keeper, asked, answer)
        else:
            received = self.keeper.small(operation, answer, body) if isinstance(body, bytes) else body
        if operation.name.startswith("token.") and received is not None and received.text is not None:
            kept = sized(kept, received.size)
        written = Exchange(
            id=asked.number,
            operation=operation.name,
            host=asked.place.host,
            repository=operation.repository,
            reference=reference,
            query=kept_query(operation.name, operation.query),
            auth=asked.auth,
            after=self._causes(asked),
            request=Sent(headers=asked.headers, body=self.keeper.sent(operation, sending, answer.status)),
            response=Received(status=answer.status, headers=kept, body=received),
        )
        self._write(written)
        self._named.learn(written)
        for resource in changed_by(*_what(operation), status=answer.status, **self._more(asked)):
            self._writes[resource].append(asked.number)
        self._over[asked.number] = len(self._over)

    def _more(self, asked: _Asked) -> _More:
        """What else says what a write changes: the digest that was sent, the tags that go with what is deleted."""
        operation = asked.place.operation
        digest = asked.sending.digest if operation.name == "manifest.put" else None
        return {"digest": digest, "tags": self._named.of(operation.repository, operation.reference)}

    def _write(self, written: Exchange) -> None:
        """Write a line, unless it holds a secret."""
        try:
            check(written, self._part.target, self.taint)
        except SecretFound as found:
            self.failure = found
            return
        self._part.append(written)
        self.count += 1

    def _note_scopes(self, asked: _Asked, body: object) -> None:
        """Remember what a token that was fetched is for."""
        operation = asked.place.operation
        asked_for = tuple(sorted(operation.every("scope")))
        if operation.name == "token.post":
            asked_for = self._redactor.learn_form(bytes(asked.sending.data)) or asked_for
        if operation.name.startswith("token.") and isinstance(body, bytes):
            for token in self._redactor.tokens_in(body):
                self._scopes[_name_of(f"Bearer {token}")] = asked_for

    def _causes(self, asked: _Asked) -> tuple[int, ...]:
        """The writes that were over before it began, and that it depends on or follows."""
        what = _what(asked.place.operation)
        needed = (*needed_by(*what, bytes(asked.sending.data)), *follows(*what, **self._more(asked)))
        found = {each for resource in needed for each in self._writes.get(resource, ())}
        return tuple(sorted(each for each in found if self._over[each] < asked.since))


class _Keeping:
    """A large body on its way into the pool, a little behind the client; where the pool fails, the body goes on.

    Args:
        pool: The pool.
        taint: The secrets that passed.

    Attributes:
        noted: Whether it was written down.
    """

    def __init__(self, pool: Pool, taint: Taint) -> None:
        self._pool = pool
        self._waiting: list[bytes] = []
        self._passed = self._kept = 0
        self._step: asyncio.Task[None] | None = None
        self._search = Search(taint)
        self._known = taint.count
        self._error: OSError | None = None
        self._writer: PoolWriter | None = None
        self.noted = False

    def begin(self, piece: bytes) -> None:
        """Begin to keep a piece."""
        self._waiting.append(piece)
        self._passed += len(piece)
        if self._passed - self._kept >= _STEP:
            self._go_on()

    def _go_on(self) -> None:
        """Keep what waits, all in one step: it is looked through, hashed and written while the next pieces pass."""
        if self._waiting and (self._step is None or self._step.done()):
            pieces, self._waiting = self._waiting, []
            self._step = asyncio.ensure_future(asyncio.to_thread(self._write, pieces))

    def _write(self, pieces: list[bytes]) -> None:
        try:
            if self._writer is None:
                self._writer = self._pool.writer()
            if self._error is None:
                # For secrets that come later the whole is looked through again.
                self._search.add(pieces)
                for piece in pieces:
                    self._writer.write(piece)
        except OSError as error:
            self._error = error
        finally:
            self._kept += sum(map(len, pieces))

    async def catch_up(self, behind: int = 0) -> None:
        """Wait until no more than so many bytes are still to be kept."""
        while self._passed - self._kept > behind:
            self._go_on()
            assert self._step is not None
            await asyncio.wait({self._step})

    def note(self, keeper: Keeper, asked: _Asked, answer: UpstreamAnswer) -> Body:
        """What is kept of it.

        Raises:
            OSError: It could not be kept.
        """
        self.noted = True
        if self._error is not None:
            raise self._error
        assert self._writer is not None
        return keeper.large(asked.place.operation, answer, self._writer, self._search.found, self._known)

    def discard(self) -> None:
        """Forget what was not committed."""
        if self._writer is not None:
            self._writer.discard()


def _what(operation: Operation) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
    """An operation, as its causes and effects are looked up."""
    return operation.name, operation.repository, operation.reference, operation.query


def _sent_on(request: Request, place: Place) -> list[tuple[str, str]]:
    """The fields that go to the registry. A text is asked for as it is: it is to be looked through for secrets."""
    dropped = {"host", "authorization"} if place.drops_credentials else {"host"}
    changed = {} if place.operation.name.startswith(_CONTENT) else {"accept-encoding": "identity"}
    return [
        (name, changed.get(name.lower(), value))
        for name, value in request.headers.items()
        if name.lower() not in dropped
    ]


def _decoded(kept: Headers, data: bytes) -> tuple[Headers, bytes]:
    """A token endpoint's answer without its coding, where that is known: its tokens are to be found."""
    found = plain(data, coding_of(kept))
    if found is None:
        return kept, data
    return tuple(each for each in kept if each[0].lower() != "content-encoding"), found


async def _read(pieces: AsyncIterator[bytes], begin: list[bytes]) -> bool:
    """Read into `begin` what is small; whether that is all."""
    size = 0
    async for piece in pieces:
        begin.append(piece)
        size += len(piece)
        if size > SMALL:
            return False
    return True


async def _chained(begin: list[bytes], rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """What was read already, and the rest."""
    async with aclosing(rest):
        while begin:
            yield begin.pop(0)
        async for piece in rest:
            yield piece


def _has_none(asked: _Asked, answer: UpstreamAnswer) -> bool:
    """Whether an answer has no body, whatever length it says."""
    return asked.request.method == "HEAD" or answer.status in _BODILESS


def _cut(answer: UpstreamAnswer) -> Body:
    """A body that was cut off, of the announced size: how much of it passed is a matter of chance."""
    return Body(size=answer.length or 0, truncated=True)


def _framed(asked: _Asked, answer: UpstreamAnswer, headers: Headers, data: bytes) -> Headers:
    """The fields, with the length that a chunked answer did not say."""
    if _has_none(asked, answer) or any(name.lower() == "content-length" for name, _ in headers):
        return headers
    return (*headers, ("content-length", str(len(data))))


def _name_of(authorization: str) -> str:
    """A name for a credential: the credential itself is not kept."""
    return hashlib.sha256(authorization.encode("utf-8", "surrogatepass")).hexdigest()


def _bad_gateway(why: str) -> Response:
    """What a client hears when there is no answer to pass on."""
    body = error_body("UNAVAILABLE", f"nothing was recorded: {why}")
    headers = (("content-length", str(len(body))), ("content-type", "application/json"))
    return Response(502, headers, body, by="upstream")
