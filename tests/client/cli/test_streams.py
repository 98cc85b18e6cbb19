"""The command, whose standard streams somebody has closed: a line and an exit code, and never a traceback."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from client.cli.telling import ARGV, surroundings
from client.helping import client_for
from ghcr_client.images import Image

if TYPE_CHECKING:
    from pathlib import Path

    from client.peers import Peer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell")

CLOSED = "ghcr: {}: it is closed\n"
CASES = {
    "lines": (["tags", "acme/app"], ">&-", 1, CLOSED.format("stdout")),
    "JSON": (["--json", "tags", "acme/app"], ">&-", 1, CLOSED.format("stdout")),
    "unbuffered": (["tags", "acme/app"], ">&-", 1, CLOSED.format("stdout")),
    "bytes": (["inspect", "--raw", "acme/app:v1"], ">&-", 1, CLOSED.format("stdout")),
    "a blob out": (["-q", "blob", "get", "acme/app", "{blob}"], ">&-", 1, CLOSED.format("stdout")),
    "a pull": (["-q", "pull", "acme/app:v1", "out"], ">&-", 1, CLOSED.format("stdout")),
    "help": (["--help"], ">&-", 1, CLOSED.format("stdout")),
    "a blob in": (["-q", "blob", "put", "acme/app", "-"], "<&-", 1, CLOSED.format("stdin")),
    "a token": (["--token-stdin", "tags", "acme/app"], "<&-", 1, CLOSED.format("stdin")),
    "nothing is read": (["tags", "acme/app"], "<&-", 0, ""),
    "nothing to say": (["pull", "acme/app:v1", "out"], "2>&-", 0, ""),
    "none": (["tags", "acme/app"], "<&- >&- 2>&-", 1, ""),
}


@pytest.mark.parametrize("name", CASES)
def test_closed(fake_ghcr: Peer, tmp_path: Path, name: str) -> None:
    """What cannot be read or written is named on one line; what was pulled is there."""
    words, closed, code, said = CASES[name]

    async def push() -> str:
        async with client_for(fake_ghcr) as client:
            await client.push_image("acme/app:v1", await Image.build([bytes(10240)]))
            return str((await client.upload_blob("acme/app", b"a blob")).digest)

    blob = asyncio.run(push())
    env = surroundings(tmp_path, fake_ghcr) | ({"PYTHONUNBUFFERED": "1"} if name == "unbuffered" else {})
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *ARGV, *(each.format(blob=blob) for each in words)],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (code, said)
    assert "pull" not in words or (tmp_path / "out/index.json").exists()
