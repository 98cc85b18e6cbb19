"""Text from elsewhere, made fit to be shown: secrets masked, control characters gone, length bounded.

It knows which shapes GitHub's tokens have, plain and in the base64 in which they travel to ghcr.io, and that the query
of a URL may be a signature. It does not know what an error is. Token shapes: GitHub's documentation, "About
authentication to GitHub", and the newer `ghs_` form that holds a JWT.
"""

from __future__ import annotations

import re
from base64 import b64decode

__all__ = ["bare_url", "masked", "shown", "unechoed"]

_MASK = "***"
_SHORTEST = 8
"""Bytes; what is shorter would be found in words that are no secret."""

_SECRETS = re.compile(
    r"gh[oprsu]_[A-Za-z0-9_.-]{16,}"
    r"|github_pat_[A-Za-z0-9_]{16,}"
    r"|Z2h[vwyz1]X[A-Za-z0-9+/_-]{16,}=*"  # base64 of ghp_ and its kin
    r"|Z2l0aHViX3BhdF[A-Za-z0-9+/_-]{16,}=*"  # base64 of github_pat_
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"  # a JWT
    r"|\bv1\.[0-9a-f]{40}\b"
)
_HEADER = re.compile(r"\b(bearer|basic)([ \t]+)[A-Za-z0-9+/._~-]{16,}=*", re.IGNORECASE)
_USERINFO = re.compile(r"\b([a-z][a-z0-9+.-]{0,20}://)[^\s/?#\"'<>@]{1,2000}@", re.IGNORECASE)
_QUERY = re.compile(r"\b([a-z][a-z0-9+.-]{0,20}://[^\s?#\"'<>]{1,2000})\?[^\s\"'<>]*", re.IGNORECASE)


def masked(text: str) -> str:
    """The same text without what looks like a GitHub token, a credential header, or a URL's password or query.

    Args:
        text: What a server or a library said.

    Returns:
        The text with `***` for each secret, and `?***` for each query of a URL.

    Example:
        >>> masked("no: Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        'no: Bearer ***'
        >>> masked("see https://me:pw@storage.example/blob?sig=abc now")
        'see https://***@storage.example/blob?*** now'
    """
    text = _SECRETS.sub(_MASK, text)
    text = _HEADER.sub(rf"\1\2{_MASK}", text)
    text = _USERINFO.sub(rf"\1{_MASK}@", text)
    return _QUERY.sub(rf"\1?{_MASK}", text)


def unechoed(said: bytes, authorization: str) -> bytes:
    """What a server said, without the credentials that it was sent.

    Args:
        said: An answer's body.
        authorization: The value of `Authorization` that the request had, or "".

    Returns:
        The same with `***` for what followed the scheme, and for a password in it.

    Example:
        >>> unechoed(b"no b3arer-t0ken", "Bearer b3arer-t0ken")
        b'no ***'
    """
    secret = authorization.rpartition(" ")[2].encode()
    try:
        plain = b64decode(secret, validate=True)
    except ValueError:
        plain = b""
    for form in (secret, plain, plain.partition(b":")[2]):
        if len(form) >= _SHORTEST:
            said = said.replace(form, _MASK.encode())
    return said


def shown(text: str, limit: int = 300) -> str:
    r"""One printable line of at most `limit` characters, without secrets.

    Args:
        text: Anything, from anywhere.
        limit: The most characters that come back, at least 1.

    Returns:
        The text on one line; what was cut off is shown by `…`.

    Example:
        >>> shown("a\x1b[31m\n  b")
        'a [31m b'
        >>> shown("abcdef", limit=4)
        'abc…'
    """
    # A secret that the cut would halve is masked before the cut; the first cut keeps that affordable.
    text = masked(text[: 20 * limit + 4096])
    text = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def bare_url(url: str) -> str:
    """A URL without user, password, query and fragment, on one line.

    Args:
        url: Any text that is meant as a URL; it need not be a good one.

    Returns:
        What is left, at most 300 characters.

    Example:
        >>> bare_url("https://me:pw@ghcr.io/v2/acme/app/blobs/uploads/1?_state=secret#x")
        'https://ghcr.io/v2/acme/app/blobs/uploads/1'
    """
    url = url.partition("#")[0].partition("?")[0]
    scheme, mark, rest = url.partition("://")
    if mark:
        authority, slash, path = rest.partition("/")
        url = f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
    return shown(url)
