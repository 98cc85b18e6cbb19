"""docker with its own dockerd, and buildx. No container is run: what they build is copied together."""

from __future__ import annotations

import io
import json
import random
import tarfile

import pytest
from clients.daemons import daemon, require_root, short_directory
from tools import require, which

from ghcr_sim import Credential

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def dockerd(authority):
    """A dockerd of its own, that trusts the private authority: its address.

    It needs neither systemd nor a network of its own, and reads nothing of /etc/docker.
    """
    require("docker", "dockerd")
    require_root()
    with short_directory() as root:
        (root / "ca.crt").write_bytes(authority.pem)
        (root / "daemon.json").write_text("{}")
        address = f"unix://{root}/s"
        argv = [
            "dockerd",
            *("--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"),
            *("-H", address, "--data-root", f"{root}/data", "--exec-root", f"{root}/exec"),
            *("--pidfile", f"{root}/pid", "--config-file", f"{root}/daemon.json"),
        ]
        env = {"SSL_CERT_FILE": str(root / "ca.crt"), "HOME": str(root), "NO_PROXY": "*"}
        with daemon(argv, root / "log", ["docker", "-H", address, "version"], env):
            yield address


@pytest.fixture
def docker(home, dockerd):
    """Run docker in the test's own home; `env` adds to its environment."""
    if buildx := which("docker-buildx"):
        plugins = home.path("docker/cli-plugins")
        plugins.mkdir()
        (plugins / "docker-buildx").symlink_to(buildx)

    def run(*argv, refused=False, env=None, stdin=""):
        call = home.refused if refused else home.run
        done = call("docker", *argv, env={"DOCKER_HOST": dockerd, **(env or {})}, stdin=stdin)
        return done if refused else done.stdout.strip()

    return run


@pytest.fixture
def login(door, docker):
    """Log in with the token that the fake takes."""
    docker("login", "-u", door.user, "--password-stdin", door.host, stdin=door.token)


@pytest.fixture
def rootfs(home):
    """A tar of a root directory that dockerd has not seen before, so that no layer is there already."""
    path = home.path("rootfs.tar")
    with tarfile.open(path, "w") as archive:
        data = random.randbytes(5000)
        info = tarfile.TarInfo("noise")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return path


def test_what_docker_pushes_it_pulls_back_unchanged(door, docker, rootfs, login):
    """Import, push, remove, pull: the image is the same one, and the digest the one that the fake holds."""
    image = door.ref("acme/app:v1")
    made = docker("import", rootfs, image)
    assert (
        f"digest: {(docker_says := docker('push', image)).rpartition('digest: ')[2].split()[0]}"
        in docker_says
    )
    digest = door.held("acme/app")["v1"]
    assert digest in docker_says
    docker("rmi", image)
    assert digest in docker("pull", image)
    assert docker("image", "inspect", "--format={{.Id}}", image) == made
    assert door.statuses("upload.put") == {201}
    assert 307 in door.statuses("blob.get")
    door.assert_no_leak()


def test_docker_pushes_all_tags(door, docker, rootfs, login):
    """`push -a`: one image under two tags is uploaded once."""
    docker("import", rootfs, door.ref("acme/app:v1"))
    docker("tag", door.ref("acme/app:v1"), door.ref("acme/app:v2"))
    docker("push", "-a", door.ref("acme/app"))
    held = door.held("acme/app")
    assert held.keys() == {"v1", "v2"}
    assert held["v1"] == held["v2"]


def test_docker_mounts_a_layer_from_another_repository(door, docker, rootfs, login):
    """A layer that the registry holds elsewhere is mounted: «Mounted from»."""
    docker("import", rootfs, door.ref("acme/app:v1"))
    docker("push", door.ref("acme/app:v1"))
    docker("tag", door.ref("acme/app:v1"), door.ref("acme/other:v1"))
    assert "Mounted from acme/app" in docker("push", door.ref("acme/other:v1"))
    assert door.held("acme/other") == door.held("acme/app")


