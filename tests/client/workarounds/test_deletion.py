"""Rows 4 and 28: GHCR deletes nothing itself, and GitHub's REST API keeps some versions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from client.helping import client_for
from client.workarounds.deleting import has, manifests_of, seeded, tags_of, with_api
from ghcr_client.auth import StaticCredentials
from ghcr_client.errors import ConfigError, Denied, ManifestUnknown, NotDeletable, Unsupported
from ghcr_client.settings import GhcrConfig

if TYPE_CHECKING:
    from aiohttp import web
    from client.github_api import GithubApi
    from client.peers import Peer
    from ghcr_client.client import GhcrClient

# --- row 4: 405


@pytest.mark.workaround(4)
@pytest.mark.parametrize("operation", ["delete_image", "delete_tag"])
def test_without_the_api_deletion_is_unsupported(fake_ghcr: Peer, operation: str) -> None:
    """A registry that is not ghcr.io has no versions at GitHub: 405 stays an error that names the way, all is kept."""
    (digest,) = seeded(fake_ghcr, "acme/app:v1")

    async def story() -> None:
        async with client_for(fake_ghcr) as client:
            with pytest.raises(Unsupported, match="REST API"):
                await getattr(client, operation)("acme/app:v1")

    asyncio.run(story())
    assert tags_of(fake_ghcr, "acme/app") == {"v1": digest}


@pytest.mark.workaround(4)
def test_an_upload_that_cannot_be_cancelled_is_left_to_die(fake_ghcr: Peer) -> None:
    """A mount that was not granted leaves a session; that GHCR will not cancel it is no error."""
    seeded(fake_ghcr, "acme/app:v1")
    nothing = "sha256:" + "0" * 64

    async def story() -> None:
        async with client_for(fake_ghcr) as client:
            assert not await client.mount_blob("acme/app", nothing, "acme/other")

    asyncio.run(story())
    assert fake_ghcr.simulator is not None
    assert [each.status for each in fake_ghcr.simulator.requests("upload.delete")] == [405]


@pytest.mark.workaround(4)
def test_a_stand_in_of_ghcr_deletes_nothing_at_github(fake_ghcr: Peer) -> None:
    """A fake under the name of ghcr.io must not cost anybody a package: the real API is left alone."""
    assert fake_ghcr.token is not None
    seeded(fake_ghcr, "acme/app:v1")

    async def story() -> None:
        config = {"registry": "ghcr.io", "endpoints": {"ghcr.io": fake_ghcr.url}}
        mine = StaticCredentials("me", fake_ghcr.token or "", "ghcr.io")
        async with client_for(fake_ghcr, **config, credentials=mine) as client:
            with pytest.raises(Unsupported):
                await client.delete_image("acme/app:v1")

    asyncio.run(story())


@pytest.mark.workaround(4)
def test_delete_image_deletes_the_version(fake_ghcr: Peer) -> None:
    """Digest → version → DELETE, with the header fields that GitHub asks for; the registry is asked first."""
    first, second = seeded(fake_ghcr, "acme/deep/app:v1", "acme/deep/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        await client.delete_image("acme/deep/app:v1")

    api = with_api(fake_ghcr, story)
    assert not has(fake_ghcr, "acme/deep/app", first)
    assert tags_of(fake_ghcr, "acme/deep/app") == {"v2": second}
    number = 1_259_700_000
    base = "/orgs/acme/packages/container/deep%2Fapp/versions"
    assert api.lines == [f"GET {base}?per_page=100 200", f"DELETE {base}/{number} 204"]
    for each in api.asked:
        assert each.headers["Authorization"] == f"Bearer {fake_ghcr.token}"
        assert each.headers["Accept"] == "application/vnd.github+json"
        assert each.headers["X-GitHub-Api-Version"] == "2022-11-28"


@pytest.mark.workaround(4)
def test_a_stand_in_of_both_is_ghcr(fake_ghcr: Peer) -> None:
    """Where registry and API are stood in for, ghcr.io's images are versions, and its credentials go to the API."""
    (first, _) = seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        await client.delete_image("ghcr.io/acme/app:v1")

    mine = StaticCredentials("me", fake_ghcr.token or "", "ghcr.io")
    with_api(fake_ghcr, story, registry="ghcr.io", endpoints={"ghcr.io": fake_ghcr.url}, credentials=mine)
    assert not has(fake_ghcr, "acme/app", first)


@pytest.mark.workaround(4)
def test_delete_tag_leaves_the_image(fake_ghcr: Peer) -> None:
    """The tag moves to a throw-away manifest, whose version is deleted; image and other tags stay."""
    first, second = seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        await client.delete_tag("acme/app:v1")
        with pytest.raises(ManifestUnknown):
            await client.delete_tag("acme/app:v1")

    with_api(fake_ghcr, story)
    assert tags_of(fake_ghcr, "acme/app") == {"v2": second}
    assert has(fake_ghcr, "acme/app", first)
    assert manifests_of(fake_ghcr, "acme/app") == {first, second}


