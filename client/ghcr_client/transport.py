"""The way of a request: limiter → authentication → redirects → send, and around it the retries.

It knows HTTP and nothing of images. A `Call` says what is asked for; an `Answer` is one whose status was hoped for,
read whole under a cap; everything else is raised as an error of the tree. Nothing is decoded, no cookie is kept, and
credentials go to the registry alone. Source: `reference/registry-clients.md` sections 1.6, 2 and 6.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from yarl import URL

from ghcr_client.answers import BODY_LIMIT
from ghcr_client.auth.authorizer import Authorizer
from ghcr_client.clock import Clock
from ghcr_client.errors import (
    ConfigError,
    GhcrError,
    ProtocolError,
    RateLimited,
    TransportError,
    error_from_answer,
)
from ghcr_client.limiter import Kind, Limiter
from ghcr_client.masking import shown
from ghcr_client.metrics import NO_METRICS
from ghcr_client.proxies import Proxies
from ghcr_client.redirects import MOST_REDIRECTS, RedirectGuard, same_origin, target_of
from ghcr_client.retries import LONGEST_WAIT, retrying
from ghcr_client.sources import PIECE, BytesSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from ghcr_client.auth.credentials import CredentialProvider
    from ghcr_client.metrics import Metrics
    from ghcr_client.settings import GhcrConfig

__all__ = ["JSON_LIMIT", "Answer", "Body", "Call", "Transport", "translated"]

JSON_LIMIT = 8 * 1024 * 1024
"""Bytes of a document that are read."""

_TOKEN_LIMIT = 128 * 1024
_IDLE_SECS = 90.0
_KEEPALIVE_SECS = 60
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
        self._auth = Authorizer(
            config, credentials, fetch=self._fetch, base=self.base, clock=self.clock, metrics=metrics
        )
        self._proxies = Proxies()
        self._guard = RedirectGuard(through_proxy=self._proxies.any)
        self._session: aiohttp.ClientSession | None = None
        self._warned: set[str] = set()

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=self.config.max_connections,
            keepalive_timeout=_IDLE_SECS,
            ssl=_tls(self.config),
            socket_factory=_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "ghcr-client", "Accept-Encoding": "identity"},
            auto_decompress=False,
            read_bufsize=1 << 20,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def base(self, registry: str) -> URL:
        """Where a registry is, or who stands in for it."""
        return self.stand_ins.get(registry) or self.config.url_of(registry)

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
        if not call.retry or not call.repeatable:
            return await self._ask(call)
        answer: Answer = await retrying(self.config.max_retries, self.clock)(self._ask, call)
        return answer

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
        if call.retry:
            retries = retrying(self.config.max_retries, self.clock)
            response: aiohttp.ClientResponse = await retries(self._respond, call, within)
        else:
            response = await self._respond(call, within)
        try:
            yield response
        finally:
            response.close()

    def _timeout(self, call: Call) -> aiohttp.ClientTimeout:
        """How long a call may take: blobs get longer."""
        config = self.config
        sends = isinstance(call.body, Body)
        return aiohttp.ClientTimeout(total=config.upload_timeout_secs if sends else config.timeout_secs)

    async def _respond(self, call: Call, within: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """An answer that was hoped for, its body not read."""
        await self.limiter.turn(call.registry, call.kind)
        began = self.clock.monotonic()
        status = 0
        try:
            response = await self._admitted(call, within)
            status = response.status
            if "RateLimit-Limit" in response.headers:
                self.limiter.learn_headers(call.registry, call.kind, response.headers)
            if "Warning" in response.headers:
                self._warn(call.registry, response.headers["Warning"])
            if status not in call.ok:
                raise await self._refusal(call, response)
        except GhcrError as error:
            self.metrics.error(type(error).__name__)
            raise
        finally:
            self.metrics.request(call.method, call.operation, status, self.clock.monotonic() - began)
        return response

    async def _admitted(self, call: Call, within: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """The answer to a call that is let in; the first call to a registry finds out what that takes."""
        host = self._auth.host(call.registry)
        if host.known:
            return await self._authorized(call, within)
        async with host.lock:
            if not host.known:
                response = await self._authorized(call, within)
                host.known = True
                return response
        return await self._authorized(call, within)

    async def _authorized(self, call: Call, within: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """The answer to a call with a token; one that is refused is renewed once."""
        token = await self._auth.header(call.registry, call.scopes)
        response = await self._followed(call, token, within)
        status = response.status
        if status in _REFUSED and same_origin(response.url, self.base(call.registry)):
            offered = response.headers.getall("WWW-Authenticate", ())
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
        url = target_of(home, call.target)
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
        if isinstance(body, Body):
            data = body.read()
            if body.size is not None:
                headers["Content-Length"] = str(body.size)
        _log.debug("%s %s", method, url.with_query(None))
        with translated(url):
            return await self._session.request(
                method,
                url,
                data=data,
                headers=headers,
                timeout=within,
                proxy=self._proxies.of(url),
                allow_redirects=False,
            )

    async def _read(self, response: aiohttp.ClientResponse, limit: int) -> bytes:
        """A whole body, which is no longer than it may be."""
        with translated(response.url):
            try:
                length = response.content_length
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
        with contextlib.suppress(GhcrError), translated(response.url):
            body = await _upto(response, BODY_LIMIT)
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


async def _upto(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body's beginning."""
    pieces: list[bytes] = []
    left = most
    while left > 0 and (piece := await response.content.read(min(left, 1 << 20))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket that notices when the other side is gone."""
    made = socket.socket(*info[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_SECS)
    return made


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
def translated(url: URL) -> Any:
    """Turn what aiohttp and the system raise into errors of the tree; theirs hold header fields, and are not shown."""
    try:
        yield
    except GhcrError:
        raise
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as error:
        reason = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
        raise TransportError(f"TLS failed: {shown(str(reason))}", url=str(url), temporary=False) from None
    except aiohttp.ClientConnectorDNSError as error:
        gone = isinstance(error.os_error, socket.gaierror) and error.os_error.errno == socket.EAI_NONAME
        raise TransportError(f"{url.host} has no address", url=str(url), temporary=not gone) from None
    except TimeoutError:
        raise TransportError("no answer in time", url=str(url)) from None
    except aiohttp.ClientResponseError as error:
        raise ProtocolError(f"{url.host} does not speak HTTP: {shown(error.message)}") from None
    except aiohttp.InvalidURL:
        raise ProtocolError(f"{shown(str(url.host))} sent to what is no URL") from None
    except (aiohttp.ClientError, OSError) as error:
        raise TransportError(f"the connection failed: {shown(str(error))}", url=str(url)) from None
