"""Rows `request` and `load`: what an answer from a recording costs, ours and other people's, and how soon it comes.

Each way is a process of its own, client included (`cassetteworker`). mitmproxy is a server: it has another process.
Its recording is made by itself, of a bare server.
"""

from __future__ import annotations

import contextlib
import json
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cassettefiles import cassette, same, vcr_cassette
from measure import Failed, Samples
from peers import SUBJECTS, Subject, free_port, running, spawn, stop
from processes import environment, run
from programs import find
from requesting import MANIFEST, REPOSITORY, ask, image
from rounds import Plan, interleaved

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

__all__ = [
    "BARE",
    "LOADED",
    "MITMPROXY",
    "OURS",
    "SAME",
    "SPARSE",
    "VCRPY",
    "measure_load",
    "measure_request",
]

COUNTS = (1, 100, 10_000)
MANY = COUNTS[-1]
BARE = "bare aiohttp"
OURS = tuple(f"ghcr-sim, {count:,}" for count in COUNTS)
SAME = f"ghcr-sim, {MANY:,} alike"
VCRPY = tuple(f"vcrpy, {count:,}" for count in COUNTS)
MITMPROXY = tuple(f"mitmproxy, {count:,}" for count in COUNTS)
LOADED = "ghcr-sim, load"
SPARSE = "ghcr-sim, load, one body there"

_BARE = next(one for one in SUBJECTS if one.name == "bare aiohttp")


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to answer: its name, the Python that has it, the worker's word, where its recording is, and how long."""

    name: str
    python: str
    word: str
    place: str
    count: int


def _work(plan: Plan, way: _Way) -> dict[str, float]:
    """Run a way once; what it measured, and the most memory."""
    python = find(way.python)
    if python is None:
        raise Failed(f"not measured: {way.python} is not installed")
    worker = str(Path(__file__).with_name("cassetteworker.py"))
    used = run(
        [python, worker, way.word, way.place, str(way.count), str(plan.seconds)], environment(plan.folder)
    )
    told: dict[str, float] = json.loads(used.said.splitlines()[-1])
    return {**told, "peak_mib": used.peak_mib}


def _rounds(plan: Plan, what: str, ways: list[_Way], samples: Samples) -> Samples:
    for number, way in interleaved(ways, plan.rounds):
        if way.name in samples.failed:
            continue
        plan.say(f"{what}: round {number + 1}, {way.name}")
        try:
            samples.add(way.name, **_work(plan, way))
        except Failed as failed:
            samples.fail(way.name, failed)
    return samples


def measure_request(plan: Plan) -> Samples:
    """µs of a request, client included: `us`."""
    samples = Samples()
    with tempfile.TemporaryDirectory(dir=plan.folder) as name, contextlib.ExitStack() as stack:
        own = Path(name)
        ways = [_Way(BARE, "python3", "bare", "-", 1)]
        for count, ours, theirs, proxy in zip(COUNTS, OURS, VCRPY, MITMPROXY, strict=True):
            ways.append(_Way(ours, "python3", "replay", str(cassette(own / f"ours-{count}", count)), count))
            if count > plan.images:
                continue
            recorded = vcr_cassette(own / f"vcr-{count}.json", count)
            ways.append(_Way(theirs, "vcr-python", "vcrpy", str(recorded), count))
            try:
                place = stack.enter_context(_mitmproxy(plan, own, count))
            except Failed as failed:
                samples.fail(proxy, failed)
            else:
                ways.append(_Way(proxy, "python3", "proxied", place, count))
        ways.append(_Way(SAME, "python3", "replay", str(same(own / "same", MANY)), 1))
        return _rounds(plan, "a replayed request", ways, samples)


def measure_load(plan: Plan) -> Samples:
    """From the file to the first answer: `load_ms`, `stand_ms`, `first_ms`, `peak_mib`."""
    with tempfile.TemporaryDirectory(dir=plan.folder) as name:
        own = Path(name)
        ways = [
            _Way(LOADED, "python3", "loading", str(cassette(own / "all", MANY)), MANY),
            _Way(SPARSE, "python3", "loading", str(cassette(own / "one", MANY, sparse=True)), MANY),
        ]
        if plan.images >= MANY:
            recorded = vcr_cassette(own / "vcr.json", MANY)
            ways.append(_Way(VCRPY[-1], "vcr-python", "vcrpy", str(recorded), MANY))
        return _rounds(plan, f"{MANY:,} exchanges", ways, Samples())


# -- mitmproxy


@contextlib.contextmanager
def _mitmdump(folder: Path, *more: str) -> Iterator[str]:
    """A mitmdump that listens; its URL."""

    def arguments(port: int, _: Path) -> list[str]:
        return [
            "-q",
            "--listen-host",
            "127.0.0.1",
            "--listen-port",
            str(port),
            "--set",
            f"confdir={folder}",
            *more,
        ]

    folder.mkdir(exist_ok=True)
    port = free_port()
    try:
        process = spawn(Subject("mitmproxy", "mitmdump", arguments), port, folder)
    except Failed:
        raise Failed("not measured: mitmdump is not installed") from None
    try:
        _wait(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until somebody listens: a request that is not meant for another server would not be answered."""
    late = time.monotonic() + 30
    while time.monotonic() < late and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise Failed("not measured: mitmdump does not listen")


@contextlib.contextmanager
def _mitmproxy(plan: Plan, own: Path, count: int) -> Iterator[str]:
    """Server replay by mitmproxy of its own recording of a bare server; `PROXY=ORIGIN`."""
    folder, flows = own / "mitmproxy", own / f"flows-{count}"
    with running(_BARE, plan.folder) as server:
        ask(
            "PUT",
            f"{server.url}/v2/{REPOSITORY}/manifests/v1",
            {"Content-Type": MANIFEST},
            image("one").manifest,
        )
        with _mitmdump(folder, "-w", str(flows)) as proxy:
            plan.say(f"mitmproxy records {count} exchanges")
            _work(plan, _Way("fill", "python3", "filled", f"{proxy}={server.url}", count))
        origin = server.url
    options = ("server_replay_reuse=true", "server_replay_extra=kill", "connection_strategy=lazy")
    settings = [word for option in options for word in ("--set", option)]
    with _mitmdump(folder, "--server-replay", str(flows), *settings) as proxy:
        yield f"{proxy}={origin}"
