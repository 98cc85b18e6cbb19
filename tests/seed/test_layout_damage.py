"""OCI layouts that are damaged, incomplete or not safe: refused, with nothing left."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seed.bending import (
    DIGEST_0,
    FORMS,
    as_directory,
    digest_of,
    edited,
    layer_of,
    manifest_of,
    reindexed,
    without,
)
from seed.hello import DIGEST, hello_tar
from seed.layout_files import REF_NAME, blob_path, contents

from ghcr_sim.errors import SeedError
from ghcr_sim.oci import media
from ghcr_sim.seed import Limits, seed_path
from ghcr_sim.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BENT: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str]] = {
    "no version": (lambda f: without(f, "oci-layout"), "oci-layout is missing"),
    "other version": (
        lambda f: f | {"oci-layout": b'{"imageLayoutVersion":"2.0"}'},
        "version '2.0': only version 1",
    ),
    "version is a list": (lambda f: f | {"oci-layout": b"[]"}, "oci-layout is no JSON object"),
    "no index": (lambda f: without(f, "index.json"), "has no index.json and no manifest.json"),
    "index is no JSON": (lambda f: f | {"index.json": b"{"}, "index.json is no JSON"),
    "index is deep": (lambda f: f | {"index.json": b"[" * 8000}, "index.json is no JSON"),
    "index is no text": (lambda f: f | {"index.json": b"\xff\xfe\x00"}, "index.json is no JSON"),
    "index lists nothing": (lambda f: f | {"index.json": b'{"manifests":[]}'}, "holds no image"),
    "index has no list": (lambda f: f | {"index.json": b"{}"}, "index.json has no list 'manifests'"),
    "entry is a text": (
        lambda f: f | {"index.json": b'{"manifests":["x"]}'},
        "a descriptor without mediaType",
    ),
    "entry without digest": (lambda f: reindexed(f, digest=None), "a descriptor without"),
    "entry with a path": (
        lambda f: reindexed(f, digest="sha256:../../../etc/passwd"),
        "a descriptor without",
    ),
    "entry with another size": (lambda f: reindexed(f, size=7), "should have 7 bytes, but has"),
    "negative size": (lambda f: reindexed(f, size=-1), "a descriptor without"),
    "manifest missing": (lambda f: reindexed(f, digest=DIGEST_0), "blobs/sha256/0+ is missing"),
    "manifest of another type": (lambda f: reindexed(f, mediaType=media.DOCKER_MANIFEST), "says it is"),
    "manifest without config": (lambda f: edited(f, config=None), "a descriptor without"),
    "layers are no list": (lambda f: edited(f, layers={}), "has no list 'layers'"),
    "layer missing": (lambda f: without(f, blob_path(layer_of(f)["digest"])), r"blobs/sha256/\w+ is missing"),
    "layer with other bytes": (
        lambda f: f | {blob_path(layer_of(f)["digest"]): b"x" * layer_of(f)["size"]},
        "should be sha256:.*, but its bytes are sha256:",
    ),
    "layer of another size": (lambda f: edited(f, layers=[layer_of(f) | {"size": 1}]), "should have 1 bytes"),
    "config with other bytes": (
        lambda f: (
            f | {blob_path(manifest_of(f)["config"]["digest"]): b"x" * manifest_of(f)["config"]["size"]}
        ),
        "should be sha256:.*, but its bytes are sha256:",
    ),
    "config is a list": (
        lambda f: (
            edited(f, config={"mediaType": media.OCI_CONFIG, "digest": digest_of(b"[]"), "size": 2})
            | {blob_path(digest_of(b"[]")): b"[]"}
        ),
        "is no JSON object",
    ),
    "manifest with other bytes": (
        lambda f: {
            name: data.replace(b'"b"', b'"c"') if b'"layers":[' in data else data for name, data in f.items()
        },
        "should be sha256:.*, but its bytes are sha256:",
    ),
    "manifest too large": (lambda f: edited(f, annotations={"a": "x" * 9999}), "bytes, more than 9000"),
}


@FORMS
@pytest.mark.parametrize("name", BENT)
def test_a_bent_layout_is_refused(
    files: dict[str, bytes], tmp_path: Path, form: Callable[..., Path], name: str
):
    """Whatever is wrong, the error names it, and the store is as it was."""
    bend, why = BENT[name]
    path = form(bend(files), tmp_path)
    store = Store()
    with pytest.raises(SeedError, match=why) as caught:
        seed_path(store, path, limits=Limits(json=9000))
    assert str(path) in str(caught.value)
    assert store.names() == []


def nested(files: dict[str, bytes], depth: int) -> dict[str, bytes]:
    """The image below that many indexes."""
    for _ in range(depth):
        (entry,) = json.loads(files["index.json"])["manifests"]
        content = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
        over = {"mediaType": media.OCI_INDEX, "digest": digest_of(content), "size": len(content)}
        index = {"manifests": [over | {"annotations": {REF_NAME: "acme/app:v1"}}]}
        files = files | {"index.json": json.dumps(index).encode(), blob_path(over["digest"]): content}
    return files


def test_indexes_may_be_nested_but_not_without_end(files: dict[str, bytes], tmp_path: Path):
    """An index in an index is legal; a tower of them is a bomb."""
    (seeded,) = seed_path(Store(), as_directory(nested(files, 3), tmp_path))
    assert seeded.media_type == media.OCI_INDEX
    with pytest.raises(SeedError, match="nested deeper than 8"):
        seed_path(Store(), as_directory(nested(files, 10), tmp_path))


def test_limits_hold(files: dict[str, bytes], tmp_path: Path):
    """Manifests and bytes are counted; the error says which limit to raise."""
    path = as_directory(nested(files, 3), tmp_path)
    with pytest.raises(SeedError, match="more than 2 manifests"):
        seed_path(Store(), path, limits=Limits(entries=2))
    with pytest.raises(SeedError, match=r"beyond 50 bytes: pass limits=Limits\(total=…\)"):
        seed_path(Store(), path, limits=Limits(total=50))


# -- directories


def test_a_symlink_inside_is_followed(files: dict[str, bytes], tmp_path: Path):
    """A layout may share blobs by symlinks within itself."""
    root = as_directory(files, tmp_path)
    (root / "blobs").rename(root / "data")
    (root / "blobs").symlink_to("data")
    assert seed_path(Store(), root)[0].tags == ("v1",)


@pytest.mark.parametrize("what", ["blob", "blobs", "index.json"])
def test_a_symlink_that_leads_out_is_refused(files: dict[str, bytes], tmp_path: Path, what: str):
    """A layout cannot make the fake serve a file of the machine."""
    root = as_directory(files, tmp_path)
    target = root / (blob_path(layer_of(files)["digest"]) if what == "blob" else what)
    target.rename(tmp_path / "outside")
    target.symlink_to(tmp_path / "outside")
    with pytest.raises(SeedError, match=r"leads out of the directory: copy what it points at \(cp -rL\)"):
        seed_path(Store(), root)


def test_a_pipe_is_not_opened(files: dict[str, bytes], tmp_path: Path):
    """A named pipe in place of a blob is refused, where reading it would hang."""
    root = as_directory(files, tmp_path)
    blob = root / blob_path(layer_of(files)["digest"])
    blob.unlink()
    os.mkfifo(blob)
    with pytest.raises(SeedError, match="is no plain file"):
        seed_path(Store(), root)


def test_a_file_that_cannot_be_read_is_named(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What the system says about a file is passed on."""
    root = as_directory(files, tmp_path)

    def refuse(*args: Any, **more: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(SeedError, match="cannot read oci-layout: Permission denied: make it readable"):
        seed_path(Store(), root)


def test_the_layout_may_go_away(files: dict[str, bytes], tmp_path: Path):
    """What is seeded is the store's own."""
    store = Store()
    root = as_directory(files, tmp_path)
    seed_path(store, root)
    shutil.rmtree(root)
    assert b"".join(store.blob("acme/app", layer_of(files)["digest"]).pieces(0, 10))


# -- any damage at all


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 15871), st.integers(0, 255)), max_size=3),
    st.integers(0, 15872),
    st.booleans(),
)
def test_no_damage_is_half_seeded(tmp_path: Path, flips: list[tuple[int, int]], length: int, packed: bool):
    """Whatever bytes are changed, the image is seeded as it was, or refused with nothing left."""
    data = bytearray(hello_tar())
    for at, value in flips:
        data[at] = value
    data = data[:length] if length % 4 == 0 else data
    path = tmp_path / "x.tar"
    path.write_bytes(gzip.compress(bytes(data), 1) if packed else bytes(data))
    store = Store()
    try:
        found = seed_path(store, path)
    except SeedError:
        assert store.names() == []
    else:
        assert [seeded.digest for seeded in found] == [DIGEST]
        assert len(contents(store, found[0].repository)) == 7
