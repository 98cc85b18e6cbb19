"""Cassettes on disk: what is damaged is named with file, line and remedy, the rest is read, the old one stays."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cassette.making import cassette, digest, exchange, header, pooled, text
from cassette.test_model import exchanges
from hypothesis import given
from hypothesis import strategies as st
from strategies import few

from ghcr_sim.cassette import CassetteError, load
from ghcr_sim.cassette.care import format_cassette, is_formatted
from ghcr_sim.cassette.files import LINE_LIMIT, save, seal_of
from ghcr_sim.cassette.pool import Pool

TESTS = Path(__file__).parents[1]


def three(path):
    """A cassette of three exchanges."""
    return cassette(path, *(exchange(number, got=text(f"say {number}")) for number in (1, 2, 3)))


def damage(path, line, data):
    """Replace one line, from 1."""
    lines = path.read_bytes().split(b"\n")
    lines[line - 1] = data
    path.write_bytes(b"\n".join(lines))


@few
@given(st.lists(exchanges(), max_size=6, unique_by=lambda each: each.id))
def test_what_is_saved_is_loaded(tmp_path_factory, made) -> None:
    """Whatever the exchanges are, they come back as they were, and the seal is theirs."""
    path = tmp_path_factory.mktemp("cassette") / "a.jsonl"
    found = cassette(path, *made)
    assert found.exchanges == tuple(made)
    assert found.is_sealed
    assert found.faults == ()
    assert sorted(path.parent.iterdir()) == [path]


def test_the_header_shows_where_each_kind_of_answer_is(tmp_path) -> None:
    """Exemplars are the first of each operation and status."""
    found = cassette(
        tmp_path / "a.jsonl", exchange(1), exchange(2, status=401), exchange(3), exchange(4, "tags.list")
    )
    assert found.header.exemplars == {"ping 200": 1, "ping 401": 2, "tags.list 200": 4}


DAMAGED = {
    "torn": b'{"id":2,"oper',
    "no JSON": b"<<<<<<< HEAD",
    "of another form": b'{"id":2,"operation":"ping","when":1,"response":{"status":200}}',
    "twice the same number": b'{"id":1,"operation":"ping","response":{"status":200}}',
    "a digest that leads out": (
        b'{"id":2,"operation":"ping","response":{"status":200,"body":{"digest":"sha256:../.."}}}'
    ),
    "no text": b"\xff\xfe\x00",
    "nested": b"[" * 100_000,
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_line_is_named_and_the_rest_is_read(tmp_path, data) -> None:
    """The error says file, line and what to do; leniently, all other lines are there, and the fault is kept."""
    path = three(tmp_path / "a.jsonl").path
    damage(path, 3, data)
    with pytest.raises(CassetteError) as caught:
        load(path)
    assert (caught.value.path, caught.value.line) == (path, 3)
    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert "record it again" in str(caught.value)
    found = load(path, lenient=True)
    assert [each.id for each in found.exchanges] == [1, 3]
    assert [fault.line for fault in found.faults] == [3]
    assert not found.is_sealed


def test_a_last_line_that_ends_early_is_that_of_a_killed_recorder(tmp_path) -> None:
    """The error says so, and loses no other line."""
    path = three(tmp_path / "a.jsonl").path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CassetteError, match="line 4: the line ends early: the recorder was killed"):
        load(path)
    assert [each.id for each in load(path, lenient=True).exchanges] == [1, 2]


HEADS = {
    "empty": b"",
    "no JSON": b"#!/bin/sh",
    "an exchange": b'{"id":1,"operation":"ping","response":{"status":200}}',
    "an unknown key": b'{"cassette":1,"colour":"red"}',
    "no number": b'{"cassette":"one"}',
    "no form": b'{"cassette":0}',
    "infinite": b'{"cassette":1e999}',
    "nested": b"[" * 100_000,
}


@pytest.mark.parametrize("data", HEADS.values(), ids=HEADS)
def test_a_damaged_header_is_named_and_the_exchanges_are_read(tmp_path, data) -> None:
    """Without its first line a cassette is none; leniently, its exchanges can be read all the same."""
    path = three(tmp_path / "a.jsonl").path
    damage(path, 1, data)
    with pytest.raises(CassetteError, match=r"line 1: its first line is no header .*record it again"):
        load(path)
    found = load(path, lenient=True)
    assert len(found.exchanges) == 3
    assert [fault.line for fault in found.faults] == [1]


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
@pytest.mark.parametrize(
    "head", ['{"cassette":2}', '{"cassette":2,"new":{"a":1}}'], ids=["plain", "new keys"]
)
def test_a_newer_form_is_not_guessed_at(tmp_path, head, lenient) -> None:
    """A cassette of a later version is refused, also leniently, and the remedy is an upgrade."""
    path = tmp_path / "a.jsonl"
    path.write_text(head + "\n" + exchange().line() + "\n")
    with pytest.raises(
        CassetteError, match="it is of form 2, and this version reads up to 1; upgrade"
    ) as caught:
        load(path, lenient=lenient)
    assert (caught.value.path, caught.value.line) == (path, 1)


def test_a_wrong_seal_says_edited_by_hand_and_is_read(tmp_path) -> None:
    """Who edits a cassette breaks its seal; that is told, and refuses nothing."""
    path = three(tmp_path / "a.jsonl").path
    path.write_text(path.read_text().replace("say 2", "sAy 2"))
    found = load(path)
    assert not found.is_sealed
    assert found.header.seal != seal_of(found.header, found.exchanges)
    assert len(found.exchanges) == 3


def test_the_first_line_is_under_the_seal_too(tmp_path) -> None:
    """Who edits where a cassette comes from, or what else its header says, breaks its seal."""
    path = three(tmp_path / "a.jsonl").path
    path.write_text(path.read_text().replace('"tool":"a test"', '"tool":"another"'))
    assert not load(path).is_sealed


@pytest.mark.parametrize("place", ["missing.jsonl", "missing/a.jsonl", ".", "file/a.jsonl"])
def test_what_cannot_be_opened_is_named(tmp_path, place) -> None:
    """No file, a directory, or a file for a directory: the path and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(
        CassetteError, match=r"; (record it first|give the path of a file that you may read)$"
    ) as caught:
        load(tmp_path / place)
    assert str(tmp_path) in str(caught.value)


