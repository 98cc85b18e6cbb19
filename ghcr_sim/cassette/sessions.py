"""Upload sessions of a replay: opened anew, hashed as they come, bound to a recorded upload when their digest is known.

Parallel POSTs look alike, so that which recorded one is meant shows at the end only. Bytes lie in memory or, when
there are many, in a file that goes with the replay. It answers nothing. Source: `reference/record-replay.md` section
3.2.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ghcr_sim.registry.pour import pour
from ghcr_sim.store import MemoryWriter
from ghcr_sim.store.writers import FileWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghcr_sim.clock import Ids
    from ghcr_sim.exchange import Body
    from ghcr_sim.store import Blob, Writer

__all__ = ["KnownBody", "Session", "Sessions"]

_IN_MEMORY = 1 << 20


@runtime_checkable
class KnownBody(Protocol):
    """A body of which only digest and size are known: a rehearsal sends such, as the bytes of uploads are not kept."""

    known_digest: str
    length: int


@dataclass(slots=True)
class Session:
    """An upload that was begun.

    Attributes:
        id: Its id.
        repository: Where it belongs.
        writer: What came.
        known: Digest and size of what a rehearsal has sent.
    """

    id: str
    repository: str
    writer: Writer
    known: list[tuple[str, int]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many bytes came."""
        return self.writer.size + sum(size for _, size in self.known)

    async def take(self, body: Body, algorithm: str = "sha256") -> None:
        """Append a body; one that breaks off leaves what was there before.

        Raises:
            BodyError: It broke off.
        """
        if isinstance(body, KnownBody):
            if body.length:
                self.known.append((body.known_digest, body.length))
            return
        mark = self.writer.mark()
        try:
            await pour(body, self.writer, algorithm=algorithm)
        except BaseException:
            self.writer.rollback(mark)
            raise


class Sessions:
    """The uploads that are open.

    Args:
        ids: Makes their ids.
    """

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._open: dict[str, Session] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def begin(self, repository: str, expected: int | None = None) -> Session:
        """A new session.

        Args:
            repository: Where it belongs.
            expected: How many bytes will come, if that is known already.
        """
        small = expected is not None and expected <= _IN_MEMORY
        session = Session(self._ids.uuid(), repository, MemoryWriter() if small else self._file())
        self._open[session.id] = session
        return session

    def _file(self) -> Writer:
        """A writer into a file of this replay, made when it is needed."""
        return _Growing(self)

    def folder(self) -> Path:
        """Where large contents lie until the replay ends."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="ghcr-replay-")
        return Path(self._folder.name)

    def fresh(self) -> Path:
        """A file's name that nobody has."""
        return self.folder() / self._ids.uuid()

    def find(self, repository: str, session: str) -> Session | None:
        """A session of a repository."""
        found = self._open.get(session)
        return found if found is not None and found.repository == repository else None

    def end(self, session: Session) -> None:
        """Forget a session; its content, if it was finished, stays."""
        self._open.pop(session.id, None)

    def close(self) -> None:
        """Forget everything."""
        for session in self._open.values():
            session.writer.discard()
        self._open.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


class _Growing:
    """A writer that is in memory as long as little comes, and in a file from then on."""

    blocking = True

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._writer: Writer = MemoryWriter()

    @property
    def size(self) -> int:
        return self._writer.size

    def write(self, chunks: Sequence[bytes], algorithm: str = "sha256") -> None:
        more = sum(map(len, chunks))
        if isinstance(self._writer, MemoryWriter) and self._writer.size + more > _IN_MEMORY:
            before = b"".join(self._writer._buffers())  # noqa: SLF001 - what it holds moves
            self._writer = FileWriter(self._sessions.fresh())
            if before:
                self._writer.write([before], algorithm)
        self._writer.write(chunks, algorithm)

    def mark(self) -> object:
        return (self._writer, self._writer.mark(), self._writer.size)

    def rollback(self, mark: object) -> None:
        assert isinstance(mark, tuple)
        writer, inner, size = mark
        if writer is self._writer:
            self._writer.rollback(inner)
        else:
            data = b"".join(bytes(each) for each in writer._buffers())[:size]  # noqa: SLF001 - the same
            self._writer.discard()
            self._writer = MemoryWriter()
            if data:
                self._writer.write([data])

    def finish(self, digest: str) -> Blob:
        return self._writer.finish(digest)

    def discard(self) -> None:
        self._writer.discard()


def digest_of(data: bytes, algorithm: str) -> str:
    """The digest of some bytes."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
