"""Names of a package that are loaded when they are first used, so that importing the package costs next to nothing."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["loading"]


def loading(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """What a package needs to have names that are not loaded yet.

    Args:
        package: The package's `__name__`.
        homes: Name → the module below the package that has it; what is not here is an error.

    Returns:
        The package's `__getattr__` and `__dir__`.

    Example:
        >>> find, _ = loading("ghcr_client", {"Digest": "digests"})
        >>> find("Digest").__name__
        'Digest'
    """
    names = vars(sys.modules[package])

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = names[name] = getattr(import_module(f"{package}.{homes[name]}"), name)
        return value

    def listed() -> list[str]:
        return sorted({*names, *homes})

    return find, listed
