"""Credentials, and where they come from: given, in the environment, several places in turn, or none.

A provider is asked by a registry's name and gives its credentials to that registry alone. What a provider has is
`SecretStr`: no repr, error or log line shows it. Files are read by `dockerconfig`, programs are run by `githubcli`.
Sources: GitHub's documentation, "Working with the Container registry"; `reference/ghcr-wire.md` rows 2.4 and 2.16.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pydantic import SecretStr

from ghcr_client.errors import ConfigError
from ghcr_client.masking import shown
from ghcr_client.refs import GHCR

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DOCKER_HUB",
    "NO_USER",
    "Anonymous",
    "ChainCredentials",
    "CredentialProvider",
    "Credentials",
    "EnvironmentCredentials",
    "StaticCredentials",
    "basic_authorization",
    "canonical_registry",
    "checked_registry",
    "encoded",
]

DOCKER_HUB = "docker.io"
"""Docker Hub's name in references."""

NO_USER = "x-access-token"
"""The user of a token that came without one; GHCR ignores it (`reference/ghcr-wire.md` row 2.4)."""

_HUB_NAMES = frozenset({"index.docker.io", "registry-1.docker.io"})
_PAIRS = (("GHCR_USERNAME", "GHCR_TOKEN"), ("GITHUB_ACTOR", "GITHUB_TOKEN"))
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


@runtime_checkable
class CredentialProvider(Protocol):
    """Something that knows credentials."""

    async def get_credentials(self, registry: str) -> Credentials | None:
        """The credentials for a registry.

        Args:
            registry: Host and, where there is one, port, such as `ghcr.io`.

        Returns:
            They, or None where it has none for this registry.

        Raises:
            ConfigError: Where they come from cannot be used.
        """

    async def invalidate(self, registry: str) -> None:
        """Forget what is remembered for a registry, because it was refused; the next question looks afresh.

        Args:
            registry: Host and, where there is one, port.
        """


class Anonymous:
    """A provider that has nothing: whoever uses it is nobody."""

    async def get_credentials(self, registry: str) -> Credentials | None:  # noqa: ARG002 - the protocol's
        """None."""
        return None

    async def invalidate(self, registry: str) -> None:
        """Nothing is remembered."""


class StaticCredentials:
    """Credentials that were given, for one registry and never for another.

    Args:
        username: The user's name; "" where there is only a token.
        token: The token or password.
        registry: Host and, where there is one, port.

    Raises:
        ConfigError: The token is empty, or the registry is not a host.

    Example:
        >>> import asyncio
        >>> provider = StaticCredentials("octocat", "hunter2")
        >>> asyncio.run(provider.get_credentials("quay.io")) is None
        True
    """

    def __init__(self, username: str, token: str | SecretStr, registry: str = GHCR) -> None:
        token = token if isinstance(token, SecretStr) else SecretStr(token)
        if not token.get_secret_value():
            raise ConfigError("the token is empty: pass one, or use Anonymous()")
        self._registry = checked_registry(registry)
        self._credentials = Credentials(username or NO_USER, token)

    async def get_credentials(self, registry: str) -> Credentials | None:
        """The credentials, if it is their registry."""
        return self._credentials if canonical_registry(registry) == self._registry else None

    async def invalidate(self, registry: str) -> None:
        """Nothing changes: what was given stays."""


class EnvironmentCredentials:
    """Credentials in the environment: `GHCR_USERNAME` and `GHCR_TOKEN`, else `GITHUB_ACTOR` and `GITHUB_TOKEN`.

    The token decides; empty variables are absent ones. Blanks and line breaks around a token are cut off. The variables
    are read at each question.

    Args:
        registry: The only registry they are for: host and, where there is one, port.
        environ: The environment; this process's own if None.

    Raises:
        ConfigError: The registry is not a host.

    Example:
        >>> import asyncio
        >>> provider = EnvironmentCredentials(environ={"GITHUB_TOKEN": "hunter2"})
        >>> asyncio.run(provider.get_credentials("ghcr.io")).username
        'x-access-token'
    """

    def __init__(self, registry: str = GHCR, environ: Mapping[str, str] | None = None) -> None:
        self._registry = checked_registry(registry)
        self._environ = os.environ if environ is None else environ

    async def get_credentials(self, registry: str) -> Credentials | None:
        """What the first pair with a token says, if it is its registry."""
        if canonical_registry(registry) != self._registry:
            return None
        for user, token in _PAIRS:
            if secret := self._environ.get(token, "").strip():
                return Credentials(self._environ.get(user, "").strip() or NO_USER, SecretStr(secret))
        return None

    async def invalidate(self, registry: str) -> None:
        """Nothing is remembered."""


class ChainCredentials:
    """Several providers, asked in turn; the first that has credentials is believed.

    A provider that fails is not passed over: its error is raised, because going on as somebody else, or as nobody,
    would end in a refusal that nobody could explain. Providers behind the one that answers are not asked.

    Args:
        *providers: Whom to ask, in this order.

    Example:
        >>> import asyncio
        >>> chain = ChainCredentials(Anonymous(), StaticCredentials("octocat", "hunter2"))
        >>> asyncio.run(chain.get_credentials("ghcr.io")).username
        'octocat'
    """

    def __init__(self, *providers: CredentialProvider) -> None:
        self._providers = providers

    async def get_credentials(self, registry: str) -> Credentials | None:
        """The first credentials that a provider has.

        Raises:
            ConfigError: A provider that was asked cannot be used.
        """
        for provider in self._providers:
            if found := await provider.get_credentials(registry):
                return found
        return None

    async def invalidate(self, registry: str) -> None:
        """Tell each provider, also after one failed; the first error is raised at the end."""
        failed: list[Exception] = []
        for provider in self._providers:
            try:
                await provider.invalidate(registry)
            except Exception as error:  # noqa: BLE001 - all are told, then it is raised
                failed.append(error)
        if failed:
            raise failed[0]


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
