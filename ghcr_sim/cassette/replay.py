"""Replaying: an origin that answers from a cassette, and refuses what the cassette cannot justify.

Recorded answers come first, then the last one again, then ones that are derived from content that the cassette shows
in that repository or that this run has pushed, in the manner of a recorded answer of that kind. What is none of that
is a miss, and goes nowhere: this module has no way to a network. Source: `reference/record-replay.md` sections 3 and
5.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ghcr_sim.cassette.collector import collector_waits
from ghcr_sim.cassette.condition import allows, answers, condition_of
from ghcr_sim.cassette.content import Known
from ghcr_sim.cassette.derive import Deriver
from ghcr_sim.cassette.dialect import Dialect
from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.cassette.hosts import realms_of
from ghcr_sim.cassette.key import auth_kind, key_of_request
from ghcr_sim.cassette.pushes import Pushes
from ghcr_sim.cassette.report import Miss, Report, explain
from ghcr_sim.cassette.sessions import Sessions
from ghcr_sim.cassette.shelf import Shelf, is_write, may_push
from ghcr_sim.cassette.taint import Taint
from ghcr_sim.clock import Clock, Ids
from ghcr_sim.exchange import Content, Response
from ghcr_sim.journal import LEAK, Journal
from ghcr_sim.oci import Refusal
from ghcr_sim.oci.refusals import error_body
from ghcr_sim.route import Operation, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.cassette.key import Key
    from ghcr_sim.cassette.model import Body as Kept
    from ghcr_sim.cassette.model import Exchange
    from ghcr_sim.exchange import Body, Request
    from ghcr_sim.journal import Record

__all__ = ["MISS", "Replay", "Strictness"]

Strictness = Literal["literal", "repeat", "registry"]
"""`literal`: each answer once; `repeat`: safe requests again; `registry`: derived answers, too."""

MISS = 490
"""The status of a miss: no registry has it, so that no client takes it for an answer of one."""

_VERIFIED = 8 << 20
"""Bytes of a body that is hashed before it is served; of a larger one the size is looked at."""

_UPLOADS = frozenset({"upload.post", "upload.patch", "upload.put", "upload.get", "upload.delete"})


class Replay:
    """A registry that a cassette stands for.

    Args:
        cassette: What was recorded.
        strictness: How far answers may go beyond it.
        clock: The time; the system's if None.
        ids: Sessions, tokens, signatures; drawn by chance if None.
        faithful: Whether addresses stay the recorded ones, for clients of a proxy.
        listener: Called with each record of the journal.
        remedy: How to record again, for a miss; the words of the command line where it is empty.

    Attributes:
        journal: What happened.
        report: How it went.
    """

    def __init__(
        self,
        cassette: Cassette,
        strictness: Strictness = "registry",
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        faithful: bool = False,
        listener: Callable[[Record], None] | None = None,
        remedy: str = "",
    ) -> None:
        self.cassette = cassette
        self._remedy = remedy
        self._taint = Taint()
        self._credentials: set[str] = set()
        self.journal = Journal(listener=listener)
        self.report = Report()
        ids = ids or Ids()
        self._strictness = strictness
        self._sound: set[str] = set()
        with collector_waits():
            self._realms = realms_of(cassette.exchanges)
            self._shelf = Shelf(cassette.exchanges)
            self._dialect = Dialect(cassette.header, clock or Clock(), ids, faithful=faithful)
            self._known = Known(self._shelf, cassette.pool)
            self._sessions = Sessions(ids)
            self._pushed_with_scope = _pushed_with_scope(cassette.exchanges)
            self._derive = Deriver(self._shelf, self._known, self._dialect)
        self._pushes = Pushes(
            self._shelf, self._known, self._dialect, self._sessions, derive=self._derive, report=self.report
        )

    def __repr__(self) -> str:
        return f"<Replay of {self.cassette.path.name}: {self.report.summary()}>"

    def close(self) -> Report:
        """Forget what this run has pushed, and say what was not played."""
        self._sessions.close()
        self._shelf.settle()
        self.report.unused_writes, self.report.unused_reads = self._shelf.unused()
        return self.report

    def masked(self, text: str) -> str:
        """A text for people in which what looks like a secret, and each credential that came, is `<secret>`."""
        return self._taint.masked(text)

    def suppose(self, exchange: Exchange) -> None:
        """Go on as if an exchange had been played: one whose bytes nobody has."""
        self._shelf.play(exchange)

    async def __call__(self, request: Request, body: Body) -> Response:
        """Answer one request."""
        start = self.journal.now()
        self._learn(request)
        operation: Operation | None = None
        answer: Response | None = None
        try:
            operation = self._operation(request)
            answer = await self._answer(operation, request, body)
        except Refusal as refusal:
            answer = _refused(refusal)
        except CassetteError as error:
            answer = self._failed(error)
        finally:
            if answer is not None:
                answer = _measured(answer, request.method)
            self.journal.write(start, request, operation, answer, 0)
        return answer

    def _learn(self, request: Request) -> None:
        """Remember a credential, so that it is not shown."""
        value = request.headers.get("authorization")
        if value is not None and value not in self._credentials:
            self._credentials.add(value)
            self._taint.add_authorization(value)

    def _operation(self, request: Request) -> Operation:
        """What is asked for; GitHub's API is a path like any other, and a realm is where a challenge says it is."""
        host = request.authority.partition(":")[0].lower()
        path, _, query = request.target.partition("?")
        if host == "api.github.com":
            return Operation(f"api.{request.method.lower()}", "", path, _pairs(query))
        if (host, path) in self._realms:
            return Operation("token.post" if request.method == "POST" else "token.get", query=_pairs(query))
        return parse(request.method, request.target)

    async def _answer(self, operation: Operation, request: Request, body: Body) -> Response:
        auth = auth_kind(request.headers)
        if operation.name.startswith("storage."):
            return self._storage(operation, request)
        if operation.name in _UPLOADS or operation.name == "manifest.put":
            key = self._key(operation, request, auth)
            if auth == "bearer" and self._lacks_scope(operation.repository, request):
                return self._miss(key, "scope")
            answer = await self._pushes.answer(
                operation, request, body, key, derives=self._strictness == "registry"
            )
            if answer is None:
                return self._miss(key, self._why(key))
            self.report.answers[answer.by] += 1
            return answer
        return self._read(operation, request, auth)

    def _read(self, operation: Operation, request: Request, auth: str) -> Response:
        """Everything but pushes."""
        key = self._key(operation, request, auth)
        repeats = self._strictness != "literal" and request.method in {"GET", "HEAD"}
        condition = condition_of(request.headers.items())

        def holds(each: Exchange) -> bool:
            return answers(each, condition) and self._known.holds(each)

        exchange, how = self._shelf.next(key, repeats=repeats, holds=holds)
        if exchange is not None:
            answer = self._recorded(exchange, operation, request, how)
            if answer is not None:
                return answer
        if self._strictness == "registry":
            derived = self._derive.answer(operation, request, auth)
            if derived is not None and allows(derived.status, derived.headers, condition):
                self.report.answers["derived"] += 1
                return derived
        return self._late(key, operation, request) or self._miss(key, self._why(key, holds))

    def _late(self, key: Key, operation: Operation, request: Request) -> Response | None:
        """The recorded 404 of a look for a blob that this run has pushed meanwhile, where nothing says it is there.

        Parallel pushes that share a blob each look for it first, in another order each time; who is told that it is
        not there pushes it again, and no harm is done.
        """
        if operation.name != "blob.head":
            return None
        exchange, how = self._shelf.next(key, repeats=False)
        absent = exchange is not None and exchange.response.status == 404  # noqa: PLR2004 - Not Found
        return self._recorded(exchange, operation, request, how) if exchange and absent else None

    def _lacks_scope(self, repository: str, request: Request) -> bool:
        """Whether a bearer of this replay was not fetched for pushing, where each recorded push had one that was."""
        scopes = self._dialect.scopes_of(request.headers.get("authorization"))
        return bool(scopes) and not may_push(scopes, repository) and repository in self._pushed_with_scope

    def _recorded(
        self, exchange: Exchange, operation: Operation, request: Request, how: str
    ) -> Response | None:
        """A recorded answer; None where its body was not kept."""
        kept = exchange.response.body
        if kept is not None and (kept.withheld or kept.truncated):
            return None
        body, length = self._body(kept, operation)
        self._shelf.play(exchange)
        self.report.answers[how] += 1
        said = {name.lower() for name, _ in exchange.response.headers}
        replaced: dict[str, str | None] = {}
        if kept is not None and (kept.text is not None or "content-length" not in said):
            replaced["content-length"] = str(length)
        headers = self._dialect.headers(exchange, request, replaced=replaced)
        if exchange.response.status < 300:  # noqa: PLR2004 - done
            self._delete(operation, exchange.id)
        return Response(exchange.response.status, headers, body, by=how)

    def _delete(self, operation: Operation, write: int) -> None:
        """Take note of a deletion, if it is one."""
        if operation.name == "manifest.delete":
            self._known.push_manifest(operation.repository, operation.reference, None, write)
        elif operation.name == "blob.delete":
            self._known.delete_blob(operation.repository, operation.reference, write)

    def _body(self, kept: Kept | None, operation: Operation) -> tuple[bytes | Content, int]:
        """A recorded body, and how long it is."""
        if kept is None:
            return b"", 0
        if kept.text is not None:
            text = kept.text
            data = (
                self._dialect.token_body(text, tuple(operation.every("scope")))
                if operation.name.startswith("token.")
                else text.encode()
            )
            return data, len(data)
        digest = str(kept.digest)
        if kept.size <= _VERIFIED and digest not in self._sound:
            data = self.cassette.pool.read(digest, kept.size)
            self._sound.add(digest)
            return data, len(data)
        blob = self.cassette.pool.blob(digest, kept.size)
        return Content(blob, 0, blob.size), blob.size

    def _storage(self, operation: Operation, request: Request) -> Response:
        """The storage host: behind a signature of this replay, and for nobody who brings a credential."""
        if "authorization" in request.headers:
            self.report.wrongs.append(
                "a credential was sent to the storage host: a client must drop it at a redirect"
            )
            return _azure(400, LEAK)
        if not self._dialect.is_signed(operation.one("sig"), operation.reference):
            self.report.wrongs.append(
                "the storage host was asked without an address that this replay had signed"
            )
            return _azure(403, "storage")
        key = self._key(operation, request, "none")
        condition = condition_of(request.headers.items())

        def holds(each: Exchange) -> bool:
            return answers(each, condition)

        exchange, how = self._shelf.next(key, repeats=self._strictness != "literal", holds=holds)
        if exchange is not None:
            answer = self._recorded(exchange, operation, request, how)
            if answer is not None:
                return answer
        derived = self._derive.storage(operation, request) if self._strictness == "registry" else None
        if derived is None or not allows(derived.status, derived.headers, condition):
            return self._miss(key, self._why(key, holds))
        self.report.answers["derived"] += 1
        return derived

    def _key(self, operation: Operation, request: Request, auth: str) -> Key:
        fields = [(name.lower(), value) for name, value in request.headers.items()]
        return key_of_request(operation, fields, auth)

    def _why(self, key: Key, holds: Callable[[Exchange], bool] | None = None) -> str:
        """Why there is no answer, in a word; `holds` says of a read which recorded ones were looked for."""
        bodies = [each.response.body for each in self._shelf.of_key(key) if each.response.body]
        if any(each.withheld for each in bodies):
            return "withheld"
        if any(each.truncated for each in bodies):
            return "cut off"
        now = self._known.holds
        others = holds is not None and self._shelf.next(key, repeats=True, holds=holds)[0] is None
        if others and self._shelf.next(key, repeats=True, holds=now)[0] is not None:
            return "condition"
        return self._shelf.next(key, repeats=False, holds=now)[1]

    def _miss(self, key: Key, reason: str) -> Response:
        """No answer, and why."""
        cassette = self.cassette
        return self._missed(
            explain(
                key,
                cassette.exchanges,
                cassette.path,
                reason,
                hide=self._taint.masked,
                remedy=self._remedy,
            )
        )

    def _failed(self, error: CassetteError) -> Response:
        """No answer, since what is on disk is damaged or gone."""
        return self._missed(Miss(str(error), "damaged", str(error)))

    def _missed(self, miss: Miss) -> Response:
        self.report.misses.append(miss)
        body = miss.text.encode("utf-8", "backslashreplace") + b"\n"
        headers = (("content-length", str(len(body))), ("content-type", "text/plain; charset=utf-8"))
        return Response(MISS, headers, body, by="miss")


