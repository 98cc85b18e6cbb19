"""Images and artifacts that are made here: configuration, diff ids, media types, and what cannot be a layer."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from ghcr_client.digests import Digest
from ghcr_client.errors import InvalidManifest, InvalidReference
from ghcr_client.images import OCI_LAYER, OCI_LAYER_GZIP, Image, github_annotations
from ghcr_client.models import EMPTY, ImageManifest
from ghcr_client.platforms import Platform

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TAR = b"a tar, as it were" * 100


def built(*layers: Any, **more: Any) -> tuple[Image, ImageManifest, dict[str, Any]]:
    """An image, its manifest and its configuration."""

    async def make() -> tuple[Image, bytes]:
        image = await Image.build(layers, **more)
        assert isinstance(image.manifest.document, ImageManifest)
        source = image.source(image.manifest.document.config)
        return image, b"".join([piece async for piece in source.read()])

    image, raw = asyncio.run(make())
    document = image.manifest.document
    assert isinstance(document, ImageManifest)
    assert document.config.digest == Digest.of(raw)
    assert document.config.size == len(raw)
    image.manifest.validate()
    return image, document, json.loads(raw)


def diff_id(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_layers(tmp_path: Path) -> None:
    """Plain and compressed tars, from memory and from a file, get their media types, digests and diff ids."""
    packed = gzip.compress(TAR)
    (tmp_path / "layer").write_bytes(packed)
    image, document, config = built(TAR, packed, tmp_path / "layer", config={"Cmd": ["/app"]})
    assert [each.media_type for each in document.layers] == [OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_GZIP]
    assert [each.digest for each in document.layers] == [Digest.of(TAR), Digest.of(packed), Digest.of(packed)]
    assert [each.size for each in document.layers] == [len(TAR), len(packed), len(packed)]
    assert config["rootfs"] == {"type": "layers", "diff_ids": [diff_id(TAR)] * 3}
    assert config["config"] == {"Cmd": ["/app"]}
    assert repr(image) == f"<Image {image.manifest.digest}>"


def test_the_same_again() -> None:
    """The same content makes the same image, byte by byte."""
    assert built(TAR)[0].manifest.raw == built(TAR)[0].manifest.raw


@pytest.mark.parametrize(
    ("platform", "wanted"),
    [
        ("linux/amd64", {"os": "linux", "architecture": "amd64"}),
        ("linux/arm/v7", {"os": "linux", "architecture": "arm", "variant": "v7"}),
        (
            Platform(os="windows", architecture="amd64", os_version="10.0.1"),
            {"os": "windows", "os.version": "10.0.1"},
        ),
    ],
    ids=str,
)
def test_platforms(platform: Any, wanted: dict[str, str]) -> None:
    """The configuration says what the image runs on."""
    config = built(TAR, platform=platform)[2]
    assert wanted.items() <= config.items()


GZIPS = {
    "several members": gzip.compress(TAR[:100]) + gzip.compress(TAR[100:]),
    "an empty member": gzip.compress(b"") + gzip.compress(TAR),
    "stored": gzip.compress(TAR, 0),
}


@pytest.mark.parametrize("packed", GZIPS.values(), ids=GZIPS)
def test_gzip_streams(packed: bytes) -> None:
    """All members of a gzip stream count."""
    assert built(packed)[2]["rootfs"]["diff_ids"] == [diff_id(TAR)]


def test_a_large_layer_in_pieces() -> None:
    """A layer of several pieces, that inflates to more than one, is hashed whole; so is a cut between two members."""
    tar = bytes(5_000_000)
    assert built(gzip.compress(tar))[2]["rootfs"]["diff_ids"] == [diff_id(tar)]
    noise = hashlib.shake_256(b"").digest(1_500_000)
    packed = gzip.compress(noise) + gzip.compress(tar)
    assert len(packed) > 1024 * 1024
    assert built(packed)[2]["rootfs"]["diff_ids"] == [diff_id(noise + tar)]


def test_an_empty_layer() -> None:
    """A layer without a byte is a layer."""
    _, document, config = built(b"")
    assert document.layers[0].media_type == OCI_LAYER
    assert config["rootfs"]["diff_ids"] == [diff_id(b"")]


async def once() -> AsyncIterator[bytes]:
    yield TAR


DAMAGED: dict[str, tuple[Any, str]] = {
    "cut": (gzip.compress(TAR)[:-9], "ends early"),
    "head alone": (gzip.compress(TAR)[:10], "ends early"),
    "two bytes": (b"\x1f\x8b", "ends early"),
    "wrong sum": (gzip.compress(TAR)[:-8] + bytes(8), "damaged gzip stream"),
    "wrong body": (b"\x1f\x8b\x08\0\0\0\0\0\0\0" + b"\xff" * 50, "damaged gzip stream"),
    "rubbish behind": (gzip.compress(TAR) + b"rubbish", "damaged gzip stream"),
    "a stream": (once(), "read more than once"),
}


@pytest.mark.parametrize(("layer", "said"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_layers(layer: Any, said: str) -> None:
    """A gzip stream that is damaged or cut is no layer, and neither is what can be read only once."""
    with pytest.raises(InvalidManifest, match=said):
        built(layer)


def test_no_image() -> None:
    """An image has a layer and a platform."""
    with pytest.raises(InvalidManifest, match="at least one layer"):
        built()
    with pytest.raises(InvalidReference):
        built(TAR, platform="linux")


def test_artifacts() -> None:
    """An artifact has its type, its blobs, its subject; without a blob, the empty one."""
    subject = built(TAR)[0].manifest.descriptor()
    made = asyncio.run(
        Image.artifact(
            "application/spdx+json",
            [b"{}", b"[]"],
            media_type="text/plain",
            subject=subject,
            annotations={"a": "b"},
        )
    )
    document = made.manifest.document
    assert isinstance(document, ImageManifest)
    assert made.manifest.is_artifact
    assert (document.artifact_type, document.config.media_type) == ("application/spdx+json", EMPTY)
    assert [each.media_type for each in document.layers] == ["text/plain"] * 2
    assert document.subject is not None
    assert document.subject.digest == subject.digest
    assert document.annotations == {"a": "b"}
    empty = asyncio.run(Image.artifact("application/x", []))
    assert isinstance(empty.manifest.document, ImageManifest)
    assert [each.media_type for each in empty.manifest.document.layers] == [EMPTY]


def test_what_was_not_given() -> None:
    """An image has the content of its own blobs alone, and no manifests within."""
    image, document, _ = built(TAR)
    other = document.config.model_copy(update={"digest": Digest.of(b"other")})
    with pytest.raises(InvalidManifest, match="was not given"):
        image.source(other)
    with pytest.raises(InvalidManifest, match="lists no manifest"):
        asyncio.run(image.child(other))


def test_github_annotations() -> None:
    """The three annotations that GitHub shows; texts that it would cut are refused."""
    notes = github_annotations("https://github.com/acme/app", description="d" * 512, licenses="MIT")
    assert set(notes) == {
        f"org.opencontainers.image.{name}" for name in ("source", "description", "licenses")
    }
    assert github_annotations() == {}
    with pytest.raises(InvalidManifest, match="description has 513 characters"):
        github_annotations(description="d" * 513)
    with pytest.raises(InvalidManifest, match="licenses has 257 characters"):
        github_annotations(licenses="l" * 257)


def test_zlib_is_not_gzip() -> None:
    """Only gzip is recognised; other compressions are bytes."""
    assert built(zlib.compress(TAR))[1].layers[0].media_type == OCI_LAYER
