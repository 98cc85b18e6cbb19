"""What the stores over a directory share: layouts are read when asked for, and again when changed."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from ghcr_sim.errors import StoreError
from ghcr_sim.oci.digests import is_digest
from ghcr_sim.oci.names import is_repository
from ghcr_sim.store.files import LayoutBlob, Stamp, is_still, stamp_of
from ghcr_sim.store.layout import Layout, read_layout
from ghcr_sim.store.memory import Store
from ghcr_sim.store.packages import Packages
from ghcr_sim.store.paths import Place, place_of, repositories_below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghcr_sim.store.blobs import Blob
    from ghcr_sim.store.repository import Repository, Visibility

__all__ = ["FollowingStore"]

_LOG = logging.getLogger(__name__)


class FollowingStore(Store):
    """The reading half. A change is noticed by the stamp of `index.json`, looked at on each access.

    While a file that was read before cannot be read (another program is writing it), what was read
    before is served.

    Args:
        root: The real path of a directory.
        visibility: The visibility of a package of which `_packages.json` says nothing.
        trash: Where deleted blobs may lie, or None.
    """

    def __init__(self, root: str, visibility: Visibility, trash: str | None = None) -> None:
        super().__init__()
        self._root = root
        self._trash = trash
        self._layouts: dict[str, Layout] = {}
        self._packages = Packages(root, visibility)
        self._packages.refresh()

    def names(self) -> list[str]:
        """The names of all layouts in the directory that are valid repository names, sorted."""
        return sorted(repositories_below(self._root))

    def blob(self, repository: str, digest: str) -> Blob | None:
        """A blob of a repository, or None. A file that was added since is found, a damaged one is not."""
        for find in (super().blob, self._found):
            blob = find(repository, digest)
            if blob is not None and not (isinstance(blob, LayoutBlob) and blob.path is None):
                return blob
        return None

    def find_blob(self, digest: str) -> Blob | None:
        """A blob in whatever repository. Repositories that cannot be read are passed over."""
        for name in self._likely(digest):
            with suppress(StoreError):
                blob = self.blob(name, digest)
                if blob is not None:
                    return blob
        return None

    def _likely(self, digest: str) -> Iterator[str]:
        """All names, those first that are known to hold a blob."""
        known = self._repositories | {name: layout.state for name, layout in self._layouts.items()}
        yield from [name for name, state in known.items() if digest in state.blobs]
        yield from self.names()

    def _found(self, name: str, digest: str) -> Blob | None:
        """A blob whose file another program added since the layout was read."""
        layout = self._layout(name)
        if layout is None or not is_digest(digest) or digest in layout.state.manifests:
            return None
        stamp = stamp_of(layout.place.path(digest))
        if stamp is None:
            return None
        known = layout.found.get(digest)
        if known is None or known.size != stamp.size:
            known = layout.found[digest] = layout.place.blob(digest, stamp.size)
        return known

    def _layout(self, name: str) -> Layout | None:
        """A layout as it is on disk now; None where there is none.

        Raises:
            StoreError: It cannot be read, and was not read before.
        """
        if self._packages.refresh():
            self._dress_all()
        known = self._layouts.get(name)
        if known is not None and known.refused is None and is_still(known.place.index, known.stamp):
            return known
        if known is None and not is_repository(name):
            return None
        place = known.place if known else place_of(self._root, name, self._trash)
        stamp = stamp_of(place.index)
        if known is not None and stamp is not None:
            if stamp == known.stamp:
                known.refused = None
            if stamp in (known.stamp, known.refused):
                return known
        layout = self._read(name, place, stamp) if place.is_layout() else None
        if layout is None:
            self._layouts.pop(name, None)
        return layout

    def _read(self, name: str, place: Place, stamp: Stamp | None) -> Layout | None:
        """Read a layout that is new, or has changed to `stamp`."""
        known = self._layouts.get(name)
        try:
            layout = read_layout(name, place, known)
        except StoreError as error:
            if not place.is_layout():
                # Another program has just removed it.
                return None
            if known is None or stamp is None:
                self._layouts.pop(name, None)
                raise
            _LOG.warning("what was read before is served: %s", error)
            known.refused = stamp
            return known
        self._packages.dress(layout.state)
        self._layouts[name] = layout
        return layout

    def _dress_all(self) -> None:
        # The states may be shared with snapshots and forks.
        for layout in self._layouts.values():
            layout.state = layout.state.copy(None)
            self._packages.dress(layout.state)

    def _freeze(self) -> dict[str, Repository]:
        """All states: each layout is read that was not yet."""
        self._token = object()
        states = {name: self.repository(name) for name in self.names()}
        return {name: state for name, state in states.items() if state is not None}
