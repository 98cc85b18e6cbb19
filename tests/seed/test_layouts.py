"""OCI layouts, from directories and tars: they come back as they were."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from seed.bending import DIGEST_0, FORMS, as_directory, as_tar, digest_of, edited, layer_of
from seed.layout_files import REF_NAME, blob_path, contents, layout_files

from ghcr_sim.errors import SeedError
from ghcr_sim.oci import media
from ghcr_sim.seed import seed, seed_path
from ghcr_sim.store import BytesBlob, Manifest, Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar"


@pytest.fixture
def source() -> Store:
    """A repository with an index, an image, and two referrers, one of the other."""
    store = Store()
    seed(store, "acme/app:v1", platforms=["linux/amd64", "linux/arm/v7"])
    seed(store, "acme/app:v2", tags=["v2.0"])
    note = seed(store, "acme/app", subject="v1", artifact_type="a/b", layers=[b"note"])
    seed(store, "acme/app", subject=note.digest, artifact_type="c/d")
    return store


@FORMS
def test_a_layout_comes_back_as_it_was(source: Store, tmp_path: Path, form: Callable[..., Path]):
    """A layout that is seeded again holds the same bytes, tags, referrers and platforms."""
    store = Store()
    found = seed_path(store, form(layout_files(source, "acme/app"), tmp_path), "acme/copy")
    assert contents(store, "acme/copy") == contents(source, "acme/app")
    assert store.repository("acme/copy").tags == source.repository("acme/app").tags
    assert store.repository("acme/copy").referrers == source.repository("acme/app").referrers
    assert [seeded.tags for seeded in found] == [("v1",), ("v2", "v2.0"), (), ()]
    assert [list(seeded.manifests) for seeded in found] == [
        ["linux/amd64", "linux/arm/v7"],
        ["linux/amd64"],
        [],
        [],
    ]
    assert found[0].media_type == media.OCI_INDEX


def test_full_names_need_no_help(source: Store, tmp_path: Path):
    """Names with a repository decide alone; referrers go beside their subjects."""
    store = Store()
    files = layout_files(source, "acme/app", full_names=True)
    index = json.loads(files["index.json"])
    index["manifests"][1]["annotations"][REF_NAME] = "ghcr.io/acme/other:v2"
    found = seed_path(
        store, as_tar(files | {"index.json": json.dumps(index).encode()}, tmp_path), visibility="public"
    )
    placed = [(seeded.repository, seeded.tags) for seeded in found]
    assert placed == [
        ("acme/app", ("v1",)),
        ("acme/other", ("v2",)),
        ("acme/app", ("v2.0",)),
        ("acme/app", ()),
        ("acme/app", ()),
    ]
    assert store.repository("acme/other").visibility == "public"
    assert store.blob("acme/other", next(iter(store.repository("acme/other").blobs))) is not None


def test_names_that_containerd_writes(source: Store, tmp_path: Path):
    """Docker and containerd write the full name beside the tag."""
    files = layout_files(source, "acme/app")
    index = json.loads(files["index.json"])
    del index["manifests"][1:]
    index["manifests"][0]["annotations"]["io.containerd.image.name"] = "docker.io/acme/app:v1"
    (seeded,) = seed_path(Store(), as_tar(files | {"index.json": json.dumps(index).encode()}, tmp_path))
    assert (seeded.repository, seeded.tags) == ("acme/app", ("v1",))


def test_children_listed_beside_their_index_are_not_images(source: Store, tmp_path: Path):
    """An index that lists, unnamed, what another index holds is still one image."""
    files = layout_files(source, "acme/app")
    state = source.repository("acme/app")
    index = json.loads(files["index.json"])
    top = index["manifests"][0]
    index["manifests"] = [top, *json.loads(state.manifests[top["digest"]].content)["manifests"]]
    (seeded,) = seed_path(
        Store(), as_tar(files | {"index.json": json.dumps(index).encode()}, tmp_path), "acme/x:v9"
    )
    assert (seeded.tags, seeded.media_type) == (("v9",), media.OCI_INDEX)


def test_a_subject_that_is_elsewhere_needs_a_name(source: Store, tmp_path: Path):
    """A referrer whose subject is not in the archive goes where the caller says."""
    files = layout_files(source, "acme/app")
    index = json.loads(files["index.json"])
    del index["manifests"][:3]
    path = as_tar(files | {"index.json": json.dumps(index).encode()}, tmp_path)
    store = Store()
    assert [seeded.tags for seeded in seed_path(store, path, "acme/app")] == [(), ()]
    with pytest.raises(SeedError, match="an image without a name"):
        seed_path(store, path)


def test_what_a_registry_need_not_hold_may_be_missing(files: dict[str, bytes], tmp_path: Path):
    """A foreign layer is not in the layout; one that is there is taken."""
    foreign = {"mediaType": FOREIGN, "digest": DIGEST_0, "size": 5}
    there = {"mediaType": FOREIGN, "digest": digest_of(b"there"), "size": 5}
    bent = edited(files, layers=[layer_of(files), foreign, there]) | {
        blob_path(digest_of(b"there")): b"there"
    }
    store = Store()
    seed_path(store, as_directory(bent, tmp_path))
    assert store.blob("acme/app", DIGEST_0) is None
    assert store.blob("acme/app", there["digest"]).size == 5


def test_other_algorithms_are_verified_too(files: dict[str, bytes], tmp_path: Path):
    """A layout may name a layer by SHA-512; wrong bytes are found out all the same."""
    digest = f"sha512:{hashlib.sha512(b'layer').hexdigest()}"
    entry = {"mediaType": media.OCI_LAYER, "digest": digest, "size": 5}
    bent = edited(files, layers=[entry]) | {blob_path(digest): b"layer"}
    store = Store()
    seed_path(store, as_directory(bent, tmp_path))
    assert store.blob("acme/app", digest).size == 5
    with pytest.raises(SeedError, match="should be sha512:"):
        seed_path(store, as_tar(bent | {blob_path(digest): b"other"}, tmp_path))


def test_entries_of_unknown_types_are_passed_over(files: dict[str, bytes], tmp_path: Path):
    """The specification lets an index list what no registry can hold."""
    index = json.loads(files["index.json"])
    index["manifests"].append({"mediaType": "application/xml", "digest": DIGEST_0, "size": 5})
    (seeded,) = seed_path(Store(), as_tar(files | {"index.json": json.dumps(index).encode()}, tmp_path))
    assert seeded.tags == ("v1",)


def test_a_build_cache_brings_its_layers(tmp_path: Path):
    """What an index lists that is no manifest is a blob, and is seeded with it."""
    store, layer = Store(), BytesBlob(digest_of(b"layer"), (b"layer",))
    store.put_blob("acme/app", layer)
    listed = [{"mediaType": "application/vnd.buildkit.cacheconfig.v0", "digest": layer.digest, "size": 5}]
    content = json.dumps({"schemaVersion": 2, "manifests": listed}).encode()
    store.put_manifest("acme/app", Manifest.read(digest_of(content), media.OCI_INDEX, content), ["cache"])
    seeded = Store()
    seed_path(seeded, as_tar(layout_files(store, "acme/app", full_names=True), tmp_path))
    assert seeded.blob("acme/app", layer.digest) is not None


def test_attestations_are_no_platform(tmp_path: Path):
    """Builders list attestations as `unknown/unknown`, which nobody can ask for."""
    store = Store()
    app = seed(store, "acme/app:v1", platforms=["linux/amd64", "linux/arm64"])
    state = store.repository("acme/app")
    document = json.loads(state.manifests[app.digest].content)
    document["manifests"][1]["platform"] = {"os": "unknown", "architecture": "unknown"}
    content = json.dumps(document).encode()
    store.put_manifest(
        "acme/app",
        type(state.manifests[app.digest]).read(digest_of(content), app.media_type, content),
        ["v1"],
    )
    (seeded,) = seed_path(Store(), as_tar(layout_files(store, "acme/app", full_names=True), tmp_path))
    assert list(seeded.manifests) == ["linux/amd64"]


def test_a_config_may_say_no_platform(files: dict[str, bytes], tmp_path: Path):
    """An image of no known platform is an image all the same."""
    config = b'{"os":5,"architecture":"amd64"}'
    entry = {"mediaType": media.OCI_CONFIG, "digest": digest_of(config), "size": len(config)}
    bent = edited(files, config=entry) | {blob_path(entry["digest"]): config}
    assert seed_path(Store(), as_directory(bent, tmp_path))[0].manifests == {}