@pytest.mark.workaround(4)
def test_one_of_several_tags_of_the_last_image_goes(fake_ghcr: Peer) -> None:
    """The last image may lose a tag while it has another one."""
    (digest,) = seeded(fake_ghcr, "acme/app:v1")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        await client.tag_image("acme/app:v1", "latest")
        await client.delete_tag("acme/app:v1")

    with_api(fake_ghcr, story)
    assert tags_of(fake_ghcr, "acme/app") == {"latest": digest}


def test_an_api_elsewhere_is_not_asked_for_a_registry_on_loopback() -> None:
    """What is deleted where is settled by the settings alone: only ghcr.io's packages are GitHub's."""
    assert GhcrConfig(registry="http://127.0.0.1:5000").packages_registry == "ghcr.io"
    assert GhcrConfig(registry="docker.io").packages_registry == "ghcr.io"
    local = GhcrConfig(registry="http://127.0.0.1:5000", api_base="http://127.0.0.1:5001")
    assert local.packages_registry == "127.0.0.1:5000"
    with pytest.raises(ConfigError, match="loopback only"):
        GhcrConfig(api_base="http://api.example")


# --- row 28: what GitHub keeps


@pytest.mark.workaround(28)
def test_the_last_tagged_version_is_kept(fake_ghcr: Peer) -> None:
    """GitHub refuses to delete it, in words that the error repeats; the package has to go instead."""
    (digest,) = seeded(fake_ghcr, "acme/app:v1")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        with pytest.raises(NotDeletable, match=r"last tagged version.*Delete the package instead"):
            await client.delete_image("acme/app:v1")

    with_api(fake_ghcr, story)
    assert tags_of(fake_ghcr, "acme/app") == {"v1": digest}


@pytest.mark.workaround(28)
def test_a_version_with_many_downloads_is_kept(fake_ghcr: Peer) -> None:
    """The same with more than 5000 downloads."""
    digest, _ = seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        api.popular = {digest}
        with pytest.raises(NotDeletable, match=r"5000 downloads.*private first"):
            await client.delete_image("acme/app:v1")

    with_api(fake_ghcr, story)
    assert has(fake_ghcr, "acme/app", digest)


@pytest.mark.workaround(28)
def test_the_only_tag_is_refused_before_anything_is_changed(fake_ghcr: Peer) -> None:
    """A throw-away manifest under the only tag could not be deleted any more, so none is pushed."""
    (digest,) = seeded(fake_ghcr, "acme/app:v1")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        with pytest.raises(NotDeletable, match="v1 is the only tag of acme/app"):
            await client.delete_tag("acme/app:v1")

    with_api(fake_ghcr, story)
    assert tags_of(fake_ghcr, "acme/app") == {"v1": digest}
    assert fake_ghcr.simulator is not None
    assert fake_ghcr.simulator.requests("manifest.put") == []


@pytest.mark.workaround(28)
def test_where_the_throw_away_stays_the_image_gets_its_tag_back(fake_ghcr: Peer) -> None:
    """A list that lags behind shows a tag that is gone, and GitHub refuses in the end: the tag is as it was."""
    (digest,) = seeded(fake_ghcr, "acme/app:v1")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        versions, delete = api.versions, api.delete
        old = {"id": 1, "name": "sha256:" + "0" * 64, "metadata": {"container": {"tags": ["old"]}}}

        def honest(repository: str, number: int) -> web.Response:
            api.versions = versions
            return delete(repository, number)

        api.versions = lambda repository: [*versions(repository), old]
        api.delete = honest
        with pytest.raises(NotDeletable, match="last tagged version"):
            await client.delete_tag("acme/app:v1")

    api = with_api(fake_ghcr, story)
    assert tags_of(fake_ghcr, "acme/app") == {"v1": digest}
    assert [each.status for each in api.asked if each.method == "DELETE"] == [400, 204]
    assert manifests_of(fake_ghcr, "acme/app") == {digest}, "the throw-away was deleted once it had no tag"


@pytest.mark.workaround(28)
def test_what_an_index_lists_stays(fake_ghcr: Peer) -> None:
    """Other indexes may list it, too: only what was named is deleted."""
    assert fake_ghcr.simulator is not None
    index = fake_ghcr.simulator.seed("acme/app:v1", platforms=["linux/amd64", "linux/arm64"]).digest
    seeded(fake_ghcr, "acme/app:v2")
    before = manifests_of(fake_ghcr, "acme/app")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        await client.delete_image("acme/app:v1")

    with_api(fake_ghcr, story)
    assert manifests_of(fake_ghcr, "acme/app") == before - {index}
    assert len(before) == 4


@pytest.mark.workaround(28)
def test_scopes_to_delete_are_named(fake_ghcr: Peer) -> None:
    """A token that may list and not delete is told which scopes it lacks."""
    seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        api.may_delete = False
        with pytest.raises(Denied, match="write:packages does not include"):
            await client.delete_image("acme/app:v1")

    with_api(fake_ghcr, story)
