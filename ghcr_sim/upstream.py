"""The outbound side of recording: a request to the real registry, answered as it came, byte by byte.

Nothing is followed, decoded, retried or added: a redirect is a part of the protocol. It knows no cassette.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from ghcr_sim.errors import ServeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from ghcr_sim.exchange import Body

__all__ = ["Upstream", "UpstreamAnswer", "UpstreamError"]

_HOP = frozenset(
    {
        "connection",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields of one connection, which go no further."""

_PIECE = 1 << 20


class UpstreamError(Exception):
    """There is no answer: no connection, no TLS, or it broke off."""


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """An answer whose body is still to be read.

    Attributes:
        status: The HTTP status.
        headers: Its header fields, in their order and spelling, without those of the connection.
        length: Bytes of the body, or None where nobody says.
        response: Where the body comes from.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    length: int | None
    response: aiohttp.ClientResponse

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body, as it comes.

        Raises:
            UpstreamError: It broke off.
        """
        try:
            while piece := await self.response.content.readany():
                yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamError(f"the body broke off: {error}") from None
        finally:
            self.response.close()


class Upstream:
    """Connections to real registries. Use it as `async with Upstream() as upstream:`.

    Args:
        ca_file: Certificates of authorities that are trusted, too.
        seconds: The longest silence.
        places: Host → address and port, where it is not to be looked up: a stand-in for a registry in a test.
    """

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        seconds: float = 120.0,
        places: Mapping[str, tuple[str, int]] | None = None,
    ) -> None:
        self._ca_file = ca_file
        self._places = places
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context()
        if self._ca_file is not None:
            try:
                context.load_verify_locations(cafile=self._ca_file)
            except (OSError, ssl.SSLError) as error:
                raise ServeError(f"{self._ca_file} cannot be used as an authority: {error}") from None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ssl=context, resolver=None if self._places is None else _Places(self._places)
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_PIECE,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=None, sock_read=self._seconds, sock_connect=30),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self, method: str, url: str, headers: Iterable[tuple[str, str]], body: Body | None
    ) -> UpstreamAnswer:
        """Send a request.

        Args:
            method: The HTTP method.
            url: Where to.
            headers: Its header fields; those of the connection are left out.
            body: What is sent, or None.

        Returns:
            The answer's head.

        Raises:
            UpstreamError: There is no answer.
        """
        assert self._session is not None
        kept = [(name, value) for name, value in headers if name.lower() not in _HOP]
        data = None if body is None or body.length == 0 else body.pieces()
        if data is None and method in {"POST", "PUT", "PATCH"} and not _has(kept, "content-length"):
            kept.append(("Content-Length", "0"))
        try:
            response = await self._session.request(
                method, URL(url, encoded=True), headers=CIMultiDict(kept), data=data, allow_redirects=False
            )
        except ValueError:
            # What is wrong with an address or a field would be quoted, and may hold a secret.
            raise UpstreamError(
                "what is asked cannot be sent: an address or a header field is malformed"
            ) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamError(f"{URL(url).host} does not answer: {_why(error)}") from None
        raw = (
            (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
            for name, value in response.raw_headers
        )
        fields = tuple((name, value) for name, value in raw if name.lower() not in _HOP)
        length = None if response.headers.get("Transfer-Encoding") else response.content_length
        return UpstreamAnswer(response.status, fields, length, response)


def _why(error: Exception) -> str:
    """What is wrong, in words; some errors quote the whole address, whose query may be a secret."""
    return "what came is no HTTP" if isinstance(error, aiohttp.ClientResponseError) else str(error)


class _Places(AbstractResolver):
    """Addresses that are given, and no others."""

    def __init__(self, places: Mapping[str, tuple[str, int]]) -> None:
        self._places = places

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The address of a host.

        Raises:
            OSError: It is not among them.
        """
        if host not in self._places:
            raise OSError(f"{host} is no place of this run (port {port})")
        address, place = self._places[host]
        return [
            ResolveResult(
                hostname=host, host=address, port=place, family=family, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        """Nothing is open."""


def _has(headers: list[tuple[str, str]], name: str) -> bool:
    return any(each.lower() == name for each, _ in headers)
