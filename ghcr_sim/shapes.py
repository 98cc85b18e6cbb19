"""The shapes of secrets, whoever's they are: looked for in files, and masked in what people read.

They need no recording, so that cassettes of others can be scanned. It knows no secret, and edits no file. Source:
`reference/record-replay.md` section 5.3; token shapes: GitHub's documentation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MASK", "RUN", "SHAPES", "TEXT", "has_text", "masked", "shapes_in"]

SHAPES: dict[str, re.Pattern[bytes]] = {
    "a GitHub token": re.compile(rb"gh[oprsu]_[A-Za-z0-9]{36}"),
    "a fine-grained GitHub token": re.compile(rb"github_pat_[A-Za-z0-9_]{59,}"),
    "a GitHub token in base64": re.compile(
        rb"Z2h[vwyz1]X[A-Za-z0-9+/_-]{45}|Z2l0aHViX3BhdF[A-Za-z0-9+/_-]{60}"
    ),
    "a JSON web token": re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"),
    "an AWS key": re.compile(rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a signature of a storage address": re.compile(
        rb"[?&](?:sig|hmac|X-Amz-Signature)=[A-Za-z0-9%+/=_-]{20,}"
    ),
    "credentials in a header": re.compile(
        rb"(?i:\b(?:basic|bearer))[ \t]+(?=[a-z._~-]*[A-Z0-9+/])[A-Za-z0-9+/._~-]{20,}=*"
    ),
    "a password in a URL": re.compile(rb"(?i)\bhttps?://[^\s/?#\"'<>@:]{1,200}:[^\s/?#\"'<>@]{1,200}@"),
}
"""What a secret looks like, whoever's it is."""

_URL = "a password in a URL"
_MARKS: dict[str, tuple[bytes, ...]] = {
    "an AWS key": (b"akia", b"asia"),
    "a signature of a storage address": (b"sig=", b"hmac=", b"signature="),
    "credentials in a header": (b"basic", b"bearer"),
    _URL: (b"http",),
}
"""What stands, in lower case, in the shapes that take long to be matched: they begin with no letters of their own."""

RUN = 20
"""So many bytes of text stand in each shape but a URL's, and in a row in no compressed bytes."""

TEXT = frozenset(b"\t" + bytes(range(ord(" "), ord("~") + 1)))
"""The bytes that are text."""

_IS_TEXT = bytes(each in TEXT for each in range(256))


def has_text(data: bytes) -> bool:
    """Whether there is a run of text in some bytes, as each long secret is one.

    Args:
        data: Anything; it takes a hundredth of the time in which all shapes are matched.
    """
    return b"\1" * RUN in data.translate(_IS_TEXT)


def shapes_in(data: bytes, *, text: bool = True) -> Iterator[tuple[str, int]]:
    """What looks like a secret.

    Args:
        data: Anything.
        text: What `has_text` says of it; without, less has to be looked for.

    Yields:
        What it looks like, and where it begins.

    Example:
        >>> list(shapes_in(b"no ghp_" + b"a1" * 18))
        [('a GitHub token', 3)]
    """
    if not text and b"://" not in data:
        return
    lower = data.lower()
    for name in SHAPES if text else (_URL,):
        if any(mark in lower for mark in _MARKS.get(name, (b"",))):
            for found in SHAPES[name].finditer(data):
                yield name, found.start()


MASK = b"<secret>"

_TAILS = {
    "a GitHub token": rb"\w*",
    "a GitHub token in base64": rb"[A-Za-z0-9+/_-]*=*",
    "a private key": rb"(?:(?s:.{0,16384}?)-----END [A-Z ]{0,20}PRIVATE KEY-----)?",
}
"""What a secret that is found by its beginning may go on with."""

_MASKED = (
    *(re.compile(b"(?:%s)%s" % (SHAPES[name].pattern, tail)) for name, tail in _TAILS.items()),
    *(shape for name, shape in SHAPES.items() if name not in _TAILS),
)

_NAMED = re.compile(
    rb"""(?ix)
    ( authorization ["']? \s* [:=,] \s* ["']? (?:basic|bearer) [ \t]+
    | passw(?:or)?d (?: = ["']? | ["'] \s* [:,] \s* ["'] )
    | [?&] [a-z_]*(?:token|secret) = )
    [^\s"'&<>,;)]+"""
)
"""What is a secret by the word before it. Cassettes are not searched for it: in code, it is a name as often."""


def masked(text: str) -> str:
    """A text for people in which everything that looks like a secret, or is called one, is `<secret>`.

    Example:
        >>> masked("no ghp_" + "a1" * 18)
        'no <secret>'
    """
    data = text.encode("utf-8", "surrogatepass")
    for shape in _MASKED:
        data = shape.sub(MASK, data)
    return _NAMED.sub(rb"\1" + MASK, data).decode("utf-8", "surrogatepass")
