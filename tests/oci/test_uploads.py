"""Uploads: every way to push a blob, and every way to do it wrong."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from asking import BrokenBody, ChunkedBody, Fake
from hypothesis import given
from hypothesis import strategies as st
from strategies import some

from ghcr_sim.assemble import Simulator
from ghcr_sim.exchange import BytesBody
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.profiles import load_profile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

A, B = "acme/app", "acme/other"
DATA = b"0123456789"
DIGEST = digest_of(DATA)
OTHER = digest_of(b"other")


class SlowBody:
    """A body that waits in its middle until it is told to go on."""

    length = None

    def __init__(self, first: bytes = b"01234", rest: bytes = b"56789") -> None:
        self._parts = first, rest
        self.waiting = asyncio.Event()
        self.go = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        yield self._parts[0]
        self.waiting.set()
        await self.go.wait()
        yield self._parts[1]


def held(oci: Fake, digest: str = DIGEST, repository: str = A) -> bool:
    """Whether a blob is there."""
    return oci("HEAD", f"/v2/{repository}/blobs/{digest}").status == 200


def chunk(oci: Fake, where: str, start: int, data: bytes) -> int:
    """Send a chunk with its range; the status."""
    return oci("PATCH", where, data, {"content-range": f"{start}-{start + len(data) - 1}"}).status


# -- the ways to do it


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize(
    "way", ["single POST", "POST and PUT", "chunked PUT", "streamed PATCH", "ranged PATCH", "mixed"]
)
def test_each_way_to_push_a_blob(oci: Fake, way: str, algorithm: str) -> None:
    """Every way of the specification ends with 201, the digest and the blob's address; the upload is over."""
    digest = digest_of(DATA, algorithm)
    query = f"?digest={digest}"
    if way == "single POST":
        answer = oci("POST", f"/v2/{A}/blobs/uploads/{query}", DATA)
    else:
        where = oci.start(A)
        match way:
            case "POST and PUT":
                answer = oci("PUT", where + query, DATA)
            case "chunked PUT":
                answer = oci("PUT", where + query, ChunkedBody(DATA[:3], DATA[3:]))
            case "streamed PATCH":
                assert oci("PATCH", where, ChunkedBody(*(DATA[n : n + 1] for n in range(10)))).status == 202
                answer = oci("PUT", where + query)
            case "ranged PATCH":
                assert chunk(oci, where, 0, DATA[:4]) == 202
                assert chunk(oci, where, 4, DATA[4:]) == 202
                answer = oci("PUT", where + query)
            case _:
                assert chunk(oci, where, 0, DATA[:4]) == 202
                assert oci("PATCH", where, DATA[4:6]).status == 202
                answer = oci("PUT", where + query, DATA[6:], {"content-range": "6-9"})
        assert oci("GET", where).refusal == (404, "BLOB_UPLOAD_UNKNOWN")
    assert answer.status == 201
    assert answer.headers["docker-content-digest"] == digest
    assert oci("GET", answer.headers["location"]).body == DATA
    assert len(oci.simulator.registry.uploads) == 0


def test_an_upload_says_where_it_is(oci: Fake) -> None:
    """POST, PATCH and GET say the upload's address and how much has arrived."""
    start = oci("POST", f"/v2/{A}/blobs/uploads/")
    where = start.headers["location"]
    assert (start.status, start.headers["range"], start.headers["content-length"]) == (202, "0-0", "0")
    assert where == f"/v2/{A}/blobs/uploads/{start.headers['docker-upload-uuid']}"
    assert oci("GET", where).headers["range"] == "0-0"
    patched = oci("PATCH", where, DATA[:4])
    assert (patched.status, patched.headers["range"], patched.headers["location"]) == (202, "0-3", where)
    status = oci("GET", where)
    assert (status.status, status.body, status.headers["range"]) == (204, b"", "0-3")
    assert status.headers["location"] == where


