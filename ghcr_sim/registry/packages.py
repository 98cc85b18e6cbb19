"""What a push or a start makes of a package: who may read it from now on, and what its page would say.

Sources: ghcr-wire rows 4.5, 4.7, P4, P5.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ghcr_sim.auth.accounts import Accounts
    from ghcr_sim.auth.callers import Caller
    from ghcr_sim.store import Store
    from ghcr_sim.store.repository import Visibility

__all__ = ["PackagePage", "Rights", "describe"]

_DESCRIPTION = 512
_LICENSES = 256


@dataclass(frozen=True, slots=True)
class PackagePage:
    """What GitHub shows of a package.

    Attributes:
        name: `owner/name`.
        visibility: Who may read it.
        description: From the annotation, at most 512 characters.
        licenses: From the annotation, at most 256 characters.
        source: The repository that the annotation links it to.
        roles: Who else has which role.
    """

    name: str
    visibility: Visibility
    description: str | None
    licenses: str | None
    source: str | None
    roles: dict[str, str]


class Rights:
    """Settles a package's rights when its first manifest arrives, or at the start where it is there already.

    Args:
        store: Where packages live.
        accounts: Rights that were laid down before.
        visibility: Who may read a new package: GHCR makes it private (row P5).
    """

    def __init__(self, store: Store, accounts: Accounts, visibility: Visibility = "private") -> None:
        self._store = store
        self._accounts = accounts
        self.visibility: Visibility = visibility

    def lay_down(self) -> None:
        """Give packages that the store holds already the rights that were laid down; other roles they keep."""
        for repository, package in self._accounts.packages.items():
            state = self._store.repository(repository)
            if state is None or state.visibility is None:
                continue
            # What is so already is not written: an overlay would stop to follow its directory.
            if state.visibility != package.visibility:
                self._store.set_visibility(repository, package.visibility)
            for who, role in package.roles.items():
                if state.roles.get(who) != role:
                    self._store.set_role(repository, who, role)

    def settle(self, repository: str, caller: Caller | None = None) -> None:
        """Make a package of a repository, once. Its creator becomes its admin."""
        state = self._store.repository(repository)
        if state is not None and state.visibility is not None:
            return
        laid_down = self._accounts.packages.get(repository)
        self._store.set_visibility(repository, laid_down.visibility if laid_down else self.visibility)
        for who, role in laid_down.roles.items() if laid_down else ():
            self._store.set_role(repository, who, role)
        if caller is not None and caller.credential is not None:
            credential = caller.credential
            who = f"repo:{credential.repository}" if credential.kind == "github_token" else credential.login
            self._store.set_role(repository, who, "admin")


def describe(store: Store, repository: str) -> PackagePage | None:
    """A package's page, from the newest tag's annotations; None where there is no package."""
    state = store.repository(repository)
    if state is None or state.visibility is None:
        return None
    newest = next(reversed(state.tags.values()), None)
    manifest = state.manifests.get(newest) if newest else None
    annotations: Any = json.loads(manifest.content).get("annotations") if manifest else None
    said = annotations if isinstance(annotations, dict) else {}

    def annotation(key: str) -> str | None:
        value = said.get(f"org.opencontainers.image.{key}")
        return value if isinstance(value, str) else None

    description, licenses = annotation("description"), annotation("licenses")
    return PackagePage(
        repository,
        state.visibility,
        description and description[:_DESCRIPTION],
        licenses and licenses[:_LICENSES],
        annotation("source"),
        dict(state.roles),
    )
