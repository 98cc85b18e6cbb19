"""Rows 1 to 3, 17, 21, 23, 24 and 26: how GHCR wants content, and what it answers meanwhile."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from client.helping import QuickClock
from client.workarounds.scripted import Scripted
from client.workarounds.told import with_client
from ghcr_client.auth import Anonymous, StaticCredentials
from ghcr_client.client import GhcrClient
from ghcr_client.digests import Digest
from ghcr_client.errors import InvalidManifest, ServerError, UploadError
from ghcr_client.images import Image, github_annotations
from ghcr_client.manifests import PUSH_LIMIT, Manifest
from ghcr_client.models import Descriptor, ImageIndex

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from client.peers import Peer

MIB = 1024 * 1024


def asked(peer: Peer) -> list[str]:
    """The operations that came, in order, without those of tokens."""
    assert peer.simulator is not None
    return [each.operation for each in peer.simulator.requests() if not each.operation.startswith("token")]


# --- row 1: 4 MiB a ranged chunk


@pytest.mark.workaround(1)
def test_ghcr_gets_chunks_of_four_mebibytes(fake_ghcr: Peer, caplog: pytest.LogCaptureFixture) -> None:
    """For ghcr.io the default of 5 MiB is cut before anything is refused, and that is said once."""
    caplog.set_level(logging.WARNING, "ghcr_client")
    assert fake_ghcr.simulator is not None
    mine = StaticCredentials("me", fake_ghcr.token or "", "ghcr.io")

    async def story(client: GhcrClient) -> None:
        for letter in (b"a", b"b"):
            await client.upload_blob("acme/app", letter * (9 * MIB), chunk_size=client.config.chunk_size)

    with_client(fake_ghcr, story, registry="ghcr.io", endpoints={"ghcr.io": fake_ghcr.url}, credentials=mine)
    sent = [(each.received, each.status) for each in fake_ghcr.simulator.requests("upload.patch")]
    assert sent == [(4 * MIB, 202), (4 * MIB, 202), (MIB, 202)] * 2
    assert [each.getMessage() for each in caplog.records] == [
        "ghcr.io takes chunks of at most 4194304 bytes: chunk_size 5242880 is cut to that"
    ]


@pytest.mark.workaround(1)
def test_another_registrys_limit_is_learned(fake_ghcr: Peer) -> None:
    """A registry that is not known says in its 416 how much it takes; the next upload begins with that."""
    assert fake_ghcr.simulator is not None

    async def story(client: GhcrClient) -> None:
        for letter in (b"a", b"b"):
            await client.upload_blob("acme/app", letter * (9 * MIB), chunk_size=5 * MIB)

    with_client(fake_ghcr, story)
    statuses = [each.status for each in fake_ghcr.simulator.requests("upload.patch")]
    assert statuses == [416, *[202] * 6]


# --- row 2: one body without a range is not capped


@pytest.mark.workaround(2)
def test_a_blob_goes_in_one_put(fake_ghcr: Peer) -> None:
    """Whatever its size, a blob is one POST and one PUT with all of it."""
    assert fake_ghcr.simulator is not None

    async def story(client: GhcrClient) -> None:
        await client.upload_blob("acme/app", b"x" * (9 * MIB))

    with_client(fake_ghcr, story)
    uploads = [each for each in fake_ghcr.simulator.requests() if each.operation.startswith("upload")]
    assert [(each.operation, each.received) for each in uploads if each.status < 400] == [
        ("upload.post", 0),
        ("upload.put", 9 * MIB),
    ]


@pytest.mark.workaround(2)
def test_a_stream_goes_in_one_patch_without_a_range(fake_ghcr: Peer) -> None:
    """Content whose digest is not known yet is one PATCH without a range, of any size."""
    assert fake_ghcr.simulator is not None

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b"x" * MIB

    async def story(client: GhcrClient) -> None:
        await client.upload_blob_streaming("acme/app", pieces())

    with_client(fake_ghcr, story)
    (patch,) = fake_ghcr.simulator.requests("upload.patch")
    assert (patch.received, patch.status) == (9 * MIB, 202)


# --- row 3: the commit is slow, and its answer gets lost


def committing(*, lost: bool) -> tuple[Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], set[str]]:
    """A registry whose first commit is not answered, and may be lost; and what it has."""
    has: set[str] = set()
    puts: list[str] = []

    async def script(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "HEAD":
            digest = request.path.rpartition("/")[2]
            return web.Response(status=200 if digest in has else 404)
        if request.method == "POST":
            return web.Response(status=202, headers={"Location": "/v2/acme/app/blobs/upload/1"})
        if request.method == "PUT":
            await request.read()
            puts.append(request.query["digest"])
            if len(puts) > 1 or not lost:
                has.add(request.query["digest"])
            if len(puts) == 1:
                assert request.transport is not None
                request.transport.abort()
            return web.Response(status=201)
        return web.Response(status=404)

    return script, has


@pytest.mark.workaround(3)
@pytest.mark.parametrize("lost", [False, True], ids=["answer-lost", "commit-lost"])
def test_a_doubtful_commit_is_asked_for(lost: bool) -> None:
    """After a commit without an answer the digest is asked for; only where it is missing, the blob is sent again."""
    script, has = committing(lost=lost)
    server = Scripted(script)
    content = b"x" * 100_000

    async def story() -> None:
        async with (
            server.running(),
            GhcrClient(registry=server.url, credentials=Anonymous(), clock=QuickClock()) as client,
        ):
            await client.upload_blob("acme/app", content)

    asyncio.run(story())
    assert has == {str(Digest.of(content))}
    kept = [each for each in server.methods if each in ("HEAD", "POST", "PUT")]
    again = ["POST", "PUT"] if lost else []
    assert kept == ["HEAD", "POST", "PUT", "HEAD", *again]


@pytest.mark.workaround(3)
def test_a_session_that_is_gone_is_begun_anew(fake_ghcr: Peer) -> None:
    """The connection breaks in the middle of the commit, and the blob is not there: it is sent once more."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.fail("upload.put", "connection-reset")

    async def story(client: GhcrClient) -> None:
        blob = await client.upload_blob("acme/app", b"x" * 100_000)
        assert await client.blob_exists("acme/app", blob.digest)

    with_client(fake_ghcr, story)
    operations = asked(fake_ghcr)
    first, second = (place for place, each in enumerate(operations) if each == "upload.put")
    assert "blob.head" in operations[first:second]


