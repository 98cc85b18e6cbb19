"""ghcr.io itself, where somebody has set `GHCR_LIVE_TOKEN` and `GHCR_LIVE_IMAGE`; skipped everywhere else.

It reads one public image of the caller's, records that, replays it, and judges the fake and the real one by it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from ghcr_sim.cassette import load
from ghcr_sim.commands.record import Options, run
from ghcr_sim.commands.verify import Options as Verify
from ghcr_sim.commands.verify import run as verify

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ghcr import Ghcr

TOKEN, IMAGE = "GHCR_LIVE_TOKEN", "GHCR_LIVE_IMAGE"

PULL = """
import asyncio, os
from ghcr_client import GhcrClient
async def main():
    async with GhcrClient(plain_http=True) as client:
        await client.pull_manifest(os.environ["GHCR_SIM_REGISTRY"] + "/" + os.environ["GHCR_LIVE_IMAGE"])
asyncio.run(main())
"""


def _options(cassette: Path, upstream: str) -> Options:
    """What `ghcr-sim record` is told."""
    return Options(
        to=cassette,
        upstream=upstream,
        door="reverse",
        port=0,
        ca_file=None,
        also_hosts=(),
        command=(sys.executable, "-c", PULL),
    )


def test_the_same_of_the_fake(ghcr: Ghcr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be done with the real registry is done with the fake, everywhere."""
    ghcr.seed("acme/app:v1", visibility="public")
    monkeypatch.setenv("GHCR_TOKEN", ghcr.token)
    monkeypatch.setenv(IMAGE, "acme/app:v1")
    cassette = tmp_path / "fake.jsonl"
    assert run(_options(cassette, ghcr.url)) == 0
    assert verify(Verify(cassette, "ghcr", "text", None, live=False)) == 0
    monkeypatch.setenv(TOKEN, ghcr.token)
    assert verify(Verify(cassette, "ghcr", "text", None, live=True, upstream=ghcr.url)) == 0


@pytest.mark.live
@pytest.mark.skipif(
    not (os.environ.get(TOKEN) and os.environ.get(IMAGE)),
    reason=f"set {TOKEN} and {IMAGE} (docs/recording.md)",
)
def test_the_real_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real registry is recorded, its cassette replays and holds no token, and it answers the same again."""
    monkeypatch.setenv("GHCR_TOKEN", os.environ[TOKEN])
    cassette = tmp_path / "live.jsonl"
    assert run(_options(cassette, "https://ghcr.io")) == 0
    assert load(cassette).exchanges
    assert os.environ[TOKEN] not in cassette.read_text("utf-8")
    assert verify(Verify(cassette, "ghcr", "text", None, live=True)) == 0
