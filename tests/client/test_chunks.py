"""Chunks: how large they are, what a registry says it took, where the upload goes on, and what is learned."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from client.helping import QuickClock
from client.scripted import refusal, scripted
from ghcr_client.calls import Answer
from ghcr_client.client import GhcrClient
from ghcr_client.digests import Digest
from ghcr_client.errors import GhcrError, ProtocolError, RegistryError, TransportError
from ghcr_client.operations.chunks import ChunkLimits, held, sized
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MIB = 1024 * 1024
TOO_LARGE = "the request body is too large and exceeds the maximum permissible limit of 4.00MiB"
DATA = bytes(range(250)) * 40  # 10 000 bytes


class Uploads:
    """A registry that takes one upload, in its own way.

    Attributes:
        session: What it has of it.
        ranges: What `Content-Range` said, chunk by chunk.
        blob: The whole, once it was finished.
    """

    def __init__(self, **ways: Any) -> None:
        self.ways = ways
        self.session = bytearray()
        self.ranges: list[str | None] = []
        self.puts: list[int] = []
        self.blob: bytes | None = None

    async def __call__(self, request: web.Request) -> web.Response:
        return await getattr(self, request.method.lower())(request)  # type: ignore[no-any-return]

    async def head(self, _: web.Request) -> web.Response:
        return web.Response(status=404 if self.blob is None else 200)

    async def delete(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def post(self, request: web.Request) -> web.Response:
        self.session.clear()
        fields = {
            "Location": "/v2/acme/app/blobs/upload/1",
            "OCI-Chunk-Min-Length": self.ways.get("least", ""),
        }
        return web.Response(status=202, headers={key: value for key, value in fields.items() if value})

    async def patch(self, request: web.Request) -> web.Response:
        data = await request.read()
        said = request.headers.get("Content-Range")
        self.ranges.append(said)
        if said is not None and len(data) > self.ways.get("most", 1 << 30):
            return refusal(416, "REQUESTED_RANGE_NOT_SATISFIABLE", self.ways.get("words", TOO_LARGE))
        self.session += data[: self.ways.get("takes")]
        count = len(self.ranges)
        fields = {"Location": f"/v2/acme/app/blobs/upload/{count + 1}", "Range": f"0-{len(self.session) - 1}"}
        for name in self.ways.get("without", ()):
            del fields[name]
        return web.Response(status=self.ways.get("status", 202), headers=fields | self.ways.get("fields", {}))

    async def put(self, request: web.Request) -> web.Response:
        data = await request.read()
        self.puts.append(len(data))
        if len(data) > self.ways.get("put", 1 << 30):
            return refusal(413)
        self.session += data
        if request.query["digest"] != f"sha256:{hashlib.sha256(self.session).hexdigest()}":
            return refusal(400, "DIGEST_INVALID", "no")
        self.blob = bytes(self.session)
        return web.Response(status=201)


def upload(
    registry: Uploads, size: int | None = 4000, *, data: bytes = DATA, config: dict[str, Any] | None = None
) -> list[str]:
    """Upload data in chunks of a size; the paths that were asked."""

    async def main() -> list[str]:
        async with scripted(registry) as here:
            client = GhcrClient(registry=here.url, clock=QuickClock(), **(config or {}))
            async with client:
                described = await client.upload_blob("acme/app", data, chunk_size=size)
            assert (described.digest, described.size) == (Digest.of(data), len(data))
            return [each.path for each in here.asked if each.method == "PATCH"]

    paths = asyncio.run(main())
    assert registry.blob == data
    return paths


def test_ranges_and_locations() -> None:
    """Chunks follow one another without a gap, each to where the last answer said."""
    registry = Uploads()
    paths = upload(registry)
    assert registry.ranges == ["0-3999", "4000-7999", "8000-9999"]
    assert [path.rpartition("/")[2] for path in paths] == ["1", "2", "3"]
    assert registry.puts == [0]


WAYS: dict[str, dict[str, Any]] = {
    "ECR answers 201": {"status": 201},
    "ECR names no place": {"status": 201, "without": ("Location",)},
    "200": {"status": 200},
    "no range": {"without": ("Range",)},
    "neither": {"status": 204, "without": ("Location", "Range")},
    "an old range": {"fields": {"Range": "0-0"}},
    "a range beyond the end": {"fields": {"Range": "0-99999999"}},
    "a range in bytes": {"fields": {"Range": "bytes=0-3999"}},
    "a range that is none": {"fields": {"Range": "what?"}},
    "a range from the middle": {"fields": {"Range": "5-10"}},
}


@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
def test_other_ways(ways: dict[str, Any]) -> None:
    """Registries that answer otherwise, or say nothing of what they took, get the same three chunks."""
    registry = Uploads(**ways)
    upload(registry)
    assert registry.ranges == ["0-3999", "4000-7999", "8000-9999"]


def test_less_was_taken() -> None:
    """What the registry did not take of a chunk is sent again, from where it stopped."""
    registry = Uploads(takes=3000)
    upload(registry)
    assert registry.ranges == ["0-3999", "3000-3999", "4000-7999", "7000-7999", "8000-9999"]


def test_a_byte_at_a_time() -> None:
    """A registry that takes chunks in ever smaller parts is given up."""
    with pytest.raises(ProtocolError, match="takes a chunk in more than"):
        upload(Uploads(takes=2))


@pytest.mark.parametrize(
    ("least", "first"),
    [
        ("6000", "0-5999"),
        ("100", "0-3999"),
        ("", "0-3999"),
        ("many", "0-3999"),
        ("-5", "0-3999"),
        ("²", "0-3999"),
    ],
    ids=["more", "less", "none", "word", "negative", "no digit"],
)
def test_the_least_length(least: str, first: str) -> None:
    """Where the registry wants longer chunks, they are longer; what is no number says nothing."""
    registry = Uploads(least=least.encode("ascii", "ignore").decode())
    upload(registry)
    assert registry.ranges[0] == first


def test_a_limit_that_is_learned() -> None:
    """A registry that refuses a chunk and names its limit gets smaller ones, and no wait is needed."""
    registry = Uploads(most=100_000, words="exceeds the maximum permissible limit of 100KB")
    upload(registry, 200_000, data=DATA * 25)
    assert registry.ranges == ["0-199999", "0-99999", "100000-199999", "200000-249999"]


def test_a_body_that_is_too_large() -> None:
    """A registry that refuses the whole as too large gets it in chunks."""
    registry = Uploads(put=5000)
    upload(registry, None, config={"chunk_size": 2500})
    assert registry.puts == [10_000, 0]
    assert registry.ranges == ["0-2499", "2500-4999", "5000-7499", "7500-9999"]


def test_a_limit_without_words() -> None:
    """A refusal that names no limit is final after all tries."""
    with pytest.raises(RegistryError):
        upload(Uploads(most=10, words="no"))


def test_no_place_at_all() -> None:
    """A session without a place is no session."""

    class Lost(Uploads):
        async def post(self, request: web.Request) -> web.Response:
            return web.Response(status=202)

    with pytest.raises(ProtocolError, match="leads nowhere"):
        upload(Lost())


# --- limits


def test_known_limits(caplog: pytest.LogCaptureFixture) -> None:
    """GHCR's 4 MiB are known, the default of 5 MiB is cut to them, and that is said once."""
    limits = ChunkLimits("ghcr.io")
    with caplog.at_level(logging.WARNING, "ghcr_client"):
        assert [limits.size(5_242_880) for _ in range(3)] == [4 * MIB] * 3
    assert len(caplog.records) == 1
    assert "at most 4194304 bytes: chunk_size 5242880 is cut" in caplog.text
    assert limits.size(1000) == 1000
    assert ChunkLimits("quay.io").size(1 << 40) == 1 << 40


