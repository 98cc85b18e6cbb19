"""What becomes of a recording's bodies: text in the line, bytes in the pool, or digest and size only.

Bytes that a digest names are never edited: one that holds a secret is withheld, and so is what comes in a coding that
cannot be undone to look. Of a form for a token nothing is kept but its size. It sends nothing and answers nothing.
Source: `reference/record-replay.md` sections 3.5, 3.8 and 5.3.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING

from ghcr_sim.cassette.codings import coding_of, plain
from ghcr_sim.cassette.model import Body
from ghcr_sim.cassette.search import Search
from ghcr_sim.cassette.taint import secret_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ghcr_sim import exchange
    from ghcr_sim.cassette.pool import Pool, PoolWriter
    from ghcr_sim.cassette.redact import Redactor
    from ghcr_sim.cassette.taint import Taint
    from ghcr_sim.route import Operation
    from ghcr_sim.upstream import UpstreamAnswer

__all__ = ["SMALL", "Keeper", "Sending"]

SMALL = 4 << 20
"""Bytes that are read and looked through whole; larger bodies are while they pass."""

_INLINE = 64 * 1024
"""Bytes of text that stand in the line; more goes into the pool."""

_OK, _PARTIAL = 200, 206
_BAD = 400
"""The refusal that speaks of the bytes that came; the others come without them, too."""

_UPLOADS = frozenset({"upload.patch", "upload.post", "upload.put"})
_KEPT = frozenset({"manifest.put", "token.post"})
"""Operations whose request's body is looked at."""

_CONTENT = ("blob.", "storage.")
"""Operations whose answers are content, which mostly is compressed, whether its header says so or not."""

_WHY = {"secret": "holds a secret", "coding": "comes in a coding that cannot be looked through for secrets"}

_log = logging.getLogger("ghcr_sim")


