"""Layers from bytes, files, directories, sizes and blobs."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import socket
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghcr_sim.errors import SeedError
from ghcr_sim.seed import Layer
from ghcr_sim.seed.intake import Intake
from ghcr_sim.seed.layers import BuiltLayer, build_layer, raw_layer
from ghcr_sim.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
TAR = "application/vnd.oci.image.layer.v1.tar"


@pytest.fixture
def intake() -> Iterator[Intake]:
    with Intake(Store()) as taken:
        yield taken


def content(layer: BuiltLayer) -> bytes:
    return b"".join(layer.blob.pieces(0, layer.blob.size))


def members(layer: BuiltLayer) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(content(layer))) as archive:
        return {member.name: member for member in archive}


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=150).filter(
    lambda name: name not in (".", "..")
)


@settings(deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=600)))
def test_files_of_any_name_are_read_back(files: dict[str, bytes]):
    """A dict is a layer that `tarfile` reads back, with the right diff id, the same in any order."""
    layer = build_layer(files, 0, Intake(Store()))
    with tarfile.open(fileobj=io.BytesIO(content(layer))) as archive:
        found = {member.name: archive.extractfile(member).read() for member in archive}
    assert found == files
    assert layer.diff_id == sha256(gzip.decompress(content(layer)))
    assert layer.blob.digest == sha256(content(layer))
    again = build_layer(dict(reversed(files.items())), 0, Intake(Store()))
    assert again.blob.digest == layer.blob.digest


def test_entries_tell_nothing_of_the_machine(intake: Intake):
    """Owner, time and order are fixed; directories above a file are there."""
    layer = build_layer({"/b/c": "two", "a": b"one"}, 0, intake)
    found = members(layer)
    assert list(found) == ["a", "b", "b/c"]
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in found.values()} == {(0, 0, "", "", 0)}
    assert found["b"].isdir()
    assert [oct(member.mode) for member in found.values()] == ["0o644", "0o755", "0o644"]
    assert layer.media_type == GZIP
    assert content(layer)[:10].hex() == "1f8b08000000000000ff"


def test_bytes_are_a_file_named_by_position(intake: Intake):
    """`bytes` become `/layer-N`."""
    assert list(members(build_layer(b"x", 3, intake))) == ["layer-3"]


def test_a_size_is_a_synthetic_layer(intake: Intake):
    """An `int` gives a tar of one file of that size; the position is the seed, so no two are equal."""
    layer = build_layer(1000, 2, intake)
    assert (layer.media_type, layer.diff_id) == (TAR, layer.blob.digest)
    assert members(layer)["synthetic-2.bin"].size == 1000


@pytest.mark.parametrize("path", ["", "/", "a//b", "../a", "a/../b", "./a", "a/", "a\0b"])
def test_paths_that_are_none_are_refused(intake: Intake, path: str):
    """A path within a layer is plain."""
    with pytest.raises(SeedError, match="give a plain path"):
        build_layer({path: b""}, 0, intake)


@pytest.mark.parametrize("files", [{"a": b"", "/a": b""}, {"a": b"", "a/b": b""}, {"a/b": b"", "a": b""}])
def test_a_path_is_one_thing(intake: Intake, files: dict[str, bytes]):
    """A path cannot be two files, nor a file and a directory."""
    with pytest.raises(SeedError, match="twice, or as a file and a directory"):
        build_layer(files, 0, intake)


@pytest.mark.parametrize("item", ["text", None, True, 1.5, bytearray(b"x"), [b"x"]])
@pytest.mark.parametrize("build", [build_layer, raw_layer])
def test_unknown_items_are_refused(intake: Intake, build: Any, item: Any):
    """What is no layer is refused, and the error lists what is."""
    with pytest.raises(SeedError, match=r"layers\[4\] is .*: give bytes, a dict"):
        build(item, 4, intake)


@pytest.mark.parametrize("files", [{"a": 1}, {1: b"a"}])
def test_a_dict_of_other_things_is_refused(intake: Intake, files: Any):
    """A dict maps paths to content."""
    with pytest.raises(SeedError, match="give str paths, and bytes or str"):
        build_layer(files, 0, intake)


# -- from the disk


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "run").write_bytes(b"#!")
    (root / "bin" / "run").chmod(0o700)
    (root / "note").write_bytes(b"n" * 700)
    (root / "note").chmod(0o600)
    (root / "link").symlink_to("bin/run")
    (root / "bin" / "up").symlink_to("../note")
    return root


def test_a_directory_is_its_content(intake: Intake, tree: Path):
    """A directory's files, directories and inner symlinks are the layer; of the mode only x survives."""
    layer = build_layer(tree, 0, intake)
    found = members(layer)
    assert list(found) == ["bin", "bin/run", "bin/up", "link", "note"]
    assert (found["link"].linkname, found["bin/up"].linkname) == ("bin/run", "../note")
    assert (oct(found["bin/run"].mode), oct(found["note"].mode)) == ("0o755", "0o644")
    assert layer.diff_id == sha256(gzip.decompress(content(layer)))


def test_a_directory_gives_the_same_layer_at_any_time(intake: Intake, tree: Path):
    """Times and modes beside x leave no trace."""
    first = build_layer(tree, 0, intake)
    os.utime(tree / "note", (1, 1))
    (tree / "note").chmod(0o644)
    assert build_layer(tree, 0, intake).blob.digest == first.blob.digest


