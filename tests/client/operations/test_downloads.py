"""Blobs, downloaded from every registry: to memory, to files, resumed, verified, given up."""

from __future__ import annotations

import asyncio
import gzip
import io
import itertools
import os
import random
from collections import Counter
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, Any, cast

import pytest
from client.helping import Progresses, QuickClock
from client.operations.making import Counted, nothing_unclosed, settled, with_client
from ghcr_client.auth import Anonymous
from ghcr_client.client import GhcrClient
from ghcr_client.digests import Digest
from ghcr_client.errors import BlobUnknown, DigestMismatch, ProtocolError, TransportError
from ghcr_client.hashing import checked
from ghcr_client.models import Descriptor
from ghcr_client.operations.remote import Remote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from client.peers import Peer
    from ghcr_client.progress import Progress

NOBODY = Digest.of(b"nobody has this")


@pytest.fixture
def data() -> bytes:
    """Content that no registry has yet."""
    return random.randbytes(5_000_000)


# --- from every registry


def test_get_blob(registry: Peer, repository: str, data: bytes) -> None:
    """A blob comes into memory; one that is larger than may be held is refused before it is read."""

    async def story(client: GhcrClient) -> None:
        blob = await client.upload_blob(repository, data)
        assert await client.get_blob(repository, blob.digest) == data
        assert await client.get_blob(repository, blob.digest, limit=len(data)) == data
        with pytest.raises(ProtocolError, match="5000000 bytes, more than the 4999999"):
            await client.get_blob(repository, blob.digest, limit=len(data) - 1)
        with pytest.raises(BlobUnknown):
            await client.get_blob(repository, NOBODY)

    with_client(registry, story)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_download_to_a_file(
    registry: Peer, repository: str, data: bytes, tmp_path: Path, algorithm: str
) -> None:
    """A file appears whole, in place of an older one; progress goes from nothing to all of it."""
    progress = Progresses()
    digest = Digest.of(data, algorithm)
    target = tmp_path / "blob"
    target.write_bytes(b"older")

    async def story(client: GhcrClient) -> None:
        await client.upload_blob(repository, data, digest=digest)
        assert await client.download_blob(repository, digest, target, progress=progress) == len(data)

    with_client(registry, story)
    assert target.read_bytes() == data
    assert [each.name for each in tmp_path.iterdir()] == ["blob"]
    assert (progress[0].state, progress[0].done) == ("started", 0)
    assert (progress[-1].state, progress[-1].done, progress[-1].total) == ("done", len(data), len(data))
    counts = [each.done for each in progress]
    assert counts == sorted(counts)
    assert any(0 < each < len(data) for each in counts)


def test_download_to_an_open_file(registry: Peer, repository: str, data: bytes, tmp_path: Path) -> None:
    """An open file is written from where it is on, and stays open; it may be one in memory."""

    async def story(client: GhcrClient) -> None:
        blob = await client.upload_blob(repository, data)
        with (tmp_path / "blob").open("w+b") as file:
            for target in (file, io.BytesIO()):
                target.write(b"before ")
                assert await client.download_blob(repository, blob.digest, target) == len(data)
                target.seek(0)
                assert target.read() == b"before " + data

    with_client(registry, story)


def test_a_target_that_is_there(fake_oci: Peer, repository: str, tmp_path: Path) -> None:
    """A link is followed, a file keeps its mode, and a pipe gets the bytes and stays a pipe."""
    real, link, pipe = tmp_path / "real", tmp_path / "link", tmp_path / "pipe"
    real.write_bytes(b"older")
    real.chmod(0o600)
    link.symlink_to("real")
    os.mkfifo(pipe)

    async def story(client: GhcrClient) -> None:
        blob = await client.upload_blob(repository, b"content")
        await client.download_blob(repository, blob.digest, link)
        reading = asyncio.create_task(asyncio.to_thread(pipe.read_bytes))
        assert await client.download_blob(repository, blob.digest, pipe) == 7
        assert await reading == b"content"

    with_client(fake_oci, story)
    assert (link.readlink().name, real.read_bytes(), real.stat().st_mode & 0o777) == (
        "real",
        b"content",
        0o600,
    )
    assert pipe.is_fifo()


