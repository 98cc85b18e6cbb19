"""What an answer that refuses says: code, message, detail, how long to wait, which request it was, and who said it.

Everything here reads what a stranger wrote: a body may be JSON, HTML, the XML of a storage host, empty, cut or huge,
and no form of it raises. Which exception follows is for `refusals` to say. Sources: distribution specification,
section "Error Codes"; `reference/ghcr-wire.md` rows 0.1, 6.13, 10.1 to 10.6.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from typing import TYPE_CHECKING, Any, NamedTuple

from ghcr_client.auth.challenge import choose, parse_challenges
from ghcr_client.masking import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BODY_LIMIT",
    "ErrorBody",
    "allowed_rate",
    "fields",
    "go_duration",
    "has_registry_signs",
    "header",
    "is_page",
    "read_error_body",
    "retry_after",
]

BODY_LIMIT = 64 * 1024
"""Bytes of an error body that are looked at; the rest is not read."""

_MESSAGE_LIMIT = 1000
_ENTRIES = 10
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"\d{1,100}(?:\.\d{0,12})?(?:ns|us|µs|μs|ms|s|m|h)"
_GO = re.compile(rf"(?:{_PART})+")
_PARTS = re.compile(r"(\d+(?:\.\d*)?)([^\d.]+)")
_WAIT = re.compile(rf"retry-after:\s*((?:{_PART})+)", re.IGNORECASE)
_ALLOWED = re.compile(r"allowed:\s*(\d{1,12}/\w{1,12})", re.IGNORECASE)
_SECONDS = re.compile(r"\s*(\d{1,100}(?:\.\d{1,9})?)\s*\Z")


class ErrorBody(NamedTuple):
    """What a body said.

    Attributes:
        code: The registry's error code such as `DENIED`, or "" where there is none.
        message: One readable line of at most 1000 characters, or "".
        detail: The first entry's `detail` as it was decoded, or None.
    """

    code: str = ""
    message: str = ""
    detail: Any = None


def read_error_body(body: bytes) -> ErrorBody:
    """Read an error body of any form; it never raises.

    Args:
        body: What came. Only the first 64 KiB are looked at.

    Returns:
        Code, message and detail, as far as the body tells them.

    Example:
        >>> read_error_body(b'{"errors":[{"code":"DENIED","message":"no"}]}').code
        'DENIED'
        >>> read_error_body(b"<html><title>502 Bad Gateway</title>").message
        'an HTML page: 502 Bad Gateway'
    """
    text = body[:BODY_LIMIT].decode("utf-8", "replace").strip()
    if not text:
        return ErrorBody()
    if text.startswith("<"):
        return _markup(text)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return ErrorBody(message=shown(text))
    return _document(document) or ErrorBody(message=shown(text))


def _document(document: Any) -> ErrorBody | None:
    """The entries of the specification's body, or GitHub's own `{"message": …}`; None where it is neither."""
    if not isinstance(document, dict):
        return None
    entries = document.get("errors")
    entries = [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    if not entries and isinstance(document.get("message") or document.get("error"), str):
        entries = [{"message": document.get("message") or document.get("error")}]
    if not entries:
        return None
    code = entries[0].get("code")
    messages = [each["message"] for each in entries[:_ENTRIES] if isinstance(each.get("message"), str)]
    return ErrorBody(
        code=shown(code, 100) if isinstance(code, str) else "",
        message=shown("; ".join(dict.fromkeys(messages)), _MESSAGE_LIMIT),
        detail=entries[0].get("detail"),
    )


def _markup(text: str) -> ErrorBody:
    """What a page or a storage host's XML says, without its tags."""
    code, message, title = (_element(text, name) for name in ("Code", "Message", "title"))
    if code and not title:
        return ErrorBody(code=shown(code, 100), message=shown(message or code))
    if title:
        return ErrorBody(message=shown(f"an HTML page: {title}"))
    return ErrorBody(message=shown("a page: " + unescape(re.sub(r"<[^<>]*>", " ", text))))


def _element(text: str, name: str) -> str:
    """The text of the first element of this name, or ""."""
    _, opened, rest = text.partition(f"<{name}>")
    inner, closed, _ = rest.partition(f"</{name}>")
    return unescape(inner[:2000]).strip() if opened and closed else ""


