"""A whole recording: merged, rehearsed, swapped in; whoever fails leaves the old cassette as it was."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cassette.making import (
    PAT,
    UPSTREAM,
    WORDS,
    Answered,
    Client,
    FakeUpstream,
    Request,
    Stub,
    answer,
    ask,
    asked,
    basic,
    digest,
    fake,
    image,
    record,
    recording,
)

from ghcr_sim.cassette import CassetteError, SecretFound, load
from ghcr_sim.cassette import recording as recording_module
from ghcr_sim.cassette.addresses import ReverseDoor
from ghcr_sim.cassette.bodies import SMALL
from ghcr_sim.cassette.care import format_cassette, is_formatted
from ghcr_sim.cassette.recording import Recording
from ghcr_sim.cassette.rules import RULES
from ghcr_sim.clock import Clock, Ids
from ghcr_sim.exchange import BytesBody
from ghcr_sim.oci.media import OCI_MANIFEST

TESTS = Path(__file__).parents[1]


def made(target, *answers, targets=("/v2/",), headers=None, secrets=()):
    """A recording of some answers, not yet finished."""
    begun = recording(target, secrets=secrets)
    recorder = begun.recorder(Stub(list(answers)), ReverseDoor(UPSTREAM))
    for _, where in zip(answers, targets * len(answers), strict=False):
        asked(recorder, "GET", where, b"", headers or {})
    return begun


def finish(begun):
    """End a recording."""
    return asyncio.run(begun.finish())


def names(folder):
    """What is in a directory, apart from locks, which stay."""
    return sorted(each.name for each in folder.iterdir() if not each.name.endswith(".lock"))


# -- what is made


def test_a_recording_is_a_sealed_cassette_in_canonical_form(tmp_path) -> None:
    """It is sealed and formatted; its header says by whom, when, what and by which rules; nothing else is left."""
    found = record(tmp_path / "a.jsonl")
    assert found.is_sealed
    assert is_formatted(found.path)
    assert (found.header.upstream, found.header.storage) == (
        UPSTREAM,
        "https://pkg-containers.githubusercontent.com",
    )
    assert found.header.recorded_at == "2026-09-21T14:13:20Z"
    assert found.header.tool.startswith("pytest-ghcr ")
    assert found.header.hosts == {
        UPSTREAM: ("realm", "registry"),
        "https://pkg-containers.githubusercontent.com": ("storage",),
    }
    assert found.header.rules == RULES
    assert names(tmp_path) == ["a.jsonl", "pool"]
    index = json.loads((tmp_path / "pool" / "index.json").read_text())
    assert [(each["digest"], each["mediaType"]) for each in index["manifests"]] == [
        (digest(image(*WORDS)), OCI_MANIFEST)
    ]


@pytest.mark.parametrize("chaos", range(4))
def test_recording_an_unchanged_scenario_changes_nothing_but_the_header(tmp_path, chaos) -> None:
    """Parallel pushes and pulls arrive in another order each time, and the registry draws other ids: the lines stay."""
    first = record(tmp_path / "a.jsonl", fake(seed=1), chaos=100)
    before = first.path.read_bytes().splitlines()
    second = record(tmp_path / "a.jsonl", fake(seed=2 + chaos), chaos=chaos)
    after = second.path.read_bytes().splitlines()
    assert before[1:] == after[1:]
    assert before[0] == after[0]


def test_the_format_is_kept_by_fmt(tmp_path) -> None:
    """What was recorded is canonical already: formatting changes no byte."""
    path = record(tmp_path / "a.jsonl", chaos=5).path
    before = path.read_bytes()
    format_cassette(path)
    assert path.read_bytes() == before


def test_one_pool_serves_all_cassettes_of_a_directory(tmp_path) -> None:
    """A layer in two cassettes is one file."""
    record(tmp_path / "a.jsonl")
    before = sorted((tmp_path / "pool" / "blobs" / "sha256").iterdir())
    record(tmp_path / "b.jsonl")
    assert sorted((tmp_path / "pool" / "blobs" / "sha256").iterdir()) == before


# -- what goes wrong


@pytest.mark.parametrize(
    ("upstream", "why"),
    [
        ("https://me:" + "hunter2@ghcr.io", "has a login in it; leave it out"),
        ("https://hunter2@ghcr.io", "has a login in it; leave it out"),
        ("ghcr.io", "is no registry's origin; write it as https://ghcr.io"),
        ("ftp://ghcr.io", "is no registry's origin"),
        ("https://ghcr.io/v2/", "is no registry's origin"),
        ("https://", "is no registry's origin"),
        ("https://ghcr.io?token=hunter2", "is no registry's origin"),
    ],
)
def test_an_upstream_is_an_origin_without_a_login(tmp_path, upstream, why) -> None:
    """What the header would say is looked at first: nothing is written, and a password is not repeated."""
    with pytest.raises(CassetteError, match=re.escape(why)) as caught:
        Recording(tmp_path / "a.jsonl", upstream, clock=Clock())
    assert "hunter2" not in str(caught.value) or "?" in upstream
    assert list(tmp_path.iterdir()) == []


def test_nothing_recorded_is_an_error(tmp_path) -> None:
    """A command that never came to the door has made no cassette."""
    with pytest.raises(
        CassetteError, match=r"a.jsonl: nothing was recorded; does the command reach the registry"
    ):
        finish(made(tmp_path / "a.jsonl"))
    assert names(tmp_path) == []


def test_a_recording_without_a_recorder_is_empty(tmp_path) -> None:
    """Where no door was opened there is nothing to withhold, and nothing to keep."""
    begun = recording(tmp_path / "a.jsonl")
    assert begun.withheld == []
    with pytest.raises(CassetteError, match="nothing was recorded"):
        finish(begun)


def test_a_discarded_recording_leaves_the_old_cassette(tmp_path) -> None:
    """Who gives up changes nothing."""
    before = record(tmp_path / "a.jsonl").path.read_bytes()
    made(tmp_path / "a.jsonl", answer(200)).discard()
    assert (tmp_path / "a.jsonl").read_bytes() == before
    assert names(tmp_path) == ["a.jsonl", "pool"]


def test_what_does_not_replay_does_not_replace(tmp_path) -> None:
    """Other bytes than their digest says are not taken again: the old cassette stays, the error says what."""
    before = record(tmp_path / "a.jsonl").path.read_bytes()
    begun = recording(tmp_path / "a.jsonl")
    where = {"location": f"/v2/a/b/blobs/{digest(b'x')}"}
    recorder = begun.recorder(Stub([answer(201, b"", where)] * 5), ReverseDoor(UPSTREAM))
    for _ in range(5):
        asked(recorder, "POST", f"/v2/a/b/blobs/uploads/?digest={digest(b'x')}", b"y")
    with pytest.raises(
        CassetteError, match="it does not replay as it was recorded: replayed in the recorded order"
    ) as caught:
        finish(begun)
    assert "and 7 more" in str(caught.value)
    assert "the old cassette is as it was" in str(caught.value)
    assert (tmp_path / "a.jsonl").read_bytes() == before
    assert names(tmp_path) == ["a.jsonl", "pool"]


def test_a_failure_forgets_what_was_recorded_here_only(tmp_path) -> None:
    """A killed recorder's part outlives the failure of another one, and the error says that it is there."""
    target = tmp_path / "a.jsonl"
    killed = made(target, answer(200))
    left = killed._part.path
    killed._part.close()
    begun = recording(target)
    recorder = begun.recorder(Stub([answer(201)]), ReverseDoor(UPSTREAM))
    asked(recorder, "POST", f"/v2/a/b/blobs/uploads/?digest={digest(b'x')}", b"y")
    with pytest.raises(CassetteError, match="other recorders' parts are left: merge or delete them"):
        finish(begun)
    assert names(tmp_path) == [left.name]