def failed(status: int, message: str = "") -> RegistryError:
    return RegistryError(message, status=status)


LEARNED: dict[str, tuple[list[GhcrError], list[bool], int | None, bool]] = {
    "GHCR's words": ([failed(416, TOO_LARGE)], [True], 4 * MIB, False),
    "the same again": ([failed(416, TOO_LARGE)] * 2, [True, False], 4 * MIB, False),
    "less": ([failed(416, TOO_LARGE), failed(416, "limit of 512 KB")], [True, True], 512_000, False),
    "more": ([failed(416, TOO_LARGE), failed(416, "limit of 1GiB")], [True, False], 4 * MIB, False),
    "nothing is left": ([failed(416, "limit of 0MiB")], [False], None, False),
    "too large": ([failed(413)], [True], None, True),
    "too large, then a limit": (
        [failed(413), failed(413, "limit of 100MB")],
        [True, True],
        100_000_000,
        True,
    ),
    "too large twice": ([failed(413)] * 2, [True, False], None, True),
    "another status": ([failed(400, TOO_LARGE)], [False], None, False),
    "no unit": ([failed(416, "limit of 400")], [False], None, False),
    "no answer": ([TransportError("gone")], [False], None, False),
}


@pytest.mark.parametrize(("errors", "adapted", "most", "only"), LEARNED.values(), ids=LEARNED)
def test_what_is_learned(errors: list[GhcrError], adapted: list[bool], most: int | None, only: bool) -> None:
    """From a refusal it is learned how a registry wants its blobs, as long as that is news."""
    limits = ChunkLimits("registry.example")

    def learn(error: GhcrError) -> bool:
        whole = getattr(error, "status", 0) == 413 and not limits.only_chunks
        return limits.adapt(error, None if whole else limits.size(5 * MIB))

    assert [learn(each) for each in errors] == adapted
    assert (limits.most, limits.only_chunks) == (most, only)


