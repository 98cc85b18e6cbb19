"""crane, the command of google/go-containerregistry."""

from __future__ import annotations

import json

import pytest
from clients.content import tree
from tools import require

from ghcr_sim import Credential

pytestmark = pytest.mark.clients


@pytest.fixture(autouse=True)
def _crane():
    require("crane")


def login(door, home, token=None):
    home.run("crane", "auth", "login", door.host, "-u", door.user, "-p", token or door.token)


def test_what_crane_pushes_it_pulls_back_unchanged(door, home, layout):
    """A pushed layout comes back with the same digest and the same bytes, and no credential goes astray."""
    login(door, home)
    image = door.ref("acme/app:v1")
    home.run("crane", "push", layout.path, image)

    assert door.held("acme/app") == {"v1": layout.digest}
    assert home.run("crane", "digest", image).stdout.strip() == layout.digest
    assert json.loads(home.run("crane", "manifest", image).stdout)["layers"]
    assert json.loads(home.run("crane", "config", image).stdout)["config"]["Cmd"] == ["/hello"]

    back = home.path("back")
    home.run("crane", "pull", "--format=oci", image, back)
    assert tree(back) == tree(layout.path)
    assert 307 in door.statuses("blob.get")
    assert door.statuses("storage.get") == {200}
    assert door.statuses("upload.post") == {202}
    door.assert_no_leak()


@pytest.mark.parametrize("door", ["http"], indirect=True)
def test_crane_pulls_from_localhost(door, home, public):
    """The commonest name: crane follows no redirect from it to an IP address, so there is none."""
    host = f"localhost:{door.host.rpartition(':')[2]}"
    home.run("crane", "pull", "--format=oci", f"{host}/acme/public:v1", home.path("back"))
    assert tree(home.path("back"))
    door.assert_no_leak()


def test_crane_lists_tags_and_copies(door, home, layout):
    """Tags are listed oldest first; a copy keeps the digest, and mounts what is there already."""
    login(door, home)
    image = door.ref("acme/app:v2")
    home.run("crane", "push", layout.path, image)
    home.run("crane", "tag", image, "v1")
    home.run("crane", "copy", image, door.ref("acme/copy:v2"))

    assert home.run("crane", "ls", door.ref("acme/app")).stdout.split() == ["v2", "v1"]
    assert door.held("acme/copy") == {"v2": layout.digest}
    assert 201 in door.statuses("upload.post"), "no blob was mounted"


def test_crane_lists_the_catalog(door, home, layout):
    """The catalogue is for those who are logged in."""
    login(door, home)
    home.run("crane", "push", layout.path, door.ref("acme/app:v1"))
    assert home.run("crane", "catalog", door.host).stdout.split() == ["acme/app"]


def test_crane_pulls_a_public_package_without_a_login(door, home, public):
    """Anonymous: the index, and one platform of it."""
    image = door.ref("acme/public:v1")
    assert home.run("crane", "digest", image).stdout.strip() == public
    home.run("crane", "pull", "--format=oci", "--platform=linux/arm64", image, home.path("back"))
    assert tree(home.path("back"))
    assert door.statuses("token.get") == {200}
    door.assert_no_leak()


def test_crane_is_told_that_delete_is_unsupported(door, home, public):
    """GHCR deletes nothing through the registry: 405 and UNSUPPORTED."""
    login(door, home)
    said = home.refused("crane", "delete", door.ref(f"acme/public@{public}"))
    assert "UNSUPPORTED: The operation is unsupported." in said
    assert door.statuses("manifest.delete") == {405}
    assert door.held("acme/public") == {"v1": public}


def test_crane_is_told_that_a_wrong_token_is_denied(door, home, public):
    """A token that does not exist is refused at the realm, for a public package too."""
    login(door, home, "ghp_wrong")
    said = home.refused("crane", "digest", door.ref("acme/public:v1"))
    assert "DENIED: denied" in said
    assert door.statuses("token.get") == {403}


def test_crane_is_told_that_a_private_package_needs_a_login(door, home):
    """A private package answers 401 to nobody, one that does not exist 403."""
    door.ghcr.seed("acme/secret:v1")
    assert "UNAUTHORIZED: authentication required" in home.refused(
        "crane", "digest", door.ref("acme/secret:v1")
    )
    said = home.refused("crane", "digest", door.ref("acme/nothing:v1"))
    assert "DENIED: requested access to the resource is denied" in said


def test_crane_is_told_that_its_token_may_not_push(door, home, layout):
    """The realm gives a token to a reader who wants to push; the upload is refused, in GHCR's words."""
    reader = Credential(login="reader", token="ghp_read", scopes=frozenset({"read:packages"}))
    door.ghcr.simulator.add_credential(reader)
    login(door, home, reader.token)
    said = home.refused("crane", "push", layout.path, door.ref("reader/app:v1"))
    assert "DENIED: permission_denied: The token provided does not match expected scopes." in said
    assert door.statuses("token.get") == {200}
    assert 403 in door.statuses("upload.post")
    assert door.held("reader/app") == {}
