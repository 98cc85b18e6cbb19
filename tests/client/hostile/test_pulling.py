"""A server lies about blobs and manifests: the error is of the client's tree, comes soon, and nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from client.hostile.liar import Liar, answer, cut, endless, endless_head, head, jsons, silent
from client.hostile.lies import (
    BLOB,
    CONFIG,
    DIGEST,
    MANIFEST,
    REPO,
    blob_path,
    client_of,
    manifest_path,
    running,
)
from ghcr_client.digests import Digest
from ghcr_client.errors import (
    BlobUnknown,
    DigestMismatch,
    GhcrError,
    InvalidManifest,
    ManifestUnknown,
    ProtocolError,
    RegistryError,
    ServerError,
    TransportError,
    Unauthorized,
)
from ghcr_client.models import OCI_INDEX

if TYPE_CHECKING:
    from pathlib import Path

OTHER = bytes(len(BLOB))
HALF = len(BLOB) // 2
OCTETS = "application/octet-stream"


def blob(status: int = 200, body: bytes = BLOB, *fields: tuple[str, str], **more: Any) -> bytes:
    """An answer with a blob."""
    return answer(status, body, *fields, kind=OCTETS, **more)


def part(said: str | None, body: bytes = BLOB[HALF:], **more: Any) -> bytes:
    """An answer that claims to be the blob's second half."""
    return blob(206, body, *([] if said is None else [("Content-Range", said)]), **more)


RIGHT = f"bytes {HALF}-{len(BLOB) - 1}/{len(BLOB)}"
BROKEN = cut(blob(body=BLOB[:HALF], length=len(BLOB)), politely=True)
CHUNKED = head(200, ("Transfer-Encoding", "chunked")) + b"%x\r\n%b\r\n" % (HALF, BLOB[:HALF])

BLOBS: dict[str, tuple[list[Any], type[GhcrError] | None]] = {
    # After the first answer, the others are for the tries that follow.
    "the truth": ([blob()], None),
    "in chunks": ([CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (HALF, BLOB[HALF:])], None),
    "a digest of its own": ([blob(200, BLOB, ("Docker-Content-Digest", Digest.of(b"")))], None),
    "no header at all": ([cut(head(200) + BLOB, politely=True)], None),
    "other bytes": ([blob(body=OTHER)], DigestMismatch),
    "none": ([blob(body=b"")], DigestMismatch),
    "too short, and says so": ([blob(body=BLOB[:HALF])], DigestMismatch),
    "too long, and says so": ([blob(body=BLOB + b"x")], DigestMismatch),
    "more than it says": ([cut(blob() + b"more" * 1000)], None),
    "more chunks than bytes": ([endless()], DigestMismatch),
    "half, for ever": ([cut(blob(body=b"", length=len(BLOB)), politely=True)], TransportError),
    "no end of chunks": ([cut(CHUNKED, politely=True), cut(head(200))], TransportError),
    "an error in the middle": ([BROKEN, answer(500)], ServerError),
    "gone in the middle": ([BROKEN, answer(404)], BlobUnknown),
    "the right rest": ([BROKEN, part(RIGHT)], None),
    "the whole instead of the rest": ([BROKEN, blob()], None),
    "other bytes as the rest": ([BROKEN, part(RIGHT, OTHER[HALF:]), blob()], None),
    "other bytes for ever": ([BROKEN, part(RIGHT, OTHER[HALF:]), blob(body=OTHER)], DigestMismatch),
    "another total": ([BROKEN, part(f"bytes {HALF}-{len(BLOB) - 1}/{len(BLOB) * 2}")], GhcrError),
    "no total": ([BROKEN, part(f"bytes {HALF}-{len(BLOB) - 1}/*")], None),
    "another start": ([BROKEN, part(f"bytes 0-{HALF - 1}/{len(BLOB)}")], ProtocolError),
    "no Content-Range": ([BROKEN, part(None)], ProtocolError),
    "nonsense for a Content-Range": ([BROKEN, part("bytes \u0663-\u0664/\u0665")], ProtocolError),
    "a range backwards": ([BROKEN, part(f"bytes {HALF}-3/9")], ProtocolError),
    "a part that nobody asked for": ([part(RIGHT)], ProtocolError),
    "416 for the rest": ([BROKEN, answer(416), blob()], None),
    "416 for ever": ([BROKEN, answer(416), answer(416)], RegistryError),
    "HTML": ([answer(200, b"<html>please log in</html>", kind="text/html")], DigestMismatch),
    "gzip": ([answer(200, gzip.compress(BLOB), ("Content-Encoding", "gzip"))], DigestMismatch),
    "two lengths": ([head(200, ("Content-Length", "3"), ("Content-Length", "4")) + b"abcd"], GhcrError),
    "a negative length": ([head(200, ("Content-Length", "-3")) + b"abcd"], ProtocolError),
    "a length that is no number": ([head(200, ("Content-Length", "9" * 5000)) + b"abcd"], ProtocolError),
    "chunks that are none": ([head(200, ("Transfer-Encoding", "chunked")) + b"zz\r\nabc\r\n"], GhcrError),
    "no HTTP": ([b"SSH-2.0-OpenSSH_9.2\r\n\r\n"], ProtocolError),
    "nothing": ([cut(b"")], TransportError),
    "a head without end": ([endless_head()], ProtocolError),
    "a field without end": ([endless_head(b"X" * 65_536)], ProtocolError),
    "half a head": ([cut(b"HTTP/1.1 200 OK\r\nContent-Le")], TransportError),
    "204": ([head(204)], RegistryError),
    "304": ([head(304)], RegistryError),
    "a status that nobody knows": ([answer(799)], RegistryError),
    "101": ([head(101, ("Upgrade", "lies"), ("Connection", "upgrade"))], GhcrError),
}


