"""Real programs judge what is written, and what they write is read."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from client.layout.making import layout, read_all, write_files
from ghcr_client.layout import (
    DockerArchive,
    LayoutArchive,
    LayoutDirectory,
    LocalImages,
    open_local,
    write_docker_archive,
    write_layout_archive,
)
from tools import require, run

if TYPE_CHECKING:
    from pathlib import Path

    from ghcr_client.manifests import Manifest

pytestmark = pytest.mark.clients


@pytest.fixture
def seeded(tmp_path: Path) -> LayoutDirectory:
    """A layout with the image `v1` and the index `all`."""
    return LayoutDirectory(write_files(layout(), tmp_path / "seeded"))


async def copied(images: LocalImages, reference: str | None, path: Path) -> LayoutDirectory:
    """A layout that this client wrote, with an image of another one, and all that it needs."""
    target = LayoutDirectory.create(path)

    async def copy(manifest: Manifest) -> None:
        for each in manifest.document.children:
            if manifest.is_multi_arch:
                await copy(await images.manifest(each))
                continue
            async with target.writing(each.digest, each.size) as sink:
                data = await read_all(images.source(each))
                each.digest.verify(data)
                await asyncio.to_thread(sink.write, data)
                sink.confirm()
        assert target.put_bytes(manifest.raw) == manifest.digest

    top = await images.manifest(reference)
    await copy(top)
    await target.tag(top.descriptor(), reference)
    return target


def inspect(where: str) -> Any:
    return json.loads(run("skopeo", "inspect", where).stdout)


@pytest.fixture
def written(seeded: LayoutDirectory, tmp_path: Path) -> LayoutDirectory:
    """What this client wrote."""
    for reference in ("v1", "all"):
        asyncio.run(copied(seeded, reference, tmp_path / "written"))
    return LayoutDirectory(tmp_path / "written")


@pytest.fixture
def docker_tar(seeded: LayoutDirectory, tmp_path: Path) -> Path:
    """The docker-archive that this client wrote of `v1`."""

    async def write() -> None:
        manifest = await seeded.manifest("v1")
        config = await read_all(seeded.source(manifest.document.config))
        sources = [seeded.source(each) for each in manifest.document.layers]
        await write_docker_archive(
            tmp_path / "docker.tar", manifest, config, sources, ["ghcr.io/acme/app:v1"]
        )

    asyncio.run(write())
    return tmp_path / "docker.tar"


# --- what they read


def test_skopeo_reads_the_layout(written: LayoutDirectory) -> None:
    """Skopeo finds the tag, with the digest and labels that it should have."""
    require("skopeo")
    shown = inspect(f"oci:{written.path}:v1")
    assert shown["Digest"] == asyncio.run(written.manifest("v1")).digest
    assert (shown["Labels"], len(shown["Layers"])) == ({"a": "b"}, 2)


def test_umoci_unpacks_the_layout(written: LayoutDirectory, tmp_path: Path) -> None:
    """Umoci unpacks the image, and finds nothing to complain of."""
    require("umoci")
    run("umoci", "unpack", "--rootless", "--image", f"{written.path}:v1", tmp_path / "bundle")
    assert (tmp_path / "bundle/rootfs/etc/motd").read_text() == "hi\n"


def test_umoci_writes_beside_us(written: LayoutDirectory) -> None:
    """Umoci tags and collects garbage in our layout, in spite of the lock and of what a killed writer left."""
    require("umoci")
    (written.path / f".{'a' * 32}.0123456789abcdef.tmp").touch()
    run("umoci", "tag", "--image", f"{written.path}:v1", "v3")
    run("umoci", "gc", "--layout", written.path)
    assert {each.name for each in asyncio.run(written.list())} == {"v1", "v3", "all"}
    assert all(map(written.has, asyncio.run(written.manifest("v3")).document.children))


def fetched(images: LayoutDirectory, tag: str) -> str:
    """The digest that oras finds."""
    words = ["oras", "manifest", "fetch", "--oci-layout", "--descriptor", f"{images.path}:{tag}"]
    return str(json.loads(run(*words).stdout)["digest"])


@pytest.mark.parametrize("tag", ["v1", "all"])
def test_oras_reads_the_layout(written: LayoutDirectory, tag: str) -> None:
    """Oras finds both names."""
    require("oras")
    assert fetched(written, tag) == asyncio.run(written.manifest(tag)).digest


def test_skopeo_reads_the_layout_archive(written: LayoutDirectory, tmp_path: Path) -> None:
    """A tar of the layout is skopeo's `oci-archive:`."""
    require("skopeo")
    asyncio.run(write_layout_archive(written, tmp_path / "written.tar"))
    shown = inspect(f"oci-archive:{tmp_path / 'written.tar'}:v1")
    assert shown["Digest"] == asyncio.run(written.manifest("v1")).digest