def test_a_file_keeps_its_name(intake: Intake, tree: Path):
    """A file is a layer with that file; a symlink that the caller names is followed."""
    assert list(members(build_layer(tree / "note", 0, intake))) == ["note"]
    assert members(build_layer(tree / "link", 0, intake))["link"].size == 2


@pytest.mark.parametrize("target", ["/etc/passwd", "..", "../../x", "bin/../../x", "outwards/x"])
def test_symlinks_that_lead_out_are_refused(intake: Intake, tree: Path, target: str):
    """A symlink out of the directory would take along what nobody meant to."""
    (tree / "outwards").symlink_to("..") if target.startswith("outwards") else None
    (tree / "bad").symlink_to(target)
    with pytest.raises(SeedError, match=r"leads out of .*: make it relative, or copy the file"):
        build_layer(tree, 0, intake)


def test_special_files_are_refused(intake: Intake, tree: Path, monkeypatch: pytest.MonkeyPatch):
    """A socket has no content."""
    monkeypatch.chdir(tree)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        with pytest.raises(SeedError, match="neither file, directory nor symlink"):
            build_layer(tree, 0, intake)
        with pytest.raises(SeedError, match="neither file, directory nor symlink"):
            raw_layer(tree / "socket", 0, intake)


def test_what_cannot_be_read_is_named(intake: Intake, tree: Path, monkeypatch: pytest.MonkeyPatch):
    """A path that is not there, or a directory that may not be listed, is named in the error."""
    with pytest.raises(SeedError, match=r"cannot read .*nothing: No such file"):
        build_layer(tree / "nothing", 0, intake)

    def walk(root: Path, onerror: Any) -> list[Any]:
        onerror(PermissionError(13, "Permission denied", str(root)))
        return []

    monkeypatch.setattr(os, "walk", walk)
    with pytest.raises(SeedError, match=r"cannot read .*tree: Permission denied"):
        build_layer(tree, 0, intake)


def test_a_file_that_shrinks_is_noticed(intake: Intake, tree: Path, monkeypatch: pytest.MonkeyPatch):
    """A tar promises sizes; a file that became shorter meanwhile cannot keep its own."""
    real = Path.open

    def open_shrunk(path: Path, *args: Any, **more: Any) -> Any:
        os.truncate(path, 1)
        return real(path, *args, **more)

    monkeypatch.setattr(Path, "open", open_shrunk)
    with pytest.raises(SeedError, match="became shorter while it was read"):
        build_layer(tree / "note", 0, intake)


# -- as it is


def test_a_ready_layer_is_kept(intake: Intake):
    """A `Layer` is stored byte for byte; a diff id that is given is believed."""
    layer = build_layer(Layer("x/y+zstd", b"zzz", "sha256:" + "0" * 64, {"a": "b"}), 0, intake)
    assert (content(layer), layer.media_type, layer.annotations) == (b"zzz", "x/y+zstd", {"a": "b"})
    assert layer.diff_id == "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        (TAR, b"tar"),
        (GZIP, gzip.compress(b"tar", mtime=0)),
        ("application/x.tar.gzip", gzip.compress(b"tar", mtime=0)),
    ],
    ids=["plain", "gzip", "gzip by its suffix"],
)
def test_the_diff_id_is_found_out(intake: Intake, media_type: str, data: bytes):
    """The diff id of a plain or gzipped tar is computed."""
    assert build_layer(Layer(media_type, data), 0, intake).diff_id == sha256(b"tar")


def test_a_blob_may_be_the_content(intake: Intake):
    """A `Layer` can hold any blob."""
    blob = build_layer(5, 0, intake).blob
    assert build_layer(Layer(TAR, blob), 0, intake).blob is blob


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (Layer("a/b+zstd", b"z"), "in which no tar can be seen: give diff_id="),
        (Layer(GZIP, b"not gzip at all"), r"layers\[0\] \(it needs diff_id=.* is damaged gzip"),
        (Layer(TAR, b"z", "md5:0"), r"layers\[0\]\.diff_id is 'md5:0': give algorithm:hex"),
    ],
)
def test_a_diff_id_that_cannot_be_found_is_asked_for(intake: Intake, layer: Layer, why: str):
    """Where the diff id cannot be known, the error asks for it."""
    with pytest.raises(SeedError, match=why):
        build_layer(layer, 0, intake)


# -- within artifacts


def test_artifacts_take_bytes_as_they_are(intake: Intake, tree: Path):
    """An artifact's layers are raw; files bear their names as `oras` writes them."""
    items = [b"raw", {"a.txt": "A", "b/c": b"C"}, tree / "note", Layer("x/y", b"z", annotations={"k": "v"})]
    layers = [layer for item in items for layer in raw_layer(item, 0, intake)]
    title = "org.opencontainers.image.title"
    assert [(content(layer), layer.annotations) for layer in layers] == [
        (b"raw", None),
        (b"A", {title: "a.txt"}),
        (b"C", {title: "b/c"}),
        (b"n" * 700, {title: "note"}),
        (b"z", {"k": "v"}),
    ]
    assert [layer.media_type for layer in layers] == ["application/octet-stream"] * 4 + ["x/y"]


def test_artifacts_tar_directories(intake: Intake, tree: Path):
    """A directory has no raw bytes, so it is a tar even there; a size is a synthetic one."""
    assert [layer.media_type for layer in raw_layer(tree, 0, intake)] == [GZIP]
    assert [layer.media_type for layer in raw_layer(7, 0, intake)] == [TAR]
