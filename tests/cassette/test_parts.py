"""Parts: each recorder writes its own, the last one merges, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cassette.making import cassette, exchange, header, text

from ghcr_sim.cassette import CassetteError, load
from ghcr_sim.cassette import parts as parts_module
from ghcr_sim.cassette.parts import Part, merged, merging, parts_of

TESTS = Path(__file__).parents[1]


def said(exchanges):
    """The texts of some exchanges."""
    return sorted(each.response.body.text for each in exchanges)


def part(target, *words):
    """A part with some exchanges."""
    made = Part(target, header())
    for number, word in enumerate(words, 1):
        made.append(exchange(number, got=text(word)))
    return made


def test_what_is_appended_is_on_disk(tmp_path) -> None:
    """A part can be read while it is written: each line is there when `append` returns."""
    made = part(tmp_path / "a.jsonl", "one")
    assert said(load(made.path).exchanges) == ["one"]
    made.append(exchange(2, got=text("two")))
    assert said(load(made.path).exchanges) == ["one", "two"]
    assert not made.closed
    made.close()
    assert made.closed


def test_the_directory_is_made(tmp_path) -> None:
    """Who records into a directory that is not there yet gets it."""
    part(tmp_path / "new" / "er" / "a.jsonl", "one").close()
    assert len(list((tmp_path / "new" / "er").glob(".a.jsonl.*.part"))) == 1


@pytest.mark.parametrize("place", ["file/a.jsonl", "file/b/a.jsonl", "/proc/a.jsonl", "/proc/a/b.jsonl"])
def test_a_place_that_takes_no_files_is_named(tmp_path, place) -> None:
    """Before anything is asked, the error says where and what to do, and nothing is left."""
    (tmp_path / "file").write_text("")
    with pytest.raises(
        CassetteError, match=r"no cassette can be written there: .*; choose another directory"
    ):
        Part(tmp_path / place, header())
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_discarded_part_leaves_nothing(tmp_path) -> None:
    """What is forgotten is gone, with its lock."""
    part(tmp_path / "a.jsonl", "one").discard()
    assert list(tmp_path.iterdir()) == []


def test_a_discarded_part_leaves_no_directory_of_its_own(tmp_path) -> None:
    """What was made for it goes, as far as nothing else has come into it."""
    part(tmp_path / "b" / "c" / "a.jsonl", "one").discard()
    assert list(tmp_path.iterdir()) == []
    made = part(tmp_path / "b" / "c" / "a.jsonl", "one")
    (tmp_path / "b" / "other").write_text("")
    made.discard()
    assert [each.name for each in (tmp_path / "b").iterdir()] == ["other"]


def test_a_part_can_be_written_anew(tmp_path) -> None:
    """Other lines take the place of all that were there, at once."""
    made = part(tmp_path / "a.jsonl", "one", "two")
    made.rewrite([exchange(1, got=text("three"))])
    made.close()
    assert said(load(made.path).exchanges) == ["three"]


def test_living_complete_and_killed_parts_are_told_apart(tmp_path) -> None:
    """One that is written is alive; one that was closed is done; one whose lock nobody holds was killed."""
    target = tmp_path / "a.jsonl"
    living, complete = part(target, "one"), part(target, "two")
    complete.close()
    killed = target.with_name(".a.jsonl.killed.part")
    killed.write_bytes(living.path.read_bytes())
    killed.with_suffix(".alive").write_text("")
    done, alive = parts_of(target)
    assert set(done) == {complete.path, killed}
    assert alive == [living.path]
    assert not killed.with_suffix(".alive").exists()
    living.close()
    assert parts_of(target)[1] == []


@pytest.mark.parametrize("name", ["test[a-b].jsonl", "a*.jsonl", "a?.jsonl", "ä b.jsonl", "no suffix"])
def test_any_name_will_do(tmp_path, name) -> None:
    """Brackets and stars in a cassette's name are letters."""
    target = tmp_path / name
    part(target, "one").close()
    assert len(parts_of(target)[0]) == 1
    assert parts_of(tmp_path / "b.jsonl") == ([], [])


def test_a_name_that_begins_like_another_has_its_own_parts(tmp_path) -> None:
    """`a` and `a.jsonl` are two cassettes."""
    short, long = tmp_path / "a", tmp_path / "a.jsonl"
    part(short, "one").close()
    part(long, "two").close()
    assert [said(merged(parts_of(each)[0])[1]) for each in (short, long)] == [["one"], ["two"]]


def test_all_parts_become_one(tmp_path) -> None:
    """What several have written is together, numbered anew, in the order of who wrote first."""
    target = tmp_path / "a.jsonl"
    for word in ("one", "two"):
        part(target, word).close()
    _, exchanges = merged(parts_of(target)[0])
    assert [(each.id, each.response.body.text) for each in exchanges] == [(1, "one"), (2, "two")]


