"""Who is measured, and how each is started and ended. No figure is taken here.

Each subject is one line of a table: a program and its arguments. All listen on 127.0.0.1 only, log into a
file in their own temporary folder, and are ended by their process id, whatever happens.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Failed
from programs import find
from requesting import first_status, login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["SUBJECTS", "Server", "Subject", "available", "free_port", "running", "spawn", "stop", "wait_for"]

DOCKER_REGISTRY = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  cache: {{blobdescriptor: inmemory}}
  filesystem: {{rootdirectory: {folder}/data}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{port}"}}
"""
"""Debian's configuration without the password, on loopback, and without a log line a request."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A registry to measure.

    Attributes:
        name: Its name in the tables.
        program: The program to find.
        arguments: Port and temporary folder → arguments.
        ours: Whether the requirements are on it.
        keeps: Where it keeps its bytes: `memory` or `files`.
        whole: Whether it is a registry, and not only a floor for the rows of small requests.
    """

    name: str
    program: str
    arguments: Callable[[int, Path], list[str]]
    ours: bool = False
    keeps: str = "memory"
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Server:
    """A subject that answers: where, as which process, and with which headers it lets a request in."""

    subject: Subject
    url: str
    pid: int
    headers: dict[str, str]


def _ghcr_sim(*more: str) -> Callable[[int, Path], list[str]]:
    def arguments(port: int, folder: Path) -> list[str]:
        filled = [one.format(folder=folder) for one in more]
        return ["serve", "--host", "127.0.0.1", "--port", str(port), *filled]

    return arguments


def _docker_registry(port: int, folder: Path) -> list[str]:
    configuration = folder / "registry.yml"
    configuration.write_text(DOCKER_REGISTRY.format(folder=folder, port=port))
    return ["serve", str(configuration)]


def _crane(port: int, _: Path) -> list[str]:
    return ["registry", "serve", "--address", f"127.0.0.1:{port}"]


def _bare(port: int, _: Path) -> list[str]:
    return [str(Path(__file__).with_name("bare.py")), str(port)]


def _olareg(port: int, _: Path) -> list[str]:
    return ["serve", "--addr", "127.0.0.1", "--port", str(port), "--store-type", "mem"]


SUBJECTS = (
    Subject("ghcr", "ghcr-sim", _ghcr_sim(), ours=True),
    Subject("oci", "ghcr-sim", _ghcr_sim("--profile", "oci"), ours=True),
    Subject("ghcr --store", "ghcr-sim", _ghcr_sim("--store", "{folder}/data"), ours=True, keeps="files"),
    Subject("docker-registry", "docker-registry", _docker_registry, keeps="files"),
    Subject("crane", "crane", _crane),
    Subject("olareg", "olareg", _olareg),
    Subject("bare aiohttp", "python3", _bare, whole=False),
)
"""`ghcr-sim serve` in its two profiles and with its directory store, the peers, and aiohttp's own floor."""


def available(names: Sequence[str] = ()) -> list[Subject]:
    """The subjects whose program is installed, of those named (of all where none is named)."""
    return [one for one in SUBJECTS if find(one.program) and (not names or one.name in names)]


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def spawn(subject: Subject, port: int, folder: Path) -> subprocess.Popen[bytes]:
    """Start a subject's process, and do not wait for it."""
    program = find(subject.program)
    if program is None:
        raise Failed("not installed")
    with (folder / "log").open("wb") as log:
        # A process group of its own: Ctrl-C reaches this program, which then ends what it started.
        return subprocess.Popen(
            [program, *subject.arguments(port, folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started here: politely, then at once."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


def wait_for(
    process: subprocess.Popen[bytes],
    port: int,
    folder: Path,
    headers: dict[str, str],
    statuses: Sequence[int],
) -> None:
    """Ask `GET /v2/` each millisecond until it answers with one of the statuses.

    Raises:
        Failed: The process ended, or did not answer so within 30 seconds.
    """
    seen: int | None = None
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        seen = first_status(port, headers)
        if seen in statuses:
            return
        if process.poll() is not None:
            raise Failed(f"ended with {process.returncode} before it answered: {_last_line(folder / 'log')}")
        time.sleep(0.001)
    raise Failed(f"GET /v2/ gave {seen} for 30 s")


@contextlib.contextmanager
def running(subject: Subject, folder: Path) -> Iterator[Server]:
    """A subject with empty storage that answers; ended and swept away at the end."""
    own = Path(tempfile.mkdtemp(dir=folder))
    try:
        port = free_port()
        process = spawn(subject, port, own)
        try:
            wait_for(process, port, own, {}, (200, 401))
            url = f"http://127.0.0.1:{port}"
            yield Server(subject, url, process.pid, login(url))
        finally:
            stop(process)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"
