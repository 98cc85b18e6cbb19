"""Whether a manifest is sound: its form, and that what it names is there.

Sources: image specification (descriptor, manifest, index); distribution specification, "Pushing
manifests"; ghcr-wire rows 4.2 and 4.3.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from ghcr_sim.oci import Refusal, is_digest
from ghcr_sim.oci.media import INDEXES, KINDS, MANIFESTS, NOT_STORED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ghcr_sim.profiles.model import Profile
    from ghcr_sim.store import Store

__all__ = ["Checked", "check_form", "check_manifest"]

_SCHEMA = 2
_LARGEST = (1 << 63) - 1
"""Sizes are 64-bit integers (image specification, "Descriptor")."""


class Checked(NamedTuple):
    """A manifest whose form is right.

    Attributes:
        media_type: Its media type.
        blobs: The digests of the blobs that it needs.
        manifests: The digests of the manifests that it lists.
        others: The digests of what else it lists as an index: a build cache's layers are blobs, and a manifest of
            a type that nobody knows is a manifest.
    """

    media_type: str
    blobs: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def missing(
        self, has_blob: Callable[[str], bool], has_manifest: Callable[[str], bool]
    ) -> tuple[str, ...]:
        """The digests that are not there, each once.

        Args:
            has_blob: Whether a blob is there.
            has_manifest: Whether a manifest is there.
        """
        lost = [each for each in self.manifests if not has_manifest(each)]
        lost += [each for each in self.others if not (has_manifest(each) or has_blob(each))]
        lost += [each for each in self.blobs if not has_blob(each)]
        return tuple(dict.fromkeys(lost))


def check_manifest(
    profile: Profile, store: Store, repository: str, content_type: str | None, content: bytes
) -> str:
    """Check a manifest that is being pushed.

    Returns:
        Its media type.

    Raises:
        Refusal: MANIFEST_INVALID says what is wrong; MANIFEST_BLOB_UNKNOWN lists what is missing.
    """
    checked = check_form(content_type, content)
    if profile.manifests.sparse_index and checked.media_type in INDEXES:
        return checked.media_type
    missing = checked.missing(
        lambda digest: store.blob(repository, digest) is not None,
        lambda digest: store.manifest(repository, digest) is not None,
    )
    if missing:  # one entry each (row 4.2)
        raise Refusal("MANIFEST_BLOB_UNKNOWN", details=missing)
    return checked.media_type


def check_form(content_type: str | None, content: bytes) -> Checked:
    """Check a manifest by itself, whatever else there is.

    Returns:
        What it is, and what it names.

    Raises:
        Refusal: MANIFEST_INVALID says what is wrong.
    """
    document = _load(content)
    media_type = _media_type(document, content_type)
    blobs = _check_image(document) if media_type in MANIFESTS else []
    listed = _check_index(document) if media_type in INDEXES else []
    _check_subject(document)
    _check_annotations(document, "annotations")
    manifests = (digest for kind, digest in listed if kind in KINDS)
    others = (digest for kind, digest in listed if kind not in KINDS)
    return Checked(media_type, tuple(blobs), tuple(manifests), tuple(others))


def _wrong(why: str) -> NoReturn:
    raise Refusal("MANIFEST_INVALID", f"manifest invalid: {why}")


def _load(content: bytes) -> dict[str, Any]:
    """The JSON object. Anything that is not one is refused before somebody trips over it."""

    def constant(name: str) -> NoReturn:
        _wrong(f"{name} is not JSON")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Two readers may see two manifests where a key is there twice: each takes another one."""
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            _wrong(f"the key {_shown(next(key for key in keys if keys.count(key) > 1))} is there twice")
        return found

    try:
        document = json.loads(content.decode("utf-8"), parse_constant=constant, object_pairs_hook=unique)
    except RecursionError:
        _wrong("the JSON is nested too deeply")
    except ValueError as error:
        _wrong(f"not JSON: {error}" if content else "the body is empty")
    if not isinstance(document, dict):
        _wrong(f"a JSON object is wanted, got {_kind(document)}")
    return document


def _media_type(document: dict[str, Any], content_type: str | None) -> str:
    """What the header and the document agree on."""
    header = (content_type or "").partition(";")[0].strip()
    inside = document.get("mediaType")
    if inside is not None and not isinstance(inside, str):
        _wrong(f"mediaType must be a string, got {_kind(inside)}")
    if header and inside and header != inside:
        _wrong(f"Content-Type is {header[:100]!r}, mediaType is {inside[:100]!r}")
    media_type = header or inside
    if not media_type:
        _wrong("neither Content-Type nor mediaType says what it is")
    if not media_type.isascii() or not media_type.isprintable() or "/" not in media_type:
        _wrong(f"{media_type[:100]!r} is not a media type")
    return media_type


def _check_image(document: dict[str, Any]) -> list[str]:
    """An image or artifact manifest: the digests of the blobs that it needs."""
    if "manifests" in document:
        _wrong("an image manifest has no manifests; is it an index?")
    _check_schema(document)
    config = _check_descriptor(document.get("config"), "config")
    layers = document.get("layers")
    if not isinstance(layers, list):
        _wrong(f"layers must be a list, got {_kind(layers)}")
    needed = [config]
    for number, layer in enumerate(layers):
        digest = _check_descriptor(layer, f"layers[{number}]")
        if layer["mediaType"] not in NOT_STORED and not layer.get("urls"):
            needed.append(digest)
    return needed


def _check_index(document: dict[str, Any]) -> list[tuple[str, str]]:
    """An index: media type and digest of each that it lists."""
    if "layers" in document or "config" in document:
        _wrong("an index has neither config nor layers; is it an image manifest?")
    _check_schema(document)
    manifests = document.get("manifests")
    if not isinstance(manifests, list):
        _wrong(f"manifests must be a list, got {_kind(manifests)}")
    listed = []
    for number, child in enumerate(manifests):
        digest = _check_descriptor(child, f"manifests[{number}]")
        _check_platform(child.get("platform"), f"manifests[{number}].platform")
        listed.append((child["mediaType"], digest))
    return listed


def _check_schema(document: dict[str, Any]) -> None:
    version = document.get("schemaVersion")
    if version != _SCHEMA or not isinstance(version, int):
        _wrong(f"schemaVersion must be 2, got {_shown(version)}")


def _check_subject(document: dict[str, Any]) -> None:
    """A subject is a descriptor; what it names need not be there."""
    if document.get("subject") is not None:
        _check_descriptor(document["subject"], "subject")
    _check_words(document, "", ("artifactType",))


def _check_descriptor(descriptor: Any, where: str) -> str:
    """A descriptor: its digest."""
    if not isinstance(descriptor, dict):
        _wrong(f"{where} must be a descriptor, got {_kind(descriptor)}")
    media_type, digest, size = (descriptor.get(key) for key in ("mediaType", "digest", "size"))
    if not isinstance(media_type, str) or not media_type:
        _wrong(f"{where}.mediaType must be a string, got {_kind(media_type)}")
    if not isinstance(digest, str) or not is_digest(digest):
        _wrong(f"{where}.digest must be a sha256 or sha512 digest, got {_shown(digest)}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _LARGEST:
        _wrong(f"{where}.size must be a number of bytes, got {_shown(size)}")
    _check_words(descriptor, f"{where}.", ("artifactType", "data"), ("urls",))
    try:
        base64.b64decode(descriptor.get("data") or "", validate=True)
    except (binascii.Error, ValueError):
        _wrong(f"{where}.data must be base64")
    _check_annotations(descriptor, f"{where}.annotations")
    return digest


def _check_platform(platform: Any, where: str) -> None:
    """What an index says of a manifest's platform, where it says something."""
    if platform is None:
        return
    if not isinstance(platform, dict):
        _wrong(f"{where} must be an object, got {_kind(platform)}")
    _check_words(platform, f"{where}.", ("architecture", "os", "os.version", "variant"), ("os.features",))


def _check_words(holder: dict[str, Any], where: str, one: Iterable[str], many: Iterable[str] = ()) -> None:
    """Optional keys: `one` holds a string, `many` a list of strings."""
    for key in one:
        value = holder.get(key)
        if value is not None and not isinstance(value, str):
            _wrong(f"{where}{key} must be a string, got {_kind(value)}")
    for key in many:
        value = holder.get(key)
        if value is not None and not (
            isinstance(value, list) and all(isinstance(each, str) for each in value)
        ):
            _wrong(f"{where}{key} must be a list of strings")


def _check_annotations(holder: dict[str, Any], where: str) -> None:
    annotations = holder.get("annotations")
    if annotations is None:
        return
    if not isinstance(annotations, dict) or not all(isinstance(value, str) for value in annotations.values()):
        _wrong(f"{where} must map strings to strings")


def _kind(value: Any) -> str:
    """What a JSON value is, in JSON's words."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "nothing"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, (str, int, float)) else _kind(value)
    return text if len(text) <= 100 else text[:97] + "..."  # noqa: PLR2004