class Slow(io.RawIOBase):
    """A raw file that takes some bytes at a time, as pipes may."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int | None:
        if self.most is not None:
            self.taken += bytes(data[: self.most])
        return None if self.most is None else min(self.most, len(data))


def test_a_target_that_takes_little(fake_oci: Peer, repository: str, data: bytes) -> None:
    """An open file that takes fewer bytes than it is given gets the rest; one that takes none is an error."""

    async def story(client: GhcrClient) -> None:
        blob = await client.upload_blob(repository, data)
        slow = Slow(100_000)
        assert await client.download_blob(repository, blob.digest, cast("IO[bytes]", slow)) == len(data)
        assert slow.taken == data
        for most in (0, None):
            with pytest.raises(BlockingIOError):
                await client.download_blob(repository, blob.digest, cast("IO[bytes]", Slow(most)))

    with_client(fake_oci, story)


def test_what_is_not_there(registry: Peer, repository: str, tmp_path: Path) -> None:
    """A blob that is not there, or a folder, is an error that leaves nothing, and keeps what was there."""
    (tmp_path / "kept").write_bytes(b"older")

    async def story(client: GhcrClient) -> None:
        blob = await client.upload_blob(repository, b"content")
        for name in ("kept", "new"):
            with pytest.raises(BlobUnknown):
                await client.download_blob(repository, NOBODY, tmp_path / name)
        with pytest.raises(FileNotFoundError):
            await client.download_blob(repository, blob.digest, tmp_path / "no-folder" / "blob")

    with_client(registry, story)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"kept": b"older"}


@pytest.mark.parametrize("off", [-1, 1])
def test_another_size(registry: Peer, repository: str, data: bytes, tmp_path: Path, off: int) -> None:
    """A blob of another size than was promised is refused, and leaves nothing."""

    async def story(client: GhcrClient) -> None:
        blob = await client.upload_blob(repository, data)
        with pytest.raises(DigestMismatch, match="bytes"):
            await client.download_blob(repository, blob.digest, tmp_path / "blob", size=blob.size + off)

    with_client(registry, story)
    assert not list(tmp_path.iterdir())


def test_many_at_once(registry: Peer, repository: str, data: bytes) -> None:
    """Tasks share a client: twenty downloads at once all get their own content."""

    async def story(client: GhcrClient) -> None:
        contents = [data[:10] + bytes([each]) * each * 1000 for each in range(20)]
        blobs = await asyncio.gather(*(client.upload_blob(repository, each) for each in contents))
        got = await asyncio.gather(*(client.get_blob(repository, each.digest) for each in blobs))
        assert got == contents

    with_client(registry, story)


def test_cancelled(registry: Peer, repository: str, data: bytes, tmp_path: Path) -> None:
    """A download that is cancelled in its middle leaves no file, no task and no open socket."""

    async def story(client: GhcrClient) -> None:
        blob = await client.upload_blob(repository, data)

        def stop(event: Progress) -> None:
            if event.state == "moving" and event.done:
                task.cancel()

        task = asyncio.ensure_future(
            client.download_blob(repository, blob.digest, tmp_path / "blob", progress=stop)
        )
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled()
        assert await client.get_blob(repository, blob.digest) == data

    with_client(registry, story)
    assert not list(tmp_path.iterdir())
    nothing_unclosed()


@pytest.mark.parametrize(
    "fault", ["unavailable", "connection-reset", "random-unauthenticated", "rate-limited-read"]
)
def test_failures_that_pass(fake_ghcr: Peer, repository: str, data: bytes, fault: str) -> None:
    """A refusal that passes is asked again: at the registry and, where it happens there, at its storage."""
    assert fake_ghcr.simulator is not None

    async def story(client: GhcrClient) -> None:
        assert fake_ghcr.simulator is not None
        blob = await client.upload_blob(repository, data)
        fake_ghcr.simulator.fail("blob.get", fault, times=1 if fault.startswith("random") else 3)
        fake_ghcr.simulator.fail("storage.get", "egress-limit", times=1)
        # The storage's failure is one more than max_retries would allow for one request.
        assert await client.get_blob(repository, blob.digest) == data

    with_client(fake_ghcr, story, max_retries=4)


# --- from servers that break off, on a loop of this process


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[str]:
    """A server that gives these answers to blob requests, one a connection, and then hangs up; its address."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            asked.append(head)
            writer.write(left.pop(0))
            await writer.drain()
            await asyncio.sleep(0.05)  # what aiohttp has not handed out when the connection ends is lost
        finally:
            writer.close()

    asked: list[bytes] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert not left, "an answer was not asked for"


def answer(body: bytes, *, status: str = "200 OK", length: int | None = None, more: str = "") -> bytes:
    """An answer, which may say that it is longer than it is."""
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{more}\r\n".encode() + body


def downloaded(target: Path, digest: Digest, progress: Progresses, *answers: bytes) -> int:
    """Download from such a server."""

    async def main() -> int:
        async with (
            answering(*answers) as host,
            GhcrClient(
                registry=f"http://{host}", credentials=Anonymous(), clock=QuickClock(), max_retries=3
            ) as client,
        ):
            return await client.download_blob("acme/app", digest, target, progress=progress)

    return asyncio.run(main())


WORDS = b"some words, and then some more of them"
PART = {"status": "206 Partial Content"}


