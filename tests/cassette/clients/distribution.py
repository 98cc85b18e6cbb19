"""Debian's docker-registry behind TLS, with a token realm of its own: a registry that no part of this project made.

The realm is a small server here: it checks a login, and signs what docker-registry wants: a JWT (RS256), whose `x5c`
header holds a certificate that the registry was told to trust. Source: distribution's `docs/spec/auth/jwt.md`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from base64 import b64decode, b64encode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from aiohttp import web
from clients.daemons import daemon
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from ghcr_sim.tls import Authority

__all__ = ["REALM", "REGISTRY", "Distribution", "Realm", "distribution"]

REGISTRY = "registry.example"
REALM = "auth.example"
PASSWORD = "correct-horse-battery"


@dataclass(frozen=True)
class Distribution:
    """A registry that runs.

    Attributes:
        registry: The loopback port of the registry.
        realm: The loopback port of its realm.
        token: The password that the realm takes.
    """

    registry: int
    realm: int
    token: str = PASSWORD

    @property
    def ports(self) -> dict[str, int]:
        """Host → port."""
        return {REGISTRY: self.registry, REALM: self.realm}


class Realm:
    """A token server: gives who knows the password all that is asked for, and anybody nothing.

    Args:
        folder: Where its certificate goes.
    """

    def __init__(self, folder: Path) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "realm")])
        now = datetime.now(UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.bundle = folder / "realm.pem"
        self.bundle.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, subject: str, scopes: list[str]) -> str:
        """A token."""
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        head = {"typ": "JWT", "alg": "RS256", "x5c": [b64encode(der).decode()]}
        now = int(time.time())
        access = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        claims = {
            "iss": "realm",
            "sub": subject,
            "aud": REGISTRY,
            "exp": now + 300,
            "nbf": now - 10,
            "iat": now,
            "jti": b64encode(now.to_bytes(8, "big")).decode(),
            "access": access,
        }
        signed = b".".join(_word(json.dumps(each).encode()) for each in (head, claims))
        signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return (signed + b"." + _word(signature)).decode()

    async def answer(self, request: web.Request) -> web.Response:
        """A token, or a 401."""
        _, _, encoded = request.headers.get("authorization", "").partition(" ")
        user, _, password = b64decode(encoded).decode().partition(":")
        if password != PASSWORD:
            body = {"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}]}
            return web.json_response(body, status=401)
        scopes = [each for value in request.query.getall("scope", []) for each in value.split(" ")]
        issued = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return web.json_response({"token": self.sign(user, scopes), "expires_in": 300, "issued_at": issued})


def _word(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


class RealmServer:
    """The realm on a port, behind TLS. Use it as an asynchronous context.

    Args:
        realm: What answers.
        context: Its TLS.
    """

    def __init__(self, realm: Realm, context: ssl.SSLContext) -> None:
        self._realm = realm
        self._context = context
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/auth/token", self._realm.answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()


CONFIG = """\
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {root}}}
  delete: {{enabled: true}}
http:
  addr: 127.0.0.1:{port}
  host: https://{registry}
  secret: not-a-secret
  tls: {{certificate: {cert}, key: {key}}}
auth:
  token:
    realm: https://{realm}/auth/token
    service: {registry}
    issuer: realm
    rootcertbundle: {bundle}
"""


@contextlib.contextmanager
def distribution(folder: Path, authority: Authority, realm_port: int, realm: Realm) -> Iterator[Distribution]:
    """Run docker-registry for as long as the block does.

    Args:
        folder: Where it keeps everything.
        authority: Whom its clients trust.
        realm_port: Where its realm is.
        realm: Whose tokens it takes.
    """
    certificate = authority.issue(REGISTRY)
    (folder / "registry.crt").write_bytes(certificate.pem)
    (folder / "registry.key").write_bytes(certificate.key)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "config.yml").write_text(
        CONFIG.format(
            root=folder / "data",
            port=port,
            registry=REGISTRY,
            realm=REALM,
            cert=folder / "registry.crt",
            key=folder / "registry.key",
            bundle=realm.bundle,
        )
    )
    ready = ["curl", "-sk", "-o", str(folder / "ping"), f"https://127.0.0.1:{port}/v2/"]
    command = ["docker-registry", "serve", str(folder / "config.yml")]
    with daemon(command, folder / "registry.log", ready, {}):
        yield Distribution(port, realm_port)
