"""Other programs change a directory while it is served, and other stores take its blobs."""

from __future__ import annotations

import asyncio
import logging
import shutil
from functools import partial

import pytest
from store.content import TAG, blob_file, entries, image, push, read
from store.contract import A, B

from ghcr_sim.assemble import Simulator
from ghcr_sim.errors import StoreError
from ghcr_sim.exchange import BytesBody, Request
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.store import DirectoryStore, Store


def test_a_layout_that_appears_is_served(root, store):
    """A layout that another program copies into the directory is there at the next access."""
    image(store, A, "one", ["v1"])
    assert store.repository("copied") is None
    shutil.copytree(root / A, root / "copied")
    assert store.manifest("copied", "v1") == store.manifest(A, "v1")
    shutil.rmtree(root / "copied")
    assert store.repository("copied") is None


def test_a_blob_that_appears_is_found(root, store):
    """A file that is named by its digest is a blob at once, and can be mounted and deleted."""
    push(store, A, b"one")
    digest = digest_of(b"late")
    assert store.blob(A, digest) is None
    path = blob_file(root, A, digest)
    path.write_bytes(b"late")
    assert read(store.blob(A, digest)) == b"late"
    assert store.blob(A, digest) is store.blob(A, digest)
    assert read(store.find_blob(digest)) == b"late"
    store.put_blob(B, store.blob(A, digest))
    assert store.delete_blob(A, digest)
    assert not path.exists()
    assert read(store.blob(B, digest)) == b"late"


def test_an_index_that_changes_is_read_again(root, store):
    """Another program's tags count from the next access, and a push here keeps them."""
    one, two = image(store, A, "one", ["v1"]), image(store, A, "two", ["v2"])
    path = root / A / "index.json"
    path.write_text(path.read_text().replace('"v1"', '"other"'))
    assert list(store.repository(A).tags) == ["other", "v2"]
    store.put_manifest(A, two, ["v3"])
    assert [entry["annotations"][TAG] for entry in entries(root, A)] == ["other", "v2", "v3"]
    assert store.manifest(A, "other") == one


def test_a_half_written_index_is_waited_for(root, store, caplog):
    """While another program writes an index in place, what was read before is served."""
    one = image(store, A, "one", ["v1"])
    path = root / A / "index.json"
    whole = path.read_text()
    path.write_text(whole[:50])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert store.manifest(A, "v1") == one
    assert (
        len([record for record in caplog.records if "what was read before is served" in record.message]) == 1
    )
    with pytest.raises(StoreError, match=r"index.json was changed by another program and cannot be read"):
        store.put_manifest(A, one, ["v2"])
    assert path.read_text() == whole[:50]
    path.write_text(whole.replace('"v1"', '"v7"'))
    store.put_manifest(A, one, ["v8"])
    assert list(store.repository(A).tags) == ["v7", "v8"]


def test_an_index_that_comes_back_can_be_written_again(root, store):
    """A file that was moved away and back is the one that was read."""
    one = image(store, A, "one", ["v1"])
    path, aside = root / A / "index.json", root / A / "aside"
    path.rename(aside)
    path.write_text("{")
    assert store.manifest(A, "v1") == one
    aside.replace(path)
    store.put_manifest(A, one, ["v2"])
    assert list(store.repository(A).tags) == ["v1", "v2"]


def test_a_fork_takes_file_blobs_into_any_store(root, store):
    """A blob of a directory may be put into a store in memory, and back."""
    digest = push(store, A, b"one")
    memory = Store()
    memory.put_blob(A, store.blob(A, digest))
    assert read(memory.blob(A, digest)) == b"one"
    store.put_blob("back", memory.blob(A, digest))
    assert "LayoutBlob" in repr(store.blob("back", digest))


def test_opening_reads_no_layout(root, store, monkeypatch):
    """Opening a directory reads none of its layouts; a repository is read when it is asked for."""
    for number in range(5):
        image(store, f"acme/app{number}", str(number), ["v1"])
    store.close()
    again = DirectoryStore(root)
    assert again._layouts == {}
    assert again.manifest("acme/app3", "v1")
    assert list(again._layouts) == ["acme/app3"]
    again.close()


@pytest.mark.parametrize("reference", ["v1", "digest"])
def test_a_request_is_admitted_and_answered_by_one_state(root, reference):
    """A manifest that another program removes, or hides, is gone at the next request, not in the midst of one."""
    simulator = Simulator(store=DirectoryStore(root))
    one = image(simulator.store, A, "one", ["v1"])
    simulator.set_visibility(A, "public")
    target = f"/v2/{A}/manifests/{one.digest if reference == 'digest' else reference}"
    headers = {"authorization": "Bearer QQ==", "accept": one.media_type}
    ask = partial(simulator, Request("GET", target, headers), BytesBody())
    assert asyncio.run(ask()).status == 200
    packages = root / "_packages.json"
    packages.write_text(packages.read_text().replace("public", "private"))
    assert asyncio.run(ask()).status == 403
    packages.unlink()
    simulator.set_visibility(A, "public")
    (root / A / "index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    assert asyncio.run(ask()).status == 404
    simulator.close()
