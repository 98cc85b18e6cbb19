"""What a registry is asked, and what it answered: plain values, which know no socket.

Source: `reference/registry-clients.md` section 6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from ghcr_client.masking import bare_url, shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from yarl import URL

    from ghcr_client.limiter import Kind

__all__ = ["JSON_LIMIT", "SAFE", "Answer", "Body", "Call"]

JSON_LIMIT = 8 * 1024 * 1024
"""Bytes of a document that are read."""

SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a request sends, when it is more than some bytes.

    Attributes:
        read: Gives the pieces from the start, each time it is called.
        size: Bytes in all, or None: then they go in chunked transfer coding.
        rewindable: Whether `read` may be called again.
    """

    read: Callable[[], AsyncIterator[bytes]]
    size: int | None
    rewindable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One thing that a registry is asked for.

    Attributes:
        operation: Its name, such as `manifest.get`: in errors, metrics and limits.
        method: The HTTP method.
        registry: Which registry, as references name it.
        target: A path below the registry, or the URL that it gave.
        scopes: What a token must allow, in canonical order.
        headers: Header fields beside those that every request has.
        ok: The statuses that are hoped for.
        body: What is sent.
        limit: Bytes of the answer that are read at most.
        follow: Whether redirects are followed; only those of GET and HEAD ever are.
        retry: Whether failures that pass are tried again here.
        placed: Whether who asks has taken a place for it, by `Transport.sending`.
    """

    operation: str
    method: str
    registry: str
    target: str
    scopes: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    ok: frozenset[int] = frozenset({200})
    body: bytes | Body | None = None
    limit: int = JSON_LIMIT
    follow: bool = True
    retry: bool = True
    placed: bool = False

    def __repr__(self) -> str:
        return f"Call({self.operation!r}, {self.method} {shown(self.registry)} {bare_url(self.target)})"

    @property
    def kind(self) -> Kind:
        """Which limit it counts for."""
        return "read" if self.method in SAFE else "write"

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent again."""
        return not isinstance(self.body, Body) or self.body.rewindable


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was hoped for.

    Attributes:
        status: The HTTP status.
        headers: Its header fields; names in any case.
        body: All of it.
        url: Who answered in the end.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: URL

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes, {bare_url(str(self.url))})"
