"""Attributes that are something else for a while, and libraries that look names up past Python's `socket`.

It puts back what it has taken, in the reverse order, and can say what is not back. It decides nothing.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pytest_ghcr.loops import REPLACEMENTS

__all__ = ["Patches", "patch_libraries"]

_MISSING = object()


class Patches:
    """What was put in place of what. Somebody else may do the same meanwhile: what is theirs is left to them."""

    def __init__(self) -> None:
        self._set: list[_Patch] = []

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Put something in the place of an attribute, which may be an inherited one."""
        self._set.append(_Patch(owner, name, value, vars(owner).get(name, _MISSING), getattr(owner, name)))
        setattr(owner, name, value)

    def real(self, owner: Any, name: str) -> Any:
        """What was there before."""
        return next(each.real for each in self._set if each.owner is owner and each.name == name)

    def hold(self) -> None:
        """Put ours in the place again where somebody has put back what was there before."""
        for each in self._set:
            if each.now() is not each.value and each.is_back():
                each.before = each.now()
                setattr(each.owner, each.name, each.value)

    def undo(self) -> None:
        """Put everything back that is ours. It can be done again, for what somebody puts back late."""
        for each in reversed(self._set):
            if each.now() is not each.value:
                continue
            if each.before is _MISSING:
                delattr(each.owner, each.name)
            else:
                setattr(each.owner, each.name, each.before)

    def left(self) -> list[str]:
        """What of ours is still there, in words."""
        return [f"{each.owner.__name__}.{each.name}" for each in self._set if each.now() is each.value]


@dataclass(slots=True)
class _Patch:
    """One attribute: what it is now, what it was itself, and what it was by inheritance."""

    owner: Any
    name: str
    value: Any
    before: Any
    real: Any

    def now(self) -> Any:
        return vars(self.owner).get(self.name, _MISSING)

    def is_back(self) -> bool:
        """Whether it is what it was, or what its class inherits: a mock of the test's is neither."""
        inherited = (vars(each).get(self.name) for each in getattr(self.owner, "__mro__", ())[1:])
        now = self.now()
        return any(now is each for each in (_MISSING, self.before, *inherited))


def patch_libraries(patches: Patches) -> None:
    """Lead libraries with resolvers of their own back to `socket`: aiohttp on aiodns, and uvloop's loops."""
    from aiohttp import resolver  # noqa: PLC0415 - who takes over has the fake, which has imported it

    patches.set(resolver.AsyncResolver, "resolve", _resolving(resolver.ThreadedResolver))
    if _has_uvloop():
        uvloop = import_module("uvloop")  # code under test may import it later
        for name, make in REPLACEMENTS.items():
            patches.set(uvloop.Loop, name, make(getattr(uvloop.Loop, name)))


@cache
def _has_uvloop() -> bool:
    return find_spec("uvloop") is not None


def _resolving(threaded: Any) -> Any:
    async def resolve(self: Any, host: str, port: int = 0, family: Any = socket.AF_INET) -> Any:  # noqa: ARG001 - as it is called
        return await threaded().resolve(host, port, family)

    return resolve
