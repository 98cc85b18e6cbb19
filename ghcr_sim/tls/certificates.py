"""X.509: the only room that imports `cryptography`, and so itself imported late.

Sources: RFC 5280 for the extensions, and the verifiers that insist on more of them than browsers once
did: OpenSSL with `X509_V_FLAG_X509_STRICT` (the default since Python 3.13), Go, GnuTLS, Node.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tempfile
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ghcr_sim.errors import ServeError

__all__ = ["Signer", "is_our_key", "is_ours"]

_LIFETIME = timedelta(days=397)
"""Apple's verifiers refuse more than 398 days."""

_SKEW = timedelta(days=1)
"""Containers and virtual machines have clocks that run late."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_AUTHORITY = "ghcr-sim authority"
"""How the name of every authority begins, and so the issuer of all that it signs."""

_LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_DNS_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*", re.ASCII | re.IGNORECASE)


class Signer:
    """An authority's key and certificate.

    Attributes:
        pem: The certificate, as PEM.
        name: Its subject, unlike that of any other authority: a trust store may hold several.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(f"{_AUTHORITY} {x509.random_serial_number():x}"[:40])
        builder = (
            _builder(subject, subject, self._key, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
        )
        self.pem: bytes = builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM)
        self.name = subject.rfc4514_string()
        self._subject = subject

    def issue(self, names: tuple[str, ...]) -> tuple[bytes, bytes]:
        """Make a server's certificate, for these names and no others.

        Args:
            names: DNS names, wildcards, or IP addresses; at least one.

        Returns:
            The certificate and its key, as PEM.

        Raises:
            ServeError: One of them is neither a DNS name nor an IP address.
        """
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(_subject("*.ghcr.io"), self._subject, key, self._key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(alternatives, critical=False)
        )
        return (
            builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )


def is_ours(pem: bytes) -> bool:
    """Whether this is nothing but certificates of such an authority: its own, or a server's."""
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        return False
    return all(each.issuer.rfc4514_string().startswith(f"CN={_AUTHORITY} ") for each in found)


def is_our_key(pem: bytes, certificate: bytes) -> bool:
    """Whether this is the key of a certificate for which `is_ours` holds."""
    try:
        public = load_pem_private_key(pem, None).public_key()
        wanted = x509.load_pem_x509_certificate(certificate).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return is_ours(certificate) and public.public_bytes(*form) == wanted.public_bytes(*form)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if not _DNS_NAME.fullmatch(name):
            raise ServeError(
                f"a certificate is for a DNS name (in ASCII) or an IP address, without a port: got {name!r}"
            ) from None
        return x509.DNSName(name)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    """What an authority's certificate and a server's have in common."""
    start = _now() - _SKEW
    public = key.public_key()
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(issuer_id, critical=False)
    )


def _now() -> datetime:
    """The system's time. OpenSSL goes by that, and Python's may be frozen by a test; a new file's is not."""
    with tempfile.TemporaryFile() as file:
        return _EPOCH + timedelta(seconds=int(os.fstat(file.fileno()).st_mtime))


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
