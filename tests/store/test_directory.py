"""The store in a directory: the contract, and the files that it writes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from asking import Fake
from store.content import TAG, blob_file, entries, image, index, listed, manifest, push, read, upload
from store.contract import A, B, StoreContract

from ghcr_sim.assemble import Simulator
from ghcr_sim.errors import StoreError
from ghcr_sim.oci import Refusal
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import OCI_INDEX
from ghcr_sim.store import BytesBlob, DigestMismatch, DirectoryStore, FileBlob, OverlayStore

LARGE = b"x" * 500_000


class TestContract(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        self.open = DirectoryStore(tmp_path / "registry")
        yield self.open
        self.open.close()

    def reopened(self, store):
        root = store._root
        store.close()
        self.open = DirectoryStore(root)
        return self.open


def test_a_repository_is_a_layout(root, store):
    """The files are those of the image layout specification, and nothing else."""
    one, two = image(store, A, "one", ["v1"]), image(store, A, "two")
    assert json.loads((root / A / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert entries(root, A) == [
        {"mediaType": one.media_type, "digest": one.digest, "size": one.size, "annotations": {TAG: "v1"}},
        {"mediaType": two.media_type, "digest": two.digest, "size": two.size},
    ]
    state = store.repository(A)
    assert {f"sha256:{path.name}" for path in (root / A / "blobs/sha256").iterdir()} == {
        *state.blobs,
        *state.manifests,
    }
    assert sorted(path.name for path in (root / A).iterdir()) == ["blobs", "index.json", "oci-layout"]


def test_names_that_a_layout_uses_are_escaped(root, store):
    """A component that would collide with a layout's own files gets a leading underscore on disk."""
    names = [
        A,
        f"{A}/blobs",
        f"{A}/blobs/sha256",
        "index.json",
        "oci-layout/blobs/index.json",
        "blobs",
        "acme",
    ]
    made = {name: image(store, name, name, ["v1"]) for name in names}
    assert (root / "acme/app/_blobs/_blobs").is_dir() is False
    assert (root / "acme/app/_blobs/index.json").is_file()
    assert (root / "_oci-layout/_blobs/_index.json/index.json").is_file()
    store.close()
    for again in (DirectoryStore(root), OverlayStore(root)):
        assert again.names() == sorted(names)
        assert {name: again.manifest(name, "v1") for name in names} == made
        again.close()


def test_any_layout_is_a_repository_if_its_name_is_one(root, store):
    """Layouts that were put into the directory count; those with impossible names are left out."""
    image(store, A, "one", ["v1"])
    for place in ("moved/here", "Upper/case", "_blobs", "_other", "x/blobs/y", "a..b"):
        shutil.copytree(root / A, root / place)
    assert store.names() == [A, "blobs", "moved/here"]
    assert store.manifest("moved/here", "v1") == store.manifest(A, "v1")
    assert store.repository("Upper/case") is None
    assert store.repository("../registry/acme/app") is None
    assert store.repository("_blobs") is None


def test_a_bad_name_is_refused_before_a_file_is_touched(root, store):
    """A name that is none cannot be written to, and a digest that is none is unknown."""
    for name in ("../out", "acme/../../out", "/out", "", "Acme", "a//b"):
        with pytest.raises(Refusal, match="NAME_INVALID"):
            push(store, name, b"one")
        assert store.blob(name, digest_of(b"one")) is None
    push(store, A, b"one")
    assert store.blob(A, "sha256:../../../oci-layout") is None
    assert store.blob(A, "md5:" + "0" * 32) is None
    assert listed(root.parent) == ["registry"]