MEMORY = """
import resource, sys
from ghcr_sim.cassette import load, CassetteError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = load(sys.argv[1], lenient=True)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(after - before, len(found.exchanges), *(fault.line for fault in found.faults))
"""


@pytest.mark.parametrize("line", [1, 3], ids=["the first", "another"])
def test_a_line_of_a_gibibyte_costs_no_memory(tmp_path, line) -> None:
    """It is an error that names it; it is never held, and what comes after it is read."""
    path = three(tmp_path / "a.jsonl").path
    lines = path.read_bytes().splitlines(keepends=True)
    with path.open("wb") as file:
        file.writelines(lines[: line - 1])
        file.seek(1 << 30, 1)
        file.write(b"\n")
        file.writelines(lines[line:])
    with pytest.raises(CassetteError, match=f"line {line}: "):
        load(path)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    grown, count, *faults = map(int, done.stdout.split())
    assert grown * 1024 < 8 * LINE_LIMIT
    assert faults == [line]
    assert count == (3 if line == 1 else 2)


# -- writing


@pytest.mark.parametrize("place", ["missing/a.jsonl", "file/a.jsonl", "/proc/a.jsonl", "."])
def test_what_cannot_be_written_is_named(tmp_path, place) -> None:
    """No directory, a file for one, one that takes no files: an error with the path, and nothing is left behind."""
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CassetteError, match=r"it cannot be written: .*the old one is as it was"):
        save(tmp_path / place, header(), [exchange()])
    assert sorted(tmp_path.iterdir()) == before


