"""Which loop the commands run in: uvloop, where there is the extra; and how SIGTERM ends one. It knows no command."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["end_on_sigterm", "loop_factory", "run_to_end"]


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the loop: uvloop, where the extra was installed; None is asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - it is an extra
    except ImportError:
        return None
    return uvloop.new_event_loop


def run_to_end(work: Coroutine[Any, Any, int]) -> int:
    """Run to the end, or until `end_on_sigterm` cancels it; the exit status."""
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(work)
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM


def end_on_sigterm() -> None:
    """Let SIGTERM end the command, the door and what lies in temporary folders, and not just this process."""
    task = asyncio.current_task()
    assert task is not None
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
