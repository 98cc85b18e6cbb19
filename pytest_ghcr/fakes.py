"""From a test's settings to its fake: profile, accounts and seed.

It makes what `Simulator` takes, and says in one line what cannot be one. It knows no fixture and listens nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ghcr_sim.assemble import Simulator
from ghcr_sim.auth import Accounts, Credential, accounts_of, load_accounts
from pytest_ghcr.settings import unknown

if TYPE_CHECKING:
    from pytest_ghcr.settings import Settings

__all__ = ["make_simulator"]


def make_simulator(settings: Settings, base: Simulator | None = None) -> Simulator:
    """Make a test's fake.

    Args:
        settings: What it is like.
        base: What it is a fork of; None for an empty one.

    Raises:
        GhcrSimError, TypeError: Something cannot be seeded, or is no credential.
    """
    make = Simulator if base is None else base.fork
    made = make(profile=settings.profile, accounts=_accounts(settings.credentials))
    for seed in _seeds(settings.seed):
        _plant(made, seed)
    return made


def _accounts(said: Any) -> Accounts | None:
    """Who exists."""
    if said is None or isinstance(said, Accounts):
        return said
    if isinstance(said, Path):
        return load_accounts(said)
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


def _plant(simulator: Simulator, seed: tuple[Any, Mapping[str, Any]]) -> None:
    what, recipe = seed
    if not isinstance(what, str | Path):
        raise TypeError(
            f"seed={what!r} is no reference (acme/app:v1), no path, and no mapping of references to recipes"
        )
    if not isinstance(recipe, Mapping):
        raise TypeError(
            f"seed: the recipe of {str(what)!r} is a mapping, such as {{'platforms': ['linux/amd64']}}"
        )
    wrong = unknown(recipe, ("repository",) if isinstance(what, Path) else _ingredients()) if recipe else None
    if wrong:
        raise TypeError(f"seed: the recipe of {str(what)!r} has no {wrong}")
    if isinstance(what, Path):
        simulator.seed_path(what, **recipe)
    else:
        simulator.seed(what, **recipe)


def _ingredients() -> list[str]:
    """What a recipe may hold."""
    from ghcr_sim.seed import seed  # noqa: PLC0415 - few tests have recipes

    return [name for name, each in signature(seed).parameters.items() if each.kind is each.KEYWORD_ONLY]
