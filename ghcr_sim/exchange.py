"""The seam of everything: a request goes in, a response comes out, both plain frozen values.

What stands on either side (a socket, a cassette, a test) is not known here. Nothing here sleeps,
closes a socket or reads a clock: an effect on the wire is said in `Wire` and done by `serve`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping

__all__ = [
    "PIECE",
    "Body",
    "BodyError",
    "BytesBody",
    "Content",
    "Handler",
    "Relay",
    "Request",
    "Response",
    "Source",
    "Wire",
    "origin_form",
]

PIECE = 1 << 20
"""The most bytes that are read, hashed or written in one step (1 MiB)."""


class Request(NamedTuple):
    """A request's head.

    Attributes:
        method: The HTTP method, upper case.
        target: Path and query as they came, undecoded (`/v2/a/b/tags/list?n=2`).
        headers: Header fields; look-up ignores case.
        scheme: `http` or `https`.
        authority: The name and port that the client dialled (its `Host`).
    """

    method: str
    target: str
    headers: Mapping[str, str]
    scheme: str = "http"
    authority: str = "ghcr.io"

    def __repr__(self) -> str:
        # Headers hold credentials, and a storage host's query a signature: neither belongs in a traceback.
        return f"Request({self.method} {origin_form(self.target).partition('?')[0]})"


def origin_form(target: str) -> str:
    """Path and query of a target, also of an absolute one, whose origin may hold a user's password."""
    return target if target.startswith("/") else "/" + target.partition("://")[2].partition("/")[2]


class Source(Protocol):
    """Bytes of known size that can be read again from any offset: a blob in a store."""

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    @property
    def path(self) -> str | None:
        """The file that holds exactly these bytes, where there is one: `sendfile` takes it."""
        ...

    def pieces(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """The bytes from `start` up to `stop`, in pieces of any size."""
        ...


@dataclass(frozen=True, slots=True)
class Content:
    """A part of a source, as a response's body: bytes `start` up to `stop`."""

    source: Source
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Relay:
    """A response's body that comes by and by, from elsewhere. It goes out as it comes, and cannot be read again.

    Attributes:
        pieces: The bytes; they end by an exception where they break off. Who has enough of them closes it.
        size: How many there will be, or None where nobody knows.
    """

    pieces: AsyncGenerator[bytes]
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Wire:
    """What shall happen on the wire beside the answer. `serve` does it; nobody else does.

    Attributes:
        hang: Never answer; the client gives up first.
        reset: Close the connection with a TCP reset instead of answering.
        cut_after: Send that many bytes of the body, then reset the connection.
    """

    hang: bool = False
    reset: bool = False
    cut_after: int | None = None


class Response(NamedTuple):
    """An answer.

    Attributes:
        status: The HTTP status.
        headers: Header fields in the order and spelling in which they go out. Every response says its
            own `content-length`; `serve` adds nothing but what the connection itself needs.
        body: The bytes, a part of a source, or a stream. Empty for `HEAD`, whatever `content-length` says.
        wire: Effects on the wire, or none.
        by: Which room answered: `registry`, `auth`, `storage`, `fault`, …, for the journal.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Content | Relay = b""
    wire: Wire | None = None
    by: str = "registry"


class BodyError(Exception):
    """The request's body ended before its announced end, came too slowly, or was not decodable."""


class Body(Protocol):
    """A request's body: not read until an origin asks, so that a refusal costs no upload."""

    @property
    def length(self) -> int | None:
        """The announced number of bytes; None where the client announced none."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they come.

        Raises:
            BodyError: The body was cut short.
        """
        ...


@dataclass(frozen=True, slots=True)
class BytesBody:
    """A body that is there already: for origins that are driven without a socket."""

    data: bytes = b""

    @property
    def length(self) -> int:
        """The number of bytes."""
        return len(self.data)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes in pieces of at most `PIECE`."""
        for start in range(0, len(self.data), PIECE):
            yield self.data[start : start + PIECE]


class Handler(Protocol):
    """Anything that answers: an origin, or the whole fake."""

    async def __call__(self, request: Request, body: Body) -> Response:
        """Answer one request."""
        ...
