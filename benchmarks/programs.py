"""Where programs are found, and what versions they say they have. Nothing is installed here."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

from measure import touch

__all__ = ["facts", "find", "version"]

VERSION_ARGUMENTS = {
    "ghcr-sim": ["--version"],
    "docker-registry": ["--version"],
    "crane": ["version"],
    "olareg": ["version"],
    "wrk": ["--version"],
    "ab": ["-V"],
    "curl": ["--version"],
}
"""How each program is asked for its version."""


@functools.cache
def _folders() -> str:
    """Where to look: beside this Python, on PATH, in Go's folders."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    gopath = os.environ.get("GOPATH") or str(Path.home() / "go")
    gobin = os.environ.get("GOBIN", "")
    if go:
        answer = subprocess.run(
            [go, "env", "GOBIN", "GOPATH"], capture_output=True, text=True, check=False, timeout=30
        )
        lines = answer.stdout.splitlines()
        if len(lines) == 2:
            gobin, gopath = lines
    folders += [gobin, *(str(Path(one) / "bin") for one in gopath.split(os.pathsep) if one)]
    return os.pathsep.join(folder for folder in folders if folder)


@functools.cache
def find(program: str) -> str | None:
    """The path of a program, or None; `python3` is the one that runs this."""
    if program == "python3":
        return sys.executable
    return shutil.which(program, path=_folders())


def version(program: str) -> str:
    """What a program says its version is, in a few words; `missing` where it is not installed."""
    path = find(program)
    if path is None:
        return "missing"
    answer = subprocess.run(
        [path, *VERSION_ARGUMENTS[program]], capture_output=True, text=True, check=False, timeout=30
    )
    words = (answer.stdout + answer.stderr).split()
    # The first word with a digit and a dot is the version in all of them (`VCSTag: v0.2.2`, `2.8.2+ds1`).
    return next(
        (word.strip(",") for word in words if "." in word and any(c.isdigit() for c in word)), "unknown"
    )


def _cpu() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _package(name: str) -> str:
    """The version of an installed distribution, or `missing`."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _hashing() -> float:
    """MB/s of sha256 on one core: how fast this machine is just now, against others and other days."""
    piece, best = bytes(1 << 24), 0.0
    for _ in range(5):
        begun = time.perf_counter()
        hashlib.sha256(piece).digest()
        best = max(best, len(piece) / 1e6 / (time.perf_counter() - begun))
    return best


def _filesystem(folder: Path) -> str:
    """The kind of file system under a folder."""
    best = ("", "unknown")
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        inside = folder.resolve().is_relative_to(point)
        if inside and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


def facts(folder: Path) -> dict[str, str]:
    """What a reader must know of the machine to judge the figures. No names of hosts, users or paths."""
    return {
        "cores": f"{len(os.sched_getaffinity(0))} x {_cpu()}",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        **{package: _package(package) for package in ("pytest-ghcr", "aiohttp", "uvloop")},
        **{program: version(program) for program in VERSION_ARGUMENTS if program != "ghcr-sim"},
        "sha256, one core": f"{_hashing():,.0f} MB/s",
        "fresh memory": f"{touch(1 << 28) / (1 << 28) * 1e9:.2f} CPU s/GB",
        "files on": _filesystem(folder),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }
