"""Where a server may send us: never from https to http, never from a public address to a private one.

A name is looked up to know what it is, for the place that sends as for the place that is named: a fake on loopback may
send to loopback. It follows nothing itself. Source: `reference/registry-clients.md` section 1.6 and section 6 choice 6;
CVE-2020-15157 for why credentials stay behind.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable

from yarl import URL

from ghcr_client.errors import ProtocolError, TransportError
from ghcr_client.masking import bare_url, shown

__all__ = ["MOST_REDIRECTS", "RedirectGuard", "same_origin", "target_of"]

MOST_REDIRECTS = 5

_PRINTABLE = re.compile("[!-~]+")

Lookup = Callable[[str], Awaitable[tuple[str, ...]]]
"""The addresses of a name."""


def target_of(base: URL, location: str) -> URL:
    """The URL that a `Location` or `Link` means.

    Args:
        base: What was asked.
        location: What came; relative ones are joined. Its escapes are kept as they are.

    Returns:
        An absolute URL without a fragment.

    Raises:
        ProtocolError: It is missing, is not a URL, or has no place for a host, or has a user or password.

    Example:
        >>> target_of(URL("http://127.0.0.1:5000/v2/a/b/blobs/uploads/"), "/v2/a/b/blobs/upload/1")
        URL('http://127.0.0.1:5000/v2/a/b/blobs/upload/1')
    """
    try:
        # RFC 3986 has neither blanks nor control characters nor other letters; joined as they are, they would go out.
        url = base.join(URL(location, encoded=True)) if _PRINTABLE.fullmatch(location) else None
        sound = (
            url is not None and url.scheme in ("http", "https") and bool(url.host) and url.port is not None
        )
    except (ValueError, TypeError):
        sound = False
    if not sound or url is None or url.user is not None or url.password is not None:
        raise ProtocolError(
            f"{bare_url(str(base))} sent to {shown(repr(bare_url(location)), 200)}, which leads nowhere"
        )
    return url.with_fragment(None)


def same_origin(one: URL, other: URL) -> bool:
    """Whether two URLs have one scheme, host and port, so that credentials may go along.

    Args:
        one: A URL.
        other: Another.

    Returns:
        True where all three are equal.
    """
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


async def _addresses(host: str) -> tuple[str, ...]:
    """The addresses of a name; none where it has none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: parts of the name are too long, or empty
        return ()
    return tuple(str(each[4][0]) for each in found)


class RedirectGuard:
    """Checks each place before anybody goes there.

    Args:
        lookup: The addresses of a name; the system's by default.
        through_proxy: Whether names are looked up elsewhere; then only what a name or address itself says counts.
    """

    def __init__(self, lookup: Lookup | None = None, *, through_proxy: bool = False) -> None:
        self._lookup = lookup or _addresses
        self._through_proxy = through_proxy
        self._private: dict[str, bool] = {}

    async def check(self, source: URL, target: URL) -> None:
        """Nothing, if one may go from here to there.

        Args:
            source: Who sends.
            target: Where to.

        Raises:
            TransportError: One may not.
        """
        if same_origin(source, target):
            return
        if source.scheme == "https" and target.scheme != "https":
            raise TransportError(
                "a redirect from https to http is not followed", url=str(target), temporary=False
            )
        if await self._is_private(target.host or "") and not await self._is_private(source.host or ""):
            raise TransportError(
                f"{shown(source.host or '', 100)} sent to a private address, which is not followed",
                url=str(target),
                temporary=False,
            )

    async def _is_private(self, host: str) -> bool:
        """Whether a host is, or resolves to, an address that is not a public one. Each name is looked up once."""
        if host not in self._private:
            try:
                addresses: tuple[str, ...] = (str(ipaddress.ip_address(host)),)
            except ValueError:
                named = host == "localhost" or host.endswith((".localhost", ".internal", ".local"))
                addresses = ("127.0.0.1",) if named else ()
                if not named and not self._through_proxy:
                    addresses = await self._lookup(host)
            self._private[host] = any(
                not ipaddress.ip_address(each.partition("%")[0]).is_global for each in addresses
            )
        return self._private[host]
