"""The hosts that a cassette speaks of: what a proxy takes over when it is replayed.

Its registry, the realms that its challenges name, and the storage hosts that its redirects lead to. Source:
`reference/record-replay.md` sections 3.1 and 5.4.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.cassette.model import Exchange

__all__ = ["hosts_of", "realms_of", "storage_of"]

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


def storage_of(exchanges: Iterable[Exchange]) -> str:
    """The origin of the first storage host that a blob's redirect leads to, or ""."""
    for each in exchanges:
        if each.operation == "blob.get":
            for url in _fields(each, "location"):
                if url.startswith(("https://", "http://")):
                    return "/".join(url.split("/", 3)[:3])
    return ""


def _realms(exchanges: Iterable[Exchange]) -> Iterator[str]:
    for each in exchanges:
        for value in _fields(each, "www-authenticate"):
            yield from _REALM.findall(value)


def _fields(exchange: Exchange, name: str) -> Iterator[str]:
    return (value for key, value in exchange.response.headers if key.lower() == name)
