"""What stands between the transport and the wire: sockets, TLS, bodies that go out, failures in words.

It knows aiohttp, and nothing of registries. No error of aiohttp goes further: they hold header fields.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

import aiohttp
from yarl import URL

from ghcr_client.closing import closing
from ghcr_client.errors import ConfigError, GhcrError, ProtocolError, TransportError
from ghcr_client.masking import bare_url, shown, unechoed
from ghcr_client.redirects import target_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ghcr_client.settings import GhcrConfig

__all__ = [
    "Sent",
    "Sockets",
    "Try",
    "agent",
    "beginning",
    "below",
    "coding_of",
    "let_go_on_failure",
    "once",
    "said_by",
    "tls_context",
    "translated",
]

_KEEPALIVE_SECS = 60
_GOODBYE_SECS = 0.02
_GOODBYE_TRIES = 100
_CODINGS = frozenset({"br", "compress", "deflate", "gzip", "x-gzip", "zstd"})


class Sockets:
    """The sockets of a client: each notices when the other side is gone, and none outlives the client."""

    def __init__(self) -> None:
        self._made: WeakSet[socket.socket] = WeakSet()

    def __call__(self, info: tuple[Any, ...]) -> socket.socket:
        """Make a socket for an address."""
        made = socket.socket(*info[:3])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_SECS)
        self._made.add(made)
        return made

    async def closed(self) -> None:
        """Return when no socket is open: one on which an exchange was given up says good-bye over TLS first."""
        for tries in range(_GOODBYE_TRIES):
            if all(each.fileno() < 0 for each in self._made):
                return
            await asyncio.sleep(0 if tries < _GOODBYE_TRIES / 2 else _GOODBYE_SECS)


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a call.

    Attributes:
        within: How long a request of it may take.
        held: What is let go of when the answer has been read, or there is none.
    """

    within: aiohttp.ClientTimeout
    held: contextlib.AsyncExitStack


class Sent:
    """What a request sends. It keeps what went wrong with it, which aiohttp would take for a lost connection.

    aiohttp leaves it where an answer or a failure comes before its end: whoever made it closes it then.

    Args:
        pieces: The content.
        size: How many bytes it has, or None.

    Attributes:
        failure: What reading it ended with, or None.
        whole: Whether all of it was taken to be sent: whoever answers sooner cannot have it.
    """

    def __init__(self, pieces: AsyncIterator[bytes], size: int | None) -> None:
        self._pieces = pieces
        self._left = size
        self._being_read = asyncio.Lock()
        self.failure: Exception | None = None
        self.whole = size == 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        async with self._being_read:
            try:
                piece = await anext(self._pieces)
            except StopAsyncIteration:
                self.whole = True
                raise
            except Exception as failure:
                self.failure = failure
                raise
        if self._left is not None:
            self._left -= len(piece)
            self.whole = self._left <= 0
        return piece

    async def aclose(self) -> None:
        """Let go of what the content comes from, as soon as aiohttp's task has left it: it was cancelled by then."""
        async with self._being_read, closing(self._pieces):
            pass


@contextlib.contextmanager
def let_go_on_failure(response: aiohttp.ClientResponse) -> Iterator[None]:
    """Close an answer's connection where the block fails."""
    try:
        yield
    except BaseException:
        response.close()
        raise


async def once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a PUT or DELETE again by itself: whoever sent it looks first what became of it."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from None


@cache
def agent() -> str:
    """What this client calls itself."""
    return f"ghcr-client/{version('pytest-ghcr')}"


def below(home: URL, target: str) -> URL:
    """Where a call goes: a path that was made here is the registry's, and all else has to prove itself."""
    if target.startswith("/"):
        return URL(f"{home.origin()}{target}", encoded=True)
    return target_of(home, target)


def said_by(said: bytes, response: aiohttp.ClientResponse) -> bytes:
    """What an answer says, without the credentials that its request had."""
    return unechoed(said, response.request_info.headers.get("Authorization", ""))


def coding_of(response: aiohttp.ClientResponse) -> str:
    """The coding that an answer says its body has, uninvited, or "": storages write other words there, too."""
    said = response.headers.get("Content-Encoding", "").lower()
    return next((each for each in map(str.strip, said.split(",")) if each in _CODINGS), "")


async def beginning(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body's beginning."""
    pieces: list[bytes] = []
    left = most
    while left > 0 and (piece := await response.content.read(min(left, 1 << 20))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def tls_context(config: GhcrConfig) -> ssl.SSLContext:
    """How TLS is spoken: 1.2 at least, certificates checked."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if config.ca_file is not None:
        try:
            context.load_verify_locations(cafile=config.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"ca_file {config.ca_file} cannot be read: {error}") from None
    return context


@contextlib.contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turn what aiohttp and the system raise into errors of the tree; theirs hold header fields, and go no further."""
    try:
        yield
    except GhcrError:
        raise
    except (aiohttp.ClientError, OSError, ValueError) as error:
        failure = _translation(error, url)
        try:
            raise failure from None
        finally:
            failure.__context__ = None  # whoever walks the chain would find the header fields there


def _translation(error: Exception, url: URL) -> GhcrError:
    """The error of the tree for one of aiohttp's or the system's."""
    match error:
        case aiohttp.ClientSSLError():  # some are a ValueError, too
            pass
        case aiohttp.ClientHttpProxyError():
            said = f"the proxy refused: {error.status} {shown(error.message)}"
            return TransportError(said, temporary=False)
        case aiohttp.ClientResponseError():
            return ProtocolError(f"{url.host} does not speak HTTP: {shown(error.message)}")
        case ValueError():  # aiohttp.InvalidURL is one, and what a host or a header field may not hold
            return ProtocolError(f"{bare_url(str(url))} is no URL that can be asked")
    words, temporary = _broken(error, url)
    return TransportError(words, url=str(url), temporary=temporary)


def _broken(error: Exception, url: URL) -> tuple[str, bool]:
    """Why there is no answer, and whether there may be one later."""
    match error:
        case aiohttp.ClientSSLError():
            reason = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
            return f"TLS failed: {shown(str(reason))}", False
        case aiohttp.ClientConnectorDNSError():
            gone = isinstance(error.os_error, socket.gaierror) and error.os_error.errno == socket.EAI_NONAME
            return f"{url.host} has no address", not gone
        case TimeoutError():
            return "no answer in time", True
        case _:
            words = str(error).partition(" Connection<")[0]  # what follows may hold a proxy's password
            return f"the connection failed: {shown(words)}", True
