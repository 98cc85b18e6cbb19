"""Rows 5, 6, 16, 18 to 20 and 22: what GHCR has, lists and gives, and how it has to be asked for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import ghcr_client
import pytest
from aiohttp import web
from client.helping import QuickClock
from client.workarounds.scripted import Scripted
from client.workarounds.told import with_client
from ghcr_client.auth import Anonymous
from ghcr_client.client import GhcrClient
from ghcr_client.digests import Digest
from ghcr_client.errors import Denied, InvalidReference, NotFound
from ghcr_client.images import Image
from ghcr_client.models import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_ARTIFACT,
    OCI_INDEX,
    OCI_MANIFEST,
    ImageIndex,
)
from ghcr_client.operations.referrers import fallback_tag

if TYPE_CHECKING:
    from client.peers import Peer


# --- row 5: no referrers API


@pytest.mark.workaround(5)
def test_referrers_are_kept_under_a_tag(fake_ghcr: Peer) -> None:
    """GHCR has no API and sends no `OCI-Subject`: an index under the tag `sha256-…` is kept and read instead."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")

    async def story(client: GhcrClient) -> None:
        subject = (await client.pull_manifest("acme/app:v1")).descriptor()
        for text in (b"one", b"two"):
            sbom = await Image.artifact(
                "text/sbom", [text], subject=subject, annotations={"n": text.decode()}
            )
            await client.push_image(f"acme/app@{sbom.manifest.digest}", sbom)
        listed = await client.list_referrers("acme/app:v1", artifact_type="text/sbom")
        assert [each.annotations["n"] for each in listed] == ["one", "two"]
        index = (await client.pull_manifest(f"acme/app:{fallback_tag(subject.digest)}")).document
        assert isinstance(index, ImageIndex)
        assert [each.artifact_type for each in index.manifests] == ["text/sbom"] * 2

    with_client(fake_ghcr, story)
    assert len(fake_ghcr.simulator.requests("referrers.list")) == 1, "that there is no API is remembered"


@pytest.mark.workaround(5)
def test_a_redirect_to_github_is_no_api(fake_ghcr: Peer) -> None:
    """In spring 2026 the path led to github.com: nobody goes there, and the tag is read."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")
    fake_ghcr.simulator.fail("referrers.list", "moved-to-github")

    async def story(client: GhcrClient) -> None:
        assert await client.list_referrers("acme/app:v1") == []

    with_client(fake_ghcr, story)


@pytest.mark.workaround(5)
def test_an_api_that_refuses_is_not_absent(fake_ghcr: Peer) -> None:
    """That one may not read is an error, and no reason to look for a tag."""
    assert fake_ghcr.simulator is not None
    digest = fake_ghcr.simulator.seed("acme/app:v1").digest
    fake_ghcr.simulator.fail("referrers.list", status=403)

    async def story(client: GhcrClient) -> None:
        with pytest.raises(Denied):
            await client.list_referrers(f"acme/app@{digest}")

    with_client(fake_ghcr, story)


# --- row 6: tags that are no images


@pytest.mark.workaround(6)
def test_tags_made_of_digests_can_be_left_out(fake_ghcr: Peer) -> None:
    """Signatures and the like are listed as tags; with `hide_referrers` they are not, and what looks alike stays."""
    assert fake_ghcr.simulator is not None
    digest = "a" * 64
    tags = [
        "v1",
        f"sha256-{digest}",
        f"sha256-{digest}.sig",
        f"sha256-{digest}.att",
        f"sha256-{digest}.sbom",
        f"sha512-{'b' * 121}",
        f"sha256-{digest[1:]}",
        f"sha256-{digest}-mine",
        "latest",
    ]
    fake_ghcr.simulator.seed("acme/app:v1")

    async def story(client: GhcrClient) -> None:
        for tag in tags[1:]:
            await client.tag_image("acme/app:v1", tag)
        assert await client.list_tags("acme/app") == tags
        kept = ["v1", tags[6], tags[7], "latest"]
        assert await client.list_tags("acme/app", hide_referrers=True) == kept
        assert await client.list_tags("acme/app", hide_referrers=True, pattern="v*") == ["v1"]
        assert [each async for each in client.iter_tags("acme/app", hide_referrers=True)] == kept

    with_client(fake_ghcr, story)


# --- row 16: storage addresses


@pytest.mark.workaround(16)
def test_a_storage_address_that_died_is_asked_for_anew(fake_ghcr: Peer) -> None:
    """403 from storage: the registry is asked again, gives a new address, and sees no token follow to it."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")
    fake_ghcr.simulator.fail("storage.get", status=403)

    async def story(client: GhcrClient) -> None:
        (layer, *_) = (await client.pull_manifest("acme/app:v1")).document.children
        assert len(await client.get_blob("acme/app", layer.digest)) == layer.size

    with_client(fake_ghcr, story)
    found = [(each.operation, each.status) for each in fake_ghcr.simulator.requests()]
    assert [each for each in found if each[0] in ("blob.get", "storage.get")] == [
        ("blob.get", 307),
        ("storage.get", 403),
        ("blob.get", 307),
        ("storage.get", 200),
    ]
    assert fake_ghcr.simulator.leaks == []


