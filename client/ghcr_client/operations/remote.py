"""Content that is in a registry, as something to read from: for copies, and for archives.

It stores nothing; who reads it verifies it. A read that breaks off goes on by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_client.closing import closing
from ghcr_client.progress import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ghcr_client.digests import Digest
    from ghcr_client.manifests import Manifest
    from ghcr_client.models import Descriptor
    from ghcr_client.progress import ProgressCallback
    from ghcr_client.refs import ImageRef

    Stream = Callable[[ImageRef, Digest, int, int], AsyncIterator[bytes]]
    Pull = Callable[[ImageRef], Awaitable[Manifest]]

__all__ = ["Remote", "RemoteSource"]


class RemoteSource:
    """A blob in a registry; it can be read again.

    Args:
        stream: Reads a blob of a repository from an offset.
        ref: The repository.
        blob: The blob.
        progress: Is told how far it is.
    """

    rewindable = True

    def __init__(
        self, stream: Stream, ref: ImageRef, blob: Descriptor, progress: ProgressCallback | None = None
    ) -> None:
        self._stream = stream
        self._ref = ref
        self._progress = progress
        self.digest: Digest | None = blob.digest
        self.size: int | None = blob.size
        self._blob = blob

    async def read(self, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes from an offset."""
        done = start
        async with closing(self._stream(self._ref, self._blob.digest, self._blob.size, start)) as pieces:
            async for piece in pieces:
                done += len(piece)
                yield piece
                if self._progress is not None:
                    whole = done == self._blob.size
                    self._progress(
                        Progress(self._blob.digest, done, self._blob.size, "done" if whole else "moving")
                    )


class Remote:
    """A repository, as the origin of an image.

    Args:
        stream: Reads a blob of a repository from an offset.
        pull: Pulls a manifest.
        ref: The repository.
        progress: Is told how far each blob is.
    """

    def __init__(
        self, stream: Stream, pull: Pull, ref: ImageRef, progress: ProgressCallback | None = None
    ) -> None:
        self._stream = stream
        self._pull = pull
        self._ref = ref
        self._progress = progress

    async def manifest(self, reference: Descriptor) -> Manifest:
        """A manifest that an index lists."""
        return await self._pull(self._ref.with_digest(reference.digest, keep_tag=False))

    def source(self, descriptor: Descriptor) -> RemoteSource:
        """The content of a blob."""
        return RemoteSource(self._stream, self._ref, descriptor, self._progress)
