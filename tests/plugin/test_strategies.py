"""What `pytest_ghcr.strategies` draws is valid: the fake takes it in both profiles, and the client reads it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest
from asking import Fake
from ghcr_client import ImageRef, Manifest
from hypothesis import find, given, settings

from ghcr_sim.assemble import Simulator
from ghcr_sim.oci import Refusal
from ghcr_sim.oci.digests import digest_of, is_digest
from ghcr_sim.oci.names import is_repository, is_tag
from ghcr_sim.profiles import load_profile
from ghcr_sim.registry.check import check_manifest
from ghcr_sim.seed.layers import gzip_diff_id
from ghcr_sim.seed.references import parse_reference
from ghcr_sim.store import Store
from pytest_ghcr import strategies
from pytest_ghcr.checks import assert_image_equal
from pytest_ghcr.simulator import Ghcr

some = settings(max_examples=100, deadline=None)
few = settings(max_examples=30, deadline=None)
PROFILES = [load_profile("ghcr"), load_profile("oci")]


@some
@given(strategies.repositories(), strategies.tags(), strategies.digests(), strategies.digests("sha512"))
def test_names(repository, tag, digest, long):
    """They follow the grammar, a repository has an owner, and a seed takes it."""
    assert is_repository(repository)
    assert is_tag(tag)
    assert is_digest(digest)
    assert long.startswith("sha512:")
    assert parse_reference(f"{repository}:{tag}") == (repository, tag)


@some
@given(strategies.references(), strategies.references("ghcr.io"))
def test_references(short, full):
    """The client reads them, and writes the full ones as they were."""
    assert ImageRef.parse(short).registry == "ghcr.io"
    read = ImageRef.parse(full)
    assert str(read) in (full, f"{full}:latest")


def taken(document, profile):
    """Whether the fake takes a manifest, but for content that is not there."""
    content = json.dumps(document).encode()
    try:
        check_manifest(profile, Store(), "acme/app", document["mediaType"], content)
    except Refusal as refusal:
        return refusal.code == "MANIFEST_BLOB_UNKNOWN"
    return True


@some
@given(strategies.manifests() | strategies.indexes())
def test_documents(document):
    """Both profiles take their form; the client reads them and would push them."""
    assert all(taken(document, profile) for profile in PROFILES)
    raw = json.dumps(document).encode()
    read = Manifest.parse(raw, document["mediaType"])
    read.validate()
    assert read.is_multi_arch is ("manifests" in document)


@some
@given(strategies.descriptors(), strategies.descriptors(platform=True))
def test_descriptors(plain, placed):
    """They have the three fields that they must have, and a platform where it is wanted."""
    for each in (plain, placed):
        assert is_digest(each["digest"])
        assert "/" in each["mediaType"]
        assert 0 <= each["size"] < 1 << 63
    assert ("platform" in plain, "platform" in placed) == (False, True)


@pytest.mark.parametrize("profile", ["ghcr", "oci"])
@few
@given(image=strategies.images())
def test_images(profile, image):
    """A registry takes a whole image, and gives back the same bytes; the client reads each manifest."""
    fake = Fake(Simulator(profile))
    if profile == "ghcr":
        fake.authorization = "Bearer " + base64.b64encode(fake.simulator.token.encode()).decode()
    for digest, content in image.blobs.items():
        assert fake("PUT", f"{fake.start('acme/app')}?digest={digest}", content).status == 201
    for each in image.manifests():
        Manifest.parse(each.manifest, each.media_type).validate()
        assert fake.push("acme/app", each.digest, each.manifest, each.media_type).status == 201
    pulled = fake("GET", f"/v2/acme/app/manifests/{image.digest}", headers={"accept": image.media_type})
    assert (pulled.body, pulled.headers["content-type"]) == (image.manifest, image.media_type)


@some
@given(strategies.images())
def test_images_are_sound(image):
    """Every blob has its digest and is named, and each config has the digests of the unpacked layers."""
    assert all(digest_of(content) == digest for digest, content in image.blobs.items())
    named = set()
    for each in image.children or (image,):
        document = json.loads(each.manifest)
        config = json.loads(image.blobs[document["config"]["digest"]])
        layers = [(layer, image.blobs[layer["digest"]]) for layer in document["layers"]]
        assert config["rootfs"]["diff_ids"] == [
            gzip_diff_id([content], "layer") if "gzip" in layer["mediaType"] else layer["digest"]
            for layer, content in layers
        ]
        assert [layer["size"] for layer, _ in layers] == [len(content) for _, content in layers]
        named |= {document["config"]["digest"], *(layer["digest"] for layer, _ in layers)}
    assert named == set(image.blobs)
    assert len({image, image}) == 1
    assert image.digest[:19] in repr(image)
    assert image.manifest.decode() in repr(image)


@few
@given(strategies.images(multi_platform=True), strategies.images(multi_platform=False, max_layers=1))
def test_what_is_asked_of_images(index, single):
    """An index lists two or three images; a single one has at most the layers that were asked for."""
    assert 2 <= len(index.children) <= 3
    assert [each["digest"] for each in json.loads(index.manifest)["manifests"]] == [
        each.digest for each in index.children
    ]
    assert single.children == ()
    assert len(json.loads(single.manifest)["layers"]) == 1


@few
@given(strategies.images())
def test_images_are_put(image):
    """`put` puts it all, and makes a package of it."""
    ghcr = Ghcr()
    image.put(ghcr, "acme/app:v1")
    image.put(ghcr, "acme/copy")
    assert_image_equal("acme/app:v1", "acme/copy:latest", ghcr)
    assert ghcr.simulator.store.manifest("acme/app", "v1").digest == image.digest
    assert ghcr.simulator.package("acme/app").visibility == "private"


def test_a_failing_image_shrinks():
    """The smallest image has one empty layer, and the smallest index two such images."""
    small = find(strategies.images(), lambda image: not image.children)
    assert len(small.blobs) == 2
    assert len(small.manifest) < 600
    assert len(find(strategies.images(), lambda image: bool(image.children)).children) == 2


def test_without_hypothesis():
    """One line says what to install."""
    code = "import sys; sys.modules['hypothesis'] = None; import pytest_ghcr.strategies"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.splitlines()[-1] == (
        "ImportError: pytest_ghcr.strategies needs hypothesis: pip install 'pytest-ghcr[hypothesis]'"
    )