def test_a_cassette_that_cannot_be_put_there_is_an_error(tmp_path) -> None:
    """A directory of that name: the error names it."""
    begun = made(tmp_path / "a.jsonl", answer(200))
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(
        CassetteError, match=r"a.jsonl: it cannot be written: Is a directory; the old one is as it was"
    ):
        finish(begun)
    assert names(tmp_path) == ["a.jsonl"]


FULL = """
import asyncio, resource, sys, pathlib
from cassette.making import *
from cassette.test_recording import made, finish
from ghcr_sim.cassette import CassetteError
target, moment = pathlib.Path(sys.argv[1]), sys.argv[2]
limit = lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
if moment == "recording":
    begun = recording(target)
    limit(3000)
    recorder = begun.recorder(Stub([answer(200, b"x" * 1000)] * 9), ReverseDoor(UPSTREAM))
    print([asked(recorder, "GET", "/v2/").status for _ in range(9)])
else:
    begun = made(target, *[answer(200, b"x" * 1000)] * 9)
    limit(3000)
try:
    finish(begun)
except CassetteError as error:
    print(error)
"""


@pytest.mark.parametrize("moment", ["recording", "merging"])
def test_a_full_disk_leaves_the_old_cassette(tmp_path, moment) -> None:
    """Wherever the disk is full, the error names the cassette and what to do, and the old one is as it was."""
    path = record(tmp_path / "a.jsonl").path
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path), moment],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": str(TESTS)},
    )
    said = done.stdout.splitlines()[-1]
    assert said.startswith(str(tmp_path))
    assert "File too large" in said
    assert "make room" in said
    assert path.read_bytes() == before
    assert names(tmp_path) == ["a.jsonl", "pool"]


