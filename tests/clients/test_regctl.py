"""regctl, the command of regclient."""

from __future__ import annotations

import hashlib
import json
import random

import pytest
from clients.content import tree
from tools import require

pytestmark = pytest.mark.clients

ARTIFACT = ("--artifact-type", "application/vnd.example.note")


@pytest.fixture
def regctl(door, home):
    """Run regctl; it knows the door, and logs in when it is told to."""
    require("regctl")
    config = home.path(".regctl/config.json")
    config.parent.mkdir()
    how = {"tls": "enabled", "regcert": door.ca.read_text()} if door.tls else {"tls": "disabled"}

    def configure(**settings):
        config.write_text(json.dumps({"hosts": {door.host: how | settings}}))

    def run(*argv, refused=False, **settings):
        if settings:
            configure(**settings)
        return home.refused("regctl", *argv) if refused else home.run("regctl", *argv).stdout.strip()

    configure()
    return run


@pytest.fixture
def login(door, regctl):
    """Log in with the token that the fake takes."""
    regctl("registry", "login", door.host, "-u", door.user, "-p", door.token)


def test_what_regctl_copies_it_copies_back_unchanged(door, home, layout, regctl, login):
    """From a layout to the fake, from there to another repository, and back to a layout."""
    image, copy = door.ref("acme/app:v1"), door.ref("acme/copy:v1")
    regctl("image", "copy", f"ocidir://{layout.path}:{layout.tag}", image)
    assert door.held("acme/app") == {"v1": layout.digest}
    regctl("image", "copy", image, copy)
    regctl("image", "copy", copy, f"ocidir://{home.path('back')}:v1")

    assert tree(home.path("back")) == tree(layout.path)
    assert regctl("image", "digest", image) == layout.digest
    assert regctl("tag", "ls", door.ref("acme/app")) == "v1"
    assert json.loads(regctl("manifest", "get", "--format=raw-body", image))["layers"]
    assert regctl("repo", "ls", door.host).split() == ["acme/app", "acme/copy"]
    for blob in layout.blobs:
        assert f"Docker-Content-Digest: {blob}" in regctl("blob", "head", door.ref("acme/app"), blob)
    door.assert_no_leak()


def test_regctl_attaches_an_artifact_through_the_fallback_tag(door, home, layout, regctl, login):
    """GHCR has no referrers API, so the list of referrers is a tag that the client keeps."""
    image = door.ref("acme/app:v1")
    regctl("image", "copy", f"ocidir://{layout.path}:{layout.tag}", image)
    home.path("note").write_text("a note\n")
    regctl("artifact", "put", "-f", home.path("note"), *ARTIFACT, "--subject", image)
    listed = json.loads(regctl("artifact", "list", image, "--format={{json .}}"))

    assert [one["artifactType"] for one in listed["descriptors"]] == [ARTIFACT[1]]
    assert set(door.held("acme/app")) == {"v1", layout.digest.replace(":", "-")}
    assert door.statuses("referrers.list") == {404}


def test_regctl_meets_the_limit_on_chunks_of_4_mib(door, home, regctl):
    """Chunks of 8 MiB are refused with 416 however often they are tried; smaller ones arrive."""
    data = random.Random(1).randbytes(9_000_000)
    home.path("big").write_bytes(data)
    put = ("artifact", "put", "-f", home.path("big"), *ARTIFACT, door.ref("acme/big:v1"))
    chunked = {"user": door.user, "pass": door.token, "blobMax": 1_000_000}

    assert "[http 416]" in regctl(*put, refused=True, blobChunk=8 << 20, **chunked)
    assert door.statuses("upload.patch") == {416}
    assert door.statuses("upload.delete") == {405}, "a session cannot be cancelled"
    assert door.held("acme/big") == {}

    regctl(*put, blobChunk=4_000_000, **chunked)
    layers = door.manifest("acme/big", door.held("acme/big")["v1"])["layers"]
    assert layers[0]["digest"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert door.statuses("upload.patch") == {416, 202}


def test_regctl_pulls_a_public_package_without_a_login(door, home, public, regctl):
    """Anonymous: an index with all that it names."""
    image = door.ref("acme/public:v1")
    assert regctl("image", "digest", image) == public
    regctl("image", "copy", image, f"ocidir://{home.path('back')}:v1")
    assert public in tree(home.path("back"))
    assert door.statuses("token.get") == {200}
    door.assert_no_leak()


def test_regctl_cannot_delete_and_its_way_to_remove_a_tag_overwrites_it(door, public, regctl, login):
    """`tag rm` puts a dummy on the tag to delete that: where GHCR says 405, the tag is left on the dummy."""
    refusal = '{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}'
    assert refusal in regctl("manifest", "delete", door.ref(f"acme/public@{public}"), refused=True)
    assert door.held("acme/public") == {"v1": public}
    assert refusal in regctl("tag", "rm", door.ref("acme/public:v1"), refused=True)
    assert door.held("acme/public").keys() == {"v1"}
    assert door.held("acme/public")["v1"] != public
    assert door.statuses("manifest.delete") == {401, 405}


def test_regctl_is_refused_as_ghcr_refuses(door, public, regctl):
    """A wrong token, also for what anybody may read; a private package without a login."""
    door.ghcr.seed("acme/secret:v1")
    assert "unauthorized" in regctl("manifest", "get", door.ref("acme/secret:v1"), refused=True)
    assert door.statuses("token.get") == {401}
    wrong = {"user": door.user, "pass": "ghp_wrong"}
    assert "unauthorized" in regctl("manifest", "get", door.ref("acme/public:v1"), refused=True, **wrong)
    assert door.statuses("token.get") == {401, 403}
