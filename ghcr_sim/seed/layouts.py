"""OCI image layouts (image specification, "OCI Image Layout Specification"), read completely and verified.

Every digest and size is checked. What no registry can hold (entries of unknown media types) is passed over,
as the specification asks of readers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ghcr_sim.errors import SeedError
from ghcr_sim.oci import media
from ghcr_sim.oci.digests import is_digest
from ghcr_sim.seed.documents import DOCKER_CONFIG
from ghcr_sim.seed.draft import Draft
from ghcr_sim.seed.intake import Intake, checked
from ghcr_sim.seed.limits import MAX_DEPTH, Limits
from ghcr_sim.seed.trees import Tree, parse_json, read_json, read_small

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Archived", "platform_name", "read_layout"]

_FULL_NAME = "io.containerd.image.name"
_REF_NAME = "org.opencontainers.image.ref.name"
"""What the index says an entry is called. Docker and containerd put the full name into a key of their own."""

_IMAGE_CONFIGS = frozenset({media.OCI_CONFIG, DOCKER_CONFIG})


@dataclass(frozen=True, slots=True)
class Archived:
    """An image out of an archive.

    Attributes:
        draft: Its content.
        names: What the archive calls it: nothing, a tag, or a full name.
    """

    draft: Draft
    names: list[str]

    @property
    def digest(self) -> str:
        """The digest of what is named."""
        return self.draft.top.digest


class _Descriptor(NamedTuple):
    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, Any]
    platform: Mapping[str, Any]

    @property
    def file(self) -> str:
        """Where a layout keeps it."""
        algorithm, _, digits = self.digest.partition(":")
        return f"blobs/{algorithm}/{digits}"


def read_layout(tree: Tree, intake: Intake, limits: Limits) -> list[Archived]:
    """All images of a layout, in the order of its index.

    Raises:
        SeedError: It is damaged, incomplete or too large.
    """
    version = _mapping(read_json(tree, "oci-layout", limits), f"{tree.where}: oci-layout").get(
        "imageLayoutVersion"
    )
    if not isinstance(version, str) or not version.startswith("1."):
        raise SeedError(f"{tree.where}: oci-layout says version {version!r}: only version 1 is known")
    index = _mapping(read_json(tree, "index.json", limits), f"{tree.where}: index.json")
    reader = _Reader(tree, intake, limits)
    found: dict[str, Archived] = {}
    for entry in reader.descriptors(index, "manifests", "index.json"):
        if entry.digest not in found:
            draft = Draft()
            reader.manifest(draft, entry)
            if not draft.manifests:
                continue
            found[entry.digest] = Archived(draft, [])
        name = entry.annotations.get(_FULL_NAME) or entry.annotations.get(_REF_NAME)
        if isinstance(name, str):
            found[entry.digest].names.append(name)
    return _without_children(found.values())


def _without_children(images: Iterable[Archived]) -> list[Archived]:
    """Without entries that only repeat, unnamed, what an index among the others lists."""
    images = list(images)
    children = {digest for image in images for digest in image.draft.manifests if digest != image.digest}
    return [image for image in images if image.names or image.digest not in children]


class _Reader:
    """Follows descriptors from the index down."""

    def __init__(self, tree: Tree, intake: Intake, limits: Limits) -> None:
        self._tree = tree
        self._intake = intake
        self._limits = limits
        self._count = 0

    def manifest(self, draft: Draft, entry: _Descriptor, depth: int = 0) -> None:
        """Take a manifest and all that it names, children first."""
        known = entry.media_type in media.MANIFESTS or entry.media_type in media.INDEXES
        if not known or entry.digest in draft.manifests:
            return
        self._count += 1
        if depth > MAX_DEPTH or self._count > self._limits.entries:
            raise SeedError(
                f"{self._tree.where} holds more than {self._limits.entries} manifests, or indexes "
                f"nested deeper than {MAX_DEPTH}: seed its images one by one"
            )
        self._sized(entry)
        content = checked(read_small(self._tree, entry.file, self._limits), self._what(entry), entry.digest)
        document = _mapping(parse_json(content, self._what(entry)), self._what(entry))
        if document.get("mediaType", entry.media_type) != entry.media_type:
            raise SeedError(
                f"{self._what(entry)} says it is {document['mediaType']!r}, what names it says "
                f"{entry.media_type}: make it again"
            )
        if entry.media_type in media.INDEXES:
            self._children(draft, entry, document, depth)
        else:
            self._blobs(draft, entry, document, depth)
        draft.add_manifest(entry.media_type, content, entry.digest)

    def _children(self, draft: Draft, entry: _Descriptor, document: Mapping[str, Any], depth: int) -> None:
        for child in self.descriptors(document, "manifests", entry.file):
            if child.media_type not in media.KINDS:
                self._blob(draft, child)
                continue
            self.manifest(draft, child, depth + 1)
            platform = platform_name(child.platform)
            if platform:
                draft.platforms.setdefault(platform, child.digest)

    def _blobs(self, draft: Draft, entry: _Descriptor, document: Mapping[str, Any], depth: int) -> None:
        config = self._descriptor(document.get("config"), entry.file)
        for layer in (config, *self.descriptors(document, "layers", entry.file)):
            self._blob(draft, layer)
        if depth == 0 and config.media_type in _IMAGE_CONFIGS:
            shown = read_json(self._tree, config.file, self._limits)
            platform = platform_name(_mapping(shown, self._what(config)))
            if platform:
                draft.platforms[platform] = entry.digest

    def _blob(self, draft: Draft, entry: _Descriptor) -> None:
        if entry.media_type in media.NOT_STORED and self._tree.size(entry.file) is None:
            return
        self._sized(entry)
        known = self._intake.known(entry.digest)
        draft.add_blob(
            known or self._intake.take(self._tree.pieces(entry.file), self._what(entry), entry.digest)
        )

    def _sized(self, entry: _Descriptor) -> None:
        size = self._tree.size(entry.file)
        if size is not None and size != entry.size:
            raise SeedError(
                f"{self._what(entry)} should have {entry.size} bytes, but has {size}: make it again"
            )

    def _what(self, entry: _Descriptor) -> str:
        return f"{self._tree.where}: {entry.file}"

    def descriptors(self, document: Mapping[str, Any], key: str, where: str) -> list[_Descriptor]:
        """The descriptors in a list of a document."""
        listed = document.get(key)
        if not isinstance(listed, list):
            raise SeedError(f"{self._tree.where}: {where} has no list {key!r}: make it again")
        return [self._descriptor(value, where) for value in listed]

    def _descriptor(self, value: object, where: str) -> _Descriptor:
        if isinstance(value, dict):
            media_type, digest, size = (value.get(key) for key in ("mediaType", "digest", "size"))
            sound = isinstance(media_type, str) and isinstance(digest, str) and is_digest(digest)
            if sound and isinstance(size, int) and size >= 0:
                return _Descriptor(
                    str(media_type),
                    str(digest),
                    size,
                    _or_empty(value, "annotations"),
                    _or_empty(value, "platform"),
                )
        raise SeedError(
            f"{self._tree.where}: {where} has a descriptor without mediaType, digest or size: make it again"
        )


def platform_name(document: Mapping[str, Any]) -> str:
    """`os/architecture[/variant]` of a platform object or a config; empty where it names none.

    Builders list attestations under the platform `unknown/unknown`, which is none.
    """
    parts = [document.get(key) or "" for key in ("os", "architecture", "variant")]
    if (
        not all(isinstance(part, str) for part in parts)
        or not parts[0]
        or not parts[1]
        or parts[0] == "unknown"
    ):
        return ""
    return "/".join(part for part in parts if part)


def _or_empty(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise SeedError(f"{what} is no JSON object: make it again")
    return value
