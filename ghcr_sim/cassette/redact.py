"""From what came over the wire to what a cassette may say: allow-listed fields, and numbered placeholders for the rest.

Sessions, tokens, upload states, request ids, dates and signatures become `<session:1>`, `<token:1>`, `<state:1>`,
`<request-id>`, `<date>` and `<signature>`. Bytes that a digest names are never touched. It knows one recording's
numbers. Source: `reference/record-replay.md` section 5.3.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ghcr_sim.cassette.allowed import API_QUERY, QUERY, REQUEST_HEADERS, RESPONSE_HEADERS
from ghcr_sim.oci import Refusal
from ghcr_sim.route import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ghcr_sim.cassette.taint import Taint

__all__ = ["PLACEHOLDER", "PLACEHOLDERS", "Redactor", "kept_query", "sized"]

PLACEHOLDER = re.compile(r"<(session|token|state):(\d+)>")
"""A placeholder with a number."""

_TOKENS = ("token", "access_token", "refresh_token", "identity_token")
_PLAIN = frozenset({"code", "detail", "details", "documentation_url", "error", "error_description"})
_PLAIN |= {"error_uri", "errors", "issued_at", "message", "scope", "token_type"}
"""Fields of a token endpoint's answer whose text is no secret; that of all others is taken for one."""

_FORM = ("password", "refresh_token", "client_secret", "assertion", "code")
"""Fields of the form that is posted to a token endpoint, whose values are secrets."""

_SIGNATURES = frozenset({"sig", "hmac", "X-Amz-Signature"})
_REPLACED = {"date": "<date>", "last-modified": "<date>", "x-github-request-id": "<request-id>"}
"""Header fields whose whole value is replaced."""

PLACEHOLDERS: dict[str, tuple[str, ...]] = {
    "<date>": ("date", "issued_at", "last-modified"),
    "<request-id>": ("x-github-request-id",),
    "<session>": ("docker-upload-uuid", "link", "location"),
    "<signature>": tuple(sorted(_SIGNATURES)),
    "<state>": ("link", "location", "www-authenticate"),
    "<token>": tuple(sorted(_TOKENS)),
}
"""Placeholder, without its number → the header fields, query keys and JSON fields in which it stands."""

_API = "https://api.github.com"

_HARMLESS = frozenset({"origin"})
"""Keys of a query that are dropped, and no secret: crane says which registry it mounts from."""

_CREDENTIAL = re.compile("(?i)auth|credential|key|password|secret|signature|token")
"""The name of a request's field whose value is a secret."""

_GIVEN = re.compile("(?:^|-)(?:api-?key|authorization|credential|password|secret|signature|token)s?$")
"""That of an answer's field, which more often speaks of one: GitHub says the scopes of a token and when it ends."""

_REALM = re.compile(r'(?i:realm)="([^"]*://[^"]*)"')

_WORD = re.compile("[A-Za-z-]{0,15}")

_LONG = 16
_SECRET_KEY = re.compile("(?i)^sig$|api.?key|signature|hmac|token|secret|password|credential|^_state$")
"""A key of a query whose value is a secret; that of another one is taken for one if it is long and no media type."""