FULL = """
import resource, sys, pathlib
from cassette.making import exchange, header, text
from ghcr_sim.cassette import CassetteError
from ghcr_sim.cassette.files import save
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    save(pathlib.Path(sys.argv[1]), header(), [exchange(n, got=text("x" * 1000)) for n in range(1, 100)])
except CassetteError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_old_cassette(tmp_path) -> None:
    """What cannot be written whole is not there at all; the old one is, and nothing else."""
    path = three(tmp_path / "a.jsonl").path
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": str(TESTS)},
    )
    assert done.stdout.startswith(
        f"{path}: it cannot be written: File too large; the old one is as it was: make room"
    )
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]


def test_the_header_says_what_each_host_is(tmp_path) -> None:
    """The registry, its realm, where its blobs are, and the API, as challenges and redirects name them."""
    challenge = (("www-authenticate", 'Bearer realm="https://auth.example/token",service="r.example"'),)
    redirect = (("location", "https://cdn.example/ghcr1/x?<signature>"),)
    other = (("location", "https://r.example/elsewhere"),)
    made = cassette(
        tmp_path / "a.jsonl",
        exchange(1, "manifest.get", 401, repository="a/b", reference="v1", got_headers=challenge),
        exchange(2, "blob.get", 307, repository="a/b", reference=digest(b"x"), got_headers=redirect),
        exchange(3, "blob.get", 307, repository="a/b", reference=digest(b"y"), got_headers=other),
        exchange(4, "api.get", host="api", reference="/user/packages"),
        upstream="https://r.example",
    )
    assert made.header.hosts == {
        "https://api.github.com": ("api",),
        "https://auth.example": ("realm",),
        "https://cdn.example": ("storage",),
        "https://r.example": ("registry",),
    }


@pytest.mark.parametrize("name", ["token.get", "ping"])
def test_a_realm_that_no_challenge_names_is_the_registrys(tmp_path, name) -> None:
    """Where a token was fetched; where none was, nobody says."""
    made = cassette(tmp_path / "a.jsonl", exchange(1, name), storage="https://cdn.example")
    classes = ("realm", "registry") if name == "token.get" else ("registry",)
    assert made.header.hosts == {"https://cdn.example": ("storage",), "https://ghcr.io": classes}


OLD = (
    '{"cassette":1,"tool":"pytest-ghcr 0.1.0","recorded_at":"2026-09-21T14:13:20Z",'
    '"rules":{"request_headers":["accept"],"response_headers":["date"],"query":["n"]},'
    '"exemplars":{"ping 200":1},"seal":"%s"}\n'
)


def test_a_cassette_from_before_hosts_were_told_is_read(tmp_path) -> None:
    """It plays and is sealed as ever; putting it in form adds its hosts and leaves its rules."""
    path = tmp_path / "a.jsonl"
    path.write_text(OLD % seal_of(None, [exchange()]) + exchange().line() + "\n")
    old = load(path)
    assert (old.is_sealed, old.header.hosts, old.header.rules.matched) == (True, {}, ())
    assert not is_formatted(path)
    format_cassette(path)
    assert is_formatted(path)
    new = load(path)
    changed = {"hosts": {"https://ghcr.io": ("registry",)}, "seal": new.header.seal}
    assert new.header == old.header.model_copy(update=changed)
    assert new.header.seal == seal_of(new.header, new.exchanges)
    assert new.exchanges == old.exchanges


def test_a_kill_in_the_middle_of_writing_leaves_a_whole_cassette(tmp_path) -> None:
    """What a killed writer has left under another name is not in the way of the next one."""
    path = three(tmp_path / "a.jsonl").path
    (tmp_path / ".a.jsonl.1-1.new").write_text("half")
    save(path, header(), [exchange()])
    assert len(load(path).exchanges) == 1


def test_no_time_is_in_a_line(tmp_path) -> None:
    """The header's is the only time in the file: two recordings differ in nothing else."""
    first = three(tmp_path / "a.jsonl").path.read_text().splitlines()
    second = (
        cassette(
            tmp_path / "b.jsonl",
            *(exchange(number, got=text(f"say {number}")) for number in (1, 2, 3)),
            recorded_at="2030-01-01T00:00:00Z",
        )
        .path.read_text()
        .splitlines()
    )
    assert first[1:] == second[1:]
    undated = {"recorded_at": "", "seal": ""}
    assert json.loads(first[0]) | undated == json.loads(second[0]) | undated


def test_loading_reads_no_body(tmp_path) -> None:
    """A cassette opens without its pool: what is missing there is told when it is asked for."""
    path = tmp_path / "a.jsonl"
    pool = Pool.beside(path)
    body = pooled(pool, b"some bytes")
    cassette(path, exchange(got=body))
    pool.path(body.digest).unlink()
    assert len(load(path).exchanges) == 1
