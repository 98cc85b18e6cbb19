"""Writing what `docker load` reads: one image, with `manifest.json`, its config and its layers, as crane writes it.

It does not know where layers come from; they are verified while they pass. Sources: Docker's image specification
version 1.2, section "Combined Image JSON + Filesystem Changeset Format"; go-containerregistry's `tarball` for names.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ghcr_client.errors import InvalidManifest, InvalidReference, LayoutError
from ghcr_client.layout.saved import LIST, diff_ids
from ghcr_client.layout.tarwriter import tar_writing
from ghcr_client.masking import shown
from ghcr_client.models import ImageIndex, ImageManifest
from ghcr_client.refs import ImageRef

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from ghcr_client.manifests import Manifest
    from ghcr_client.models import Descriptor
    from ghcr_client.sources import Source

__all__ = ["write_docker_archive"]


async def write_docker_archive(
    path: str | os.PathLike[str],
    manifest: Manifest,
    config: bytes,
    layers: Sequence[Source],
    names: Iterable[str | ImageRef] = (),
) -> None:
    """Write an image into a tar that `docker load`, podman, skopeo and crane read.

    The manifest itself has no place in such a tar: who loads it makes another one, with another digest.

    Args:
        path: The tar; its directory must be there. One that was there is replaced at the end.
        manifest: The image.
        config: The image's config.
        layers: The contents of the manifest's layers, in its order; each is read once, or not if it is a repetition.
        names: What it will be called when it is loaded, such as `ghcr.io/acme/app:v1`.

    Raises:
        InvalidManifest: It is an index, an artifact, has layers that are elsewhere, or does not fit to its config.
        InvalidReference: A name is none, or has no tag.
        DigestMismatch: The config or a layer is not what the manifest promises.
        LayoutError: A layer has another size than the manifest says.
        ValueError: There are not as many layers as the manifest has.
        OSError: The tar cannot be written; nothing is left of it.
    """
    image = _image(manifest)
    image.config.digest.verify(config, what="config")
    _check_layers(config, len(image.layers))
    named = {_layer_name(each): (each, source) for each, source in zip(image.layers, layers, strict=True)}
    entry = {
        "Config": str(image.config.digest),
        "RepoTags": [_tagged(each) for each in names],
        "Layers": [_layer_name(each) for each in image.layers],
    }
    async with tar_writing(path) as tar:
        await tar.add_bytes(str(image.config.digest), config)
        for name, (each, source) in named.items():
            await tar.add(name, source, each.digest, each.size)
        await tar.add_bytes(LIST, json.dumps([entry], separators=(",", ":")).encode())


def _image(manifest: Manifest) -> ImageManifest:
    """What the manifest says, if it is of an image."""
    document = manifest.document
    if isinstance(document, ImageIndex):
        offered = ", ".join(map(str, document.platforms)) or "none that it names"
        raise InvalidManifest(
            f"a docker-archive holds the image of one platform, and {manifest.digest} is an index: choose one of its "
            f"platforms ({shown(offered)})"
        )
    if not isinstance(document, ImageManifest) or document.is_artifact:
        raise InvalidManifest(
            f"a docker-archive holds an image, and {manifest.digest} is an artifact: write an OCI layout"
        )
    if elsewhere := [each for each in document.layers if each.stays_elsewhere]:
        raise InvalidManifest(
            f"a docker-archive holds all layers of an image, and {manifest.digest} has {len(elsewhere)} that no "
            f"registry keeps ({shown(elsewhere[0].media_type)}): pull an OCI layout, which goes without them"
        )
    return document


def _check_layers(config: bytes, count: int) -> None:
    """Refuse a config that is of another image: nobody could load it."""
    try:
        listed = len(diff_ids(config, "the config"))
    except LayoutError as error:
        raise InvalidManifest(f"no docker-archive can be written: {error}") from None
    if listed != count:
        raise InvalidManifest(
            f"the config lists {listed} layers, and the manifest {count}: they do not fit together"
        )


def _layer_name(layer: Descriptor) -> str:
    """The file of a layer. It ends so whatever is in it: readers look at the content, and old ones at the name, too."""
    return f"{layer.digest.hex}.tar.gz"


def _tagged(name: str | ImageRef) -> str:
    """A full name with a tag, as `docker load` wants it."""
    ref = ImageRef.parse(name) if isinstance(name, str) else name
    if ref.tag is None:
        raise InvalidReference(
            f"{shown(str(ref))} has no tag, and a docker-archive keeps nothing else: name one"
        )
    return f"{ref.name}:{ref.tag}"
