"""What one seed will put into a store, complete before anything is put."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from ghcr_sim.errors import SeedError
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.store import Blob, Manifest, Store
from ghcr_sim.store.repository import Visibility

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Draft", "Seeded", "check_visibility"]


def check_visibility(word: str | None) -> None:
    """Refuse what is no visibility.

    Raises:
        SeedError: It lists those that are.
    """
    if word is not None and word not in get_args(Visibility):
        raise SeedError(f"visibility is {word!r}: give one of {', '.join(get_args(Visibility))}")


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was put.

    Attributes:
        repository: `owner/name`.
        tags: The tags that point at it now; empty where it has none.
        digest: Its digest: the index's where there is one.
        media_type: Its media type.
        manifests: Platform (`linux/arm/v7`) → digest of the manifest for it; empty for artifacts.
    """

    repository: str
    tags: tuple[str, ...]
    digest: str
    media_type: str
    manifests: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def ref(self) -> str:
        """`owner/name@sha256:…`."""
        return f"{self.repository}@{self.digest}"


@dataclass(slots=True)
class Draft:
    """An image or artifact that is built and not yet put.

    Attributes:
        blobs: Digest → blob.
        manifests: Digest → manifest; children first, the one that is tagged last.
        platforms: Platform → digest of a manifest.
    """

    blobs: dict[str, Blob] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    platforms: dict[str, str] = field(default_factory=dict)

    def add_blob(self, blob: Blob) -> Blob:
        """Take a blob."""
        self.blobs[blob.digest] = blob
        return blob

    def add_manifest(self, media_type: str, content: bytes, digest: str | None = None) -> Manifest:
        """Take a manifest; it is the tagged one unless another follows."""
        manifest = Manifest.read(digest or digest_of(content), media_type, content)
        self.manifests[manifest.digest] = manifest
        return manifest

    @property
    def top(self) -> Manifest:
        """The manifest that is tagged."""
        return self.manifests[next(reversed(self.manifests))]

    def put(
        self, store: Store, repository: str, tags: Iterable[str], visibility: Visibility | None = None
    ) -> Seeded:
        """Put everything: blobs, then manifests, then tags, so that no reader meets a gap."""
        for blob in self.blobs.values():
            store.put_blob(repository, blob)
        top, kept = self.top, tuple(dict.fromkeys(tags))
        for manifest in self.manifests.values():
            store.put_manifest(repository, manifest, kept if manifest is top else ())
        if visibility is not None:
            store.set_visibility(repository, visibility)
        return Seeded(repository, kept, top.digest, top.media_type, dict(self.platforms))
