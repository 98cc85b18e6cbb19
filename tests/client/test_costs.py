"""What the client does without: modules that nobody asked for, requests that were made already, copies of bytes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import pytest
from client.helping import client_for
from ghcr_client import Image, Platform
from ghcr_client.layout import LayoutDirectory
from ghcr_client.operations.receiving import batches
from yarl import URL


@pytest.mark.parametrize(
    "module",
    [
        "filelock",
        "ghcr_client.auth.dockerconfig",
        "ghcr_client.layout.archive",
        "ghcr_client.settings",
        "opentelemetry",
        "prometheus_client",
        "pydantic_settings",
        "tenacity",
    ],
)
def test_importing_the_client_loads_what_it_needs(module):
    """What only some need is loaded when they do."""
    code = f"import sys\nfrom ghcr_client import GhcrClient\nraise SystemExit({module!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, timeout=60, check=False)
    assert done.returncode == 0


def test_importing_the_package_loads_no_aiohttp():
    """A name is loaded when it is first used."""
    code = "import sys\nimport ghcr_client\nraise SystemExit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_a_pull_asks_for_each_blob_once(fake_oci, tmp_path):
    """The configuration, which names the platform, is read out of the layout; one that is damaged there is not."""

    async def main() -> tuple[LayoutDirectory, Counter[str]]:
        async with client_for(fake_oci) as client:
            ref = fake_oci.ref("acme/app:v1")
            image = await Image.build([b"layer"], platform="linux/arm64")
            await client.push_image(ref, image)
            before = len(fake_oci.simulator.requests())
            manifest = await client.pull_image(ref, tmp_path / "layout")
            gets = [each for each in fake_oci.simulator.requests()[before:] if each.operation == "blob.get"]
            asked = Counter(each.reference for each in gets)
            config = manifest.document.config
            stored = tmp_path / "layout" / "blobs" / "sha256" / config.digest.hex
            stored.write_bytes(b"x" * config.size)
            await client.pull_image(ref, tmp_path / "layout")
            return LayoutDirectory(tmp_path / "layout"), asked

    layout, asked = asyncio.run(main())
    assert list(asked.values()) == [1, 1]
    (entry,) = asyncio.run(layout.list())
    assert entry.descriptor.platform == Platform.parse("linux/arm64")


class _Content:
    """A body that comes in the pieces of a table, some of them the ends of chunks."""

    def __init__(self, pieces):
        self._pieces = iter([*pieces, (b"", False)])

    async def readchunk(self):
        return next(self._pieces)


@pytest.mark.parametrize(
    ("pieces", "sizes"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(b"", True), (b"ab", False), (b"", True), (b"c", True)], [3], id="ends of chunks"),
        pytest.param([(b"x" * 700_000, False)] * 3, [1_400_000, 700_000], id="large pieces"),
        pytest.param([(b"xy", True)] * 300, [512, 88], id="many small pieces"),
    ],
)
def test_a_body_comes_in_batches_as_it_came(pieces, sizes):
    """No piece is joined or lost, and neither bytes nor pieces pile up."""

    async def main() -> list[tuple[list[bytes], int]]:
        response = SimpleNamespace(url=URL("http://127.0.0.1/"), content=_Content(pieces))
        return [each async for each in batches(response)]

    came = asyncio.run(main())
    assert [size for _, size in came] == sizes
    assert [piece for batch, _ in came for piece in batch] == [piece for piece, _ in pieces if piece]
