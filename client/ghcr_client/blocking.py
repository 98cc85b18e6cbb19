"""What `SyncGhcrClient` stands on: a `GhcrClient` that is open in a loop of its own, and content without a loop.

The operations are in `sync`, which is made from the client's. It knows none of them.
"""

from __future__ import annotations

import asyncio
import io
import os
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar, cast

from ghcr_client.background import Background
from ghcr_client.client import GhcrClient
from ghcr_client.errors import ConfigError, UploadError
from ghcr_client.jobs import asked, told
from ghcr_client.metrics import NO_METRICS
from ghcr_client.sources import PIECE, Content, Source, StreamSource

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from types import TracebackType

    from ghcr_client.auth.providers import CredentialProvider
    from ghcr_client.clock import Clock
    from ghcr_client.digests import Digest
    from ghcr_client.metrics import Metrics
    from ghcr_client.progress import ProgressCallback
    from ghcr_client.settings import GhcrConfig

__all__ = ["BlockingClient", "SyncContent", "callback_of", "content_of"]

T = TypeVar("T")

SyncContent = Content | Iterable[bytes] | IO[bytes]
"""What operations take: what `GhcrClient` takes, an iterable of bytes, or a file that is open for reading bytes."""

_END: Any = object()


class BlockingClient:
    """A client that is opened, runs one operation after another for each thread, and is closed."""

    _background: Background | None = None

    def __init__(
        self,
        config: GhcrConfig | None = None,
        *,
        credentials: CredentialProvider | None = None,
        metrics: Metrics = NO_METRICS,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        self._client = GhcrClient(config, credentials=credentials, metrics=metrics, clock=clock, **settings)

    @property
    def config(self) -> GhcrConfig:
        """The settings."""
        return self._client.config

    def open(self) -> Self:
        """Start the thread; `with` does it. Whoever calls it calls `close`.

        Returns:
            This client.

        Raises:
            ConfigError: It was opened before: a client is opened once.
            GhcrError: It cannot be opened, such as for want of a cassette.
        """
        if self._background is not None:
            raise ConfigError("a client is opened once: make another one")
        self._background = Background(self._client)
        return self

    def close(self) -> None:
        """End what other threads still have it do, close all connections, and end the thread.

        Closed twice, it does nothing; nor does it in a process that was forked while it was open.

        Raises:
            ConfigError: It is called in the client's own thread.
            SimulationError: What was recorded cannot be kept.
        """
        self._close(None)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the client's loop, such as `Image.build(…)`, and wait for it.

        Args:
            work: The coroutine.

        Returns:
            Its result.

        Raises:
            TypeError: It is not a coroutine, such as the result of one of this client's own operations.
            ConfigError: The client is closed, was opened before a fork, or is used in its own thread.
            TransportError: The client was closed meanwhile by another thread.
        """
        if not asyncio.iscoroutine(work):
            raise TypeError(f"run wants a coroutine, such as Image.build(…), and got {type(work).__name__}")
        if self._background is None:
            work.close()
            raise ConfigError("the client is closed: use it inside `with`")
        return self._background.run(work)

    def _iterate(self, stream: AsyncIterator[T]) -> Iterator[T]:
        """An asynchronous iterator's values, one by one. What is not used up ends in the loop, by itself."""
        while (value := self.run(_next(stream))) is not _END:
            yield value

    def _close(self, failure: BaseException | None) -> None:
        if self._background is not None:
            self._background.close(failure)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(error)

    def __del__(self) -> None:
        background = self._background
        if background is not None and background.alive:
            # The loop may be the very thread that collects garbage: nothing is waited for.
            background.abandon()
            warnings.warn(
                f"{self!r} was never closed: use `with`", ResourceWarning, stacklevel=1, source=self
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.config.default_registry}>"


async def _next(stream: AsyncIterator[T]) -> T:
    """The next value, or `_END`. In the loop, which then knows whom to end when it ends itself."""
    value: T = await anext(stream, _END)
    return value


def callback_of(progress: ProgressCallback | None) -> ProgressCallback | None:
    """A progress callback that is called in the thread that waits for the operation.

    Args:
        progress: What to call, or None.

    Returns:
        What the operation calls.
    """
    return None if progress is None else told(progress)


def content_of(content: SyncContent) -> Content:
    """Content as `GhcrClient` takes it. Iterables and open files are read in the thread that waits for the operation.

    Args:
        content: What somebody without a loop has.

    Returns:
        Content for the operation. A file that can seek is sent again from where it stands now, if need be.

    Raises:
        TypeError: It is a file of text.
    """
    if isinstance(content, (bytes, bytearray, memoryview, str, os.PathLike, AsyncIterable, Source)):
        return content
    if hasattr(content, "read"):
        return _file(cast("IO[bytes]", content))
    if isinstance(content, Iterable):
        return StreamSource(_pieces(content))
    return content


def _file(file: IO[bytes]) -> Source:
    """An open file as content."""
    if isinstance(file, io.TextIOBase):
        raise TypeError("the file is open for text: open it for reading bytes, mode 'rb'")
    if file.seekable():
        return _OpenFile(file)
    return StreamSource(_pieces(iter(partial(file.read, PIECE), b"")))


async def _pieces(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """The pieces of an iterable, asked for in the caller's thread."""
    iterator = await asked(partial(iter, pieces))
    while (piece := await asked(partial(_piece, iterator))) is not _END:
        yield piece


def _piece(iterator: Iterator[bytes]) -> bytes:
    piece: object = next(iterator, _END)
    if piece is _END or isinstance(piece, bytes):
        return cast("bytes", piece)
    if isinstance(piece, (bytearray, memoryview)):
        return bytes(piece)
    raise TypeError(f"the content has to give bytes, and gave {type(piece).__name__}")


class _OpenFile:
    """An open file, from where it stands."""

    rewindable = True
    digest: Digest | None = None

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._start = file.tell()
        self.size: int | None = file.seek(0, os.SEEK_END) - self._start
        file.seek(self._start)

    async def read(self, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from an offset.

        Raises:
            UploadError: The file is shorter than it was.
        """
        at, end = start, self.size or 0
        while at < end:
            piece = await asked(partial(self._read_at, at, min(PIECE, end - at)))
            if not piece:
                raise UploadError(f"the file became shorter while it was read: {end - at} bytes are missing")
            at += len(piece)
            yield piece

    def _read_at(self, at: int, size: int) -> bytes:
        self._file.seek(self._start + at)
        return self._file.read(size)