def test_what_is_learned_at_once() -> None:
    """Of several that were refused for the same reason, each may go on, whoever learned it."""
    limits = ChunkLimits("registry.example")
    assert [limits.adapt(failed(413), None) for _ in range(3)] == [True] * 3
    assert [limits.adapt(failed(416, TOO_LARGE), 5 * MIB) for _ in range(3)] == [True] * 3
    assert not limits.adapt(failed(413), 4 * MIB)


def test_bodies_that_are_too_large_at_once() -> None:
    """Blobs in flight when a registry first refuses a whole body all arrive, in chunks."""
    arrived: set[str] = set()

    async def answering(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(status=202, headers={"Location": "/v2/acme/app/blobs/uploads/1"})
        if request.method == "PUT" and request.content_length:
            await asyncio.sleep(0.2)
            return web.Response(status=413)
        if request.method == "PUT":
            arrived.add(request.query["digest"])
            return web.Response(status=201)
        return web.Response(status=404 if request.method == "HEAD" else 202)

    async def run() -> None:
        async with scripted(answering) as here, GhcrClient(registry=here.url, clock=QuickClock()) as client:
            blobs = [client.upload_blob("acme/app", DATA + bytes([each])) for each in range(3)]
            assert {str(each.digest) for each in await asyncio.gather(*blobs)} == arrived

    asyncio.run(run())


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ("0-499", 500),
        ("bytes=0-499", 500),
        ("0-1", 2),
        ("0-0", 0),
        ("1-499", 0),
        ("", None),
        ("0-", None),
        ("5-1", None),
        ("x", None),
        ("0-99999999999999999999999999", None),
    ],
)
def test_what_a_session_has(said: str, count: int | None) -> None:
    """A session's `Range` says how many bytes it has, where it says anything."""
    assert held(Answer(204, {"Range": said}, b"", URL("http://r/"))) == count


@given(st.lists(st.binary(max_size=30)), st.integers(1, 40))
def test_sized(pieces: list[bytes], size: int) -> None:
    """The pieces are of one size, but the last one; none is empty, and none is lost."""

    async def given_pieces() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def cut() -> list[bytes]:
        return [piece async for piece in sized(given_pieces(), size)]

    came = asyncio.run(cut())
    assert b"".join(came) == b"".join(pieces)
    assert all(len(piece) == size for piece in came[:-1])
    assert all(0 < len(piece) <= size for piece in came[-1:])
