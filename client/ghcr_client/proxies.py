"""Which proxy a URL goes through, by the environment: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`.

The environment is read by the standard library, once. Loopback never goes through a proxy. aiohttp's own reading of the
environment is not used, as it takes passwords from `~/.netrc`, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

from ghcr_client.hosts import is_loopback

if TYPE_CHECKING:
    from yarl import URL

__all__ = ["Proxies"]


class Proxies:
    """The proxies of this process's environment, as it is now."""

    def __init__(self) -> None:
        self._proxies = {scheme: url for scheme, url in getproxies().items() if scheme in ("http", "https")}
        self._bypassed: dict[str, bool] = {}

    @property
    def any(self) -> bool:
        """Whether there is one, so that names are looked up elsewhere."""
        return bool(self._proxies)

    def of(self, url: URL) -> str | None:
        """The proxy for a URL.

        Args:
            url: Where a request goes.

        Returns:
            The proxy's URL, or None.
        """
        proxy = self._proxies.get(url.scheme)
        host = url.host or ""
        if proxy is None or is_loopback(host):
            return None
        if host not in self._bypassed:
            self._bypassed[host] = bool(proxy_bypass(host))
        return None if self._bypassed[host] else proxy
