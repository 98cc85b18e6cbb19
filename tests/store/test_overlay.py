"""The store in memory over a directory that is only read."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest
from store.content import contents, image, index, listed, push, read
from store.contract import A, B, StoreContract

from ghcr_sim.errors import StoreError
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.store import DirectoryStore, OverlayStore, following
from ghcr_sim.store.layout import read_layout


def traces(root):
    """Every path below a directory, with what tells whether it was touched."""
    found = [path for path in sorted(root.rglob("*")) if path.name not in {"_lock", "_writer"}]
    return [(path, path.lstat().st_mtime_ns, path.lstat().st_size) for path in (root, *found)]


class TestEmpty(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        return OverlayStore(tmp_path)


class TestOverOthers(StoreContract):
    """The contract holds beside repositories that come from the directory, and leaves it untouched."""

    @pytest.fixture
    def store(self, tmp_path):
        below = DirectoryStore(tmp_path)
        image(below, "acme/other", "other", ["v1"])
        push(below, "acme/other", b"below")
        below.close()
        before = traces(tmp_path)
        yield OverlayStore(tmp_path)
        assert traces(tmp_path) == before


@pytest.fixture
def below(tmp_path):
    store = DirectoryStore(tmp_path / "registry")
    yield store
    store.close()


@pytest.fixture
def over(below, tmp_path):
    return OverlayStore(tmp_path / "registry")


def test_it_shows_what_is_below_and_keeps_changes_to_itself(tmp_path, below, over):
    """Content, tags and rights come from the directory; deletes and pushes stay in memory."""
    one = image(below, A, "one", ["v1"])
    below.set_visibility(A, "public")
    below.set_role(A, "mona", "write")
    loose = push(below, A, b"loose")
    was, before = contents(below), traces(tmp_path)
    assert contents(over) == was
    assert over.delete_blob(A, loose)
    assert over.delete_manifest(A, one.digest)
    over.set_visibility(A, "internal")
    image(over, A, "two", ["v2"])
    push(over, B, b"deep")
    assert over.blob(A, loose) is None
    assert over.find_blob(loose) is None
    assert list(over.repository(A).tags) == ["v2"]
    assert read(over.find_blob(digest_of(b"deep"))) == b"deep"
    assert contents(below) == was
    assert traces(tmp_path) == before


def test_it_follows_a_repository_until_it_is_changed_here(below, over):
    """Another writer's pushes, deletes and rights are seen at once, but not where this store wrote."""
    one = image(below, A, "one", ["v1"])
    assert over.manifest(A, "v1") == one
    two = image(below, A, "two", ["v1"])
    below.set_visibility(A, "public")
    assert over.manifest(A, "v1") == two
    assert over.repository(A).visibility == "public"
    late = push(below, A, b"late")
    assert read(over.blob(A, late)) == b"late"
    over.put_manifest(A, one, ["mine"])
    below.delete_tag(A, "v1")
    later = push(below, A, b"later")
    assert list(over.repository(A).tags) == ["v1", "mine"]
    assert over.blob(A, later) is None


def test_a_blob_that_was_added_and_is_deleted_here_is_gone(below, over):
    """A blob that is only found by its file can be deleted here like any other."""
    image(below, A, "one", ["v1"])
    assert over.manifest(A, "v1")
    late = push(below, A, b"late")
    assert over.delete_blob(A, late)
    assert over.blob(A, late) is None
    assert read(below.blob(A, late)) == b"late"


def test_after_a_restore_it_follows_no_more(below, over):
    """What a snapshot did not hold is not there after it was restored, whoever made it."""
    image(below, A, "one", ["v1"])
    snapshot = over.snapshot()
    before = contents(over)
    image(below, A, "two", ["v2"])
    image(below, B, "three", ["v1"])
    over.restore(snapshot)
    assert contents(over) == before
    assert over.repository(B) is None
    assert over.blob(B, digest_of(b"three")) is None


def test_a_fork_keeps_reading_the_files(below, over):
    """A fork of an overlay shares its files, and is a store in memory."""
    one = image(below, A, "one", ["v1"])
    index(below, A, [one], ["all"])
    fork = over.fork()
    image(below, A, "two", ["v1"])
    assert fork.manifest(A, "v1") == one
    image(fork, A, "three", ["v3"])
    assert over.manifest(A, "v3") is None


def test_what_vanishes_below_vanishes_here(below, over):
    """A blob that another process deletes is unknown, not an error."""
    digest = push(below, A, b"one")
    assert over.blob(A, digest)
    below.delete_blob(A, digest)
    assert over.blob(A, digest) is None
    assert over.find_blob(digest) is None


def test_it_wants_a_directory(tmp_path):
    """A path that is no directory, or is itself a layout, is refused with one line that says so."""
    (tmp_path / "file").write_text("")
    for name in ("nothing", "file"):
        with pytest.raises(StoreError, match=f"{name} is not a directory"):
            OverlayStore(tmp_path / name)
    (tmp_path / "oci-layout").write_text("{}")
    with pytest.raises(StoreError, match="itself an OCI layout"):
        OverlayStore(tmp_path)
    assert listed(tmp_path) == ["file", "oci-layout"]


def test_a_default_visibility_can_be_given(below, tmp_path):
    """A package of which nothing is said has the visibility that the store was opened with."""
    image(below, A, "one", ["v1"])
    assert OverlayStore(tmp_path / "registry").repository(A).visibility == "private"
    assert OverlayStore(tmp_path / "registry", visibility="public").repository(A).visibility == "public"


def test_a_repository_that_is_removed_while_it_is_read_is_none(tmp_path, below, over, monkeypatch):
    """Another process may remove a layout between the look and the reading."""
    image(below, A, "one", ["v1"])

    def too_late(name, place, before):
        shutil.rmtree(place.directory)
        return read_layout(name, place, before)

    monkeypatch.setattr(following, "read_layout", too_late)
    assert over.repository(A) is None
    assert over.fork().names() == []


def test_a_blob_that_is_removed_while_a_layout_is_listed_is_left_out(tmp_path, below, over, monkeypatch):
    """Another process may delete a blob between the list and the look at its size."""
    image(below, A, "one", ["v1"])
    kept, gone = push(below, A, b"kept"), push(below, A, b"gone")
    real = os.scandir

    def slow(path):
        entries = list(real(path))
        for entry in entries:
            if entry.name == gone.partition(":")[2]:
                Path(entry.path).unlink()
        return contextlib.nullcontext(entries)

    monkeypatch.setattr(os, "scandir", slow)
    assert kept in over.repository(A).blobs
    assert gone not in over.repository(A).blobs