def test_a_directory_that_cannot_be_written_is_told_at_once(tmp_path) -> None:
    """Before the first request: a file where the directory should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CassetteError, match="no cassette can be written there"):
        recording(tmp_path / "file" / "a.jsonl")


# -- secrets


def test_a_secret_in_a_line_leaves_the_old_cassette(tmp_path) -> None:
    """A hit aborts the save: no part, no new cassette, the old one as it was."""
    before = record(tmp_path / "a.jsonl").path.read_bytes()
    begun = made(
        tmp_path / "a.jsonl",
        answer(200),
        answer(200, b"hunter2hunter2"),
        headers={"authorization": basic("hunter2hunter2")},
    )
    with pytest.raises(
        SecretFound, match="the password stands in what ping would have written; nothing was saved"
    ):
        finish(begun)
    assert (tmp_path / "a.jsonl").read_bytes() == before
    assert names(tmp_path) == ["a.jsonl", "pool"]


def test_a_secret_that_comes_after_its_line_is_found(tmp_path) -> None:
    """A line that was harmless when it was written is looked through again when all secrets are known."""
    begun = recording(tmp_path / "a.jsonl")
    recorder = begun.recorder(Stub([answer(200, b"hunter2hunter2"), answer(200)]), ReverseDoor(UPSTREAM))
    asked(recorder, "GET", "/v2/")
    asked(recorder, "GET", "/v2/", b"", {"authorization": basic("hunter2hunter2")})
    with pytest.raises(SecretFound):
        finish(begun)
    assert names(tmp_path) == []


def test_a_secret_that_comes_after_its_body_withholds_it(tmp_path) -> None:
    """A manifest that was harmless when it was kept is withheld in the end: its bytes are gone, its digest stays."""
    manifest = json.dumps({"annotations": {"by": "hunter2hunter2"}}).encode()
    begun = recording(tmp_path / "a.jsonl")
    answers = [
        answer(200, manifest, {"content-type": OCI_MANIFEST}),
        answer(201),
        answer(200, b"", {"content-type": "text/plain"}),
    ]
    recorder = begun.recorder(Stub(answers), ReverseDoor(UPSTREAM))
    asked(recorder, "GET", "/v2/a/b/manifests/v1")
    asked(recorder, "PUT", "/v2/a/b/manifests/v1", manifest)
    asked(recorder, "GET", "/v2/", b"", {"authorization": basic("hunter2hunter2")})
    found = finish(begun)
    bodies = [body for each in found.exchanges for body in (each.request.body, each.response.body) if body]
    assert [(each.withheld, each.pooled, each.digest) for each in bodies] == [
        ("secret", False, digest(manifest))
    ] * 2
    assert begun.withheld == [digest(manifest)]
    assert list(found.pool.digests()) == []
    assert load(found.path).is_sealed


def test_a_secret_that_comes_while_its_body_passes_withholds_it(tmp_path) -> None:
    """The piece that holds it was looked through before anybody knew it: the whole is looked through once more."""
    begun = recording(tmp_path / "a.jsonl")
    first, rest = b"hunter2hunter2".ljust(SMALL + 1, b"."), b"!" * (2 << 20)

    class Slow(Answered):
        async def pieces(self):
            yield first
            yield rest
            await asyncio.sleep(0.2)  # for the first pieces to be looked through
            begun._taint.add("the password", "hunter2hunter2")
            yield rest

    whole = first + rest + rest
    slow = Slow(200, (("content-length", str(len(whole))),), [], len(whole))
    got = asked(begun.recorder(Stub([slow]), ReverseDoor(UPSTREAM)), "GET", f"/v2/a/b/blobs/{digest(whole)}")
    assert got.body == whole
    found = finish(begun)
    assert [each.response.body.withheld for each in found.exchanges] == ["secret"]
    assert list(found.pool.digests()) == []


def test_secrets_of_variables_are_looked_for(tmp_path) -> None:
    """What is named beforehand need not pass: it must not stand anywhere."""
    begun = made(
        tmp_path / "a.jsonl", answer(200, b"hunter2hunter2"), secrets=[("$CR_PAT", "hunter2hunter2")]
    )
    with pytest.raises(SecretFound, match=r"\$CR_PAT stands in"):
        finish(begun)


def test_a_secret_of_another_recorder_is_found_at_the_merge(tmp_path) -> None:
    """Who merges looks through all lines once more with what it knows."""
    target = tmp_path / "a.jsonl"
    harmless = made(target, answer(200, b"hunter2hunter2"))
    begun = made(target, answer(200), headers={"authorization": basic("hunter2hunter2")})
    assert finish(harmless) is None
    with pytest.raises(SecretFound):
        finish(begun)
    assert not target.exists()


# -- two at once


def test_the_last_of_two_recorders_merges(tmp_path) -> None:
    """Who ends first leaves its part; who ends last makes one cassette of both."""
    target = tmp_path / "a.jsonl"
    first, second = made(target, answer(200, b"one")), made(target, answer(200, b"two"))
    assert finish(first) is None
    assert not target.exists()
    found = finish(second)
    assert {each.response.body.text for each in found.exchanges} == {"one", "two"}
    assert names(tmp_path) == ["a.jsonl"]


def test_who_was_merged_meanwhile_gets_the_cassette(tmp_path, monkeypatch) -> None:
    """Two that end at the same moment: one merges both, the other finds it done."""
    target = tmp_path / "a.jsonl"
    first, second = made(target, answer(200, b"one")), made(target, answer(200, b"two"))
    real = recording_module.merging

    def late(path):
        monkeypatch.setattr(recording_module, "merging", real)
        with ThreadPoolExecutor(1) as other:
            assert len(other.submit(finish, second).result(30).exchanges) == 2
        return real(path)

    monkeypatch.setattr(recording_module, "merging", late)
    assert len(finish(first).exchanges) == 2


@pytest.mark.parametrize("count", [2, 5])
def test_threads_that_record_to_one_name_lose_nothing(tmp_path, count) -> None:
    """Recorders in threads, ending as they like: the cassette has everything."""
    target = tmp_path / "a.jsonl"
    together = threading.Barrier(count)
    failed = []

    def work(number):
        begun = recording(target)
        together.wait(30)
        try:
            recorder = begun.recorder(
                Stub([answer(200, f"{number}.{turn}".encode()) for turn in range(10)]), ReverseDoor(UPSTREAM)
            )
            for turn in range(10):
                asked(recorder, "GET", f"/v2/a/b/tags/list?n={turn}")
            finish(begun)
        except BaseException as error:  # noqa: BLE001 - shown below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    said = {each.response.body.text for each in load(target).exchanges}
    assert said == {f"{number}.{turn}" for number in range(count) for turn in range(10)}
    assert names(tmp_path) == ["a.jsonl"]


PROCESS = """
import sys, pathlib, asyncio
from cassette.making import *
from cassette.test_recording import finish
target, number = pathlib.Path(sys.argv[1]), sys.argv[2]
begun = recording(target)
print("open", flush=True)
sys.stdin.readline()
recorder = begun.recorder(Stub([answer(200, f"{number}.{turn}".encode()) for turn in range(5)]), ReverseDoor(UPSTREAM))
for turn in range(5):
    asked(recorder, "GET", f"/v2/a/b/tags/list?n={turn}")
