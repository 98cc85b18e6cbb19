"""containerd, driven by ctr. No container is run."""

from __future__ import annotations

import pytest
from clients.content import tree
from clients.daemons import daemon, require_root, short_directory
from tools import require

pytestmark = pytest.mark.clients

CONFIG = """
version = 2
root = "{root}/root"
state = "{root}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{root}/s"
[ttrpc]
address = "{root}/t"
# What one namespace has pulled, another must pull again.
[plugins."io.containerd.metadata.v1.bolt"]
content_sharing_policy = "isolated"
"""


@pytest.fixture(scope="module")
def containerd():
    """A containerd of its own: its socket."""
    require("containerd", "ctr")
    require_root()
    with short_directory() as root:
        (root / "config.toml").write_text(CONFIG.format(root=root))
        argv = ["containerd", "-c", str(root / "config.toml")]
        with daemon(argv, root / "log", ["ctr", "-a", str(root / "s"), "version"], {}):
            yield root / "s"


@pytest.fixture
def ctr(request, door, home, containerd):
    """Run ctr in a namespace of the test's own, or in another of it."""
    how = [f"--tlscacert={door.ca}"] if door.tls else ["--plain-http"]

    def run(*argv, token="", namespace="here", refused=False):
        space = f"{namespace}-{abs(hash(request.node.nodeid))}"
        login = [f"--user={door.user}:{token}"] if token else []
        reach = [*how, *login] if argv[1] in {"push", "pull", "fetch"} else []
        call = home.refused if refused else home.run
        done = call("ctr", "-a", containerd, "-n", space, *argv[:2], *reach, *argv[2:])
        return done if refused else done.stdout

    return run


@pytest.fixture
def imported(door, home, layout, ctr):
    """The layout, imported under the name that is pushed."""
    image = door.ref("acme/app:v1")
    home.run("tar", "-cf", home.path("app.tar"), "-C", layout.path, ".")
    ctr("images", "import", f"--index-name={image}", "--no-unpack", home.path("app.tar"))
    return image


SNAPSHOTS = ("--snapshotter=native",)


def test_what_ctr_pushes_it_pulls_back_unchanged(door, home, layout, imported, ctr):
    """An archive is imported, pushed, pulled elsewhere and exported: its blobs are the same."""
    ctr("images", "push", "--platform=linux/amd64", imported, token=door.token)
    assert door.held("acme/app") == {"v1": layout.digest}

    ctr("images", "pull", *SNAPSHOTS, imported, token=door.token, namespace="there")
    ctr("images", "export", "--platform=linux/amd64", home.path("back.tar"), imported, namespace="there")
    home.path("back").mkdir()
    home.run("tar", "-xf", home.path("back.tar"), "-C", home.path("back"))
    assert tree(layout.path).items() <= tree(home.path("back")).items()
    assert door.statuses("blob.get") == {307}
    door.assert_no_leak()


def test_ctr_pulls_a_public_package_without_a_login(door, public, ctr):
    """Anonymous: every platform; the realm's 405 for OAuth2 makes no difference."""
    image = door.ref("acme/public:v1")
    ctr("images", "pull", *SNAPSHOTS, "--all-platforms", image)
    assert public in ctr("images", "ls")
    ctr("content", "fetch", "--all-platforms", image)
    assert 200 in door.statuses("token.get")
    door.assert_no_leak()


def test_ctr_is_refused_as_ghcr_refuses(door, public, imported, ctr):
    """A wrong token, a private package without one, a push without one."""
    said = ctr("content", "fetch", door.ref("acme/public:v1"), token="ghp_wrong", refused=True)
    assert "403 Forbidden" in said
    door.ghcr.seed("acme/secret:v1")
    said = ctr("content", "fetch", door.ref("acme/secret:v1"), refused=True)
    assert "401 Unauthorized" in said
    assert "403 Forbidden" in ctr("images", "push", "--platform=linux/amd64", imported, refused=True)
    assert door.held("acme/app") == {}
