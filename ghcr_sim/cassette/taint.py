"""Secrets of a run: looked for in what is about to be written, and masked in what is shown.

Every secret that passes is remembered in memory, and searched for in all its `forms`. It edits nothing that is kept.
Source: `reference/record-replay.md` section 5.3.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING

from ghcr_sim.cassette.errors import SecretFound
from ghcr_sim.cassette.forms import encoded, forms
from ghcr_sim.shapes import MASK, RUN, TEXT, has_text, masked, shapes_in

if TYPE_CHECKING:
    from pathlib import Path

    from ghcr_sim.cassette.model import Exchange

__all__ = ["Taint", "check", "secret_in"]

_SHORTEST = 6
"""A shorter secret is a part of too many words to be looked for."""

_WORD = re.compile(rb"[A-Za-z0-9+/_.%\\-]+=*")
"""What may be base64, with all that surrounds a secret in it."""


class Taint:
    """The secrets that passed in this recording.

    Attributes:
        longest: Bytes of the longest form of one.

    Example:
        >>> taint = Taint()
        >>> taint.add("the token", "hunter2hunter2")
        >>> taint.find(b"... aHVudGVyMmh1bnRlcjI= ...")
        'the token'
    """

    def __init__(self) -> None:
        self._raw: dict[bytes, str] = {}
        self._short: dict[bytes, str] = {}
        self._long: dict[bytes, str] = {}
        self.longest = 0

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
        for form in forms(secret):
            self.longest = max(self.longest, len(form))
            is_long = len(form) >= RUN and TEXT.issuperset(form)
            (self._long if is_long else self._short).setdefault(form, name)

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

    def find(self, data: bytes, *, text: bool = True) -> str | None:
        """The name of a secret that is in some bytes, in any form, or None.

        Each pulled layer adds two signatures, and each form that is looked for takes as long as the last one.

        Args:
            data: The bytes.
            text: What `has_text` says of them; without, less has to be looked for.
        """
        # Tuples: another thread may learn more meanwhile.
        needles = (*self._short.items(), *(self._long.items() if text else ()))
        return next((name for form, name in needles if form in data), None)

    def masked(self, text: str) -> str:
        """A text for people in which each of these secrets, in any form, and what looks like one, is `<secret>`.

        Example:
            >>> taint = Taint()
            >>> taint.add("the token", "hunter2hunter2")
            >>> taint.masked("hunter2hunter2 is aHVudGVyMmh1bnRlcjI= there")
            '<secret> is <secret> there'
        """
        data = text.encode("utf-8", "surrogatepass")
        within = {form for raw in self._raw for form in encoded(raw)}
        for form in sorted((self._short.keys() | self._long.keys()) - within, key=len, reverse=True):
            data = data.replace(form, MASK)
        if any(form in data for form in within):
            data = _WORD.sub(lambda word: MASK if any(form in word[0] for form in within) else word[0], data)
        return masked(data.decode("utf-8", "surrogatepass"))


def _decoded(text: str) -> str | None:
    """What base64 stands for, if it is text."""
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except ValueError:
        return None


def secret_in(data: bytes, taint: Taint) -> str | None:
    """What secret some bytes hold: one of this recording, or what looks like one."""
    text = has_text(data)
    return taint.find(data, text=text) or next((name for name, _ in shapes_in(data, text=text)), None)


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