@pytest.mark.workaround(3)
def test_content_that_is_gone_is_not_sent_again(fake_ghcr: Peer) -> None:
    """An iterator cannot begin anew: the error says what can."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.fail("upload.patch", "connection-reset")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 100

    async def story(client: GhcrClient) -> None:
        with pytest.raises(UploadError, match="pass bytes, a file or a Source"):
            await client.upload_blob("acme/app", pieces())

    with_client(fake_ghcr, story)


# --- row 17: where an upload goes on


@pytest.mark.workaround(17)
def test_a_relative_location_without_a_query(fake_ghcr: Peer) -> None:
    """GHCR's Location is relative, its word is `upload`, and `?digest=` begins the query."""
    assert fake_ghcr.simulator is not None

    async def story(client: GhcrClient) -> None:
        await client.upload_blob("acme/app", b"x")

    with_client(fake_ghcr, story)
    (put,) = fake_ghcr.simulator.requests("upload.put")
    assert put.target.startswith("/v2/acme/app/blobs/upload/")
    assert put.target.count("?") == 1
    assert "?digest=sha256" in put.target


@pytest.mark.workaround(17)
@pytest.mark.parametrize(
    ("location", "goes_to"),
    [
        ("/up/1", "/up/1?digest="),
        ("/up/1?state=a%2Fb", "/up/1?state=a%2Fb&digest="),
        ("../1", "/v2/acme/app/blobs/1?digest="),
        ("{url}/up/1", "/up/1?digest="),
    ],
    ids=["rooted", "query", "relative", "absolute"],
)
def test_any_form_of_location(location: str, goes_to: str) -> None:
    """It is joined to what was asked; its own query and escapes stay."""

    async def script(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        if request.method == "HEAD":
            return web.Response(status=404)
        headers = {"Location": location.format(url=server.url)}
        return web.Response(status=202 if request.method == "POST" else 201, headers=headers)

    server = Scripted(script)

    async def story() -> None:
        async with (
            server.running(),
            GhcrClient(registry=server.url, credentials=Anonymous()) as client,
        ):
            await client.upload_blob("acme/app", b"x")

    asyncio.run(story())
    assert server.came[-1].method == "PUT"
    assert server.came[-1].path.startswith(goes_to)


# --- row 21: an index over 4 MiB


@pytest.mark.workaround(21)
def test_an_index_that_is_too_large_is_not_sent(fake_ghcr: Peer) -> None:
    """GHCR answers 500 to it, so it is refused here, whichever way it comes."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")

    async def story(client: GhcrClient) -> None:
        notes = {"n": "x" * PUSH_LIMIT}
        with pytest.raises(InvalidManifest, match=str(PUSH_LIMIT)):
            await client.push_index("acme/app:all", ["acme/app:v1"], annotations=notes)
        entry = Descriptor(
            media_type="application/vnd.oci.image.manifest.v1+json", digest=Digest.of(b""), size=0
        )
        raw = ImageIndex(manifests=(entry,), annotations=notes).model_dump_json(by_alias=True).encode()
        index = Manifest.parse(raw, "application/vnd.oci.image.index.v1+json")
        with pytest.raises(InvalidManifest, match=str(PUSH_LIMIT)):
            await client.push_manifest("acme/app:all", index)
        with pytest.raises(InvalidManifest, match=str(PUSH_LIMIT)):
            await client._put(client.ref("acme/app:all"), index)

    with_client(fake_ghcr, story)
    assert fake_ghcr.simulator.requests("manifest.put") == []


# --- row 23: the package's page


@pytest.mark.workaround(23)
def test_the_packages_page_is_told(fake_ghcr: Peer) -> None:
    """`github_annotations` writes what GitHub shows of a package, and refuses texts that it would cut."""
    assert fake_ghcr.simulator is not None
    notes = github_annotations("https://github.com/acme/app", description="An app", licenses="MIT")

    async def story(client: GhcrClient) -> None:
        image = await Image.build([b"\0" * 1024], annotations=notes)
        await client.push_image("acme/app:v1", image)

    with_client(fake_ghcr, story)
    page = fake_ghcr.simulator.package("acme/app")
    assert page is not None
    assert (page.source, page.description, page.licenses) == (
        "https://github.com/acme/app",
        "An app",
        "MIT",
    )
    with pytest.raises(InvalidManifest, match="512"):
        github_annotations(description="x" * 513)


# --- row 24: mounts across owners


@pytest.mark.workaround(24)
def test_a_public_image_of_another_owner_is_mounted(fake_ghcr: Peer) -> None:
    """Its blobs are taken over without a byte being sent, with a token for both repositories."""
    assert fake_ghcr.simulator is not None
    seeded = fake_ghcr.simulator.seed("library/base:v1", visibility="public")

    async def story(client: GhcrClient) -> None:
        manifest = await client.pull_manifest("library/base:v1")
        for blob in manifest.document.children:
            assert await client.mount_blob("acme/app", blob.digest, "library/base")
        assert await client.copy_image("library/base:v1", "acme/other:v1") == seeded.digest

    with_client(fake_ghcr, story)
    posts = fake_ghcr.simulator.requests("upload.post")
    assert {each.status for each in posts} == {201}
    assert all("from=library%2Fbase" in each.target for each in posts)
    assert fake_ghcr.simulator.requests("upload.put") == []


# --- row 26: a page instead of JSON


@pytest.mark.workaround(26)
@pytest.mark.parametrize("operation", ["upload.post", "upload.put", "manifest.put"])
@pytest.mark.parametrize("failure", ["unicorn", "bad-gateway", "unavailable"])
def test_a_page_on_push_is_waited_out(fake_ghcr: Peer, operation: str, failure: str) -> None:
    """50x with a page, or with nothing: another try, and no attempt to read it as JSON."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.fail(operation, failure)

    async def story(client: GhcrClient) -> None:
        digest = await client.push_image("acme/app:v1", await Image.build([b"\0" * 1024]))
        assert await client.tag_digest("acme/app:v1") == digest

    with_client(fake_ghcr, story)


@pytest.mark.workaround(26)
def test_a_page_that_stays_is_told_in_a_line(fake_ghcr: Peer) -> None:
    """The error names the page by its title, and shows no markup."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.fail("manifest.put", "unicorn", times=2)

    async def story(client: GhcrClient) -> None:
        with pytest.raises(ServerError, match="an HTML page: Unicorn") as caught:
            await client.push_image("acme/app:v1", await Image.build([b"\0" * 1024]))
        assert caught.value.status == 504
        assert "<" not in str(caught.value)

    with_client(fake_ghcr, story, max_retries=1)
