"""Blobs, uploaded: looked for, mounted, sent in one streamed PUT, and in chunks only where that does not do.

After every doubtful end the digest is asked for first: GHCR commits slowly, loses answers, and has the blob all the
same. Chunks are for registries that refuse a whole body, for what a broken upload left behind, and for who asks.
Source: distribution specification, section "Pushing blobs"; `reference/registry-clients.md` section 2 rows 1 to 3, 17
and 24.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_client.calls import Body
from ghcr_client.digests import Digest
from ghcr_client.errors import (
    OTHER_CONTENT,
    Denied,
    DigestMismatch,
    GhcrError,
    InvalidContent,
    InvalidRange,
    Unauthorized,
    UploadUnknown,
)
from ghcr_client.hashing import digest_of
from ghcr_client.models import Descriptor
from ghcr_client.operations.chunks import OCTETS, ChunkLimits
from ghcr_client.operations.sending import Stream, Upload, must_be_rewindable, passes
from ghcr_client.operations.sessions import FAILURES, SessionOperations
from ghcr_client.retries import is_temporary
from ghcr_client.sources import source_of
from ghcr_client.tracing import span

if TYPE_CHECKING:
    from ghcr_client.progress import ProgressCallback
    from ghcr_client.refs import ImageRef
    from ghcr_client.sources import Content, Source

__all__ = ["UploadOperations"]


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
            InvalidRange: The chunk size is not positive.
            DigestMismatch: The content has another digest.
            UploadError: The content changed, has to be sent again and cannot be read again, or is no regular file.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            layer = await client.upload_blob("acme/app", "layer.tar")
            layer.size  # 10240
        """
        ref = self.ref(ref)
        if chunk_size is not None and chunk_size < 1:
            raise InvalidRange(f"invalid chunk size {chunk_size}: a chunk has at least 1 byte")
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
        try:
            upload.tell(0, "started")
            await self._send(upload)
        except FAILURES:
            await self._let_go(upload)
            raise
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
                adapted = self._limits(upload.ref).adapt(error, upload.step)
                # A part that was gone on with, and is not what was sent before, is no reason to give up.
                may_pass = passes(error) or (upload.resumed and isinstance(error, InvalidContent))
                if not (adapted or may_pass) or tries > self.config.max_retries + adapted:
                    if may_pass and await self._is_there(upload.ref, upload.digest):
                        return
                    raise
                must_be_rewindable(upload.source, error)
                if isinstance(error, UploadUnknown):
                    upload.session = None
                elif adapted or not is_temporary(error):
                    await self._let_go(upload)  # a session whose request was refused is of no use
                if not adapted:
                    await self._pause(tries, error)
            else:
                return

    async def _send_once(self, upload: Upload) -> None:
        """One try. What a broken one left behind is gone on with, once; else a new session begins."""
        start, upload.step = 0, 0
        if upload.session is not None and upload.broken:
            start = 0 if upload.resumed else await self._arrived(upload.ref, upload.session)
            start = start if start <= upload.size else 0
            upload.resumed = start > 0
        if upload.session is None or (upload.broken and not start):
            await self._let_go(upload)
            upload.session = await self._begin(upload.ref, retry=not upload.source.rewindable)
        upload.broken = True
        limits = self._limits(upload.ref)
        if upload.size and (start or upload.chunk_size or limits.only_chunks):
            upload.step = limits.size(upload.chunk_size or self.config.chunk_size)
            await upload.session.send(upload.pieces(start), start, upload.step)
            await self._finish_surely(upload.ref, upload.session, upload.digest)
        else:
            upload.step = None if upload.size else 0
            body = Body(upload.pieces, upload.size, upload.source.rewindable)
            await self._finish(upload.ref, upload.session, upload.digest, body)

    async def _let_go(self, upload: Upload) -> None:
        """Give up the session of an upload, if it has one."""
        session, upload.session = upload.session, None
        if session is not None:
            await self._cancel(upload.ref, session)

    def _limits(self, ref: ImageRef) -> ChunkLimits:
        """What is known of how a registry wants its blobs."""
        return self._chunk_limits.setdefault(ref.registry, ChunkLimits(ref.registry))

    async def _upload_stream(
        self, ref: ImageRef, source: Source, media_type: str, progress: ProgressCallback | None
    ) -> Descriptor:
        """Upload content whose digest shows at its end, in as many tries as it takes."""
        tries = 0
        while True:
            stream = Stream(source, progress)
            try:
                digest = await self._stream_once(ref, stream)
            except GhcrError as error:
                tries += 1
                adapted = self._limits(ref).adapt(error, stream.step)
                if not (adapted or passes(error)) or tries > self.config.max_retries + adapted:
                    raise
                must_be_rewindable(source, error)
                if not adapted:
                    await self._pause(tries, error)
            else:
                self._transport.metrics.blob_uploaded(stream.hasher.size)
                stream.tell("done")
                return Descriptor(media_type=media_type, digest=digest, size=stream.hasher.size)

    async def _stream_once(self, ref: ImageRef, stream: Stream) -> Digest:
        """One try: a session, the content, the digest."""
        session = await self._begin(ref, retry=not stream.source.rewindable)
        limits = self._limits(ref)
        try:
            if limits.only_chunks:
                stream.step = limits.size(self.config.chunk_size)
                await session.send(stream.pieces(), 0, stream.step)
            else:
                stream.step = None
                await session.send_whole(Body(stream.pieces, stream.source.size, rewindable=False))
            digest = stream.hasher.digest
            if stream.source.digest is not None and stream.source.digest != digest:
                promised = stream.source.digest
                raise DigestMismatch(promised, digest, what="content to be sent", advice=OTHER_CONTENT)
            await self._finish_surely(ref, session, digest)
        except FAILURES:
            await self._cancel(ref, session)
            raise
        return digest
