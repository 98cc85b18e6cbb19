"""The commands, against the fake and against other people's registries."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from client.cli.telling import ARGV, run, surroundings
from client.helping import client_for
from ghcr_client import Image
from ghcr_client.cli.inspecting import platform_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from client.cli.telling import Told
    from client.peers import Peer

CONTENT = b"some content"
DIGEST = f"sha256:{sha256(CONTENT).hexdigest()}"


def document(told: Told) -> dict[str, Any]:
    """A result as JSON, of a command that ended well and said nothing else."""
    status, out, err = told
    assert (status, err) == (0, ""), err or out
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def layout(fake_oci: Peer, tmp_path: Path, told: Callable[..., Told]) -> Path:
    """A layout for two platforms."""
    assert fake_oci.simulator is not None
    fake_oci.simulator.seed("seed/app:v1", platforms=["linux/amd64", "linux/arm64"])
    path = tmp_path / "layout"
    assert told("pull", "seed/app:v1", path, peer=fake_oci)[0] == 0
    return path


def test_an_image_s_way(
    told: Callable[..., Told], registry: Peer, repository: str, layout: Path, tmp_path: Path
) -> None:
    """Pushed, looked at, tagged, copied, and pulled in each format: on every registry."""

    def ask(*words: object) -> dict[str, Any]:
        return document(told("--json", *words, peer=registry))

    pushed = ask("push", layout, f"{repository}:v1")
    assert pushed["blobs"]["moved"] > 0
    digest = pushed["digest"]
    assert pushed["pinned"] == f"{registry.host}/{repository}@{digest}"
    assert ask("digest", f"{repository}:v1") == {
        "reference": f"{registry.host}/{repository}:v1",
        "digest": digest,
    }
    seen = ask("inspect", f"{repository}:v1")
    assert [each["platform"] for each in seen["images"]] == ["linux/amd64", "linux/arm64"]
    one = ask("inspect", f"{repository}:v1", "--platform", "linux/arm64")
    assert one["images"] == [seen["images"][1]]
    assert [each["previous"] for each in ask("tag", f"{repository}:v1", "v2", "v3")["tags"]] == [None, None]
    assert sorted(ask("tags", repository)["tags"]) == ["v1", "v2", "v3"]
    assert ask("tags", repository, "--pattern", "*[23]")["tags"] == ["v2", "v3"]
    assert ask("copy", f"{repository}:v1", f"{repository}-copy:v1")["digest"] == digest
    small = ask("copy", f"{repository}:v1", f"{repository}-copy:arm", "--platform", "linux/arm64")
    assert small["digest"] != digest
    assert ask("pull", f"{repository}:v1", tmp_path / "a.tar", "--format", "oci-archive")["digest"] == digest
    words = ["pull", f"{repository}:v1", tmp_path / "d.tar", "--format", "docker-archive"]
    assert ask(*words, "--platform", "linux/arm64")["format"] == "docker-archive"
    for archive in ("a.tar", "d.tar"):
        assert ask("push", tmp_path / archive, f"{repository}-again:{archive}")["digest"]
    assert ask("referrers", f"{repository}:v1")["referrers"] == []
    assert ask("health")["ok"] is True


def test_a_blob_s_way(
    told: Callable[..., Told], registry: Peer, repository: str, tmp_path: Path, layout: Path
) -> None:
    """Put from a file, found, got to a file; what is not there is 3: on every registry."""
    assert told("push", layout, f"{repository}:v1", peer=registry)[0] == 0
    (tmp_path / "content").write_bytes(CONTENT)
    status, out, err = told("blob", "put", repository, tmp_path / "content", peer=registry)
    assert (status, out) == (0, f"{DIGEST}\n"), err
    assert told("blob", "exists", repository, DIGEST, peer=registry)[:2] == (0, "yes\n")
    absent = "sha256:" + "0" * 64
    assert told("blob", "exists", repository, absent, peer=registry)[:2] == (3, "no\n")
    assert told("blob", "get", repository, absent, tmp_path / "absent", peer=registry)[0] == 3
    status, out, _ = told("blob", "get", repository, DIGEST, tmp_path / "got", peer=registry)
    assert (status, out) == (0, f"{tmp_path / 'got'}\n")
    assert (tmp_path / "got").read_bytes() == CONTENT
    assert not (tmp_path / "absent").exists()


def test_pipes(fake_ghcr: Peer, home: Path) -> None:
    """A blob streams in from stdin and out to stdout, byte by byte the same, larger than any buffer."""
    content = os.urandom(3_000_001)
    env = surroundings(home, fake_ghcr)
    status, out, err = run("--quiet", "blob", "put", "acme/app", "-", env=env, stdin=content)
    digest = f"sha256:{sha256(content).hexdigest()}"
    assert (status, out, err) == (0, f"{digest}\n".encode(), "")
    for words in ([], ["-"]):
        assert run("-q", "blob", "get", "acme/app", digest, *words, env=env) == (0, content, "")


def test_dev_stdout(fake_ghcr: Peer, home: Path, tmp_path: Path) -> None:
    """What leads to stdout as `/dev/stdout` does, is stdout: the blob comes out, and nothing else."""
    env = surroundings(home, fake_ghcr)
    link = tmp_path / "stdout"  # not the system's own: whoever breaks this would replace it
    link.symlink_to("/proc/self/fd/1")
    assert run("-q", "blob", "put", "acme/app", "-", env=env, stdin=CONTENT)[0] == 0
    assert run("-q", "blob", "get", "acme/app", DIGEST, link, env=env) == (0, CONTENT, "")
    assert link.is_symlink()


def test_what_is_no_file(told: Callable[..., Told], fake_ghcr: Peer, tmp_path: Path) -> None:
    """A pipe is not put, but for stdin, and is no archive; the line says what to do. A file of /proc is whole."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    status, out, err = told("blob", "put", "acme/app", pipe, peer=fake_ghcr)
    assert (status, out) == (2, "")
    assert f"(- < {pipe})" in err
    status, out, err = told("pull", "acme/app:v1", pipe, "--format", "oci-archive", peer=fake_ghcr)
    assert (status, out) == (2, "")
    assert "no regular file" in err
    assert pipe.is_fifo()
    status, out, err = told("-q", "blob", "put", "acme/app", "/proc/version", peer=fake_ghcr)
    assert (status, err) == (0, "")
    assert out == f"sha256:{sha256(Path('/proc/version').read_bytes()).hexdigest()}\n"