def test_an_empty_blob(oci: Fake) -> None:
    """A blob of no bytes is pushed like any other."""
    where = oci.start(A)
    assert oci("PUT", f"{where}?digest={digest_of(b'')}").status == 201
    assert held(oci, digest_of(b""))


def test_pushing_twice_changes_nothing(oci: Fake) -> None:
    """A blob that is there may be pushed again."""
    assert oci.push_blob(A, DATA) == oci.push_blob(A, DATA) == DIGEST


@given(st.binary(max_size=60), st.lists(st.integers(1, 20), max_size=6), st.booleans())
@some
def test_any_cut_into_chunks_makes_the_blob(data: bytes, sizes: list[int], ranged: bool) -> None:
    """Wherever the bytes are cut, with ranges or as streams, the blob is what was sent."""
    oci = Fake()
    where, at = oci.start(A), 0
    for size in sizes:
        part = data[at : at + size]
        if not part:
            break
        status = chunk(oci, where, at, part) if ranged else oci("PATCH", where, ChunkedBody(part)).status
        assert status == 202
        at += len(part)
        assert oci("GET", where).headers["range"] == f"0-{at - 1}"
    answer = oci("PUT", f"{where}?digest={digest_of(data)}", data[at:])
    assert answer.status == 201
    assert oci("GET", f"/v2/{A}/blobs/{digest_of(data)}").body == data


# -- resuming


@pytest.mark.parametrize("length", [None, 10], ids=["chunked", "with a length"])
def test_a_stream_that_is_cut_can_be_resumed(oci: Fake, length: int | None) -> None:
    """What arrived of a streamed PATCH that broke off is kept; the status says how much, and the rest follows."""
    where = oci.start(A)
    broken = oci("PATCH", where, BrokenBody(DATA[:3], DATA[3:6], length=length))
    assert broken.refusal == (400, "SIZE_INVALID")
    assert oci("GET", where).headers["range"] == "0-5"
    assert chunk(oci, where, 6, DATA[6:]) == 202
    assert oci("PUT", f"{where}?digest={DIGEST}").status == 201
    assert held(oci)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_chunk_that_is_cut_leaves_nothing(oci: Fake, method: str) -> None:
    """Nothing is kept of a chunk with a range, or of a PUT, that broke off: it is sent again from its start."""
    where = oci.start(A)
    assert chunk(oci, where, 0, DATA[:2]) == 202
    target = f"{where}?digest={DIGEST}" if method == "PUT" else where
    headers = {"content-range": "2-9"} if method == "PATCH" else {}
    assert oci(method, target, BrokenBody(DATA[2:6], length=8), headers).refusal == (400, "SIZE_INVALID")
    assert oci("GET", where).headers["range"] == "0-1"
    assert not held(oci)
    assert oci(method, target, DATA[2:], headers).status in {201, 202}


def test_a_single_post_that_is_cut_leaves_nothing(oci: Fake) -> None:
    """Nothing is kept of a single POST that broke off, and no upload stays behind."""
    answer = oci("POST", f"/v2/{A}/blobs/uploads/?digest={DIGEST}", BrokenBody(DATA[:6], length=10))
    assert answer.refusal == (400, "SIZE_INVALID")
    assert not held(oci)
    assert len(oci.simulator.registry.uploads) == 0
    assert oci.simulator.store.names() == []


# -- doing it wrong