@pytest.mark.workaround(16)
def test_a_download_outlives_its_address(tmp_path: Path) -> None:
    """What broke off is gone on with at a new address, although the old one has expired meanwhile."""
    content = bytes(range(256)) * 4096
    addresses: list[str] = []

    async def script(request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/v2/"):
            addresses.append(f"/storage/{len(addresses)}")
            return web.Response(status=307, headers={"Location": addresses[-1]})
        if request.path != addresses[-1]:
            return web.Response(status=403, text="<Error><Code>AuthenticationFailed</Code></Error>")
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        answer = web.StreamResponse(status=206 if start else 200, headers=headers)
        answer.content_length = len(content) - start
        await answer.prepare(request)
        await answer.write(content[start : start + 400_000])
        if start + 400_000 < len(content):
            assert request.transport is not None
            request.transport.close()
        return answer

    server = Scripted(script)

    async def story() -> None:
        async with (
            server.running(),
            GhcrClient(registry=server.url, credentials=Anonymous(), clock=QuickClock()) as client,
        ):
            digest = Digest.of(content)
            assert await client.download_blob("acme/app", digest, tmp_path / "blob") == len(content)

    asyncio.run(story())
    assert (tmp_path / "blob").read_bytes() == content
    assert len(addresses) == 3


@pytest.mark.workaround(16)
def test_storage_gets_no_head(fake_ghcr: Peer) -> None:
    """Signed addresses refuse HEAD: whether a blob exists is asked of the registry alone."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")

    async def story(client: GhcrClient) -> None:
        (layer, *_) = (await client.pull_manifest("acme/app:v1")).document.children
        assert await client.blob_exists("acme/app", layer.digest)

    with_client(fake_ghcr, story)
    assert fake_ghcr.simulator.requests("storage.head") == []


# --- row 18: lists of tags


@pytest.mark.workaround(18)
def test_all_tags_come_the_oldest_first(fake_ghcr: Peer) -> None:
    """250 tags are three pages, linked with `n=0`; the newest tag, on the last one, is there."""
    assert fake_ghcr.simulator is not None
    digest = fake_ghcr.simulator.seed("acme/app:v0").digest
    tags = [f"v{250 - n}" for n in range(250)]
    manifest = fake_ghcr.simulator.store.manifest("acme/app", digest)
    assert manifest is not None
    fake_ghcr.simulator.store.put_manifest("acme/app", manifest, tags)

    async def story(client: GhcrClient) -> None:
        assert await client.list_tags("acme/app") == ["v0", *tags]

    with_client(fake_ghcr, story)
    pages = [each.target for each in fake_ghcr.simulator.requests("tags.list") if each.status == 200]
    assert pages[0] == "/v2/acme/app/tags/list"
    assert all("last=" in each and "n=0" in each for each in pages[1:])
    assert len(pages) == 3


@pytest.mark.workaround(18)
def test_no_tags_are_null(fake_ghcr: Peer) -> None:
    """A repository with untagged manifests only has `"tags":null`, which is an empty list."""
    assert fake_ghcr.simulator is not None

    async def story(client: GhcrClient) -> None:
        image = await Image.build([b"\0" * 1024])
        await client.push_image(f"acme/app@{image.manifest.digest}", image)
        assert await client.list_tags("acme/app") == []

    with_client(fake_ghcr, story)


# --- row 19: the catalogue


@pytest.mark.workaround(19)
def test_there_is_no_catalogue() -> None:
    """`_catalog` lists the whole service or nothing, so that no operation asks for it."""
    offered = [name for name in dir(GhcrClient) if "catalog" in name or "repositories" in name]
    assert offered == []
    home = Path(ghcr_client.__file__).parent
    asking = [file.name for file in home.rglob("*.py") if "_catalog" in file.read_text("utf-8")]
    assert asking == []


# --- row 20: names


@pytest.mark.workaround(20)
@pytest.mark.parametrize("name", ["ghcr.io/Acme/App:v1", "Acme/app", "acme/App@sha256:" + "0" * 64])
def test_an_upper_case_name_is_refused_with_the_right_one(fake_ghcr: Peer, name: str) -> None:
    """Owners may be written in upper case at GitHub; here the error gives the name as it has to be."""
    assert fake_ghcr.simulator is not None

    async def story(client: GhcrClient) -> None:
        with pytest.raises(InvalidReference, match=r"lower.case.*acme/app"):
            await client.pull_manifest(name)

    with_client(fake_ghcr, story)
    assert fake_ghcr.simulator.requests() == [], "nothing is sent"


@pytest.mark.workaround(20)
def test_nested_names_are_names(fake_ghcr: Peer) -> None:
    """`owner/a/b/c` works; its slashes are escaped for GitHub's REST API alone."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/core/node/16:v1")

    async def story(client: GhcrClient) -> None:
        assert await client.list_tags("acme/core/node/16") == ["v1"]
        address = client._packages._address("acme/core/node/16", "orgs")
        assert address == "https://api.github.com/orgs/acme/packages/container/core%2Fnode%2F16/versions"

    with_client(fake_ghcr, story)


# --- row 22: what is accepted


@pytest.mark.workaround(22)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_manifest_type_is_accepted(method: str) -> None:
    """GHCR says 404 where the stored type is not asked for, so that all are, each time."""

    async def script(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=404)

    server = Scripted(script)

    async def story() -> None:
        async with server.running(), GhcrClient(registry=server.url, credentials=Anonymous()) as client:
            if method == "HEAD":
                assert not await client.image_exists("acme/app:v1")
                return
            with pytest.raises(NotFound):
                await client.pull_manifest("acme/app:v1")

    asyncio.run(story())
    (only,) = server.came
    accepted = {each.strip() for each in only.headers["Accept"].split(",")}
    assert accepted == {OCI_MANIFEST, OCI_INDEX, OCI_ARTIFACT, DOCKER_MANIFEST, DOCKER_INDEX}


@pytest.mark.workaround(22)
def test_an_oci_index_is_not_missing(fake_ghcr: Peer) -> None:
    """The fake is as strict as GHCR, and gives the index."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1", platforms=["linux/amd64", "linux/arm64"])

    async def story(client: GhcrClient) -> None:
        assert (await client.pull_manifest("acme/app:v1")).media_type == OCI_INDEX
        assert await client.image_exists("acme/app:v1")

    with_client(fake_ghcr, story)