@pytest.mark.parametrize("builder", ["legacy", "buildkit"])
@pytest.mark.usefixtures("login", "public")
def test_docker_builds_on_an_image_of_the_registry(door, home, docker, builder):
    """FROM pulls a public base; the result is pushed with the base's layers."""
    if builder == "buildkit":
        require("docker-buildx")
    context = home.path("context")
    context.mkdir()
    (context / "motd").write_text(f"{builder} {door.host}\n")
    (context / "Dockerfile").write_text(f"FROM {door.ref('acme/public:v1')}\nCOPY motd /etc/motd\n")
    image = door.ref(f"acme/built-{builder}:v1")
    env = {"DOCKER_BUILDKIT": "1" if builder == "buildkit" else "0"}
    docker("build", "-q", "-t", image, context, env=env)
    docker("push", image)
    name = f"acme/built-{builder}"
    assert len(door.manifest(name, door.held(name)["v1"])["layers"]) > 1
    door.assert_no_leak()


def test_docker_makes_a_manifest_list(door, docker, rootfs, login):
    """`docker manifest`: create from a pushed image, inspect, push.

    Before version 23 it wants a header on the 401 of /v2/ that GHCR does not send (docker/cli#3161).
    """
    docker("import", rootfs, door.ref("acme/app:amd64"))
    docker("push", door.ref("acme/app:amd64"))
    digest = door.held("acme/app")["amd64"]
    create = ("manifest", "create", "--insecure", door.ref("acme/app:v1"), door.ref("acme/app:amd64"))
    if int(docker("version", "--format={{.Client.Version}}").split(".")[0]) < 23:
        assert "unsupported registry version" in docker(*create, refused=True)
        return
    docker(*create)
    assert digest in docker("manifest", "inspect", "--insecure", door.ref("acme/app:v1"))
    if door.tls:
        return  # to a name of 127.0.0.1 this command pushes by plain HTTP, whatever it is told
    docker("manifest", "push", "--insecure", door.ref("acme/app:v1"))
    index = door.manifest("acme/app", door.held("acme/app")["v1"])
    assert [one["digest"] for one in index["manifests"]] == [digest]


def test_docker_pulls_a_public_package_without_a_login(door, public, docker):
    """Anonymous: by tag, one platform of an index."""
    image = door.ref("acme/public:v1")
    assert public in docker("pull", "--platform=linux/arm64", image)
    assert docker("image", "inspect", "--format={{.Architecture}}", image) == "arm64"
    assert door.statuses("token.get") == {200}
    door.assert_no_leak()


def test_docker_is_refused_as_ghcr_refuses(door, public, docker):
    """A wrong token at login; a private and an absent package without one."""
    wrong = ("-u", door.user, "--password-stdin", door.host)
    said = docker("login", *wrong, stdin="ghp_wrong", refused=True)
    assert door.statuses("token.get") == {403}
    # Docker takes every name of 127.0.0.1 for insecure: after a refusal by TLS it tries HTTP, and shows that.
    assert door.tls or "denied: denied" in said
    door.ghcr.seed("acme/secret:v1")
    said = docker("pull", door.ref("acme/secret:v1"), refused=True)
    assert door.statuses("token.get") == {401, 403}
    assert door.tls or "unauthorized" in said
    said = docker("pull", door.ref("acme/nothing:v1"), refused=True)
    assert door.tls or "denied" in said


def test_docker_is_told_that_its_token_may_not_push(door, docker, rootfs):
    """The realm gives a token for it, the upload is refused: 403 with GHCR's own words."""
    reader = Credential(login="reader", token="ghp_read", scopes=frozenset({"read:packages"}))
    door.ghcr.simulator.add_credential(reader)
    docker("login", "-u", "reader", "--password-stdin", door.host, stdin="ghp_read")
    docker("import", rootfs, door.ref("reader/app:v1"))
    said = docker("push", door.ref("reader/app:v1"), refused=True)
    assert "denied: permission_denied: The token provided does not match expected scopes." in said
    assert 403 in door.statuses("upload.post")
    assert door.held("reader/app") == {}


def test_buildx_inspects_and_creates_indexes(door, public, docker, login):
    """`imagetools` speaks to the registry by itself: an index of an index keeps its platforms."""
    require("docker-buildx")
    image, copy = door.ref("acme/public:v1"), door.ref("acme/copy:v1")
    assert public in docker("buildx", "imagetools", "inspect", image)
    docker("buildx", "imagetools", "create", "-t", copy, image)
    raw = json.loads(docker("buildx", "imagetools", "inspect", "--raw", copy))
    platforms = {one["platform"]["architecture"] for one in raw["manifests"]}
    assert {"amd64", "arm64"} <= platforms
    assert door.held("acme/copy")["v1"]
    door.assert_no_leak()