def test_the_rest_is_asked_for(tmp_path: Path) -> None:
    """After 10 bytes the rest comes as a part; progress never falls."""
    progress = Progresses()
    rest = answer(WORDS[10:], **PART, more=f"Content-Range: bytes 10-37/{len(WORDS)}\r\n")
    first = answer(WORDS[:10], length=len(WORDS))
    assert downloaded(tmp_path / "b", Digest.of(WORDS), progress, first, rest) == len(WORDS)
    assert (tmp_path / "b").read_bytes() == WORDS
    counts = [each.done for each in progress]
    assert counts == sorted(counts)
    assert progress[-1].state == "done"


def test_all_of_it_comes_again(tmp_path: Path, data: bytes) -> None:
    """Where a server ignores the range, what came is forgotten, progress falls, and the file is right."""
    progress = Progresses()
    first = answer(data[:4_000_000], length=len(data))
    assert downloaded(tmp_path / "b", Digest.of(data), progress, first, answer(data)) == len(data)
    assert (tmp_path / "b").read_bytes() == data
    counts = [each.done for each in progress]
    assert any(later < earlier for earlier, later in itertools.pairwise(counts))
    assert (progress[-1].state, progress[-1].done) == ("done", len(data))


@pytest.mark.parametrize(
    "refusals",
    [
        pytest.param([], id="it ignores the range"),
        pytest.param([answer(b"", status="416 Range Not Satisfiable")], id="it refuses the range"),
    ],
)
def test_a_stream_begins_again(refusals: list[bytes]) -> None:
    """A copy of what breaks off goes on where the server gives no part, and passes over what it has."""

    async def main() -> bytes:
        answers = answer(WORDS[:10], length=len(WORDS)), *refusals, answer(WORDS)
        async with (
            answering(*answers) as host,
            GhcrClient(registry=f"http://{host}", credentials=Anonymous(), clock=QuickClock()) as client,
        ):
            blob = Descriptor(media_type="x/y", digest=Digest.of(WORDS), size=len(WORDS))
            source = Remote(client._stream, client._pull, client.ref("acme/app")).source(blob)
            return b"".join([piece async for piece in source.read()])

    assert asyncio.run(main()) == WORDS


def test_a_stream_with_a_wrong_end() -> None:
    """What was put together from two answers, and is not the blob, is an error that says to try again."""

    async def main() -> None:
        rest = answer(b"!" * 28, **PART, more=f"Content-Range: bytes 10-37/{len(WORDS)}\r\n")
        async with (
            answering(answer(WORDS[:10], length=len(WORDS)), rest) as host,
            GhcrClient(registry=f"http://{host}", credentials=Anonymous(), clock=QuickClock()) as client,
        ):
            blob = Descriptor(media_type="x/y", digest=Digest.of(WORDS), size=len(WORDS))
            source = Remote(client._stream, client._pull, client.ref("acme/app")).source(blob)
            with pytest.raises(DigestMismatch, match="from a registry, try again"):
                async for _ in checked(source, blob.digest, blob.size):
                    pass

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        pytest.param([answer(WORDS[:-1] + b"!")], DigestMismatch, id="other bytes"),
        pytest.param([answer(WORDS[:3], length=38)] * 4, TransportError, id="always cut"),
        pytest.param(
            [
                answer(WORDS[:10], length=38),
                answer(WORDS[9:], **PART, more="Content-Range: bytes 9-37/38\r\n"),
            ],
            ProtocolError,
            id="another part",
        ),
        pytest.param(
            [answer(WORDS[:10], length=38), answer(WORDS[10:], **PART)], ProtocolError, id="a part of nothing"
        ),
    ],
)
def test_lies(tmp_path: Path, answers: list[bytes], error: type[Exception]) -> None:
    """What is not the blob leaves no file, and is an error of its kind."""
    first, *others = answers
    if len(others) == 3:
        others = [answer(b"", length=38)] * 3
    with pytest.raises(error):
        downloaded(tmp_path / "b", Digest.of(WORDS), Progresses(), first, *others)
    assert not list(tmp_path.iterdir())
    nothing_unclosed()


def test_a_blob_with_a_coding(tmp_path: Path) -> None:
    """A blob that somebody coded on the way is an error that says so; a label alone does no harm."""
    label = "Content-Encoding: gzip\r\n"
    digest = Digest.of(WORDS)
    assert downloaded(tmp_path / "b", digest, Progresses(), answer(WORDS, more=label)) == len(WORDS)
    with pytest.raises(DigestMismatch, match="Content-Encoding gzip, which was not asked for"):
        downloaded(tmp_path / "b", digest, Progresses(), answer(gzip.compress(WORDS), more=label))


def test_one_get(registry: Peer, repository: str, data: bytes) -> None:
    """A download is one GET, and where a redirect leads: no HEAD before it, no second one after it."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        blob = await client.upload_blob(repository, data)
        counted.clear()
        await client.get_blob(repository, blob.digest)

    with_client(registry, story, metrics=counted)
    assert counted.answers - Counter({("blob.get", 307): 1}) == {("blob.get", 200): 1}
