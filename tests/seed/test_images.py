"""Images and artifacts from a few words."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seed.layout_files import contents

from ghcr_sim.oci import media
from ghcr_sim.seed import Layer, Seeded, seed
from ghcr_sim.store import Store

EPOCH = "1970-01-01T00:00:00Z"


@pytest.fixture
def store() -> Store:
    return Store()


def document(store: Store, seeded: Seeded, digest: str | None = None) -> dict[str, Any]:
    manifest = store.manifest(seeded.repository, digest or seeded.digest)
    assert manifest is not None
    return json.loads(manifest.content)


def blob(store: Store, seeded: Seeded, digest: str) -> Any:
    return json.loads(contents(store, seeded.repository)[digest])


def assert_complete(store: Store, repository: str) -> None:
    """Every descriptor leads to bytes of its digest and size, and nothing is there beside."""
    held = contents(store, repository)
    state = store.repository(repository)
    assert state is not None
    named: set[str] = set(state.tags.values())
    for manifest in state.manifests.values():
        shown = json.loads(manifest.content)
        assert shown["mediaType"] == manifest.media_type
        found = [*shown.get("manifests", ()), *shown.get("layers", ())]
        found += [shown[key] for key in ("config", "subject") if key in shown]
        for descriptor in found:
            assert len(held[descriptor["digest"]]) == descriptor["size"]
            named.add(descriptor["digest"])
        named |= {manifest.digest} if manifest.subject else set()
    assert named == set(held)


def test_the_smallest_seed(store: Store):
    """A name is enough: one platform, one layer, a tag."""
    seeded = seed(store, "acme/app:v1")
    assert seeded.tags == ("v1",)
    assert seeded.media_type == media.OCI_MANIFEST
    assert seeded.manifests == {"linux/amd64": seeded.digest}
    assert seeded.ref == f"acme/app@{seeded.digest}"
    assert store.manifest("acme/app", "v1") == store.manifest("acme/app", seeded.digest)
    shown = document(store, seeded)
    assert list(shown) == ["schemaVersion", "mediaType", "config", "layers"]
    config = blob(store, seeded, shown["config"]["digest"])
    assert (config["os"], config["architecture"], config["created"]) == ("linux", "amd64", EPOCH)
    assert "variant" not in config
    assert len(config["rootfs"]["diff_ids"]) == len(config["history"]) == len(shown["layers"]) == 1
    assert_complete(store, "acme/app")


def test_the_digest_is_fixed(store: Store):
    """The same words give the same digest on every machine: a test may name it."""
    assert (
        seed(store, "acme/app:v1").digest
        == "sha256:96ba1b910c6ea4b93e0637830233a8a02cbaa2d3329e54e9e04cfc7e6d30cf30"
    )


def test_no_tag_is_latest(store: Store):
    """A reference without a tag means `latest`; more tags may be given."""
    assert seed(store, "ghcr.io/acme/app").tags == ("latest",)
    assert seed(store, "acme/app:v1", tags=["v1", "v1.2"]).tags == ("v1", "v1.2")
    assert list(store.repository("acme/app").tags) == ["latest", "v1", "v1.2"]


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm/v7", "windows/amd64"]),
        min_size=1,
        unique=True,
    ),
    st.lists(st.one_of(st.binary(max_size=50), st.integers(0, 3000)), max_size=3) | st.none(),
    st.booleans(),
)
def test_every_seed_is_complete_and_repeatable(platforms: list[str], layers: list[Any] | None, docker: bool):
    """Whatever is asked for, all descriptors lead somewhere, and a second seed changes nothing."""
    store = Store()
    first = seed(store, "acme/app:v1", platforms=platforms, layers=layers, docker=docker)
    assert_complete(store, "acme/app")
    assert list(first.manifests) == platforms
    assert seed(store, "acme/app:v1", platforms=platforms, layers=layers, docker=docker) == first
    assert_complete(store, "acme/app")


def test_more_platforms_give_an_index(store: Store):
    """An index lists each platform, variants included, and each default layer says which it is for."""
    seeded = seed(store, "acme/app:v1", platforms=["linux/amd64", "linux/arm/v7"], annotations={"a": "b"})
    shown = document(store, seeded)
    assert seeded.media_type == media.OCI_INDEX
    assert shown["annotations"] == {"a": "b"}
    assert [entry["platform"] for entry in shown["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm", "os": "linux", "variant": "v7"},
    ]
    children = {entry["digest"]: document(store, seeded, entry["digest"]) for entry in shown["manifests"]}
    assert list(seeded.manifests.values()) == list(children)
    assert not any("annotations" in child for child in children.values())
    texts = [contents(store, "acme/app")[child["layers"][0]["digest"]] for child in children.values()]
    assert [b"acme/app:v1 linux/arm/v7\n" in text for text in texts] == [False, True]


def test_given_layers_are_shared(store: Store):
    """Layers that are given are the same for all platforms."""
    seeded = seed(store, "acme/app", platforms=["linux/amd64", "linux/arm64"], layers=[b"x"])
    first, second = (document(store, seeded, digest) for digest in seeded.manifests.values())
    assert first["layers"] == second["layers"]
    assert first["config"] != second["config"]


def test_an_image_may_have_no_layers(store: Store):
    """An empty list is an image without layers, not the default."""
    seeded = seed(store, "acme/app", layers=[])
    assert document(store, seeded)["layers"] == []


def test_docker_types(store: Store):
    """`docker=True` speaks schema 2 throughout; a `Layer` keeps what it says."""
    seeded = seed(
        store,
        "acme/app",
        docker=True,
        platforms=["linux/amd64", "linux/arm64"],
        layers=[b"x", 3, Layer("a/b.tar", b"")],
    )
    shown = document(store, seeded)
    assert seeded.media_type == media.DOCKER_INDEX
    assert {entry["mediaType"] for entry in shown["manifests"]} == {media.DOCKER_MANIFEST}
    child = document(store, seeded, shown["manifests"][0]["digest"])
    assert child["config"]["mediaType"] == "application/vnd.docker.container.image.v1+json"
    assert [layer["mediaType"] for layer in child["layers"]] == [
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar",
        "a/b.tar",
    ]


def test_config_and_labels(store: Store):
    """Execution parameters and labels stand in the config, and `created` where the specification wants it."""
    moment = "2024-02-29T12:00:00.5+01:00"
    seeded = seed(
        store, "acme/app", config={"Cmd": ["/a"], "Labels": {"l": "w"}}, labels={"k": "v"}, created=moment
    )
    config = blob(store, seeded, document(store, seeded)["config"]["digest"])
    assert config["config"] == {"Cmd": ["/a"], "Labels": {"l": "w", "k": "v"}}
    assert (config["created"], config["history"][0]["created"]) == (moment, moment)


def test_an_artifact(store: Store):
    """An artifact has its type, the empty config and raw layers."""
    seeded = seed(store, "acme/sbom:v1", artifact_type="application/spdx+json", layers=[b"{}{}"])
    shown = document(store, seeded)
    assert (shown["artifactType"], shown["config"]["mediaType"]) == ("application/spdx+json", media.EMPTY)
    assert contents(store, "acme/sbom")[shown["layers"][0]["digest"]] == b"{}{}"
    assert seeded.manifests == {}
    assert_complete(store, "acme/sbom")


def test_layers_of_an_artifact_keep_their_annotations(store: Store):
    """The name of a file stands where `oras` looks for it."""
    shown = document(store, seed(store, "acme/sbom", artifact_type="a/b", layers=[{"sbom.json": "{}"}]))
    assert shown["layers"][0]["annotations"] == {"org.opencontainers.image.title": "sbom.json"}


def test_an_artifact_without_layers_has_the_empty_one(store: Store):
    """The specification wants one layer at least: the empty blob."""
    shown = document(store, seed(store, "acme/sbom", artifact_type="a/b"))
    assert [layer["mediaType"] for layer in shown["layers"]] == [media.EMPTY]


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_referrer_is_found_by_its_subject(store: Store, by: str):
    """A subject by tag or digest makes a referrer, which needs no tag of its own."""
    app = seed(store, "acme/app:v1", platforms=["linux/amd64", "linux/arm64"])
    subject = "v1" if by == "tag" else app.digest
    note = seed(store, "acme/app", artifact_type="a/b", subject=subject, annotations={"n": "1"})
    assert note.tags == ()
    (found,) = store.referrers("acme/app", app.digest)
    assert (found.digest, found.artifact_type, found.annotations) == (note.digest, "a/b", {"n": "1"})
    assert list(store.repository("acme/app").tags) == ["v1"]
    assert seed(store, "acme/app:note", artifact_type="a/b", subject=note.digest).tags == ("note",)
    assert_complete(store, "acme/app")


def test_an_image_and_an_index_may_refer(store: Store):
    """Not only artifacts have subjects."""
    app = seed(store, "acme/app:v1")
    seed(store, "acme/app:v2", subject="v1")
    seed(store, "acme/app:v3", subject="v1", platforms=["linux/amd64", "linux/arm64"])
    types = [referrer.media_type for referrer in store.referrers("acme/app", app.digest)]
    assert types == [media.OCI_MANIFEST, media.OCI_INDEX]


def test_visibility(store: Store):
    """Visibility is set where it is given, and left alone where it is not."""
    seed(store, "acme/app", visibility="public")
    seed(store, "acme/app:v2")
    seed(store, "acme/other")
    assert store.repository("acme/app").visibility == "public"
    assert store.repository("acme/other").visibility is None


def test_seeding_is_lazy_to_import():
    """The package costs little to import: what reads archives comes when an archive does."""
    code = "import sys, ghcr_sim.seed; print(sorted({'tarfile', 'gzip', 'aiohttp'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
