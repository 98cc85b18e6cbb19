"""Answers of gibibytes: a client that is told to read one stays small, says what is wrong, and leaves no file."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from client.hostile.liar import Liar, jsons
from client.hostile.lies import REPO, client_of
from ghcr_client.errors import ProtocolError

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20

SCRIPT = r"""
import asyncio, json, sys, tracemalloc
from pathlib import Path
from client.hostile.liar import Liar, answer, endless, endless_head, jsons
from client.hostile.lies import DIGEST, MANIFEST, REPO, TOKEN, blob_path, client_of, locked, manifest_path
from ghcr_client.errors import GhcrError
from ghcr_client.models import OCI_INDEX

what, folder = sys.argv[1], Path(sys.argv[2])
REF = f"{REPO}:v1"
ACTS = {
    "token": endless(piece=b"a" * 65_536),
    "manifest": endless(200, ("Content-Type", MANIFEST.media_type)),
    "tags": endless(piece=b'["' + b"a" * 65_530),
    "referrers": endless(200, ("Content-Type", OCI_INDEX)),
    "error": endless(400),
    "storage": endless(503),
    "redirect": endless(307, ("Location", "/v2/")),
    "blob": endless(piece=bytes(65_536)),
    "file": endless(piece=bytes(65_536)),
    "image": endless(piece=bytes(65_536)),
    "head": endless_head(),
    "field": endless_head(b"a" * 65_536),
    "session": endless(202, ("Location", "/up")),
    "committed": endless(201),
    "bomb": endless(200, ("Content-Encoding", "gzip"), ("Content-Type", MANIFEST.media_type)),
}


async def ask(client, liar):
    if what in ("tags",):
        await client.list_tags(REPO)
    elif what == "referrers":
        await client.list_referrers(f"{REPO}@{DIGEST}")
    elif what in ("blob", "error", "storage"):
        await client.get_blob(REPO, DIGEST)
    elif what == "file":
        await client.download_blob(REPO, DIGEST, folder / "blob", size=32 << 20)
    elif what == "image":
        liar.says(f"GET {manifest_path()}", answer(200, MANIFEST.raw, kind=MANIFEST.media_type))
        await client.pull_image(REF, folder / "image.tar", format="docker-archive")
    elif what in ("session", "committed"):
        liar.says("HEAD *", answer(404))
        if what == "committed":
            liar.says("POST *", answer(202, b"", ("Location", "/up")))
        await client.upload_blob(REPO, b"x")
    else:
        await client.pull_manifest(REF)


async def main():
    async with Liar() as liar, client_of(liar, TOKEN, max_retries=1) as client:
        liar.says("*", ACTS[what])
        if what == "token":
            locked(liar)
            liar.says("GET /token", ACTS[what])
        for _ in range(3):
            try:
                await ask(client, liar)
            except GhcrError as error:
                said = f"{type(error).__name__}: {error}"
            else:
                said = "success"
        peak = tracemalloc.get_traced_memory()[1]
        return {"said": said, "sent": liar.sent, "peak": peak, "requests": len(liar.received)}


tracemalloc.start()
print(json.dumps(asyncio.run(main())))
"""

ENDLESS = {
    "token": "ProtocolError",
    "manifest": "ProtocolError",
    "tags": "ProtocolError",
    "referrers": "",
    "error": "InvalidContent",
    "storage": "ServerError",
    "redirect": "ProtocolError",
    "blob": "ProtocolError",
    "file": "DigestMismatch",
    "image": "",
    "head": "ProtocolError",
    "field": "ProtocolError",
    "session": "ProtocolError",
    "committed": "ProtocolError",
    "bomb": "ProtocolError",
}


@pytest.mark.parametrize("what", ENDLESS)
def test_endless(what: str, tmp_path: Path) -> None:
    """What has no end is left after few bytes: all that is allocated meanwhile, the liar's part too, is little."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, what, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    told = json.loads(done.stdout)
    assert told["said"].startswith(ENDLESS[what]), told
    assert told["said"] != "success"
    # A list of pieces and the whole of them; of `get_blob`, its limit of 64 MiB, which may move while it grows.
    assert told["peak"] < (160 if what == "blob" else 48) * MIB, told
    assert told["sent"] < 250 * MIB, told
    assert told["requests"] <= 60, told
    assert list(tmp_path.iterdir()) == []


def test_tags_without_end() -> None:
    """Pages of eight mebibytes, each with other tags, are left before they fill the memory."""

    async def main() -> int:
        async with Liar() as liar, client_of(liar) as client:
            page = 0

            async def act(wire: Any) -> None:
                nonlocal page
                page += 1
                tags = [f"{page}-{n}" for n in range(200_000)]
                await wire.send(
                    jsons({"tags": tags}, ("Link", f'</v2/{REPO}/tags/list?p={page}>; rel="next"'))
                )

            liar.says("*", act)
            with pytest.raises(ProtocolError, match="more than"):
                await client.list_tags(REPO)
            return len(liar.received)

    assert asyncio.run(main()) <= 10
