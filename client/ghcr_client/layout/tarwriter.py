"""A tar that is written member by member, always the same for the same content, and is not there until it is complete.

Contents are verified while they pass. It does not know what they are. Source: POSIX `pax`, section "ustar Interchange
Format"; extended headers are written only where a member has 8 GiB or more.
"""

from __future__ import annotations

import asyncio
import hashlib
import tarfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ghcr_client.closing import closing
from ghcr_client.digests import Digest
from ghcr_client.errors import OTHER_CONTENT, DigestMismatch, LayoutError
from ghcr_client.layout.pending import PendingFile

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator

    from ghcr_client.sources import Source

__all__ = ["TarWriter", "tar_writing"]


class TarWriter:
    """A tar that is being written; `tar_writing` makes one.

    Args:
        file: Where its bytes go.
    """

    def __init__(self, file: PendingFile) -> None:
        self._file = file

    async def add(self, name: str, source: Source, digest: Digest, size: int) -> None:
        """Append a blob.

        Args:
            name: The member's name.
            source: Its content.
            digest: What it must be.
            size: How many bytes it must have.

        Raises:
            DigestMismatch: It has another digest.
            LayoutError: It has more or fewer bytes.
            OSError: It cannot be written.
        """
        hasher, count = hashlib.new(digest.algorithm), 0

        def take(piece: bytes) -> None:
            hasher.update(piece)
            self._file.write(piece)

        await asyncio.to_thread(self._file.write, _header(name, size))
        async with closing(source.read()) as pieces:
            async for piece in pieces:
                count += len(piece)
                if count > size:
                    break
                await asyncio.to_thread(take, piece)
        if count != size:
            came = "more" if count > size else count
            raise LayoutError(f"{name}: {digest} should have {size} bytes, and {came} came")
        actual = Digest(f"{digest.algorithm}:{hasher.hexdigest()}")
        if actual != digest:
            raise DigestMismatch(digest, actual, what=name, advice=OTHER_CONTENT)
        await asyncio.to_thread(self._file.write, _padding(size))

    async def add_bytes(self, name: str, data: bytes) -> None:
        """Append a small file.

        Args:
            name: The member's name.
            data: All of it.

        Raises:
            OSError: It cannot be written.
        """
        await asyncio.to_thread(
            self._file.write, b"".join((_header(name, len(data)), data, _padding(len(data))))
        )


@asynccontextmanager
async def tar_writing(path: str | os.PathLike[str]) -> AsyncIterator[TarWriter]:
    """Write a tar: it is seen when the block ends well, in place of one that was there, else never.

    Args:
        path: The tar; its directory must be there. Links are followed.

    Yields:
        Where to add members.

    Raises:
        OSError: It cannot be written, or something is there that is no regular file.
    """
    file = PendingFile.replacing(path)
    try:
        yield TarWriter(file)
        await asyncio.to_thread(file.write, bytes(2 * tarfile.BLOCKSIZE))
        await asyncio.to_thread(file.commit)
    finally:
        file.discard()


def _header(name: str, size: int) -> bytes:
    """A member's header: a file of root's, from 1970."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    """What fills a member's last block."""
    return bytes(-size % tarfile.BLOCKSIZE)
