"""podman and buildah. No container is run: what they build is copied together."""

from __future__ import annotations

import json

import pytest
from clients.containers import creds, forbidden, trust, unauthorized
from clients.daemons import require_root
from tools import require

pytestmark = pytest.mark.clients


@pytest.fixture
def podman(home):
    """Run podman with a store of its own."""
    require("podman")
    require_root()
    places = ["--root", home.path("storage"), "--runroot", home.path("runroot")]
    quiet = ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none"]

    def run(*argv, refused=False):
        call = home.refused if refused else home.run
        done = call("podman", *places, *quiet, *argv)
        return done if refused else done.stdout.strip()

    return run


@pytest.fixture
def buildah(home):
    """Run buildah with a store of its own."""
    require("buildah")
    require_root()
    places = ["--root", home.path("storage"), "--runroot", home.path("runroot"), "--storage-driver=vfs"]

    def run(*argv):
        return home.run("buildah", *places, *argv).stdout.strip()

    return run


def test_what_podman_pushes_it_pulls_back_unchanged(door, home, layout, podman):
    """Login, push and pull: the digest that the fake holds is the one that the pull reports."""
    podman("login", *trust(door), "-u", door.user, "-p", door.token, door.host)
    image = door.ref("acme/app:v1")
    made = podman("pull", "-q", f"oci:{layout.named}")
    podman("push", *trust(door), f"--digestfile={home.path('digest')}", made, image)
    digest = home.path("digest").read_text().strip()
    assert door.held("acme/app") == {"v1": digest}

    podman("rmi", "-a", "-f")
    assert podman("pull", "-q", *trust(door), image) == made
    assert podman("image", "inspect", "--format={{.Digest}}", image) == digest
    assert door.statuses("blob.get") == {307}
    door.assert_no_leak()


def test_podman_makes_a_manifest_list_and_lists_tags(door, layout, podman):
    """A list of one platform's image is pushed as an index, with the image it names."""
    podman("login", *trust(door), "-u", door.user, "-p", door.token, door.host)
    made = podman("pull", "-q", f"oci:{layout.named}")
    podman("push", *trust(door), made, door.ref("acme/app:amd64"))
    podman("manifest", "create", "both")
    podman("manifest", "add", *trust(door), "both", f"docker://{door.ref('acme/app:amd64')}")
    podman("manifest", "push", *trust(door), "--all", "both", f"docker://{door.ref('acme/app:v1')}")

    held = door.held("acme/app")
    index = door.manifest("acme/app", held["v1"])
    assert [child["digest"] for child in index["manifests"]] == [held["amd64"]]
    # `search` has no --cert-dir: it reads SSL_CERT_FILE.
    listed = podman(
        "search",
        "--list-tags",
        "--format=json",
        f"--tls-verify={str(door.tls).lower()}",
        door.ref("acme/app"),
    )
    assert json.loads(listed)[0]["Tags"] == ["amd64", "v1"]


def test_podman_pulls_a_public_package_without_a_login(door, public, podman):
    """Anonymous: one platform of an index."""
    image = door.ref("acme/public:v1")
    podman("pull", "-q", *trust(door), "--platform=linux/arm64", image)
    assert podman("image", "inspect", "--format={{.Architecture}}", image) == "arm64"
    assert door.statuses("token.get") == {200}
    door.assert_no_leak()


def test_podman_is_refused_as_ghcr_refuses(door, public, podman):
    """A wrong token at login and at a pull; a private package without a login; a push without one."""
    said = podman("login", *trust(door), "-u", door.user, "-p", "ghp_wrong", door.host, refused=True)
    assert forbidden(said)
    wrong = creds(door, token="ghp_wrong")
    said = podman("pull", *trust(door), *wrong, door.ref("acme/public:v1"), refused=True)
    assert forbidden(said)
    door.ghcr.seed("acme/secret:v1")
    assert unauthorized(podman("pull", *trust(door), door.ref("acme/secret:v1"), refused=True))
    podman("pull", "-q", *trust(door), door.ref("acme/public:v1"))
    pushed = podman("push", *trust(door), door.ref("acme/public:v1"), door.ref("acme/new:v1"), refused=True)
    assert forbidden(pushed)
    assert door.held("acme/new") == {}


def test_what_buildah_commits_it_pushes(door, home, buildah):
    """From nothing, one file, a commit, a push: a new, private package."""
    buildah("login", *trust(door), "-u", door.user, "-p", door.token, door.host)
    container = buildah("from", "scratch")
    home.path("motd").write_text("hello from buildah\n")
    buildah("copy", container, home.path("motd"), "/etc/motd")
    buildah("commit", container, "made")
    image = door.ref("acme/made:v1")
    buildah("push", *trust(door), f"--digestfile={home.path('digest')}", "made", f"docker://{image}")

    assert door.held("acme/made") == {"v1": home.path("digest").read_text().strip()}
    assert door.ghcr.simulator.package("acme/made").visibility == "private"
    assert door.statuses("upload.put") == {201}


def test_buildah_builds_on_an_image_of_the_registry(door, home, public, buildah):
    """FROM pulls a public base without a login; the push reuses its layers."""
    base = door.ref("acme/public:v1")
    context = home.path("context")
    context.mkdir()
    (context / "motd").write_text("built\n")
    (context / "Containerfile").write_text(f"FROM {base}\nCOPY motd /etc/motd\nLABEL made=yes\n")
    buildah("bud", *trust(door), "--platform=linux/amd64", "-t", "built", context)
    options = [*trust(door), *creds(door)]
    buildah("push", *options, "built", f"docker://{door.ref('acme/built:v1')}")

    state = door.manifest("acme/built", door.held("acme/built")["v1"])
    assert len(state["layers"]) > 1
    door.assert_no_leak()
