"""`_packages.json`: who may read a package, and who has which role. A layout has no place for it."""

from __future__ import annotations

import json
import os
from typing import Any, get_args

from ghcr_sim.errors import StoreError
from ghcr_sim.store.files import Stamp, explained, is_still, read_plain, stamp_of
from ghcr_sim.store.repository import Repository, Role, Visibility

__all__ = ["Packages"]

_LARGEST = 64 << 20
_KEYS = {"visibility", "roles"}


class Packages:
    """The file's content: name → `{"visibility": …, "roles": {who: role}}`, either key left out where unset.

    Args:
        root: The directory that holds the file.
        default: The visibility of a package that has no entry.
    """

    def __init__(self, root: str, default: Visibility) -> None:
        self.path = os.path.join(root, "_packages.json")  # noqa: PTH118 - strings all the way
        self.stamp: Stamp | None = None
        self._default = default
        self._entries: dict[str, dict[str, Any]] = {}

    def refresh(self) -> bool:
        """Read the file if it has changed; whether it had.

        Raises:
            StoreError: It is damaged, or behind a symbolic link.
        """
        if self.stamp is None:
            if not os.path.lexists(self.path):
                return False
        elif is_still(self.path, self.stamp):
            return False
        stamp = stamp_of(self.path)
        self._entries = self._read() if os.path.lexists(self.path) else {}
        self.stamp = stamp
        return True

    def dress(self, state: Repository) -> None:
        """Give a repository what is said of it here; one without a manifest is no package yet."""
        entry = self._entries.get(state.name, {})
        state.visibility = entry.get("visibility", self._default if state.manifests else None)
        state.roles = dict(entry.get("roles", {}))

    def follow(self, name: str, state: Repository | None) -> bytes:
        """Take an entry from a repository, or remove it with None; the file as it should be now."""
        self._entries.pop(name, None)
        if state is not None and (state.visibility or state.roles):
            entry = {"visibility": state.visibility, "roles": dict(state.roles)}
            self._entries[name] = {key: value for key, value in entry.items() if value}
        return (json.dumps(self._entries, indent=1, sort_keys=True) + "\n").encode()

    def _read(self) -> dict[str, dict[str, Any]]:
        with explained("read", self.path):
            data, _ = read_plain(self.path, _LARGEST)
        try:
            entries = json.loads(data)
            for name, entry in entries.items():
                _check(name, entry)
        except (ValueError, RecursionError, AttributeError, TypeError) as error:
            raise StoreError(f"{self.path} is damaged: {error}; repair or remove it") from error
        assert isinstance(entries, dict)
        return entries


def _check(name: str, entry: dict[str, Any]) -> None:
    if unknown := entry.keys() - _KEYS:
        raise ValueError(f"{name} has an unknown key {min(unknown)!r}")
    visibility = entry.get("visibility")
    if visibility not in (None, *get_args(Visibility)):
        raise ValueError(
            f"{name} has visibility {visibility!r}, not one of {', '.join(get_args(Visibility))}"
        )
    for who, role in entry.get("roles", {}).items():
        if role not in get_args(Role):
            raise ValueError(f"{name} gives {who} the role {role!r}, not one of {', '.join(get_args(Role))}")
