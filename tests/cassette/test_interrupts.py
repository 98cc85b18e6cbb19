"""Ctrl-C and SIGTERM in the middle of `ghcr-sim record`: what was completed is kept, and a line says where."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
from urllib.request import urlopen

import pytest
from cassette.making import PAT, Stub, answer, asked, basic, cassette, exchange, fake, recording, text

from ghcr_sim import ThreadServer
from ghcr_sim.cassette import CassetteError, SecretFound, load
from ghcr_sim.cassette.addresses import ReverseDoor
from ghcr_sim.cassette.merge import merge_parts
from ghcr_sim.cassette.parts import parts_of

WORKING = """
import os, signal, sys, time
from urllib.request import urlopen
from urllib.error import HTTPError
signal.signal(signal.SIGINT, signal.SIG_DFL)
for number in range(int(sys.argv[1])):
    try:
        urlopen(os.environ["GHCR_REGISTRY"] + f"/v2/acme/app{number}/tags/list")
    except HTTPError:
        pass
print("ready", flush=True)
time.sleep(600)
"""
"""A command that asks for something, and would go on."""


@pytest.fixture
def registry():
    """A registry on a port."""
    with ThreadServer(fake()) as server:
        yield server.url


def started(target, registry, *words):
    """`ghcr-sim record`, in a group of its own as a terminal has it."""
    return subprocess.Popen(
        [sys.executable, "-m", "ghcr_sim", "record", "--to", str(target), "--upstream", registry, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process, what):
    """Press Ctrl-C, which all of the group hear, or end the recorder alone; what it said."""
    if what == signal.SIGINT:
        os.killpg(process.pid, what)
    else:
        process.send_signal(what)
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    return said


def command(count):
    """The command's words."""
    return ["--", sys.executable, "-c", WORKING, str(count)]


STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.mark.parametrize("what", STATUS)
@pytest.mark.parametrize("old", [True, False])
def test_a_command_that_is_interrupted_leaves_a_part(tmp_path, registry, what, old) -> None:
    """One line says how many exchanges, where, and what makes a cassette of them; the old one stays till then."""
    target = tmp_path / "my app.jsonl"
    if old:
        cassette(target, exchange(1, got=text("old")))
    before = target.read_bytes() if old else None
    with started(target, registry, *command(3)) as process:
        assert process.stdout.readline() == "ready\n"
        said = ended(process, what)
    assert process.returncode == STATUS[what], said
    assert (target.read_bytes() if target.exists() else None) == before
    (line,) = (each for each in said.splitlines() if "interrupted" in each)
    assert ("the old cassette is as it was" in line) == old
    (part,) = parts_of(target)[0]
    assert re.search(rf"what was completed is in {re.escape(str(part))} \(3 exchanges, from 20\d\d-", line)
    (typed,) = re.findall(r"ghcr-sim (cassette merge .*), and by the next recording", line)
    done = subprocess.run([sys.executable, "-m", "ghcr_sim", *shlex.split(typed)], check=False, timeout=60)
    assert done.returncode == 0
    assert sorted(each.repository for each in load(target).exchanges) == [f"acme/app{n}" for n in range(3)]
    assert parts_of(target) == ([], [])


@pytest.mark.parametrize("what", STATUS)
def test_where_nothing_was_completed_nothing_is_left(tmp_path, registry, what) -> None:
    """The line says so, and the old cassette is as it was."""
    target = cassette(tmp_path / "a.jsonl", exchange(1, got=text("old"))).path
    before = target.read_bytes()
    with started(target, registry, *command(0)) as process:
        assert process.stdout.readline() == "ready\n"
        said = ended(process, what)
    assert process.returncode == STATUS[what], said
    assert f"{target}: interrupted: nothing was recorded; the old cassette is as it was" in said
    assert target.read_bytes() == before
    assert parts_of(target) == ([], [])


