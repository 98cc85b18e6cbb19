"""What `docker save` wrote before version 25, and skopeo and crane still do: `manifest.json`, configs, layers.

Such an archive holds no manifest; Docker's is made around the config and the layers as they are. To know its digest,
layers are hashed: where that is done, it is said. It does not know layouts. Source: Docker's image specification
version 1.2, section "Combined Image JSON + Filesystem Changeset Format".
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from ghcr_client.digests import Digest
from ghcr_client.errors import DigestMismatch, InvalidManifest, InvalidReference, LayoutError
from ghcr_client.layout.documents import parse_json
from ghcr_client.layout.files import Place, needed, read_small
from ghcr_client.layout.names import Entry, chosen, digest_in
from ghcr_client.layout.reading import sized
from ghcr_client.manifests import Manifest
from ghcr_client.masking import shown
from ghcr_client.models import DOCKER_CONFIG, DOCKER_MANIFEST, Descriptor, ImageManifest
from ghcr_client.sources import PIECE, BytesSource, FileSource

if TYPE_CHECKING:
    from ghcr_client.layout.files import Files
    from ghcr_client.sources import Source

__all__ = ["LIST", "SavedImage", "SavedImages", "diff_ids", "read_list"]

LIST = "manifest.json"
"""The file that lists the images."""

_NAMED_BY_DIGEST = re.compile(r"(?:.*[/:])?([0-9a-f]{64})(?:\.json)?")

_PLAIN = "application/vnd.docker.image.rootfs.diff.tar"
_PACKED = {b"\x1f\x8b": f"{_PLAIN}.gzip", b"\x28\xb5\x2f\xfd": f"{_PLAIN}.zstd"}
"""How a packed layer begins → its media type."""

_Texts = Annotated[
    tuple[str, ...], Field(strict=False), BeforeValidator(lambda value: () if value is None else value)
]


class SavedImage(BaseModel):
    """An entry of `manifest.json`.

    Attributes:
        config: The file of the config.
        names: The full names, `docker.io/` left out.
        layers: The files of the layers, the lowest first.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    config: str = Field(alias="Config")
    names: Annotated[_Texts, Field(alias="RepoTags")] = ()
    layers: Annotated[_Texts, Field(alias="Layers")] = ()


_SAVED = TypeAdapter(tuple[SavedImage, ...])


def read_list(files: Files) -> dict[str, SavedImage]:
    """What `manifest.json` lists: config → image; images with the same config are one with the names of all.

    Raises:
        LayoutError: It is missing or damaged.
    """
    what = f"{files.where}: {LIST}"
    try:
        listed = _SAVED.validate_json(read_small(files, LIST))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise LayoutError(f"{what} is damaged: {shown(place, 100)}: {shown(first['msg'], 160)}") from None
    found: dict[str, SavedImage] = {}
    for each in listed:
        before = found[each.config].names if each.config in found else ()
        found[each.config] = each.model_copy(update={"names": (*before, *each.names)})
    return found


def diff_ids(config: bytes, what: str) -> tuple[Digest, ...]:
    """The digests of the unpacked layers, as an image's config lists them.

    Args:
        config: The config.
        what: Where it is, for the message.

    Raises:
        LayoutError: It is no image's config.

    Example:
        >>> diff_ids(b'{"rootfs":{"type":"layers","diff_ids":[]}}', "config")
        ()
    """
    document = parse_json(config, what)
    rootfs = document.get("rootfs") if isinstance(document, dict) else None
    listed = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise LayoutError(f"{what} is no image's config: it has no list rootfs.diff_ids")
    try:
        return tuple(map(Digest, listed))
    except InvalidReference as error:
        raise LayoutError(f"{what} is no image's config: {error}") from None


