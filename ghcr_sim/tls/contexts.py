"""Contexts for a server: what it offers, and how its certificate gets into it."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ghcr_sim.errors import ServeError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ALPN", "PLAIN", "load_pem", "load_server_context", "put", "server_context"]

ALPN = ("h2", "http/1.1")
"""The protocols that ghcr.io offers, in its order (ghcr-wire row 0.6)."""


PLAIN: type[ssl.SSLContext] = next(each for each in ssl.SSLContext.__mro__ if each.__module__ == "ssl")
"""Python's own class of contexts, also where `ssl.SSLContext` is another one, as with truststore."""


def put(context: ssl.SSLContext, name: str, value: Any) -> None:
    """Set an attribute past the setters of `PLAIN`, which call themselves while `ssl.SSLContext` is another class."""
    getattr(super(PLAIN, PLAIN), name).__set__(context, value)


class _ServerContext(PLAIN):  # type: ignore[misc, valid-type]
    """A context that asyncio takes whatever `ssl.SSLContext` is at the time, since it goes by this word."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return ssl.SSLContext


def server_context(alpn: Sequence[str]) -> ssl.SSLContext:
    """Make a context without a certificate: TLS 1.2 at least, as every client that ghcr.io has can do."""
    context = _ServerContext(ssl.PROTOCOL_TLS_SERVER)
    put(context, "minimum_version", ssl.TLSVersion.TLSv1_2)
    context.set_alpn_protocols(list(alpn))
    return context


def load_pem(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Give a context a certificate that is on no disk.

    OpenSSL takes a key from a file and from nothing else: it gets one of mode 0600, gone at once.
    """
    handle, name = tempfile.mkstemp(prefix="ghcr-sim-", suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key + certificate)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()


def load_server_context(cert: Path, key: Path, *, alpn: Sequence[str] = ALPN) -> ssl.SSLContext:
    """Make a context for a server from files.

    Args:
        cert: The certificate, PEM, followed by those of intermediate authorities if there are any.
        key: Its key, PEM, not encrypted.
        alpn: The protocols to offer, the preferred one first.

    Raises:
        ServeError: A file is missing or is no PEM, or the key belongs to another certificate.
    """
    for path, what in ((cert, "certificate"), (key, "key")):
        if not path.is_file():
            raise ServeError(f"the {what} {path} is not there: name the file, or let the fake make its own")
    context = server_context(alpn)
    try:
        context.load_cert_chain(cert, key, password=_refuse_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ServeError(f"the key {key} does not belong to the certificate {cert}") from error
        reason = error.reason or error.strerror
        raise ServeError(f"{cert} and {key} must be a certificate and its key as PEM: {reason}") from error
    except OSError as error:
        raise ServeError(f"cannot read {cert} and {key}: {error.strerror}") from error
    return context


def _refuse_password() -> str:
    """Keep OpenSSL from asking for a password on a terminal that may not be there."""
    raise ServeError("the key is encrypted: write it without a password, `openssl pkey -in KEY -out NEW`")
