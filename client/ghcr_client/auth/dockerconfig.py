"""Credentials that docker and podman keep: their configuration files, and docker's credential helpers.

Where it looks, in this order: the content of `DOCKER_AUTH_CONFIG`; the file `REGISTRY_AUTH_FILE`;
`$DOCKER_CONFIG/config.json` or `~/.docker/config.json`; podman's `$XDG_RUNTIME_DIR/containers/auth.json` and
`~/.config/containers/auth.json` (`$XDG_CONFIG_HOME`). The first that has something for the registry is believed.

Within a file, the helper of the registry is asked first (`credHelpers`, else `credsStore`), as docker does, then the
entry in `auths`. A helper that is missing or fails is an error, not a reason to go on without credentials. Files are
read in a thread, again when they change. Source: docker's credential helper protocol.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from ghcr_client.auth.credentials import DOCKER_HUB, Credentials, canonical_registry
from ghcr_client.auth.loginfiles import (
    Border,
    Loaded,
    Place,
    entry_credentials,
    entry_of,
    helper_of,
    parsed,
    read_all,
    usual_paths,
)
from ghcr_client.auth.programs import TIMEOUT, run_program
from ghcr_client.errors import ConfigError
from ghcr_client.masking import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["DockerConfigCredentials"]

_VARIABLE = "DOCKER_AUTH_CONFIG"
_HUB_KEY = "https://index.docker.io/v1/"
_NOT_FOUND = b"credentials not found in native keychain"
_IDENTITY_USER = "<token>"
_HELPER = re.compile(r"[A-Za-z0-9_.-]+")


class _Said(Border):
    """What a helper prints."""

    username: str = Field("", alias="Username")
    secret: SecretStr = Field(SecretStr(""), alias="Secret")


class DockerConfigCredentials:
    """What `docker login` and `podman login` left.

    Args:
        paths: The files to look at in this order, instead of the usual places and variables. Absent ones are
            passed over.
        environ: The environment: where files are, and what helpers see; this process's own if None.
        clock: Seconds that only grow.
        timeout: Seconds that a helper may take.

    Example:
        >>> import asyncio
        >>> content = '{"auths": {"ghcr.io": {"auth": "dTpw"}}}'
        >>> provider = DockerConfigCredentials(environ={"DOCKER_AUTH_CONFIG": content})
        >>> asyncio.run(provider.get_credentials("ghcr.io")).username
        'u'
    """

    def __init__(
        self,
        paths: Iterable[str | os.PathLike[str]] | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = TIMEOUT,
    ) -> None:
        self._paths = None if paths is None else tuple(map(Path, paths))
        self._environ = os.environ if environ is None else environ
        self._clock = clock
        self._timeout = timeout
        self._kept: dict[str, Loaded] = {}

    async def get_credentials(self, registry: str) -> Credentials | None:
        """What the first source has for a registry.

        Raises:
            ConfigError: A source that was looked at is damaged or unreadable, or a helper is missing or fails.
        """
        return await self._first(registry, None)

    async def get_repository_credentials(self, registry: str, repository: str) -> Credentials | None:
        """What the first source has for a repository: podman's entry for the longest part of its name.

        Raises:
            ConfigError: A source that was looked at is damaged or unreadable, or a helper is missing or fails.
        """
        return await self._first(registry, repository)

    async def _first(self, registry: str, repository: str | None) -> Credentials | None:
        registry = canonical_registry(registry)
        for loaded in await self._load():
            if isinstance(loaded, ConfigError):
                raise loaded
            if found := await self._look(loaded, registry, repository):
                return found
        return None

    async def invalidate(self, registry: str) -> None:  # noqa: ARG002 - a file has them all
        """Read every file again and ask the helpers again at the next question."""
        self._kept = {}

    async def _load(self) -> list[Loaded | ConfigError]:
        """Each source that is there; what did not change is not read again."""
        while True:
            before = self._kept
            sources = tuple(self._sources())
            fresh = await asyncio.to_thread(read_all, sources, before, self._clock)
            if self._kept is before:  # else somebody was quicker, and what helpers answered would be lost
                now = {each.name: each for each in fresh if isinstance(each, Loaded)}
                if now.keys() != before.keys() or any(now[name] is not before[name] for name in now):
                    self._kept = now
                return fresh

    def _sources(self) -> Iterator[Place]:
        if self._paths is None:
            if content := self._environ.get(_VARIABLE, "").strip():
                yield Place(f"the variable {_VARIABLE}", None, content)
            paths: Iterable[Path] = usual_paths(self._environ)
        else:
            paths = self._paths
        for path in dict.fromkeys(paths):
            yield Place(f"the file {shown(str(path))}", path)

    async def _look(self, loaded: Loaded, registry: str, repository: str | None) -> Credentials | None:
        """The helper's answer, else the entry of the file."""
        if helper := helper_of(loaded.config, registry):
            ask = partial(self._ask, loaded.name, helper, registry)
            if found := await loaded.answers.get((helper, registry), ask):
                return found
        auths = loaded.config.auths or {}
        key = entry_of(auths, registry, repository)
        entry = auths[key] if key is not None else None
        return None if entry is None else entry_credentials(entry, loaded.name, registry)

    async def _ask(self, source: str, helper: str, registry: str) -> Credentials | None:
        """Run a helper.

        Raises:
            ConfigError: It is not named as one, not there, fails, or says what no helper says.
        """
        if not _HELPER.fullmatch(helper):
            raise ConfigError(
                f"{source} names a credential helper that is not one: letters, digits, '_', '.', '-'"
            )
        name = f"docker-credential-{helper}"
        server = _HUB_KEY if registry == DOCKER_HUB else registry
        ended = await run_program(
            (name, "get"), given=server.encode(), environ=self._environ, seconds=self._timeout
        )
        if ended is None:
            raise ConfigError(
                f"{source} has credentials kept by {name}, and PATH has no such program: install it, or log in again "
                "without it"
            )
        code, output = ended
        if code:
            if _NOT_FOUND in output.lower():
                return None
            raise _failure(name, code, output)
        said = parsed(_Said, output, f"the answer of {name}")
        if said.username == _IDENTITY_USER:
            return Credentials(identity_token=said.secret) if said.secret else None
        return Credentials(said.username, said.secret) if said.username or said.secret else None


def _failure(name: str, code: int, output: bytes) -> ConfigError:
    """The error of a helper that failed. By docker's protocol, it prints its reason where an answer would be.

    The reason is shown, as docker shows it; what may be an answer after all is not.
    """
    said = "" if b"{" in output else shown(output.decode("utf-8", "replace"), 200)
    return ConfigError(f"{name} failed with exit code {code}" + (f": {said}" if said else ""))