def test_stdin_may_be_a_file(fake_ghcr: Peer, home: Path, tmp_path: Path) -> None:
    """`< file` is read, too, although nobody can wait for a file."""
    (tmp_path / "content").write_bytes(CONTENT)
    with (tmp_path / "content").open("rb") as file:
        done = subprocess.run(
            [*ARGV, "-q", "blob", "put", "acme/app", "-"],
            env=surroundings(home, fake_ghcr),
            stdin=file,
            capture_output=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stdout) == (0, f"{DIGEST}\n".encode()), done.stderr


def test_raw_is_what_is_stored(told: Callable[..., Told], fake_ghcr: Peer, home: Path) -> None:
    """`inspect --raw` has the image's digest, byte by byte; `--config` that of its configuration."""
    assert fake_ghcr.simulator is not None
    seeded = fake_ghcr.simulator.seed("acme/app:v1")
    env = surroundings(home, fake_ghcr)
    status, raw, _ = run("inspect", "acme/app:v1", "--raw", env=env)
    assert (status, f"sha256:{sha256(raw).hexdigest()}") == (0, seeded.digest)
    _, config, _ = run("inspect", "acme/app:v1", "--config", env=env)
    assert f"sha256:{sha256(config).hexdigest()}" == json.loads(raw)["config"]["digest"]


def test_the_table_of_an_image(told: Callable[..., Told], fake_ghcr: Peer) -> None:
    """Platform, size, layers and digest of each image, and an image's layers."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1", platforms=["linux/amd64", "linux/arm64"])
    status, out, _ = told("inspect", "acme/app:v1", peer=fake_ghcr)
    assert status == 0
    assert out.splitlines()[0] == f"reference:     {fake_ghcr.host}/acme/app:v1"
    assert [line.split()[0] for line in out.splitlines()[-3:]] == ["PLATFORM", "linux/amd64", "linux/arm64"]
    status, out, _ = told("inspect", "acme/app:v1", "--platform", "linux/arm64", peer=fake_ghcr)
    assert "LAYER  " in out


@pytest.mark.parametrize("config", [b"", b"\0no text", b"{}", b'{"os":5}'])
def test_a_configuration_of_nothing(config: bytes) -> None:
    """`inspect` shows older artifacts, too, whose configuration says no platform."""
    assert platform_of(config) == "unknown"


@pytest.mark.parametrize(
    "words",
    [["inspect", "acme/app:v1", "--config"], ["pull", "acme/app:v1", "x.tar", "--format", "docker-archive"]],
    ids=["config", "docker-archive"],
)
def test_an_index_needs_a_platform(told: Callable[..., Told], fake_ghcr: Peer, words: list[str]) -> None:
    """What is about one image says which ones there are."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1", platforms=["linux/amd64", "linux/arm64"])
    status, _, err = told(*words, peer=fake_ghcr)
    assert status == 2
    assert "add --platform, one of linux/amd64, linux/arm64" in err


