"""Tokens: what they are for, how one is fetched, how long it is kept, and that only one asks.

Scopes are strings of the token specification, `repository:acme/app:pull,push`. A token is fetched by a function that
the transport gives, so that nothing here knows sockets, retries or redirects. It is kept by registry, identity and
scopes, and renewed ahead of its end. The realm's own clock (`issued_at`) is ignored on purpose: clocks differ, and a
life that is counted from before the question can only be too short.

GHCR's ways are here, too: an anonymous token is good for each public package (`reference/ghcr-wire.md` row 2.3), and
base64 of the password, or `QQ==`, is a token without asking (rows 0.8 and 2.4, section 1). Other sources: docker's
"Token Authentication Specification"; RFC 6750; `reference/registry-clients.md` sections 1.2 and 2, rows 9 to 13.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from pydantic import SecretStr

from ghcr_client.auth.credentials import (
    Credentials,
    basic_authorization,
    canonical_registry,
    encoded,
)
from ghcr_client.errors import ConfigError, ProtocolError, TransportError, error_from_answer
from ghcr_client.masking import bare_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "ANONYMOUS_BEARER",
    "DEFAULT_LIFE",
    "LIMIT",
    "MARGIN",
    "Ask",
    "Token",
    "TokenCache",
    "TokenKey",
    "delete",
    "direct_bearer",
    "fetch_token",
    "merge_scopes",
    "pull",
    "push",
    "token_key",
    "validate_realm",
]

DEFAULT_LIFE = 270.0
"""Seconds that a token lives whose life nobody states, as none of GHCR's is (`reference/ghcr-wire.md` row 2.17)."""

MARGIN = 30.0
"""Seconds before its end at which a token is renewed."""

LIMIT = 1000
"""The most tokens that a cache keeps."""

ANONYMOUS_BEARER = "QQ=="
"""What GHCR takes as nobody's token (`reference/ghcr-wire.md` section 1)."""

_SHORTEST_LIFE = 60.0
_LONGEST_LIFE = 24 * 3600.0
_LONGEST_REALM = 2048
_SHORTEST_SECRET = 4  # a shorter one is a part of too many words
_CLIENT_ID = "ghcr-client"
_GET_INSTEAD = frozenset({400, 401, 404, 405})
_OK = 200
_REFUSED = 400
_ACTIONS = {"pull": 0, "push": 1, "delete": 2}
_TOKEN = re.compile(r"[!-~]+")
_GHCR_ANONYMOUS = re.compile(rb"v1:[^:\s]+/[^:\s]+:[0-9]{1,20}")
_ECHO = re.compile(rb'"[a-z_]*token"\s*:', re.IGNORECASE)

Ask = Callable[[str, str, Mapping[str, str], bytes | None], Awaitable[tuple[int, Mapping[str, str], bytes]]]
"""Sends method, URL, header fields and body; gives status, header fields and a body of bounded size."""


# --- scopes


def pull(repository: str) -> str:
    """The scope to read from a repository.

    Example:
        >>> pull("acme/app")
        'repository:acme/app:pull'
    """
    return f"repository:{repository}:pull"


def push(repository: str) -> str:
    """The scope to write to a repository. A mount needs it of the target, and `pull` of the source.

    Example:
        >>> merge_scopes(push("acme/new"), pull("acme/app"))
        ('repository:acme/app:pull', 'repository:acme/new:pull,push')
    """
    return f"repository:{repository}:pull,push"


def delete(repository: str) -> str:
    """The scope to delete from a repository.

    Example:
        >>> delete("acme/app")
        'repository:acme/app:delete'
    """
    return f"repository:{repository}:delete"


def merge_scopes(*scopes: str) -> tuple[str, ...]:
    """The same scopes in the one form in which equal sets are equal.

    Args:
        *scopes: Any scopes; what is not written as one stays as it is.

    Returns:
        Sorted scopes, one for each resource, with all its actions: pull, push, delete, then others by name.

    Example:
        >>> merge_scopes("repository:a/b:push", "repository:a/b:pull")
        ('repository:a/b:pull,push',)
    """
    merged: dict[tuple[str, str], set[str]] = {}
    for scope in scopes:
        resource, actions = scope, ""
        if scope.count(":") > 1:  # a resource's name may have colons of its own
            resource, _, actions = scope.rpartition(":")
            merged.setdefault((resource, ":"), set()).update(filter(None, actions.split(",")))
        else:
            merged.setdefault((resource, ""), set())
    return tuple(
        sorted(
            resource + colon + ",".join(sorted(actions, key=_rank))
            for (resource, colon), actions in merged.items()
        )
    )