print(finish(begun) is not None)
"""


def test_processes_that_record_to_one_name_lose_nothing(tmp_path) -> None:
    """The same with processes, as xdist's workers are: 5 of 10 is what others keep."""
    target = tmp_path / "a.jsonl"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(target), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(TESTS)},
        )
        for number in range(3)
    ]
    for each in processes:
        assert each.stdout.readline() == b"open\n"
    for each in processes:
        each.stdin.write(b"go\n")
        each.stdin.flush()
    ended = [each.communicate(timeout=60)[0] for each in processes]
    assert b"True\n" in ended
    said = {each.response.body.text for each in load(target).exchanges}
    assert said == {f"{number}.{turn}" for number in range(3) for turn in range(5)}
    assert names(tmp_path) == ["a.jsonl"]


def test_a_killed_recorders_part_is_merged_by_the_next(tmp_path) -> None:
    """What a kill has left becomes a part of the next recording."""
    target = tmp_path / "a.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(target), "7"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(TESTS)},
    )
    assert process.stdout.readline() == b"open\n"
    os.kill(process.pid, 9)
    process.communicate(timeout=30)
    found = finish(made(target, answer(200, b"mine")))
    assert [each.response.body.text for each in found.exchanges] == ["mine"]
    assert names(tmp_path) == ["a.jsonl"]


