"""Blobs, uploaded to every registry: from memory, files and streams; whole and in chunks; again after failures."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from client.helping import Progresses, QuickClock, client_for
from client.operations.making import Counted, in_pieces, nothing_unclosed, settled, with_client
from client.scripted import Scripted, scripted
from ghcr_client.auth import Anonymous
from ghcr_client.client import GhcrClient
from ghcr_client.digests import Digest
from ghcr_client.errors import (
    ConfigError,
    DigestMismatch,
    InvalidRange,
    InvalidUpload,
    ServerError,
    UploadError,
)
from ghcr_client.progress import Progress
from ghcr_client.sources import BytesSource, StreamSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from client.peers import Peer


@dataclass(frozen=True)
class Sample:
    """Content that no registry has yet: that of crane keeps blobs for all repositories.

    Attributes:
        data: The content.
        folder: Where a file of it may be.
    """

    data: bytes = field(repr=False)
    folder: Path

    @property
    def digest(self) -> Digest:
        """Its digest."""
        return Digest.of(self.data)

    @property
    def sha512(self) -> Digest:
        """Its other digest."""
        return Digest.of(self.data, "sha512")

    @property
    def file(self) -> Path:
        """The content as a file."""
        path = self.folder / "blob"
        path.write_bytes(self.data)
        return path

    def stream(self) -> AsyncIterator[bytes]:
        """The content by and by."""
        return in_pieces(self.data, 70_000)


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """Content for one test."""
    return Sample(random.randbytes(2_500_000), tmp_path)


class Falling(BytesSource):
    """A source that says a digest which its content does not have."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data, digest=WRONG)


