"""A blob on its way here: hashed and written in threads while the next bytes come, and checked at the end.

It reads answers and asks for none. Nothing that an answer says of itself is believed: not its length, not the part
that it claims to be. Source: RFC 9110, sections 14 and 15.3.7.
"""

from __future__ import annotations

import asyncio
import errno
import io
from typing import IO, TYPE_CHECKING, Protocol

from ghcr_client.closing import closing
from ghcr_client.errors import (
    DOWNLOAD_AGAIN,
    DigestMismatch,
    InvalidRange,
    ProtocolError,
    TransportError,
    UploadError,
)
from ghcr_client.hashing import SMALL, Hasher
from ghcr_client.memory import keep_freed_memory
from ghcr_client.progress import Progress
from ghcr_client.ranges import ChunkRange
from ghcr_client.retries import is_temporary
from ghcr_client.wire import coding_of, translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import aiohttp

    from ghcr_client.digests import Digest
    from ghcr_client.progress import ProgressCallback, State

__all__ = ["PART", "WHOLE", "Memory", "Opened", "Receiving", "Sink", "batches", "rest_of"]

WHOLE, PART = 200, 206

_BATCH = 1024 * 1024
_MOST_PIECES = 256


_Working = asyncio.Future[tuple[BaseException | None, BaseException | None]]


class Sink(Protocol):
    """Where a blob is written to, in a thread."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""

    def rewind(self) -> object:
        """Forget what was written."""


class Memory(bytearray):
    """A sink that is bytes."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self.extend(data)

    def rewind(self) -> None:
        """Forget what was written."""
        self.clear()


