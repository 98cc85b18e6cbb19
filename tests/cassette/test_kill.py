"""`kill -9` at any moment of a recording loses no exchange whose answer the client has received whole."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from cassette.making import digest, recording

from ghcr_sim.cassette import load
from ghcr_sim.cassette.merge import merge_parts
from ghcr_sim.cassette.parts import parts_of

TESTS = Path(__file__).parents[1]
ROUNDS = 50
SMALL, LARGE = b"x" * 100, bytes(range(256)) * (5 << 12)

RECORDER = """
import asyncio, os, pathlib, sys
from cassette.test_kill import SMALL, LARGE
from cassette.making import *
from ghcr_sim.serve import Door

PIECES = [LARGE[start:start + (1 << 18)] for start in range(0, len(LARGE), 1 << 18)]

class Endless:
    async def send(self, method, url, headers, body):
        await asyncio.sleep(0)
        if "blobs" in url:
            return Answered(200, (("content-length", str(len(LARGE))),), PIECES, len(LARGE))
        return answer(200, SMALL + url.rpartition("=")[2].encode())

async def main(target):
    begun = recording(pathlib.Path(target))
    async with Door(begun.recorder(Endless(), ReverseDoor(UPSTREAM))) as door:
        print(os.getpid(), door.url, flush=True)
        await asyncio.sleep(60)

for line in sys.stdin:
    child = os.fork()
    if not child:
        asyncio.run(main(line.strip()))
    os.waitpid(child, 0)
    print("ended", flush=True)
"""
"""Forks a recorder for each line: that is quicker than a start of Python."""


async def work(url: str, pid: int, seconds: float) -> list[str]:
    """Ask in four lines at once until the recorder is killed; what was answered whole before."""
    whole: list[str] = []
    killed = asyncio.Event()

    async def ask(session: aiohttp.ClientSession, line: int) -> None:
        turn = 0
        while not killed.is_set():
            turn += 1
            number = f"{line}{turn:06}"
            large = line == 0
            path = f"/v2/a/b/blobs/{digest(LARGE)}?n={number}" if large else f"/v2/a/b/tags/list?n={number}"
            try:
                async with session.get(url + path) as response:
                    data = await response.read()
            except (aiohttp.ClientError, OSError):
                return
            if not killed.is_set():
                assert data == (LARGE if large else SMALL + number.encode())
                whole.append(number)

    async with aiohttp.ClientSession() as session:
        lines = [asyncio.ensure_future(ask(session, line)) for line in range(4)]
        await asyncio.sleep(seconds)
        killed.set()
        os.kill(pid, signal.SIGKILL)
        await asyncio.gather(*lines)
    return whole


def test_fifty_kills_lose_no_completed_exchange(tmp_path) -> None:
    """After each kill every completed exchange is in the part, and the merge makes a sound cassette of it."""
    dice = random.Random(4)
    completed = 0
    with subprocess.Popen(
        [sys.executable, "-c", RECORDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "ignore"},
    ) as process:
        for turn in range(ROUNDS):
            target = tmp_path / f"{turn}.jsonl"
            process.stdin.write(f"{target}\n")
            process.stdin.flush()
            pid, url = process.stdout.readline().split()
            whole = asyncio.run(work(url, int(pid), dice.uniform(0.01, 0.2)))
            assert process.stdout.readline() == "ended\n"
            completed += check(target, whole)
        process.stdin.close()
    assert completed > 10 * ROUNDS


def check(target: Path, whole: list[str]) -> int:
    """See that what was answered whole is recorded, and becomes a cassette; how much it is."""
    done, alive = parts_of(target)
    assert alive == []
    assert len(done) == 1
    if not load(done[0], lenient=True).exchanges:
        assert whole == []
        return 0
    count = len(asyncio.run(merge_parts(target))[0].exchanges)
    found = load(target)
    recorded = {dict(each.query)["n"] for each in found.exchanges}
    assert set(whole) <= recorded, sorted(set(whole) - recorded)
    assert (len(found.exchanges), found.is_sealed) == (count, True)
    assert parts_of(target) == ([], [])
    for each in found.exchanges:
        if each.response.body.pooled:
            assert found.pool.path(each.response.body.digest).stat().st_size == len(LARGE)
    return len(whole)


@pytest.mark.parametrize("at", ["header", "line"])
def test_a_kill_at_the_worst_moment(tmp_path, at) -> None:
    """A part that ends in its header is nothing; one that ends in its last line loses that."""
    begun = recording(tmp_path / "a.jsonl")
    data = begun._part.path.read_bytes()
    begun._part.close()
    begun._part.path.write_bytes(data[:20] if at == "header" else data + b'{"id":1,"operation":"ping","resp')
    found = load(begun._part.path, lenient=True)
    assert found.exchanges == ()
    assert len(found.faults) == 1
