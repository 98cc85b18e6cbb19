"""The same server for synchronous code: one background loop a process, any number of servers in it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ghcr_sim.serve import Door, Server

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType


__all__ = ["BACKGROUND", "ThreadDoor", "ThreadServer"]

T = TypeVar("T")


class _Background:
    """A loop in a daemon thread, that runs while anybody needs it.

    Attributes:
        name: The thread's name, and what the names of its helpers begin with.
    """

    name = "ghcr-sim"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Make sure that the loop runs."""
        with self._lock:
            self._users += 1
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._run, args=(self._loop,), name=self.name, daemon=True
                )
                self._thread.start()

    @classmethod
    def _run(cls, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix=f"{cls.name}-helper"))
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    def release(self) -> None:
        """Stop the loop if nobody needs it any more."""
        with self._lock:
            self._users -= 1
            if self._users or self._loop is None or self._thread is None:
                return
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop = self._thread = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there, and wait for it.

        Raises:
            RuntimeError: This process was forked from the one in which the loop runs.
        """
        assert self._loop is not None
        assert self._thread is not None
        if not self._thread.is_alive():
            work.close()
            raise RuntimeError(
                "the fake runs in a thread of the process that this one was forked from: start and stop it there, or "
                "start this process with multiprocessing's 'spawn'"
            )
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


BACKGROUND = _Background()
"""The loop of this process. Hold it with `acquire` to keep its thread alive between servers."""


class ThreadDoor:
    """A `Door` for code without a loop: `with ThreadDoor(Door(handler)) as door: …`.

    Args:
        door: What listens.
    """

    def __init__(self, door: Door) -> None:
        self._server = door
        self._lock = threading.Lock()
        self._started = False

    @property
    def url(self) -> str:
        """Where it is."""
        return self._server.url

    @property
    def host(self) -> str:
        """Name and port, as clients write them before `/owner/name:tag`."""
        return self._server.host

    @property
    def port(self) -> int:
        """The port that is listened on, once it is."""
        return self._server.port

    @property
    def listening(self) -> bool:
        """Whether it was started, and not stopped."""
        return self._started

    def start(self) -> None:
        """Listen; see `Server.start`. Harmless to repeat, in any thread."""
        with self._lock:
            if self._started:
                return
            BACKGROUND.acquire()
            try:
                BACKGROUND.run(self._server.start())
            except BaseException:
                BACKGROUND.release()
                raise
            self._started = True

    def stop(self) -> None:
        """Stop; see `Server.stop`. Harmless to repeat."""
        with self._lock:
            if not self._started:
                return
            self._started = False
            try:
                BACKGROUND.run(self._server.stop())
            finally:
                BACKGROUND.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class ThreadServer(ThreadDoor):
    """A `Server` for code without a loop: `with ThreadServer(simulator) as server: …`.

    Takes the arguments of `Server`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        server = Server(*args, **kwargs)
        super().__init__(server)
        self.simulator = server.simulator
