"""Credentials that a program knows: how such a program is run and remembered, and GitHub's own one, `gh`.

A program gets its own process group, a time and a size; whatever happens, it is ended and reaped. What it prints is a
secret and is never shown. docker's helpers are run from here, too (`dockerconfig`). Source: the manual of
`gh auth token`; `reference/registry-clients.md` section 1.2, row "helper cache and failure back-off".
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ghcr_client.auth.credentials import NO_USER, Credentials, canonical_registry, checked_registry
from ghcr_client.errors import ConfigError
from ghcr_client.masking import shown
from ghcr_client.refs import GHCR

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence

__all__ = ["FAILURE_SECONDS", "KEEP_SECONDS", "TIMEOUT", "GitHubCliCredentials", "Remembered", "run_program"]

KEEP_SECONDS = 3600.0
"""How long a program's answer is kept."""

FAILURE_SECONDS = 5.0
"""How long a program that failed is not run again."""

TIMEOUT = 30.0
"""Seconds that a program may take."""

_OUTPUT = 64 * 1024
_GONE_SECONDS = 5.0
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?")


class GitHubCliCredentials:
    """The token that `gh` has, for one registry.

    Where `gh` is not installed, or nobody is logged in to it, there are none.

    Args:
        host: Which GitHub `gh` is asked about.
        registry: The only registry the token is for: host and, where there is one, port.
        environ: The environment in which `gh` is looked for and run; this process's own if None.
        clock: Seconds that only grow.
        timeout: Seconds that `gh` may take.

    Raises:
        ConfigError: The host or the registry is not one.

    Example:
        >>> provider = GitHubCliCredentials(environ={"PATH": "/nowhere"})
        >>> asyncio.run(provider.get_credentials("ghcr.io")) is None
        True
    """

    def __init__(
        self,
        host: str = "github.com",
        registry: str = GHCR,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = TIMEOUT,
    ) -> None:
        if not _HOST.fullmatch(host):
            raise ConfigError(f"{shown(repr(host))} is not a host of GitHub: write such as github.com")
        self._host = host
        self._registry = checked_registry(registry)
        self._environ = os.environ if environ is None else environ
        self._timeout = timeout
        self._answers = Remembered(clock)

    async def get_credentials(self, registry: str) -> Credentials | None:
        """What `gh auth token` prints, kept for an hour.

        Raises:
            ConfigError: `gh` cannot be run, or does not end.
        """
        if canonical_registry(registry) != self._registry:
            return None
        return await self._answers.get(self._host, self._ask)

    async def invalidate(self, registry: str) -> None:
        """Ask `gh` again at the next question."""
        if canonical_registry(registry) == self._registry:
            self._answers.clear()

    async def _ask(self) -> Credentials | None:
        words = ("gh", "auth", "token", "--hostname", self._host)
        ended = await run_program(words, environ=self._environ, seconds=self._timeout)
        if ended is None or ended[0]:
            return None
        token = ended[1].decode("utf-8", "surrogateescape").strip()
        return Credentials(NO_USER, SecretStr(token)) if token else None


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