class SavedImages:
    """The images of an archive without layout.

    Args:
        files: Its files.

    Raises:
        LayoutError: `manifest.json` is missing or damaged.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._images = read_list(files)
        self._manifests: dict[str, Manifest] = {}
        self._layers: dict[Place, Descriptor] = {}
        self._places: dict[Digest, Place] = {}

    async def list(self) -> tuple[Entry, ...]:
        """What there is; in a thread, all layers are hashed the first time.

        Raises:
            LayoutError: A file is missing or damaged.
            InvalidManifest: An image has no layer.
            DigestMismatch: A file is not what its name or the config promises.
        """
        return await asyncio.to_thread(self._entries)

    async def manifest(self, reference: str | Descriptor | None = None) -> Manifest:
        """A manifest that is made for the archive; in a thread, its layers are hashed the first time.

        Args:
            reference: A tag, a full name, a digest or descriptor that `list` gave, or None for the only one.

        Raises:
            LayoutError: There is none of that name, or several may be meant; a file is missing or damaged.
            InvalidManifest: The image has no layer.
            DigestMismatch: A file is not what its name or the config promises.
        """
        return await asyncio.to_thread(self._manifest, reference)

    def source(self, descriptor: Descriptor) -> Source:
        """The content of a blob of a manifest that was asked for before, or of that manifest.

        Raises:
            LayoutError: It is not there, or has another size than the descriptor says.
        """
        if made := self._made(descriptor):
            return BytesSource(made.raw, digest=made.digest)
        place = self._places.get(descriptor.digest)
        if place is None:
            raise LayoutError(
                f"{self._files.where} has no blob {descriptor.digest}, or its manifest was not asked for yet"
            )
        sized(place, descriptor, f"{self._files.where}: {descriptor.digest}")
        return FileSource(place.path, start=place.start, size=place.size, digest=descriptor.digest)

    def has(self, descriptor: Descriptor) -> bool:
        """Whether it is a blob of a manifest that was asked for before, or that manifest."""
        place = self._places.get(descriptor.digest)
        return bool(self._made(descriptor)) or (place is not None and place.size == descriptor.size)

    def _made(self, descriptor: Descriptor) -> Manifest | None:
        """The manifest that was made with this digest and size."""
        made = (each for each in tuple(self._manifests.values()) if each.digest == descriptor.digest)
        return next((each for each in made if each.size == descriptor.size), None)

    def _entries(self) -> tuple[Entry, ...]:
        """What there is, hashed now."""
        return tuple(Entry(self._build(each).descriptor(), each.names) for each in self._images.values())

    def _manifest(self, reference: str | Descriptor | None) -> Manifest:
        """A manifest, made now."""
        text = str(reference.digest) if isinstance(reference, Descriptor) else reference
        digest = None if text is None else digest_in(text)
        if digest is None:
            named = [(each.names, each.config) for each in self._images.values()]
            return self._build(self._images[chosen(named, text, self._files.where)])
        for each in self._images.values():
            manifest = self._build(each)
            if manifest.digest == digest:
                return manifest
        raise LayoutError(
            f"{self._files.where} has no manifest {digest}: it holds none at all, and theirs are made; ask by name"
        )

    def _build(self, image: SavedImage) -> Manifest:
        """The manifest of an image."""
        if image.config not in self._manifests:
            self._manifests[image.config] = self._built(image)
        return self._manifests[image.config]

    def _built(self, image: SavedImage) -> Manifest:
        """The manifest of an image, around its config and its layers."""
        what = f"{self._files.where}: {shown(image.config)}"
        raw = read_small(self._files, image.config)
        if named := _NAMED_BY_DIGEST.fullmatch(image.config):
            Digest(f"sha256:{named[1]}").verify(raw, what=what)
        ids, files = diff_ids(raw, what), image.layers
        if len(ids) != len(files):
            raise LayoutError(
                f"{what} has {len(ids)} layers, and {LIST} lists {len(files)}: make the archive again"
            )
        config = Descriptor(media_type=DOCKER_CONFIG, digest=Digest.of(raw), size=len(raw))
        self._places[config.digest] = needed(self._files, image.config)
        layers = tuple(self._layer(name, diff_id) for name, diff_id in zip(files, ids, strict=True))
        try:
            return Manifest.build(ImageManifest(media_type=DOCKER_MANIFEST, config=config, layers=layers))
        except InvalidManifest as error:
            raise InvalidManifest(f"{what}: {error}") from None

    def _layer(self, name: str, diff_id: Digest) -> Descriptor:
        """What names a layer; a plain one is what the config says."""
        place = needed(self._files, name)
        if place not in self._layers:
            self._layers[place] = _hashed(place)
        layer = self._layers[place]
        if layer.media_type == _PLAIN and layer.digest != diff_id and diff_id.algorithm == "sha256":
            raise DigestMismatch(diff_id, layer.digest, what=f"{self._files.where}: {shown(name)}")
        self._places[layer.digest] = place
        return layer


def _hashed(place: Place) -> Descriptor:
    """What names the bytes of a layer."""
    hasher, left, head = hashlib.sha256(), place.size, b""
    with place.path.open("rb", 0) as file:
        file.seek(place.start)
        while left and (piece := file.read(min(PIECE, left))):
            head = head or piece[:8]
            hasher.update(piece)
            left -= len(piece)
    if left:
        raise LayoutError(f"{place.path.name} became shorter while it was read")
    kind = next((kind for magic, kind in _PACKED.items() if head.startswith(magic)), _PLAIN)
    return Descriptor(media_type=kind, digest=Digest(f"sha256:{hasher.hexdigest()}"), size=place.size)
