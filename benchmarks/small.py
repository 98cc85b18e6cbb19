"""Rows `get` and `head`: GET and HEAD of a 1 KiB manifest by tag, over 16 kept connections.

`wrk` asks with GET, `ab` with HEAD; both are faster than any subject. All servers run at once, only one is
asked at a time. An answer that is not a 200 with the right length makes the subject fail the row.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from typing import TYPE_CHECKING

from measure import Failed, Samples, cpu_seconds
from peers import Server, Subject, running
from programs import find
from requesting import MANIFEST, REPOSITORY, ask, image, push
from rounds import Plan, each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CONNECTIONS", "measure_get", "measure_head"]

CONNECTIONS = 16
SIZE = 1024


def _run(plan: Plan, *command: str) -> str:
    """A load generator's output, ended if it does not end by itself."""
    program = find(command[0])
    if program is None:
        raise Failed(f"{command[0]} is not installed")
    done = subprocess.run(
        [program, *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=plan.seconds + 60,
    )
    if done.returncode:
        raise Failed(f"{command[0]}: {done.stderr.strip()[-200:]}")
    return done.stdout


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def _flags(headers: dict[str, str]) -> list[str]:
    return [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]


def _get(plan: Plan, url: str, headers: dict[str, str]) -> tuple[float, float]:
    """How many requests were answered, and how many a second."""
    text = _run(plan, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{plan.seconds}s", *_flags(headers), url)
    if wrong := _number(r"Non-2xx or 3xx responses: (\d+)", text):
        raise Failed(f"{wrong:.0f} answers were no 200")
    return _number(r"(\d+) requests in", text), _number(r"Requests/sec:\s+([\d.]+)", text)


def _head(plan: Plan, url: str, headers: dict[str, str]) -> tuple[float, float]:
    """The same, by HEAD."""
    load = ["-i", "-k", "-q", "-c", str(CONNECTIONS), "-t", str(plan.seconds), "-n", "10000000"]
    text = _run(plan, "ab", *load, *_flags(headers), url)
    count = _number(r"Complete requests:\s+(\d+)", text)
    if wrong := _number(r"Non-2xx responses:\s+(\d+)", text):
        raise Failed(f"{wrong:.0f} answers were no 200")
    if _number(r"Keep-Alive requests:\s+(\d+)", text) < count - 2 * CONNECTIONS:
        raise Failed("connections are not kept for HTTP/1.0 with Connection: keep-alive")
    return count, _number(r"Requests per second:\s+([\d.]+)", text)


def _measure(
    plan: Plan, what: str, load: Callable[[Plan, str, dict[str, str]], tuple[float, float]]
) -> Samples:
    samples = Samples()
    with contextlib.ExitStack() as stack:
        servers: dict[str, Server] = {}

        def once(subject: Subject) -> None:
            if subject.name not in servers:
                servers[subject.name] = stack.enter_context(_seeded(plan, subject))
            server = servers[subject.name]
            headers = {"Accept": MANIFEST, **server.headers}
            before = cpu_seconds(server.pid)
            count, rate = load(plan, f"{server.url}/v2/{REPOSITORY}/manifests/v1", headers)
            cpu = cpu_seconds(server.pid) - before
            if not count:
                raise Failed("no request was answered")
            samples.add(subject.name, cpu_us=cpu / count * 1e6, rate=rate)

        each(plan, what, samples, once, floors=True)
    return samples


@contextlib.contextmanager
def _seeded(plan: Plan, subject: Subject) -> Iterator[Server]:
    """A running server that holds one image, whose manifest was fetched and compared once."""
    with running(subject, plan.folder) as server:
        one = image("manifest", SIZE)
        push(server.url, server.headers, one, "v1")
        headers = {"Accept": MANIFEST, **server.headers}
        got = ask("GET", f"{server.url}/v2/{REPOSITORY}/manifests/v1", headers)
        if got.body != one.manifest:
            raise Failed(f"GET of the manifest: {got.status}, {len(got.body)} bytes")
        yield server


def measure_get(plan: Plan) -> Samples:
    """Server CPU µs a request (`cpu_us`) and requests a second (`rate`)."""
    return _measure(plan, "GET manifest", _get)


def measure_head(plan: Plan) -> Samples:
    """The same, by HEAD."""
    return _measure(plan, "HEAD manifest", _head)
