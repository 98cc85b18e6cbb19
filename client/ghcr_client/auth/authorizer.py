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
from ghcr_client.auth.credentials import basic_authorization
from ghcr_client.auth.tokens import TokenCache, direct_bearer, fetch_token, token_key, validate_realm

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from yarl import URL

    from ghcr_client.auth.challenge import Challenge
    from ghcr_client.auth.credentials import CredentialProvider, Credentials
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
        credentials: Who we are to it, once that was looked up.
        looked_up: Whether it was.
        keys: Scopes → the key of their token.
        sent: Scopes → the token that was last sent for them.
    """

    known: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    challenge: Challenge | None = None
    direct: bool = False
    credentials: Credentials | None = None
    looked_up: bool = False
    keys: dict[tuple[str, ...], TokenKey] = field(default_factory=dict)
    sent: dict[tuple[str, ...], Token] = field(default_factory=dict)


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
        host = self.host(registry)
        if host.direct:
            return f"Bearer {direct_bearer(await self._credentials(registry, host))}"
        if host.challenge is None:
            return None
        credentials = await self._credentials(registry, host)
        if host.challenge.scheme == "basic":
            return None if credentials is None else basic_authorization(credentials)
        key = host.keys.get(scopes)
        if key is None:
            key = host.keys[scopes] = token_key(registry, credentials, scopes)
        fetch = partial(self._fetch_token, registry, host.challenge, scopes, credentials)
        token = host.sent[scopes] = await self._cache.get(key, fetch)
        return f"Bearer {token.value.get_secret_value()}"

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
        token = host.sent.pop(scopes, None)
        if status == _DENIED and (token is None or not self._cache.is_shared(host.keys[scopes], token)):
            return False
        if challenge is not None:
            host.challenge = challenge
        if host.direct:
            host.direct = False
            return host.challenge is not None
        if sent is None:
            return challenge is not None and (
                challenge.scheme != "basic" or await self._credentials(registry, host) is not None
            )
        if token is None:
            return False
        self._cache.invalidate(host.keys[scopes], token)
        if host.credentials is not None:
            await self._look_again(registry, host)
        return True

    async def _look_again(self, registry: str, host: Host) -> None:
        """Ask the provider anew: a helper's or a workflow's token may have changed."""
        await self._provider.invalidate(registry)
        credentials = await self._provider.get_credentials(registry)
        if credentials != host.credentials:
            host.credentials = credentials
            host.keys.clear()

    async def _credentials(self, registry: str, host: Host) -> Credentials | None:
        """Who we are to a registry; looked up once."""
        if not host.looked_up:
            host.credentials = await self._provider.get_credentials(registry)
            host.looked_up = True
        return host.credentials

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
