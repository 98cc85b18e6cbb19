"""One OCI image layout, read into the state of a repository.

A manifest is what `index.json` lists, and what an index in it lists; its digest is checked. Every other
file is a blob, which is not read here. What is damaged is left out; what makes the whole layout doubtful
is an error that names the file.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ghcr_sim.errors import StoreError
from ghcr_sim.oci.digests import digest_of, parse_digest
from ghcr_sim.oci.media import INDEXES
from ghcr_sim.store.files import LayoutBlob, Stamp, explained, is_contained, read_plain
from ghcr_sim.store.index import Index, children
from ghcr_sim.store.repository import Manifest, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghcr_sim.store.blobs import Blob
    from ghcr_sim.store.paths import Place

__all__ = ["Layout", "read_layout"]

_LOG = logging.getLogger(__name__)
_LARGEST_MANIFEST = 32 << 20
_LARGEST_INDEX = 256 << 20


@dataclass(slots=True)
class Layout:
    """What is known of a layout.

    Attributes:
        place: Where it lies.
        state: What it holds.
        index: Its `index.json` as it stands.
        stamp: That file's stamp.
        refused: The stamp of a later one that could not be read, or None.
        found: Digest → blob, of files that were added since and asked for.
    """

    place: Place
    state: Repository
    index: Index
    stamp: Stamp
    refused: Stamp | None = None
    found: dict[str, LayoutBlob] = field(default_factory=dict)


def read_layout(name: str, place: Place, before: Layout | None) -> Layout:
    """Read a layout; what `before` has read already is taken from there.

    Raises:
        StoreError: `oci-layout` or `index.json` is missing, damaged, or behind a symbolic link.
    """
    if not is_contained(place.directory):
        raise StoreError(
            f"{place.directory} lies behind a symbolic link, which is not followed; put a directory there"
        )
    index, stamp = _read_index(place)
    with explained("list", place.directory):
        files = place.files()
    known = before.state if before else Repository(name)
    state = Repository(name, manifests=_manifests(place, index, files, known))
    state.blobs = {
        digest: blob for digest, blob in _blobs(place, files, known) if digest not in state.manifests
    }
    for digest, _, tag in index.entries:
        if tag is not None and digest in state.manifests:
            state.tags.setdefault(tag, digest)
    for manifest in state.manifests.values():
        if manifest.subject:
            state.referrers.setdefault(manifest.subject, {})[manifest.digest] = None
    return Layout(place, state, index, stamp)


def _read_index(place: Place) -> tuple[Index, Stamp]:
    try:
        version = json.loads(_read(place.layout)[0])
    except (ValueError, RecursionError) as error:
        raise _damaged(place.layout, error) from error
    if not isinstance(version, dict) or version.get("imageLayoutVersion") != "1.0.0":
        raise _damaged(place.layout, "it does not say imageLayoutVersion 1.0.0")
    data, stamp = _read(place.index)
    try:
        return Index.parse(data), stamp
    except ValueError as error:
        raise _damaged(place.index, error) from error


def _damaged(path: str, why: object) -> StoreError:
    return StoreError(f"{path} is damaged: {why}; repair it, or move this layout out of the directory")


def _read(path: str) -> tuple[bytes, Stamp]:
    with explained("read", path):
        return read_plain(path, _LARGEST_INDEX)


def _blobs(place: Place, files: dict[str, int], known: Repository) -> Iterator[tuple[str, Blob]]:
    """A handle on each file; one that was known keeps what is known of it."""
    for digest, size in files.items():
        blob = known.blobs.get(digest)
        yield digest, blob if blob is not None and blob.size == size else place.blob(digest, size)


def _manifests(place: Place, index: Index, files: dict[str, int], known: Repository) -> dict[str, Manifest]:
    """Listed manifests in the order of the list, then those that are reached through them."""
    found: dict[str, Manifest] = {}
    waiting = deque(index.entries)
    while waiting:
        digest, media_type, _ = waiting.popleft()
        if digest in found:
            continue
        manifest = known.manifests.get(digest)
        if digest not in files:
            _LOG.info("%s lists %s, which is not there; it is left out", place.index, digest)
            continue
        if manifest is None or manifest.media_type != media_type:
            manifest = _manifest(place, digest, media_type)
        if manifest is not None:
            found[digest] = manifest
            waiting.extend(children(manifest) if media_type in INDEXES else ())
    return found


def _manifest(place: Place, digest: str, media_type: str) -> Manifest | None:
    """A manifest, or None where its file is damaged."""
    path = place.path(digest)
    try:
        content, _ = read_plain(path, _LARGEST_MANIFEST)
    except OSError as error:
        _LOG.warning("%s is left out: %s", path, error)
        return None
    if digest_of(content, parse_digest(digest).algorithm) != digest:
        _LOG.warning("%s is left out: it does not hold %s; remove it and push it again", path, digest)
        return None
    return Manifest.read(digest, media_type, content)
