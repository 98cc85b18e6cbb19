"""The way of a request: limiter → authentication → redirects → send, and around it the retries.

It knows HTTP and nothing of images. A `Call` says what is asked for; an `Answer` is one whose status was hoped for,
read whole under a cap; everything else is raised as an error of the tree. Nothing is decoded, no cookie is kept, and
credentials go to the registry alone. Source: `reference/registry-clients.md` sections 1.6, 2 and 6.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from yarl import URL

from ghcr_client.answers import BODY_LIMIT
from ghcr_client.auth.authorizer import Authorizer
from ghcr_client.calls import SAFE, Answer, Body
from ghcr_client.clock import Clock
from ghcr_client.errors import ConfigError, GhcrError, NotFound, ProtocolError, RateLimited, TransportError
from ghcr_client.gates import Gates
from ghcr_client.hashing import SMALL
from ghcr_client.limiter import Limiter
from ghcr_client.masking import shown
from ghcr_client.metrics import NO_METRICS
from ghcr_client.proxies import Proxies
from ghcr_client.redirects import MOST_REDIRECTS, RedirectGuard, same_origin, target_of
from ghcr_client.refusals import error_from_answer
from ghcr_client.retries import LONGEST_WAIT, repeated
from ghcr_client.sources import PIECE, BytesSource
from ghcr_client.standins import StandIns
from ghcr_client.tracing import span
from ghcr_client.wire import (
    Sent,
    Sockets,
    Try,
    agent,
    beginning,
    below,
    coding_of,
    let_go_on_failure,
    once,
    said_by,
    tls_context,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from ghcr_client.auth.providers import CredentialProvider
    from ghcr_client.calls import Call
    from ghcr_client.metrics import Metrics
    from ghcr_client.settings import GhcrConfig

__all__ = ["Transport"]

_TOKEN_LIMIT = 128 * 1024
_IDLE_SECS = 90.0
_READ_AHEAD = 256 * 1024
_MULTIPLE = 300
_TOO_MANY = 429
_LONGEST_PAUSE = 24 * 3600.0
_REFUSED = frozenset({401, 403})
_FOLLOWED = frozenset({301, 302, 307, 308})
_log = logging.getLogger("ghcr_client")


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
        self.stand_ins = StandIns()
        self._bases: dict[str, URL] = {}
        self._auth = Authorizer(
            config, credentials, fetch=self._fetch, base=self.base, clock=self.clock, metrics=metrics
        )
        self._proxies = Proxies()
        self._guard = RedirectGuard(through_proxy=self._proxies.any)
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gates = Gates(config.max_connections)
        self._warned: set[tuple[str, str]] = set()
        self._sockets = Sockets()

    async def __aenter__(self) -> Self:
        if self._session is not None and self._loop is not None and not self._loop.is_closed():
            raise ConfigError(
                "the client is open already: close it before it is opened again, or make another"
            )
        connector = aiohttp.TCPConnector(
            limit=0,
            keepalive_timeout=_IDLE_SECS,
            ssl=tls_context(self.config),
            socket_factory=self._sockets,
        )
        self._loop = asyncio.get_running_loop()
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": agent(), "Accept-Encoding": "identity"},
            auto_decompress=False,
            read_bufsize=_READ_AHEAD,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
            await self._sockets.closed()

    def base(self, registry: str) -> URL:
        """Where a registry is, or who stands in for it."""
        found = self._bases.get(registry)
        if found is None:
            found = self._bases[registry] = self.config.url_of(registry)
        return self.stand_ins.place(registry, found)

    async def _check(self, source: URL, target: URL) -> None:
        """Nothing, if one may go from here to there."""
        self.stand_ins.check(target)
        await self._guard.check(source, target)

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
            ConfigError: The client is closed, or was opened in another loop.
        """
        self._check_loop()
        retries = self.config.max_retries if call.retry and call.repeatable else 0
        with self._counted(call):
            return await repeated(partial(self._ask, call), retries, self.clock)

    async def _ask(self, call: Call) -> Answer:
        async with contextlib.AsyncExitStack() as held:
            if not call.placed:
                sends = isinstance(call.body, Body)
                await held.enter_async_context(self._gates.through(call.registry, sends=sends))
            response = await self._respond(call, Try(self._timeout(call), held))
            body = await self._read(response, call.limit)
            if body and call.method == "GET" and (coding := coding_of(response)):
                raise ProtocolError(
                    f"{call.operation}: {response.url.host} answered with Content-Encoding {coding}, which was "
                    "not asked for: look for a proxy on the way that changes answers"
                )
            return Answer(response.status, response.headers, body, response.url)

    def sending(self, registry: str) -> contextlib.AbstractAsyncContextManager[None]:
        """A place for content that goes in several calls, from before its first byte is read to after its last.

        Were it taken call by call, content that is open could have all places that the next call waits for.

        Args:
            registry: Where it goes. The calls say that they are `placed`.

        Returns:
            What holds the place.
        """
        return self._gates.through(registry, sends=True)

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
        self._check_loop()
        seconds = self.config.timeout_secs
        within = aiohttp.ClientTimeout(total=None, connect=seconds, sock_read=seconds)
        retries = self.config.max_retries if call.retry else 0
        async with contextlib.AsyncExitStack() as held:

            async def begin() -> aiohttp.ClientResponse:
                async with contextlib.AsyncExitStack() as stack:
                    await stack.enter_async_context(self._gates.through(call.registry, sends=False))
                    response = await self._respond(call, Try(within, stack))
                    held.push_async_exit(stack.pop_all())
                    return response

            with self._counted(call):
                response = await repeated(begin, retries, self.clock)
            held.callback(response.close)
            yield response

    def _check_loop(self) -> None:
        """Refuse another loop than the one in which the client was opened: nothing of it works there."""
        if self._session is not None and self._loop is not asyncio.get_running_loop():
            raise ConfigError(
                "the client belongs to the loop in which it was opened: make another one here, or use SyncGhcrClient"
            )

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

    async def _respond(self, call: Call, this: Try) -> aiohttp.ClientResponse:
        """An answer that was hoped for, its body not read."""
        await self._turn(call)
        with span(call.operation, method=call.method, url=self._shown_target(call)) as here:
            response = await self._admitted(call, this)
            status = response.status
            here.set_attribute("status", status)
            if "RateLimit-Limit" in response.headers or "X-RateLimit-Limit" in response.headers:
                self.limiter.learn_headers(call.registry, call.kind, response.headers)
            for warning in response.headers.getall("Warning", ()):
                self._warn(call.registry, said_by(warning.encode("utf-8", "replace"), response).decode())
            if self.metrics is not NO_METRICS and (left := self.limiter.remaining(call.registry)) is not None:
                self.metrics.rate_limit_remaining(left)
            if status not in call.ok:
                raise await self._refusal(call, response)
        return response

    async def _turn(self, call: Call) -> None:
        """Wait until the registry may be asked; where that is too long, say so at once."""
        wait = self.limiter.state(call.registry, call.kind).wait
        if wait > LONGEST_WAIT:
            error = RateLimited(
                f"{call.registry} said to somebody of this client to wait, {wait:.0f} s more",
                status=_TOO_MANY,
                operation=call.operation,
                retry_after=wait,
            )
            error.reset_at = datetime.now(UTC) + timedelta(seconds=wait)
            raise error
        await self.limiter.turn(call.registry, call.kind)

    def _shown_target(self, call: Call) -> str:
        """Where a call goes, for a span; it costs nothing where nobody looks."""
        return call.target if "://" in call.target else f"{self.base(call.registry)}{call.target}"

    async def _admitted(self, call: Call, this: Try) -> aiohttp.ClientResponse:
        """The answer to a call that is let in; the first call to a registry finds out what that takes."""
        host = self._auth.host(call.registry)
        if host.known:
            return await self._authorized(call, this)
        async with host.lock:
            if not host.known:
                try:
                    return await self._authorized(call, this)
                finally:
                    # Also where there was no answer: those who wait need not fail one after another.
                    host.known = True
        return await self._authorized(call, this)

    async def _authorized(self, call: Call, this: Try) -> aiohttp.ClientResponse:
        """The answer to a call with a token; one that is refused is renewed once."""
        token = await self._auth.header(call.registry, call.scopes)
        response = await self._followed(call, token, this)
        status = response.status
        if status in _REFUSED and same_origin(response.url, self.base(call.registry)):
            offered = response.headers.getall("WWW-Authenticate", ())
            with let_go_on_failure(response):
                again = await self._auth.refused(call.registry, call.scopes, status, offered, token)
            if again and call.repeatable:
                await self._drop(response)
                token = await self._auth.header(call.registry, call.scopes)
                response = await self._followed(call, token, this)
        return response

    async def _followed(self, call: Call, token: str | None, this: Try) -> aiohttp.ClientResponse:
        """The answer at the end of all redirects; the token goes to the registry only."""
        home = self.base(call.registry)
        url = below(home, call.target)
        await self._check(home, url)
        for _ in range(MOST_REDIRECTS + 1):
            headers = dict(call.headers)
            if token and same_origin(url, home):
                headers["Authorization"] = token
            response = await self._send((call.operation, call.method), url, headers, call.body, this)
            if response.status not in _FOLLOWED or call.method not in SAFE or not call.follow:
                return response
            try:
                target = target_of(url, response.headers.get("Location", ""))
                await self._check(url, target)
            finally:
                await self._drop(response)
            url = target
        raise ProtocolError(f"{call.operation}: {call.registry} sent on more than {MOST_REDIRECTS} times")

    async def _send(
        self,
        what: tuple[str, str],
        url: URL,
        headers: dict[str, str],
        body: bytes | Body | None,
        this: Try,
    ) -> aiohttp.ClientResponse:
        """One request of an operation by a method, and its answer's head."""
        operation, method = what
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
            data = sent = Sent(body.read(), body.size)
            this.held.push_async_callback(sent.aclose)
            if body.size is not None:
                headers["Content-Length"] = str(body.size)
        _log.debug("%s %s", method, url.with_query(None))
        began, status = self.clock.monotonic(), 0
        try:
            with translated(url):
                # Where a body may take any time, its head may not.
                async with asyncio.timeout(self.config.timeout_secs if this.within.total is None else None):
                    response = await self._session.request(
                        method,
                        url,
                        data=data,
                        headers=headers,
                        timeout=this.within,
                        proxy=self._proxies.of(url),
                        allow_redirects=False,
                        middlewares=() if method in SAFE else (once,),
                    )
                status = response.status
        except TransportError:
            if sent is not None and sent.failure is not None:
                raise sent.failure from None
            raise
        finally:
            self.metrics.request(method, operation, status, self.clock.monotonic() - began)
        if sent is not None and not sent.whole and response.status < _MULTIPLE:
            response.close()
            raise TransportError("an answer came before all was sent", url=str(url))
        return response

    async def _read(self, response: aiohttp.ClientResponse, limit: int) -> bytes:
        """A whole body, which is no longer than it may be."""
        with translated(response.url):
            try:
                # Of an answer to HEAD, it is the length of what a GET would bring.
                length = None if response.method == "HEAD" else response.content_length
                body = b"" if length is not None and length > limit else await beginning(response, limit + 1)
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
        with contextlib.suppress(GhcrError, TimeoutError):
            async with asyncio.timeout(self.config.timeout_secs):
                await self._read(response, BODY_LIMIT)

    async def _refusal(self, call: Call, response: aiohttp.ClientResponse) -> GhcrError:
        """The error that an answer stands for; a limit in it is remembered."""
        body = b""
        try:
            with contextlib.suppress(GhcrError), translated(response.url):
                async with asyncio.timeout(self.config.timeout_secs):
                    body = await beginning(response, BODY_LIMIT)
        finally:
            response.close()
        error = error_from_answer(
            response.status,
            response.headers,
            b"" if coding_of(response) else said_by(body, response),
            operation=call.operation,
            url=str(response.url),
            from_storage=not same_origin(response.url, self.base(call.registry)),
        )
        if isinstance(error, RateLimited):
            if error.allowed:
                self.limiter.learn_rate(call.registry, call.kind, error.allowed)
            self.limiter.pause(call.registry, call.kind, min(error.retry_after or 0, _LONGEST_PAUSE))
        return error

    async def _fetch(
        self, registry: str, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request to a token endpoint, with every answer taken as it is."""
        target = URL(url, encoded=True)
        await self._check(self.base(registry), target)
        within = aiohttp.ClientTimeout(total=self.config.timeout_secs)
        async with contextlib.AsyncExitStack() as held:
            what = (f"token.{method.lower()}", method)
            response = await self._send(what, target, dict(headers), body, Try(within, held))
            answer = await self._read(response, _TOKEN_LIMIT)
        return response.status, response.headers, answer

    def _warn(self, registry: str, warning: str) -> None:
        """Say once what a registry warns of."""
        told = (registry, warning)
        if told not in self._warned and len(self._warned) < 100:  # noqa: PLR2004 - a server may send any number
            self._warned.add(told)
            _log.warning("%s warns: %s", registry, shown(warning))
