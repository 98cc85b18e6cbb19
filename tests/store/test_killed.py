"""`kill -9` at any moment leaves nothing torn."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from store.content import contents, image, listed, read

from ghcr_sim.oci.digests import digest_of
from ghcr_sim.store import DirectoryStore, OverlayStore

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 20
TESTS = Path(__file__).parents[1]


@contextlib.contextmanager
def writer(root: Path, seed: int) -> Iterator[None]:
    """A process that writes to a store meanwhile, and is killed in the end."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, str(TESTS / "store" / "killed.py"), str(root), str(seed)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout.readline() == b"open\n", process.stderr.read().decode()
        try:
            yield
        finally:
            process.kill()
        assert process.stderr.read() == b""


def check_files(root: Path) -> None:
    """Every blob has its digest, every index is whole, and what it lists is there."""
    for path in root.glob("**/blobs/sha256/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    for path in root.glob("**/index.json"):
        for entry in json.loads(path.read_text())["manifests"]:
            assert (path.parent / "blobs" / entry["digest"].replace(":", "/")).is_file()
    if (root / "_packages.json").exists():
        json.loads((root / "_packages.json").read_text())


def test_a_killed_writer_leaves_nothing_torn(tmp_path):
    """After each of many kills every digest and index holds, the lock is free, and the store works on."""
    dice = random.Random(20)
    root = tmp_path / "registry"
    for turn in range(ROUNDS):
        with writer(root, turn):
            time.sleep(dice.uniform(0, 0.12))
        check_files(root)
        seen = contents(OverlayStore(root))
        store = DirectoryStore(root)
        assert listed(root / "_uploads") == []
        assert not (root / "_trash").exists()
        assert contents(store) == seen
        made = image(store, "acme/app", f"after {turn}", ["after"])
        assert store.manifest("acme/app", "after") == made
        assert all(
            read(store.blob("acme/app", layer["digest"])) for layer in json.loads(made.content)["layers"]
        )
        store.close()


def test_an_overlay_reads_what_another_process_is_writing(tmp_path):
    """Whatever the moment: what is served has its digest, what is not there is None, and nothing fails."""
    root = tmp_path / "registry"
    seen = 0
    with writer(root, 7):
        store = OverlayStore(root)
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            for name in store.names():
                seen += check_repository(store, name)
            store.fork()
    assert seen > 100


def check_repository(store: OverlayStore, name: str) -> int:
    """How many blobs and manifests could be read; each has its digest."""
    state = store.repository(name)
    if state is None:
        return 0
    for digest, manifest in state.manifests.items():
        assert digest_of(manifest.content) == digest
    read_well = 0
    for digest in state.blobs:
        # It may be deleted between the look and the reading.
        with contextlib.suppress(OSError):
            blob = store.blob(name, digest)
            assert blob is None or digest_of(read(blob)) == digest
            read_well += blob is not None
    return read_well + len(state.manifests)
