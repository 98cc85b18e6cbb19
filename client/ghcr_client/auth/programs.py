"""How a program that knows credentials is run and remembered.

It gets its own process group, a time and a size; whatever happens, it is ended and reaped. What it prints may be a
secret, and no error of this module shows it; who knows the program knows what a message is. Source:
`reference/registry-clients.md` section 1.2, row "helper cache and failure back-off".
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghcr_client.errors import ConfigError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence

    from ghcr_client.auth.credentials import Credentials

__all__ = ["FAILURE_SECONDS", "KEEP_SECONDS", "TIMEOUT", "Remembered", "run_program"]

KEEP_SECONDS = 3600.0
"""How long a program's answer is kept."""

FAILURE_SECONDS = 5.0
"""How long a program that failed is not run again."""

TIMEOUT = 30.0
"""Seconds that a program may take."""

_OUTPUT = 64 * 1024
_GONE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Kept:
    until: float
    answer: Credentials | None
    failure: str = ""


class Remembered:
    """Answers of slow programs: each is asked for once at a time, kept for an hour, and after a failure left alone.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: dict[Hashable, _Kept] = {}

    async def get(
        self, key: Hashable, ask: Callable[[], Awaitable[Credentials | None]]
    ) -> Credentials | None:
        """The kept answer, or a new one. That there are no credentials is an answer, too.

        Args:
            key: What is asked about.
            ask: Runs the program.

        Returns:
            The credentials, or None.

        Raises:
            ConfigError: The program failed, now or within the last 5 seconds.
        """
        async with self._lock:
            answers = self._kept  # an answer that was forgotten while it was asked for stays forgotten
            kept = answers.get(key)
            if kept is None or kept.until <= self._clock():
                kept = await self._asked(ask)
                answers[key] = kept
        if kept.failure:
            raise ConfigError(kept.failure)
        return kept.answer

    def clear(self) -> None:
        """Forget every answer."""
        self._kept = {}

    async def _asked(self, ask: Callable[[], Awaitable[Credentials | None]]) -> _Kept:
        try:
            answer = await ask()
        except ConfigError as error:
            return _Kept(self._clock() + FAILURE_SECONDS, None, str(error))
        return _Kept(self._clock() + KEEP_SECONDS, answer)


async def run_program(
    words: Sequence[str], *, given: bytes = b"", environ: Mapping[str, str], seconds: float = TIMEOUT
) -> tuple[int, bytes] | None:
    """Run a program to its end.

    Args:
        words: Its name, without a path, and its arguments; no shell sees them.
        given: What it reads.
        environ: Its environment; its `PATH` says where the program is. Relative directories in it do not count.
        seconds: How long it may take.

    Returns:
        Its exit code and what it printed, or None where there is no such program.

    Raises:
        ConfigError: It cannot be started, takes too long, or prints more than 64 KiB. It is ended by then.
    """
    found = shutil.which(words[0], path=environ.get("PATH", os.defpath))
    if found is None or not os.path.isabs(found):  # noqa: PTH117 - a Path would make "./x" the same as "x"
        return None
    try:
        process = await asyncio.create_subprocess_exec(
            found,
            *words[1:],
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=dict(environ),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ConfigError(f"the program {words[0]} cannot be started: {reason or 'bad argument'}") from None
    try:
        return await asyncio.wait_for(_talk(process, words[0], given), seconds)
    except TimeoutError:
        raise ConfigError(
            f"the program {words[0]} did not end within {seconds:g} s and was killed: does it wait for an input?"
        ) from None
    finally:
        await _end(process)


async def _talk(process: Process, name: str, given: bytes) -> tuple[int, bytes]:
    """Write, read to the end, and wait."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # it need not read
        process.stdin.write(given)
        await process.stdin.drain()
    process.stdin.close()
    output = bytearray()
    while piece := await process.stdout.read(_OUTPUT):
        output += piece
        if len(output) > _OUTPUT:
            raise ConfigError(
                f"the program {name} printed more than {_OUTPUT} bytes: it is not what it should be"
            )
    return await process.wait(), bytes(output)


async def _end(process: Process) -> None:
    """Kill what is still running, with its children, and reap it."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:  # pragma: no cover - Windows
                process.kill()
        # A child that left the group may hold the pipe open; nobody waits for it for ever.
        with suppress(TimeoutError):
            await asyncio.wait_for(_drained(process), _GONE_SECONDS)


async def _drained(process: Process) -> None:
    """Wait for the end. What is still in the pipe is read, because a full one never ends."""
    assert process.stdout is not None
    while await process.stdout.read(_OUTPUT):
        pass
    await process.wait()
