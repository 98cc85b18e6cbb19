"""All the ways in which a secret may be written down: quoted for URLs, JSON and HTML, once or twice, and in base64.

It knows no run and looks for nothing. Sources: RFC 3986 section 2; RFC 8259 section 7; RFC 4648 sections 4 and 5; what
the encoders of Python, Go, .NET, PHP, Java and browsers quote by default.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from html.entities import codepoint2name
from string import punctuation
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["encoded", "forms"]

_SAFE = ("", "/:", "!'()*", "$&+=:@", "!#$&'()*+,/:;=?@")
"""What is left as it is: in a query, in a path, by browsers in a part, by Go in a path, by browsers in a URL."""

_JSON = ("", "/", "<>&", "\"&'+<>`", f"{punctuation} ")
"""What is quoted beside what must be: by most; by PHP (by a backslash); by Go and Rails; by .NET; by the strictest."""

_GO_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "+": "&#43;"})
_HEX = re.compile("%[0-9A-F]{2}")
_ESCAPE = re.compile(r"\\u([0-9a-f]{4})")


def forms(secret: str) -> Iterator[bytes]:
    """A secret in each form in which it is looked for; some of them are the same.

    Args:
        secret: The secret.
    """
    raw = secret.encode("utf-8", "surrogatepass")
    yield raw
    for form in (*_in_urls(secret), *_in_json(secret), *_in_html(secret)):
        yield form.encode("utf-8", "surrogatepass")
    yield from encoded(raw)


def encoded(raw: bytes) -> Iterator[bytes]:
    """What of a secret stands in every base64 of a text with it.

    Args:
        raw: The secret.
    """
    for shift in range(3):
        # The first and the last characters depend on the neighbours; what is between does not.
        whole = b64encode(b"\0" * shift + raw)
        core = whole[(0, 2, 3)[shift] : len(whole) - (0, 3, 2)[(len(raw) + shift) % 3]]
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")
        yield core.replace(b"/", rb"\/")
        for plus in (rb"\u002b", rb"\u002B"):
            yield core.replace(b"+", plus)
        for form in _in_urls(core.decode()):
            yield form.encode()


def _in_urls(text: str) -> Iterator[str]:
    """A text quoted for URLs and forms, once and twice, with letters of both cases."""
    quoted = [quote(text, safe=safe, errors="surrogatepass") for safe in _SAFE]
    for once in (*quoted, quote_plus(text, errors="surrogatepass")):
        for form in (once, _HEX.sub(lambda found: found[0].lower(), once)):
            yield form
            yield form.replace("%", "%25")
            yield quote(form, safe="")


def _in_json(text: str) -> Iterator[str]:
    """A text quoted for JSON, and as a part of a text that is JSON itself, with letters of both cases."""
    for only_ascii in (True, False):
        for more in _JSON:
            lower = "".join(_in_string(each, more, only_ascii=only_ascii) for each in text)
            for form in (lower, _ESCAPE.sub(lambda found: rf"\u{found[1].upper()}", lower)):
                yield form
                yield json.dumps(form)[1:-1]
                yield json.dumps(form, ensure_ascii=False)[1:-1]


def _in_string(letter: str, more: str, *, only_ascii: bool) -> str:
    """A letter in a JSON string."""
    if letter in more:
        return rf"\{letter}" if more == "/" else rf"\u{ord(letter):04x}"
    return json.dumps(letter, ensure_ascii=only_ascii)[1:-1]


def _in_html(text: str) -> Iterator[str]:
    """A text quoted for HTML."""
    for form in (html.escape(text, quote=False), html.escape(text), text.translate(_GO_HTML)):
        yield form
        yield form.encode("ascii", "xmlcharrefreplace").decode()
        yield "".join(_named(each) for each in form)


def _named(letter: str) -> str:
    """A letter by its name, if it is no ASCII and has one."""
    name = None if letter.isascii() else codepoint2name.get(ord(letter))
    return letter if name is None else f"&{name};"
