"""skopeo, and umoci which makes and unpacks the layouts that skopeo copies."""

from __future__ import annotations

import json

import pytest
from clients.containers import creds, forbidden, trust, unauthorized
from clients.content import tree
from tools import require

pytestmark = pytest.mark.clients


@pytest.fixture(autouse=True)
def _skopeo():
    require("skopeo")


def push(door, home, layout, name):
    options = [*trust(door, "dest-"), *creds(door, "dest-")]
    home.run(
        "skopeo", "copy", "--preserve-digests", *options, f"oci:{layout.named}", f"docker://{door.ref(name)}"
    )


def test_what_skopeo_copies_it_copies_back_unchanged(door, home, layout):
    """A copied layout comes back with the same digest and the same bytes."""
    push(door, home, layout, "acme/app:v1")
    assert door.held("acme/app") == {"v1": layout.digest}

    source = f"docker://{door.ref('acme/app:v1')}"
    back = home.path("back")
    home.run("skopeo", "copy", *trust(door, "src-"), *creds(door, "src-"), source, f"oci:{back}:v1")
    assert tree(back) == tree(layout.path)
    assert door.statuses("blob.get") == {307}
    assert door.statuses("upload.patch") == {202}
    assert door.statuses("upload.put") == {201}
    door.assert_no_leak()


def test_skopeo_logs_in_inspects_and_lists(door, home, make_layout):
    """A login is kept in the client's own file; tags are listed oldest first."""
    home.run("skopeo", "login", *trust(door), "-u", door.user, "-p", door.token, door.host)
    for tag in ("v2", "v1"):
        push(door, home, make_layout(tag), f"acme/app:{tag}")

    seen = json.loads(
        home.run("skopeo", "inspect", *trust(door), f"docker://{door.ref('acme/app:v1')}").stdout
    )
    assert seen["Digest"] == door.held("acme/app")["v1"]
    assert seen["Architecture"] == "amd64"
    listed = json.loads(
        home.run("skopeo", "list-tags", *trust(door), f"docker://{door.ref('acme/app')}").stdout
    )
    assert listed["Tags"] == ["v2", "v1"]


def test_skopeo_syncs_a_whole_repository(door, home, make_layout):
    """Every tag arrives in a directory of its own."""
    for tag in ("v1", "v2"):
        push(door, home, make_layout(tag), f"acme/app:{tag}")
    options = ["--src", "docker", "--dest", "dir", *trust(door, "src-"), *creds(door, "src-")]
    home.run("skopeo", "sync", *options, door.ref("acme/app"), home.path("synced"))
    assert {path.name for path in home.path("synced").iterdir()} == {"app:v1", "app:v2"}


def test_skopeo_copies_every_platform_of_a_public_index_without_a_login(door, home, public):
    """Anonymous: an index with all that it names."""
    source = f"docker://{door.ref('acme/public:v1')}"
    back = home.path("back")
    home.run("skopeo", "copy", "--all", *trust(door, "src-"), source, f"oci:{back}:v1")
    assert public in tree(back)
    assert len(json.loads(tree(back)[public])["manifests"]) == 2
    assert door.statuses("token.get") == {200}
    door.assert_no_leak()


def test_skopeo_is_told_that_delete_is_unsupported(door, home, public):
    """405, word for word as in containers/skopeo#1880."""
    said = home.refused(
        "skopeo", "delete", *trust(door), *creds(door), f"docker://{door.ref('acme/public:v1')}"
    )
    assert "The operation is unsupported." in said
    assert door.statuses("manifest.delete") == {405}
    assert door.held("acme/public") == {"v1": public}


def test_skopeo_is_told_that_a_wrong_token_is_denied(door, home, public):
    """At login, and at a copy of what anybody may read."""
    said = home.refused("skopeo", "login", *trust(door), "-u", door.user, "-p", "ghp_wrong", door.host)
    assert forbidden(said)
    source = f"docker://{door.ref('acme/public:v1')}"
    said = home.refused("skopeo", "inspect", *trust(door), *creds(door, token="ghp_wrong"), source)
    assert forbidden(said)
    assert door.statuses("token.get") == {403}


def test_skopeo_is_told_that_a_private_package_needs_a_login(door, home):
    """A private package answers 401 to nobody, one that does not exist 403."""
    door.ghcr.seed("acme/secret:v1")
    said = home.refused("skopeo", "inspect", *trust(door), f"docker://{door.ref('acme/secret:v1')}")
    assert unauthorized(said)
    said = home.refused("skopeo", "inspect", *trust(door), f"docker://{door.ref('acme/nothing:v1')}")
    assert forbidden(said)


def test_umoci_makes_an_image_that_skopeo_carries_and_umoci_unpacks(door, home):
    """A file goes into an image, through the fake, and out again."""
    require("umoci")
    made, back = home.path("made"), home.path("back")
    home.run("umoci", "init", "--layout", made)
    home.run("umoci", "new", "--image", f"{made}:v1")
    home.path("motd").write_text("hello from umoci\n")
    home.run("umoci", "insert", "--image", f"{made}:v1", home.path("motd"), "/etc/motd")
    image = f"docker://{door.ref('acme/made:v1')}"
    home.run("skopeo", "copy", *trust(door, "dest-"), *creds(door, "dest-"), f"oci:{made}:v1", image)
    home.run("skopeo", "copy", *trust(door, "src-"), *creds(door, "src-"), image, f"oci:{back}:v1")
    home.run("umoci", "unpack", "--rootless", "--image", f"{back}:v1", home.path("bundle"))
    assert home.path("bundle/rootfs/etc/motd").read_text() == "hello from umoci\n"
    door.assert_no_leak()


def test_umoci_unpacks_what_the_fake_was_seeded_with(door, home, public):
    """A seeded image is a real one: its layers are tars that a runtime can lay out."""
    require("umoci")
    back = home.path("back")
    source = f"docker://{door.ref('acme/public:v1')}"
    home.run("skopeo", "copy", *trust(door, "src-"), source, f"oci:{back}:v1")
    home.run("umoci", "unpack", "--rootless", "--image", f"{back}:v1", home.path("bundle"))
    assert any(home.path("bundle/rootfs").rglob("*"))
