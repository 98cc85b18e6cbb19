"""Tokens in memory: how long one is kept, for whom, and that only one asks.

A token is kept by registry, identity and scopes, and renewed ahead of its end; how it is fetched is the caller's
affair. GHCR's way is here, too: an anonymous token is good for each public package (`reference/ghcr-wire.md` row 2.3).
Other source: `reference/registry-clients.md` section 1.2.
"""

from __future__ import annotations

import asyncio
import re
import time
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ghcr_client.auth.credentials import canonical_registry
from ghcr_client.auth.scopes import merge_scopes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pydantic import SecretStr

    from ghcr_client.auth.credentials import Credentials

__all__ = ["LIMIT", "Token", "TokenCache", "TokenKey", "token_key"]

LIMIT = 1000
"""The most tokens that a cache keeps."""

_GHCR_ANONYMOUS = re.compile(rb"v1:[^:\s]+/[^:\s]+:[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token.

    Attributes:
        value: What follows `Bearer`.
        renew_at: When to fetch another, in seconds of the clock that only grows.
    """

    value: SecretStr
    renew_at: float


class TokenKey(NamedTuple):
    """What a token is kept by.

    Attributes:
        registry: The registry's canonical name.
        identity: `Credentials.identity`, or "" for nobody.
        scopes: Canonical scopes.
    """

    registry: str
    identity: str
    scopes: tuple[str, ...]


def token_key(registry: str, credentials: Credentials | None, scopes: Iterable[str]) -> TokenKey:
    """The key of a token.

    Args:
        registry: Host and, where there is one, port.
        credentials: Who asks, or None for nobody.
        scopes: What for, in any form and order.

    Returns:
        A key that holds no secret.

    Example:
        >>> token_key("GHCR.io", None, ["repository:acme/app:pull"])
        TokenKey(registry='ghcr.io', identity='', scopes=('repository:acme/app:pull',))
    """
    identity = "" if credentials is None else credentials.identity
    return TokenKey(canonical_registry(registry), identity, merge_scopes(*scopes))


@dataclass(frozen=True, slots=True)
class _Shared:
    """A token for all anonymous pulls of a registry, and for which key it was fetched."""

    token: Token
    origin: TokenKey


class TokenCache:
    """Tokens in memory: each fetched once, however many want it, and renewed ahead of its end.

    A key has its own token, with one exception: a token that is of the form of GHCR's anonymous ones serves each
    anonymous pull from its registry. Where it was refused, `invalidate` with the key that was refused makes this
    key go its own way from then on. GHCR refuses with 401 or 403, so both are worth one such try.

    It belongs to one loop.

    Args:
        clock: Seconds that only grow, the same as `fetch_token` has.
        limit: The most tokens that are kept; the oldest are dropped.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, limit: int = LIMIT) -> None:
        self._clock = clock
        self._limit = limit
        self._tokens: dict[TokenKey, Token] = {}
        self._shared: dict[str, _Shared] = {}
        self._alone: dict[TokenKey, None] = {}
        self._flights: dict[TokenKey, asyncio.Future[Token | Exception | None]] = {}

    async def get(self, key: TokenKey, fetch: Callable[[], Awaitable[Token]]) -> Token:
        """The kept token, or a new one.

        While one caller fetches, the others wait. What the fetch raises is raised to all of them and not kept. If the
        caller that fetches is cancelled, one that waits takes over.

        Args:
            key: What the token is for.
            fetch: Fetches one; it is called by at most one caller of a key at a time.

        Returns:
            A token; only a new one may be past its time.

        Raises:
            Exception: Whatever `fetch` raised.
        """
        while True:
            if kept := self._fresh(key):
                return kept
            flight = self._flights.get(key)
            if flight is None:
                return await self._fly(key, fetch)
            outcome = await asyncio.shield(flight)
            if isinstance(outcome, Token):
                return outcome
            if outcome is not None:
                raise outcome

    def invalidate(self, key: TokenKey, token: Token) -> None:
        """Say that a token was refused. What came in its place meanwhile stays.

        Args:
            key: What it was refused for.
            token: The very object that `get` gave.
        """
        if self._tokens.get(key) is token:
            del self._tokens[key]
        shared = self._shared.get(key.registry)
        if shared is None or shared.token is not token:
            return
        if shared.origin == key:
            del self._shared[key.registry]
        else:
            self._store(self._alone, key, None)

    def is_shared(self, key: TokenKey, token: Token) -> bool:
        """Whether a token serves all anonymous pulls, and was fetched for another one than this.

        Args:
            key: What it was sent for.
            token: The very object that `get` gave.

        Returns:
            True where `invalidate` would make this key fetch its own.
        """
        shared = self._shared.get(key.registry)
        return shared is not None and shared.token is token and shared.origin != key

    def clear(self) -> None:
        """Forget every token; a fetch that is under way goes on."""
        for kept in (self._tokens, self._shared, self._alone):
            kept.clear()

    def _fresh(self, key: TokenKey) -> Token | None:
        """A kept token whose time has not come."""
        kept = [self._tokens.get(key)]
        if _is_anonymous_pull(key) and key not in self._alone and (shared := self._shared.get(key.registry)):
            kept.append(shared.token)
        now = self._clock()
        return next((token for token in kept if token is not None and token.renew_at > now), None)

    async def _fly(self, key: TokenKey, fetch: Callable[[], Awaitable[Token]]) -> Token:
        """Fetch, and tell those who wait; a cancelled fetch tells them nothing, so that they begin again."""
        flight = asyncio.get_running_loop().create_future()
        self._flights[key] = flight
        outcome: Token | Exception | None = None
        try:
            outcome = token = await fetch()
            self._keep(key, token)
        except Exception as error:
            outcome = error
            raise
        else:
            return token
        finally:
            del self._flights[key]
            flight.set_result(outcome)

    def _keep(self, key: TokenKey, token: Token) -> None:
        self._store(self._tokens, key, token)
        if _is_anonymous_pull(key) and key not in self._alone and _is_ghcr_anonymous(token):
            self._store(self._shared, key.registry, _Shared(token, key))

    def _store(self, kept: dict[Any, Any], key: Any, value: Any) -> None:
        """Keep a value as the newest one; the oldest gives way."""
        kept.pop(key, None)
        kept[key] = value
        if len(kept) > self._limit:
            del kept[next(iter(kept))]


def _is_anonymous_pull(key: TokenKey) -> bool:
    """Whether nobody asks, and only to pull."""
    return (
        not key.identity
        and bool(key.scopes)
        and all(each.startswith("repository:") and each.endswith(":pull") for each in key.scopes)
    )


def _is_ghcr_anonymous(token: Token) -> bool:
    """Whether a token says `v1:owner/name:nanoseconds` (`reference/ghcr-wire.md` row 2.2)."""
    try:
        said = b64decode(token.value.get_secret_value(), validate=True)
    except ValueError:
        return False
    return bool(_GHCR_ANONYMOUS.fullmatch(said))