def _rank(action: str) -> tuple[int, str]:
    return _ACTIONS.get(action, len(_ACTIONS)), action


# --- the cache


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
        >>> token_key("GHCR.io", None, [pull("acme/app")])
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


# --- fetching


def direct_bearer(credentials: Credentials | None) -> str:
    """The bearer that GHCR takes without its token endpoint: base64 of the password; it is a secret.

    A fine-grained token, and one that is expired, is refused later than by the endpoint, and with other words.

    Args:
        credentials: Who asks, or None for nobody.

    Returns:
        What follows `Bearer`; a registry token as it is.

    Raises:
        ConfigError: There is nothing but an identity token, which only a token endpoint can use.

    Example:
        >>> direct_bearer(None)
        'QQ=='
    """
    if credentials is None:
        return ANONYMOUS_BEARER
    if credentials.registry_token:
        return credentials.registry_token.get_secret_value()
    if credentials.password:
        secret = encoded(credentials.password.get_secret_value()) or b""
        return b64encode(secret).decode("ascii")
    if credentials.identity_token:
        raise ConfigError(
            "an identity token cannot be sent to a registry directly: use the token endpoint, or a password"
        )
    return ANONYMOUS_BEARER


def validate_realm(realm: str, registry_url: str) -> None:
    """Refuse a realm to which no credentials may go. Private addresses are the transport's affair.

    Args:
        realm: What the challenge said.
        registry_url: A URL of the registry that said it.

    Raises:
        ProtocolError: It is no `http` or `https` URL, or has a user in it.
        TransportError: It is not encrypted, although the registry is.

    Example:
        >>> validate_realm("https://ghcr.io/token", "https://ghcr.io/v2/")
    """
    scheme = _realm_scheme(realm)
    if scheme is None:
        raise ProtocolError(
            f"the registry names a token endpoint that is no plain http or https URL: {bare_url(realm)!r}; nothing was "
            "sent to it"
        )
    if scheme == "http" and not registry_url.lower().startswith("http://"):
        raise TransportError(
            "the registry is reached by https, but its token endpoint by http: no credentials are sent in the clear",
            url=realm,
        )


def _realm_scheme(realm: str) -> str | None:
    """`http` or `https`, or None for what is not a URL to ask."""
    if len(realm) > _LONGEST_REALM or not _TOKEN.fullmatch(realm) or set(realm) & set('\\<>"'):
        return None
    try:
        parts = urlsplit(realm)
        usable = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return None
    return parts.scheme if usable and parts.scheme in ("http", "https") else None


