"""Looking after cassettes: form, parts, bodies that nobody needs, secrets in files of others."""

from __future__ import annotations

import json

import pytest
from cassette.making import PAT, cassette, digest, exchange, image, pooled, recording, text

from ghcr_sim.cassette import CassetteError, load
from ghcr_sim.cassette.care import (
    Finding,
    format_cassette,
    is_formatted,
    missing,
    needed_digests,
    scan,
    unneeded,
)
from ghcr_sim.cassette.pool import Pool

EDITS = {
    "a blank": lambda data: data.replace('"id":1', '"id": 1'),
    "the order of keys": lambda data: data.replace('"id":1,"operation":"ping"', '"operation":"ping","id":1'),
    "the order of lines": lambda data: "\n".join(
        [*(lines := data.split("\n"))[:1], lines[2], lines[1], *lines[3:]]
    ),
    "a word": lambda data: data.replace("hello", "hullo"),
    "an example": lambda data: data.replace('"ping 200":1', '"ping 200":2'),
    "a line less": lambda data: "\n".join(data.split("\n")[:-2]) + "\n",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_was_edited_is_put_in_form(tmp_path, edit) -> None:
    """A cassette that somebody has edited is not in form; formatted, it is, and nothing is lost."""
    path = cassette(
        tmp_path / "a.jsonl", exchange(1, got=text("hello")), exchange(2, "tags.list", repository="a/b")
    ).path
    assert is_formatted(path)
    path.write_text(edit(path.read_text()))
    assert not is_formatted(path)
    before = load(path)
    format_cassette(path)
    assert is_formatted(path)
    assert load(path).is_sealed
    assert {each.line() for each in load(path).exchanges} == {each.line() for each in before.exchanges}


def test_a_line_more_is_not_in_form(tmp_path) -> None:
    """What follows the last exchange is looked at, too."""
    path = cassette(tmp_path / "a.jsonl", exchange()).path
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(CassetteError, match="line 3: the line is damaged"):
        is_formatted(path)


def test_bodies_that_are_missing_are_named_once(tmp_path) -> None:
    """Lost ones and cut ones, each once; what is not in the pool by its nature is not missed."""
    path = tmp_path / "a.jsonl"
    pool = Pool.beside(path)
    one, two = pooled(pool, b"one"), pooled(pool, b"two two")
    made = cassette(
        path,
        exchange(1, got=one),
        exchange(2, got=one, sent=two),
        exchange(3, got=text("x"), sent=two.model_copy(update={"pooled": False})),
    )
    assert list(needed_digests(made.exchanges)) == [one.digest, two.digest, one.digest]
    assert missing(made) == []
    pool.path(one.digest).unlink()
    pool.path(two.digest).write_bytes(b"two")
    lost, cut = missing(made)
    assert f"the pool misses {one.digest}" in str(lost)
    assert "it has 3 bytes instead of 7" in str(cut)


def test_a_changed_byte_is_found_by_who_looks_closely(tmp_path) -> None:
    """A body of the right size with other bytes: named once, with its file."""
    path = tmp_path / "a.jsonl"
    body = pooled(Pool.beside(path), b"one")
    made = cassette(path, exchange(1, got=body), exchange(2, got=body))
    assert missing(made, thorough=True) == []
    made.pool.path(body.digest).write_bytes(b"two")
    assert missing(made) == []
    [fault] = missing(made, thorough=True)
    assert "its bytes have another digest" in str(fault)
    assert fault.path == made.pool.path(body.digest)


def test_what_a_cassette_needs_stays(tmp_path) -> None:
    """Bodies of all cassettes of the directory, whatever they are called, and of left parts; the others may go."""
    pool = Pool(tmp_path / "pool")
    cassette(tmp_path / "a.jsonl", exchange(got=pooled(pool, b"a")))
    cassette(tmp_path / "b.tape", exchange(sent=pooled(pool, b"b")))
    begun = recording(tmp_path / "c.jsonl")
    begun._part.append(exchange(got=pooled(pool, b"c")))
    (tmp_path / "README").write_text("cassettes")
    (tmp_path / "empty").write_text("")
    pool.put(b"nobody's")
    with pytest.raises(CassetteError, match=r"c.jsonl: a recorder is still at it; let it end"):
        unneeded(tmp_path)
    begun._part.close()
    found, digests = unneeded(tmp_path)
    assert (found.root, digests) == (pool.root, [digest(b"nobody's")])


def test_nothing_goes_where_a_cassette_cannot_be_read(tmp_path) -> None:
    """What a damaged cassette needs is not known: nothing may be deleted."""
    pool = Pool(tmp_path / "pool")
    path = cassette(tmp_path / "a.jsonl", exchange(got=pooled(pool, b"a"))).path
    path.write_text(path.read_text()[:-9])
    with pytest.raises(CassetteError, match="line 2"):
        unneeded(tmp_path)


def test_an_empty_directory_needs_nothing(tmp_path) -> None:
    """Without a pool there is nothing to delete."""
    assert unneeded(tmp_path)[1] == []


def test_a_scan_names_file_line_and_kind(tmp_path) -> None:
    """In text the line, in other files the offset; each once; in files, and in all files of directories."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.txt").write_text(f"one\ntwo {PAT}\nthree\n{PAT}\n")
    (tmp_path / "deep" / "b.bin").write_bytes(b"\0" * 10 + PAT.encode())
    (tmp_path / "clean").write_text("nothing")
    found = list(scan([tmp_path / "deep", tmp_path / "clean"]))
    assert found == [
        Finding(tmp_path / "deep" / "b.bin", 10, "a GitHub token"),
        Finding(tmp_path / "deep" / "er" / "a.txt", 2, "a GitHub token"),
        Finding(tmp_path / "deep" / "er" / "a.txt", 4, "a GitHub token"),
    ]
    assert PAT not in repr(found)


@pytest.mark.parametrize("before", [(1 << 20) - 20, (1 << 20) - 4096 - 2, (2 << 20) - 1, 3 << 20])
def test_a_scan_looks_across_its_pieces(tmp_path, before) -> None:
    """A secret that lies where two pieces meet is found once, in its line."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * (before - 6) + b"\n" + b"y" * 5 + PAT.encode() + b"\n" + b"z" * (1 << 20))
    assert [(each.place, each.what) for each in scan([path])] == [(2, "a GitHub token")]


def test_a_cassette_of_ours_has_nothing_that_looks_like_a_secret(tmp_path) -> None:
    """Digests, placeholders and challenges give no alarm."""
    path = tmp_path / "a.jsonl"
    body = pooled(Pool.beside(path), image(b"x"))
    where = (
        ("location", f"https://pkg-containers.githubusercontent.com/ghcr1/blobs/{digest(b'x')}?<signature>"),
    )
    cassette(
        path,
        exchange(1, "token.get", got=text(json.dumps({"token": "<token:1>"})), auth="basic"),
        exchange(2, "manifest.get", got=body, repository="a/b", reference="v1"),
        exchange(3, "blob.get", 307, got_headers=where, repository="a/b", reference=digest(b"x")),
    )
    assert list(scan([tmp_path])) == []