def _pushed_with_scope(exchanges: tuple[Exchange, ...]) -> frozenset[str]:
    """The repositories to which every recorded push came with a bearer that was fetched for pushing there."""
    pushes = [each for each in exchanges if is_write(each.operation) and each.auth.kind == "bearer"]
    without = {each.repository for each in pushes if not may_push(each.auth.scopes, each.repository)}
    return frozenset(each.repository for each in pushes if each.repository not in without)


def _pairs(query: str) -> tuple[tuple[str, str], ...]:
    from urllib.parse import parse_qsl  # noqa: PLC0415 - few cassettes speak with the API

    return tuple(parse_qsl(query, keep_blank_values=True))


def _measured(answer: Response, method: str) -> Response:
    """The answer with the length that it has: a client would wait for the rest of another one's."""
    if method == "HEAD":
        return answer._replace(body=b"")
    if not isinstance(answer.body, bytes):
        return answer
    length = str(len(answer.body))
    headers = tuple(
        (name, length if name.lower() == "content-length" else value) for name, value in answer.headers
    )
    return answer._replace(headers=headers)


def _refused(refusal: Refusal) -> Response:
    """What no registry takes, whatever was recorded."""
    body = error_body(refusal.code, refusal.message, refusal.details)
    headers = (
        ("content-length", str(len(body))),
        ("content-type", "application/json"),
        *refusal.headers,
    )
    return Response(refusal.status, headers, body, by=refusal.by)


def _azure(status: int, by: str) -> Response:
    """A refusal in the storage host's form."""
    body = (
        b'<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthenticationFailed</Code>'
        b"<Message>Server failed to authenticate the request.</Message></Error>"
    )
    headers = (("content-length", str(len(body))), ("content-type", "application/xml"))
    return Response(status, headers, body, by=by)
