"""Programs that are not Python: found or skipped, and run with their words shown when they fail.

A visitor without skopeo sees a skip that names it. Where ``GHCR_REQUIRE_CLIENTS=1`` is set, as ``.ci/run``
sets it, the same lack is a failure, so that no client's test can fall silent unnoticed.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from subprocess import CompletedProcess

__all__ = ["lacking", "program_path", "require", "require_name", "run", "which"]

SHOWN = 6000
"""How many characters of an output a failure shows: its end, where the reason stands."""


@functools.cache
def program_path() -> str:
    """Return where programs are: the pinned ones of ``.ci/install-clients``, PATH, and Go's own place."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    pinned = f"{cache}/pytest-ghcr/bin"
    places = ["/usr/local/sbin", "/usr/sbin", "/sbin"]
    paths = os.environ.get("GOPATH", "") or str(Path.home() / "go")
    if go := shutil.which("go"):
        asked = subprocess.run([go, "env", "GOPATH"], capture_output=True, text=True, check=False, timeout=30)
        paths = asked.stdout.strip() or paths
    places += [f"{path}/bin" for path in paths.split(os.pathsep)]
    return os.pathsep.join([pinned, os.environ.get("PATH", os.defpath), *places])


def which(program: str) -> str | None:
    """Return the program's path, or None where it is not installed."""
    return shutil.which(program, path=program_path())


def lacking(reason: str) -> NoReturn:
    """Skip the test with `reason`, or fail it where ``GHCR_REQUIRE_CLIENTS=1`` forbids to skip."""
    if os.environ.get("GHCR_REQUIRE_CLIENTS") == "1":
        pytest.fail(
            f"{reason}, and GHCR_REQUIRE_CLIENTS=1 forbids to skip: run .ci/install-clients", pytrace=False
        )
    pytest.skip(reason)


def require(*programs: str) -> None:
    """Skip the test, or fail it where skips are forbidden, unless every one of `programs` is installed."""
    if missing := [program for program in programs if which(program) is None]:
        lacking(f"not installed: {', '.join(missing)}")


def require_name(name: str) -> None:
    """Skip the test, or fail it where skips are forbidden, unless `name` resolves to loopback."""
    try:
        address = socket.gethostbyname(name)
    except OSError:
        lacking(f"the name {name} does not resolve (it wants the line «127.0.0.1 {name}» in /etc/hosts)")
    if not address.startswith("127."):
        lacking(f"the name {name} resolves to {address}, which is not this machine")


def run(
    *argv: str | os.PathLike[str],
    env: Mapping[str, str] | None = None,
    check: bool = True,
    timeout: float = 60,
    cwd: str | os.PathLike[str] | None = None,
    stdin: str = "",
) -> CompletedProcess[str]:
    """Run a program to its end and return what it said.

    `env` replaces the whole environment (PATH is always `program_path`), `timeout` is in seconds.

    Raises:
        AssertionError: `check` holds and the program ended with another status than 0, or it took too
            long; the message shows the command and the end of both outputs.
    """
    words = [os.fspath(word) for word in argv]
    command = [which(words[0]) or words[0], *words[1:]]
    surroundings = {**(os.environ if env is None else env), "PATH": program_path()}
    try:
        done = subprocess.run(
            command,
            env=surroundings,
            cwd=cwd,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(_account(words, f"no end after {timeout} s", late.stdout, late.stderr)) from None
    if check and done.returncode != 0:
        raise AssertionError(_account(words, f"exit status {done.returncode}", done.stdout, done.stderr))
    return done


def _account(words: list[str], outcome: str, *outputs: str | bytes | None) -> str:
    lines = [f"$ {shlex.join(words)}", outcome]
    for name, output in zip(("stdout", "stderr"), outputs, strict=True):
        text = output.decode(errors="replace") if isinstance(output, bytes) else output or ""
        lines.append(f"--- {name}\n{text[-SHOWN:].rstrip()}")
    return "\n".join(lines)