class Sending:
    """A request's body, hashed while it goes; a manifest and a form are remembered.

    Args:
        body: What the client sends.
        operation: What it is for.

    Attributes:
        data: What is remembered of it.
        size: How many bytes went.
    """

    def __init__(self, body: exchange.Body, operation: str) -> None:
        self._body = body
        self._length = body.length  # now: it is 0 when all of it was read
        self._hash = hashlib.sha256()
        self._keep = operation in _KEPT
        self.data = bytearray()
        self.size = 0

    @property
    def length(self) -> int | None:
        """The announced number of bytes, or None."""
        return self._length

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes, as they come.

        Raises:
            BodyError: The body was cut short.
        """
        async for piece in self._body.pieces():
            if len(piece) > _INLINE:
                await asyncio.to_thread(self._hash.update, piece)
            else:
                self._hash.update(piece)
            self.size += len(piece)
            if self._keep and self.size <= SMALL:
                self.data += piece
            yield piece

    @property
    def digest(self) -> str:
        """The digest of what went."""
        return f"sha256:{self._hash.hexdigest()}"


class Keeper:
    """Decides what is kept of each body.

    Args:
        pool: Where bodies are kept.
        taint: The secrets that passed.
        redactor: Makes placeholders.

    Attributes:
        withheld: What was not kept because it holds a secret, or may hold one, in words.
    """

    def __init__(self, pool: Pool, taint: Taint, redactor: Redactor) -> None:
        self._pool = pool
        self._taint = taint
        self._redactor = redactor
        self._known: dict[str, tuple[int, str]] = {}
        self.withheld: list[str] = []

    def sent(self, operation: Operation, sending: Sending, status: int = _OK) -> Body | None:
        """A request's body: a manifest in the pool, anything else as digest and size; of a form the size."""
        refused = operation.name in _UPLOADS and status > _BAD
        if sending.length and (refused or sending.size not in {0, sending.length}):
            # Refused whatever came, or before all had: how much of it did is a matter of chance.
            return Body(size=sending.length, truncated=True)
        if not sending.size:
            return None
        if operation.name == "token.post":
            return Body(size=sending.size)
        data = bytes(sending.data)
        if len(data) != sending.size:
            return Body(digest=sending.digest, size=sending.size)
        if secret_in(data, self._taint) is not None:
            return self._withhold(operation, sending.digest, sending.size)
        return self._keep(data)

    def large(
        self,
        operation: Operation,
        answer: UpstreamAnswer,
        writer: PoolWriter,
        secret: str | None,
        known: int,
    ) -> Body:
        """An answer's body that came by and by.

        Args:
            operation: What was asked for.
            answer: Its head.
            writer: Where the bytes are.
            secret: The name of a secret that was found in it, or None.
            known: How many secrets were known when it began: it is looked through once more for those after.

        Returns:
            What is kept of it.
        """
        if secret is not None or operation.name.startswith("token."):
            return self._withhold(operation, writer.digest, writer.size)
        if coding_of(answer.headers) and not operation.name.startswith(_CONTENT):
            return self._withhold(operation, writer.digest, writer.size, "coding")
        digest = writer.commit()
        self._known[digest] = (known, "")
        return Body(digest=digest, size=writer.size, pooled=True, part=_part_of(answer))

    def small(self, operation: Operation, answer: UpstreamAnswer, data: bytes) -> Body | None:
        """An answer's body that was read whole; of a token endpoint's, without its coding."""
        name = operation.name
        if not data:
            return None
        if name.startswith("token."):
            return self._token(operation, data)
        by_digest = name.startswith(("manifest.", *_CONTENT)) and answer.status in (_OK, _PARTIAL)
        coding = coding_of(answer.headers)
        text = None if by_digest or coding else _text(data)
        if text is not None:
            return Body(size=len(data), text=text)
        looked = plain(data, coding)
        if looked is None or secret_in(data, self._taint) or secret_in(looked, self._taint):
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            return self._withhold(operation, digest, len(data), "coding" if looked is None else "secret")
        return self._keep(data, _part_of(answer), coding)

    def _token(self, operation: Operation, data: bytes) -> Body:
        """What a token endpoint says, with placeholders, of whose size it is; withheld where it is no text."""
        try:
            data.decode()
        except UnicodeDecodeError:
            return self._withhold(
                operation, f"sha256:{hashlib.sha256(data).hexdigest()}", len(data), "coding"
            )
        text = self._redactor.token_body(data)
        return Body(size=len(text.encode()), text=text)

    def _keep(self, data: bytes, part: tuple[int, int] | None = None, coding: str = "") -> Body:
        digest = self._pool.put(data)
        self._known[digest] = (self._taint.count, coding)
        return Body(digest=digest, size=len(data), pooled=True, part=part)

    def _withhold(self, operation: Operation, digest: str, size: int, why: str = "secret") -> Body:
        what = f"{operation.name} {operation.repository}: {digest}"
        self.withheld.append(what)
        _log.warning("%s %s and is not kept", what, _WHY[why])
        return Body(digest=digest, size=size, withheld=why)

    def late(self) -> set[str]:
        """The bodies in the pool that hold a secret which came after they were kept; they are removed from it."""
        found = {
            digest
            for digest, (count, coding) in self._known.items()
            if count < self._taint.count and self._holds(digest, coding)
        }
        for digest in found:
            self._pool.remove(digest)
            del self._known[digest]
            self.withheld.append(digest)
        return found

    def _holds(self, digest: str, coding: str) -> bool:
        blob = self._pool.blob(digest)
        if blob.size <= SMALL:
            data = self._pool.read(digest)
            return any(self._taint.find(each) for each in (data, plain(data, coding) or b""))
        search = Search(self._taint)
        search.add(blob.pieces(0, blob.size))
        return search.found is not None


def _text(data: bytes) -> str | None:
    """Some bytes as text, if that is short and says exactly the same."""
    if len(data) > _INLINE:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _part_of(answer: UpstreamAnswer) -> tuple[int, int] | None:
    """First and last offset of a partial answer."""
    if answer.status != _PARTIAL:
        return None
    said = next((value for name, value in answer.headers if name.lower() == "content-range"), "")
    first, _, last = said.removeprefix("bytes ").partition("/")[0].partition("-")
    return (int(first), int(last)) if first.isdigit() and last.isdigit() else None
