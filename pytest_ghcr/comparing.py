"""What an image in a fake contains, and how two of them differ, in words and as a diff.

Two images are the same where they have the same platforms, and for each the same config (as JSON, whatever the order of
its keys) and the same layers, in order. A layer is what it unpacks to: another compression makes no other layer. Media
types, annotations and digests of manifests say how an image is packed, and do not count; a failure shows them. It knows
no HTTP.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ghcr_sim.errors import SeedError
from ghcr_sim.oci.media import INDEXES
from ghcr_sim.seed.layers import gzip_diff_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ghcr_sim.store import Blob, Manifest, Store

__all__ = ["Contents", "contents_of", "differences"]

_GZIP = b"\x1f\x8b"
_LOST = "not in the fake"


@dataclass(frozen=True, slots=True)
class _Layer:
    digest: str
    media_type: str
    blob: Blob | None

    def inner(self) -> str:
        """The digest of what it unpacks to, its own where it is not packed or not there."""
        if self.blob is None:
            return self.digest
        start = b"".join(bytes(piece) for piece in self.blob.pieces(0, min(2, self.blob.size)))
        try:
            return (
                gzip_diff_id(self.blob.pieces(0, self.blob.size), "the layer")
                if start == _GZIP
                else self.digest
            )
        except SeedError:
            return self.digest

    def equals(self, other: _Layer) -> bool:
        return self.digest == other.digest or self.inner() == other.inner()

    def __str__(self) -> str:
        gone = "" if self.blob is not None else ", not in the fake"
        return f"{self.digest} ({self.media_type}{gone})"


@dataclass(frozen=True, slots=True)
class _Part:
    """The image for one platform."""

    manifest: Any
    config: Any
    layers: tuple[_Layer, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """An image, read whole.

    Attributes:
        name: What the test called it.
        manifest: The document that its tag or digest names.
        parts: Platform → image; an image that is no part of an index has the platform of its config.
    """

    name: str
    manifest: Any
    parts: Mapping[str, _Part]


def contents_of(name: str, store: Store, repository: str, manifest: Manifest) -> Contents:
    """Read an image.

    Args:
        name: What the test called it.
        store: Where it is.
        repository: The same.
        manifest: What its tag or digest names.
    """
    document = json.loads(manifest.content)
    if manifest.media_type not in INDEXES:
        part = _part(store, repository, document)
        return Contents(name, document, {_platform(part.config) or _nameless(part.config): part})
    parts: dict[str, _Part] = {}
    for number, listed in enumerate(document["manifests"]):
        child = store.manifest(repository, listed["digest"])
        platform = _platform(listed.get("platform"))
        key = platform if platform and platform not in parts else f"{platform} manifests[{number}]".lstrip()
        parts[key] = _part(store, repository, json.loads(child.content) if child else _lost(listed["digest"]))
    return Contents(name, document, parts)


def _lost(digest: str) -> dict[str, str]:
    """What stands for a document that is not in the fake."""
    return {_LOST: digest}


def _part(store: Store, repository: str, document: Any) -> _Part:
    """What an index lists; an index within it, and what is not there, counts as it stands."""
    if "config" not in document:
        return _Part(document, document, ())
    digest = document["config"]["digest"]
    config = store.blob(repository, digest)
    layers = tuple(
        _Layer(each["digest"], each["mediaType"], store.blob(repository, each["digest"]))
        for each in document.get("layers", ())
    )
    return _Part(document, _json(config) if config else _lost(digest), layers)


def _json(blob: Blob) -> Any:
    """A config as data; the digest of one that is no JSON."""
    content = b"".join(bytes(piece) for piece in blob.pieces(0, blob.size))
    try:
        return json.loads(content)
    except ValueError:
        return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _platform(said: Any) -> str:
    """`linux/arm/v7`, or the empty string where nothing is said."""
    fields = said if isinstance(said, dict) else {}
    return "/".join(str(fields[key]) for key in ("os", "architecture", "variant") if fields.get(key))


def _nameless(config: Any) -> str:
    """What stands for the platform of an image whose config names none."""
    return "none (its config is not in the fake)" if isinstance(config, dict) and _LOST in config else "none"


def differences(one: Contents, other: Contents) -> list[str]:
    """What differs, a paragraph each; empty where the images are the same."""
    found = []
    if set(one.parts) != set(other.parts):
        for here, there in ((one, other), (other, one)):
            only = ", ".join(sorted(set(here.parts) - set(there.parts)) or ["-"])
            found.append(f"platforms that only {here.name} has: {only}")
    for platform in [each for each in one.parts if each in other.parts]:
        found += _part_differences(platform, one, other, one.parts[platform], other.parts[platform])
    if found:
        found += _diff("manifest", one.name, other.name, one.manifest, other.manifest)
    return found


def _part_differences(
    platform: str, one: Contents, other: Contents, here: _Part, there: _Part
) -> Iterator[str]:
    if here.config != there.config:
        yield from _diff(f"config for {platform}", one.name, other.name, here.config, there.config)
    if len(here.layers) != len(there.layers):
        yield f"layers for {platform}: {one.name} has {len(here.layers)}, {other.name} has {len(there.layers)}"
    for number, (layer, twin) in enumerate(zip(here.layers, there.layers, strict=False)):
        if not layer.equals(twin):
            yield f"layers[{number}] for {platform}:\n  {one.name}: {layer}\n  {other.name}: {twin}"


def _diff(what: str, one: str, other: str, here: Any, there: Any) -> list[str]:
    """A diff of two documents, their keys in one order; empty where there is none."""
    texts = [json.dumps(each, indent=2, sort_keys=True).splitlines() for each in (here, there)]
    lines = list(difflib.unified_diff(texts[0], texts[1], one, other, lineterm="", n=2))
    return ["\n".join((f"{what}:", *(f"  {line}" for line in lines)))] if lines else []
