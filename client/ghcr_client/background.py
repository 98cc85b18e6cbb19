"""A loop in a thread of its own, for code that has none.

Work is given to it from any thread, and whoever gives it waits. It holds one thing open for as long as it lives, and
knows nothing of registries.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from ghcr_client.errors import ConfigError
from ghcr_client.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextlib import AbstractAsyncContextManager

__all__ = ["Background"]

T = TypeVar("T")


class Background:
    """A loop in a thread, and something that is open in it. Any number of threads may use it at once.

    Args:
        resource: What is opened in the loop; closed with it.

    Raises:
        Exception: The resource cannot be opened; nothing is left then.
    """

    def __init__(self, resource: AbstractAsyncContextManager[object]) -> None:
        self._resource = resource
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._jobs: set[Job[Any]] = set()
        self._closed = False
        self._opened: Future[None] = Future()
        self._ended: Future[None] = Future()
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._ending: asyncio.Future[BaseException | None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._main, name="ghcr-client", daemon=True)
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:
            self.abandon()
            self._thread.join()
            raise

    @property
    def elsewhere(self) -> bool:
        """Whether this is another process, to which a fork brought the object and not the thread."""
        return os.getpid() != self._process

    @property
    def alive(self) -> bool:
        """Whether its thread runs, in this process."""
        return not self.elsewhere and self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there, and wait for it.

        Args:
            work: The coroutine. It is closed where it cannot run.

        Returns:
            Its result.

        Raises:
            ConfigError: The client is closed, belongs to another process, or would wait for itself.
            TransportError: The client was closed meanwhile.
            BaseException: What the coroutine raises; and `KeyboardInterrupt`, which cancels it.
        """
        job: Job[T] | None = None
        try:
            self._check()
            job = Job(work, self._loop, self._forget)
            self._take(job)
            return job.wait()
        except BaseException:
            # An interrupt may come at any of these lines, and the work may run by then.
            if job is None:
                work.close()
            else:
                job.give_up()
            raise
        finally:
            del job  # its exception knows this frame

    def _take(self, job: Job[Any]) -> None:
        """Have the loop begin some work."""
        with self._lock:
            if not self._closed:
                self._jobs.add(job)
                self._loop.call_soon_threadsafe(job.begin)
                return
        job.fail()
        raise ConfigError("the client is closed: use it inside `with`")

    def close(self, failure: BaseException | None = None) -> None:
        """Cancel what runs, close the resource, and end the thread. Once closed, it does nothing.

        Args:
            failure: What the resource is told why it is closed.

        Raises:
            ConfigError: It is called in the loop's own thread.
            Exception: What closing the resource raises.
        """
        if self.elsewhere:
            return
        self._check()
        self._end(failure)
        self._thread.join()
        self._ended.result()

    def abandon(self) -> None:
        """Have everything closed, and wait for nothing; for where nobody may wait."""
        if not self.elsewhere:
            self._end(GeneratorExit())

    def _check(self) -> None:
        """Refuse what would never end."""
        if self.elsewhere:
            raise ConfigError(
                "the client was opened before a fork, and its thread stayed behind: open another one"
            )
        if threading.current_thread() is self._thread:
            raise ConfigError("the client is used in its own thread, and would wait for itself for ever")

    def _end(self, failure: BaseException | None) -> None:
        def end() -> None:
            if not self._ending.done():
                self._ending.set_result(failure)

        with contextlib.suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(end)

    # -- in the loop's thread

    def _main(self) -> None:
        """The thread: until it is told to end, and all is let go."""
        failure: BaseException | None = None
        try:
            with self._runner as runner:
                runner.run(self._live())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            failure = error
        with self._lock:
            self._closed = True
            left = list(self._jobs)
        for job in left:
            job.fail()
        if self._opened.done():
            self._tell(self._ended, failure)
        else:
            self._tell(self._opened, failure)

    @staticmethod
    def _tell(future: Future[None], failure: BaseException | None) -> None:
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)

    async def _live(self) -> None:
        """Hold the resource open for as long as it is wanted."""
        await self._resource.__aenter__()
        self._opened.set_result(None)
        failure = await self._ending
        await self._cancel_all()
        kind = None if failure is None else type(failure)
        await self._resource.__aexit__(kind, failure, None if failure is None else failure.__traceback__)

    async def _cancel_all(self) -> None:
        """Cancel what runs, and take no more."""
        with self._lock:
            self._closed = True
            running = list(self._jobs)
        for job in running:
            job.cancel()
        await asyncio.gather(*(job.task for job in running if job.task is not None), return_exceptions=True)

    def _forget(self, job: Job[Any]) -> None:
        with self._lock:
            self._jobs.discard(job)
