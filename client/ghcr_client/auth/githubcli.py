"""Credentials that GitHub's own program, `gh`, has. Source: the manual of `gh auth token`."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ghcr_client.auth.credentials import NO_USER, Credentials, canonical_registry, checked_registry
from ghcr_client.auth.programs import TIMEOUT, Remembered, run_program
from ghcr_client.errors import ConfigError
from ghcr_client.masking import shown
from ghcr_client.refs import GHCR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["GitHubCliCredentials"]

_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?")


class GitHubCliCredentials:
    """The token that `gh` has, for one registry.

    Where `gh` is not installed, or nobody is logged in to it, there are none.

    Args:
        host: Which GitHub `gh` is asked about.
        registry: The only registry the token is for: host and, where there is one, port.
        environ: The environment in which `gh` is looked for and run; this process's own if None.
        clock: Seconds that only grow.
        timeout: Seconds that `gh` may take.

    Raises:
        ConfigError: The host or the registry is not one.

    Example:
        >>> import asyncio
        >>> provider = GitHubCliCredentials(environ={"PATH": "/nowhere"})
        >>> asyncio.run(provider.get_credentials("ghcr.io")) is None
        True
    """

    def __init__(
        self,
        host: str = "github.com",
        registry: str = GHCR,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = TIMEOUT,
    ) -> None:
        if not _HOST.fullmatch(host):
            raise ConfigError(f"{shown(repr(host))} is not a host of GitHub: write such as github.com")
        self._host = host
        self._registry = checked_registry(registry)
        self._environ = os.environ if environ is None else environ
        self._timeout = timeout
        self._answers = Remembered(clock)

    async def get_credentials(self, registry: str) -> Credentials | None:
        """What `gh auth token` prints, kept for an hour.

        Raises:
            ConfigError: `gh` cannot be run, or does not end.
        """
        if canonical_registry(registry) != self._registry:
            return None
        return await self._answers.get(self._host, self._ask)

    async def invalidate(self, registry: str) -> None:
        """Ask `gh` again at the next question."""
        if canonical_registry(registry) == self._registry:
            self._answers.clear()

    async def _ask(self) -> Credentials | None:
        words = ("gh", "auth", "token", "--hostname", self._host)
        ended = await run_program(words, environ=self._environ, seconds=self._timeout)
        if ended is None or ended[0]:
            return None
        token = ended[1].decode("utf-8", "surrogateescape").strip()
        return Credentials(NO_USER, SecretStr(token)) if token else None