async def fetch_token(
    ask: Ask,
    realm: str,
    service: str | None,
    scopes: Sequence[str],
    credentials: Credentials | None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Token:
    """A new token for these scopes.

    An identity token is tried by the OAuth2 form first, and by GET where the realm does not know the form. A registry
    token is the token; nothing is asked. A new refresh token in the answer is not used.

    Args:
        ask: Sends a request.
        realm: Where to ask, after `validate_realm`.
        service: What the challenge said, or None.
        scopes: Sent as they are, in this order: some realms look at the first alone.
        credentials: Who asks, or None for nobody.
        clock: Seconds that only grow.

    Returns:
        The token, with its time.

    Raises:
        RegistryError: The realm refuses.
        ProtocolError: Its answer is not one.
    """
    if credentials is not None and credentials.registry_token:
        return Token(credentials.registry_token, math.inf)
    if _realm_scheme(realm) is None:
        raise ProtocolError(f"the token endpoint {bare_url(realm)!r} is no URL to ask")
    realm = realm.partition("#")[0]
    asked_at = clock()
    status, headers, body = await _asked(ask, realm, service, scopes, credentials)
    if status != _OK:
        body = _harmless(status, body, credentials)
        raise error_from_answer(status, headers, body, operation="token.get", url=realm)
    return _token(body, realm, asked_at)


async def _asked(
    ask: Ask, realm: str, service: str | None, scopes: Sequence[str], credentials: Credentials | None
) -> tuple[int, Mapping[str, str], bytes]:
    """The realm's answer, by the way that fits the credentials."""
    headers = {"Accept": "application/json"}
    if credentials is not None and credentials.identity_token:
        form = headers | {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await ask("POST", realm, form, _form(service, scopes, credentials.identity_token))
        if answer[0] not in _GET_INSTEAD:
            return answer
    if credentials is not None:
        headers["Authorization"] = basic_authorization(credentials)
    return await ask("GET", _with_query(realm, service, scopes), headers, None)


def _form(service: str | None, scopes: Sequence[str], refresh: SecretStr) -> bytes:
    """The form of an OAuth2 refresh; there, scopes are one field with blanks in it."""
    fields = {
        "grant_type": "refresh_token",
        "client_id": _CLIENT_ID,
        "service": service,
        "scope": " ".join(scopes),
    }
    said = [(name, value) for name, value in fields.items() if value]
    secret = encoded(refresh.get_secret_value()) or b""
    return urlencode([*said, ("refresh_token", secret)], errors="replace").encode()


def _with_query(realm: str, service: str | None, scopes: Sequence[str]) -> str:
    """The realm's URL with what is asked; the query that it has stays."""
    said = [("service", service)] if service else []
    query = urlencode([*said, *(("scope", scope) for scope in scopes)], errors="replace")
    if not query:
        return realm
    if "?" not in realm:
        return f"{realm}?{query}"
    return realm + query if realm.endswith(("?", "&")) else f"{realm}&{query}"


def _harmless(status: int, body: bytes, credentials: Credentials | None) -> bytes:
    """What an answer that is no token says, without a token and without what was sent.

    GHCR's token is the password in base64, and a realm may repeat the password in its refusal.
    """
    if status < _REFUSED or _ECHO.search(body):
        return b""
    if credentials is None:
        return body
    for secret in (credentials.password, credentials.identity_token):
        if secret is not None and len(secret) >= _SHORTEST_SECRET:
            plain = encoded(secret.get_secret_value()) or b""
            quoted = json.dumps(secret.get_secret_value())[1:-1].encode()
            for form in (plain, quoted, b64encode(plain)):
                body = body.replace(form, b"***")
    return body.replace(basic_authorization(credentials).removeprefix("Basic ").encode(), b"***")


def _token(body: bytes, realm: str, asked_at: float) -> Token:
    """The token of an answer.

    Raises:
        ProtocolError: There is none, or one that cannot be sent. The answer is not shown: it may be a secret.
    """
    document = _document(body)
    if document is None:
        raise ProtocolError(
            f"the token endpoint {bare_url(realm)} answered {_kind(body)} where a JSON object with a token was wanted"
        )
    value = next((said for name in ("token", "access_token") if (said := document.get(name))), None)
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ProtocolError(
            f"the token endpoint {bare_url(realm)} answered without a usable token: a text of printable ASCII without "
            "blanks was wanted"
        )
    return Token(SecretStr(value), asked_at + _life(document.get("expires_in")) - MARGIN)


def _document(body: bytes) -> dict[str, Any] | None:
    """The JSON object, or None. The decoder's error holds the body and ends here."""
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _kind(body: bytes) -> str:
    """In a few words, what came in place of JSON."""
    start = body.lstrip()[:1]
    return "nothing" if not start else "a page" if start == b"<" else "something else"


def _life(said: Any) -> float:
    """Seconds that a token lives: as stated, at least 60 (docker's rule), at most a day; 270 for what is no number."""
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return DEFAULT_LIFE
    try:
        seconds = float(said)
    except (ValueError, OverflowError):
        return DEFAULT_LIFE
    return min(max(seconds, _SHORTEST_LIFE), _LONGEST_LIFE) if math.isfinite(seconds) else DEFAULT_LIFE
