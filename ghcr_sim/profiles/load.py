"""From a name or a file to a `Profile`."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ghcr_sim.errors import ProfileError
from ghcr_sim.profiles.model import Profile

__all__ = ["load_profile", "profile_names"]

_HERE = Path(__file__).parent


def profile_names() -> list[str]:
    """The profiles that come with the package."""
    return sorted(path.stem for path in _HERE.glob("*.toml"))


@lru_cache(maxsize=32)
def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ProfileError(f"cannot read the profile {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"the profile {path} is not TOML: {error}") from None


@lru_cache(maxsize=32)
def _named(name: str) -> Profile:
    if name.endswith(".toml"):
        return _build(_read(Path(name)), name)
    if name not in profile_names():
        raise ProfileError(
            f"no profile {name!r}: take one of {', '.join(profile_names())}, or a path to a .toml file"
        )
    return _build(_read(_HERE / f"{name}.toml"), name)


def _build(data: dict[str, Any], where: str) -> Profile:
    try:
        return Profile.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise ProfileError(f"profile {where}: {field}: {first['msg']}") from None


def load_profile(name: str | Profile = "ghcr", **changes: Any) -> Profile:
    """Load a profile.

    Args:
        name: `ghcr`, `oci`, a path to a TOML file with all fields, or a profile, which is taken as it is.
        changes: Fields to change, with `__` for the dot: `limits__enforce=True`.

    Raises:
        ProfileError: There is no such profile or field, or a value does not fit; the text names it.
    """
    profile = name if isinstance(name, Profile) else _named(name)
    if not changes:
        return profile
    data = profile.model_dump()
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
    return _build(data, profile.name)
