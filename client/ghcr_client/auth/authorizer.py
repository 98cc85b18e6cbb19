"""What goes into `Authorization`: found out from the first challenge, renewed once where it is refused.

The scopes come from the operation and never from the challenge: GHCR's names a placeholder. It sends nothing itself.
Source: `reference/ghcr-wire.md` sections 1 and 2; `reference/registry-clients.md` section 2 rows 9 to 15.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ghcr_client.auth.challenge import choose, parse_challenges
from ghcr_client.auth.credentials import basic_authorization, direct_bearer, plain_bearer
from ghcr_client.auth.fetching import fetch_token, validate_realm
from ghcr_client.auth.providers import RepositoryCredentials, credentials_of
from ghcr_client.auth.tokens import TokenCache, token_key
from ghcr_client.hosts import REST
from ghcr_client.recent import remember

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from yarl import URL

    from ghcr_client.auth.challenge import Challenge
    from ghcr_client.auth.credentials import Credentials
    from ghcr_client.auth.providers import CredentialProvider
    from ghcr_client.auth.tokens import Token, TokenKey
    from ghcr_client.clock import Clock
    from ghcr_client.metrics import Metrics
    from ghcr_client.settings import GhcrConfig

    Fetch = Callable[
        [str, str, str, Mapping[str, str], bytes | None], Awaitable[tuple[int, Mapping[str, str], bytes]]
    ]

__all__ = ["Authorizer", "Host"]

_DENIED = 403


@dataclass(slots=True)
class Host:
    """What is known of a registry.

    Attributes:
        known: Whether it has answered once, so that its challenge is known, or that it has none.
        lock: Held by the first request to it, so that others need not find out the same.
        challenge: What it demands, or None.
        direct: Whether tokens go to it without being fetched.
        credentials: Who we are to it, by repository, once that was looked up; by None for what is about none.
        keys: Scopes → the key of their token, for as many as tokens are kept.
        sent: Scopes → the token that was last sent for them, and its key; for as many.
        renewing: Held while a refusal is dealt with, so that others need not deal with the same.
    """

    known: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    challenge: Challenge | None = None
    direct: bool = False
    credentials: dict[str | None, Credentials | None] = field(default_factory=dict)
    keys: dict[tuple[str, ...], TokenKey] = field(default_factory=dict)
    sent: dict[tuple[str, ...], tuple[TokenKey, Token]] = field(default_factory=dict)
    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Authorizer:
    """Knows what to send to whom.

    Args:
        config: The settings.
        provider: Who this client is.
        fetch: Sends a request to a token endpoint, on behalf of a registry.
        base: Where a registry is.
        clock: The time.
        metrics: Counts tokens.
    """

    def __init__(
        self,
        config: GhcrConfig,
        provider: CredentialProvider,
        *,
        fetch: Fetch,
        base: Callable[[str], URL],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._config = config
        self._base = base
        self._provider = provider
        self._fetch = fetch
        self._clock = clock
        self._metrics = metrics
        self._cache = TokenCache(clock=clock.monotonic)
        self._hosts: dict[str, Host] = {}

    def host(self, registry: str) -> Host:
        """What is known of a registry."""
        host = self._hosts.get(registry)
        if host is None:
            direct = self._config.direct_bearer and registry == self._config.default_registry
            host = self._hosts[registry] = Host(direct=direct)
        return host

    async def header(self, registry: str, scopes: tuple[str, ...]) -> str | None:
        """The value of `Authorization` for a request.

        Args:
            registry: Which registry.
            scopes: What the request needs.

        Returns:
            The value, or None where there is nothing to send.

        Raises:
            ConfigError: Credentials cannot be read.
            RegistryError: The token endpoint refuses.
            ProtocolError: What it says is no token, or where it is is no place to send credentials to.
        """
        if registry == REST:
            someone = await self.credentials(self._config.packages_registry)
            return None if someone is None else f"Bearer {plain_bearer(someone)}"
        host = self.host(registry)
        if host.direct:
            return f"Bearer {direct_bearer(await self.credentials(registry, scopes))}"
        if host.challenge is None:
            return None
        credentials = await self.credentials(registry, scopes)
        if host.challenge.scheme == "basic":
            return None if credentials is None else basic_authorization(credentials)
        key = host.keys.get(scopes)
        if key is None:
            key = token_key(registry, credentials, scopes)
            remember(host.keys, scopes, key)
        # What needs no scope of its own, such as a ping, asks for the one that is offered, as `docker login` does.
        offered = host.challenge.parameters.get("scope", "")
        wanted = scopes or tuple(offered.split())
        fetch = partial(self._fetch_token, registry, host.challenge, wanted, credentials)
        token = await self._cache.get(key, fetch)
        remember(host.sent, scopes, (key, token))
        return _bearer(token)

    async def refused(
        self, registry: str, scopes: tuple[str, ...], status: int, offered: Iterable[str], sent: str | None
    ) -> bool:
        """Take note of a refusal.

        Args:
            registry: Which registry.
            scopes: What the request needed.
            status: 401 or 403.
            offered: The answer's `WWW-Authenticate` fields.
            sent: What was sent as `Authorization`.

        Returns:
            Whether another try with what `header` says now makes sense.
        """
        host = self.host(registry)
        challenge = choose(parse_challenges(offered))
        async with host.renewing:
            if status == _DENIED:
                return self._refused_share(host, scopes, sent)
            host.challenge = challenge or host.challenge
            was_direct, host.direct = host.direct, False
            if host.challenge is None:
                return False
            if was_direct or sent is None:
                return (
                    host.challenge.scheme != "basic" or await self.credentials(registry, scopes) is not None
                )
            if sent != self._sent(host, scopes):
                return True  # somebody else was refused the same, and has dealt with it
            kept = host.sent.pop(scopes, None)
            if kept is not None:
                self._cache.invalidate(*kept)
            somebody = host.credentials.get(self._part(scopes)) is not None
            is_new = somebody and await self._look_again(registry, host, scopes)
            return is_new or kept is not None

    def _sent(self, host: Host, scopes: tuple[str, ...]) -> str | None:
        """What `header` said last for these scopes, if it holds still."""
        if host.challenge is not None and host.challenge.scheme == "basic":
            someone = host.credentials.get(self._part(scopes))
            return None if someone is None else basic_authorization(someone)
        kept = host.sent.get(scopes)
        return None if kept is None else _bearer(kept[1])

    def _refused_share(self, host: Host, scopes: tuple[str, ...], sent: str | None) -> bool:
        """Whether a 403 was about a token that was fetched for another repository; then this one gets its own."""
        kept = host.sent.get(scopes)
        if kept is None or sent != _bearer(kept[1]) or not self._cache.is_shared(*kept):
            return False
        self._cache.invalidate(*kept)
        return True

    async def _look_again(self, registry: str, host: Host, scopes: tuple[str, ...]) -> bool:
        """Ask the provider anew: a helper's or a workflow's token may have changed. Whether it has."""
        await self._provider.invalidate(registry)
        part = self._part(scopes)
        credentials = await credentials_of(self._provider, registry, part)
        if credentials == host.credentials.get(part):
            return False
        host.credentials = {part: credentials}
        host.keys.clear()
        host.sent.clear()
        return True

    async def credentials(self, registry: str, scopes: tuple[str, ...] = ()) -> Credentials | None:
        """Who we are to a registry, for the repository of some scopes; looked up once."""
        host, part = self.host(registry), self._part(scopes)
        if part not in host.credentials:
            remember(host.credentials, part, await credentials_of(self._provider, registry, part))
        return host.credentials[part]

    def _part(self, scopes: tuple[str, ...]) -> str | None:
        """The repository that some scopes are about, if who gives credentials tells repositories apart."""
        return _repository(scopes) if isinstance(self._provider, RepositoryCredentials) else None

    async def _fetch_token(
        self, registry: str, challenge: Challenge, scopes: tuple[str, ...], credentials: Credentials | None
    ) -> Token:
        """A new token."""
        realm = challenge.parameters.get("realm", "")
        validate_realm(realm, str(self._base(registry)))
        token = await fetch_token(
            partial(self._fetch, registry),
            realm,
            challenge.parameters.get("service"),
            scopes,
            credentials,
            clock=self._clock.monotonic,
        )
        self._metrics.token_refreshed()
        return token


def _repository(scopes: tuple[str, ...]) -> str | None:
    """The repository that scopes are about: the one that is written to, where a mount reads from another."""
    named = [each.split(":") for each in scopes if each.startswith("repository:")]
    written = [each for each in named if "push" in each[-1]]
    return next((each[1] for each in [*written, *named]), None)


def _bearer(token: Token) -> str:
    """A token as it is sent; a secret."""
    return f"Bearer {token.value.get_secret_value()}"