@pytest.mark.parametrize(("acts", "error"), BLOBS.values(), ids=BLOBS)
def test_blobs(acts: list[Any], error: type[GhcrError] | None, tmp_path: Path) -> None:
    """A file has all of the right bytes, or the error is typed, what was there stays, and nothing else is left."""

    async def test(liar: Liar) -> None:
        target = tmp_path / "blob"
        target.write_bytes(b"before")
        async with client_of(liar) as client:
            liar.says(f"GET {blob_path()}", *acts)
            size = len(BLOB)
            if error is None:
                assert await client.download_blob(REPO, DIGEST, target, size=size) == size
                assert target.read_bytes() == BLOB
            else:
                with pytest.raises(error):
                    await client.download_blob(REPO, DIGEST, target, size=size)
                assert target.read_bytes() == b"before"
        assert list(tmp_path.iterdir()) == [target]  # noqa: ASYNC240
        assert len(liar.received) <= 8, liar.paths()

    running(test)


@pytest.mark.parametrize(("acts", "error"), BLOBS.values(), ids=BLOBS)
def test_blobs_in_memory(acts: list[Any], error: type[GhcrError] | None) -> None:
    """`get_blob` gives the right bytes or a typed error, also where nobody knows the size."""
    wanted = GhcrError if error else None

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says(f"GET {blob_path()}", *acts)
            if wanted is None:
                assert await client.get_blob(REPO, DIGEST) == BLOB
            else:
                with pytest.raises(wanted):
                    await client.get_blob(REPO, DIGEST, limit=len(BLOB) + 100)
        assert len(liar.received) <= 8, liar.paths()

    running(test)


