"""oras, the command."""

from __future__ import annotations

import json

import pytest
from clients.content import tree
from tools import require

pytestmark = pytest.mark.clients

NOTE = "application/vnd.example.note"


@pytest.fixture
def oras(door, home):
    """Run oras; the options that it needs for the door come last."""
    require("oras")

    def run(*argv, side="", refused=False):
        how = f"--{side}ca-file={door.ca}" if door.tls else f"--{side}plain-http"
        call = home.refused if refused else home.run
        done = call("oras", *argv, how)
        return done if refused else done.stdout

    return run


@pytest.fixture
def login(door, oras):
    """Log in with the token that the fake takes."""
    oras("login", "-u", door.user, "-p", door.token, door.host)


def test_what_oras_pushes_it_pulls_back_unchanged(door, home, oras, login):
    """Files go out as an artifact, and come back with their names and content."""
    home.path("one.txt").write_text("one\n")
    home.path("two.json").write_text("{}")
    artifact = door.ref("acme/files:v1")
    oras("push", f"--artifact-type={NOTE}", artifact, "one.txt:text/plain", "two.json")
    manifest = door.manifest("acme/files", door.held("acme/files")["v1"])
    assert manifest["artifactType"] == NOTE
    assert manifest["layers"][0]["mediaType"] == "text/plain"

    oras("pull", artifact, "-o", home.path("back"))
    assert home.path("back/one.txt").read_text() == "one\n"
    assert home.path("back/two.json").read_text() == "{}"
    assert door.statuses("blob.get") == {307}
    door.assert_no_leak()


def test_oras_attaches_and_discovers_through_the_fallback_tag(door, home, layout, oras, login):
    """No referrers API and no OCI-Subject: the client keeps the list under a tag named after the digest."""
    image = door.ref("acme/app:v1")
    oras("cp", "--from-oci-layout", layout.named, image, side="to-")
    assert door.held("acme/app") == {"v1": layout.digest}
    home.path("note.txt").write_text("a note\n")
    oras("attach", f"--artifact-type={NOTE}", image, "note.txt")
    found = json.loads(oras("discover", "--format=json", image))

    referrers = found.get("referrers") or found["manifests"]
    assert [one["artifactType"] for one in referrers] == [NOTE]
    assert layout.digest.replace(":", "-") in door.held("acme/app")
    assert door.statuses("referrers.list") == {404}


def test_oras_copies_and_lists(door, home, layout, oras, login):
    """Tags are listed oldest first, repositories by the catalogue; a copy keeps the digest."""
    for tag in ("v2", "v1"):
        oras("cp", "--from-oci-layout", layout.named, door.ref(f"acme/app:{tag}"), side="to-")
    assert oras("repo", "tags", door.ref("acme/app")).split() == ["v2", "v1"]
    assert oras("repo", "ls", door.host).split() == ["acme/app"]
    oras("cp", door.ref("acme/app:v1"), f"{home.path('back')}:v1", "--to-oci-layout", side="from-")
    assert tree(home.path("back")) == tree(layout.path)


def test_oras_pulls_a_public_package_without_a_login(door, home, public, oras):
    """Anonymous: an index with all that it names."""
    assert oras("resolve", door.ref("acme/public:v1")).strip() == public
    oras("cp", door.ref("acme/public:v1"), f"{home.path('back')}:v1", "--to-oci-layout", side="from-")
    assert public in tree(home.path("back"))
    assert door.statuses("token.get") == {200}
    door.assert_no_leak()


def test_oras_is_told_that_delete_is_unsupported(door, public, oras, login):
    """405, as for everybody."""
    said = oras("manifest", "delete", "--force", door.ref("acme/public:v1"), refused=True)
    assert "unsupported: The operation is unsupported." in said
    assert door.statuses("manifest.delete") == {405}
    assert door.held("acme/public") == {"v1": public}


def test_oras_is_refused_as_ghcr_refuses(door, public, oras):
    """A wrong token, at login and for what anybody may read; a private package without a login."""
    assert "denied: denied" in oras("login", "-u", door.user, "-p", "ghp_wrong", door.host, refused=True)
    wrong = ("-u", door.user, "-p", "ghp_wrong")
    assert "denied: denied" in oras("resolve", *wrong, door.ref("acme/public:v1"), refused=True)
    door.ghcr.seed("acme/secret:v1")
    said = oras("resolve", door.ref("acme/secret:v1"), refused=True)
    assert "unauthorized: authentication required" in said
    said = oras("resolve", door.ref("acme/nothing:v1"), refused=True)
    assert "denied: requested access to the resource is denied" in said
