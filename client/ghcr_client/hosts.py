"""What a host's name says of where it is, and the name of what has none. It looks nothing up.

Source: RFC 6761, section 6.3 for `localhost`; RFC 1122, section 3.2.1.3 for loopback.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarl import URL

__all__ = ["REST", "authority", "is_loopback"]

REST = "github-rest-api"
"""What stands for GitHub's REST API where a registry is named; no reference can name it."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address alone.

    Args:
        host: Such as `localhost`, `127.0.0.1` or `::1`.

    Returns:
        True for loopback addresses and `localhost`, and names below it.

    Example:
        >>> is_loopback("127.8.8.8"), is_loopback("127.example")
        (True, False)
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def authority(url: URL) -> str:
    """Host and port, as references name a registry: without the scheme's own port.

    Args:
        url: Where it is.

    Returns:
        Such as `ghcr.io` or `127.0.0.1:5000`.

    Example:
        >>> from yarl import URL
        >>> authority(URL("https://ghcr.io:443")), authority(URL("http://[::1]:5000"))
        ('ghcr.io', '[::1]:5000')
    """
    host = url.host_subcomponent or ""
    return host if url.is_default_port() else f"{host}:{url.port}"