@pytest.mark.parametrize("platform", ["linux/riscv64", "windows/amd64"])
def test_no_image_for_a_platform(told: Callable[..., Told], fake_ghcr: Peer, platform: str) -> None:
    """A platform that there is no image for is 3, and says what there is."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1", platforms=["linux/amd64", "linux/arm64"])
    status, _, err = told("inspect", "acme/app:v1", "--platform", platform, peer=fake_ghcr)
    assert status == 3
    assert "linux/amd64, linux/arm64" in err


def test_tagging_says_from_where(told: Callable[..., Told], fake_ghcr: Peer) -> None:
    """A tag that is moved is reported with what it named before."""
    assert fake_ghcr.simulator is not None
    old = fake_ghcr.simulator.seed("acme/app:v1").digest
    new = fake_ghcr.simulator.seed("acme/app:v2", layers=[{"a": b"b"}]).digest
    status, out, err = told("tag", "acme/app:v2", "v1", "v3", peer=fake_ghcr)
    assert status == 0
    assert out == f"{fake_ghcr.host}/acme/app:v1 {new}\n{fake_ghcr.host}/acme/app:v3 {new}\n"
    assert err == f"{fake_ghcr.host}/acme/app:v1 was {old}\n"


@pytest.mark.parametrize(("words", "left"), [([], []), (["--tag-only"], ["v2"])], ids=["image", "tag"])
def test_deleting(told: Callable[..., Told], fake_oci: Peer, words: list[str], left: list[str]) -> None:
    """An image goes with all its tags, a tag alone."""
    assert fake_oci.simulator is not None
    digest = fake_oci.simulator.seed("acme/app:v1").digest
    assert told("tag", "acme/app:v1", "v2", peer=fake_oci)[0] == 0
    found = document(told("--json", "delete", "acme/app:v1", "--yes", *words, peer=fake_oci))
    assert (found["digest"], found["tag_only"]) == (digest, bool(words))
    assert document(told("--json", "tags", "acme/app", peer=fake_oci))["tags"] == left


@pytest.mark.parametrize("agreed", [False, True], ids=["no", "yes"])
def test_deleting_asks(
    told: Callable[..., Told], fake_oci: Peer, monkeypatch: pytest.MonkeyPatch, agreed: bool
) -> None:
    """At a terminal it asks, with the digest; no is no."""
    assert fake_oci.simulator is not None
    digest = fake_oci.simulator.seed("acme/app:v1").digest
    asked: list[str] = []

    def confirm(text: str, **_: object) -> bool:
        asked.append(text)
        return agreed

    monkeypatch.setattr("click.confirm", confirm)
    monkeypatch.setattr("ghcr_client.cli.changing._check_somebody", lambda _: None)
    assert told("delete", "acme/app:v1", peer=fake_oci)[0] == (0 if agreed else 1)
    assert digest in asked[0]
    assert document(told("--json", "tags", "acme/app", peer=fake_oci))["tags"] == ([] if agreed else ["v1"])


# -- logins


def test_login_check(told: Callable[..., Told], fake_ghcr: Peer) -> None:
    """It says who, from where, and that a token was fetched; a repository is asked for where one is named."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")
    found = document(told("--json", "login-check", "acme/app", peer=fake_ghcr))
    assert found == {
        "registry": fake_ghcr.host,
        "username": fake_ghcr.username,
        "source": "GHCR_TOKEN",
        "token_fetched": True,
        "repository": fake_ghcr.ref("acme/app"),
    }
    status, out, _ = told("login-check", peer=fake_ghcr)
    assert status == 0
    assert "a pull token was fetched" in out


def test_a_bad_token(told: Callable[..., Told], fake_ghcr: Peer) -> None:
    """It is 4, with what GHCR means by its answer, and without the token."""
    status, out, err = told("login-check", peer=fake_ghcr, GHCR_TOKEN="ghp_" + "wrong0" * 6)
    assert (status, out) == (4, "")
    assert "a bad token is refused for public packages, too" in err
    assert "wrong0" not in err