def test_skopeo_reads_the_docker_archive(docker_tar: Path, tmp_path: Path) -> None:
    """Skopeo inspects the docker-archive, and copies it layer by layer into a layout."""
    require("skopeo")
    shown = inspect(f"docker-archive:{docker_tar}")
    assert (shown["Labels"], len(shown["Layers"])) == ({"a": "b"}, 2)
    run("skopeo", "copy", f"docker-archive:{docker_tar}:ghcr.io/acme/app:v1", f"oci:{tmp_path / 'out'}:v1")
    assert len(asyncio.run(open_local(tmp_path / "out").manifest("v1")).document.layers) == 2


def test_crane_validates_the_docker_archive(docker_tar: Path) -> None:
    """Crane finds config, digests and diff ids of the docker-archive consistent."""
    require("crane")
    assert "PASS" in run("crane", "validate", "--tarball", docker_tar).stdout


# --- what they write


@pytest.mark.parametrize("form", ["oci", "oci-archive"])
def test_reads_what_skopeo_writes(seeded: LayoutDirectory, tmp_path: Path, form: str) -> None:
    """A layout, or the tar of one, that skopeo wrote has the same manifest."""
    require("skopeo")
    run("skopeo", "copy", f"oci:{seeded.path}:v1", f"{form}:{tmp_path / 'out'}:ghcr.io/acme/app:v1")
    images = open_local(tmp_path / "out")
    assert isinstance(images, LayoutArchive if form == "oci-archive" else LayoutDirectory)
    manifest = asyncio.run(images.manifest("v1"))
    assert manifest.digest == asyncio.run(seeded.manifest("v1")).digest
    assert manifest == asyncio.run(images.manifest("ghcr.io/acme/app:v1"))
    assert all(map(images.has, manifest.document.children))


def test_reads_what_umoci_writes(tmp_path: Path) -> None:
    """A layout that umoci made is read, and taken over."""
    require("umoci")
    run("umoci", "init", "--layout", tmp_path / "umoci")
    images = LayoutDirectory.create(tmp_path / "umoci")
    assert asyncio.run(images.list()) == ()
    run("umoci", "new", "--image", f"{images.path}:v1")
    (entry,) = asyncio.run(images.list())
    assert (entry.name, asyncio.run(images.manifest()).digest) == ("v1", entry.descriptor.digest)


def test_reads_what_tar_writes(seeded: LayoutDirectory, tmp_path: Path) -> None:
    """A layout that somebody put into a tar by hand is read."""
    require("tar")
    run("tar", "-cf", tmp_path / "by-hand.tar", "-C", seeded.path, ".")
    manifest = asyncio.run(open_local(tmp_path / "by-hand.tar").manifest("all"))
    assert manifest == asyncio.run(seeded.manifest("all"))


def test_reads_what_skopeo_saves(seeded: LayoutDirectory, tmp_path: Path) -> None:
    """A docker-archive of skopeo has plain layers; its image goes into a layout that oras reads."""
    require("skopeo", "oras")
    run("skopeo", "copy", f"oci:{seeded.path}:v1", f"docker-archive:{tmp_path / 'a.tar'}:acme/app:v1")
    images = open_local(tmp_path / "a.tar")
    assert isinstance(images, DockerArchive)
    (entry,) = asyncio.run(images.list())
    assert entry.names == ("docker.io/acme/app:v1",)
    again = asyncio.run(copied(images, "v1", tmp_path / "again"))
    assert fetched(again, "v1") == entry.descriptor.digest


def test_crane_sees_the_same_image(docker_tar: Path, seeded: LayoutDirectory) -> None:
    """Crane's own manifest of our docker-archive has the config and the layers that this client reads from it."""
    require("crane")
    assert run("crane", "digest", "--tarball", docker_tar).stdout.startswith("sha256:")
    manifest = asyncio.run(open_local(docker_tar).manifest("ghcr.io/acme/app:v1"))
    document = asyncio.run(seeded.manifest("v1")).document
    assert [each.digest for each in manifest.document.children] == [each.digest for each in document.children]


def test_hardlinks_of_gnu_tar(tmp_path: Path) -> None:
    """GNU tar writes equal files as hard links: a docker-archive may have them, a layout not."""
    require("tar")
    assert b"GNU" in subprocess.run(["tar", "--version"], capture_output=True, check=True).stdout
    files = write_files({"manifest.json": b"[]", "one": b"1"}, tmp_path / "files")
    (files / "two").hardlink_to(files / "one")
    run("tar", "-cf", tmp_path / "links.tar", "-C", files, "manifest.json", "one", "two")
    archive = DockerArchive(tmp_path / "links.tar")
    one, two = (archive._files.place(name) for name in ("one", "two"))
    assert one == two is not None


def test_crane_validates_what_skopeo_makes_of_it(written: LayoutDirectory, tmp_path: Path) -> None:
    """A docker-archive that skopeo made of our layout passes crane's validation."""
    require("crane", "skopeo")
    run("skopeo", "copy", f"oci:{written.path}:v1", f"docker-archive:{tmp_path / 'one.tar'}:acme/app:v1")
    assert "PASS" in run("crane", "validate", "--tarball", tmp_path / "one.tar").stdout
