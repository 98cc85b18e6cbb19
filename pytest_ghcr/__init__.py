"""A private ghcr.io for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_ghcr.simulator import Ghcr as Ghcr

__all__ = ["Ghcr"]


def __getattr__(name: str) -> Any:
    """Import the handle's type when it is asked for: pytest's start pays nothing for it."""
    if name == "Ghcr":
        from pytest_ghcr.simulator import Ghcr  # noqa: PLC0415 - that is the point

        return Ghcr
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
