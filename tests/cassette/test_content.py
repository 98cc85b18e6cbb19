"""What may be served: seen in that repository, from the write on that made it."""

from __future__ import annotations

import pytest
from cassette.making import digest, exchange, image, pooled

from ghcr_sim.cassette.changes import Shown
from ghcr_sim.cassette.content import Known, Unseen
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.cassette.shelf import Shelf
from ghcr_sim.oci.media import OCI_MANIFEST

SHA = digest(b"x")
COMMON = {"repository": "a/b", "auth": "bearer"}


@pytest.fixture
def pool(tmp_path):
    """A pool."""
    return Pool(tmp_path / "pool")


def known(pool, *exchanges):
    """What some exchanges show, and their shelf."""
    shelf = Shelf(exchanges)
    return Known(shelf, pool), shelf


def test_a_pushed_manifest_is_there_once_it_was_pushed(pool) -> None:
    """By its tag and by its digest; not before, and nowhere else."""
    data = image()
    put = exchange(
        1,
        "manifest.put",
        201,
        reference="v1",
        sent=pooled(pool, data),
        sent_headers=(("content-type", OCI_MANIFEST),),
        **COMMON,
    )
    there, shelf = known(pool, put)
    assert there.manifest("a/b", "v1") is None
    shelf.play(put)
    for reference in ("v1", digest(data)):
        assert there.manifest("a/b", reference) == Shown(digest(data), OCI_MANIFEST, data)
        assert there.manifest("a/c", reference) is None


def test_the_newest_manifest_holds(pool) -> None:
    """Of two that were seen under one tag, the one after the write, once that was made."""
    old, new = image(b"old"), image(b"new")
    first = exchange(1, "manifest.get", reference="v1", got=pooled(pool, old), **COMMON)
    put = exchange(2, "manifest.put", 201, reference="v1", sent=pooled(pool, new), **COMMON)
    second = exchange(3, "manifest.get", reference="v1", after=(2,), got=pooled(pool, new), **COMMON)
    there, shelf = known(pool, first, put, second)
    assert there.manifest("a/b", "v1").data == old
    shelf.play(put)
    assert there.manifest("a/b", "v1").data == new


def test_what_this_run_has_done_counts(pool) -> None:
    """A push is there, a deletion is not; what goes by its digest goes with all its tags."""
    there, _ = known(pool, exchange(1, "manifest.get", reference="v1", got=pooled(pool, b"{}"), **COMMON))
    shown = Shown(SHA, OCI_MANIFEST, b"x")
    assert not there.is_own("a/b", "v1")
    there.push_manifest("a/b", "v2", shown)
    assert there.manifest("a/b", SHA) == shown
    assert there.own_tags("a/b") == {"v2": True}
    for name, tag in ((digest(b"{}"), "v1"), (SHA, "v2")):
        there.push_manifest("a/b", name, None)
        assert there.manifest("a/b", tag) is None
        assert there.is_own("a/b", tag)
    assert there.own_tags("a/b") == {"v1": False, "v2": False}
    there.push_blob("a/b", Unseen(SHA, 1))
    there.delete_blob("a/b", SHA)
    assert there.blob("a/b", SHA) is None


def test_a_blob_is_there_for_the_repositories_that_were_led_to_it(pool) -> None:
    """What storage gave belongs to who was redirected; a mount and a push add to that."""
    made = [
        exchange(1, "blob.get", 307, reference=SHA, **COMMON),
        exchange(2, "storage.get", host="storage", reference=SHA, got=pooled(pool, b"x")),
        exchange(3, "blob.head", 404, reference=digest(b"y"), **COMMON),
    ]
    there, _ = known(pool, *made)
    assert there.has_blob("a/b", SHA)
    assert not there.has_blob("a/c", SHA)
    there.push_blob("a/c", Unseen(SHA, 1))
    assert there.has_blob("a/c", SHA)
    assert there.any_blob(SHA).size == 1
    assert there.any_blob(digest(b"none")) is None
    assert there.was_absent("a/b", digest(b"y"))
    assert there.is_mentioned("a/b", SHA)
    assert not there.is_mentioned("a/c", SHA)


def test_a_blob_after_a_write_is_there_after_it(pool) -> None:
    """What was seen after an upload is not there before it."""
    put = exchange(1, "upload.put", 201, reference="<session:1>", query=(("digest", SHA),), **COMMON)
    there, shelf = known(
        pool, put, exchange(2, "blob.get", reference=SHA, after=(1,), got=pooled(pool, b"x"), **COMMON)
    )
    assert there.blob("a/b", SHA) is None
    assert there.any_blob(SHA) is not None
    shelf.play(put)
    assert there.blob("a/b", SHA) is not None
