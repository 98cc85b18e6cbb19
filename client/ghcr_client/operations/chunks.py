"""A blob in ranged chunks: for registries that refuse it whole, for what a broken upload left behind, for who asks.

How large a chunk may be is learned: GHCR takes 4 MiB and says so in its refusal, others name a least size. What a
registry says it took holds, where it makes sense. Source: distribution specification, "Pushing a blob in chunks";
`reference/ registry-clients.md` section 2 row 1 and section 1.4.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from ghcr_client.answers import header
from ghcr_client.auth.scopes import push
from ghcr_client.calls import Call
from ghcr_client.closing import closing
from ghcr_client.errors import InvalidRange, ProtocolError, RegistryError
from ghcr_client.ranges import ChunkRange
from ghcr_client.redirects import target_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ghcr_client.calls import Answer, Body
    from ghcr_client.errors import GhcrError
    from ghcr_client.refs import ImageRef
    from ghcr_client.transport import Transport

__all__ = ["OCTETS", "ChunkLimits", "Session", "held", "sized"]

OCTETS = "application/octet-stream"

_MIB = 1024 * 1024
_KNOWN = {"ghcr.io": 4 * _MIB}
_LARGEST = 64 * _MIB
_SMALLEST = 64 * 1024
_MOST_PARTS = 32
_SAID = re.compile(r"limit of (\d{1,6}(?:\.\d{1,4})?) ?(KiB|MiB|GiB|KB|MB|GB)")
_UNITS = {"KiB": 1024, "MiB": _MIB, "GiB": 1024 * _MIB, "KB": 1000, "MB": 1000**2, "GB": 1000**3}
_TAKEN = frozenset({200, 201, 202, 204})
_TOO_LARGE = 413
_NO_RANGE = 416
_log = logging.getLogger("ghcr_client")


class ChunkLimits:
    """How a registry wants its blobs, as far as it is known.

    Args:
        registry: Which registry.

    Attributes:
        most: Bytes of a chunk at most, or None.
        only_chunks: Whether whole bodies were refused as too large.

    Example:
        >>> ChunkLimits("ghcr.io").most
        4194304
    """

    def __init__(self, registry: str) -> None:
        self._registry = registry
        self._warned = False
        self.most = _KNOWN.get(registry)
        self.only_chunks = False

    def size(self, wanted: int) -> int:
        """Bytes of a chunk: what is wanted, cut to what is allowed, which is said once.

        Args:
            wanted: What the settings say.

        Returns:
            What is sent.
        """
        if self.most is None or wanted <= self.most:
            return wanted
        if not self._warned:
            self._warned = True
            _log.warning(
                "%s takes chunks of at most %d bytes: chunk_size %d is cut to that",
                self._registry,
                self.most,
                wanted,
            )
        return self.most

    def adapt(self, error: GhcrError, sent: int | None) -> bool:
        """Learn from a refusal. Others on their way to the same registry may have learned the same meanwhile.

        Args:
            error: What the registry said.
            sent: Bytes of each chunk that it refused; None where all went in one request.

        Returns:
            Whether the same content may pass now.
        """
        if not isinstance(error, RegistryError):
            return False
        if error.status == _TOO_LARGE and sent is None:
            self.only_chunks = True
            return True
        said = _SAID.search(error.message) if error.status in (_NO_RANGE, _TOO_LARGE) else None
        if said is None:
            return False
        most = int(float(said[1]) * _UNITS[said[2]])
        if most < _SMALLEST:
            return False
        if self.most is None or most < self.most:
            self.most = most
            return True
        return sent is not None and self.most < sent


class Session:
    """One upload's session at a registry.

    Args:
        transport: What sends.
        ref: The repository.
        answer: The answer that opened it, or that gave news of it.

    Attributes:
        url: Where it goes on; each answer may move it.
        least: Bytes that the registry wants in each chunk but the last.
    """

    def __init__(self, transport: Transport, ref: ImageRef, answer: Answer) -> None:
        self._transport = transport
        self._ref = ref
        self.url = str(target_of(answer.url, header(answer.headers, "location")))
        least = header(answer.headers, "oci-chunk-min-length")
        self.least = min(int(least[:18]), _LARGEST) if least.isascii() and least.isdigit() else 1

    def follow(self, answer: Answer) -> None:
        """Go on where an answer says; one without a `Location` changes nothing."""
        if location := header(answer.headers, "location"):
            self.url = str(target_of(answer.url, location))

    async def send(self, pieces: AsyncIterator[bytes], start: int, size: int) -> None:
        """Send pieces as chunks, one after another.

        Args:
            pieces: What comes from `start` on.
            start: How many bytes the session has.
            size: Bytes of a chunk; more, where the registry wants more.

        Raises:
            InvalidUpload: The registry does not take a chunk, or says that it has other bytes than were sent.
            RegistryError: It refuses.
        """
        at = start
        chunked = closing(sized(pieces, max(size, self.least)))
        async with self._transport.sending(self._ref.registry), chunked as chunks:
            async for chunk in chunks:
                end = at + len(chunk)
                for _ in range(_MOST_PARTS):
                    at = await self._send_chunk(chunk[at - end :], at)
                    if at == end:
                        break
                else:
                    raise ProtocolError(
                        f"{self._ref.registry} takes a chunk in more than {_MOST_PARTS} parts"
                    )

    async def send_whole(self, body: Body) -> None:
        """Send all of the content in one request without a range, which no registry limits.

        Args:
            body: The content.

        Raises:
            RegistryError: The registry refuses.
        """
        call = Call(
            operation="upload.patch",
            method="PATCH",
            registry=self._ref.registry,
            target=self.url,
            scopes=(push(self._ref.repository),),
            headers={"Content-Type": OCTETS},
            ok=_TAKEN,
            body=body,
            retry=False,
        )
        self.follow(await self._transport.ask(call))

    async def _send_chunk(self, chunk: bytes, at: int) -> int:
        """Send a chunk; how many bytes the session has then."""
        covered = ChunkRange(at, at + len(chunk) - 1)
        call = Call(
            operation="upload.patch",
            method="PATCH",
            registry=self._ref.registry,
            target=self.url,
            scopes=(push(self._ref.repository),),
            headers={"Content-Type": OCTETS, "Content-Range": covered.upload_header},
            ok=_TAKEN,
            body=chunk,
            retry=False,
            placed=True,
        )
        answer = await self._transport.ask(call)
        self.follow(answer)
        took = held(answer)
        # Whoever repeats an old range, or has none, is believed to have taken all: the digest will tell.
        return took if took is not None and at < took < covered.end + 1 else covered.end + 1


def held(answer: Answer) -> int | None:
    """How many bytes a session has, by its `Range`, or None where it does not say.

    Args:
        answer: What a registry said of a session.

    Returns:
        Bytes. `0-0` is read as none: registries say it of an empty session.
    """
    try:
        covered = ChunkRange.parse(header(answer.headers, "range"))
    except InvalidRange:
        return None
    return covered.end + 1 if covered.start == 0 and covered.end > 0 else 0


async def sized(pieces: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """The same bytes in pieces of one size; the last one may be shorter.

    Args:
        pieces: Pieces of any size; closed at the end.
        size: Bytes of each.

    Yields:
        No empty piece.
    """
    buffer = bytearray()
    async with closing(pieces):
        async for piece in pieces:
            buffer += piece
            while len(buffer) >= size:
                yield bytes(buffer[:size])
                del buffer[:size]
    if buffer:
        yield bytes(buffer)
