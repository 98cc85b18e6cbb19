"""Whether a login works: a client that says who it is, from where it knows, and what the registry says to that.

It shows no secret. The order of the places is that of `default_credentials`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from ghcr_client.auth import DockerConfigCredentials, EnvironmentCredentials, StaticCredentials
from ghcr_client.auth.providers import credentials_of
from ghcr_client.calls import Call
from ghcr_client.cli.exits import Exit
from ghcr_client.client import GhcrClient
from ghcr_client.closing import closing

if TYPE_CHECKING:
    from ghcr_client.auth import CredentialProvider, Credentials
    from ghcr_client.cli.running import Told
    from ghcr_client.settings import GhcrConfig

__all__ = ["Checking", "NoLogin"]


class NoLogin(click.ClickException):
    """There are no credentials to log in with."""

    exit_code = int(Exit.DENIED)


class Checking(GhcrClient):
    """A client that can tell whether its login works.

    Args:
        config: The settings.
        metrics: Counts tokens.
    """

    def __init__(self, config: GhcrConfig, *, metrics: Told) -> None:
        super().__init__(config, metrics=metrics)
        self._told = metrics

    async def check(self, repository: str | None) -> dict[str, Any]:
        """Log in.

        Args:
            repository: Which repository to pull from, too, or None.

        Returns:
            `registry`, `username`, `source`, `token_fetched`, and `repository` where one was named.

        Raises:
            NoLogin: There are no credentials.
            GhcrError: The registry refuses; what GHCR means by that is part of the message.
        """
        where = None if repository is None else self.ref(repository)
        registry = self.config.default_registry if where is None else where.registry
        source, who = await self._who(registry, None if where is None else where.repository)
        await self._transport.ask(Call(operation="ping", method="GET", registry=registry, target="/v2/"))
        found = {
            "registry": registry,
            "username": who.username,
            "source": source,
            "token_fetched": self._told.tokens > 0,
        }
        if where is not None:
            async with closing(self.iter_tags(where, page_size=1)) as tags:
                await anext(tags, None)
            found["repository"] = where.name
        return found

    async def _who(self, registry: str, repository: str | None) -> tuple[str, Credentials]:
        """From where it is known who we are, and who that is."""
        for source, provider in _places(self.config):
            if found := await credentials_of(provider, registry, repository):
                return source, found
        raise NoLogin(
            f"there are no credentials for {registry}: set GHCR_TOKEN, give --token-stdin, or log in with docker or "
            "podman"
        )


def _places(config: GhcrConfig) -> list[tuple[str, CredentialProvider]]:
    """Where credentials are looked for, in words."""
    registry = config.default_registry
    places: list[tuple[str, CredentialProvider]] = []
    if config.token is not None:
        given = config.token.get_secret_value() != os.environ.get("GHCR_TOKEN")
        name = "--token-stdin" if given else "GHCR_TOKEN"
        places.append((name, StaticCredentials(config.username or "x-access-token", config.token, registry)))
    places.append(("GHCR_TOKEN or GITHUB_TOKEN", EnvironmentCredentials(registry)))
    places.append(("the file of docker or podman", DockerConfigCredentials()))
    return places
