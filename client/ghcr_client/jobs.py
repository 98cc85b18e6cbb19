"""Work in a loop, and the thread that waits for it: the two ends of one coroutine.

What work wants of the caller, a callback or the next piece of an iterator, is done by the thread that waits, so that
it needs no locks and may use the client again. A wait that is interrupted cancels the work, and ends when that has. It
knows no loop's life: `background` does.
"""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import Future, InvalidStateError
from contextvars import ContextVar, copy_context
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ghcr_client.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["Job", "asked", "told"]

T = TypeVar("T")


class Job(Generic[T]):
    """Some work, and the thread that waits for it.

    Args:
        work: A coroutine that nobody has begun.
        loop: Where it will run.
        done: Is told when it has ended.
    """

    def __init__(
        self,
        work: Coroutine[Any, Any, T],
        loop: asyncio.AbstractEventLoop,
        done: Callable[[Job[Any]], object],
    ) -> None:
        self.work = work
        self.loop = loop
        self.result: Future[T] = Future()
        self.calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self.task: asyncio.Task[T] | None = None
        self.given_up = False
        self._done = done
        # The caller's context: its span is the parent of the spans that the work makes.
        self._context = copy_context()
        self._context.run(_JOB.set, self)

    # -- in the loop's thread

    def begin(self) -> None:
        """Begin the work, unless it was given up before."""
        if self.given_up:
            return
        try:
            self.task = self.loop.create_task(self.work, context=self._context)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self.result.set_exception(error)
            self._end()
        else:
            self.task.add_done_callback(self._settle)

    def cancel(self) -> None:
        """End the work early, also before it has begun."""
        self.given_up = True
        if self.task is None:
            self.fail()
        else:
            self.task.cancel()

    def fail(self) -> None:
        """Tell who waits that there will be no result."""
        if self.task is None:
            self.work.close()
        closed = TransportError("the client was closed before the operation had ended", temporary=False)
        with contextlib.suppress(InvalidStateError):  # it was told before
            self.result.set_exception(closed)
        self._end()

    def _settle(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self.fail()
            return
        error = task.exception()
        if error is None:
            self.result.set_result(task.result())
        else:
            self.result.set_exception(error)
        self._end()

    def _end(self) -> None:
        self._done(self)
        self.calls.put(None)

    async def ask(self, function: Callable[[], T]) -> T:
        """What a function gives that the caller's thread calls; what it raises, ends the work."""
        if self.given_up:
            raise asyncio.CancelledError
        answer: asyncio.Future[T] = self.loop.create_future()

        def call() -> None:
            value = function()
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                self.loop.call_soon_threadsafe(_answer, answer, value)

        self.calls.put(call)
        return await answer

    # -- in the caller's thread

    def wait(self) -> T:
        """Do what the work asks for until it has ended, and give its result."""
        while (call := self.calls.get()) is not None:
            call()
        return self.result.result()

    def give_up(self) -> None:
        """Cancel the work, unless it has ended, and wait until it has: what it holds is let go then."""
        if self.result.done():
            return
        try:
            self.loop.call_soon_threadsafe(self.cancel)
        except RuntimeError:  # the loop is closed
            self.fail()
        while self.calls.get() is not None:
            pass


_JOB: ContextVar[Job[Any]] = ContextVar("ghcr_client.background")
"""The work of which a task is a part."""


def _answer(answer: asyncio.Future[T], value: T) -> None:
    if not answer.done():
        answer.set_result(value)


async def asked(function: Callable[[], T]) -> T:
    """Call a function in the thread that waits for this work.

    Args:
        function: What to call. If it raises, the work is cancelled, and its caller gets the exception.

    Returns:
        What it returns.
    """
    value: T = await _JOB.get().ask(function)
    return value


def told(callback: Callable[[T], object]) -> Callable[[T], None]:
    """A callback that is called in the thread that waits for the work, in order, before that gets its result.

    Args:
        callback: What to call. If it raises, the work is cancelled, and its caller gets the exception.

    Returns:
        A callback for the work. It returns at once.
    """

    def tell(event: T) -> None:
        _JOB.get().calls.put(partial(callback, event))

    return tell