class Stalling:
    """A source that gives half of its content, and then nothing more.

    Attributes:
        stalled: Is set when somebody waits for the rest.
        closed: Whether whoever read has let go.
    """

    rewindable = True

    def __init__(self, data: bytes, *, size: int | None = None) -> None:
        self.size = size
        self.digest = None if size is None else Digest.of(data)
        self._data = data
        self.stalled = asyncio.Event()
        self.closed = False

    async def read(self, start: int = 0) -> AsyncIterator[bytes]:
        try:
            yield self._data[start : len(self._data) // 2]
            self.stalled.set()
            await asyncio.Event().wait()
        finally:
            self.closed = True


WRONG = Digest.of(b"other content")

CONTENTS: dict[str, Callable[[Sample], tuple[Any, dict[str, Any]]]] = {
    "bytes": lambda sample: (sample.data, {}),
    "bytearray": lambda sample: (bytearray(sample.data), {}),
    "bytes with a digest": lambda sample: (sample.data, {"digest": sample.digest}),
    "bytes with a sha512": lambda sample: (sample.data, {"digest": sample.sha512}),
    "file": lambda sample: (sample.file, {}),
    "file by name": lambda sample: (str(sample.file), {"digest": str(sample.digest)}),
    "iterator": lambda sample: (sample.stream(), {}),
    "iterator with a digest": lambda sample: (sample.stream(), {"digest": sample.digest}),
    "iterator with a sha512": lambda sample: (sample.stream(), {"digest": sample.sha512}),
    "source": lambda sample: (BytesSource(sample.data), {}),
    "stream that knows all": lambda sample: (
        StreamSource(sample.stream(), size=len(sample.data), digest=sample.digest),
        {},
    ),
    "stream of known size": lambda sample: (StreamSource(sample.stream(), size=len(sample.data)), {}),
    "chunks": lambda sample: (sample.data, {"chunk_size": 1_000_000}),
    "one chunk": lambda sample: (sample.data, {"chunk_size": 4_000_000}),
}


@pytest.mark.parametrize("form", CONTENTS)
def test_upload_blob(registry: Peer, repository: str, sample: Sample, form: str) -> None:
    """Whatever the content is, its descriptor is right, it arrives whole, and its progress adds up."""
    content, how = CONTENTS[form](sample)
    progress = Progresses()
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        blob = await client.upload_blob(repository, content, media_type="x/y", progress=progress, **how)
        assert (blob.media_type, blob.size) == ("x/y", len(sample.data))
        assert blob.digest == (sample.sha512 if "sha512" in form else sample.digest)
        assert await client.get_blob(repository, blob.digest) == sample.data

    with_client(registry, story, metrics=counted)
    assert counted.sent == [len(sample.data)]
    assert (progress[0].state, progress[0].done) == ("started", 0)
    assert (progress[-1].state, progress[-1].done) == ("done", len(sample.data))
    counts = [each.done for each in progress]
    assert counts == sorted(counts)
    assert all(each.total in (None, len(sample.data)) for each in progress)
    assert any(each.state == "moving" and each.done > 0 for each in progress)


def test_one_put_by_default(registry: Peer, repository: str, sample: Sample) -> None:
    """A blob is looked for, a session is opened, and one PUT has all of it: no chunks."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        await client.upload_blob(repository, sample.data)

    with_client(registry, story, metrics=counted)
    introduced = {each for each in counted.answers if each[0] == "token.get" or each[1] == 401}
    assert {each: count for each, count in counted.answers.items() if each not in introduced} == {
        ("blob.head", 404): 1,
        ("upload.post", 202): 1,
        ("upload.put", 201): 1,
    }
    assert not counted.asked["upload.patch"]


def test_chunks_where_asked(registry: Peer, repository: str, sample: Sample) -> None:
    """`chunk_size` makes chunks of that size, and a PUT without a body."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        await client.upload_blob(repository, sample.data, chunk_size=1_000_000)

    with_client(registry, story, metrics=counted)
    assert (counted.asked["upload.patch"], counted.asked["upload.put"]) == (3, 1)


@pytest.mark.parametrize("size", [0, -1])
def test_chunks_of_nothing(fake_oci: Peer, repository: str, size: int) -> None:
    """A chunk has a byte at least; nothing is sent."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        with pytest.raises(InvalidRange, match=f"chunk size {size}"):
            await client.upload_blob(repository, b"content", chunk_size=size)

    with_client(fake_oci, story, metrics=counted)
    assert not counted.asked


def test_chunks_are_cut_to_what_ghcr_takes(
    fake_ghcr: Peer, repository: str, caplog: pytest.LogCaptureFixture
) -> None:
    """GHCR's limit of 4 MiB is learned from its refusal, and said once for all blobs."""
    data = [bytes([each]) * 9_000_000 for each in range(2)]

    async def story(client: GhcrClient) -> None:
        for each in data:
            blob = await client.upload_blob(repository, each, chunk_size=client.config.chunk_size)
            assert await client.get_blob(repository, blob.digest) == each

    with caplog.at_level(logging.WARNING, "ghcr_client"):
        with_client(fake_ghcr, story)
    assert [each.getMessage() for each in caplog.records if "chunk_size" in each.getMessage()] == [
        f"{fake_ghcr.host} takes chunks of at most 4194304 bytes: chunk_size 5242880 is cut to that"
    ]
    assert fake_ghcr.simulator is not None
    sizes = [each.received for each in fake_ghcr.simulator.requests("upload.patch") if each.status == 202]
    assert max(sizes) == 4 * 1024 * 1024


@pytest.mark.parametrize("form", ["empty", "streamed"])
def test_no_content(registry: Peer, repository: str, form: str) -> None:
    """The empty blob is a blob."""

    async def story(client: GhcrClient) -> None:
        content = b"" if form == "empty" else in_pieces(b"")
        blob = await client.upload_blob(repository, content)
        assert (blob.size, blob.digest) == (0, Digest.of(b""))
        assert await client.get_blob(repository, blob.digest) == b""

    with_client(registry, story)


def test_nothing_is_sent_twice(registry: Peer, repository: str, sample: Sample) -> None:
    """A blob that is there is looked for and not sent; progress says that it exists, with all of its bytes."""
    progress = Progresses()
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        await client.upload_blob(repository, sample.data)
        counted.clear()
        await client.upload_blob(repository, sample.data, progress=progress)

    with_client(registry, story, metrics=counted)
    assert counted.answers == {("blob.head", 200): 1}
    assert progress == [Progress(sample.digest, len(sample.data), len(sample.data), "exists")]


def test_mount_from(registry: Peer, repository: str, sample: Sample) -> None:
    """A neighbour's blob is mounted and not sent, and what he does not have is sent; crane's has all everywhere."""
    progress = Progresses()
    counted = Counted()
    new = sample.data[:1000]

    async def story(client: GhcrClient) -> None:
        await client.upload_blob(repository, sample.data)
        counted.clear()
        for content in (sample.data, new):
            other = f"{repository}-other"
            await client.upload_blob(other, content, mount_from=repository, progress=progress)
            assert await client.get_blob(other, Digest.of(content)) == content

    with_client(registry, story, metrics=counted)
    assert counted.sent == [len(new)]
    states = [progress.last()[each].state for each in (sample.digest, Digest.of(new))]
    assert states == ["exists" if registry.name == "crane" else "mounted", "done"]


def test_the_wrong_digest(registry: Peer, repository: str, sample: Sample) -> None:
    """Content with another digest than was promised never arrives whole, and is an error with both digests."""

    async def story(client: GhcrClient) -> None:
        streamed = StreamSource(sample.stream(), size=len(sample.data), digest=WRONG)
        contents: list[tuple[Any, dict[str, Any]]] = [
            (sample.data, {}),
            (sample.stream(), {}),
            (Falling(sample.data), {}),
            (streamed, {}),
            (sample.data, {"chunk_size": 1_000_000}),
        ]
        for content, how in contents:
            with pytest.raises(DigestMismatch) as raised:
                await client.upload_blob(repository, content, digest=WRONG, **how)
            assert (raised.value.expected, raised.value.actual) == (WRONG, sample.digest)
        for digest in (WRONG, sample.digest):
            assert not await client.blob_exists(repository, digest)

    with_client(registry, story)


def test_streaming(registry: Peer, repository: str, sample: Sample) -> None:
    """An iterator is read once and its digest found on the way: PATCH and PUT, and a descriptor."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        progress = Progresses()
        blob = await client.upload_blob_streaming(
            repository, sample.stream(), media_type="x/y", progress=progress
        )
        assert (blob.media_type, blob.digest, blob.size) == ("x/y", sample.digest, len(sample.data))
        assert await client.get_blob(repository, blob.digest) == sample.data
        assert {(each.name, each.total) for each in progress} == {("", None)}
        for content in (sample.data, BytesSource(b"rewindable")):
            await client.upload_blob_streaming(repository, content)

    with_client(registry, story, metrics=counted)
    assert (counted.asked["upload.patch"], counted.asked["blob.head"]) == (3, 0)


# --- again


def test_a_retry_takes_back_what_it_repeats(fake_oci: Peer, repository: str, sample: Sample) -> None:
    """After a lost try progress falls to what the registry has, and ends with what there is."""
    assert fake_oci.simulator is not None
    fake_oci.simulator.fail("upload.put", status=503)
    progress = Progresses()

    async def story(client: GhcrClient) -> None:
        await client.upload_blob(repository, sample.data, progress=progress)
        assert await client.get_blob(repository, sample.digest) == sample.data

    with_client(fake_oci, story)
    counts = [each.done for each in progress]
    assert any(later < earlier for earlier, later in itertools.pairwise(counts))
    assert (progress[-1].state, progress[-1].done) == ("done", len(sample.data))


@pytest.mark.parametrize(
    "fault", ["unavailable", "connection-reset", "secondary-rate-limit", "rate-limited-write"]
)
@pytest.mark.parametrize("operation", ["upload.post", "upload.patch", "upload.put"])
def test_failures_that_pass(
    fake_ghcr: Peer, repository: str, operation: str, fault: str, sample: Sample
) -> None:
    """Each request of an upload may fail twice: the blob arrives all the same, whole or in chunks or as a stream."""
    assert fake_ghcr.simulator is not None

    async def story(client: GhcrClient) -> None:
        assert fake_ghcr.simulator is not None
        fake_ghcr.simulator.fail(operation, fault, times=2)
        how: dict[str, Any] = {"chunk_size": 1_000_000} if operation == "upload.patch" else {}
        await client.upload_blob(repository, sample.data, **how)
        assert await client.get_blob(repository, sample.digest) == sample.data

    with_client(fake_ghcr, story)


def test_a_stream_that_breaks_off(fake_ghcr: Peer, repository: str, sample: Sample) -> None:
    """An iterator cannot be sent again: the error says what to do; a source can."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.fail("upload.patch", "unavailable", times=2)

    async def story(client: GhcrClient) -> None:
        with pytest.raises(UploadError, match="pass bytes, a file or a Source"):
            await client.upload_blob_streaming(repository, sample.stream())
        blob = await client.upload_blob_streaming(repository, BytesSource(sample.data))
        assert await client.get_blob(repository, blob.digest) == sample.data

    with_client(fake_ghcr, story)


def test_failures_that_stay(fake_ghcr: Peer, repository: str, sample: Sample) -> None:
    """What fails more often than `max_retries` is raised as what it was."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.fail("upload.put", "unavailable", times=None)

    async def story(client: GhcrClient) -> None:
        with pytest.raises(ServerError):
            await client.upload_blob(repository, sample.data)

    with_client(fake_ghcr, story, max_retries=2)
    assert len(fake_ghcr.simulator.requests("upload.put")) == 3


# --- given up


@pytest.mark.parametrize("form", ["whole", "chunks", "stream"])
def test_cancelled(registry: Peer, repository: str, sample: Sample, form: str) -> None:
    """An upload that is cancelled in its middle leaves no task, no open content, and no blob."""

    async def story(client: GhcrClient) -> None:
        source = Stalling(sample.data, size=None if form == "stream" else len(sample.data))
        how = {"chunk_size": 100_000} if form == "chunks" else {}
        task = asyncio.ensure_future(client.upload_blob(repository, source, **how))
        await source.stalled.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled()
        assert source.closed
        assert not await client.blob_exists(repository, sample.digest)
        await client.upload_blob(repository, sample.data)

    with_client(registry, story)
    nothing_unclosed()


def test_a_source_that_fails(registry: Peer, repository: str, sample: Sample) -> None:
    """What a source raises comes to who uploads, as it is, and nothing is kept."""

    async def broken() -> AsyncIterator[bytes]:
        yield sample.data[:100_000]
        raise OSError("the disk is gone")

    async def story(client: GhcrClient) -> None:
        with pytest.raises(OSError, match="the disk is gone"):
            await client.upload_blob(repository, broken())

    with_client(registry, story)
    nothing_unclosed()


# --- sessions that are let go


class Sessions:
    """A registry that opens sessions, and keeps a list of those that nobody finished or gave up.

    Attributes:
        open: The sessions that are open.
        cancels: How often one was asked to be given up.
        refuse: A method whose requests to a session are refused, and with which status.
    """

    def __init__(self, *, cancels: bool = True) -> None:
        self.open: set[str] = set()
        self.asked_to_cancel = 0
        self.refuse: dict[str, int] = {}
        self._cancels = cancels
        self._count = 0

    async def __call__(self, request: web.Request) -> web.Response:
        path = request.path
        if request.method in ("GET", "HEAD"):
            return web.Response(status=200 if path == "/v2/" else 404)
        if path.endswith("/uploads/"):
            self._count += 1
            path = f"{path}{self._count}"
            self.open.add(path)
            return web.Response(status=202, headers={"Location": path})
        if request.method == "DELETE":
            self.asked_to_cancel += 1
            if not self._cancels:
                return web.Response(status=405)
            known = path in self.open
            self.open.discard(path)
            return web.Response(status=204 if known else 404)
        if status := self.refuse.get(request.method):
            return web.Response(status=status)
        if request.method == "PUT":
            self.open.discard(path)
        return web.Response(status=201 if request.method == "PUT" else 202, headers={"Location": path})


def with_sessions(
    registry: Sessions, story: Callable[[GhcrClient, Scripted], Any], **settings: Any
) -> Scripted:
    """Tell a story with a client of such a registry."""

    async def main() -> Scripted:
        async with (
            scripted(registry) as here,
            GhcrClient(registry=here.url, credentials=Anonymous(), clock=QuickClock(), **settings) as client,
        ):
            await story(client, here)
        return here

    return asyncio.run(main())


async def failing() -> AsyncIterator[bytes]:
    """Content that cannot be read to its end."""
    yield b"x" * 100_000
    raise OSError("the disk is gone")


@pytest.mark.parametrize("form", ["stream", "whole", "chunks", "progress"])
def test_failures_of_others_leave_no_session(form: str) -> None:
    """What a source or a progress callback raises comes through, and the registry's session is given up."""
    registry = Sessions()

    def progress(event: Progress) -> None:
        if form == "progress":
            raise OSError("the disk is gone")

    how: dict[str, Any] = {"chunk_size": 1000} if form == "chunks" else {}
    known = StreamSource(failing(), size=200_000, digest=WRONG)

    async def story(client: GhcrClient, _: Scripted) -> None:
        content = failing() if form == "stream" else known
        with pytest.raises(OSError, match="the disk is gone"):
            await client.upload_blob("acme/app", content, progress=progress, **how)

    with_sessions(registry, story)
    assert not registry.open
    assert registry.asked_to_cancel == (form != "progress")
    nothing_unclosed()


@pytest.mark.parametrize("form", ["whole", "chunks", "stream"])
def test_cancelling_leaves_no_session(form: str) -> None:
    """An upload that is cancelled gives its session up before it ends; a second cancelling does not stop that."""
    registry = Sessions()
    data = b"x" * 500_000

    async def story(client: GhcrClient, _: Scripted) -> None:
        for cancels in (1, 2):
            source = Stalling(data, size=None if form == "stream" else len(data))
            how = {"chunk_size": 100_000} if form == "chunks" else {}
            task = asyncio.ensure_future(client.upload_blob("acme/app", source, **how))
            await source.stalled.wait()
            for _ in range(cancels):
                task.cancel()
                await asyncio.sleep(0.01)
            with pytest.raises(asyncio.CancelledError):
                await task
            for _ in range(200):
                if not registry.open:
                    break
                await asyncio.sleep(0.01)
            assert not registry.open

    with_sessions(registry, story)
    nothing_unclosed()


def test_a_refused_chunk_leaves_no_session() -> None:
    """Where a chunk is refused with 416, each session is given up before the next one begins, and the last one, too."""
    registry = Sessions()
    registry.refuse = {"PATCH": 416}

    async def story(client: GhcrClient, here: Scripted) -> None:
        with pytest.raises(InvalidUpload):
            await client.upload_blob("acme/app", b"x" * 5000, chunk_size=1000)
        ways = [each.method for each in here.asked if "/uploads/" in each.path]
        assert ways == ["POST", "PATCH", "DELETE"] * 3

    with_sessions(registry, story, max_retries=2)
    assert not registry.open


def test_a_fresh_session_replaces_the_old_one() -> None:
    """A session that has nothing of a broken upload is given up before a fresh one begins."""
    registry = Sessions()
    registry.refuse = {"PUT": 503}

    async def story(client: GhcrClient, _: Scripted) -> None:
        with pytest.raises(ServerError):
            await client.upload_blob("acme/app", b"x" * 5000)

    with_sessions(registry, story, max_retries=2)
    assert (registry.open, registry.asked_to_cancel) == (set(), 3)


def test_who_takes_no_session_back_is_asked_once() -> None:
    """A registry that answers 405, as GHCR does, is not asked again, and what went wrong is told as it was."""
    registry = Sessions(cancels=False)
    registry.refuse = {"PUT": 400}

    async def story(client: GhcrClient, _: Scripted) -> None:
        for _ in range(3):
            with pytest.raises(InvalidUpload):
                await client.upload_blob("acme/app", b"x" * 5000)

    with_sessions(registry, story, max_retries=1)
    assert registry.asked_to_cancel == 1


# --- the client itself


def test_outside_of_its_block(registry: Peer, repository: str) -> None:
    """A client that is not open yet, or not any more, says so and sends nothing."""

    async def main() -> None:
        client = client_for(registry)
        for _ in range(2):
            for use in (client.list_tags(repository), client.upload_blob(repository, b"x")):
                with pytest.raises(ConfigError, match="async with"):
                    await use
            async with client:
                await client.upload_blob(repository, b"x")

    asyncio.run(main())
