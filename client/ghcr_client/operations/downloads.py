"""Blobs, downloaded: one stream, resumed where it breaks off, verified always.

The registry is asked anew for each try, since the storage address that it gives dies after minutes. Source:
`reference/registry-clients.md` section 2 row 16, section 6 choice 2.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ghcr_client.auth.scopes import pull
from ghcr_client.calls import Call
from ghcr_client.closing import closing
from ghcr_client.digests import Digest
from ghcr_client.errors import DOWNLOAD_AGAIN, DigestMismatch, RegistryError, TransportError
from ghcr_client.layout.pending import PendingFile, is_special
from ghcr_client.operations.base import Base
from ghcr_client.operations.receiving import PART, WHOLE, Memory, Opened, Receiving, rest_of
from ghcr_client.retries import is_temporary
from ghcr_client.tracing import span

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ghcr_client.operations.receiving import Sink
    from ghcr_client.progress import ProgressCallback
    from ghcr_client.refs import ImageRef

__all__ = ["DownloadOperations"]

_GOOD_PROGRESS = 1024 * 1024
"""Bytes after which a try counts as a success, so that the next failure is the first again."""

_BEYOND = 416
_LIMIT = 64 * 1024 * 1024


class DownloadOperations(Base):
    """The operations that bring a blob here."""

    async def get_blob(self, ref: ImageRef | str, digest: str, *, limit: int = _LIMIT) -> bytes:
        """A blob's bytes, verified; for configurations and other small things.

        Args:
            ref: The repository.
            digest: The blob.
            limit: Bytes that are held in memory at most; 64 MiB by default.

        Returns:
            The bytes.

        Raises:
            BlobUnknown: The repository has no such blob.
            DigestMismatch: What came has another digest.
            ProtocolError: It has more bytes than `limit`; use `download_blob`.
            RegistryError: The registry refuses.
            TransportError: The connection broke off more often than `max_retries`.

        Example:
            blob = await client.upload_blob("acme/app", b"hello")
            await client.get_blob("acme/app", blob.digest)  # b'hello'
        """
        ref, wanted, sink = self.ref(ref), Digest(digest), Memory()
        with span("get_blob", image=ref.name, digest=wanted):
            await self._download(ref, Receiving(wanted, sink, limit=limit))
        return bytes(sink)

    async def download_blob(
        self,
        ref: ImageRef | str,
        digest: str,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        size: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> int:
        """Download a blob of any size, in little memory.

        A file appears under its name when all of it is there and verified; what was there before stays until then,
        and a failure leaves nothing behind. Links are followed, and a file that was there lends its mode. What is no
        regular file, such as a pipe or `/dev/stdout`, is written to like an open file.

        Args:
            ref: The repository.
            digest: The blob.
            target: The path of a file, or a file that is open for writing bytes. An open file may hold wrong bytes
                after an error.
            size: How many bytes there should be, if known; more are not read.
            progress: Is told how far it is.

        Returns:
            How many bytes there are.

        Raises:
            BlobUnknown: The repository has no such blob.
            DigestMismatch: What came has another digest or another size.
            RegistryError: The registry refuses.
            TransportError: The connection broke off more often than `max_retries` without a mebibyte in between.
            OSError: The file cannot be written.

        Example:
            blob = await client.upload_blob("acme/app", b"hello")
            await client.download_blob("acme/app", blob.digest, "hello.txt")  # 5
        """
        ref, wanted = self.ref(ref), Digest(digest)
        with span("download_blob", image=ref.name, digest=wanted):
            if not isinstance(target, (str, os.PathLike)):
                return await self._bring(ref, wanted, Opened(target), size, progress)
            if is_special(target):
                # In a thread: a pipe opens when somebody reads it.
                with await asyncio.to_thread(Path(target).open, "wb", 0) as opened:
                    return await self._bring(ref, wanted, Opened(opened), size, progress)
            file = PendingFile.replacing(target)
            try:
                done = await self._bring(ref, wanted, file, size, progress)
                await asyncio.to_thread(file.commit)
            finally:
                file.discard()
            return done

    async def _bring(
        self, ref: ImageRef, digest: Digest, sink: Sink, size: int | None, progress: ProgressCallback | None
    ) -> int:
        """Bring a blob into a sink; how many bytes it has."""
        receiving = Receiving(digest, sink, size=size, progress=progress)
        await self._download(ref, receiving)
        return receiving.done

    async def _download(self, ref: ImageRef, receiving: Receiving) -> None:
        """Bring a blob here, in as many tries as it takes."""
        tries, furthest = 0, receiving.done
        while True:
            try:
                await self._download_more(ref, receiving)
            except (RegistryError, TransportError, DigestMismatch) as error:
                tries += 1
                # Only what nobody came to before counts: a server might break off for ever at the same place.
                if receiving.done - furthest >= _GOOD_PROGRESS:
                    tries, furthest = 1, receiving.done
                if tries > self.config.max_retries or not receiving.may_go_on(error):
                    raise
                await self._pause(tries, error)
            else:
                return

    async def _download_more(self, ref: ImageRef, receiving: Receiving) -> None:
        """One try: what is missing, and the check at the end."""
        try:
            async with self._transport.open(_call(ref, receiving.digest, receiving.done)) as response:
                receiving.begin(response)
                await receiving.take(response)
        except RegistryError as error:
            if error.status != _BEYOND or not receiving.done:
                raise
            receiving.rewind()
            raise TransportError(f"the rest of {receiving.digest} was refused; it is read anew") from None
        receiving.finish()

    async def _stream(self, ref: ImageRef, digest: Digest, size: int, start: int) -> AsyncIterator[bytes]:
        """The pieces of a blob from an offset, resumed where they break off; who takes them verifies them."""
        at, tries, ranged = start, 0, True
        while at < size:
            before = at
            try:
                async with (
                    self._transport.open(_call(ref, digest, at if ranged else 0)) as response,
                    closing(rest_of(response, digest, at)) as pieces,
                ):
                    async for piece in pieces:
                        at += len(piece)
                        if at > size:
                            raise DigestMismatch(
                                digest,
                                f"more than {size} bytes",
                                what=f"blob {digest}",
                                advice=DOWNLOAD_AGAIN,
                            )
                        yield piece
                if at < size:
                    raise TransportError(f"{digest} broke off after {at} of {size} bytes")  # noqa: TRY301
            except (RegistryError, TransportError) as error:
                tries = 1 if at - before >= _GOOD_PROGRESS else tries + 1
                refused = ranged and at > 0 and isinstance(error, RegistryError) and error.status == _BEYOND
                if tries > self.config.max_retries or not (refused or is_temporary(error)):
                    raise
                ranged = ranged and not refused
                await self._pause(tries, error)


def _call(ref: ImageRef, digest: Digest, start: int) -> Call:
    """The call for a blob from an offset."""
    return Call(
        operation="blob.get",
        method="GET",
        registry=ref.registry,
        target=f"/v2/{ref.repository}/blobs/{digest}",
        scopes=(pull(ref.repository),),
        headers={"Range": f"bytes={start}-"} if start else {},
        ok=frozenset({WHOLE, PART}),
        retry=False,
    )
