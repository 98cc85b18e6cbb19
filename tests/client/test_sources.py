"""Content to be sent: bytes, files and streams, from any offset, again where that is possible."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ghcr_client.digests import Digest
from ghcr_client.errors import UploadError
from ghcr_client.sources import PIECE, BytesSource, FileSource, Source, StreamSource, source_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DATA = bytes(range(256)) * 10_000  # 2.56 MB: more than two pieces


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def read(source: Source, start: int = 0) -> list[bytes]:
    """The pieces from an offset."""

    async def all_of() -> list[bytes]:
        return [piece async for piece in source.read(start)]

    return asyncio.run(all_of())


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "wide memoryview", "path", "text"])
@pytest.mark.parametrize("start", [0, 1, PIECE, PIECE + 1, len(DATA) - 1, len(DATA)])
def test_offsets(tmp_path: Path, kind: str, start: int) -> None:
    """Bytes and files are read from any offset, as often as one likes, a mebibyte at a time."""
    file = tmp_path / "content"
    file.write_bytes(DATA)
    content: Any = {
        "bytes": DATA,
        "bytearray": bytearray(DATA),
        "memoryview": memoryview(DATA),
        "wide memoryview": memoryview(DATA).cast("I"),
        "path": file,
        "text": str(file),
    }[kind]
    source = source_of(content)
    assert isinstance(source, Source)
    assert (source.size, source.digest, source.rewindable) == (len(DATA), None, True)
    for _ in range(2):
        pieces = read(source, start)
        assert b"".join(pieces) == DATA[start:]
        assert all(0 < len(piece) <= PIECE for piece in pieces)


def test_a_part_of_a_file(tmp_path: Path) -> None:
    """A part of a file is content, too; without a size, it is all of the rest."""
    file = tmp_path / "content"
    file.write_bytes(DATA)
    part = FileSource(file, start=100, size=50)
    assert part.size == 50
    assert b"".join(read(part)) == DATA[100:150]
    assert b"".join(read(part, 20)) == DATA[120:150]
    assert FileSource(file, start=100).size == len(DATA) - 100


def test_a_file_that_shrinks(tmp_path: Path) -> None:
    """A file that became shorter is an error, not a short upload; one that grew is read as far as it was."""
    file = tmp_path / "content"
    file.write_bytes(b"12345")
    source = FileSource(file)
    file.write_bytes(b"1234567")
    assert read(source) == [b"12345"]
    file.write_bytes(b"123")
    with pytest.raises(UploadError, match="content became shorter while it was read: 2 bytes are missing"):
        read(source)


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there is the system's own error, at once."""
    with pytest.raises(FileNotFoundError):
        source_of(tmp_path / "none")


def test_a_file_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is closed, also where its reader goes away in the middle."""
    file = tmp_path / "content"
    file.write_bytes(DATA)
    opened = []
    inner = Path.open
    monkeypatch.setattr(Path, "open", lambda *words: opened.append(inner(*words)) or opened[-1])

    async def first() -> None:
        reading = FileSource(file).read()
        await anext(reading)
        await reading.aclose()  # type: ignore[attr-defined]

    asyncio.run(first())
    assert [each.closed for each in opened] == [True]


def test_a_stream() -> None:
    """A stream is read once, from its start; a second time is an error that says what to pass instead."""
    source = source_of(stream(b"a", b"b"))
    assert (source.size, source.rewindable) == (None, False)
    assert read(source) == [b"a", b"b"]
    with pytest.raises(UploadError, match="pass bytes, a file or a Source"):
        read(source)
    with pytest.raises(UploadError, match="cannot be read again"):
        read(StreamSource(stream(b"a"), size=1), 1)


def test_digests_are_kept() -> None:
    """A digest that somebody knows is passed on."""
    digest = Digest.of(b"a")
    assert source_of(b"a", digest=digest).digest == digest
    assert source_of(stream(b"a"), digest=digest).digest == digest


def test_a_source_is_a_source() -> None:
    """Somebody's own source is taken as it is."""
    source = BytesSource(b"a")
    assert source_of(source) is source


@pytest.mark.parametrize("content", [5, None, ["a"], object()], ids=lambda each: type(each).__name__)
def test_anything_else(content: Any) -> None:
    """What is no content is a TypeError that says what would be."""
    with pytest.raises(TypeError, match=f"or a Source, not {type(content).__name__}"):
        source_of(content)


def test_files_of_the_kernel() -> None:
    """A file that says that it has 0 bytes, and has more, is read to its end."""
    source = FileSource("/proc/version")
    assert (source.size, source.rewindable) == (None, True)
    for _ in range(2):
        assert b"".join(read(source)) == Path("/proc/version").read_bytes()


def test_no_regular_file(tmp_path: Path) -> None:
    """A pipe, a device and a directory are refused: they have no size, and no second time."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(UploadError, match="no regular file"):
            source_of(path)


def test_an_offset_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An offset before the file's start is the system's error, and leaves no file open."""
    file = tmp_path / "content"
    file.write_bytes(DATA)
    opened = []
    inner = Path.open
    monkeypatch.setattr(Path, "open", lambda *words: opened.append(inner(*words)) or opened[-1])
    with pytest.raises(OSError, match="Invalid argument"):
        read(FileSource(file, start=-5))
    assert [each.closed for each in opened] == [True]