def test_parallel_pushes_to_a_registry_that_redirects_are_recorded(tmp_path) -> None:
    """Three clients at once through one recorder: everything is there, rehearsed and in order."""
    simulator = fake()
    begun = recording(tmp_path / "a.jsonl")
    recorder = begun.recorder(FakeUpstream(simulator, Ids(3)), ReverseDoor(UPSTREAM))

    async def play():
        clients = [Client(recorder, simulator.token) for _ in range(3)]
        await asyncio.gather(*(each.login(f"acme/app{n}") for n, each in enumerate(clients)))
        await asyncio.gather(*(each.push(f"acme/app{n}", "v1", *WORDS[n:]) for n, each in enumerate(clients)))
        await asyncio.gather(*(each.pull(f"acme/app{n}", "v1") for n, each in enumerate(clients)))
        return await begun.finish()

    found = asyncio.run(play())
    assert found.is_sealed
    assert sum(each.operation == "upload.put" for each in found.exchanges) == 3 + 6 + 5 + 4


def test_no_secret_of_a_run_is_in_the_directory(tmp_path) -> None:
    """A whole scenario with a token: neither it nor what was made of it is in any file."""
    simulator = fake()
    record(tmp_path / "a.jsonl", simulator)
    for each in tmp_path.rglob("*"):
        if each.is_file():
            data = each.read_bytes()
            assert simulator.token.encode() not in data
            assert PAT.encode() not in data


def test_a_straggler_does_not_hold_up_the_end(tmp_path) -> None:
    """A body that is still under way when the recording ends is not in the cassette, and breaks nothing."""
    begun = recording(tmp_path / "a.jsonl")
    recorder = begun.recorder(
        Stub([answer(200), Answered(200, (), [bytes(1 << 20)] * 8, 8 << 20)]), ReverseDoor(UPSTREAM)
    )

    async def play():
        await ask(recorder, "GET", "/v2/")
        response = await recorder(Request("GET", f"/v2/a/b/blobs/{digest(b'x')}", {}), BytesBody())
        await anext(response.body.pieces)
        found = await begun.finish()
        await response.body.pieces.aclose()
        return found

    assert len(asyncio.run(play()).exchanges) == 1
    assert list((tmp_path / "pool").glob(".part.*")) == []
