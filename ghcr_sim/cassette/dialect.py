"""From a cassette's words back to the wire: placeholders filled, addresses at the door where the client is.

What a client may come back with (sessions, tokens, signatures) is made anew in each replay and remembered here;
nothing else is taken. Header fields keep the order and spelling of the recorded answer. Source:
`reference/record-replay.md` sections 3.1 to 3.3.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from ghcr_sim.clock import Clock, Ids, http_date
from ghcr_sim.registry.storage import other_origin

if TYPE_CHECKING:
    from ghcr_sim.cassette.model import Exchange, Header
    from ghcr_sim.exchange import Request

__all__ = ["Dialect", "Headers"]

Headers = tuple[tuple[str, str], ...]
_REALM = re.compile(r'realm="[^"]*"')
_SESSION = re.compile(r"<session:\d+>")
_STATE = re.compile(r"<state:\d+>")
_TOKEN = re.compile(r"<token:\d+>")
_NAMING = frozenset({"link", "location", "www-authenticate"})
"""Fields that name a repository."""

_DIGEST = re.compile(r"sha(?:256|512):[0-9a-f]{64,128}")


class Dialect:
    """How this registry speaks, and what was promised to clients in this replay.

    Args:
        header: The cassette's header.
        clock: The time.
        ids: Sessions, tokens, signatures.
        faithful: Whether addresses stay the recorded ones: a proxy's clients go to the real names.
    """

    def __init__(self, header: Header, clock: Clock, ids: Ids, *, faithful: bool = False) -> None:
        self._header = header
        self._clock = clock
        self._ids = ids
        self._faithful = faithful
        self._tokens: dict[str, tuple[str, ...]] = {}
        self._signatures: dict[str, str] = {}

    # -- what goes out

    def headers(
        self,
        exchange: Exchange,
        request: Request,
        *,
        session: str = "",
        digest: str | None = None,
        repository: str = "",
        replaced: dict[str, str | None] | None = None,
    ) -> Headers:
        """A recorded answer's header fields, for this client.

        Args:
            exchange: The recorded one, or the exemplar.
            request: What is answered.
            session: The id of the upload that it is about.
            digest: The digest of what it leads to, where that is another one than the recorded.
            repository: The repository that is asked, where that may be another one than the recorded.
            replaced: Name in lower case → another value, or None to leave the field out.
        """
        changes = replaced or {}
        out = []
        for name, value in exchange.response.headers:
            lower = name.lower()
            if lower in changes:
                changed = changes[lower]
                if changed is not None:
                    out.append((name, changed))
                continue
            moved = _moved(value, exchange.repository, repository) if lower in _NAMING else value
            out.append((name, self._value(lower, moved, request, session, digest)))
        known = {name.lower() for name, _ in out}
        return (
            *out,
            *((name, value) for name, value in changes.items() if value is not None and name not in known),
        )

    def _value(self, name: str, value: str, request: Request, session: str, digest: str | None) -> str:
        now = self._clock.now()
        match name:
            case "date" | "last-modified":
                return http_date(now)
            case "x-github-request-id":
                return self._ids.request(int(now))
            case "www-authenticate" if not self._faithful:
                return _REALM.sub(f'realm="{request.scheme}://{request.authority}/token"', value)
            case "location" | "link":
                return self._address(value, request, session, digest)
        if "<" not in value:
            return value  # most have no placeholder, and a session's id takes time to draw
        value = _SESSION.sub(session or self._ids.uuid(), value)
        return _STATE.sub(lambda _: self._ids.uuid(), value)

    def _address(self, value: str, request: Request, session: str, digest: str | None) -> str:
        """An address at this door."""
        if value.endswith("?<signature>"):
            return self._signed(value, request, digest)
        value = _SESSION.sub(session or self._ids.uuid(), value)
        value = _STATE.sub(lambda _: self._ids.uuid(), value)
        if self._faithful:
            return value
        return value.replace(self._header.upstream, f"{request.scheme}://{request.authority}")

    def _signed(self, value: str, request: Request, digest: str | None) -> str:
        """A storage address with a signature of this replay."""
        url = value.removesuffix("?<signature>")
        parts = urlsplit(url)
        path = _DIGEST.sub(digest, parts.path) if digest else parts.path
        signature = b64encode(self._ids.key()).decode()
        found = _DIGEST.search(path)
        self._signatures[signature] = found[0] if found else path
        origin = f"{parts.scheme}://{parts.netloc}" if self._faithful else other_origin(request)
        return f"{origin}{path}?sig={quote(signature, safe='')}"

    def token_body(self, text: str, scopes: tuple[str, ...]) -> bytes:
        """A token endpoint's answer with a new token in each place."""

        def mint(_: re.Match[str]) -> str:
            token = b64encode(f"v1:replayed:{self._ids.uuid()}".encode()).decode()
            self._tokens[token] = scopes
            return token

        return _TOKEN.sub(mint, text).replace("<date>", _iso(self._clock.now())).encode()

    # -- what comes back

    def is_signed(self, signature: str | None, reference: str) -> bool:
        """Whether an address was signed in this replay, for this content."""
        return signature is not None and self._signatures.get(signature) == reference

    def scopes_of(self, authorization: str | None) -> tuple[str, ...]:
        """What a bearer of this replay was fetched for; empty for others."""
        _, _, token = (authorization or "").partition(" ")
        return self._tokens.get(token.strip(), ())


def _moved(value: str, old: str, new: str) -> str:
    """An address or a challenge of one repository, as another one has it."""
    if not old or not new or old == new:
        return value
    return value.replace(f"/v2/{old}/", f"/v2/{new}/").replace(f"repository:{old}:", f"repository:{new}:")


def _iso(now: float) -> str:
    """A time as token endpoints write it."""
    from datetime import UTC, datetime  # noqa: PLC0415 - few registries write one

    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
