"""Rows `pull`, `pull-tls`, `push`, `growth`: a big image between a registry and the disk, by the client and by others.

Each transfer is a process of its own. `op_mbps` is of the work alone, as a library tells it; of a program, which has
no start to speak of, it is the whole process. `mbps` is from spawn to exit, with the interpreter and the imports.
What is pulled was pushed by the client before; what is pushed goes into a registry that is empty each time.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bulk import blob_file
from measure import Failed, Samples, available_memory, touch
from peers import DOCKER_REGISTRY, SUBJECTS, Subject, free_port, running, spawn, stop, wait_for
from processes import environment, run
from programs import find
from requesting import CONFIG, LAYER, MANIFEST, descriptor, digest
from rounds import Plan, interleaved
from ways import PULLS, PULLS_TLS, PUSHES, Case, Way, worker

from ghcr_sim.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

__all__ = ["SMALL_MIB", "measure_growth", "measure_pull", "measure_pull_tls", "measure_push"]

SMALL_MIB = 64
"""The size beside which the memory of a big transfer is put."""

_REGISTRY = next(one for one in SUBJECTS if one.name == "docker-registry")
_FILL = Way("fill", "python3", worker("push-image", "layout", "authority"))


def _config(name: str) -> bytes:
    document = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [name]}}
    return json.dumps(document).encode()


def _manifest(blob: Path, name: str) -> bytes:
    layer = {"mediaType": LAYER, "digest": name, "size": blob.stat().st_size}
    config = descriptor(CONFIG, _config(name))
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
    return json.dumps(document).encode()


def _layout(folder: Path, blob: Path, name: str) -> Path:
    """An OCI layout of one image, whose one layer is the blob (a hard link)."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (blobs / name.partition(":")[2]).hardlink_to(blob)
    for content in (_config(name), _manifest(blob, name)):
        (blobs / digest(content).partition(":")[2]).write_bytes(content)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    index = {"schemaVersion": 2, "manifests": [descriptor(MANIFEST, _manifest(blob, name))]}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


@contextlib.contextmanager
def _plain(folder: Path) -> Iterator[tuple[str, str]]:
    """docker-registry, empty: its URL, and no authority."""
    with running(_REGISTRY, folder) as server:
        yield server.url, ""


@contextlib.contextmanager
def _tls(folder: Path) -> Iterator[tuple[str, str]]:
    """The same behind TLS: its URL, and the folder with the authority that it is to be trusted by."""
    own = Path(tempfile.mkdtemp(dir=folder))
    Authority.create().write(own, "127.0.0.1")

    def arguments(port: int, at: Path) -> list[str]:
        configuration = at / "registry.yml"
        plain = DOCKER_REGISTRY.format(folder=at, port=port).rstrip().removesuffix("}")
        configuration.write_text(f"{plain}, tls: {{certificate: {at}/server.crt, key: {at}/server.key}}}}\n")
        return ["serve", str(configuration)]

    port = free_port()
    process = spawn(Subject("docker-registry, TLS", "docker-registry", arguments), port, own)
    try:
        # A request without TLS is answered, too: it is told to use TLS.
        wait_for(process, port, own, {}, (400,))
        yield f"https://127.0.0.1:{port}", str(own)
    finally:
        stop(process)
        shutil.rmtree(own, ignore_errors=True)


def _used(way: Way, case: Case) -> dict[str, float]:
    """What a way took, summed over its commands."""
    trust = {"SSL_CERT_FILE": f"{case.authority}/ca.crt"} if case.authority else {}
    env = environment(case.folder.parent, **trust)
    case.target.parent.mkdir()
    try:
        done = []
        for program, *arguments in way.commands(case):
            found = find(program)
            if found is None:
                raise Failed(f"{program} is not installed")
            done.append(run([found, *arguments], env, case.target if way.output else None))
    finally:
        shutil.rmtree(case.folder)
    size, seconds = case.blob.stat().st_size / 1e6, sum(one.seconds for one in done)
    work = json.loads(done[-1].said.splitlines()[-1])["seconds"] if way.tells else seconds
    return {
        "op_mbps": size / work,
        "mbps": size / seconds,
        "cpu_s": sum(one.cpu for one in done),
        "peak_mib": max(one.peak_mib for one in done),
    }


@contextlib.contextmanager
def _content(plan: Plan, mib: int) -> Iterator[tuple[Path, str, Path]]:
    """A blob, its digest, and a layout with it; removed at the end."""
    own = Path(tempfile.mkdtemp(dir=plan.folder))
    try:
        with blob_file(own, mib) as (blob, name):
            yield blob, name, _layout(own / "layout", blob, name)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _taken(samples: Samples, way: Way, work: Callable[[], dict[str, float]]) -> None:
    """Take the figures of one way in one round; one that fails is noted and left out from then on."""
    if way.name not in samples.failed:
        try:
            samples.add(way.name, **work())
        except Failed as failed:
            samples.fail(way.name, failed)


def _pulls(
    plan: Plan,
    what: str,
    ways: Sequence[Way],
    registry: Callable[[Path], AbstractContextManager[tuple[str, str]]],
) -> Samples:
    """One registry that has the image, pulled from again and again."""
    samples = Samples()
    with _content(plan, plan.blob_mib) as (blob, name, layout), registry(plan.folder) as (url, authority):
        case = Case(url, plan.folder / "own", blob, name, layout, authority)
        _used(_FILL, case)
        for number, way in interleaved(ways, plan.rounds):
            plan.say(f"{what}: round {number + 1}, {way.name}")
            _taken(samples, way, lambda way=way: _used(way, case))
    return samples


def measure_pull(plan: Plan) -> Samples:
    """A pull over plain HTTP: `op_mbps`, `mbps`, `cpu_s`, `peak_mib`."""
    return _pulls(plan, f"pull of {plan.blob_mib} MiB", PULLS, _plain)


def measure_pull_tls(plan: Plan) -> Samples:
    """A pull over TLS; the same figures."""
    return _pulls(plan, f"pull of {plan.blob_mib} MiB over TLS", PULLS_TLS, _tls)


def _push(plan: Plan, way: Way, content: tuple[Path, str, Path]) -> dict[str, float]:
    """One push into an empty registry."""
    blob, name, layout = content
    with _plain(plan.folder) as (url, _):
        touch(min(2 * blob.stat().st_size, available_memory() // 2))
        return _used(way, Case(url, plan.folder / "own", blob, name, layout))


def measure_push(plan: Plan) -> Samples:
    """A push over plain HTTP; the same figures."""
    samples = Samples()
    with _content(plan, plan.blob_mib) as content:
        for number, way in interleaved(PUSHES, plan.rounds):
            plan.say(f"push of {plan.blob_mib} MiB: round {number + 1}, {way.name}")
            _taken(samples, way, lambda way=way: _push(plan, way, content))
    return samples


def measure_growth(plan: Plan) -> Samples:
    """How much more memory a big transfer takes than one of 64 MiB: `growth_mib`, `peak_mib`, `small_mib`."""
    samples = Samples()
    ours = [one for one in (*PULLS, *PUSHES) if one.name.startswith("ghcr_client")]
    with _content(plan, min(SMALL_MIB, plan.blob_mib)) as small, _content(plan, plan.blob_mib) as big:

        def once(way: Way) -> dict[str, float]:
            least, most = (_transfer(plan, way, content)["peak_mib"] for content in (small, big))
            return {"growth_mib": most - least, "peak_mib": most, "small_mib": least}

        for number, way in interleaved(ours, plan.rounds):
            plan.say(f"growth: round {number + 1}, {way.name}")
            _taken(samples, way, lambda way=way: once(way))
    return samples


def _transfer(plan: Plan, way: Way, content: tuple[Path, str, Path]) -> dict[str, float]:
    """One transfer, either way, with a registry of its own."""
    blob, name, layout = content
    with _plain(plan.folder) as (url, _):
        case = Case(url, plan.folder / "own", blob, name, layout)
        if way in PULLS:
            _used(_FILL, case)
        return _used(way, case)