def test_what_others_wrote_into_the_index_stays(root, store):
    """Annotations, platforms and entries that are not understood survive a push."""
    one = image(store, A, "one", ["v1"])
    path = root / A / "index.json"
    document = json.loads(path.read_text())
    document["annotations"] = {"who": "a tool"}
    document["manifests"][0]["platform"] = {"os": "linux"}
    strange = [
        {"mediaType": "a b", "digest": one.digest},
        {"digest": "sha256:short"},
        7,
        {"mediaType": one.media_type, "digest": one.digest, "size": 1, "annotations": {TAG: "v1"}},
    ]
    document["manifests"] += strange
    path.write_text(json.dumps(document))
    two = image(store, A, "two", ["v2"])
    after = json.loads(path.read_text())
    assert after["annotations"] == {"who": "a tool"}
    assert [entry["digest"] for entry in after["manifests"][:2]] == [one.digest, two.digest]
    assert after["manifests"][0]["platform"] == {"os": "linux"}
    assert after["manifests"][2:] == strange
    store.delete_manifest(A, one.digest)
    assert entries(root, A)[1:] == [{"mediaType": "a b", "digest": one.digest}, *strange[1:3]]


def test_children_are_found_through_an_index_alone(root, store):
    """An index deep down leads to its children; what a build cache lists there stays a blob."""
    child = image(store, A, "child")
    cache = push(store, A, b"cache")
    inner = index(store, A, [child])
    listed = [
        {"mediaType": OCI_INDEX, "digest": inner.digest, "size": inner.size},
        {"mediaType": "application/vnd.buildkit.cacheconfig.v0", "digest": cache, "size": 5},
        {"mediaType": child.media_type, "digest": digest_of(b"not copied"), "size": 9},
    ]
    outer = manifest({"manifests": listed}, OCI_INDEX)
    store.put_manifest(A, outer, ["v1"])
    store.close()
    path = root / A / "index.json"
    document = json.loads(path.read_text())
    document["manifests"] = [entry for entry in document["manifests"] if entry["digest"] == outer.digest]
    path.write_text(json.dumps(document))
    again = OverlayStore(root)
    assert list(again.repository(A).manifests) == [outer.digest, inner.digest, child.digest]
    assert again.blob(A, child.digest) is None
    assert read(again.blob(A, cache)) == b"cache"


def test_the_first_of_two_entries_has_the_tag(root, store):
    """Where an index says a tag twice, the first entry counts, as it does for skopeo."""
    one, two = image(store, A, "one", ["v1"]), image(store, A, "two", ["v2"])
    path = root / A / "index.json"
    path.write_text(path.read_text().replace('"v2"', '"v1"'))
    assert store.manifest(A, "v1") == one
    assert store.manifest(A, two.digest) == two
    store.put_manifest(A, one, ["v3"])
    assert [entry.get("annotations") for entry in entries(root, A)] == [{TAG: "v1"}, {TAG: "v3"}, None]


def test_a_null_list_is_an_empty_one(root, store):
    """A tool that writes null for no manifests has written a layout."""
    push(store, A, b"one")
    (root / A / "index.json").write_text('{"schemaVersion": 2, "manifests": null}')
    assert store.repository(A).manifests == {}
    made = image(store, A, "one", ["v1"])
    assert [entry["digest"] for entry in entries(root, A)] == [made.digest]


def test_an_upload_is_moved_and_a_mount_is_linked(root, store):
    """Neither costs a second copy of the bytes, and nothing stays in the spool."""
    digest = push(store, A, b"one")
    store.put_blob(B, store.blob(A, digest))
    first, second = blob_file(root, A, digest), blob_file(root, B, digest)
    assert first.samefile(second)
    store.put_blob(B, store.blob(A, digest))
    assert listed(root / "_uploads") == []


def test_a_mount_is_copied_where_the_disk_cannot_link(root, store, monkeypatch):
    """A file system without hard links only costs the copy."""

    def refuse(*args):
        raise PermissionError(1, "no links here")

    digest = push(store, A, b"one")
    monkeypatch.setattr(os, "link", refuse)
    store.put_blob(B, store.blob(A, digest))
    assert read(store.blob(B, digest)) == b"one"
    assert not blob_file(root, A, digest).samefile(blob_file(root, B, digest))


