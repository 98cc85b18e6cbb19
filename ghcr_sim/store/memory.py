"""The store in memory, which is also the base of the others: they only say where bytes go.

A repository's state is shared between forks and snapshots until somebody writes; then the writer copies
that repository (O(references)), never a blob.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghcr_sim.store.repository import Manifest, Repository, Role, Visibility
from ghcr_sim.store.writers import MemoryWriter, Writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghcr_sim.store.blobs import Blob

__all__ = ["Snapshot", "Store"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A store's state at one moment. Give it back to `Store.restore` of the same store."""

    repositories: dict[str, Repository]


class Store:
    """Repositories in memory."""

    def __init__(self, repositories: dict[str, Repository] | None = None) -> None:
        self._repositories: dict[str, Repository] = {} if repositories is None else repositories
        self._token: object = object()

    # -- reading

    def repository(self, name: str) -> Repository | None:
        """The state of a repository, not to be changed; None where nothing was ever stored."""
        return self._repositories.get(name)

    def names(self) -> list[str]:
        """The names of all repositories, sorted."""
        return sorted(self._repositories)

    def blob(self, repository: str, digest: str) -> Blob | None:
        """A blob of a repository, or None. A manifest's bytes are not a blob."""
        state = self.repository(repository)
        return state.blobs.get(digest) if state else None

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """A manifest by tag or digest, or None."""
        state = self.repository(repository)
        return None if state is None else state.manifest(reference)

    def referrers(self, repository: str, subject: str) -> list[Manifest]:
        """The manifests whose `subject` is this digest, oldest first."""
        state = self.repository(repository)
        return [state.manifests[digest] for digest in state.referrers.get(subject, ())] if state else []

    def find_blob(self, digest: str) -> Blob | None:
        """A blob in whatever repository: for the storage host, whose addresses name none."""
        # A copy: a test may seed while the server's thread looks.
        for name in list(self._repositories):
            blob = self.blob(name, digest)
            if blob is not None:
                return blob
        return None

    # -- writing

    def writer(self) -> Writer:
        """A place for the bytes of an upload."""
        return MemoryWriter()

    def put_blob(self, repository: str, blob: Blob) -> None:
        """Give a repository a blob: a writer's, or one of another repository (a mount)."""
        self._change(repository).blobs[blob.digest] = blob

    def delete_blob(self, repository: str, digest: str) -> bool:
        """Take a blob from one repository; whether it was there."""
        if self.blob(repository, digest) is None:
            return False
        self._change(repository).blobs.pop(digest, None)
        return True

    def put_manifest(self, repository: str, manifest: Manifest, tags: Iterable[str] = ()) -> None:
        """Store a manifest and point tags at it. A tag that exists keeps its place in the order."""
        state = self._change(repository)
        state.manifests[manifest.digest] = manifest
        if manifest.subject:
            state.referrers.setdefault(manifest.subject, {})[manifest.digest] = None
        for tag in tags:
            state.tags[tag] = manifest.digest

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Remove a manifest, its tags and its place among the referrers; whether it was there."""
        if self.manifest(repository, digest) is None:
            return False
        state = self._change(repository)
        manifest = state.manifests.pop(digest)
        state.tags = {tag: target for tag, target in state.tags.items() if target != digest}
        if manifest.subject:
            state.referrers[manifest.subject].pop(digest, None)
        return True

    def delete_tag(self, repository: str, tag: str) -> bool:
        """Remove a tag, and leave what it pointed at; whether it was there."""
        state = self.repository(repository)
        if state is None or tag not in state.tags:
            return False
        del self._change(repository).tags[tag]
        return True

    def set_visibility(self, repository: str, visibility: Visibility) -> None:
        """Say who may read a package."""
        self._change(repository).visibility = visibility

    def set_role(self, repository: str, who: str, role: Role) -> None:
        """Give a login, or `repo:owner/name`, a role on a package."""
        self._change(repository).roles[who] = role

    def _change(self, name: str) -> Repository:
        """The repository's state, ours to change."""
        state = self.repository(name)
        if state is None:
            state = self._repositories[name] = Repository(name, owner=self._token)
        elif state.owner is not self._token:
            state = self._repositories[name] = state.copy(self._token)
        return state

    # -- whole states

    def fork(self) -> Store:
        """A store in memory with the same content, independent from now on. Costs O(repositories)."""
        return Store(self._freeze())

    def snapshot(self) -> Snapshot:
        """The state now. Costs O(repositories)."""
        return Snapshot(self._freeze())

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of this store; it can be restored any number of times."""
        self._repositories = dict(snapshot.repositories)
        self._token = object()

    def _freeze(self) -> dict[str, Repository]:
        """All states, which from now on nobody may change in place."""
        self._token = object()
        return dict(self._repositories)

    def close(self) -> None:
        """Let go of what the store holds outside memory. Harmless to repeat."""
