"""The store in memory over a directory that is only read: no lock, and nothing is ever written to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_sim.store.following import FollowingStore
from ghcr_sim.store.paths import root_of

if TYPE_CHECKING:
    import os

    from ghcr_sim.store.blobs import Blob
    from ghcr_sim.store.memory import Snapshot
    from ghcr_sim.store.repository import Repository, Visibility

__all__ = ["OverlayStore"]


class OverlayStore(FollowingStore):
    """What a directory of OCI image layouts holds, and over it, in memory, what was changed here.

    Another process may write to the directory: a repository follows it until it is changed here. After
    `restore` none follows it any more. Blobs stay in the directory, and vanish here if they are deleted
    there.

    Args:
        directory: The directory; it must exist.
        visibility: The visibility of a package of which `_packages.json` says nothing.

    Raises:
        StoreError: It is not a directory that can be read, or its `_packages.json` is damaged.
    """

    def __init__(self, directory: str | os.PathLike[str], *, visibility: Visibility = "private") -> None:
        super().__init__(root_of(directory), visibility)
        self._follows = True

    def repository(self, name: str) -> Repository | None:
        """The state of a repository, not to be changed; None where neither here nor there is one."""
        own = super().repository(name)
        if own is not None or not self._follows:
            return own
        layout = self._layout(name)
        return None if layout is None else layout.state

    def names(self) -> list[str]:
        """The names of all repositories, here or there, sorted."""
        return sorted({*self._repositories, *(super().names() if self._follows else ())})

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of this store; it can be restored any number of times."""
        super().restore(snapshot)
        self._follows = False

    def _found(self, name: str, digest: str) -> Blob | None:
        """A blob that was added to the directory, for a repository that still follows it."""
        return super()._found(name, digest) if self._follows and name not in self._repositories else None
