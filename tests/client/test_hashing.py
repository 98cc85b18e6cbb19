"""Hashes of content that moves, and the last piece that is held back until all of them fit."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from typing import TYPE_CHECKING

import pytest
from ghcr_client.digests import Digest
from ghcr_client.errors import DigestMismatch, UploadError
from ghcr_client.hashing import SMALL, Hasher, checked, digest_of
from ghcr_client.sources import BytesSource, FileSource, StreamSource
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Pieces:
    """A source of given pieces."""

    rewindable = True
    digest = None

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.size: int | None = sum(map(len, pieces))

    async def read(self, start: int = 0) -> AsyncIterator[bytes]:
        assert start == 0
        for piece in self.pieces:
            yield piece


async def taken(source: Pieces, digest: Digest, size: int) -> tuple[list[bytes], Exception | None]:
    """What came out of `checked`, and how it ended."""
    came = []
    try:
        async for piece in checked(source, digest, size):
            came.append(piece)  # noqa: PERF401 - what came before the error counts
    except (DigestMismatch, UploadError) as error:
        return came, error
    return came, None


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_hasher(algorithm: str) -> None:
    """The digest is that of all pieces, whether they are hashed here or in a thread."""
    hasher = Hasher(algorithm)
    pieces = [b"", b"a", b"b" * SMALL, b"c" * (SMALL + 1)]

    async def take() -> None:
        for piece in pieces:
            await hasher.take(piece)

    asyncio.run(take())
    assert hasher.size == 2 * SMALL + 2
    assert hasher.digest == f"{algorithm}:{hashlib.new(algorithm, b''.join(pieces)).hexdigest()}"


def test_large_pieces_leave_the_loop_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large piece is hashed in another thread, a small one at once."""
    threads = []
    update = Hasher.update
    monkeypatch.setattr(
        Hasher, "update", lambda self, piece: threads.append(threading.get_ident()) or update(self, piece)
    )

    async def take() -> None:
        hasher = Hasher()
        await hasher.take(b"a" * SMALL)
        await hasher.take(b"a" * (SMALL + 1))

    asyncio.run(take())
    assert [each == threading.get_ident() for each in threads] == [True, False]


def test_digest_of(tmp_path: Path) -> None:
    """Digest and size of a file, and of nothing."""
    data = b"x" * 3_000_000
    (tmp_path / "f").write_bytes(data)
    assert asyncio.run(digest_of(FileSource(tmp_path / "f"))) == (Digest.of(data), len(data))
    assert asyncio.run(digest_of(BytesSource(b""))) == (Digest.of(b""), 0)
    assert asyncio.run(digest_of(BytesSource(b"x"), "sha512"))[0].algorithm == "sha512"


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_right_content_passes(pieces: list[bytes]) -> None:
    """Content that is what it should be comes out as it went in, however it is cut."""
    whole = b"".join(pieces)
    came, error = asyncio.run(taken(Pieces(*pieces), Digest.of(whole), len(whole)))
    assert b"".join(came) == whole
    assert error is None


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=8))
def test_wrong_content_never_comes_whole(pieces: list[bytes]) -> None:
    """Of other content, at least the last byte is not given away."""
    whole = b"".join(pieces)
    came, error = asyncio.run(taken(Pieces(*pieces), Digest.of(b"other"), len(whole)))
    assert isinstance(error, DigestMismatch)
    assert error.expected == Digest.of(b"other")
    assert error.actual == Digest.of(whole)
    assert len(b"".join(came)) < len(whole)


@pytest.mark.parametrize(
    ("size", "said"),
    [(5, "has more than the 5 bytes"), (10, "has 8 bytes instead of the 10")],
    ids=["too long", "too short"],
)
def test_another_size(size: int, said: str) -> None:
    """Content that grew or shrank is not sent to its end, although its digest is right."""
    data = b"12345678"
    _, error = asyncio.run(taken(Pieces(data[:4], data[4:]), Digest.of(data), size))
    assert isinstance(error, UploadError)
    assert said in str(error)


def test_nothing_instead_of_something() -> None:
    """No content has the digest of no content, and no other."""
    assert asyncio.run(taken(Pieces(), Digest.of(b""), 0)) == ([], None)
    _, error = asyncio.run(taken(Pieces(), Digest.of(b"x"), 0))
    assert isinstance(error, DigestMismatch)


def test_who_stops_early_leaves_no_thread_behind() -> None:
    """A reader that goes away waits for the piece that is being hashed."""

    async def run() -> None:
        big = b"a" * (SMALL * 4)
        source = Pieces(big, big)
        reading = checked(source, Digest.of(big + big), len(big) * 2)
        assert await anext(reading) == big
        await reading.aclose()  # type: ignore[attr-defined]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_an_empty_stream_is_hashed_too() -> None:
    """A stream that is read once has a digest as well."""

    async def none() -> AsyncIterator[bytes]:
        for each in ():
            yield each

    assert asyncio.run(digest_of(StreamSource(none()))) == (Digest.of(b""), 0)
