"""Credentials that docker and podman keep: their configuration files, and docker's credential helpers.

Where it looks, in this order: the content of `DOCKER_AUTH_CONFIG`; the file `REGISTRY_AUTH_FILE`;
`$DOCKER_CONFIG/config.json` or `~/.docker/config.json`; podman's `$XDG_RUNTIME_DIR/containers/auth.json` and
`~/.config/containers/auth.json` (`$XDG_CONFIG_HOME`). The first that has something for the registry is believed.

Within a file, the helper of the registry is asked first (`credHelpers`, else `credsStore`), as docker does, then the
entry in `auths`. A helper that is missing or fails is an error, not a reason to go on without credentials.

A key is a host, `host:port`, or `https://host/v1/`. podman's keys for a part of a registry (`ghcr.io/acme/app`) cannot
be told apart here, where a registry is all that is known: one is used where it is the registry's only key, and where
there are several, none is. Files are read in a thread, again when they change. No error shows what is in them.
Sources: docker's `config.json` and credential helper protocol; podman's `containers-auth.json(5)`.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
import time
from base64 import b64decode
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from ghcr_client.auth.credentials import DOCKER_HUB, Credentials, canonical_registry
from ghcr_client.auth.githubcli import TIMEOUT, Remembered, run_program
from ghcr_client.errors import ConfigError
from ghcr_client.masking import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["FILE_LIMIT", "DockerConfigCredentials"]

FILE_LIMIT = 1024 * 1024
"""Bytes that a configuration file may have."""

_VARIABLE = "DOCKER_AUTH_CONFIG"
_HUB_KEY = "https://index.docker.io/v1/"
_NOT_FOUND = b"credentials not found in native keychain"
_IDENTITY_USER = "<token>"
_HELPER = re.compile(r"[A-Za-z0-9_.-]+")
_WHOLE = frozenset({"", "v1", "v2"})

_Model = TypeVar("_Model", bound=BaseModel)


class _Border(BaseModel):
    """Unknown keys are other people's; wrong values are not shown."""

    model_config = ConfigDict(hide_input_in_errors=True, frozen=True)


class _Entry(_Border):
    """One registry of `auths`."""

    auth: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None
    identitytoken: SecretStr | None = None
    registrytoken: SecretStr | None = None


class _Config(_Border):
    """What is of use in a configuration file."""

    auths: dict[str, _Entry | None] | None = None
    helpers: dict[str, str | None] | None = Field(None, alias="credHelpers")
    store: str | None = Field(None, alias="credsStore")


class _Said(_Border):
    """What a helper prints."""

    username: str = Field("", alias="Username")
    secret: SecretStr = Field(SecretStr(""), alias="Secret")


class _Source(NamedTuple):
    """A place to look: a file, or where there is no path, a variable's content."""

    name: str
    path: Path | None
    content: str = ""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A source that was read, and what its helpers answered since."""

    name: str
    mark: object
    config: _Config
    answers: Remembered = field(repr=False)


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
        self._kept: dict[str, _Loaded] = {}

    async def get_credentials(self, registry: str) -> Credentials | None:
        """What the first source has for a registry.

        Raises:
            ConfigError: A source that was looked at is damaged or unreadable, or a helper is missing or fails.
        """
        registry = canonical_registry(registry)
        for loaded in await self._load():
            if isinstance(loaded, ConfigError):
                raise loaded
            if found := await self._look(loaded, registry):
                return found
        return None

    async def invalidate(self, registry: str) -> None:  # noqa: ARG002 - a file has them all
        """Read every file again and ask the helpers again at the next question."""
        self._kept = {}

    async def _load(self) -> list[_Loaded | ConfigError]:
        """Each source that is there; what did not change is not read again."""
        while True:
            before = self._kept
            sources = tuple(self._sources())
            fresh = await asyncio.to_thread(_read_all, sources, before, self._clock)
            if self._kept is before:  # else somebody was quicker, and what helpers answered would be lost
                now = {each.name: each for each in fresh if isinstance(each, _Loaded)}
                if now.keys() != before.keys() or any(now[name] is not before[name] for name in now):
                    self._kept = now
                return fresh

    def _sources(self) -> Iterator[_Source]:
        if self._paths is None:
            if content := self._environ.get(_VARIABLE, "").strip():
                yield _Source(f"the variable {_VARIABLE}", None, content)
            paths: Iterable[Path] = _usual_paths(self._environ)
        else:
            paths = self._paths
        for path in dict.fromkeys(paths):
            yield _Source(f"the file {shown(str(path))}", path)

    async def _look(self, loaded: _Loaded, registry: str) -> Credentials | None:
        """The helper's answer, else the entry of the file."""
        if helper := _helper_of(loaded.config, registry):
            ask = partial(self._ask, loaded.name, helper, registry)
            if found := await loaded.answers.get((helper, registry), ask):
                return found
        auths = loaded.config.auths or {}
        key = _key_of(auths, registry, parts=True)
        entry = auths[key] if key is not None else None
        return None if entry is None else _credentials(entry, loaded.name, registry)

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
        said = _parsed(_Said, output, f"the answer of {name}")
        if said.username == _IDENTITY_USER:
            return Credentials(identity_token=said.secret) if said.secret else None
        return Credentials(said.username, said.secret) if said.username or said.secret else None


