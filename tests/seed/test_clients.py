"""Real programs judge what is seeded, and what they write is seeded."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from seed.layout_files import contents, layout_files, write_files
from tools import require, run

from ghcr_sim.seed import Layer, seed, seed_path
from ghcr_sim.seed.tars import content_entries, tar
from ghcr_sim.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.clients


@pytest.fixture
def source(tmp_path: Path) -> Store:
    """Every kind of layer, and names that need an extended header."""
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "run").write_text("#!/bin/sh\n")
    (tmp_path / "tree" / "deep" / "run").chmod(0o755)
    (tmp_path / "tree" / "link").symlink_to("deep/run")
    plain = b"".join(tar(content_entries([("plain", b"tar")])))
    layers = [
        b"bytes",
        {"etc/motd": "hi\n", "long/" + "x" * 120: b"long", "é/ü": "text"},
        tmp_path / "tree",
        70_000,
        Layer("application/vnd.oci.image.layer.v1.tar", plain),
    ]
    store = Store()
    seed(store, "acme/app:v1", layers=layers, config={"Cmd": ["/deep/run"]}, labels={"a": "b"})
    seed(store, "acme/app:all", platforms=["linux/amd64", "linux/arm64", "linux/arm/v7"])
    seed(store, "acme/docker:v1", layers=layers[:-1], docker=True)
    seed(store, "acme/docker:all", docker=True, platforms=["linux/amd64", "linux/arm/v7"])
    return store


@pytest.fixture
def layout(source: Store, tmp_path: Path) -> Path:
    return write_files(layout_files(source, "acme/app"), tmp_path / "layout")


def inspect(where: str) -> Any:
    return json.loads(run("skopeo", "inspect", where).stdout)


def test_umoci_unpacks_it(layout: Path, tmp_path: Path):
    """Each layer unpacks to the files that were asked for."""
    require("umoci")
    run("umoci", "unpack", "--rootless", "--image", f"{layout}:v1", tmp_path / "bundle")
    root = tmp_path / "bundle" / "rootfs"
    assert (root / "layer-0").read_bytes() == b"bytes"
    assert (root / "etc" / "motd").read_text() == "hi\n"
    assert (root / "long" / ("x" * 120)).read_bytes() == b"long"
    assert (root / "é" / "ü").read_text() == "text"
    assert (root / "link").readlink().as_posix() == "deep/run"
    assert (root / "deep" / "run").stat().st_mode & 0o777 == 0o755
    assert (root / "synthetic-3.bin").stat().st_size == 70_000
    assert (root / "plain").read_bytes() == b"tar"


def test_skopeo_reads_it(layout: Path, source: Store):
    """Digest, labels, platform and layers are what was seeded."""
    require("skopeo")
    shown = inspect(f"oci:{layout}:v1")
    assert shown["Digest"] == source.manifest("acme/app", "v1").digest
    assert (shown["Labels"], shown["Os"], shown["Architecture"]) == ({"a": "b"}, "linux", "amd64")
    assert len(shown["Layers"]) == 5


def test_skopeo_copies_all_platforms(layout: Path, tmp_path: Path, source: Store):
    """An index is copied whole, and comes back with its digest."""
    require("skopeo")
    run("skopeo", "copy", "--all", f"oci:{layout}:all", f"oci:{tmp_path}/copy:ghcr.io/acme/app:all")
    (seeded,) = seed_path(Store(), tmp_path / "copy")
    assert seeded.digest == source.manifest("acme/app", "all").digest
    assert list(seeded.manifests) == ["linux/amd64", "linux/arm64", "linux/arm/v7"]


@pytest.mark.parametrize("tag", ["v1", "all"])
def test_skopeo_understands_dockers_types(source: Store, tmp_path: Path, tag: str):
    """Schema 2 manifests and lists are converted by a program that checks every layer."""
    require("skopeo")
    manifest = source.manifest("acme/docker", tag)
    held = contents(source, "acme/docker")
    files = {digest.removeprefix("sha256:"): content for digest, content in held.items()}
    files |= {
        f"{name}.manifest.json": content for name, content in files.items() if b'"schemaVersion"' in content
    }
    files |= {"manifest.json": manifest.content, "version": b"Directory Transport Version: 1.1\n"}
    write_files(files, tmp_path / "dir")
    run(
        "skopeo",
        "copy",
        "--format",
        "oci",
        f"dir:{tmp_path}/dir",
        f"oci:{tmp_path}/oci:ghcr.io/acme/docker:{tag}",
    )
    assert seed_path(Store(), tmp_path / "oci")[0].tags == (tag,)


@pytest.mark.parametrize("packed", [False, True])
def test_skopeos_archives_are_seeded(layout: Path, tmp_path: Path, source: Store, *, packed: bool):
    """`docker-archive:` and `oci-archive:` are read; the config, and so the image id, stays."""
    require("skopeo", "gzip")
    wanted = json.loads(source.manifest("acme/app", "v1").content)["config"]["digest"]
    for kind in ("docker-archive", "oci-archive"):
        path = tmp_path / f"{kind}.tar"
        run("skopeo", "copy", f"oci:{layout}:v1", f"{kind}:{path}:ghcr.io/acme/app:v1")
        if packed:
            run("gzip", path)
            path = path.with_suffix(".tar.gz")
        store = Store()
        (seeded,) = seed_path(store, path)
        assert (seeded.repository, seeded.tags) == ("acme/app", ("v1",))
        assert json.loads(store.manifest("acme/app", "v1").content)["config"]["digest"] == wanted


def test_what_is_seeded_from_an_archive_unpacks(layout: Path, tmp_path: Path):
    """A manifest that is made around the config of an archive is one that programs accept."""
    require("skopeo", "umoci")
    run("skopeo", "copy", f"oci:{layout}:v1", f"docker-archive:{tmp_path}/x.tar:acme/app:v1")
    store = Store()
    seed_path(store, tmp_path / "x.tar")
    again = write_files(layout_files(store, "acme/app"), tmp_path / "again")
    run("umoci", "unpack", "--rootless", "--image", f"{again}:v1", tmp_path / "bundle")
    assert (tmp_path / "bundle" / "rootfs" / "plain").read_bytes() == b"tar"


def test_oras_takes_artifacts_and_finds_referrers(source: Store, tmp_path: Path):
    """An artifact's files are pulled under their names, and a referrer is found by its subject."""
    require("oras")
    seed(source, "acme/app:files", artifact_type="a/b", layers=[{"sbom.json": "{}"}])
    note = seed(source, "acme/app", artifact_type="a/note", subject="all")
    layout = write_files(layout_files(source, "acme/app"), tmp_path / "layout")
    run("oras", "pull", "--oci-layout", f"{layout}:files", "-o", tmp_path / "out")
    assert (tmp_path / "out" / "sbom.json").read_text() == "{}"
    shown = json.loads(run("oras", "discover", "--oci-layout", f"{layout}:all", "--format", "json").stdout)
    (found,) = shown.get("referrers") or shown["manifests"]
    assert (found["digest"], found["artifactType"]) == (note.digest, "a/note")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory with a short name: Podman wants at most 50 characters."""
    with TemporaryDirectory(prefix="seed") as path:
        yield Path(path)


def test_podman_loads_it(layout: Path, tmp_path: Path, short_path: Path):
    """Podman takes the image, and what it saves is seeded again."""
    require("podman", "skopeo")
    store = ["--root", str(tmp_path / "root"), "--runroot", str(short_path), "--storage-driver", "vfs"]
    run("skopeo", "copy", f"oci:{layout}:v1", f"oci-archive:{tmp_path}/in.tar:localhost/acme/app:v1")
    run("podman", *store, "load", "-i", tmp_path / "in.tar")
    for form in ("docker-archive", "oci-archive"):
        out = tmp_path / f"{form}.tar"
        run("podman", *store, "save", "--format", form, "-o", out, "localhost/acme/app:v1")
        (seeded,) = seed_path(Store(), out)
        assert (seeded.repository, seeded.tags) == ("acme/app", ("v1",))
