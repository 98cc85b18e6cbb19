"""Programs that are run once, each in a process of its own, and what they took: seconds, CPU time, memory at most.

Memory is `VmHWM` (proc(5)) of the whole process, interpreter and libraries included. It is read each few milliseconds,
because nothing tells it of a process that has ended: `ru_maxrss` counts what the parent had before exec, too.
"""

from __future__ import annotations

import os
import resource
import select
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from measure import Failed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Used", "environment", "run"]

LIMIT = 600
"""The most seconds a program may take."""

_EACH_MS = 5


@dataclass(frozen=True, slots=True)
class Used:
    """What a program took.

    Attributes:
        seconds: From spawn to exit.
        cpu: User and system time of it and its children.
        peak_mib: The most memory that was resident.
        said: Its output, unless that went into a file.
    """

    seconds: float
    cpu: float
    peak_mib: float
    said: str


def environment(folder: Path, **more: str) -> dict[str, str]:
    """This process's environment without proxies, and with byte code kept in a folder of its own.

    Whether byte code may be written where the modules are differs from one installation to the next, and decides
    over half of what an import takes.
    """
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "HOME": str(folder), **more}


def run(argv: Sequence[str], env: Mapping[str, str], into: Path | None = None) -> Used:
    """Run a program to its end.

    Args:
        argv: The program and its arguments.
        env: Its environment.
        into: The file that its output goes to, where that is the blob.

    Raises:
        Failed: It ended with another status than 0, or not at all.
    """
    with ExitStack() as stack:
        said = stack.enter_context(tempfile.TemporaryFile())
        output = said if into is None else stack.enter_context(into.open("wb"))
        errors = stack.enter_context(tempfile.TemporaryFile())
        before, begun = _children_cpu(), time.perf_counter()
        process = subprocess.Popen(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True
        )
        peak = _watched(process)
        seconds, cpu = time.perf_counter() - begun, _children_cpu() - before
        if process.returncode:
            raise Failed(f"{Path(argv[0]).name} ended with {process.returncode}: {_end(errors)}")
        said.seek(0)
        return Used(seconds, cpu, peak, said.read().decode(errors="replace"))


def _watched(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process; the most memory it had, in MiB. One that takes too long is ended."""
    status, peak = Path(f"/proc/{process.pid}/status"), 0.0
    deadline = time.monotonic() + LIMIT
    descriptor = os.pidfd_open(process.pid)
    try:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        while not waiting.poll(_EACH_MS):
            peak = max(peak, _high_water(status))
            if time.monotonic() > deadline:
                raise Failed(f"not done in {LIMIT} s")
    finally:
        os.close(descriptor)
        if process.poll() is None:
            process.kill()
        process.wait()
    return peak


def _high_water(status: Path) -> float:
    """`VmHWM` now, in MiB; 0 for a process that has ended."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _end(log: IO[bytes]) -> str:
    """The last words of a log."""
    log.seek(0)
    return log.read().decode(errors="replace").strip()[-300:]
