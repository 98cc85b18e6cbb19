"""Rows `layer` and `record`: a big layer on its way through a recorder, and out of its cassette.

The registry is the fake with its directory store. `layer` goes through the reverse door, in plain HTTP, and the
commands' memory is read from the idle door to the end of the process, rehearsal included. `record` compares one pull
over TLS with the same pull through the forward door, TLS on both sides of it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bulk import blob_file, curl, download, upload
from measure import Failed, Samples, available_memory, cpu_seconds, peak_rss, reset_peak, rss, touch
from peers import SUBJECTS, Server, Subject, free_port, running, spawn, stop, wait_for
from programs import find
from requesting import REPOSITORY, login
from rounds import Plan, interleaved

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

__all__ = ["DIRECT", "LAYER", "PROXIED", "measure_layer", "measure_record"]

LAYER = "ghcr-sim record, replay"
DIRECT = "direct"
PROXIED = "through ghcr-sim record --door forward"

LIMIT = 120
"""Seconds that a recorder may take to end: it replays what it has recorded."""

_STORE = next(one for one in SUBJECTS if one.name == "ghcr --store")
_AUTHORITY = re.compile(r"with the authority (\S+)")


# -- the commands


@contextlib.contextmanager
def _command(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    """A command of ghcr-sim that listens on a port; with its folder, in which its log is."""
    own = Path(tempfile.mkdtemp(dir=folder))
    port = free_port()
    process = spawn(Subject("ghcr-sim", "ghcr-sim", lambda at, _: [*words, "--port", str(at)]), port, own)
    try:
        yield process, port, own
    finally:
        stop(process)
        shutil.rmtree(own, ignore_errors=True)


def _ended(process: subprocess.Popen[bytes], folder: Path) -> float:
    """End a recorder by SIGTERM, and wait; the most memory that it had since its peak was reset."""
    peak, late = peak_rss(process.pid), time.monotonic() + LIMIT
    process.terminate()
    while process.poll() is None:
        peak = max(peak, peak_rss(process.pid))
        if time.monotonic() > late:
            raise Failed(f"not done {LIMIT} s after SIGTERM")
        time.sleep(0.005)
    if process.returncode:
        raise Failed(f"ended with {process.returncode}: {(folder / 'log').read_text()[-300:]}")
    return peak


def _watched(
    process: subprocess.Popen[bytes], folder: Path, work: Callable[[], float]
) -> tuple[float, float]:
    """Do something with a command that is idle, and end it; MiB that it grew, and what the work said."""
    idle = rss(process.pid)
    reset_peak(process.pid)
    said = work()
    return _ended(process, folder) - idle, said


# -- a layer's memory and its place on disk


def _stored(cassette: Path, size: int) -> dict[str, float]:
    """How many bytes lie in a cassette's directory, in sizes of the layer, and how many large files there are."""
    files = [each for each in cassette.parent.rglob("*") if each.is_file()]
    sizes = [each.stat().st_size for each in files]
    return {"stored": sum(sizes) / size, "kept": sum(each >= size for each in sizes)}


def _layer(plan: Plan, blob: Path, digest: str) -> dict[str, float]:
    """One round."""
    size = blob.stat().st_size
    with tempfile.TemporaryDirectory(dir=plan.folder) as name:
        cassette = Path(name) / "cassettes" / "layer.jsonl"

        def passed(port: int, *, upwards: bool) -> float:
            url = f"http://127.0.0.1:{port}"
            server = Server(_STORE, url, 0, login(url))
            if upwards:
                upload(server, blob, digest)
            return size / 1e6 / download(server, digest, size)

        with running(_STORE, plan.folder) as server:
            words = ("record", "--to", str(cassette), "--upstream", server.url)
            with _command(plan.folder, *words) as (process, port, own):
                wait_for(process, port, own, {}, (401,))
                record, _ = _watched(process, own, lambda: passed(port, upwards=True))
        with _command(plan.folder, "replay", str(cassette), "--quiet") as (process, port, own):
            wait_for(process, port, own, {}, (401,))
            replay, rate = _watched(process, own, lambda: passed(port, upwards=True))
        kept = _stored(cassette, size)
    return {"record_mib": record, "replay_mib": replay, "replay_mbps": rate, **kept}


