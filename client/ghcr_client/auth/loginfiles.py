"""The files that `docker login` and `podman login` leave: where they are, what is in them, which entry is about whom.

A key is a host, `host:port`, or `https://host/v1/`, or podman's for a part of a registry (`ghcr.io/acme/app`): of those
the longest holds that a repository is below. Where no repository is known, a part is used if it is the registry's only
key. No error shows what is in a file. It runs no program. Sources: docker's `config.json`;
podman's `containers-auth.json(5)`.
"""

from __future__ import annotations

import stat
from base64 import b64decode
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from ghcr_client.auth.credentials import Credentials, canonical_registry
from ghcr_client.auth.programs import Remembered
from ghcr_client.errors import ConfigError
from ghcr_client.masking import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = [
    "FILE_LIMIT",
    "Border",
    "Config",
    "Loaded",
    "Place",
    "entry_credentials",
    "entry_of",
    "helper_of",
    "key_of",
    "parsed",
    "read_all",
    "usual_paths",
]

FILE_LIMIT = 1024 * 1024
"""Bytes that a configuration file may have."""

_WHOLE = frozenset({"", "v1", "v2"})

_Model = TypeVar("_Model", bound=BaseModel)


class Border(BaseModel):
    """Unknown keys are other people's; wrong values are not shown."""

    model_config = ConfigDict(hide_input_in_errors=True, frozen=True)


class _Entry(Border):
    """One registry of `auths`."""

    auth: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None
    identitytoken: SecretStr | None = None
    registrytoken: SecretStr | None = None


class Config(Border):
    """What is of use in a configuration file."""

    auths: dict[str, _Entry | None] | None = None
    helpers: dict[str, str | None] | None = Field(None, alias="credHelpers")
    store: str | None = Field(None, alias="credsStore")


class Place(NamedTuple):
    """A place to look: a file, or where there is no path, a variable's content."""

    name: str
    path: Path | None
    content: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A source that was read, and what its helpers answered since."""

    name: str
    mark: object
    config: Config
    answers: Remembered = field(repr=False)


def usual_paths(environ: Mapping[str, str]) -> Iterator[Path]:
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


def read_all(
    sources: Iterable[Place], before: Mapping[str, Loaded], clock: Callable[[], float]
) -> list[Loaded | ConfigError]:
    """Each source that is there, or what is wrong with it; this waits for the disk."""
    found: list[Loaded | ConfigError] = []
    for source in sources:
        try:
            loaded = _read(source, before.get(source.name), clock)
        except ConfigError as error:
            found.append(error)
            continue
        if loaded is not None:
            found.append(loaded)
    return found


def _read(source: Place, kept: Loaded | None, clock: Callable[[], float]) -> Loaded | None:
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
    return Loaded(source.name, mark, parsed(Config, data.strip() or b"{}", source.name), Remembered(clock))


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


def parsed(kind: type[_Model], data: bytes, name: str) -> _Model:
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


def _about(keys: Iterable[str], registry: str) -> dict[str, str]:
    """The keys that are about a registry or a part of it, and which part."""
    return {key: path for key in keys for host, path in [_split(key)] if host == registry}


def key_of(keys: Iterable[str], registry: str) -> str | None:
    """The key that is about a registry as a whole: the plain name, else another form."""
    about = _about(keys, registry)
    return registry if registry in about else next((key for key in about if about[key] in _WHOLE), None)


def entry_of(keys: Iterable[str], registry: str, repository: str | None) -> str | None:
    """The key of the entry for a repository, or for a registry where none is known."""
    about = _about(keys, registry)
    if repository is None:
        return key_of(keys, registry) or (next(iter(about)) if len(about) == 1 else None)
    parts = [key for key, path in about.items() if f"{repository}/".startswith(f"{path}/")]
    return max(parts, key=lambda key: len(about[key]), default=key_of(keys, registry))


def helper_of(config: Config, registry: str) -> str:
    """The helper of a registry, or "". An empty name in `credHelpers` means the file itself, as in docker."""
    helpers = config.helpers or {}
    key = key_of(helpers, registry)
    return (config.store if key is None else helpers[key]) or ""


def entry_credentials(entry: _Entry, name: str, registry: str) -> Credentials | None:
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