def header(headers: Mapping[str, str], name: str) -> str:
    """A header field's value, whatever the case of its name, or "".

    Args:
        headers: Any mapping of names to values.
        name: The field's name in lower case.

    Returns:
        The first value.

    Example:
        >>> header({"X-GitHub-Request-Id": "C0DE"}, "x-github-request-id")
        'C0DE'
    """
    return next(iter(fields(headers, name)), "")


def fields(headers: Mapping[str, str], name: str) -> tuple[str, ...]:
    """All values of a header field that may come several times, such as `Link` (RFC 9110, section 5.3).

    Args:
        headers: Any mapping of names to values.
        name: The field's name in lower case.

    Returns:
        The values, in their order.

    Example:
        >>> fields({"Link": "</first>; rel=first"}, "link")
        ('</first>; rel=first',)
    """
    return tuple(value for key, value in headers.items() if key.lower() == name)


def has_registry_signs(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer tells that it is a registry's; one without these signs may be anybody's, a firewall's say.

    Args:
        headers: The answer's header fields.
        body: Its body.

    Returns:
        Whether it has the field for the version, a challenge for a token, or an error as the specification writes it.

    Example:
        >>> has_registry_signs({"WWW-Authenticate": 'Basic realm="router"'}, b"<html>")
        False
        >>> has_registry_signs({}, b'{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}')
        True
    """
    if header(headers, "docker-distribution-api-version"):
        return True
    challenge = choose(parse_challenges(fields(headers, "www-authenticate")))
    if challenge is not None and challenge.scheme == "bearer":
        return True
    return not is_page(headers, body) and bool(read_error_body(body).code)


def is_page(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer is a page for people, or other markup.

    Args:
        headers: The answer's header fields.
        body: Its body.

    Returns:
        Whether it says so, or begins so.

    Example:
        >>> is_page({}, b" <!doctype html>"), is_page({"Content-Type": "application/json"}, b"{}")
        (True, False)
    """
    kind = header(headers, "content-type").partition(";")[0].strip().lower()
    return kind == "text/html" or body.lstrip().startswith(b"<")


def go_duration(text: str) -> float | None:
    """Seconds of a duration as Go prints it, or None where it is not one.

    Args:
        text: Such as `85.383µs`, `10.3ms` or `1h2m3.5s`.

    Returns:
        Seconds.

    Example:
        >>> go_duration("1m30s"), go_duration("250ms"), go_duration("soon")
        (90.0, 0.25, None)
    """
    if not _GO.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PARTS.findall(text))


def retry_after(headers: Mapping[str, str], message: str, now: datetime | None = None) -> float | None:
    """Seconds to wait, by the `Retry-After` header or by the duration that GHCR writes into its message.

    GitHub's REST API names the time at which it grants requests again. Where several are there, the longest one holds.
    A date is compared with the answer's own `Date`, so that a wrong clock here does no harm.

    Args:
        headers: The answer's header fields.
        message: The error's message.
        now: What time it is where the answer has no `Date`; this machine's time by default.

    Returns:
        Seconds, 0 or more; None where nobody says.

    Example:
        >>> retry_after({"Retry-After": "2"}, "")
        2.0
        >>> retry_after({}, "retry-after: 250ms, allowed: 44000/minute")
        0.25
    """
    said = _WAIT.search(message)
    waits = (_header_wait(headers, now), go_duration(said[1]) if said else None, _reset_wait(headers, now))
    return max((each for each in waits if each is not None), default=None)


def _header_wait(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """Seconds of `Retry-After`: a number, or a date."""
    value = header(headers, "retry-after")[:100]
    if seconds := _SECONDS.match(value):
        return float(seconds[1])
    until = _date(value)
    if until is None:
        return None
    since = _date(header(headers, "date")[:100]) or now or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def _reset_wait(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """Seconds until GitHub's REST API grants requests again, where none is left."""
    reset = header(headers, "x-ratelimit-reset")[:20]
    if header(headers, "x-ratelimit-remaining") != "0" or not (reset.isascii() and reset.isdigit()):
        return None
    since = _date(header(headers, "date")[:100]) or now or datetime.now(UTC)
    return max(0.0, float(reset) - since.timestamp())


def _date(value: str) -> datetime | None:
    """An HTTP date, or None."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def allowed_rate(message: str) -> str | None:
    """How many requests in which time GHCR says it allows, or None.

    Args:
        message: The error's message.

    Returns:
        The rate in GHCR's words.

    Example:
        >>> allowed_rate("retry-after: 85.383µs, allowed: 44000/minute")
        '44000/minute'
    """
    said = _ALLOWED.search(message)
    return said[1] if said else None
