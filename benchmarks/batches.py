"""Row `images`: small images pushed, then pulled, 8 at once: by the client, by the same requests in aiohttp, by crane.

`ghcr_client` and `raw aiohttp` keep the images in memory and send the same requests: HEAD, POST, PUT of two blobs, PUT
of a manifest; GET of all three, compared. `ghcr_client, layouts` and `crane` read each image out of a layout of its own
and pull it into a new one; crane is run once for each push and for each pull. Seconds are those of the work alone; of
crane, those of all its processes.
"""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from images import AT_ONCE
from measure import Failed, Samples
from peers import SUBJECTS, running
from processes import environment, run
from programs import find
from requesting import MANIFEST, REPOSITORY, digest, image
from rounds import Plan, interleaved

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CRANE", "LAYOUTS", "MEMORY", "RAW", "measure_batches"]

MEMORY = "ghcr_client"
LAYOUTS = "ghcr_client, layouts"
RAW = "raw aiohttp"
CRANE = "crane, each image"

_WORKER = Path(__file__).with_name("worker.py")
_REGISTRY = next(one for one in SUBJECTS if one.name == "docker-registry")

Figures = dict[str, float]


def _write_layouts(folder: Path, count: int) -> None:
    """A layout for each image, called as its tag."""
    for number in range(count):
        one, place = image(f"image {number}"), folder / f"v{number}"
        blobs = place / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for content in (one.manifest, one.config, one.layer):
            (blobs / digest(content).partition(":")[2]).write_bytes(content)
        entry = {"mediaType": MANIFEST, "digest": digest(one.manifest), "size": len(one.manifest)}
        (place / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def _python(*arguments: str) -> Callable[[Plan, str, Path], Figures]:
    """What `worker.py` does, with the folder of layouts in place of `FOLDER`."""

    def work(plan: Plan, url: str, folder: Path) -> Figures:
        name, *rest = arguments
        words = [str(folder) if one == "FOLDER" else one for one in rest]
        python = find("python3") or "python3"
        used = run([python, str(_WORKER), name, url, *words, str(plan.images)], environment(plan.folder))
        push, pull = json.loads(used.said.splitlines()[-1])["parts"]
        return {"total_s": push + pull, "push_s": push, "pull_s": pull, "cpu_s": used.cpu}

    return work


def _crane(plan: Plan, url: str, folder: Path) -> Figures:
    """Run crane once for each push, then once for each pull, 8 processes at a time."""
    crane = find("crane")
    if crane is None:
        raise Failed("crane is not installed")
    tags = [f"v{number}" for number in range(plan.images)]
    host = url.partition("//")[2]
    env = environment(plan.folder)

    def each(*words: str) -> float:
        def one(tag: str) -> float:
            filled = [word.format(folder=folder, ref=f"{host}/{REPOSITORY}:{tag}", tag=tag) for word in words]
            return run([crane, *filled, "--insecure"], env).peak_mib

        begun = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(one, tags))
        return time.perf_counter() - begun

    push = each("push", "{folder}/{tag}", "{ref}")
    pull = each("pull", "--format=oci", "{ref}", "{folder}/pulled-{tag}")
    return {"total_s": push + pull, "push_s": push, "pull_s": pull}


WORKS: dict[str, Callable[[Plan, str, Path], Figures]] = {
    MEMORY: _python("images"),
    RAW: _python("raw-images"),
    LAYOUTS: _python("layouts", "FOLDER"),
    CRANE: _crane,
}


def measure_batches(plan: Plan) -> Samples:
    """Seconds to push (`push_s`), to pull (`pull_s`), both (`total_s`); CPU seconds of the client (`cpu_s`)."""
    samples = Samples()
    for number, name in interleaved(list(WORKS), plan.rounds):
        if name in samples.failed:
            continue
        plan.say(f"{plan.images} images: round {number + 1}, {name}")
        folder = plan.folder / "layouts"
        _write_layouts(folder, plan.images)
        try:
            with running(_REGISTRY, plan.folder) as server:
                samples.add(name, **WORKS[name](plan, server.url, folder))
        except Failed as failed:
            samples.fail(name, failed)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return samples
