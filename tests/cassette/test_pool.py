"""The pool: a valid OCI layout, each body once, and what is damaged is not served."""

from __future__ import annotations

import json
import threading

import pytest
from cassette.making import digest, image
from tools import require, run

from ghcr_sim.cassette import CassetteError
from ghcr_sim.cassette.pool import NAME, Pool
from ghcr_sim.oci import Refusal
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import OCI_MANIFEST


def test_nothing_is_made_before_something_is_kept(tmp_path) -> None:
    """Who only reads leaves no directory behind."""
    pool = Pool.beside(tmp_path / "a.jsonl")
    assert pool.root == tmp_path / NAME
    assert not pool.has(digest(b"a"))
    assert list(pool.digests()) == []
    assert not pool.root.exists()


def test_a_body_is_kept_once(tmp_path) -> None:
    """The same bytes twice are one file, named by their digest, and nothing else is left."""
    pool = Pool(tmp_path / "pool")
    assert pool.put(b"bytes") == pool.put(b"bytes") == digest(b"bytes")
    assert list(pool.digests()) == [digest(b"bytes")]
    assert pool.read(digest(b"bytes")) == b"bytes"
    assert b"".join(pool.blob(digest(b"bytes"), 5).pieces(0, 5)) == b"bytes"
    assert sorted(each.name for each in pool.root.iterdir() if not each.name.startswith(".lock")) == [
        "blobs",
        "index.json",
        "oci-layout",
    ]


def test_a_body_is_seen_when_it_is_whole(tmp_path) -> None:
    """Before it is committed nobody finds it; discarded, it was never there; both may be repeated."""
    pool = Pool(tmp_path / "pool")
    writer = pool.writer()
    writer.write(b"by")
    assert list(pool.digests()) == []
    writer.write(b"tes")
    assert (writer.size, writer.digest) == (5, digest(b"bytes"))
    assert writer.commit(digest(b"bytes")) == digest(b"bytes")
    writer.discard()
    assert pool.has(digest(b"bytes"))
    other = pool.writer()
    other.write(b"other")
    other.discard()
    other.discard()
    assert list(pool.digests()) == [digest(b"bytes")]
    assert not list(pool.root.glob(".part.*"))


def test_other_bytes_than_promised_are_not_kept(tmp_path) -> None:
    """A digest that is wrong is an error, and leaves nothing."""
    writer = Pool(tmp_path / "pool").writer()
    writer.write(b"other")
    with pytest.raises(CassetteError, match=r"the bytes that came for sha256:.* have sha256:"):
        writer.commit(digest(b"bytes"))
    assert list(Pool(tmp_path / "pool").digests()) == []


def test_a_missing_body_is_named(tmp_path) -> None:
    """The error has the file that should be there, and what to do."""
    pool = Pool(tmp_path / "pool")
    for look in (pool.blob, pool.read):
        with pytest.raises(
            CassetteError, match=r"the pool misses sha256:.*; record the cassette again, or fetch"
        ) as caught:
            look(digest(b"a"))
        assert caught.value.path == pool.path(digest(b"a"))


def test_a_damaged_body_is_not_given_out(tmp_path) -> None:
    """Other bytes under a digest, or more of them, are an error that names the file."""
    pool = Pool(tmp_path / "pool")
    pool.put(b"bytes")
    pool.path(digest(b"bytes")).write_bytes(b"bytez")
    with pytest.raises(
        CassetteError, match="is damaged: its bytes have another digest; delete that file"
    ) as caught:
        pool.read(digest(b"bytes"))
    assert caught.value.path == pool.path(digest(b"bytes"))
    pool.path(digest(b"bytes")).write_bytes(b"byte")
    with pytest.raises(CassetteError, match="it has 4 bytes instead of 5"):
        pool.blob(digest(b"bytes"), 5)


@pytest.mark.parametrize(
    "name", ["sha256:../../../etc/passwd", "../a", "sha256:", "/etc/passwd", "sha1:" + "a" * 40]
)
def test_no_digest_leads_out_of_the_directory(tmp_path, name) -> None:
    """What is no digest has no file."""
    with pytest.raises(Refusal):
        Pool(tmp_path / "pool").path(name)


def test_both_digests_have_their_place(tmp_path) -> None:
    """A sha512 blob lies where the layout wants it."""
    pool = Pool(tmp_path / "pool")
    pool.put(b"bytes")
    name = digest_of(b"bytes", "sha512")
    pool.path(name).parent.mkdir()
    pool.path(name).write_bytes(b"bytes")
    assert pool.read(name) == b"bytes"
    assert set(pool.digests()) == {name, digest(b"bytes")}