WRONG_CHUNKS: dict[str, tuple[str, bytes | ChunkedBody, tuple[int, str]]] = {
    "a gap": ("6-7", b"67", (416, "REQUESTED_RANGE_NOT_SATISFIABLE")),
    "from the start again": ("0-1", b"01", (416, "REQUESTED_RANGE_NOT_SATISFIABLE")),
    "an overlap": ("3-6", b"3456", (416, "REQUESTED_RANGE_NOT_SATISFIABLE")),
    "more than announced": ("4-5", b"456", (400, "SIZE_INVALID")),
    "less than announced": ("4-9", b"45", (400, "SIZE_INVALID")),
    "more, unannounced": ("4-5", ChunkedBody(b"45", b"6"), (400, "SIZE_INVALID")),
    "less, unannounced": ("4-9", ChunkedBody(b"45"), (400, "SIZE_INVALID")),
    "nothing": ("4-5", b"", (400, "SIZE_INVALID")),
    "ends before it starts": ("5-4", b"45", (400, "BLOB_UPLOAD_INVALID")),
    "no range": ("four to five", b"45", (400, "BLOB_UPLOAD_INVALID")),
    "no end": ("4-", b"45", (400, "BLOB_UPLOAD_INVALID")),
    "negative": ("-4-5", b"45", (400, "BLOB_UPLOAD_INVALID")),
    "no number": ("\u0664-\u0665", b"45", (400, "BLOB_UPLOAD_INVALID")),
    "huge": ("4-" + "9" * 5000, b"45", (400, "BLOB_UPLOAD_INVALID")),
    "empty": ("", b"45", (400, "BLOB_UPLOAD_INVALID")),
}


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize(("header", "body", "wanted"), WRONG_CHUNKS.values(), ids=WRONG_CHUNKS)
def test_a_chunk_that_does_not_fit(
    oci: Fake, header: str, body: bytes | ChunkedBody, wanted: tuple[int, str], method: str
) -> None:
    """A chunk that is not the next one, or not what its range says, is refused; the upload stands as it was."""
    where = oci.start(A)
    assert chunk(oci, where, 0, DATA[:4]) == 202
    target = where if method == "PATCH" else f"{where}?digest={DIGEST}"
    answer = oci(method, target, body, {"content-range": header})
    assert answer.refusal == wanted
    assert len(answer.message) < 200
    if wanted[0] == 416:
        assert (answer.headers["range"], answer.headers["location"]) == ("0-3", where)
    assert oci("GET", where).headers["range"] == "0-3"
    assert chunk(oci, where, 4, DATA[4:]) == 202
    assert oci("PUT", f"{where}?digest={DIGEST}").status == 201


@pytest.mark.parametrize("header", ["0-9", "bytes 0-9", "bytes=0-9", "bytes 0-9/10", "bytes 0-9/*", " 0-9 "])
def test_spellings_of_a_content_range(oci: Fake, header: str) -> None:
    """The specification's form and RFC 9110's are understood."""
    where = oci.start(A)
    assert oci("PATCH", where, DATA, {"content-range": header}).status == 202


DIGESTS = {
    "of other bytes": (OTHER, "DIGEST_INVALID"),
    "of another algorithm": (digest_of(b"other", "sha512"), "DIGEST_INVALID"),
    "unknown algorithm": ("md5:" + "a" * 32, "DIGEST_INVALID"),
    "cut short": (DIGEST[:-1], "DIGEST_INVALID"),
    "in capitals": (DIGEST.upper(), "DIGEST_INVALID"),
    "none": ("", "DIGEST_INVALID"),
    "a path": ("sha256:../../../etc/passwd", "DIGEST_INVALID"),
}


@pytest.mark.parametrize(("digest", "code"), DIGESTS.values(), ids=DIGESTS)
@pytest.mark.parametrize("way", ["single POST", "PUT", "PATCH and PUT"])
def test_a_wrong_digest(oci: Fake, way: str, digest: str, code: str) -> None:
    """Bytes are stored under no other digest than their own; an upload can still be finished with the right one."""
    if way == "single POST":
        answer = oci("POST", f"/v2/{A}/blobs/uploads/?digest={digest}", DATA)
        assert answer.refusal == (400, code)
        assert len(oci.simulator.registry.uploads) == 0
    else:
        where = oci.start(A)
        sent = DATA if way == "PUT" else b""
        if not sent:
            assert oci("PATCH", where, DATA).status == 202
        assert oci("PUT", f"{where}?digest={digest}", sent).refusal == (400, code)
        assert oci("PUT", f"{where}?digest={DIGEST}", sent).status == 201
    assert held(oci) is (way != "single POST")
    assert not held(oci, OTHER)