def test_a_strangers_file_is_copied_and_checked(tmp_path, root, store):
    """A file outside the directory does not become part of it, and its digest is checked."""
    path = tmp_path / "mine"
    path.write_bytes(b"one")
    store.put_blob(A, FileBlob(digest_of(b"one"), str(path), 3))
    path.write_bytes(b"two")
    assert read(store.blob(A, digest_of(b"one"))) == b"one"
    with pytest.raises(DigestMismatch):
        store.put_blob(A, FileBlob(digest_of(b"one"), str(path), 3))
    with pytest.raises(DigestMismatch):
        store.put_blob(A, BytesBlob(digest_of(b"three"), [b"four"]))
    with pytest.raises(StoreError, match="cannot copy"):
        store.put_blob(A, FileBlob(digest_of(b"one"), str(tmp_path / "nothing"), 3))
    assert listed(root / "_uploads") == []


def test_a_mount_of_a_blob_that_is_gone_says_so(root, store):
    """A handle whose file another program removed cannot be mounted."""
    digest = push(store, A, b"one")
    blob = store.blob(A, digest)
    blob_file(root, A, digest).unlink()
    with pytest.raises(StoreError, match="gone or damaged"):
        store.put_blob(B, blob)
    upload_gone = upload(store, b"two")
    Path(upload_gone.path).unlink()
    with pytest.raises(StoreError, match="No such file"):
        store.put_blob(B, upload_gone)


def test_a_digest_that_is_both_blob_and_manifest_keeps_its_file(root, store):
    """Deleting the one leaves the other."""
    made = manifest({"layers": []})
    for _ in range(2):
        push(store, A, made.content)
        store.put_manifest(A, made, ["v1"])
        assert store.delete_blob(A, made.digest)
        assert store.blob(A, made.digest) is None
        assert store.manifest(A, "v1") == made
        push(store, A, made.content)
        assert store.delete_manifest(A, made.digest)
        assert read(store.blob(A, made.digest)) == made.content
    assert blob_file(root, A, made.digest).is_file()


def test_what_is_deleted_leaves_the_disk(root, store):
    """Without a snapshot or a fork at once; with one the bytes wait in the trash until close."""
    made = image(store, A, "one", ["v1"])
    digest = push(store, A, b"one")
    store.delete_blob(A, digest)
    store.delete_manifest(A, made.digest)
    assert not blob_file(root, A, digest).exists()
    assert not blob_file(root, A, made.digest).exists()
    assert not (root / "_trash").exists()
    digest = push(store, A, b"one")
    fork = store.fork()
    store.delete_blob(A, digest)
    assert not blob_file(root, A, digest).exists()
    assert (root / "_trash").exists()
    assert read(fork.blob(A, digest)) == b"one"
    store.close()
    assert listed(root) == ["_lock", "acme"]
    assert fork.blob(A, digest).path is None


def test_a_repository_that_was_made_since_leaves_no_trace(root, store):
    """After a restore its directories are gone, but not those of a repository below it."""
    image(store, "a/b/c", "one", ["v1"])
    snapshot = store.snapshot()
    image(store, "a/b", "two", ["v1"])
    image(store, "x/y/z", "three", ["v1"])
    push(store, "x/y/z", b"one", "sha512")
    store.set_visibility("x/y/z", "public")
    store.restore(snapshot)
    assert store.names() == ["a/b/c"]
    assert listed(root / "a/b") == ["c"]
    assert not (root / "x").exists()
    assert json.loads((root / "_packages.json").read_text()) == {}


def test_a_full_disk_is_told_and_leaves_the_upload_as_it_was(store):
    """Who pushes hears that the store failed, and may send the same again when there is room."""
    resource = pytest.importorskip("resource", reason="only there can a file be kept from growing")
    fake = Fake(Simulator("oci", store=store))
    session, digest, before = fake.start(A), digest_of(LARGE), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(LARGE) // 2, before[1]))
    try:
        full = fake("PUT", f"{session}?digest={digest}", LARGE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (full.status, "date" in full.headers) == (500, True)
    assert "the store failed" in full.message
    assert fake.simulator.requests("upload.put")[0].status == 500
    assert fake("PUT", f"{session}?digest={digest}", LARGE).status == 201
