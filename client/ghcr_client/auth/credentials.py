"""Credentials: who somebody is to one registry, in the forms in which that is sent, and the registry's name.

Secrets are `SecretStr`: no repr, error or log line shows one. It does not know where credentials come from
(`providers`). Base64 of the password, or `QQ==`, is a token of GHCR's without asking. Source: `reference/ghcr-wire.md`
section 1, rows 0.8, 2.4 and 2.16.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b64encode
from dataclasses import dataclass

from pydantic import SecretStr

from ghcr_client.errors import ConfigError
from ghcr_client.masking import shown
from ghcr_client.refs import GHCR

__all__ = [
    "ANONYMOUS_BEARER",
    "DOCKER_HUB",
    "NO_USER",
    "Credentials",
    "basic_authorization",
    "canonical_registry",
    "checked_registry",
    "direct_bearer",
    "encoded",
    "plain_bearer",
]

ANONYMOUS_BEARER = "QQ=="
"""What GHCR takes as nobody's token (`reference/ghcr-wire.md` section 1)."""

DOCKER_HUB = "docker.io"
"""Docker Hub's name in references."""

NO_USER = "x-access-token"
"""The user of a token that came without one; GHCR ignores it (`reference/ghcr-wire.md` row 2.4)."""

_HUB_NAMES = frozenset({"index.docker.io", "registry-1.docker.io"})
_EMPTY = SecretStr("")
_SALT = secrets.token_bytes(16)
_BEARER = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who somebody is, to one registry.

    Attributes:
        username: The user's name, without a colon; "" where there is none.
        password: The password or token.
        identity_token: An OAuth2 refresh token, which docker calls identity token, or None.
        registry_token: A bearer to be sent as it is, or None.

    Raises:
        ConfigError: The name or a token has characters that cannot be sent; no secret is named.

    Example:
        >>> Credentials("octocat", SecretStr("hunter2"))
        Credentials(username='octocat', password=SecretStr('**********'), identity_token=None, registry_token=None)
    """

    username: str = ""
    password: SecretStr = _EMPTY
    identity_token: SecretStr | None = None
    registry_token: SecretStr | None = None

    def __post_init__(self) -> None:
        if ":" in self.username or not self.username.isprintable():
            raise ConfigError(
                "a user name has no colons, line breaks or control characters: is it a user name?"
            )
        for name, secret in self._secrets().items():
            if encoded(secret) is None:
                raise ConfigError(f"the {name} has characters that are not Unicode text; enter it again")
        if self.registry_token is not None and not _BEARER.fullmatch(self.registry_token.get_secret_value()):
            raise ConfigError("a registry token is printable ASCII without blanks; enter it again")

    @property
    def identity(self) -> str:
        """A short name of these credentials for this process: equal for equal ones, and no way back to them."""
        state = hashlib.blake2b(key=_SALT, digest_size=16)
        for text in (self.username, *self._secrets().values()):
            part = encoded(text) or b""
            state.update(b"%d:%b" % (len(part), part))
        return state.hexdigest()

    def _secrets(self) -> dict[str, str]:
        named = {
            "password": self.password,
            "identity token": self.identity_token,
            "registry token": self.registry_token,
        }
        return {name: each.get_secret_value() if each is not None else "" for name, each in named.items()}


def basic_authorization(credentials: Credentials) -> str:
    """The value of `Authorization` that says user and password; it is a secret.

    Where there is no password, the identity token takes its place, as in containerd.

    Args:
        credentials: Whose.

    Returns:
        `Basic` and base64 of the UTF-8 text.

    Example:
        >>> basic_authorization(Credentials("Aladdin", SecretStr("open sesame")))
        'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='
    """
    secret = credentials.password.get_secret_value()
    if not secret and credentials.identity_token is not None:
        secret = credentials.identity_token.get_secret_value()
    return "Basic " + b64encode(encoded(f"{credentials.username}:{secret}") or b"").decode("ascii")


def direct_bearer(credentials: Credentials | None) -> str:
    """The bearer that GHCR takes without its token endpoint: base64 of the password; it is a secret.

    A fine-grained token, and one that is expired, is refused later than by the endpoint, and with other words.

    Args:
        credentials: Who asks, or None for nobody.

    Returns:
        What follows `Bearer`; a registry token as it is.

    Raises:
        ConfigError: There is nothing but an identity token, which only a token endpoint can use.

    Example:
        >>> direct_bearer(None)
        'QQ=='
    """
    if credentials is None:
        return ANONYMOUS_BEARER
    if credentials.registry_token:
        return credentials.registry_token.get_secret_value()
    if credentials.password:
        secret = encoded(credentials.password.get_secret_value()) or b""
        return b64encode(secret).decode("ascii")
    if credentials.identity_token:
        raise ConfigError(
            "an identity token cannot be sent to a registry directly: use the token endpoint, or a password"
        )
    return ANONYMOUS_BEARER


def plain_bearer(credentials: Credentials) -> str:
    """The bearer that GitHub's REST API takes: the token as it is; it is a secret.

    Args:
        credentials: Who asks.

    Returns:
        What follows `Bearer`.

    Raises:
        ConfigError: There is no token, or none that can be sent so.

    Example:
        >>> plain_bearer(Credentials(password=SecretStr("t0ken")))
        't0ken'
    """
    secret = credentials.password.get_secret_value()
    if not _BEARER.fullmatch(secret):
        raise ConfigError(
            "GitHub's REST API wants a personal access token (classic) or a workflow's token as the password"
        )
    return secret


def canonical_registry(registry: str) -> str:
    """One name for a registry: lower case, and `docker.io` for each host of Docker Hub.

    Args:
        registry: Host and, where there is one, port.

    Returns:
        The name to compare with.

    Example:
        >>> canonical_registry("Index.Docker.io"), canonical_registry("localhost:5000")
        ('docker.io', 'localhost:5000')
    """
    registry = registry.lower()
    return DOCKER_HUB if registry in _HUB_NAMES else registry


def encoded(text: str) -> bytes | None:
    r"""UTF-8, also of what an environment said in other bytes; None where it is no text at all.

    Args:
        text: A secret, so that no error that holds it may leave this function.

    Returns:
        The bytes, or None.

    Example:
        >>> encoded("pä"), encoded(chr(0xD800))
        (b'p\xc3\xa4', None)
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None


def checked_registry(registry: str) -> str:
    """The canonical name of a registry that somebody wrote.

    Args:
        registry: Host and, where there is one, port.

    Returns:
        The name to compare with.

    Raises:
        ConfigError: It is not a host.

    Example:
        >>> checked_registry("GHCR.io")
        'ghcr.io'
    """
    if not registry or not registry.isprintable() or set(registry) & set("/@ "):
        raise ConfigError(
            f"{shown(repr(registry))} is not a registry: write host or host:port, such as {GHCR}"
        )
    return canonical_registry(registry)
