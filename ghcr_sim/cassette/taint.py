"""Secrets of a run: looked for in what is about to be written, and masked in what is shown.

Every secret that passes is remembered in memory, and searched for raw, quoted for URLs and JSON, and in the three
alignments of base64. It edits nothing that is kept. Source: `reference/record-replay.md` section 5.3.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

from ghcr_sim.cassette.errors import SecretFound
from ghcr_sim.shapes import MASK, masked, shapes_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ghcr_sim.cassette.model import Exchange

__all__ = ["Taint", "check", "secret_in"]

_SHORTEST = 6
"""A shorter secret is a part of too many words to be looked for."""

_LONG = 24
"""A secret of so many bytes is an unlikely run of letters."""

_MANY = 8
"""So many long secrets are looked for one by one in the time that a look for a run of their letters takes."""

_ESCAPE = re.compile("%[0-9A-F]{2}")

_WORD = re.compile(rb"[A-Za-z0-9+/_.%-]+=*")
"""What may be base64, with all that surrounds a secret in it."""


class Taint:
    """The secrets that passed in this recording.

    Example:
        >>> taint = Taint()
        >>> taint.add("the token", "hunter2hunter2")
        >>> taint.find(b"... aHVudGVyMmh1bnRlcjI= ...")
        'the token'
    """

    def __init__(self) -> None:
        self._needles: dict[bytes, str] = {}
        self._raw: dict[bytes, str] = {}
        self._longest = 0

    def __repr__(self) -> str:
        return f"<Taint of {len(self._raw)} secrets>"

    def add(self, name: str, secret: str) -> None:
        """Remember a secret; short ones are not.

        Args:
            name: What it is, for the message: never the secret itself.
            secret: The secret.
        """
        raw = secret.encode("utf-8", "surrogatepass")
        if len(raw) < _SHORTEST or raw in self._raw:
            return
        self._raw[raw] = name
        self._longest = max(self._longest, len(raw))
        for form in _forms(raw, secret):
            self._needles.setdefault(form, name)

    def add_authorization(self, value: str) -> None:
        """Remember what stands in an `Authorization` header, and what it decodes to."""
        scheme, _, secret = value.strip().partition(" ")
        secret = secret.strip()
        self.add("the Authorization header", secret)
        decoded = _decoded(secret)
        if decoded is None:
            return
        if scheme.lower() == "basic":
            user, colon, password = decoded.partition(":")
            self.add("the login", decoded)
            if colon:
                self.add("the password", password)
            elif user:
                self.add("the login", user)
        elif len(decoded) >= _SHORTEST and not decoded.startswith("v1:"):
            # GHCR's bearer is the password in base64; its anonymous one is a public name and a time.
            self.add("the token", decoded)

    @property
    def count(self) -> int:
        """How many secrets there are; it grows."""
        return len(self._raw)

    def find(self, data: bytes) -> str | None:
        """The name of a secret that is in some bytes, in any form, or None."""
        return next((name for form, name in self._needles.items() if form in data), None)

    def masked(self, text: str) -> str:
        """A text for people in which each of these secrets, in any form, and what looks like one, is `<secret>`.

        Example:
            >>> taint = Taint()
            >>> taint.add("the token", "hunter2hunter2")
            >>> taint.masked("hunter2hunter2 is aHVudGVyMmh1bnRlcjI= there")
            '<secret> is <secret> there'
        """
        data = text.encode("utf-8", "surrogatepass")
        encoded = {form for raw in self._raw for form in _encoded(raw)}
        for form in sorted(self._needles.keys() - encoded, key=len, reverse=True):
            data = data.replace(form, MASK)
        if any(form in data for form in encoded):
            data = _WORD.sub(lambda word: MASK if any(form in word[0] for form in encoded) else word[0], data)
        return masked(data.decode("utf-8", "surrogatepass"))

    def find_raw(self, data: bytes, before: bytes = b"") -> str | None:
        """As `find`, as they are only: for content that is too large to look for each form.

        Args:
            data: A piece of it.
            before: The end of the piece before, as `seam` gives it: a secret may lie across.
        """
        needles = tuple(self._raw.items())  # another thread may learn more meanwhile
        found = next((name for form, name in _possible(needles, data) if form in data), None)
        if found is None and before:
            across = before + data[: self._longest]
            return next((name for form, name in needles if form in across), None)
        return found

    def seam(self, data: bytes, before: bytes = b"") -> bytes:
        """The end of what came, in which a secret may have begun.

        Args:
            data: A piece.
            before: The seam before it: a piece may be shorter than a secret.
        """
        if not self._longest:
            return b""
        return (data if len(data) >= self._longest else before + data)[-self._longest :]


def _possible(needles: tuple[tuple[bytes, str], ...], data: bytes) -> Iterator[tuple[bytes, str]]:
    """The secrets that may be in some bytes: with many, a look for a long run of their letters rules most bytes out.

    Each pulled layer adds two signatures, and each secret that is looked for takes as long as the last one; compressed
    bytes have no such run.
    """
    long = [each for each in needles if len(each[0]) >= _LONG]
    if len(long) <= _MANY:
        yield from needles
        return
    yield from (each for each in needles if len(each[0]) < _LONG)
    letters = set(b"".join(form for form, _ in long))
    table = bytes(each in letters for each in range(256))
    if b"\1" * min(len(form) for form, _ in long) in data.translate(table):
        yield from long


def _decoded(text: str) -> str | None:
    """What base64 stands for, if it is text."""
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except ValueError:
        return None


def _forms(raw: bytes, secret: str) -> Iterator[bytes]:
    """All the ways in which a secret may be written down."""
    yield raw
    for safe in ("", "/:"):
        quoted = quote(secret, safe=safe, errors="surrogatepass")
        yield quoted.encode()
        yield _ESCAPE.sub(lambda found: found[0].lower(), quoted).encode()
    plain = json.dumps(secret)[1:-1]
    yield plain.encode()
    yield plain.replace("/", "\\/").encode()
    yield "".join(f"\\u{ord(each):04x}" if each in "<>&" else each for each in plain).encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")
    yield from _encoded(raw)


def _encoded(raw: bytes) -> Iterator[bytes]:
    """What of a secret stands in every base64 of a text with it."""
    for shift in range(3):
        # The first and the last characters depend on the neighbours; what is between does not.
        encoded = b64encode(b"\0" * shift + raw)
        core = encoded[(0, 2, 3)[shift] : len(encoded) - (0, 3, 2)[(len(raw) + shift) % 3]]
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")
        yield quote(core.decode(), safe="").encode()


def secret_in(data: bytes, taint: Taint) -> str | None:
    """What secret some bytes hold: one of this recording, or what looks like one."""
    return taint.find(data) or next((name for name, _ in shapes_in(data)), None)


def check(each: Exchange, target: Path, taint: Taint) -> None:
    """See that a line holds no secret.

    Args:
        each: The line.
        target: The cassette, for the message.
        taint: The secrets that are known, beside those that look like one.

    Raises:
        SecretFound: It holds one.
    """
    # A body's text is quoted in the line: what is quoted in itself is found before that only.
    body = each.response.body
    said = "" if body is None or body.text is None else body.text
    found = secret_in(f"{each.line()}\n{said}".encode("utf-8", "surrogatepass"), taint)
    if found is not None:
        raise SecretFound(
            f"{found} stands in what {each.operation} would have written",
            path=target,
            remedy="nothing was saved: keep it out of what is asked for, and of what is answered",
        )
