"""Content on its way to a registry: what is known of an upload, what it tells, and whether it can be begun anew.

It sends nothing. Content that changed since its digest was found is never given to its end. Source: distribution
specification, section "Pushing blobs"; `reference/registry-clients.md` section 2 rows 1 to 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghcr_client.closing import closing
from ghcr_client.errors import GhcrError, InvalidUpload, UploadError, UploadUnknown
from ghcr_client.hashing import Hasher, checked
from ghcr_client.progress import Progress
from ghcr_client.retries import is_temporary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ghcr_client.digests import Digest
    from ghcr_client.operations.chunks import Session
    from ghcr_client.progress import ProgressCallback, State
    from ghcr_client.refs import ImageRef
    from ghcr_client.sources import Source

__all__ = ["Stream", "Upload", "must_be_rewindable", "passes"]


@dataclass(slots=True)
class Upload:
    """One blob on its way.

    Attributes:
        ref: The repository that it goes to.
        source: Its content.
        digest: Its digest.
        size: How many bytes it has.
        trusted: Whether the digest was computed from this very content just now.
        chunk_size: Bytes of a chunk where chunks were asked for, else None.
        progress: Is told how far it is.
        session: Where the upload goes on, once it has begun.
        broken: Whether something was sent to that session already.
        resumed: Whether a broken session was gone on with; that is tried once.
        step: Bytes that this try sends at a time: 0 before it sends, None where all goes in one request.
    """

    ref: ImageRef
    source: Source
    digest: Digest
    size: int
    trusted: bool = False
    chunk_size: int | None = None
    progress: ProgressCallback | None = None
    session: Session | None = None
    broken: bool = False
    resumed: bool = False
    step: int | None = 0

    def tell(self, done: int, state: State = "moving") -> None:
        """Tell how far it is."""
        if self.progress is not None:
            self.progress(Progress(self.digest, done, self.size, state))

    async def pieces(self, start: int = 0) -> AsyncIterator[bytes]:
        """The content from an offset, told of while it goes; one that changed is never sent to its end."""
        self.tell(start)
        done = start if self.trusted else 0
        source = self.source.read(start) if self.trusted else checked(self.source, self.digest, self.size)
        async with closing(source) as pieces:
            async for piece in pieces:
                skipped = max(0, start - done)
                done += len(piece)
                if len(piece) > skipped:
                    yield piece[skipped:]
                    self.tell(done)


class Stream:
    """Content that is hashed while it is sent.

    Args:
        source: The content.
        progress: Is told how far it is.

    Attributes:
        source: The content.
        hasher: What has its digest and size in the end.
        step: Bytes that are sent at a time: 0 before, None where all goes in one request.
    """

    def __init__(self, source: Source, progress: ProgressCallback | None) -> None:
        self.source = source
        self.hasher = Hasher(source.digest.algorithm if source.digest else "sha256")
        self.step: int | None = 0
        self._progress = progress

    async def pieces(self) -> AsyncIterator[bytes]:
        """The content, once."""
        self.tell("started")
        async with closing(self.source.read()) as pieces:
            async for piece in pieces:
                await self.hasher.take(piece)
                yield piece
                self.tell("moving")
        if self.source.size is not None and self.hasher.size != self.source.size:
            raise UploadError(
                f"{self.hasher.size} bytes came instead of the {self.source.size} that were announced"
            )

    def tell(self, state: State) -> None:
        """Tell how far it is."""
        if self._progress is not None:
            self._progress(Progress("", self.hasher.size, self.source.size, state))


def passes(error: GhcrError) -> bool:
    """Whether an upload may succeed when it is begun anew.

    Args:
        error: What it ended with.

    Returns:
        True for what passes by itself, and for sessions that are of no use any more.
    """
    return is_temporary(error) or isinstance(error, (UploadUnknown, InvalidUpload))


def must_be_rewindable(source: Source, error: GhcrError) -> None:
    """Refuse to go on with content that is gone.

    Args:
        source: The content.
        error: Why it would have to be sent again.

    Raises:
        UploadError: It cannot be read again.
    """
    if not source.rewindable:
        raise UploadError(
            f"the upload broke off ({error}), and its content cannot be read again: pass bytes, a file or a Source"
        ) from None