def _usual_paths(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where docker and podman keep their files; what depends on an unset variable is left out."""
    home = environ.get("HOME") or environ.get("USERPROFILE")
    places = (
        (environ.get("REGISTRY_AUTH_FILE"), ""),
        (environ.get("DOCKER_CONFIG") or (home and f"{home}/.docker"), "config.json"),
        (environ.get("XDG_RUNTIME_DIR"), "containers/auth.json"),
        (environ.get("XDG_CONFIG_HOME") or (home and f"{home}/.config"), "containers/auth.json"),
    )
    for base, rest in places:
        if base:
            yield Path(base, rest)


def _read_all(
    sources: Iterable[_Source], before: Mapping[str, _Loaded], clock: Callable[[], float]
) -> list[_Loaded | ConfigError]:
    """Each source that is there, or what is wrong with it; this waits for the disk."""
    found: list[_Loaded | ConfigError] = []
    for source in sources:
        try:
            loaded = _read(source, before.get(source.name), clock)
        except ConfigError as error:
            found.append(error)
            continue
        if loaded is not None:
            found.append(loaded)
    return found


def _read(source: _Source, kept: _Loaded | None, clock: Callable[[], float]) -> _Loaded | None:
    """A source, or None where there is no such file.

    Raises:
        ConfigError: It is unreadable or damaged.
    """
    mark: object = source.content
    if source.path is not None and (mark := _mark(source.path, source.name)) is None:
        return None
    if kept is not None and kept.mark == mark:
        return kept
    data = (
        source.content.encode("utf-8", "replace") if source.path is None else _bytes(source.path, source.name)
    )
    if len(data) > FILE_LIMIT:
        raise ConfigError(f"{source.name} has more than {FILE_LIMIT} bytes: it is no file with credentials")
    return _Loaded(source.name, mark, _parsed(_Config, data.strip() or b"{}", source.name), Remembered(clock))


def _mark(path: Path, name: str) -> tuple[int, int, int] | None:
    """What changes when a file does, or None where there is none."""
    try:
        now = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name} cannot be read: {_reason(error)}") from None
    if not stat.S_ISREG(now.st_mode):
        raise ConfigError(f"{name} is not a regular file")
    return now.st_mtime_ns, now.st_size, now.st_ino


def _bytes(path: Path, name: str) -> bytes:
    """A file's content, and one byte more than is allowed where there is too much."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "its name is not one"


def _parsed(kind: type[_Model], data: bytes, name: str) -> _Model:
    """JSON of a known form.

    Raises:
        ConfigError: It is not; no word of it is in the error, nor in what Python would print behind it.
    """
    try:
        return kind.model_validate_json(data.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        places = {str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"]}
    known = places & {"auths", "credHelpers", "credsStore", "Username", "Secret", *_Entry.model_fields}
    where = f" at {', '.join(sorted(known))}" if known else ""
    raise ConfigError(
        f"{name} is damaged{where}: it is not the JSON that docker or podman writes; log in again"
    )


def _split(key: str) -> tuple[str, str]:
    """Registry and path of a key."""
    text = key.strip().lower()
    for scheme in ("https://", "http://"):
        text = text.removeprefix(scheme)
    host, _, path = text.partition("/")
    return canonical_registry(host), path.strip("/")


def _key_of(keys: Iterable[str], registry: str, *, parts: bool = False) -> str | None:
    """The key that is about a registry: the plain name, else another form, else the only part if these count."""
    about = {key: path for key in keys for host, path in [_split(key)] if host == registry}
    if registry in about:
        return registry
    whole = [key for key, path in about.items() if path in _WHOLE]
    if whole or not parts:
        return next(iter(whole), None)
    return next(iter(about)) if len(about) == 1 else None


def _helper_of(config: _Config, registry: str) -> str:
    """The helper of a registry, or "". An empty name in `credHelpers` means the file itself, as in docker."""
    helpers = config.helpers or {}
    key = _key_of(helpers, registry)
    return (config.store if key is None else helpers[key]) or ""


def _credentials(entry: _Entry, name: str, registry: str) -> Credentials | None:
    """What an entry of `auths` says, or None where it says nothing.

    Raises:
        ConfigError: Its `auth` is not base64 of `user:password`.
    """
    user, password = entry.username or "", entry.password or SecretStr("")
    if entry.auth:
        pair = _pair(entry.auth)
        if pair is None:
            raise ConfigError(
                f"{name}: the auth of {shown(registry)} is not base64 of user:password; log in again"
            )
        user, password = pair
    identity, bearer = entry.identitytoken or None, entry.registrytoken or None
    if not (user or password or identity or bearer):
        return None
    return Credentials(user, password, identity, bearer)


def _pair(auth: SecretStr) -> tuple[str, SecretStr] | None:
    """User and password of an `auth`, or None where it is damaged."""
    try:
        text = b64decode(auth.get_secret_value().strip(), validate=True).decode("utf-8", "surrogateescape")
    except ValueError:
        return None
    user, colon, password = text.partition(":")
    return (user, SecretStr(password.rstrip("\0"))) if colon else None


def _failure(name: str, code: int, output: bytes) -> ConfigError:
    """The error of a helper that failed. What it said is shown, unless it may be an answer."""
    said = "" if b"{" in output else shown(output.decode("utf-8", "replace"), 200)
    return ConfigError(f"{name} failed with exit code {code}" + (f": {said}" if said else ""))