def kept_query(operation: str, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The pairs of an operation's query that may be written, sorted."""
    allowed = API_QUERY if operation.startswith("api.") else QUERY
    return tuple(sorted((key, value) for key, value in pairs if key in allowed))


def sized(headers: Iterable[tuple[str, str]], size: int) -> tuple[tuple[str, str], ...]:
    """An answer's fields with the length of what is written down: that of a token is chance, and nobody's business."""
    return tuple((name, str(size) if name.lower() == "content-length" else value) for name, value in headers)


class Redactor:
    """Numbers what may not be written, the same thing with the same number.

    Args:
        taint: Remembers each secret that is seen.
    """

    def __init__(self, taint: Taint) -> None:
        self._taint = taint
        self._numbers: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}

    def number(self, kind: str, value: str) -> str:
        """The placeholder of a session, token or state."""
        key = (kind, value)
        if key not in self._numbers:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._numbers[key] = self._counts[kind]
        return f"<{kind}:{self._numbers[key]}>"

    def learn(self, target: str) -> None:
        """Remember what a request's target holds that is dropped: values of a query, a user's password."""
        address, _, query = target.partition("?")
        self._learn_login(address.partition("://")[2].partition("/")[0])
        self._learn_query(query)

    def _learn_query(self, query: str) -> None:
        """Remember the values of keys that nobody knows. In a storage address, only the signature is secret."""
        pairs = [pair.partition("=") for pair in query.split("&")]
        signed = any(key in _SIGNATURES for key, _, _ in pairs)
        for key, _, value in pairs:
            if key not in QUERY and key not in _HARMLESS and (not signed or _SECRET_KEY.search(key)):
                self._learn_value(key, value)

    def _learn_login(self, netloc: str) -> None:
        """Remember user and password of an address."""
        login, at, _ = netloc.rpartition("@")
        if at:
            user, colon, password = login.partition(":")
            for each in {password if colon else user, unquote(password if colon else user)}:
                self._taint.add("a password in a URL", each)

    def _learn_value(self, key: str, value: str) -> None:
        """Remember the value of a key that nobody knows, unless it is a plain word."""
        name = "a signature" if key in _SIGNATURES else f"the {key[:20]} of a URL"
        plain = unquote(value)
        if _SECRET_KEY.search(key) or (len(plain) >= _LONG and "/" not in plain):
            for each in {value, plain}:
                self._taint.add("the state of an upload" if key == "_state" else name, each)

    def learn_form(self, body: bytes) -> tuple[str, ...]:
        """Remember the secrets of a form for a token; the scopes that it asks for."""
        fields = parse_qsl(body.decode("utf-8", "replace"))
        for key, value in fields:
            if key in _FORM:
                self._taint.add(f"the {key} of a form", value)
        return tuple(sorted(each for key, value in fields if key == "scope" for each in value.split(" ")))

    def request_headers(self, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """The fields of a request that may be kept, sorted, names in lower case."""
        for name, value in headers.items():
            if name.lower() == "cookie":
                for each in value.split(";"):
                    self._taint.add("a cookie", each.partition("=")[2].strip() or each.strip())
            elif name.lower() in {"authorization", "proxy-authorization"}:
                self._taint.add_authorization(value)
            elif name.lower() not in REQUEST_HEADERS and _CREDENTIAL.search(name):
                self._learn_credential(name, value.strip())
        return tuple(
            sorted(
                (name.lower(), value) for name, value in headers.items() if name.lower() in REQUEST_HEADERS
            )
        )

    def _learn_credential(self, name: str, value: str) -> None:
        """Remember the value of a field whose name speaks of a credential, unless it is a plain word."""
        if _WORD.fullmatch(value):
            return
        self._taint.add(f"the {name[:40]} header", value)
        self._taint.add_authorization(value)

    def response_headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """The fields of an answer that may be kept, in their order and spelling."""
        kept = []
        for name, value in headers:
            lower = name.lower()
            if lower == "set-cookie":
                self._taint.add("a cookie", value.partition(";")[0].partition("=")[2])
            elif lower not in RESPONSE_HEADERS and _GIVEN.search(lower):
                self._learn_credential(name, value.strip())
            elif lower in RESPONSE_HEADERS:
                kept.append((name, self._value(lower, value)))
        return tuple(kept)

    def _value(self, name: str, value: str) -> str:
        """A field's value with placeholders."""
        if name in _REPLACED:
            return _REPLACED[name]
        match name:
            case "docker-upload-uuid":
                return self.number("session", value)
            case "location":
                return self.url(value)
            case "link":
                return re.sub(r"<([^<>]*)>", lambda found: f"<{self.url(found[1])}>", value)
            case "www-authenticate":
                return _REALM.sub(lambda found: f'realm="{self.url(found[1])}"', value)
        return value

    def url(self, url: str) -> str:
        """A URL with placeholders for a session's id and state and for a signature; a user's name is dropped."""
        parts = urlsplit(url)
        self._learn_login(parts.netloc)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
        path, query = parts.path, parts.query
        try:
            operation = parse("GET", path)
        except Refusal:
            operation = None
        name = "" if operation is None else operation.name
        if operation is not None and name == "upload.get":
            path = path.removesuffix(operation.reference) + self.number("session", operation.reference)
        if name == "storage.get" and query:
            self._learn_query(query)
            return f"{origin}{path}?<signature>"
        return origin + path + self._kept(query, API_QUERY if origin == _API else QUERY)

    def _kept(self, query: str, allowed: frozenset[str]) -> str:
        """A query with its allowed keys as they are, and a placeholder for the value of all others."""
        self._learn_query(query)
        kept = []
        for pair in filter(None, query.split("&")):
            key, _, value = pair.partition("=")
            if key in allowed:
                kept.append(pair)
            else:
                kept.append(f"{key}={self.number('state', value)}")
        return f"?{'&'.join(kept)}" if kept else ""

    @staticmethod
    def tokens_in(body: bytes) -> tuple[str, ...]:
        """The tokens of a token endpoint's answer."""
        document = _document(body)
        found = [document.get(name) for name in _TOKENS]
        return tuple(dict.fromkeys(each for each in found if isinstance(each, str) and each))

    def token_body(self, body: bytes) -> str:
        """A token endpoint's answer with placeholders for its tokens and times; what is no JSON stays as it is."""
        text = body.decode("utf-8", "replace")
        document = _document(body)
        said = {key: value for key, value in document.items() if isinstance(value, str) and value}
        changed = {key: "<date>" for key in said if key == "issued_at"}
        for key, token in said.items():
            if key not in _PLAIN:
                self._taint.add("a token", token)
                self._taint.add_authorization(f"Bearer {token}")
                changed[key] = self.number("token", token)
        for key, placeholder in changed.items():
            text = text.replace(json.dumps(said[key]), json.dumps(placeholder))
        if _document(text.encode()) != document | changed:
            # It spells its text in another way than we do: then its form is not kept.
            return json.dumps(document | changed, separators=(",", ":"))
        return text


def _document(body: bytes) -> dict[str, Any]:
    """A JSON object; what is none is empty."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
