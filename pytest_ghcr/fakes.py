"""From a test's settings to its fake: profile, accounts and seed.

It makes what `Simulator` takes, and says in one line what cannot be one. It knows no fixture and listens nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ghcr_fixtures import names, path

from ghcr_sim.assemble import Simulator
from ghcr_sim.auth import Accounts, Credential, accounts_of, load_accounts
from pytest_ghcr.settings import unknown

if TYPE_CHECKING:
    from pytest_ghcr.settings import Settings

__all__ = ["make_simulator"]


def make_simulator(settings: Settings, folder: Path, base: Simulator | None = None) -> Simulator:
    """Make a test's fake.

    Args:
        settings: What it is like.
        folder: Where the test's file is: paths are relative to it.
        base: What it is a fork of; None for an empty one.

    Raises:
        GhcrSimError, TypeError: Something cannot be seeded, or is no credential.
    """
    accounts = _accounts(settings.credentials, folder)
    profile = settings.profile
    if isinstance(profile, Path) or (isinstance(profile, str) and profile.endswith(".toml")):
        profile = folder / profile
    make = Simulator if base is None else base.fork
    made = make(profile=profile, accounts=accounts)
    for seed in _seeds(settings.seed):
        _plant(made, seed, folder)
    return made


def _accounts(said: Any, folder: Path) -> Accounts | None:
    """Who exists."""
    if said is None or isinstance(said, Accounts):
        return said
    if isinstance(said, str | Path):
        return load_accounts(folder / said)
    one = isinstance(said, Credential | Mapping) or not isinstance(said, Iterable)
    return accounts_of({"credential": (said,) if one else tuple(said)}, "credentials")


def _seeds(said: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """What is seeded, each with its recipe."""
    if said is None:
        return []
    if isinstance(said, Mapping):
        return [(reference, recipe or {}) for reference, recipe in said.items()]
    many = [said] if isinstance(said, str | Path) else list(said) if isinstance(said, Iterable) else [said]
    return [(each, {}) for each in many]


def _plant(simulator: Simulator, seed: tuple[Any, Mapping[str, Any]], folder: Path) -> None:
    what, recipe = seed
    if not isinstance(what, str | Path):
        raise TypeError(
            f"seed={what!r} is no reference (acme/app:v1), no path, and no mapping of references to recipes"
        )
    if not isinstance(recipe, Mapping):
        raise TypeError(
            f"seed: the recipe of {str(what)!r} is a mapping, such as {{'platforms': ['linux/amd64']}}"
        )
    archive = _archive(what, folder)
    wrong = unknown(recipe, ("repository",) if archive else _ingredients()) if recipe else None
    if wrong:
        raise TypeError(f"seed: the recipe of {str(what)!r} has no {wrong}")
    if archive is None:
        simulator.seed(str(what), **recipe)
    else:
        simulator.seed_path(archive, **recipe)


def _ingredients() -> list[str]:
    """What a recipe may hold."""
    from ghcr_sim.seed import seed  # noqa: PLC0415 - few tests have recipes

    return [name for name, each in signature(seed).parameters.items() if each.kind is each.KEYWORD_ONLY]


def _archive(what: str | Path, folder: Path) -> Path | None:
    """The layout or archive that is meant, if one is: a path beside the test, or the name of a shipped seed."""
    if isinstance(what, Path) or what.endswith((".tar", ".tar.gz", ".tgz")) or what.startswith((".", "/")):
        known = f"seeds/{what}"
        if isinstance(what, str) and not (folder / what).exists() and known in names():
            return path(known)
        return folder / what
    return None
