"""The hosts that a cassette speaks of: what a proxy takes over when it is replayed, and what each is.

Its registry, the realms that its challenges name, and the storage hosts that its redirects lead to. Source:
`reference/record-replay.md` sections 3.1 and 5.4.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.cassette.model import Exchange, Header, HostClass

__all__ = ["classes_of", "hosts_of", "realms_of", "storage_of"]

_API = "https://api.github.com"
_REALM = re.compile(r'realm="(https?://[^"?]+)')


def realms_of(exchanges: Iterable[Exchange]) -> frozenset[tuple[str, str]]:
    """Host and path of each token realm that a challenge names."""
    parts = (urlsplit(url) for url in _realms(exchanges))
    return frozenset((each.hostname or "", each.path) for each in parts)


def hosts_of(cassette: Cassette) -> frozenset[str]:
    """The names of all hosts that a client of this cassette goes to."""
    urls = [cassette.header.upstream, cassette.header.storage, *_realms(cassette.exchanges)]
    urls += [url for each in cassette.exchanges for url in _fields(each, "location")]
    return frozenset(filter(None, (urlsplit(url).hostname for url in urls)))


def classes_of(header: Header, exchanges: Iterable[Exchange]) -> dict[str, tuple[HostClass, ...]]:
    """What each host is, for the first line of a cassette.

    Args:
        header: It names the registry and, where somebody knew it, the storage host.
        exchanges: Challenges name realms, redirects of blobs storage hosts; others say who answered.

    Returns:
        Origin → what it is, both sorted. Of a registry without a challenge, the realm is its own.
    """
    found: dict[str, set[HostClass]] = defaultdict(set)
    asks_realm = False
    for each in exchanges:
        asks_realm = asks_realm or each.operation.startswith("token.")
        for url in _realms([each]):
            found[_origin(url)].add("realm")
        if each.operation == "blob.get":
            led = {_origin(url) for url in _fields(each, "location")} - {header.upstream}
            for origin in led:
                found[origin].add("storage")
        if each.host == "api":
            found[_API].add("api")
    if asks_realm and not any("realm" in each for each in found.values()):
        found[header.upstream].add("realm")
    found[header.storage].add("storage")
    found[header.upstream].add("registry")
    return {origin: tuple(sorted(found[origin])) for origin in sorted(found) if origin}


def _origin(url: str) -> str:
    """Scheme and host of an address; "" of a path."""
    return "/".join(url.split("/", 3)[:3]) if url.startswith(("https://", "http://")) else ""


def storage_of(exchanges: Iterable[Exchange]) -> str:
    """The origin of the first storage host that a blob's redirect leads to, or ""."""
    for each in exchanges:
        if each.operation == "blob.get":
            for url in _fields(each, "location"):
                if origin := _origin(url):
                    return origin
    return ""


def _realms(exchanges: Iterable[Exchange]) -> Iterator[str]:
    for each in exchanges:
        for value in _fields(each, "www-authenticate"):
            yield from _REALM.findall(value)


def _fields(exchange: Exchange, name: str) -> Iterator[str]:
    return (value for key, value in exchange.response.headers if key.lower() == name)
