"""What `docker save` writes: `manifest.json`, a config for each image, a tar for each layer.

Docker wrote this form alone until version 25; `skopeo copy … docker-archive:` and Podman still do. The
archive holds no manifest, so one is made: an OCI manifest around the config as it is and the layers as
they are, mostly plain tars. Each layer is held against the config's `diff_ids`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ghcr_sim.errors import SeedError
from ghcr_sim.oci import media
from ghcr_sim.oci.digests import is_digest
from ghcr_sim.seed.documents import descriptor, encode, manifest_document
from ghcr_sim.seed.draft import Draft
from ghcr_sim.seed.gzips import MAGIC
from ghcr_sim.seed.intake import Intake, bytes_blob, checked
from ghcr_sim.seed.layers import gzip_diff_id
from ghcr_sim.seed.layouts import Archived, platform_name
from ghcr_sim.seed.trees import Tree, parse_json, read_json, read_small

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghcr_sim.seed.limits import Limits
    from ghcr_sim.store import Blob

__all__ = ["read_docker_save"]

_NAMED_BY_DIGEST = re.compile(r"(?:.*/)?([0-9a-f]{64})(?:\.json)?\Z")


def read_docker_save(tree: Tree, intake: Intake, limits: Limits) -> list[Archived]:
    """All images of an archive, in its order.

    Raises:
        SeedError: It is damaged, incomplete or too large.
    """
    listed = read_json(tree, "manifest.json", limits)
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise SeedError(
            f"{tree.where}: manifest.json is no list of images: make the archive with docker save"
        )
    reader = _Reader(tree, intake, limits)
    found: dict[str, Archived] = {}
    for entry in listed:
        draft = reader.image(_texts(tree, entry, "Config"), _texts(tree, entry, "Layers"))
        archived = found.setdefault(draft.top.digest, Archived(draft, []))
        archived.names.extend(_texts(tree, entry, "RepoTags"))
    return list(found.values())


def _texts(tree: Tree, entry: Mapping[str, Any], key: str) -> list[str]:
    """A field of an entry, as a list of texts."""
    value = entry.get(key)
    texts = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise SeedError(
            f"{tree.where}: manifest.json has a {key} that is no text: make the archive with docker save"
        )
    return texts


class _Reader:
    """Reads images, and each layer once."""

    def __init__(self, tree: Tree, intake: Intake, limits: Limits) -> None:
        self._tree = tree
        self._intake = intake
        self._limits = limits
        self._layers: dict[tuple[str, str], tuple[str, Blob]] = {}

    def image(self, configs: list[str], names: list[str]) -> Draft:
        """One image."""
        if len(configs) != 1:
            raise SeedError(
                f"{self._tree.where}: manifest.json has an image without Config: make the archive again"
            )
        (name,) = configs
        what = f"{self._tree.where}: {name}"
        content = read_small(self._tree, name, self._limits)
        if named := _NAMED_BY_DIGEST.match(name):
            checked(content, what, f"sha256:{named[1]}")
        config = parse_json(content, what)
        diff_ids = _diff_ids(config, what)
        if len(diff_ids) != len(names):
            raise SeedError(
                f"{what} names {len(diff_ids)} layers, manifest.json {len(names)}: make the archive again"
            )
        draft = Draft()
        blob = draft.add_blob(bytes_blob([content]))
        layers = []
        for layer_name, diff_id in zip(names, diff_ids, strict=True):
            media_type, layer = self._layer(layer_name, diff_id)
            draft.add_blob(layer)
            layers.append(descriptor(media_type, layer.digest, layer.size))
        document = manifest_document(descriptor(media.OCI_CONFIG, blob.digest, blob.size), layers)
        manifest = draft.add_manifest(media.OCI_MANIFEST, encode(document, "manifest"))
        if platform := platform_name(config):
            draft.platforms[platform] = manifest.digest
        return draft

    def _layer(self, name: str, diff_id: str) -> tuple[str, Blob]:
        """Media type and blob of a layer, which has that diff id."""
        key = name, diff_id
        if key not in self._layers:
            self._layers[key] = self._read(name, diff_id)
        return self._layers[key]

    def _read(self, name: str, diff_id: str) -> tuple[str, Blob]:
        what = f"{self._tree.where}: {name}"
        if not next(self._tree.pieces(name), b"").startswith(MAGIC):
            known = self._intake.known(diff_id)
            return media.OCI_LAYER, known or self._intake.take(self._tree.pieces(name), what, diff_id)
        got = gzip_diff_id(self._tree.pieces(name), what, self._limits)
        if got != diff_id:
            raise SeedError(f"{what} should hold {diff_id}, but holds {got}: make the archive again")
        return media.OCI_LAYER_GZIP, self._intake.take(self._tree.pieces(name), what)


def _diff_ids(config: object, what: str) -> list[str]:
    rootfs = config.get("rootfs") if isinstance(config, dict) else None
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or not all(
        isinstance(each, str) and is_digest(each) for each in diff_ids
    ):
        raise SeedError(f"{what} is no image config (rootfs.diff_ids is missing): make the archive again")
    return diff_ids
