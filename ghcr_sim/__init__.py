"""A fake ghcr.io that real clients cannot tell from the real one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ghcr_sim.assemble import Simulator as Simulator
    from ghcr_sim.auth import Accounts as Accounts
    from ghcr_sim.auth import Credential as Credential
    from ghcr_sim.clock import Clock as Clock
    from ghcr_sim.errors import GhcrSimError as GhcrSimError
    from ghcr_sim.serve import Server as Server
    from ghcr_sim.threads import ThreadServer as ThreadServer

__all__ = ["Accounts", "Clock", "Credential", "GhcrSimError", "Server", "Simulator", "ThreadServer"]

_HOMES = {
    "Accounts": "ghcr_sim.auth",
    "Clock": "ghcr_sim.clock",
    "Credential": "ghcr_sim.auth",
    "GhcrSimError": "ghcr_sim.errors",
    "Server": "ghcr_sim.serve",
    "Simulator": "ghcr_sim.assemble",
    "ThreadServer": "ghcr_sim.threads",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that importing the package costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
