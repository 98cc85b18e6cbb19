"""Servers that clients need beside them: started here, waited for, and ended by their process id."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tools import lacking, program_path, run, which

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["daemon", "require_root", "short_directory"]

PATIENCE = 30
"""Seconds that a server may take to be ready; and again, to end."""


def require_root() -> None:
    """Skip the test, or fail it where skips are forbidden, unless it runs as root."""
    if os.geteuid() != 0:
        lacking("this program is tested as root only: for others it depends on how the machine is set up")


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """Make a directory whose path leaves room for a socket's name, and remove it at the end."""
    path = Path(tempfile.mkdtemp(prefix="d-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def daemon(argv: Sequence[str], log: Path, ready: Sequence[str], env: Mapping[str, str]) -> Iterator[None]:
    """Run a server for as long as the block does.

    Args:
        argv: Its command.
        log: Where its words go; shown if it does not start.
        ready: A command that succeeds when the server is ready.
        env: Added to the environment.
    """
    surroundings = {**os.environ, **env, "PATH": program_path()}
    with log.open("wb") as words:
        server = subprocess.Popen(
            [which(argv[0]) or argv[0], *argv[1:]],
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
    try:
        _wait(lambda: run(*ready, env=surroundings, check=False).returncode == 0, server, log)
        yield
    finally:
        server.terminate()
        try:
            server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(ready: Callable[[], bool], server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        ended = server.poll()
        if ended is not None or time.monotonic() > deadline:
            raise AssertionError(f"{server.args!r} did not start ({ended}):\n{log.read_text()[-3000:]}")
        time.sleep(0.1)
