"""From a name or a file to a `Profile`."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, get_type_hints

from ghcr_sim.errors import ProfileError
from ghcr_sim.profiles.model import Answer, Profile

__all__ = ["load_profile", "profile_names"]

_HERE = Path(__file__).parent


def profile_names() -> list[str]:
    """The profiles that come with the package."""
    return sorted(path.stem for path in _HERE.glob("*.toml"))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ProfileError(f"cannot read the profile {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise _no_toml(path, error) from None


def _parsed(text: str, where: object) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(where, error) from None


def _no_toml(where: object, error: ValueError) -> ProfileError:
    return ProfileError(f"the profile {where} is not TOML: {error}")


@lru_cache(maxsize=32)
def _ours(name: str) -> Profile:
    path = _HERE / f"{name}.toml"
    if not name.isidentifier() or not path.exists():
        raise ProfileError(
            f"no profile {name!r}: take one of {', '.join(profile_names())}, or a path to a .toml file"
        )
    return _trusted(_parsed(_read(path), path))


@lru_cache(maxsize=32)
def _theirs(text: str, where: str) -> Profile:
    """A file may be written again, and a relative path lead elsewhere: only what it says is remembered."""
    return _validated(_parsed(text, where), where)


def _trusted(data: dict[str, Any]) -> Profile:
    """A profile of ours. A test validates them; each start need not: importing pydantic takes longer than all else."""
    sections: dict[str, Any] = {}
    for field in fields(Profile):
        value = data[field.name]
        if isinstance(value, dict):
            value = _SECTIONS[field.name](**{key: _frozen(item, field.name) for key, item in value.items()})
        sections[field.name] = value
    return Profile(**sections)


def _frozen(value: Any, section: str) -> Any:
    """TOML's lists as what the sections hold."""
    if not isinstance(value, list):
        return value
    return Answer(*value) if section == "refusals" else tuple(value)


_SECTIONS: dict[str, Any] = {
    name: kind for name, kind in get_type_hints(Profile).items() if is_dataclass(kind)
}


def _validated(data: dict[str, Any], where: str) -> Profile:
    """A profile of anybody's."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - see `_trusted`

    from ghcr_sim.profiles.check import mistakes  # noqa: PLC0415 - ours have none

    try:
        profile: Profile = TypeAdapter(Profile).validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise ProfileError(f"profile {where}: {field}: {first['msg']}") from None
    for field, what in mistakes(profile):
        raise ProfileError(f"profile {where}: {field}: {what}")
    return profile


def _named(name: str) -> Profile:
    return _theirs(_read(Path(name)), name) if name.endswith(".toml") else _ours(name)


def load_profile(name: str | Path | Profile = "ghcr", **changes: Any) -> Profile:
    """Load a profile.

    Args:
        name: `ghcr`, `oci`, a path to a TOML file with all fields, or a profile, which is taken as it is.
        changes: Fields to change, with `__` for the dot: `limits__enforce=True`.

    Raises:
        ProfileError: There is no such profile or field, or a value does not fit; the text names it.
    """
    if not isinstance(name, str | Path | Profile):
        raise ProfileError(f"a profile is a name, a path to a .toml file or a Profile, and not {name!r}")
    profile = name if isinstance(name, Profile) else _named(str(name))
    if not changes:
        return profile
    data = asdict(profile)
    for key, value in changes.items():
        *sections, field = key.split("__")
        place = data
        for section in sections:
            place = place.get(section, {})
        if not isinstance(place, dict) or field not in place:
            raise ProfileError(
                f"a profile has no field {key.replace('__', '.')!r}; docs/profiles.md lists them"
            )
        place[field] = value
    return _validated(data, profile.name)