def measure_layer(plan: Plan) -> Samples:
    """MiB above idle (`record_mib`, `replay_mib`), what is on disk (`stored`, `kept`), `replay_mbps`."""
    samples = Samples()
    with blob_file(plan.folder, plan.blob_mib) as (blob, digest):
        for number in range(min(plan.rounds, 3)):
            plan.say(f"a layer of {plan.blob_mib} MiB recorded and replayed: round {number + 1}")
            try:
                samples.add(LAYER, **_layer(plan, blob, digest))
            except Failed as failed:
                samples.fail(LAYER, failed)
                break
    return samples


# -- recording beside no recording


@contextlib.contextmanager
def _registry(plan: Plan, blob: Path, digest: str) -> Iterator[tuple[str, Path, dict[str, str]]]:
    """The fake over TLS with the blob: its URL, its authority, and what lets a request in."""
    with tempfile.TemporaryDirectory(dir=plan.folder) as name:
        data = Path(name) / "data"
        words = ("serve", "--host", "127.0.0.1", "--store", str(data))
        with _command(plan.folder, *words) as (process, port, own):
            wait_for(process, port, own, {}, (401,))
            url = f"http://127.0.0.1:{port}"
            headers = login(url)
            upload(Server(_STORE, url, process.pid, headers), blob, digest)
        with _command(plan.folder, *words, "--tls", "--tls-dir", name) as (process, port, own):
            authority = Path(name) / "ca.crt"
            _wait(process, own, authority.exists)
            yield f"https://127.0.0.1:{port}", authority, headers


def _wait(process: subprocess.Popen[bytes], folder: Path, done: Callable[[], object]) -> None:
    """Wait until a command listens, which it says in its log, and something is there."""
    late = time.monotonic() + 30
    while not (done() and "http" in (folder / "log").read_text()):
        if process.poll() is not None or time.monotonic() > late:
            raise Failed(f"did not start: {(folder / 'log').read_text()[-300:]}")
        time.sleep(0.01)


def _pull(url: str, digest: str, headers: dict[str, str], size: int, *more: str) -> float:
    """MB/s of a pull, redirect included."""
    where = f"{url}/v2/{REPOSITORY}/blobs/{digest}"
    return size / 1e6 / curl(headers, "GET of the blob", size, "-L", *more, where)


def _proxied(
    plan: Plan, url: str, authority: Path, pull: Callable[..., float], size: int
) -> dict[str, float]:
    """A pull through a recorder of its own."""
    with tempfile.TemporaryDirectory(dir=plan.folder) as name:
        cassette = Path(name) / "cassettes" / "layer.jsonl"
        words = ["record", "--to", str(cassette), "--upstream", url, "--door", "forward"]
        words += ["--ca-file", str(authority), "--also-host", "localhost"]
        with _command(plan.folder, *words) as (process, port, own):
            _wait(process, own, lambda: _AUTHORITY.search((own / "log").read_text()))
            found = _AUTHORITY.search((own / "log").read_text())
            assert found is not None
            before = cpu_seconds(process.pid)
            rate = pull("--cacert", found[1], "--noproxy", "", "-x", f"http://127.0.0.1:{port}")
            cpu = cpu_seconds(process.pid) - before
            _ended(process, own)
        if _stored(cassette, size)["kept"] != 1:
            raise Failed("the layer is not in the pool")
    return {"mbps": rate, "cpu_gb": cpu / size * 1e9}


def measure_record(plan: Plan) -> Samples:
    """MB/s of a pull (`mbps`), and the recorder's CPU seconds a GB (`cpu_gb`)."""
    samples = Samples()
    if find("curl") is None:
        return samples
    with (
        blob_file(plan.folder, plan.blob_mib) as (blob, digest),
        _registry(plan, blob, digest) as (url, authority, headers),
    ):
        size = blob.stat().st_size

        def pull(*more: str) -> float:
            return _pull(url, digest, headers, size, *more)

        ways: dict[str, Callable[[], dict[str, float]]] = {
            DIRECT: lambda: {"mbps": pull("--cacert", str(authority))},
            PROXIED: lambda: _proxied(plan, url, authority, pull, size),
        }
        for number, way in interleaved(list(ways), plan.rounds):
            if way in samples.failed:
                continue
            plan.say(f"{plan.blob_mib} MiB over TLS: round {number + 1}, {way}")
            touch(min(size, available_memory() // 2))
            try:
                samples.add(way, **ways[way]())
            except Failed as failed:
                samples.fail(way, failed)
    return samples