def test_a_wrong_digest_is_told_apart_in_detail(oci: Fake) -> None:
    """The refusal says which digest was promised, and which one the bytes have."""
    answer = oci("POST", f"/v2/{A}/blobs/uploads/?digest={OTHER}", DATA)
    (entry,) = answer.json()["errors"]
    assert OTHER in entry["detail"]
    assert DIGEST in entry["detail"]


def test_finishing_without_a_digest(oci: Fake) -> None:
    """PUT needs a digest in its query."""
    where = oci.start(A)
    assert oci("PUT", where, DATA).refusal == (400, "DIGEST_INVALID")
    assert oci("PUT", f"{where}?digest={DIGEST}", DATA).status == 201


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("who", ["unknown", "of another repository", "finished", "cancelled", "of old"])
def test_an_upload_that_is_not_there(oci: Fake, method: str, who: str) -> None:
    """An upload is its repository's own, ends when it is finished or cancelled, and dies of age."""
    where = oci.start(A)
    match who:
        case "unknown":
            where = f"/v2/{A}/blobs/uploads/00000000-0000-4000-8000-000000000000"
        case "of another repository":
            where = where.replace(A, B)
        case "finished":
            assert oci("PUT", f"{where}?digest={DIGEST}", DATA).status == 201
        case "cancelled":
            assert oci("DELETE", where).status == 204
        case _:
            oci.simulator.clock.advance(oci.simulator.profile.uploads.lifetime)
    query = f"?digest={OTHER}" if method == "PUT" else ""
    answer = oci(method, where + query, b"other" if method in {"PUT", "PATCH"} else b"")
    assert answer.refusal == (404, "BLOB_UPLOAD_UNKNOWN")
    assert not held(oci, OTHER)


def test_cancel(oci: Fake) -> None:
    """DELETE ends an upload with 204, and what had arrived is gone."""
    where = oci.start(A)
    oci("PATCH", where, DATA)
    assert oci("DELETE", where).status == 204
    assert len(oci.simulator.registry.uploads) == 0
    assert not held(oci)


def test_old_uploads_are_swept(oci: Fake) -> None:
    """Uploads that nobody finished are forgotten when the next one starts, and younger ones are not."""
    oci.start(A)
    lifetime = oci.simulator.profile.uploads.lifetime
    oci.simulator.clock.advance(lifetime / 2)
    young = oci.start(A)
    oci.simulator.clock.advance(lifetime / 2)
    oci.start(A)
    assert len(oci.simulator.registry.uploads) == 2
    assert oci("GET", young).status == 204


@pytest.mark.parametrize(
    ("switch", "method", "wanted"),
    [
        ("uploads__cancel", "DELETE", 405),
        ("uploads__status", "GET", 405),
        ("uploads__single_post", "POST", 202),
    ],
)
def test_switches(switch: str, method: str, wanted: int) -> None:
    """A profile may switch off cancelling, the status and the single POST."""
    oci = Fake(Simulator(load_profile("oci", **{switch: False})))
    where = f"/v2/{A}/blobs/uploads/?digest={DIGEST}" if method == "POST" else oci.start(A)
    assert oci(method, where, DATA if method == "POST" else b"").status == wanted
    assert not held(oci)


