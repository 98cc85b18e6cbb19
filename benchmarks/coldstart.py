"""Row `start`: from spawning a server to its first 200 on `/v2/`, beside a Python that imports `aiohttp.web`.

The server is asked on a raw socket each millisecond, with a header it lets in; the import is timed from
spawn to exit. One warm-up of each comes first, so that files and byte code are in the page cache.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import Failed, Samples
from peers import Subject, free_port, running, spawn, stop, wait_for
from requesting import SECRET, first_status
from rounds import Plan, interleaved

__all__ = ["IMPORT", "measure_start"]

IMPORT = "import aiohttp.web"
_BASIC = base64.b64encode(f"u:{SECRET}".encode()).decode()
_WAYS_IN: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": f"Bearer {base64.b64encode(SECRET.encode()).decode()}"},
    {"Authorization": f"Basic {_BASIC}"},
)
"""Headers that need no request before the first one."""


def _way_in(plan: Plan, subject: Subject) -> dict[str, str]:
    """The first header with which a warm server answers 200."""
    with running(subject, plan.folder) as server:
        port = int(server.url.rpartition(":")[2])
        for headers in _WAYS_IN:
            if first_status(port, headers) == 200:
                return headers
    raise Failed("no header that is known beforehand is answered with 200")


def _start(plan: Plan, subject: Subject, headers: dict[str, str]) -> float:
    """Milliseconds from spawn to the first 200."""
    folder = Path(tempfile.mkdtemp(dir=plan.folder))
    try:
        port = free_port()
        begun = time.perf_counter()
        process = spawn(subject, port, folder)
        try:
            wait_for(process, port, folder, headers, (200,))
            return (time.perf_counter() - begun) * 1e3
        finally:
            stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _import() -> float:
    """Milliseconds that the bare import takes, spawn to exit."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORT], check=True, timeout=60)
    return (time.perf_counter() - begun) * 1e3


def measure_start(plan: Plan) -> Samples:
    """Milliseconds to the first 200 (`ms`), for each subject and for the import."""
    samples = Samples()
    ways: dict[str, dict[str, str]] = {}
    known = {one.name: one for one in plan.subjects if one.whole}
    for subject in known.values():
        plan.say(f"start: warm-up, {subject.name}")
        try:
            ways[subject.name] = _way_in(plan, subject)
        except Failed as failed:
            samples.fail(subject.name, failed)
    _import()
    rounds = max(1, plan.starts // 20)
    plan.say(f"start: {rounds} rounds")
    for _, name in interleaved([IMPORT, *ways], rounds):
        if name == IMPORT:
            samples.add(name, ms=_import())
        elif name not in samples.failed:
            try:
                samples.add(name, ms=_start(plan, known[name], ways[name]))
            except Failed as failed:
                samples.fail(name, failed)
    return samples
