"""What `docker save` writes, of any age."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from seed.layout_files import blob_path, contents, layout_files, tar_bytes, write_files

from ghcr_sim.errors import SeedError
from ghcr_sim.oci import media
from ghcr_sim.seed import Limits, seed, seed_path
from ghcr_sim.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LAYERS = {"one/layer.tar": tar_bytes({"a": b"1"}), "two/layer.tar": tar_bytes({"b": b"2"})}


def hex_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def config_of(*layers: bytes, **more: Any) -> bytes:
    diff_ids = [f"sha256:{hex_of(layer)}" for layer in layers]
    shown = {
        "os": "linux",
        "architecture": "arm",
        "variant": "v7",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    return json.dumps(shown | more).encode()


CONFIG = config_of(*LAYERS.values())
ENTRY = {"Config": f"{hex_of(CONFIG)}.json", "RepoTags": ["acme/app:v1"], "Layers": list(LAYERS)}


def saved(*entries: dict[str, Any], **files: Any) -> dict[str, Any]:
    """The files of an archive: one good image, or these entries of manifest.json."""
    listed = json.dumps(list(entries or [ENTRY])).encode()
    return {**LAYERS, f"{hex_of(CONFIG)}.json": CONFIG, "manifest.json": listed, **files}


def write(files: dict[str, Any], path: Path) -> Path:
    (path / "save.tar").write_bytes(tar_bytes(files))
    return path / "save.tar"


def test_the_old_form(tmp_path: Path):
    """An archive without manifests gets one: around its config, with its layers as they are."""
    store = Store()
    (seeded,) = seed_path(store, write(saved(), tmp_path))
    assert (seeded.repository, seeded.tags, seeded.media_type) == ("acme/app", ("v1",), media.OCI_MANIFEST)
    assert seeded.manifests == {"linux/arm/v7": seeded.digest}
    held = contents(store, "acme/app")
    shown = json.loads(held[seeded.digest])
    assert held[shown["config"]["digest"]] == CONFIG
    assert shown["config"]["mediaType"] == media.OCI_CONFIG
    assert [held[layer["digest"]] for layer in shown["layers"]] == list(LAYERS.values())
    assert {layer["mediaType"] for layer in shown["layers"]} == {media.OCI_LAYER}


def test_an_unpacked_archive(tmp_path: Path):
    """A directory does as well as a tar."""
    assert seed_path(Store(), write_files(saved(), tmp_path))[0].tags == ("v1",)


def test_equal_layers_are_links(tmp_path: Path):
    """Docker wrote a layer once, and links for the others that are equal."""
    config = config_of(LAYERS["one/layer.tar"], LAYERS["one/layer.tar"])
    link = tarfile.TarInfo()
    link.type, link.linkname = tarfile.SYMTYPE, "../one/layer.tar"
    entry = {"Config": "c.json", "RepoTags": ["acme/app:v1"], "Layers": ["three/layer.tar", "one/layer.tar"]}
    store = Store()
    (seeded,) = seed_path(store, write(saved(entry, **{"c.json": config, "three/layer.tar": link}), tmp_path))
    first, second = json.loads(store.manifest("acme/app", "v1").content)["layers"]
    assert first == second
    assert len(store.repository("acme/app").blobs) == 2
    assert seeded.tags == ("v1",)


def test_gzipped_layers_stay_gzipped(tmp_path: Path):
    """Some tools compress layers; they are held against the diff ids all the same."""
    files = saved() | {"one/layer.tar": gzip.compress(LAYERS["one/layer.tar"])}
    store = Store()
    seed_path(store, write(files, tmp_path))
    layers = json.loads(store.manifest("acme/app", "v1").content)["layers"]
    assert [layer["mediaType"] for layer in layers] == [media.OCI_LAYER_GZIP, media.OCI_LAYER]


def test_several_images_and_names(tmp_path: Path):
    """Each name of each image counts; an image that is listed twice is one."""
    other = config_of(LAYERS["two/layer.tar"], author="x")
    second = {
        "Config": "x/other.json",
        "RepoTags": ["ghcr.io/acme/b:v2", "acme/c:v3"],
        "Layers": ["two/layer.tar"],
    }
    again = ENTRY | {"RepoTags": ["localhost/acme/app:v1.0"]}
    found = seed_path(Store(), write(saved(ENTRY, second, again, **{"x/other.json": other}), tmp_path))
    assert [(seeded.repository, seeded.tags) for seeded in found] == [
        ("acme/app", ("v1", "v1.0")),
        ("acme/b", ("v2",)),
        ("acme/c", ("v3",)),
    ]


def test_a_config_may_say_no_platform(tmp_path: Path):
    """An image of no known platform is an image all the same."""
    config = config_of(*LAYERS.values(), os="")
    (seeded,) = seed_path(Store(), write(saved(ENTRY | {"Config": "c"}, c=config), tmp_path))
    assert seeded.manifests == {}


@pytest.mark.parametrize("tags", [None, []])
def test_an_image_without_a_name(tmp_path: Path, tags: Any):
    """Docker writes null for an image that was saved by its id; the caller names it."""
    path = write(saved(ENTRY | {"RepoTags": tags}), tmp_path)
    with pytest.raises(SeedError, match="an image without a name: pass repository="):
        seed_path(Store(), path)
    assert seed_path(Store(), path, "acme/x")[0].tags == ("latest",)


# -- since Docker 25: an OCI layout and manifest.json


def modern(tmp_path: Path, **changes: Any) -> tuple[dict[str, Any], str]:
    """The files of a new archive, and its image's digest."""
    store = Store()
    seeded = seed(store, "acme/app:v1", layers=[{"a": "1"}], platforms=["linux/amd64", "linux/arm64"])
    files: dict[str, Any] = layout_files(store, "acme/app")
    index = json.loads(files["index.json"])
    index["manifests"][0]["annotations"]["io.containerd.image.name"] = "docker.io/acme/app:v1"
    child = json.loads(files[blob_path(seeded.manifests["linux/amd64"])])
    entry = {
        "Config": blob_path(child["config"]["digest"]),
        "RepoTags": ["acme/app:v1"],
        "Layers": [blob_path(layer["digest"]) for layer in child["layers"]],
    }
    files |= {"index.json": json.dumps(index).encode(), "manifest.json": json.dumps([entry]).encode()}
    return files, seeded.digest


