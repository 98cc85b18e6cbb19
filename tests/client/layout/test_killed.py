"""Writers in other processes: several at once, and one that is killed in the middle."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from ghcr_client.digests import Digest
from ghcr_client.layout import LayoutDirectory

if TYPE_CHECKING:
    from pathlib import Path

WRITER = """
import asyncio, itertools, json, sys
from ghcr_client.digests import Digest
from ghcr_client.layout import LayoutDirectory
from ghcr_client.models import OCI_MANIFEST, Descriptor

async def write(path, who, most):
    layout = LayoutDirectory.create(path)
    print("ready", flush=True)
    for number in range(most):
        data = json.dumps({"manifests": [], "n": [who, number] * 2000}).encode()
        digest = Digest.of(data)
        async with layout.writing(digest, len(data)) as sink:
            for at in range(0, len(data), 4096):
                sink.write(data[at : at + 4096])
            sink.confirm()
        await layout.tag(Descriptor(media_type=OCI_MANIFEST, digest=digest, size=len(data)), f"{who}-{number}")
        print(f"{who}-{number}", flush=True)

asyncio.run(write(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def start(path: Path, who: str, most: int) -> subprocess.Popen[str]:
    """A writer in another process, when it has begun."""
    words = [sys.executable, "-c", WRITER, str(path), who, str(most)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def names(path: Path) -> set[str | None]:
    return {each.name for each in asyncio.run(LayoutDirectory(path).list())}


def test_processes_lose_nothing(tmp_path: Path) -> None:
    """Processes that make the same layout and write to it at once find each other's entries."""
    writers = [start(tmp_path / "layout", who, 20) for who in ("a", "b", "c")]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    assert names(tmp_path / "layout") == {
        f"{who}-{number}" for who in ("a", "b", "c") for number in range(20)
    }


def test_a_killed_writer_harms_nothing(tmp_path: Path) -> None:
    """After SIGKILL at any moment the index is whole, has all that was told to be in it, and every blob is right."""
    path, told = tmp_path / "layout", set()
    for round_ in range(6):
        writer = start(path, f"w{round_}", 100_000)
        time.sleep(random.uniform(0.005, 0.15))
        writer.send_signal(signal.SIGKILL)
        said, _ = writer.communicate(timeout=60)
        assert writer.returncode == -signal.SIGKILL
        told |= {line for line in said.splitlines(keepends=True) if line.endswith("\n")}
        index = json.loads((path / "index.json").read_bytes())
        assert index["schemaVersion"] == 2
        assert {line.strip() for line in told} <= names(path)
        for blob in (path / "blobs/sha256").iterdir():
            assert Digest.of(blob.read_bytes()).hex == blob.name
    assert told