@pytest.mark.parametrize("way", ["single POST", "PUT", "PATCH", "chunked PATCH", "second PATCH"])
def test_the_largest_blob(way: str) -> None:
    """More bytes than the profile allows are 413 and not kept; exactly as many are taken."""
    oci = Fake(Simulator(load_profile("oci", uploads__max_blob_bytes=10)))
    where = oci.start(A)
    more = DATA + b"x"
    match way:
        case "single POST":
            answer = oci("POST", f"/v2/{A}/blobs/uploads/?digest={digest_of(more)}", more)
        case "PUT":
            answer = oci("PUT", f"{where}?digest={digest_of(more)}", more)
        case "PATCH":
            answer = oci("PATCH", where, more)
        case "chunked PATCH":
            answer = oci("PATCH", where, ChunkedBody(DATA, b"x"))
        case _:
            assert oci("PATCH", where, DATA).status == 202
            answer = oci("PATCH", where, b"x")
    assert answer.refusal == (413, "SIZE_INVALID")
    sent = b"" if way == "second PATCH" else DATA
    assert oci("PUT", f"{where}?digest={DIGEST}", sent).status == 201


# -- two at a time


def test_two_writers_on_one_upload(oci: Fake) -> None:
    """While a request writes to an upload, every other one is refused; the first one ends undisturbed."""

    async def both() -> None:
        where = (await oci.ask("POST", f"/v2/{A}/blobs/uploads/")).headers["location"]
        body = SlowBody()
        first = asyncio.create_task(oci.ask("PATCH", where, body))
        await body.waiting.wait()
        for method, query in (("PATCH", ""), ("PUT", f"?digest={OTHER}"), ("DELETE", "")):
            answer = await oci.ask(method, where + query, BytesBody(b"other"))
            assert answer.refusal == (416, "BLOB_UPLOAD_INVALID")
        body.go.set()
        assert (await first).status == 202
        assert (await oci.ask("PUT", f"{where}?digest={DIGEST}")).status == 201

    asyncio.run(both())
    assert held(oci)


def test_two_uploads_of_one_blob(oci: Fake) -> None:
    """Two uploads of the same bytes go on side by side, and both end well."""

    async def both() -> None:
        bodies = SlowBody(), SlowBody()
        tasks = [
            asyncio.create_task(oci.ask("POST", f"/v2/{A}/blobs/uploads/?digest={DIGEST}", body))
            for body in bodies
        ]
        for body in bodies:
            await body.waiting.wait()
            body.go.set()
        assert [(await task).status for task in tasks] == [201, 201]

    asyncio.run(both())
    assert oci("GET", f"/v2/{A}/blobs/{DIGEST}").body == DATA


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_request_that_is_cancelled_leaves_its_upload(oci: Fake, method: str) -> None:
    """A request whose connection dies lets go of its upload, which can be finished then."""

    async def cut() -> str:
        where = (await oci.ask("POST", f"/v2/{A}/blobs/uploads/")).headers["location"]
        body = SlowBody()
        task = asyncio.create_task(oci.ask(method, f"{where}?digest={DIGEST}", body))
        await body.waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return where

    where = asyncio.run(cut())
    at = int(oci("GET", where).headers["range"].partition("-")[2])
    rest = DATA[at + 1 :] if method == "PATCH" else DATA
    assert at == (4 if method == "PATCH" else 0)
    assert oci("PUT", f"{where}?digest={DIGEST}", rest).status == 201
    assert [record.status for record in oci.simulator.requests()].count(0) == 1


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_restoring_a_snapshot_ends_uploads_under_way(oci: Fake, method: str) -> None:
    """After `restore` an upload is unknown, also to a request that was writing to it: nothing of it is stored."""

    async def under_way() -> None:
        where = (await oci.ask("POST", f"/v2/{A}/blobs/uploads/")).headers["location"]
        body = SlowBody()
        task = asyncio.create_task(oci.ask(method, f"{where}?digest={DIGEST}", body))
        await body.waiting.wait()
        oci.simulator.restore(before)
        body.go.set()
        assert (await task).refusal == (404, "BLOB_UPLOAD_UNKNOWN")

    before = oci.simulator.snapshot()
    asyncio.run(under_way())
    assert not held(oci)
    assert oci.simulator.store.names() == []
