"""How a token is fetched: where one may ask, what is asked, and what no answer may be.

It is fetched by a function that the transport gives, so that nothing here knows sockets, retries or redirects. The
realm's own clock (`issued_at`) is ignored on purpose: clocks differ, and a life that is counted from before the
question can only be too short. Sources: docker's "Token Authentication Specification"; RFC 6750;
`reference/registry-clients.md` section 2, rows 9 to 13.
"""

from __future__ import annotations

import json
import math
import re
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from pydantic import SecretStr

from ghcr_client.auth.credentials import basic_authorization, encoded
from ghcr_client.auth.tokens import Token
from ghcr_client.errors import ProtocolError, TransportError
from ghcr_client.masking import bare_url
from ghcr_client.refusals import error_from_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghcr_client.auth.credentials import Credentials

__all__ = [
    "DEFAULT_LIFE",
    "MARGIN",
    "Ask",
    "fetch_token",
    "validate_realm",
]

DEFAULT_LIFE = 270.0
"""Seconds that a token lives whose life nobody states, as none of GHCR's is (`reference/ghcr-wire.md` row 2.17)."""

MARGIN = 30.0
"""Seconds before its end at which a token is renewed."""

_SHORTEST_LIFE = 60.0
_LONGEST_LIFE = 24 * 3600.0
_LONGEST_REALM = 2048
_SHORTEST_SECRET = 4  # a shorter one is a part of too many words
_CLIENT_ID = "ghcr-client"
_GET_INSTEAD = frozenset({400, 401, 404, 405})
_OK = 200
_REFUSED = 400
_TOKEN = re.compile(r"[!-~]+")
_ECHO = re.compile(rb'"[a-z_]*token"\s*:', re.IGNORECASE)

Ask = Callable[[str, str, Mapping[str, str], bytes | None], Awaitable[tuple[int, Mapping[str, str], bytes]]]
"""Sends method, URL, header fields and body; gives status, header fields and a body of bounded size."""


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
