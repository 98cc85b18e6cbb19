"""Blobs, uploaded: looked for, mounted, sent in one streamed PUT, and in chunks only where that does not do.

After every doubtful end the digest is asked for first: GHCR commits slowly, loses answers, and has the blob all the
same. Chunks are for registries that refuse a whole body, for what a broken upload left behind, and for who asks.
Source: distribution specification, section "Pushing blobs"; `reference/registry-clients.md` section 2 rows 1 to 3, 17
and 24.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghcr_client.digests import Digest
from ghcr_client.errors import (
    Denied,
    DigestMismatch,
    GhcrError,
    InvalidContent,
    InvalidUpload,
    Unauthorized,
    UploadError,
    UploadUnknown,
)
from ghcr_client.hashing import Hasher, checked, digest_of
from ghcr_client.models import Descriptor
from ghcr_client.operations.chunks import OCTETS, ChunkLimits
from ghcr_client.operations.sessions import SessionOperations
from ghcr_client.progress import Progress
from ghcr_client.retries import is_temporary, wait_before
from ghcr_client.sources import source_of
from ghcr_client.tracing import span
from ghcr_client.transport import Body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ghcr_client.operations.chunks import Session
    from ghcr_client.progress import ProgressCallback, State
    from ghcr_client.refs import ImageRef
    from ghcr_client.sources import Content, Source

__all__ = ["Upload", "UploadOperations"]

_log = logging.getLogger("ghcr_client")


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

    def tell(self, done: int, state: State = "moving") -> None:
        """Tell how far it is."""
        if self.progress is not None:
            self.progress(Progress(self.digest, done, self.size, state))

    async def pieces(self, start: int = 0) -> AsyncIterator[bytes]:
        """The content from an offset, told of while it goes; one that changed is never sent to its end."""
        self.tell(start)
        done = start if self.trusted else 0
        source = self.source.read(start) if self.trusted else checked(self.source, self.digest, self.size)
        async for piece in source:
            skipped = max(0, start - done)
            done += len(piece)
            if len(piece) > skipped:
                yield piece[skipped:]
                self.tell(done)


class UploadOperations(SessionOperations):
    """The operations that send a blob."""

    _chunk_limits: dict[str, ChunkLimits]

    async def blob_exists(self, ref: ImageRef | str, digest: str) -> bool:
        """Whether a repository has a blob.

        Args:
            ref: The repository.
            digest: The blob.

        Returns:
            False where the registry says 404.

        Raises:
            InvalidReference: It is not a digest.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            blob = await client.upload_blob("acme/app", b"hello")
            await client.blob_exists("acme/app", blob.digest)  # True
        """
        ref, wanted = self.ref(ref), Digest(digest)
        with span("blob_exists", image=ref.name, digest=wanted):
            return await self._has_blob_or_reason(ref, wanted)

    async def mount_blob(self, ref: ImageRef | str, digest: str, source: ImageRef | str) -> bool:
        """Take a blob over from another repository of the same registry, without sending it.

        Args:
            ref: The repository that gets it.
            digest: The blob.
            source: The repository that has it.

        Returns:
            Whether it is there now. False where the registry would rather have it sent.

        Raises:
            InvalidReference: A reference is none, or the two are on different registries.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            blob = await client.upload_blob("acme/base", b"hello")
            await client.mount_blob("acme/app", blob.digest, "acme/base")  # True
        """
        ref, wanted, origin = self.ref(ref), Digest(digest), self.ref(source)
        with span("mount_blob", image=ref.name, digest=wanted):
            session = await self._mount(ref, wanted, origin)
            if session is not None:
                await self._cancel(ref, session)
            return session is None

    async def upload_blob(
        self,
        ref: ImageRef | str,
        content: Content,
        *,
        digest: str | None = None,
        media_type: str = OCTETS,
        mount_from: ImageRef | str | None = None,
        chunk_size: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> Descriptor:
        """Upload a blob, unless the repository has it; in one streamed PUT, in little memory.

        Args:
            ref: The repository.
            content: Bytes, the path of a file, a `Source`, or an asynchronous iterator. An iterator without a digest is
                sent as `upload_blob_streaming` does.
            digest: Its digest, if known: that saves reading it twice. Content with another one is not sent whole.
            media_type: What the descriptor says it is.
            mount_from: A repository of the same registry that may have it.
            chunk_size: Send it in ranged chunks of this size, instead of whole; cut to what the registry takes.
            progress: Is told how far it is.

        Returns:
            The descriptor, to be put into a manifest.

        Raises:
            DigestMismatch: The content has another digest.
            UploadError: The content changed, or has to be sent again and cannot be read again.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            layer = await client.upload_blob("acme/app", "layer.tar")
            layer.size  # 10240
        """
        ref = self.ref(ref)
        source = source_of(content, digest=None if digest is None else Digest(digest))
        with span("upload_blob", image=ref.name, media_type=media_type):
            if source.size is None or (source.digest is None and not source.rewindable):
                return await self._upload_stream(ref, source, media_type, progress)
            upload = await self._prepared(ref, source, progress)
            upload.chunk_size = chunk_size
            await self._upload(upload, None if mount_from is None else self.ref(mount_from))
            return Descriptor(media_type=media_type, digest=upload.digest, size=upload.size)

    async def upload_blob_streaming(
        self,
        ref: ImageRef | str,
        content: Content,
        *,
        media_type: str = OCTETS,
        progress: ProgressCallback | None = None,
    ) -> Descriptor:
        """Upload content whose digest shows only at its end, in one pass: a streamed PATCH, and a PUT with the digest.

        It cannot know whether the repository has the blob already. Where an iterator's upload breaks off, it cannot
        be repeated.

        Args:
            ref: The repository.
            content: An asynchronous iterator, or anything else that `upload_blob` takes.
            media_type: What the descriptor says it is.
            progress: Is told how far it is; without a name, and without a total where the size is not known.

        Returns:
            The descriptor, to be put into a manifest.

        Raises:
            UploadError: The upload broke off, and the content cannot be read again.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            async def log():
                for number in range(3):
                    yield b"entry %d;" % number

            blob = await client.upload_blob_streaming("acme/app", log())
            blob.size  # 24
        """
        ref = self.ref(ref)
        with span("upload_blob_streaming", image=ref.name, media_type=media_type):
            return await self._upload_stream(ref, source_of(content), media_type, progress)

    # What follows is for the other rooms, too.

    async def _prepared(self, ref: ImageRef, source: Source, progress: ProgressCallback | None) -> Upload:
        """An upload with digest and size."""
        if source.digest is not None and source.size is not None:
            return Upload(ref, source, source.digest, source.size, progress=progress)
        digest, size = await digest_of(source)
        return Upload(ref, source, digest, size, trusted=True, progress=progress)

    async def _upload(self, upload: Upload, mount_from: ImageRef | None = None) -> None:
        """See that a repository has a blob, with as few bytes sent as possible."""
        if await self._seems_there(upload):
            upload.tell(upload.size, "exists")
            return
        if mount_from is not None and mount_from.registry == upload.ref.registry:
            upload.session = await self._mount_or_begin(upload.ref, upload.digest, mount_from)
            if upload.session is None:
                upload.tell(upload.size, "mounted")
                return
        upload.tell(0, "started")
        await self._send(upload)
        self._transport.metrics.blob_uploaded(upload.size)
        upload.tell(upload.size, "done")

    async def _seems_there(self, upload: Upload) -> bool:
        """Whether nothing needs to be sent. Where one may not even look, the upload's own refusal says why."""
        try:
            return await self._has_blob(upload.ref, upload.digest)
        except (Denied, Unauthorized):
            return False

    async def _send(self, upload: Upload) -> None:
        """Send a blob, in as many tries as it takes. Whether it arrived is asked for before it is sent again."""
        tries = 0
        while True:
            try:
                if tries and await self._has_blob(upload.ref, upload.digest):
                    return
                await self._send_once(upload)
            except GhcrError as error:
                tries += 1
                adapted = self._limits(upload.ref).adapt(error)
                # A part that was gone on with, and is not what was sent before, is no reason to give up.
                passes = _passes(error) or (upload.resumed and isinstance(error, InvalidContent))
                if not (adapted or passes) or tries > self.config.max_retries + adapted:
                    if passes and await self._is_there(upload.ref, upload.digest):
                        return
                    await self._give_up(upload)
                    raise
                _must_be_rewindable(upload.source, error)
                if adapted or not is_temporary(error):
                    upload.session = None  # a session whose request was refused is of no use
                if not adapted:
                    await self._wait(tries, error)
            else:
                return

    async def _send_once(self, upload: Upload) -> None:
        """One try. What a broken one left behind is gone on with, once; else a new session begins."""
        start = 0
        if upload.session is not None and upload.broken:
            start = 0 if upload.resumed else await self._arrived(upload.ref, upload.session)
            start = start if start <= upload.size else 0
            upload.resumed = start > 0
        if upload.session is None or (upload.broken and not start):
            upload.session = await self._begin(upload.ref, retry=not upload.source.rewindable)
        upload.broken = True
        limits = self._limits(upload.ref)
        if upload.size and (start or upload.chunk_size or limits.only_chunks):
            size = limits.size(upload.chunk_size or self.config.chunk_size)
            await upload.session.send(upload.pieces(start), start, size)
            await self._finish_surely(upload.ref, upload.session, upload.digest)
        else:
            body = Body(upload.pieces, upload.size, upload.source.rewindable)
            await self._finish(upload.ref, upload.session, upload.digest, body)

    async def _give_up(self, upload: Upload) -> None:
        """Let go of a session that is of no use."""
        if upload.session is not None:
            await self._cancel(upload.ref, upload.session)

    async def _wait(self, tries: int, error: GhcrError) -> None:
        """Wait before a further try."""
        clock = self._transport.clock
        seconds = wait_before(tries, error, clock.jitter())
        _log.info("%s; sending again in %.3f s", error, seconds)
        await clock.sleep(seconds)

    def _limits(self, ref: ImageRef) -> ChunkLimits:
        """What is known of how a registry wants its blobs."""
        return self._chunk_limits.setdefault(ref.registry, ChunkLimits(ref.registry))

    async def _upload_stream(
        self, ref: ImageRef, source: Source, media_type: str, progress: ProgressCallback | None
    ) -> Descriptor:
        """Upload content whose digest shows at its end, in as many tries as it takes."""
        tries = 0
        while True:
            stream = _Stream(source, progress)
            try:
                digest = await self._stream_once(ref, stream)
            except GhcrError as error:
                tries += 1
                adapted = self._limits(ref).adapt(error)
                if not (adapted or _passes(error)) or tries > self.config.max_retries + adapted:
                    raise
                _must_be_rewindable(source, error)
                if not adapted:
                    await self._wait(tries, error)
            else:
                self._transport.metrics.blob_uploaded(stream.hasher.size)
                stream.tell("done")
                return Descriptor(media_type=media_type, digest=digest, size=stream.hasher.size)

    async def _stream_once(self, ref: ImageRef, stream: _Stream) -> Digest:
        """One try: a session, the content, the digest."""
        session = await self._begin(ref, retry=not stream.source.rewindable)
        limits = self._limits(ref)
        try:
            if limits.only_chunks:
                await session.send(stream.pieces(), 0, limits.size(self.config.chunk_size))
            else:
                await session.send_whole(Body(stream.pieces, stream.source.size, rewindable=False))
            digest = stream.hasher.digest
            if stream.source.digest is not None and stream.source.digest != digest:
                raise DigestMismatch(stream.source.digest, digest, what="content to be sent")
            await self._finish_surely(ref, session, digest)
        except GhcrError:
            await self._cancel(ref, session)
            raise
        return digest


class _Stream:
    """Content that is hashed while it is sent."""

    def __init__(self, source: Source, progress: ProgressCallback | None) -> None:
        self.source = source
        self.hasher = Hasher(source.digest.algorithm if source.digest else "sha256")
        self._progress = progress

    async def pieces(self) -> AsyncIterator[bytes]:
        """The content, once."""
        self.tell("started")
        async for piece in self.source.read():
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


def _passes(error: GhcrError) -> bool:
    """Whether an upload may succeed when it is begun anew."""
    return is_temporary(error) or isinstance(error, (UploadUnknown, InvalidUpload))


def _must_be_rewindable(source: Source, error: GhcrError) -> None:
    """Refuse to go on with content that is gone."""
    if not source.rewindable:
        raise UploadError(
            f"the upload broke off ({error}), and its content cannot be read again: pass bytes, a file or a Source"
        ) from None