class Opened:
    """A sink that is somebody's open file; the blob begins where that file is.

    Args:
        file: The file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._start = file.tell() if file.seekable() else None

    def write(self, data: bytes) -> None:
        """Take the next bytes, all of them: a raw file may take fewer at a time.

        Raises:
            OSError: They cannot be written.
        """
        taken = self._file.write(data)
        # Files that are not raw take all, and some say nothing.
        while taken is not None and taken < len(data):
            if taken == 0:
                raise BlockingIOError(errno.EAGAIN, "the target takes no more bytes")
            data = data[taken:]
            taken = self._file.write(data)
        if taken is None and isinstance(self._file, io.RawIOBase):
            raise BlockingIOError(errno.EAGAIN, "the target would block")

    def rewind(self) -> None:
        """Go back to where the blob began.

        Raises:
            UploadError: The file cannot go back.
        """
        if self._start is None:
            raise UploadError("the download has to begin anew, and its target cannot go back")
        self._file.seek(self._start)
        self._file.truncate()


class Receiving:
    """How far a download is.

    Args:
        digest: What the bytes must have.
        sink: Where they go.
        size: How many there should be, or None.
        limit: How many there may be, or None.
        progress: Is told how far it is.
    """

    def __init__(
        self,
        digest: Digest,
        sink: Sink,
        *,
        size: int | None = None,
        limit: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        self.digest = digest
        self._sink = sink
        self._expected = size
        self._size = size
        self._limit = limit
        self._progress = progress
        self._hasher = Hasher(digest.algorithm)
        self._resumed = False
        self._advice = DOWNLOAD_AGAIN
        self._tell("started")

    @property
    def done(self) -> int:
        """Bytes that came and were written."""
        return self._hasher.size

    def may_go_on(self, error: Exception) -> bool:
        """Whether a further try makes sense: after what passes, and for content that was put together from several."""
        if isinstance(error, DigestMismatch):
            if self._resumed:
                self.rewind()
                return True
            return False
        return is_temporary(error)

    def rewind(self) -> None:
        """Forget what came."""
        self._sink.rewind()
        self._hasher = Hasher(self.digest.algorithm)
        self._resumed = False
        self._tell("moving")

    def begin(self, response: aiohttp.ClientResponse) -> None:
        """Look at an answer's head: is it the rest that was asked for, and how much is it?

        Raises:
            ProtocolError: It is another part, or more than may be held.
            DigestMismatch: The whole has another size than was promised.
        """
        if response.status == PART:
            total = part_from(response, self.digest, self.done).total
            self._resumed = self.done > 0
        else:
            if self.done:
                self.rewind()
            total = response.content_length
        # Only said where the bytes are wrong: some storages label a blob that is gzip itself.
        if coding := coding_of(response):
            self._advice = (
                f"It came with Content-Encoding {coding}, which was not asked for: look for a proxy on the way "
                "that changes answers"
            )
        if total is not None:
            self._check_size(total)
            self._size = total

    def _check_size(self, total: int) -> None:
        """Refuse a size that was not promised, before it is read."""
        if self._expected is not None and total != self._expected:
            promised = f"{self.digest} of {self._expected} bytes"
            raise DigestMismatch(
                promised, f"of {total} bytes", what=f"blob {self.digest}", advice=DOWNLOAD_AGAIN
            )
        if self._limit is not None and total > self._limit:
            raise ProtocolError(
                f"{self.digest} has {total} bytes, more than the {self._limit} that may be held"
            )

    async def take(self, response: aiohttp.ClientResponse) -> None:
        """Read to the end; one batch is hashed, and written, while the next one comes.

        Raises:
            TransportError: It broke off.
            DigestMismatch: More came than there should be.
            OSError: It cannot be written.
        """
        if self._size is None or self._size > _BATCH:
            keep_freed_memory()
        loop = asyncio.get_running_loop()
        working: _Working | None = None
        try:
            async with closing(batches(response)) as coming:
                async for batch, size in coming:
                    if working is not None:
                        _raise_first(await asyncio.shield(working))
                        working = None
                        self._tell("moving")
                    self._check_room(size)
                    if size <= SMALL:
                        self._write(batch)
                        self._hash(batch)
                    else:
                        # Both take about as long as the bytes take to come: one thread would be what is waited for.
                        working = asyncio.gather(
                            loop.run_in_executor(None, self._write, batch),
                            loop.run_in_executor(None, self._hash, batch),
                            return_exceptions=True,
                        )
        finally:
            if working is not None:
                await _settled(working)

    def _check_room(self, more: int) -> None:
        """Stop a server that sends more than it may."""
        if self._size is not None and self.done + more > self._size:
            raise DigestMismatch(
                self.digest,
                f"more than {self._size} bytes",
                what=f"blob {self.digest}",
                advice=DOWNLOAD_AGAIN,
            )
        if self._limit is not None and self.done + more > self._limit:
            raise ProtocolError(f"{self.digest} has more than the {self._limit} bytes that may be held")

    def _write(self, batch: list[bytes]) -> None:
        """Write some pieces; runs in a thread."""
        for piece in batch:
            self._sink.write(piece)

    def _hash(self, batch: list[bytes]) -> None:
        """Hash them; runs in another one."""
        for piece in batch:
            self._hasher.update(piece)

    def finish(self) -> None:
        """Refuse everything but the right bytes.

        Raises:
            TransportError: Some are missing.
            DigestMismatch: They are others.
        """
        if self._size is not None and self.done < self._size:
            raise TransportError(f"{self.digest} broke off after {self.done} of {self._size} bytes")
        actual = self._hasher.digest
        if actual != self.digest:
            raise DigestMismatch(self.digest, actual, what=f"blob {self.digest}", advice=self._advice)
        self._size = self.done
        self._tell("done")

    def _tell(self, state: State) -> None:
        if self._progress is not None:
            self._progress(Progress(self.digest, self.done, self._size, state))


def part_from(response: aiohttp.ClientResponse, digest: Digest, start: int) -> ChunkRange:
    """The part that an answer has, if it begins where it should.

    Args:
        response: The answer.
        digest: The blob, for the message.
        start: Where it should begin.

    Returns:
        The part.

    Raises:
        ProtocolError: It begins elsewhere, or does not say where.
    """
    said = response.headers.get("Content-Range", "")
    try:
        part = ChunkRange.parse(said) if said else None
    except InvalidRange:
        part = None
    if part is None or part.start != start:
        raise ProtocolError(f"bytes from {start} on of {digest} were asked for, and {part or 'others'} came")
    return part


async def batches(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[list[bytes], int]]:
    """A body in lists of pieces that make a mebibyte or more together, or less where the pieces are many.

    Args:
        response: Whose body.

    Yields:
        Pieces, and how many bytes they have together.

    Raises:
        TransportError: It broke off.
    """
    batch: list[bytes] = []
    size = 0
    while True:
        try:
            with translated(response.url):
                # As they came: to join them would copy every byte, into memory that is fresh and dear each time.
                piece, ends_chunk = await response.content.readchunk()
        except TransportError:
            if batch:
                yield batch, size  # so that the next try has less to ask for
            raise
        if not piece:
            if ends_chunk:
                continue
            break
        batch.append(piece)
        size += len(piece)
        if size >= _BATCH or len(batch) >= _MOST_PIECES:
            yield batch, size
            batch, size = [], 0
    if batch:
        yield batch, size


async def rest_of(response: aiohttp.ClientResponse, digest: Digest, start: int) -> AsyncIterator[bytes]:
    """The pieces of a blob from an offset; where all of it came instead, what stands before is passed over.

    Args:
        response: The answer.
        digest: The blob, for the message.
        start: Where it should begin.

    Yields:
        No empty piece.

    Raises:
        ProtocolError: It begins elsewhere, or does not say where.
        TransportError: It broke off.
    """
    passed = start
    if response.status == PART:
        part_from(response, digest, start)
        passed = 0
    async with closing(batches(response)) as coming:
        async for batch, _ in coming:
            for piece in batch:
                if passed < len(piece):
                    yield piece[passed:]
                passed = max(0, passed - len(piece))


async def _settled(working: _Working) -> None:
    """Wait until the threads have let go of the pieces, also when the task is being cancelled."""
    cancelled: BaseException | None = None
    while not working.done():
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    _raise_first(working.result())


def _raise_first(results: Iterable[BaseException | None]) -> None:
    """Raise what went wrong in one of the threads."""
    for each in results:
        if each is not None:
            raise each