@pytest.mark.parametrize("what", STATUS)
def test_an_open_door_ends_so(tmp_path, registry, what) -> None:
    """Without a command it is the normal end: what passed is the cassette, and the status is 0."""
    target = tmp_path / "a.jsonl"
    with started(target, registry) as process:
        url = re.search(r"at (http://\S+):", process.stderr.readline())[1]
        with urlopen(f"{url}/token?service=ghcr.io") as got:
            assert got.status == 200
        said = ended(process, what)
    assert process.returncode == 0, said
    assert "a.jsonl: 1 exchanges, replayed twice" in said
    assert [each.operation for each in load(target).exchanges] == ["token.get"]
    assert parts_of(target) == ([], [])


@pytest.mark.parametrize("what", STATUS)
@pytest.mark.parametrize("door", ["reverse", "forward"])
def test_a_replay_that_is_interrupted_leaves_nothing(tmp_path, what, door) -> None:
    """Its command ends with it, the proxy's key is gone, and the report is told all the same."""
    made = cassette(tmp_path / "a.jsonl", exchange(1, got=text("hello")))
    (tmp_path / "tmp").mkdir()
    waiting = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "print(os.getpid(), flush=True)\n"
        "time.sleep(600)"
    )
    words = ["replay", str(made.path), "--door", door, "--", sys.executable, "-c", waiting]
    with subprocess.Popen(
        [sys.executable, "-m", "ghcr_sim", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
    ) as process:
        waits = int(process.stdout.readline())
        assert len(list((tmp_path / "tmp").glob("*/server.key"))) == (door == "forward")
        said = ended(process, what)
    assert process.returncode == STATUS[what], said
    with pytest.raises(ProcessLookupError):
        os.kill(waits, 0)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert "a.jsonl: interrupted\n0 recorded, 0 repeated" in said


# -- from Python


def begun(target, *answers, headers=None):
    """A recording, and what it was asked."""
    made = recording(target)
    recorder = made.recorder(Stub(list(answers)), ReverseDoor("https://ghcr.io"))
    for _ in answers:
        asked(recorder, "GET", "/v2/", b"", headers or {})
    return made


def test_leaving_is_harmless_to_repeat(tmp_path) -> None:
    """The same part each time; after a merge there is none any more."""
    target = tmp_path / "a.jsonl"
    made = begun(target, answer(200, b"one"), answer(200, b"two"))
    left = made.leave()
    assert (left.exchanges, left.path, parts_of(target)) == (2, made._part.path, ([left.path], []))
    assert made.leave() == left
    asyncio.run(merge_parts(target))
    assert made.leave() is None


def test_what_holds_a_secret_is_not_left(tmp_path) -> None:
    """A secret that came after the line that holds it: nothing stays on disk."""
    made = begun(tmp_path / "a.jsonl", answer(200, b"hunter2hunter2"))
    made._taint.add_authorization(basic("hunter2hunter2"))
    with pytest.raises(SecretFound):
        made.leave()
    assert parts_of(tmp_path / "a.jsonl") == ([], [])
    with pytest.raises(CassetteError):
        begun(tmp_path / "b.jsonl", answer(200, PAT.encode())).leave()
    assert parts_of(tmp_path / "b.jsonl") == ([], [])


def test_who_cancels_the_rehearsal_keeps_the_part(tmp_path, monkeypatch) -> None:
    """It has taken too long, say: the old cassette is as it was, and the part is whole."""
    target = cassette(tmp_path / "a.jsonl", exchange(1, got=text("old"))).path
    before = target.read_bytes()
    made = begun(target, answer(200, b"one"))

    async def endless(_):
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("ghcr_sim.cassette.merge.rehearse", endless)

    async def play() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(made.finish(), 0.05)

    asyncio.run(play())
    assert target.read_bytes() == before
    assert made.leave().exchanges == 1
    assert not list(tmp_path.glob("*.rehearsal"))