def test_what_is_no_body_is_passed_over(tmp_path) -> None:
    """A file that somebody has put among the blobs is none of the pool's."""
    pool = Pool(tmp_path / "pool")
    pool.put(b"bytes")
    (pool.root / "blobs" / "README").write_text("hello")
    (pool.root / "blobs" / "sha256" / "README").write_text("hello")
    assert list(pool.digests()) == [digest(b"bytes")]


def test_manifests_are_listed_by_name_once(tmp_path) -> None:
    """A tag that moves is one entry; the list is sorted; what is removed is listed no more."""
    pool = Pool(tmp_path / "pool")
    one, two = image(b"one"), image(b"two")
    for name, data in (("b/b:v1", one), ("a/a:v1", one), ("b/b:v1", two)):
        pool.list_manifest({"mediaType": OCI_MANIFEST, "digest": pool.put(data), "size": len(data)}, name)
    index = json.loads((pool.root / "index.json").read_text())
    named = [
        (each["annotations"]["org.opencontainers.image.ref.name"], each["digest"])
        for each in index["manifests"]
    ]
    assert named == [("a/a:v1", digest(one)), ("b/b:v1", digest(two))]
    pool.remove(digest(two))
    assert [each["digest"] for each in json.loads((pool.root / "index.json").read_text())["manifests"]] == [
        digest(one)
    ]
    assert not pool.has(digest(two))
    pool.remove(digest(b"never there"))


def test_a_damaged_index_is_named(tmp_path) -> None:
    """The list that other tools read can be thrown away: the error says so."""
    pool = Pool(tmp_path / "pool")
    pool.put(b"bytes")
    (pool.root / "index.json").write_text("{")
    with pytest.raises(CassetteError, match="it is not JSON; delete it: it is made anew"):
        pool.remove(digest(b"bytes"))
    (pool.root / "index.json").unlink()
    pool.remove(digest(b"bytes"))
    assert not pool.has(digest(b"bytes"))
    (pool.root / "index.json").write_text("[]")
    pool.list_manifest({"digest": digest(b"a")}, "a/b:c")


def test_many_writers_at_once_lose_nothing(tmp_path) -> None:
    """Threads that keep the same and other bytes end with all of them, and with a whole index."""
    pool = Pool(tmp_path / "pool")
    failed = []

    def work(number):
        try:
            for word in range(10):
                data = f"{word}".encode()
                pool.list_manifest({"digest": pool.put(data)}, f"a/b:{number}-{word}")
        except Exception as error:  # noqa: BLE001 - shown below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    assert set(pool.digests()) == {digest(f"{word}".encode()) for word in range(10)}
    assert len(json.loads((pool.root / "index.json").read_text())["manifests"]) == 40


def test_what_a_killed_process_left_is_not_in_the_way(tmp_path) -> None:
    """Names of unfinished bodies are drawn by chance: a process with the same number writes beside them."""
    pool = Pool(tmp_path / "pool")
    writers = [pool.writer() for _ in range(5)]
    assert len({each.path for each in writers}) == 5
    assert pool.put(b"bytes")
    for each in writers:
        each.discard()


@pytest.mark.clients
def test_skopeo_reads_the_pool(tmp_path) -> None:
    """The pool is an image layout: a tool that knows no cassette finds the image by its name."""
    require("skopeo")
    pool = Pool(tmp_path / "pool")
    for word in (b"{}", b"word"):
        pool.put(word)
    data = image(b"word")
    pool.list_manifest(
        {"mediaType": OCI_MANIFEST, "digest": pool.put(data), "size": len(data)}, "acme/app:v1"
    )
    said = run("skopeo", "inspect", "--raw", f"oci:{pool.root}:acme/app:v1").stdout
    assert said.encode() == data


def test_a_pool_that_cannot_be_written_says_which_file_stays(tmp_path) -> None:
    """The error names it and what to do; the bytes are there as before."""
    pool = Pool(tmp_path / "pool")
    name = pool.put(b"bytes")
    (pool.root / ".lock").unlink(missing_ok=True)
    (pool.root / ".lock").mkdir()  # as good as a directory in which root may not write either
    with pytest.raises(
        CassetteError, match=r"cannot be removed from the pool: .*let yourself write"
    ) as caught:
        pool.remove(name)
    assert caught.value.path == pool.path(name)
    assert pool.has(name)