def test_the_new_form_keeps_its_manifests(tmp_path: Path):
    """Where the archive holds manifests, they are kept, and so is the digest."""
    files, digest = modern(tmp_path)
    (seeded,) = seed_path(Store(), write(files, tmp_path))
    assert (seeded.ref, seeded.tags) == (f"acme/app@{digest}", ("v1",))


def test_platforms_that_were_not_saved_are_left_out(tmp_path: Path):
    """Docker's containerd store saves an index whose other platforms are not there: one image is."""
    files, digest = modern(tmp_path)
    (top,) = json.loads(files["index.json"])["manifests"]
    absent = json.loads(files[blob_path(top["digest"])])["manifests"][1]["digest"]
    del files[blob_path(absent)]
    (seeded,) = seed_path(Store(), write(files, tmp_path))
    assert seeded.digest != digest
    assert seeded.tags == ("v1",)
    assert list(seeded.manifests) == ["linux/amd64"]
    del files["manifest.json"]
    with pytest.raises(SeedError, match="is missing: make the archive again from a complete image"):
        seed_path(Store(), write(files, tmp_path))


# -- bent in one place

BENT: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "no JSON": (lambda: saved() | {"manifest.json": b"["}, "manifest.json is no JSON"),
    "no list": (lambda: saved() | {"manifest.json": b"{}"}, "manifest.json is no list of images"),
    "empty list": (lambda: saved() | {"manifest.json": b"[]"}, "holds no image"),
    "list of texts": (lambda: saved() | {"manifest.json": b'["x"]'}, "manifest.json is no list of images"),
    "no config": (lambda: saved({"Layers": []}), "has an image without Config"),
    "config is a number": (lambda: saved(ENTRY | {"Config": 1}), "has a Config that is no text"),
    "layer is a number": (lambda: saved(ENTRY | {"Layers": [1]}), "has a Layers that is no text"),
    "config missing": (lambda: saved(ENTRY | {"Config": "x.json"}), "x.json is missing"),
    "config outside": (lambda: saved(ENTRY | {"Config": "../../etc/passwd"}), "leads out of"),
    "config with a nul": (lambda: saved(ENTRY | {"Config": "a\0b"}), "leads out of|missing"),
    "config absolute": (lambda: saved(ENTRY | {"Config": "/etc/passwd"}), "leads out of"),
    "config changed": (
        lambda: saved() | {ENTRY["Config"]: CONFIG + b" "},
        "should be sha256:.*, but its bytes",
    ),
    "config too large": (lambda: saved(**{ENTRY["Config"]: CONFIG + b" " * 5000}), "bytes, more than 5000"),
    "config is a list": (lambda: saved(ENTRY | {"Config": "c"}, c=b"[]"), "is no image config"),
    "config without rootfs": (
        lambda: saved(ENTRY | {"Config": "c"}, c=b'{"rootfs":{}}'),
        "is no image config",
    ),
    "layer not in config": (
        lambda: saved(ENTRY | {"Layers": ["one/layer.tar"]}),
        "names 2 layers, manifest.json 1",
    ),
    "layer missing": (lambda: saved(ENTRY | {"Layers": ["one/layer.tar", "x"]}), "x is missing"),
    "layer outside": (lambda: saved(ENTRY | {"Layers": ["one/layer.tar", "../x"]}), "leads out of"),
    "layer changed": (lambda: saved(**{"two/layer.tar": b"x"}), "two/layer.tar should be sha256:"),
    "gzipped layer changed": (
        lambda: saved(**{"two/layer.tar": gzip.compress(b"x")}),
        "should hold sha256:.*, but",
    ),
    "gzipped layer cut": (lambda: saved(**{"two/layer.tar": gzip.compress(b"x")[:-3]}), "is cut short"),
}


@pytest.mark.parametrize("form", [write, write_files])
@pytest.mark.parametrize("name", BENT)
def test_a_bent_archive_is_refused(tmp_path: Path, form: Callable[..., Path], name: str):
    """Whatever is wrong, the error names it, and the store is as it was."""
    make, why = BENT[name]
    store = Store()
    with pytest.raises(SeedError, match=why):
        seed_path(store, form(make(), tmp_path), limits=Limits(json=5000))
    assert store.names() == []
