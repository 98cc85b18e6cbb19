"""The store in a directory: each repository is an OCI image layout, which other tools read and write.

    DIR/acme/app/{oci-layout, index.json, blobs/sha256/…}
    DIR/_packages.json      visibility and roles
    DIR/_uploads/ _trash/   unfinished blobs; deleted ones that a snapshot or a fork may hold
    DIR/_lock               held by the one writer

A tag is an entry of `index.json` with `org.opencontainers.image.ref.name`; an entry without it is an
untagged manifest. Bytes are written first, then the index that names them, each by a rename: a process
that is killed leaves nothing torn, at worst a file that nothing names. No fsync is made, so this does not
hold for a loss of power. A digest that is pushed both as a manifest and as a blob is a manifest only, once
the directory is opened again: on disk they are one file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ghcr_sim.errors import StoreError
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.names import check_repository
from ghcr_sim.store.files import stamp_of
from ghcr_sim.store.following import FollowingStore
from ghcr_sim.store.index import Index
from ghcr_sim.store.layout import Layout
from ghcr_sim.store.paths import LAYOUT, made_root, place_of
from ghcr_sim.store.repository import Manifest, Repository, Role, Visibility
from ghcr_sim.store.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghcr_sim.store.blobs import Blob
    from ghcr_sim.store.memory import Snapshot
    from ghcr_sim.store.writers import Writer

__all__ = ["DirectoryStore"]


class DirectoryStore(FollowingStore):
    """Repositories in a directory.

    Other programs may read and write the layouts meanwhile; what they wrote is noticed at the next access.
    An `index.json` that one of them writes in the very moment of a write here is lost, as between any two
    of them.

    Args:
        directory: The directory; it is made where it is missing.
        visibility: The visibility of a package of which `_packages.json` says nothing.

    Raises:
        StoreLocked: Another writer has it open.
        StoreError: It cannot be used; any later call raises it too where a file cannot be read or written.
    """

    def __init__(self, directory: str | os.PathLike[str], *, visibility: Visibility = "private") -> None:
        root = made_root(directory)
        self._spool = Spool(root)
        try:
            super().__init__(root, visibility, self._spool.trash)
        except StoreError:
            self._spool.close()
            raise
        self._shared = False

    # -- reading

    def repository(self, name: str) -> Repository | None:
        """The state of a repository, not to be changed; None where nothing was ever stored."""
        layout = self._layout(name)
        return None if layout is None else layout.state

    # -- writing

    def writer(self) -> Writer:
        """A place for the bytes of an upload: a file in `_uploads`."""
        return self._spool.writer()

    def put_blob(self, repository: str, blob: Blob) -> None:
        """Give a repository a blob: a writer's is moved, another repository's linked, any other one copied.

        Raises:
            DigestMismatch: The bytes of one that had to be copied are not its digest's.
        """
        layout = self._writable(repository)
        stamp = self._spool.take(blob, layout.place.prepared(blob.digest))
        super().put_blob(repository, layout.place.blob(blob.digest, blob.size, stamp))

    def delete_blob(self, repository: str, digest: str) -> bool:
        """Take a blob from one repository; whether it was there."""
        there = super().delete_blob(repository, digest)
        if there:
            self._drop(repository, (digest,))
        return there

    def put_manifest(self, repository: str, manifest: Manifest, tags: Iterable[str] = ()) -> None:
        """Store a manifest and point tags at it. A tag that exists keeps its place in the order."""
        layout = self._writable(repository)
        path = layout.place.prepared(manifest.digest)
        if manifest.digest not in layout.state.manifests or stamp_of(path) is None:
            self._spool.write(path, manifest.content)
        super().put_manifest(repository, manifest, tags)
        self._save(repository)

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Remove a manifest, its tags and its place among the referrers; whether it was there."""
        there = super().delete_manifest(repository, digest)
        if there:
            self._save(repository)
            self._drop(repository, (digest,))
        return there

    def delete_tag(self, repository: str, tag: str) -> bool:
        """Remove a tag, and leave what it pointed at; whether it was there."""
        there = super().delete_tag(repository, tag)
        if there:
            self._save(repository)
        return there

    def set_visibility(self, repository: str, visibility: Visibility) -> None:
        """Say who may read a package."""
        super().set_visibility(repository, visibility)
        self._save_package(repository)

    def set_role(self, repository: str, who: str, role: Role) -> None:
        """Give a login, or `repo:owner/name`, a role on a package."""
        super().set_role(repository, who, role)
        self._save_package(repository)

    # -- whole states

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of this store; it can be restored any number of times.

        Blobs that were deleted since come back, unless another program deleted them.
        """
        self._spool.check()
        for name in sorted({*self.names(), *snapshot.repositories}):
            wanted = snapshot.repositories.get(name)
            if wanted is None:
                self._put_back(Repository(name))
                self._layouts.pop(name).place.remove(self._root)
            elif self.repository(name) is not wanted:
                self._put_back(wanted)
        self._token = object()

    def close(self) -> None:
        """Remove unfinished uploads and let go of the lock. Forks lose blobs that were deleted here since."""
        self._spool.close()

    def _freeze(self) -> dict[str, Repository]:
        # From now on a deleted blob may be wanted again.
        self._shared = True
        return super()._freeze()

    def _put_back(self, wanted: Repository) -> None:
        """Make a repository what it was: bytes first, then the index, and last remove what is too much."""
        layout = self._writable(wanted.name)
        before = layout.state
        for digest in wanted.blobs.keys() - before.blobs.keys():
            self._spool.drop(layout.place.trashed(digest), layout.place.prepared(digest))
        for digest in wanted.manifests.keys() - before.manifests.keys():
            self._spool.write(layout.place.prepared(digest), wanted.manifests[digest].content)
        layout.state = wanted
        self._save(wanted.name)
        self._drop(wanted.name, {*before.blobs, *before.manifests})
        if (before.visibility, before.roles) != (wanted.visibility, wanted.roles):
            self._save_package(wanted.name)

    # -- files

    def _writable(self, name: str) -> Layout:
        """A layout that may be written to; it is made where there is none."""
        self._spool.check()
        layout = self._layout(name)
        if layout is None:
            return self._make(name)
        if layout.refused is not None:
            raise StoreError(
                f"{layout.place.index} was changed by another program and cannot be read; repair it first"
            )
        return layout

    def _change(self, name: str) -> Repository:
        layout = self._writable(name)
        if layout.state.owner is not self._token:
            layout.state = layout.state.copy(self._token)
        return layout.state

    def _make(self, name: str) -> Layout:
        """An empty layout. It is one only when the index is there, which comes last."""
        check_repository(name)
        place = place_of(self._root, name, self._spool.trash)
        place.prepared(digest_of(b""))
        if os.path.lexists(place.index):
            raise StoreError(f"{place.index} is there, but no {LAYOUT}; move it away, or make it a layout")
        self._spool.write(place.layout, b'{"imageLayoutVersion":"1.0.0"}\n')
        state, index = Repository(name, owner=self._token), Index()
        layout = Layout(place, state, index, self._spool.write(place.index, index.describe(state)))
        self._packages.dress(state)
        self._layouts[name] = layout
        return layout

    def _save(self, name: str) -> None:
        """Write the index; where that fails, what is on disk counts again."""
        layout = self._layouts[name]
        try:
            layout.stamp = self._spool.write(layout.place.index, layout.index.describe(layout.state))
        except StoreError:
            del self._layouts[name]
            raise

    def _save_package(self, name: str) -> None:
        data = self._packages.follow(name, self.repository(name))
        self._packages.stamp = self._spool.write(self._packages.path, data)

    def _drop(self, name: str, digests: Iterable[str]) -> None:
        """Remove the files of digests that are neither blob nor manifest any more."""
        layout = self._layouts[name]
        for digest in digests:
            if digest in layout.state.blobs or digest in layout.state.manifests:
                continue
            self._spool.drop(
                layout.place.path(digest), layout.place.trashed(digest) if self._shared else None
            )
