"""Recorded requests, played at anything that answers: at the cassette itself, to test it, or at the fake, to judge it.

Placeholders become what this other side has given: its sessions, its tokens, its signed addresses. Bytes that were
not kept are sent as digest and size only, to who can take that. It compares nothing. Source:
`reference/record-replay.md` section 5.6.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

from multidict import CIMultiDict

from ghcr_sim.cassette.order import session_of
from ghcr_sim.cassette.shelf import is_write, may_push
from ghcr_sim.exchange import BodyError, BytesBody, Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from ghcr_sim.cassette.model import Exchange
    from ghcr_sim.cassette.pool import Pool
    from ghcr_sim.exchange import Body, Handler
    from ghcr_sim.store import Blob

__all__ = ["DigestBody", "Login", "Played", "Player", "method_of", "path_of", "scopes_of"]

_REFUSED = 400
_NOBODYS = "00000000-0000-4000-8000-000000000000"
"""An upload that nobody has opened: what is asked of one and refused can be asked again."""

_AUTHORITY = "127.0.0.1:443"
_HELD = 1 << 20
"""Bytes of a body that are read at once; a larger one is read as it is sent."""

_SENT = 64 << 20
"""Bytes of a body that are sent; of a larger one digest and size are."""


class Login(NamedTuple):
    """Who plays.

    Attributes:
        good: User and password where the recorded one was let in.
        bad: User and password where it was not.
    """

    good: str = "player:recorded"
    bad: str = "player:refused"


class DigestBody:
    """A body of which only digest and size are known; whoever reads it gets nothing.

    Args:
        digest: Its digest.
        size: How many bytes it has.
    """

    def __init__(self, digest: str, size: int) -> None:
        self.known_digest = digest
        self.length = size

    async def pieces(self) -> AsyncIterator[bytes]:
        """Nothing.

        Raises:
            BodyError: Always.
        """
        raise BodyError("the bytes were not kept")
        yield b""


class BlobBody:
    """A body out of the pool, read as it is sent.

    Args:
        blob: Its bytes.
    """

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self.length = blob.size

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes."""
        for piece in self._blob.pieces(0, self.length):
            yield bytes(piece)


class Played(NamedTuple):
    """A recorded exchange, and what the other side said.

    Attributes:
        exchange: The recorded one.
        response: What was said now; None where it could not be asked.
        why: Why it could not be asked.
    """

    exchange: Exchange
    response: Response | None
    why: str = ""


