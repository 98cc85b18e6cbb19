"""A layer of any size is recorded and replayed in flat memory, and stored once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SIZE = 1 << 30
BOUND = 64 << 20

WORK = """
import asyncio, pathlib, resource, sys
from cassette.making import *
from ghcr_sim.cassette import Replay
from ghcr_sim.cassette.addresses import ReverseDoor
from ghcr_sim.cassette.files import load
from ghcr_sim.exchange import BytesBody, Content, Request
from ghcr_sim.seed.synthetic import SyntheticBlob
from ghcr_sim.serve import Door
import ghcr_sim.seed.synthetic as made

target, what, size = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
NAME = sys.argv[4] if len(sys.argv) > 4 else ""

def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

def peak():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) << 10

class Large:
    def __init__(self):
        made._digests[size, 0] = "sha256:" + "0" * 64
        self.blob = SyntheticBlob(size)
    async def send(self, method, url, headers, body):
        length = self.blob.size
        return Answered(200, (("content-length", str(length)),), self.blob.pieces(0, length), length)

async def get(url, path):
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    fields = (f"GET {path} HTTP/1.1", f"host: {host}:{port}", "authorization: Bearer x", "connection: close", "", "")
    writer.write("\\r\\n".join(fields).encode())
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    assert b" 200 " in head, head
    count = 0
    while data := await reader.read(1 << 20):
        count += len(data)
    writer.close()
    return count

async def record_it():
    upstream = Large()
    begun = recording(target)
    async with Door(begun.recorder(upstream, ReverseDoor(UPSTREAM))) as door:
        idle = resident()
        path = "/v2/a/b/blobs/sha256:" + "0" * 64
        count = await get(door.url, path)
        assert count == upstream.blob.size
        assert await get(door.url, path) == count
        top = peak()
    begun._part.close()
    (part,) = target.parent.glob("*.part")
    kept = load(part).exchanges[0].response.body
    print(top - idle, count, kept.digest)

async def replay_it():
    from ghcr_sim.cassette.model import Body
    got = Body(digest=NAME, size=size, pooled=True)
    found = cassette(target, exchange(1, "blob.get", repository="a/b", reference=NAME, auth="bearer", got=got))
    replay = Replay(found)
    async with Door(replay) as door:
        idle = resident()
        count = await get(door.url, f"/v2/a/b/blobs/{NAME}")
        top = peak()
    assert replay.close().ok
    print(top - idle, count)

asyncio.run(record_it() if what == "record" else replay_it())
"""


def work(*words: object) -> list[str]:
    """Run it in a process of its own; what it says."""
    done = subprocess.run(
        [sys.executable, "-c", WORK, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split()


def test_a_layer_of_a_gibibyte(tmp_path) -> None:
    """Recorded twice and replayed, under 64 MiB above idle each time; on disk it is once, at its size."""
    if os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize < 4 * SIZE:
        pytest.skip("there is no room for it")
    grown, size, name = work(tmp_path / "a.jsonl", "record", SIZE)
    assert int(grown) < BOUND
    (kept,) = (tmp_path / "pool" / "blobs" / "sha256").iterdir()
    assert (kept.name, kept.stat().st_size) == (name[7:], int(size))
    used = sum(each.stat().st_blocks * 512 for each in tmp_path.rglob("*") if each.is_file())
    assert used < int(size) + (1 << 20)
    grown, count = work(tmp_path / "b.jsonl", "replay", size, name)
    assert int(grown) < BOUND
    assert count == size