def test_torn_parts_give_what_they_have(tmp_path) -> None:
    """One that was killed in its first line, and one in its last: what is whole is there."""
    target = tmp_path / "a.jsonl"
    torn = part(target, "one", "two")
    torn.close()
    torn.path.write_bytes(torn.path.read_bytes()[:-5])
    target.with_name(".a.jsonl.empty.part").write_bytes(b"")
    target.with_name(".a.jsonl.head.part").write_bytes(b'{"cassette":1,"to')
    assert said(merged(parts_of(target)[0])[1]) == ["one"]


@pytest.mark.parametrize("data", [None, b"", b"{"], ids=["no part", "an empty one", "half a header"])
def test_nothing_is_an_error(tmp_path, data) -> None:
    """Where nobody has recorded anything there is no cassette."""
    target = tmp_path / "a.jsonl"
    if data is not None:
        target.with_name(".a.jsonl.x.part").write_bytes(data)
    with pytest.raises(CassetteError, match="nothing was recorded; does the command reach the registry"):
        merged(parts_of(target)[0])


def test_two_registries_do_not_share_a_cassette(tmp_path) -> None:
    """Two recordings with one name are merged only where they are of one registry: the error names both."""
    target = tmp_path / "a.jsonl"
    for upstream in ("https://ghcr.io", "https://quay.io"):
        made = Part(target, header(upstream=upstream))
        made.append(exchange())
        made.close()
    with pytest.raises(
        CassetteError,
        match=r"recordings of several registries have one name: .*ghcr.io, .*quay.io; record each",
    ):
        merged(parts_of(target)[0])


def test_one_name_in_two_directories_is_two_cassettes(tmp_path) -> None:
    """Each directory has its own pool and its own parts."""
    one, two = tmp_path / "one" / "a.jsonl", tmp_path / "two" / "a.jsonl"
    part(one, "one").close()
    part(two, "two").close()
    assert said(merged(parts_of(one)[0])[1]) == ["one"]
    assert cassette(one).pool.root != cassette(two).pool.root


def test_who_holds_the_lock_too_long_is_an_error(tmp_path, monkeypatch) -> None:
    """Another merger is waited for, but not for ever."""
    monkeypatch.setattr(parts_module, "_LOCK_SECONDS", 0.05)
    target = tmp_path / "a.jsonl"
    with (
        merging(target),
        pytest.raises(CassetteError, match="another recorder does not release it; wait for it, or end it"),
        merging(target),
    ):
        pass


def test_threads_lose_nothing(tmp_path) -> None:
    """Parts that are written at once have all their lines."""
    target = tmp_path / "a.jsonl"

    def write(number):
        part(target, *(f"{number}.{word}" for word in range(50))).close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(said(merged(parts_of(target)[0])[1]))) == 200


WRITER = """
import sys, pathlib
from cassette.test_parts import part
target, number = pathlib.Path(sys.argv[1]), sys.argv[2]
made = part(target, *(f"{number}.{word}" for word in range(50)))
print("written", flush=True)
sys.stdin.readline()
made.close()
"""


def test_a_part_made_in_one_thread_is_released_in_another(tmp_path) -> None:
    """A recorder may be opened here and closed in the loop's thread: its lock is free then."""
    target = tmp_path / "a.jsonl"
    made = part(target, "one")
    thread = threading.Thread(target=made.close)
    thread.start()
    thread.join()
    assert parts_of(target) == ([made.path], [])
    assert [each for each in tmp_path.iterdir() if each.suffix == ".alive"] == []


def test_processes_are_waited_for(tmp_path) -> None:
    """While another process records, its part is alive; when it is over, or killed, it is not."""
    target = tmp_path / "a.jsonl"
    command = [sys.executable, "-c", WRITER, str(target)]
    processes = [
        subprocess.Popen(
            [*command, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(TESTS)},
        )
        for number in range(2)
    ]
    for each in processes:
        assert each.stdout.readline() == b"written\n"
    assert [len(each) for each in parts_of(target)] == [0, 2]
    processes[0].communicate(b"\n", timeout=30)
    assert [len(each) for each in parts_of(target)] == [1, 1]
    processes[1].kill()
    processes[1].communicate(timeout=30)
    assert [len(each) for each in parts_of(target)] == [2, 0]
    assert len(merged(parts_of(target)[0])[1]) == 100


def test_a_part_is_a_cassette_by_itself(tmp_path) -> None:
    """Its first line is a header without a seal: what is left of a killed recorder can be shown."""
    made = part(tmp_path / "a.jsonl", "one")
    first = json.loads(made.path.read_text().splitlines()[0])
    assert first["cassette"] == 1
    assert "seal" not in first
    assert not load(made.path).is_sealed
    made.close()