def test_nobody(told: Callable[..., Told], fake_ghcr: Peer) -> None:
    """Without a login it is 4, and says how to log in; nothing was sent."""
    assert fake_ghcr.simulator is not None
    status, _, err = told("login-check", peer=fake_ghcr, GHCR_TOKEN=None, GHCR_USERNAME=None)
    assert status == 4
    assert "GHCR_TOKEN" in err
    assert fake_ghcr.simulator.requests() == []


def test_where_a_login_comes_from(told: Callable[..., Told], fake_ghcr: Peer, home: Path) -> None:
    """Stdin comes before the environment, that before docker's file; each is named."""
    token, none = fake_ghcr.token, {"GHCR_TOKEN": None, "GHCR_USERNAME": None}
    words = ["--json", "login-check"]
    found = document(told(*words, "--token-stdin", peer=fake_ghcr, stdin=f"{token}\n", **none))
    assert found["source"] == "--token-stdin"
    found = document(told(*words, peer=fake_ghcr, **none | {"GITHUB_TOKEN": token}))
    assert found["source"] == "GHCR_TOKEN or GITHUB_TOKEN"
    login = {"auths": {fake_ghcr.host: {"username": "hubot", "password": token}}}
    (home / "config.json").write_text(json.dumps(login))
    found = document(told(*words, peer=fake_ghcr, **none))
    assert (found["source"], found["username"]) == ("the file of docker or podman", "hubot")


@pytest.mark.clients
def test_basic_and_tls(told: Callable[..., Told], docker_registry_tls: Peer) -> None:
    """A registry with TLS and a password is trusted by `--ca-file` and logged in to; without, it is 6 or 4."""
    peer = docker_registry_tls
    words = ["login-check", "--ca-file", peer.ca_file]
    assert told(*words, peer=peer, GHCR_CA_FILE=None)[0] == 0
    assert told(*words, peer=peer, GHCR_TOKEN="wrong")[0] == 4
    status, _, err = told("login-check", peer=peer, GHCR_CA_FILE=None)
    assert status == 6
    assert "TLS" in err


def test_health(told: Callable[..., Told], fake_ghcr: Peer) -> None:
    """It is 0 for one that answers and 1 for one that does not, and says why."""
    status, out, _ = told("health", peer=fake_ghcr)
    assert status == 0
    assert "well:      yes" in out
    status, out, _ = told("--json", "health", "127.0.0.1:1", peer=fake_ghcr)
    found = json.loads(out)
    assert (status, found["ok"], found["latency"]) == (1, False, None)
    assert found["error"]


@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "ftp://x", "bad host", "ghcr.io/acme"])
def test_health_of_what_is_no_name(told: Callable[..., Told], fake_ghcr: Peer, host: str) -> None:
    """What is no registry's name is wrong usage, which says what to write, and nobody is asked."""
    assert fake_ghcr.simulator is not None
    status, _, err = told("health", host, peer=fake_ghcr)
    assert status == 2
    assert (
        f"{host!r} is not a registry: write host or host:port, such as ghcr.io; a URL is for --registry"
        in err
    )


def test_referrers(told: Callable[..., Told], registry: Peer, repository: str, tmp_path: Path) -> None:
    """What is about an image is listed with its type, all of it or by type: on every registry."""

    async def push() -> str:
        async with client_for(registry) as client:
            image = await Image.build([bytes(10240)])
            await client.push_image(f"{repository}:v1", image)
            artifact = await Image.artifact("a/sbom", [b"{}x"], subject=image.manifest.descriptor())
            return str(await client.push_image(f"{repository}@{artifact.manifest.digest}", artifact))

    digest = asyncio.run(push())
    status, out, _ = told("referrers", f"{repository}:v1", peer=registry)
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["TYPE", "a/sbom"]
    words = ["--json", "referrers", f"{repository}:v1", "--artifact-type"]
    assert [each["digest"] for each in document(told(*words, "a/sbom", peer=registry))["referrers"]] == [
        digest
    ]
    assert document(told(*words, "a/other", peer=registry))["referrers"] == []
    copied = document(
        told("--json", "copy", f"{repository}:v1", f"{repository}-copy:v1", "--referrers", peer=registry)
    )
    found = document(told("--json", "referrers", copied["pinned"].partition("/")[2], peer=registry))
    assert [each["digest"] for each in found["referrers"]] == [digest]
