"""A context for TLS that is like another one and trusts the test's authority, too: the other one stays as it is.

What a context was told to offer by ALPN cannot be read from it; it is noted when it is told, and is HTTP/1.1 where
nobody has seen that. Source: Python's `ssl`.
"""

from __future__ import annotations

import ssl
import weakref
from functools import cache
from typing import TYPE_CHECKING, Any

from ghcr_sim.tls.contexts import PLAIN, put

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Trust", "trust_in"]

_ALIKE = (
    "verify_mode",
    "check_hostname",
    "verify_flags",
    "options",
    "minimum_version",
    "maximum_version",
    "post_handshake_auth",
)
"""What a copy takes over, in an order in which OpenSSL lets it."""


class Trust:
    """Copies of contexts, one for each as long as that lives: to make one costs more than a handshake.

    Args:
        authority: The certificate that they trust, as PEM.
    """

    def __init__(self, authority: str) -> None:
        self._authority = authority
        self._copies: weakref.WeakKeyDictionary[ssl.SSLContext, ssl.SSLContext] = weakref.WeakKeyDictionary()
        self._offered: weakref.WeakKeyDictionary[ssl.SSLContext, list[str]] = weakref.WeakKeyDictionary()

    def context(self, original: ssl.SSLContext) -> ssl.SSLContext:
        """What is used in place of a context: as strict as that is now."""
        copy = self._copies.get(original)
        if copy is None:
            copy = self._copies[original] = self._copy(original)
        copy.check_hostname = False
        for name in _ALIKE:
            put(copy, name, getattr(original, name))
        if copy.get_ciphers() != original.get_ciphers():  # else another thread may shake hands by them
            copy.set_ciphers(_ciphers(original))
        return copy

    def _copy(self, original: ssl.SSLContext) -> ssl.SSLContext:
        copy = PLAIN(ssl.PROTOCOL_TLS_CLIENT)
        copy.sslsocket_class = original.sslsocket_class
        copy.sslobject_class = original.sslobject_class
        copy.load_verify_locations(cadata=self._authority)
        copy.set_alpn_protocols(self._offered.get(original, ["http/1.1"]))
        return copy

    def noting(self, real: Any) -> Any:
        """`SSLContext.set_alpn_protocols`, which takes note."""

        def set_alpn_protocols(context: ssl.SSLContext, protocols: Iterable[str]) -> None:
            offered = list(protocols)
            real(context, offered)
            self._offered[context] = offered
            self._copies.pop(context, None)

        return set_alpn_protocols


def _ciphers(context: ssl.SSLContext) -> str:
    """What a context offers up to TLS 1.2; there is no choice above."""
    names = [each["name"] for each in context.get_ciphers() if each["protocol"] != "TLSv1.3"]
    return f"{':'.join(names)}:@SECLEVEL={context.security_level}"


@cache
def trust_in(authority: str) -> Trust:
    """The copies of this process that trust an authority."""
    return Trust(authority)
