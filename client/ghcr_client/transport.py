"""The way of a request: limiter → authentication → redirects → send, and around it the retries.

It knows HTTP and nothing of images. A `Call` says what is asked for; an `Answer` is one whose status was hoped for,
read whole under a cap; everything else is raised as an error of the tree. Nothing is decoded, no cookie is kept, and
credentials go to the registry alone. Source: `reference/registry-clients.md` sections 1.6, 2 and 6.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

import aiohttp
from yarl import URL

from ghcr_client.answers import BODY_LIMIT
from ghcr_client.auth.authorizer import Authorizer
from ghcr_client.clock import Clock
from ghcr_client.errors import (
    ConfigError,
    GhcrError,
    NotFound,
    ProtocolError,
    RateLimited,
    TransportError,
)
from ghcr_client.hashing import SMALL
from ghcr_client.limiter import Kind, Limiter
from ghcr_client.masking import bare_url, shown
from ghcr_client.metrics import NO_METRICS
from ghcr_client.proxies import Proxies
from ghcr_client.redirects import MOST_REDIRECTS, RedirectGuard, same_origin, target_of
from ghcr_client.refusals import error_from_answer
from ghcr_client.retries import LONGEST_WAIT, repeated
from ghcr_client.sources import PIECE, BytesSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from ghcr_client.auth.providers import CredentialProvider
    from ghcr_client.metrics import Metrics
    from ghcr_client.settings import GhcrConfig

__all__ = ["JSON_LIMIT", "Answer", "Body", "Call", "Transport", "translated"]

JSON_LIMIT = 8 * 1024 * 1024
"""Bytes of a document that are read."""

_TOKEN_LIMIT = 128 * 1024
_IDLE_SECS = 90.0
_KEEPALIVE_SECS = 60
_GOODBYE_SECS = 0.02
_GOODBYE_TRIES = 100
_READ_AHEAD = 256 * 1024
_REFUSED = frozenset({401, 403})
_FOLLOWED = frozenset({301, 302, 307, 308})
_SAFE = frozenset({"GET", "HEAD"})
_log = logging.getLogger("ghcr_client")


@dataclass(frozen=True, slots=True)
class Body:
    """What a request sends, when it is more than some bytes.

    Attributes:
        read: Gives the pieces from the start, each time it is called.
        size: Bytes in all, or None: then they go in chunked transfer coding.
        rewindable: Whether `read` may be called again.
    """

    read: Callable[[], AsyncIterator[bytes]]
    size: int | None
    rewindable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One thing that a registry is asked for.

    Attributes:
        operation: Its name, such as `manifest.get`: in errors, metrics and limits.
        method: The HTTP method.
        registry: Which registry, as references name it.
        target: A path below the registry, or the URL that it gave.
        scopes: What a token must allow, in canonical order.
        headers: Header fields beside those that every request has.
        ok: The statuses that are hoped for.
        body: What is sent.
        limit: Bytes of the answer that are read at most.
        follow: Whether redirects are followed; only those of GET and HEAD ever are.
        retry: Whether failures that pass are tried again here.
    """

    operation: str
    method: str
    registry: str
    target: str
    scopes: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    ok: frozenset[int] = frozenset({200})
    body: bytes | Body | None = None
    limit: int = JSON_LIMIT
    follow: bool = True
    retry: bool = True

    def __repr__(self) -> str:
        return f"Call({self.operation!r}, {self.method} {shown(self.registry)} {bare_url(self.target)})"

    @property
    def kind(self) -> Kind:
        """Which limit it counts for."""
        return "read" if self.method in _SAFE else "write"

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent again."""
        return not isinstance(self.body, Body) or self.body.rewindable


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was hoped for.

    Attributes:
        status: The HTTP status.
        headers: Its header fields; names in any case.
        body: All of it.
        url: Who answered in the end.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: URL

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes, {bare_url(str(self.url))})"


class Transport:
    """Sends calls; one for all that a client does. Open it by `async with`.

    Args:
        config: The settings.
        credentials: Who this client is, registry by registry.
        metrics: What is counted; nothing by default.
        clock: The time; this machine's by default.

    Attributes:
        limiter: How often registries are asked.
        stand_ins: Registries that somebody else stands in for: name → base URL.
    """

    def __init__(
        self,
        config: GhcrConfig,
        credentials: CredentialProvider,
        *,
        metrics: Metrics = NO_METRICS,
        clock: Clock | None = None,
    ) -> None:
        self.config = config
        self.metrics = metrics
        self.clock = clock or Clock()
        self.limiter = Limiter(self.clock, config.throttle_threshold)
        self.stand_ins: dict[str, URL] = {}
        self._bases: dict[str, URL] = {}
        self._auth = Authorizer(
            config, credentials, fetch=self._fetch, base=self.base, clock=self.clock, metrics=metrics
        )
        self._proxies = Proxies()
        self._guard = RedirectGuard(through_proxy=self._proxies.any)
        self._session: aiohttp.ClientSession | None = None
        self._warned: set[str] = set()
        self._sockets: WeakSet[socket.socket] = WeakSet()

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=self.config.max_connections,
            keepalive_timeout=_IDLE_SECS,
            ssl=_tls(self.config),
            socket_factory=self._socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "ghcr-client", "Accept-Encoding": "identity"},
            auto_decompress=False,
            read_bufsize=_READ_AHEAD,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
            await self._sockets_closed()

    async def _sockets_closed(self) -> None:
        """Return when no socket is open: one on which an exchange was given up says good-bye over TLS first."""
        for tries in range(_GOODBYE_TRIES):
            if all(each.fileno() < 0 for each in self._sockets):
                return
            await asyncio.sleep(0 if tries < _GOODBYE_TRIES / 2 else _GOODBYE_SECS)

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket that notices when the other side is gone."""
        made = socket.socket(*info[:3])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_SECS)
        self._sockets.add(made)
        return made

    def base(self, registry: str) -> URL:
        """Where a registry is, or who stands in for it."""
        found = self.stand_ins.get(registry) or self._bases.get(registry)
        if found is None:
            found = self._bases[registry] = self.config.url_of(registry)
        return found

    async def is_anonymous(self, registry: str) -> bool:
        """Whether this client is nobody to a registry."""
        return await self._auth.credentials(registry) is None

    async def ask(self, call: Call) -> Answer:
        """Send a call and read its answer.

        Args:
            call: What to ask for.

        Returns:
            An answer with one of the statuses in `call.ok`.

        Raises:
            RegistryError: The registry refused, or failed in each try.
            TransportError: There was no answer in any try.
            ProtocolError: The answer is too long, or leads nowhere.
        """
        retries = self.config.max_retries if call.retry and call.repeatable else 0
        with self._counted(call):
            return await repeated(partial(self._ask, call), retries, self.clock)

    async def _ask(self, call: Call) -> Answer:
        response = await self._respond(call, self._timeout(call))
        body = await self._read(response, call.limit)
        return Answer(response.status, response.headers, body, response.url)

    @contextlib.asynccontextmanager
    async def open(self, call: Call) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a call, and leave its answer's body to be read; what breaks then is for the reader to mend.

        Args:
            call: What to ask for.

        Yields:
            An answer with one of the statuses in `call.ok`.

        Raises:
            GhcrError: As `ask` does; tries are repeated until there is an answer, and not after.
        """
        within = aiohttp.ClientTimeout(total=None, sock_read=self.config.timeout_secs)
        retries = self.config.max_retries if call.retry else 0
        with self._counted(call):
            response = await repeated(partial(self._respond, call, within), retries, self.clock)
        try:
            yield response
        finally:
            response.close()

    @contextlib.contextmanager
    def _counted(self, call: Call) -> Iterator[None]:
        """Count what fails in the end. That a HEAD finds nothing is an answer."""
        try:
            yield
        except GhcrError as error:
            if not (call.method == "HEAD" and isinstance(error, NotFound)):
                self.metrics.error(type(error).__name__)
            raise

    def _timeout(self, call: Call) -> aiohttp.ClientTimeout:
        """How long a call may take: blobs get longer."""
        config = self.config
        # The last request of an upload sends nothing, and the registry may work on it for long.
        sends = call.operation.startswith("upload")
        return aiohttp.ClientTimeout(total=config.upload_timeout_secs if sends else config.timeout_secs)

    async def _respond(self, call: Call, within: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """An answer that was hoped for, its body not read."""
        await self.limiter.turn(call.registry, call.kind)
        began = self.clock.monotonic()
        status = 0
        try:
            response = await self._admitted(call, within)
            status = response.status
            if "RateLimit-Limit" in response.headers or "X-RateLimit-Limit" in response.headers:
                self.limiter.learn_headers(call.registry, call.kind, response.headers)
            if "Warning" in response.headers:
                self._warn(call.registry, response.headers["Warning"])
            if status not in call.ok:
                raise await self._refusal(call, response)
        finally:
            self.metrics.request(call.method, call.operation, status, self.clock.monotonic() - began)
            if self.metrics is not NO_METRICS and (left := self.limiter.remaining(call.registry)) is not None:
                self.metrics.rate_limit_remaining(left)
        return response

    async def _admitted(self, call: Call, within: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """The answer to a call that is let in; the first call to a registry finds out what that takes."""
        host = self._auth.host(call.registry)
        if host.known:
            return await self._authorized(call, within)
        async with host.lock:
            if not host.known:
                try:
                    return await self._authorized(call, within)
                finally:
                    # Also where there was no answer: those who wait need not fail one after another.
                    host.known = True
        return await self._authorized(call, within)

    async def _authorized(self, call: Call, within: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """The answer to a call with a token; one that is refused is renewed once."""
        token = await self._auth.header(call.registry, call.scopes)
        response = await self._followed(call, token, within)
        status = response.status
        if status in _REFUSED and same_origin(response.url, self.base(call.registry)):
            offered = response.headers.getall("WWW-Authenticate", ())
            with _let_go_on_failure(response):
                again = await self._auth.refused(call.registry, call.scopes, status, offered, token)
            if again and call.repeatable:
                await self._drop(response)
                token = await self._auth.header(call.registry, call.scopes)
                response = await self._followed(call, token, within)
        return response

    async def _followed(
        self, call: Call, token: str | None, within: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """The answer at the end of all redirects; the token goes to the registry only."""
        home = self.base(call.registry)
        url = _below(home, call.target)
        await self._guard.check(home, url)
        for _ in range(MOST_REDIRECTS + 1):
            headers = dict(call.headers)
            if token and same_origin(url, home):
                headers["Authorization"] = token
            response = await self._send(call.method, url, headers, call.body, within)
            if response.status not in _FOLLOWED or call.method not in _SAFE or not call.follow:
                return response
            try:
                target = target_of(url, response.headers.get("Location", ""))
                await self._guard.check(url, target)
            finally:
                await self._drop(response)
            url = target
        raise ProtocolError(f"{call.operation}: {call.registry} sent on more than {MOST_REDIRECTS} times")

    async def _send(
        self,
        method: str,
        url: URL,
        headers: dict[str, str],
        body: bytes | Body | None,
        within: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """One request, and its answer's head."""
        if self._session is None:
            raise ConfigError("the client is closed: use it inside `async with`")
        data: Any = body
        if isinstance(body, bytes) and len(body) > PIECE:
            body = Body(BytesSource(body).read, len(body), rewindable=True)
        sent = None
        if isinstance(body, Body) and body.rewindable and body.size is not None and body.size <= SMALL:
            # At hand and soon read: it goes with the head, in one packet, and takes no task of its own.
            data = b"".join([piece async for piece in body.read()])
        elif isinstance(body, Body):
            data = sent = _Sent(body.read())
            if body.size is not None:
                headers["Content-Length"] = str(body.size)
        _log.debug("%s %s", method, url.with_query(None))
        try:
            with translated(url):
                return await self._session.request(
                    method,
                    url,
                    data=data,
                    headers=headers,
                    timeout=within,
                    proxy=self._proxies.of(url),
                    allow_redirects=False,
                    middlewares=() if method in _SAFE else (_once,),
                )
        except TransportError:
            if sent is not None and sent.failure is not None:
                raise sent.failure from None
            raise

    async def _read(self, response: aiohttp.ClientResponse, limit: int) -> bytes:
        """A whole body, which is no longer than it may be."""
        with translated(response.url):
            try:
                # Of an answer to HEAD, it is the length of what a GET would bring.
                length = None if response.method == "HEAD" else response.content_length
                body = b"" if length is not None and length > limit else await _upto(response, limit + 1)
            except BaseException:
                response.close()
                raise
        if (length or 0) > limit or len(body) > limit:
            response.close()
            raise ProtocolError(
                f"{response.url.host} answered with more than {limit} bytes, which are not read"
            )
        return body

    async def _drop(self, response: aiohttp.ClientResponse) -> None:
        """Let go of an answer, and keep its connection where little is left to read."""
        with contextlib.suppress(GhcrError):
            await self._read(response, BODY_LIMIT)

    async def _refusal(self, call: Call, response: aiohttp.ClientResponse) -> GhcrError:
        """The error that an answer stands for; a limit in it is remembered."""
        body = b""
        try:
            with contextlib.suppress(GhcrError), translated(response.url):
                body = await _upto(response, BODY_LIMIT)
        finally:
            response.close()
        error = error_from_answer(
            response.status,
            response.headers,
            body,
            operation=call.operation,
            url=str(response.url),
            from_storage=not same_origin(response.url, self.base(call.registry)),
        )
        if isinstance(error, RateLimited):
            if error.allowed:
                self.limiter.learn_rate(call.registry, call.kind, error.allowed)
            self.limiter.pause(call.registry, call.kind, min(error.retry_after or 0, LONGEST_WAIT))
        return error

    async def _fetch(
        self, registry: str, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request to a token endpoint, with every answer taken as it is."""
        target = URL(url, encoded=True)
        await self._guard.check(self.base(registry), target)
        within = aiohttp.ClientTimeout(total=self.config.timeout_secs)
        response = await self._send(method, target, dict(headers), body, within)
        answer = await self._read(response, _TOKEN_LIMIT)
        return response.status, response.headers, answer

    def _warn(self, registry: str, warning: str) -> None:
        """Say once what a registry warns of."""
        if warning not in self._warned and len(self._warned) < 100:  # noqa: PLR2004 - a server may send any number
            self._warned.add(warning)
            _log.warning("%s warns: %s", registry, shown(warning))


class _Sent:
    """What a request sends. It keeps what went wrong with it, which aiohttp would take for a lost connection.

    Args:
        pieces: The content.

    Attributes:
        failure: What reading it ended with, or None.
    """

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self.failure: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._pieces:
                yield piece
        except Exception as failure:
            self.failure = failure
            raise


@contextlib.contextmanager
def _let_go_on_failure(response: aiohttp.ClientResponse) -> Iterator[None]:
    """Close an answer's connection where the block fails."""
    try:
        yield
    except BaseException:
        response.close()
        raise


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a PUT or DELETE again by itself: whoever sent it looks first what became of it."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from None


def _below(home: URL, target: str) -> URL:
    """Where a call goes: a path that was made here is the registry's, and all else has to prove itself."""
    if target.startswith("/"):
        return URL(f"{home.origin()}{target}", encoded=True)
    return target_of(home, target)


async def _upto(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body's beginning."""
    pieces: list[bytes] = []
    left = most
    while left > 0 and (piece := await response.content.read(min(left, 1 << 20))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _tls(config: GhcrConfig) -> ssl.SSLContext:
    """How TLS is spoken: 1.2 at least, certificates checked."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if config.ca_file is not None:
        try:
            context.load_verify_locations(cafile=config.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"ca_file {config.ca_file} cannot be read: {error}") from None
    return context


@contextlib.contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turn what aiohttp and the system raise into errors of the tree; theirs hold header fields, and go no further."""
    try:
        yield
    except GhcrError:
        raise
    except (aiohttp.ClientError, OSError, ValueError) as error:
        failure = _translation(error, url)
        try:
            raise failure from None
        finally:
            failure.__context__ = None  # whoever walks the chain would find the header fields there


def _translation(error: Exception, url: URL) -> GhcrError:
    """The error of the tree for one of aiohttp's or the system's."""
    match error:
        case aiohttp.ClientSSLError():  # some are a ValueError, too
            pass
        case aiohttp.ClientHttpProxyError():
            said = f"the proxy refused: {error.status} {shown(error.message)}"
            return TransportError(said, temporary=False)
        case aiohttp.ClientResponseError():
            return ProtocolError(f"{url.host} does not speak HTTP: {shown(error.message)}")
        case ValueError():  # aiohttp.InvalidURL is one, and what a host or a header field may not hold
            return ProtocolError(f"{bare_url(str(url))} is no URL that can be asked")
    words, temporary = _broken(error, url)
    return TransportError(words, url=str(url), temporary=temporary)


def _broken(error: Exception, url: URL) -> tuple[str, bool]:
    """Why there is no answer, and whether there may be one later."""
    match error:
        case aiohttp.ClientSSLError():
            reason = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
            return f"TLS failed: {shown(str(reason))}", False
        case aiohttp.ClientConnectorDNSError():
            gone = isinstance(error.os_error, socket.gaierror) and error.os_error.errno == socket.EAI_NONAME
            return f"{url.host} has no address", not gone
        case TimeoutError():
            return "no answer in time", True
        case _:
            words = str(error).partition(" Connection<")[0]  # what follows may hold a proxy's password
            return f"the connection failed: {shown(words)}", True
