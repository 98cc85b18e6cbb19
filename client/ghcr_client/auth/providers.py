"""Where credentials come from: given, in the environment, several places in turn, or none.

A provider is asked by a registry's name and gives its credentials to that registry alone. Files are read by
`dockerconfig`, `gh` is run by `githubcli`. Source: GitHub's documentation, "Working with the Container registry".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pydantic import SecretStr

from ghcr_client.auth.credentials import NO_USER, Credentials, canonical_registry, checked_registry
from ghcr_client.errors import ConfigError
from ghcr_client.refs import GHCR

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Anonymous",
    "ChainCredentials",
    "CredentialProvider",
    "EnvironmentCredentials",
    "RepositoryCredentials",
    "StaticCredentials",
    "credentials_of",
]

_PAIRS = (("GHCR_USERNAME", "GHCR_TOKEN"), ("GITHUB_ACTOR", "GITHUB_TOKEN"))


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


@runtime_checkable
class RepositoryCredentials(Protocol):
    """What a provider has, too, whose credentials may be for a part of a registry."""

    async def get_repository_credentials(self, registry: str, repository: str) -> Credentials | None:
        """The credentials for a repository; otherwise as `CredentialProvider.get_credentials`.

        Args:
            registry: Host and, where there is one, port.
            repository: Such as `acme/app`.

        Returns:
            They, or None where it has none for this repository.

        Raises:
            ConfigError: Where they come from cannot be used.
        """


async def credentials_of(
    provider: CredentialProvider, registry: str, repository: str | None
) -> Credentials | None:
    """What a provider has for a repository, or for a registry where it tells no more apart.

    Args:
        provider: Whom to ask.
        registry: Host and, where there is one, port.
        repository: Such as `acme/app`; None where it is about no repository.

    Returns:
        They, or None where it has none.

    Raises:
        ConfigError: The provider cannot be used.
    """
    if repository is not None and isinstance(provider, RepositoryCredentials):
        return await provider.get_repository_credentials(registry, repository)
    return await provider.get_credentials(registry)


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
        return await self._first(registry, None)

    async def get_repository_credentials(self, registry: str, repository: str) -> Credentials | None:
        """The first credentials that a provider has for a repository.

        Raises:
            ConfigError: A provider that was asked cannot be used.
        """
        return await self._first(registry, repository)

    async def _first(self, registry: str, repository: str | None) -> Credentials | None:
        for provider in self._providers:
            if found := await credentials_of(provider, registry, repository):
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
