"""A certificate authority for one run.

Its key never leaves the memory of the process that made it: nobody who finds a file can sign another
certificate with it. `cryptography` is imported when a certificate is made, and not before.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ghcr_sim.errors import ServeError
from ghcr_sim.tls.contexts import ALPN, load_pem, server_context

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ghcr_sim.tls.certificates import Signer

__all__ = ["NAMES", "Authority", "Certificate"]

NAMES = (
    "ghcr.io",
    "*.ghcr.io",
    "pkg-containers.githubusercontent.com",
    "localhost",
    "127.0.0.1",
    "127.0.0.2",
    "::1",
)
"""What every certificate is good for: the names that clients dial, and loopback."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate and its key, both as PEM."""

    pem: bytes
    key: bytes = field(repr=False)


class Authority:
    """A certificate authority that lives as long as this object. `Authority.create()` makes one.

    Attributes:
        pem: The authority's own certificate: what a client has to trust.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self.pem: bytes = signer.pem

    @classmethod
    def create(cls) -> Authority:
        """Make a new authority, with a new key and a name of its own."""
        from ghcr_sim.tls.certificates import Signer  # noqa: PLC0415 - cryptography costs 50 ms

        return cls(Signer())

    def issue(self, *names: str) -> Certificate:
        """Make a certificate for `NAMES` and for more.

        Args:
            names: DNS names, wildcards such as `*.example.org`, or IP addresses.

        Raises:
            ServeError: One of them is neither a DNS name nor an IP address.
        """
        return Certificate(*self._signer.issue(tuple(dict.fromkeys((*NAMES, *names)))))

    def server_context(self, *names: str, alpn: Sequence[str] = ALPN) -> ssl.SSLContext:
        """Make a context for a server, with a new certificate for `NAMES` and `names`.

        Args:
            names: As for `issue`.
            alpn: The protocols to offer, the preferred one first.

        Raises:
            ServeError: One of `names` is neither a DNS name nor an IP address.
        """
        certificate = self.issue(*names)
        context = server_context(alpn)
        load_pem(context, certificate.pem, certificate.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Make a context for a client that trusts this authority and no other."""
        return ssl.create_default_context(cadata=self.pem.decode())

    def write(self, directory: Path, *names: str) -> None:
        """Write `ca.crt`, and for other programs' servers `server.crt` and `server.key` (mode 0600).

        What an earlier authority has written there is replaced.

        Args:
            directory: Where; made if it is missing.
            names: As for `issue`.

        Raises:
            ServeError: The directory cannot be written to, has a file of such a name that no authority of this
                kind wrote, or a name is none.
        """
        certificate = self.issue(*names)
        files = {
            "ca.crt": (self.pem, 0o644),
            "server.crt": (certificate.pem, 0o644),
            "server.key": (certificate.key, 0o600),
        }
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _check_owner(directory, tuple(files))
            # All of them first: who dies on the way leaves no key without its certificate.
            for name in files:
                (directory / name).unlink(missing_ok=True)
            for name, (data, mode) in files.items():
                _write(directory / name, data, mode)
        except OSError as error:
            raise ServeError(f"cannot write certificates to {directory}: {error.strerror}") from error

    def __repr__(self) -> str:
        return f"Authority({self._signer.name})"


def _check_owner(directory: Path, names: Sequence[str]) -> None:
    """Refuse files that are somebody else's."""
    from ghcr_sim.tls.certificates import is_our_key, is_ours  # noqa: PLC0415 - as above

    found = {name: path.read_bytes() for name in names if os.path.lexists(path := directory / name)}
    for name, data in found.items():
        key = name.endswith(".key")
        if not (is_our_key(data, found.get("server.crt", b"")) if key else is_ours(data)):
            raise ServeError(f"{directory / name} was not made here; move it away, or name another directory")


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a new file: one that is there already could have a wider mode, or be a link."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