class Player:
    """Plays requests.

    Args:
        handler: Who answers.
        pool: Where the bodies are.
        login: Who plays.
    """

    def __init__(self, handler: Handler, pool: Pool, login: Login | None = None) -> None:
        self._handler = handler
        self._pool = pool
        self._login = login or Login()
        self._sessions: dict[str, str] = {}
        self._signed: dict[str, str] = {}
        self._tokens: dict[tuple[str, ...], str] = {}

    async def play(self, exchange: Exchange) -> Played:
        """Play one exchange.

        Args:
            exchange: The recorded one.

        Returns:
            What was said.
        """
        target = self._target(exchange)
        if target is None:
            return Played(exchange, None, "what it belongs to was not answered as recorded")
        headers = CIMultiDict(
            (name, value) for name, value in exchange.request.headers if name != "content-length"
        )
        authorization = self._authorization(exchange)
        if authorization is not None:
            headers["authorization"] = authorization
        method = method_of(exchange)
        authority = "localhost:443" if exchange.host == "storage" else _AUTHORITY
        if exchange.host == "api":
            authority = "api.github.com"
        request = Request(method, target, headers, "http", authority)
        response = await self._handler(request, self.body(exchange))
        self._remember(exchange, response)
        return Played(exchange, response)

    def _target(self, exchange: Exchange) -> str | None:
        """Path and query, with what this side has given in place of placeholders."""
        name = exchange.operation
        if exchange.host == "api":
            return exchange.reference + _query(exchange.query)
        if name.startswith("storage."):
            return self._signed.get(exchange.reference)
        if name.startswith("upload.") and name != "upload.post":
            where = self._sessions.get(exchange.reference)
            if where is None and exchange.response.status < _REFUSED:
                return None
            where = where or f"/v2/{exchange.repository}/blobs/uploads/{_NOBODYS}"
            mark = "&" if "?" in where else "?"
            return where + (_query(exchange.query, mark) if exchange.query else "")
        return path_of(exchange) + _query(exchange.query)

    def _authorization(self, exchange: Exchange) -> str | None:
        """A credential of the recorded kind, of who was let in or of who was not."""
        kind, status = exchange.auth.kind, exchange.response.status
        if kind == "none" or exchange.host == "storage":
            return None
        if kind == "empty":
            return "Bearer"
        if kind == "basic":
            login = self._login.bad if status in {401, 403} else self._login.good
            return f"Basic {b64encode(login.encode()).decode()}"
        token = self._tokens.get(exchange.auth.scopes) or self._other_token(exchange)
        if token is None:
            token = b64encode(self._login.good.partition(":")[2].encode()).decode()
        return f"Bearer {token}"

    def _other_token(self, exchange: Exchange) -> str | None:
        """A token for something else, which does for reading: its own may have been fetched later than it was used."""
        writes = is_write(exchange.operation)
        fit = (
            token
            for scopes, token in self._tokens.items()
            if not writes or may_push(scopes, exchange.repository)
        )
        return next(fit, None)

    def body(self, exchange: Exchange) -> Body:
        """What was sent, or its digest and size where the bytes were not kept."""
        sent = exchange.request.body
        if sent is None:
            return BytesBody()
        if sent.pooled and sent.digest:
            return BytesBody(self._pool.read(sent.digest))
        if sent.digest and self._pool.has(sent.digest) and sent.size <= _SENT:
            if sent.size <= _HELD:
                return BytesBody(self._pool.read(sent.digest))
            return BlobBody(self._pool.blob(sent.digest, sent.size))
        return DigestBody(str(sent.digest), sent.size)

    def _remember(self, exchange: Exchange, response: Response) -> None:
        """Keep what later requests have to bring along."""
        location = next((value for name, value in response.headers if name.lower() == "location"), "")
        if exchange.operation == "token.get" and isinstance(response.body, bytes):
            self._remember_token(exchange, response.body)
        session = session_of(exchange)
        if session and location and exchange.operation != "upload.put":
            parts = urlsplit(location)
            self._sessions[session] = parts.path + (f"?{parts.query}" if parts.query else "")
        elif exchange.operation == "blob.get" and location:
            parts = urlsplit(location)
            self._signed[exchange.reference] = f"{parts.path}?{parts.query}"

    def _remember_token(self, exchange: Exchange, body: bytes) -> None:
        try:
            document = json.loads(body)
            token = document.get("token") or document.get("access_token")
        except (ValueError, AttributeError):
            return
        if isinstance(token, str):
            self._tokens[scopes_of(exchange)] = token


def method_of(exchange: Exchange) -> str:
    """The HTTP method of an operation."""
    word = exchange.operation.partition(".")[2]
    return "GET" if word in {"", "list"} else word.upper()


def path_of(exchange: Exchange) -> str:
    """The path of an operation."""
    if exchange.host == "api":
        return exchange.reference
    base = f"/v2/{exchange.repository}"
    return {
        "ping": "/v2/",
        "landing": "/",
        "token": "/token",
        "catalog": "/v2/_catalog",
        "tags": f"{base}/tags/list",
        "referrers": f"{base}/referrers/{exchange.reference}",
        "upload": f"{base}/blobs/uploads/",
        "manifest": f"{base}/manifests/{exchange.reference}",
        "blob": f"{base}/blobs/{exchange.reference}",
        "storage": f"/ghcr1/blobs/{exchange.reference}",
    }[exchange.operation.partition(".")[0]]


def _query(pairs: Iterable[tuple[str, str]], mark: str = "?") -> str:
    text = "&".join(f"{quote(key, safe='')}={quote(value, safe=':/,')}" for key, value in pairs)
    return f"{mark}{text}" if text else ""


def scopes_of(each: Exchange) -> tuple[str, ...]:
    """What a token was asked for.

    Args:
        each: The request for it.

    Returns:
        Its scopes, sorted.
    """
    return tuple(sorted(value for key, value in each.query if key == "scope"))