@pytest.mark.parametrize(("acts", "error"), BLOBS.values(), ids=BLOBS)
@pytest.mark.parametrize("kind", ["oci", "oci-archive", "docker-archive"])
def test_images(acts: list[Any], error: type[GhcrError] | None, kind: Any, tmp_path: Path) -> None:
    """An image whose layer is a lie is never written as if it were whole; of an archive, nothing is left."""

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says(f"GET {manifest_path()}", answer(200, MANIFEST.raw, kind=MANIFEST.media_type))
            liar.says(f"GET {blob_path(Digest.of(CONFIG))}", answer(200, CONFIG))
            liar.says(f"GET {blob_path()}", *acts)
            target = tmp_path / "image"
            try:
                await client.pull_image(f"{REPO}:v1", target, format=kind)
            except GhcrError:
                if kind == "oci":
                    assert json.loads((target / "index.json").read_bytes())["manifests"] == []
                    assert not (target / "blobs" / "sha256" / DIGEST.hex).exists()
                else:
                    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240
                # An archive's layer is read as a stream, whose rest cannot be replaced by another whole.
                assert error or kind == "docker-archive"
            else:
                assert error is None
                files = [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")]  # noqa: ASYNC240
                assert files == []
        assert len(liar.received) <= 12, liar.paths()

    running(test)


def test_the_same_break_for_ever() -> None:
    """A server that breaks off again and again, and takes back what it gave, is given up after few tries.

    A mebibyte more than ever before is progress; the same mebibyte once more is not.
    """
    some = cut(blob(body=BLOB[:HALF], length=len(BLOB)), politely=True)
    nothing = cut(blob(body=b"", length=len(BLOB)), politely=True)

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says(f"GET {blob_path()}", *([some, nothing] * 50))
            with pytest.raises(TransportError):
                await client.get_blob(REPO, DIGEST)
            assert len(liar.received) <= 5
            liar.received.clear()
            liar.says(f"GET {blob_path()}", *([some, part(RIGHT, OTHER[HALF:])] * 50))
            with pytest.raises((DigestMismatch, TransportError)):
                await client.get_blob(REPO, DIGEST)
            assert len(liar.received) <= 6

    running(test)


def test_open_files() -> None:
    """What is written to an open file that cannot go back is an error, not a wrong file."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says(f"GET {blob_path()}", BROKEN, blob())
            with pytest.raises(GhcrError, match="cannot go back"):
                await client.download_blob(REPO, DIGEST, Pipe())

    running(test)


def test_silence(tmp_path: Path) -> None:
    """A body that stops coming is given up after the time-out, as often as tries are allowed, and nothing is left."""

    async def test(liar: Liar) -> None:
        async with client_of(liar, timeout_secs=0.1, max_retries=1) as client:
            liar.says(f"GET {blob_path()}", silent(blob(body=BLOB[:10], length=len(BLOB))))
            liar.says(f"GET {manifest_path()}", silent(answer(200, b"{", length=100)))
            with pytest.raises(TransportError, match="no answer in time"):
                await client.download_blob(REPO, DIGEST, tmp_path / "blob")
            with pytest.raises(TransportError, match="no answer in time"):
                await client.pull_manifest(f"{REPO}:v1")
            liar.says(f"GET {manifest_path()}", silent())
            with pytest.raises(TransportError, match="no answer in time"):
                await client.pull_manifest(f"{REPO}:v1")
            assert len(liar.received) == 6
        assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240

    running(test)


def test_cancelled(tmp_path: Path) -> None:
    """Whoever gives up in the middle leaves no file, no task and no connection."""

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says(f"GET {blob_path()}", silent(blob(body=BLOB[:HALF], length=len(BLOB))))
            liar.says(f"GET {manifest_path()}", silent(answer(403, b"{", length=100)))
            for coroutine in (
                client.download_blob(REPO, DIGEST, tmp_path / "blob"),
                client.pull_manifest(f"{REPO}:v1"),
            ):
                task = asyncio.ensure_future(coroutine)
                await asyncio.sleep(0.05)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
        assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240

    running(test)


# --- manifests

RAW, KIND = MANIFEST.raw, MANIFEST.media_type
DEEP = b"[" * 100_000


def named(digest: str) -> tuple[str, str]:
    """The header field that says which digest a manifest has."""
    return ("Docker-Content-Digest", digest)


MANIFESTS: dict[str, tuple[Any, type[GhcrError] | None]] = {
    "the truth": (answer(200, RAW, named(MANIFEST.digest), kind=KIND), None),
    "no digest, no type": (answer(200, RAW, kind=None), None),
    "no length": (cut(head(200) + RAW, politely=True), None),
    "nonsense for a digest": (answer(200, RAW, named("sha256:xyz"), kind=KIND), None),
    "another digest in its head": (answer(200, RAW, named(DIGEST), kind=KIND), DigestMismatch),
    "other bytes": (answer(200, RAW + b" ", named(MANIFEST.digest), kind=KIND), DigestMismatch),
    "too short": (cut(answer(200, RAW[:-9], length=len(RAW), kind=KIND), politely=True), TransportError),
    "cut, and says so": (answer(200, RAW[:-9], kind=KIND), GhcrError),
    "another type": (answer(200, RAW, kind=OCI_INDEX), InvalidManifest),
    "HTML": (answer(200, b"<html>log in</html>", kind="text/html"), GhcrError),
    "HTML as a manifest": (answer(200, b"<html>log in</html>", kind=KIND), GhcrError),
    "nothing": (answer(200, b"", kind=KIND), GhcrError),
    "null": (answer(200, b"null", kind=KIND), GhcrError),
    "a list": (answer(200, b"[]", kind=KIND), GhcrError),
    "no letters": (answer(200, b"\xff\xfe\x00", kind=KIND), GhcrError),
    "half a letter": (answer(200, b'{"mediaType":"\\ud800"}', kind=KIND), GhcrError),
    "depth": (answer(200, DEEP, kind=KIND), GhcrError),
    "a long number": (answer(200, b'{"schemaVersion":' + b"9" * 100_000 + b"}", kind=KIND), GhcrError),
    "a negative size": (answer(200, RAW.replace(b'"size":', b'"size":-'), kind=KIND), GhcrError),
    "a bad digest inside": (answer(200, RAW.replace(b"sha256:", b"sha257:"), kind=KIND), GhcrError),
    "gzip": (answer(200, gzip.compress(RAW), ("Content-Encoding", "gzip"), kind=KIND), GhcrError),
    "9 MiB": (answer(200, b" " * (9 << 20), kind=KIND), ProtocolError),
    "4 GiB, it says": (cut(answer(200, b"", length=4 << 30, kind=KIND)), ProtocolError),
    "without end": (endless(200, ("Content-Type", KIND)), ProtocolError),
    "an error without end": (endless(400), RegistryError),
    "a refusal without end": (endless(401, ("WWW-Authenticate", "Basic")), Unauthorized),
    "303": (answer(303, b"", ("Location", "https://github.com/login")), ManifestUnknown),
}


@pytest.mark.parametrize("by", ["tag", "digest"])
@pytest.mark.parametrize(("act", "error"), MANIFESTS.values(), ids=MANIFESTS)
def test_manifests(act: Any, error: type[GhcrError] | None, by: str) -> None:
    """A manifest is the one that was asked for, or the error is typed, whatever the server says of it."""

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says("*", act)
            ref = f"{REPO}:v1" if by == "tag" else f"{REPO}@{MANIFEST.digest}"
            if error is None:
                assert await client.pull_manifest(ref) == MANIFEST
            else:
                # A body of other bytes is seen by its digest first, where that was asked for.
                with pytest.raises(error if by == "tag" else GhcrError):
                    await client.pull_manifest(ref)
        assert len(liar.received) <= 5
        assert liar.sent < 64 << 20

    running(test)


@pytest.mark.parametrize(("act", "error"), MANIFESTS.values(), ids=MANIFESTS)
def test_what_reads_manifests(act: Any, error: type[GhcrError] | None) -> None:
    """Every operation that reads one passes on a typed error, or takes what is no lie."""

    async def test(liar: Liar) -> None:
        async with client_of(liar, max_retries=1) as client:
            liar.says("*", act)
            ref = f"{REPO}:v1"
            for operation in (
                client.get_platform_manifest(ref, "linux/amd64"),
                client.image_size(ref),
                client.image_exists(ref),
                client.tag_digest(ref),
                client.list_referrers(ref),
                client.list_tags(ref),
                client.delete_tag(ref),
                client.retag(ref, "v2"),
                client.copy_image(ref, f"{REPO}:v3"),
                client.push_index(f"{REPO}:v4", [ref]),
            ):
                with contextlib.suppress(GhcrError):
                    await operation
        assert len(liar.received) < 120

    running(test)


def test_heads_that_differ() -> None:
    """A HEAD by digest that is answered for another one is not believed: the GET tells."""

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            ref = f"{REPO}@{MANIFEST.digest}"
            path = manifest_path(MANIFEST.digest)
            liar.says(f"HEAD {path}", answer(200, b"", named(DIGEST)))
            liar.says(f"GET {path}", answer(404))
            assert not await client.image_exists(ref)
            liar.says(f"GET {path}", answer(200, RAW, kind=KIND))
            assert await client.image_exists(ref)
            liar.says(f"HEAD {blob_path()}", answer(200, b"", named(MANIFEST.digest)))
            with pytest.raises(ProtocolError, match="answers for"):
                await client.blob_exists(REPO, DIGEST)
            liar.says(f"HEAD {blob_path()}", head(307, ("Content-Length", "0")))
            with pytest.raises(ProtocolError, match="leads nowhere"):
                await client.blob_exists(REPO, DIGEST)

    running(test)


def test_indexes_in_indexes(tmp_path: Path) -> None:
    """An index that lists one index a hundred times, and so on downwards, is not walked without end."""

    async def test(liar: Liar) -> None:
        raw = MANIFEST.raw
        kind = MANIFEST.media_type
        for depth in range(12):
            digest = Digest.of(raw)
            liar.says(f"GET {manifest_path(digest)}", answer(200, raw, kind=kind))
            entry = {"mediaType": kind, "digest": digest, "size": len(raw)}
            entries = [entry | {"annotations": {"n": str(n)}} for n in range(100)]
            raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
            kind = OCI_INDEX
            assert depth < 12
        liar.says(f"GET {manifest_path()}", answer(200, raw, kind=kind))
        liar.says(f"GET {blob_path(Digest.of(CONFIG))}", answer(200, CONFIG))
        liar.says(f"GET {blob_path()}", blob())
        async with client_of(liar) as client:
            ref = f"{REPO}:v1"
            with pytest.raises(InvalidManifest, match="deep"):
                await client.pull_image(ref, tmp_path / "layout")
            with pytest.raises(GhcrError):
                await client.copy_image(ref, f"{REPO}:v2")
            with pytest.raises(InvalidManifest, match="deep"):
                await client.get_platform_manifest(ref, "linux/amd64")
            with pytest.raises(InvalidManifest, match="deep"):
                await client.image_size(ref)
        assert len(liar.received) < 100

    running(test)


# --- lists


def test_tags_that_are_none() -> None:
    """A list of tags is one, or an error; `null` is none, and each tag comes once."""
    fine = {"null": (None, []), "twice": (["a", "b", "a"], ["a", "b"]), "nothing": ([], [])}
    bad: list[Any] = [
        7,
        "v1",
        {"a": 1},
        [["a"]],
        [None],
        [1],
        [{"a": "b"}],
        ["a\x1b[31m"],
        ["\ud800"],
        ["a" * 2000],
    ]

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            for tags, wanted in fine.values():
                liar.says("*", jsons({"name": REPO, "tags": tags}))
                assert await client.list_tags(REPO) == wanted
            liar.says("*", jsons({}))
            assert await client.list_tags(REPO) == []
            for tags in bad:
                liar.says("*", jsons({"name": REPO, "tags": tags}))
                with pytest.raises(ProtocolError):
                    await client.list_tags(REPO)
            for body in (b"", b"[]", b"null", b"<html>", b"\xff", DEEP, b'{"tags":[' + b"1" * 9000 + b"]}"):
                liar.says("*", answer(200, body))
                with pytest.raises(ProtocolError):
                    await client.list_tags(REPO)

    running(test)
