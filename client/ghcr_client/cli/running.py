"""Runs a piece of work with a client, until it is done or a signal says stop; then everything is put in order first.

Files that are not complete go away because tasks are cancelled and clean up. It does not know what the work is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, TypeVar

from ghcr_client.cli.exits import Stopped, exit_code
from ghcr_client.client import GhcrClient
from ghcr_client.masking import shown
from ghcr_client.metrics import NoMetrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from ghcr_client.cli.options import Options
    from ghcr_client.settings import GhcrConfig

__all__ = ["Told", "run", "run_with"]

T = TypeVar("T")
C = TypeVar("C", bound=GhcrClient)

_LONGEST = 2000
_log = logging.getLogger("ghcr_client.cli")
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_GRACE = 5.0
"""Seconds for putting everything in order: a thread that writes to a stopped pipe would wait for ever."""


class Told(NoMetrics):
    """Logs answers, and counts the tokens that were fetched.

    Attributes:
        tokens: How many.
    """

    def __init__(self) -> None:
        self.tokens = 0

    def request(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Log an answer."""
        _log.debug("%s (%s): %s in %.3f s", method, endpoint, status or "no answer", seconds)

    def token_refreshed(self) -> None:
        """Count a token."""
        self.tokens += 1


def run(options: Options, work: Callable[[GhcrClient], Awaitable[T]], *, grace: float = _GRACE) -> T:
    """Do something with a client.

    Args:
        options: The settings, and how much is logged.
        work: What to do.
        grace: Seconds for putting everything in order after a signal; then it ends as it is.

    Returns:
        What it returned.

    Raises:
        Stopped: A signal said stop.
        GhcrError: It failed.
        OSError: A file cannot be read or written.
    """
    return run_with(GhcrClient, options, work, grace=grace)


def run_with(
    kind: type[C], options: Options, work: Callable[[C], Awaitable[T]], *, grace: float = _GRACE
) -> T:
    """Do something with a client of a kind; else as `run`."""
    # Not in the loop: it may ask for a token at the terminal, where Ctrl-C has to work.
    config = options.config()
    with _saying(options):
        return asyncio.run(_work(kind, config, work, grace))


async def _work(kind: type[C], config: GhcrConfig, work: Callable[[C], Awaitable[T]], grace: float) -> T:
    """Do it, with an ear for signals."""
    stops: list[int] = []
    with _listening(stops, grace):
        try:
            async with kind(config, metrics=Told()) as client:
                return await work(client)
        except asyncio.CancelledError:
            if stops:
                raise Stopped(stops[0]) from None
            raise


@contextlib.contextmanager
def _listening(stops: list[int], grace: float) -> Iterator[None]:
    """Cancel this task at the first signal, and write down which one it was. What the shell ignores stays ignored."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # somebody awaits this

    def stop(number: int) -> None:
        if not stops:
            loop.call_later(grace, os._exit, exit_code(Stopped(number)))
        stops.append(number)
        task.cancel()

    heard: list[int] = []
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) is signal.SIG_IGN:
            continue
        # Windows has none of this, and neither has a thread that is not the main one.
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, stop, number)
            heard.append(number)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)


class _Handler(logging.Handler):
    """Writes records to stderr, masked once more; what a bar has drawn on that line is wiped away."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        try:
            level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
            wipe = "\r\x1b[K" if sys.stderr.isatty() else ""
            sys.stderr.write(f"{wipe}ghcr: {level}{shown(self.format(record), _LONGEST)}\n")
        except Exception:  # noqa: BLE001 - as every handler does
            self.handleError(record)


@contextlib.contextmanager
def _saying(options: Options) -> Iterator[None]:
    """Show as much of the client's log as is wanted, and leave it as it was."""
    logger = logging.getLogger("ghcr_client")
    before = logger.level, logger.propagate, logger.handlers
    logger.setLevel(logging.DEBUG if options.verbose else logging.ERROR if options.quiet else logging.WARNING)
    logger.propagate, logger.handlers = False, [_Handler()]
    try:
        yield
    finally:
        level, logger.propagate, logger.handlers = before
        logger.setLevel(level)
