"""Tags on every registry: listed, put on images, moved, taken away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from client.operations.making import Counted, image_of, with_client
from client.scripted import scripted
from ghcr_client.auth import Anonymous
from ghcr_client.client import GhcrClient
from ghcr_client.errors import InvalidReference, ManifestUnknown, NameUnknown, Unsupported

if TYPE_CHECKING:
    from client.peers import Peer


async def tagged(client: GhcrClient, repository: str, *tags: str) -> None:
    """One image under several tags, given in this order."""
    await client.push_image(f"{repository}:{tags[0]}", await image_of("a"))
    for tag in tags[1:]:
        await client.tag_image(f"{repository}:{tags[0]}", tag)


# --- listed


def test_list_tags(registry: Peer, repository: str) -> None:
    """All tags are listed, each once: the oldest first on GHCR, by name where a registry sorts."""

    async def story(client: GhcrClient) -> None:
        await tagged(client, repository, "v2", "v10", "latest", "v1")
        tags = await client.list_tags(repository)
        assert sorted(tags) == ["latest", "v1", "v10", "v2"]
        if registry.name == "ghcr":
            assert tags == ["v2", "v10", "latest", "v1"]
        if registry.name in ("oci", "crane"):
            assert tags == sorted(tags)
        assert await client.list_tags(f"{registry.ref(repository)}:ignored") == tags

    with_client(registry, story)


def test_pattern(registry: Peer, repository: str) -> None:
    """A pattern is a shell's: upper and lower case differ, and what fits nothing gives nothing."""

    async def story(client: GhcrClient) -> None:
        await tagged(client, repository, "v1.0", "v1.1-alpine", "V1", "edge")
        for pattern, fitting in {
            "v1.*": ["v1.0", "v1.1-alpine"],
            "*-alpine": ["v1.1-alpine"],
            "?1": ["V1"],
            "[ve]*": ["edge", "v1.0", "v1.1-alpine"],
            "none": [],
        }.items():
            assert sorted(await client.list_tags(repository, pattern=pattern)) == fitting, pattern

    with_client(registry, story)


def test_no_such_repository(registry: Peer) -> None:
    """A repository that is not there is an error, not an empty list."""

    async def story(client: GhcrClient) -> None:
        with pytest.raises(NameUnknown):
            await client.list_tags("acme/nobody-made-this")

    with_client(registry, story)


def test_small_pages(registry: Peer, repository: str) -> None:
    """Pages of two give all tags once; also where a registry cuts the list and links to no further page."""

    async def story(client: GhcrClient) -> None:
        tags = ("a", "b", "c", "d", "e", "f")
        await tagged(client, repository, *tags)
        for size in (2, 4, 6, 100):
            listed = [tag async for tag in client.iter_tags(repository, page_size=size)]
            assert sorted(listed) == list(tags), size

    with_client(registry, story)


@pytest.mark.parametrize("profile", ["fake_ghcr", "fake_oci"])
def test_many_pages(profile: str, repository: str, request: pytest.FixtureRequest) -> None:
    """Pages of the registry's own size are followed to the end, and come while they are read."""
    peer: Peer = request.getfixturevalue(profile)
    assert peer.simulator is not None
    tags = [f"t{number:04}" for number in reversed(range(1050))]
    peer.simulator.seed(f"{repository}:{tags[0]}", tags=tags[1:])
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        listed = await client.list_tags(repository)
        assert sorted(listed) == sorted(tags)
        counted.clear()
        async for _ in client.iter_tags(repository, page_size=10):
            break
        assert counted.asked["tags.list"] == 1
        if peer.name == "ghcr":
            assert listed == tags

    with_client(peer, story, metrics=counted)


def test_no_tags(fake_ghcr: Peer, repository: str) -> None:
    """GHCR's `tags: null` is an empty list."""

    async def story(client: GhcrClient) -> list[str]:
        image = await image_of("a")
        await client.push_image(f"{repository}@{image.manifest.digest}", image)
        return await client.list_tags(repository)

    assert with_client(fake_ghcr, story) == []


@pytest.mark.parametrize("second", [["b"], [], None, ["a"]], ids=["new", "empty", "null", "known"])
def test_every_page_is_read(second: list[str] | None) -> None:
    """The list ends where no link leads on: not at a page without new tags, and not at a link to another page."""
    pages = {"1": ["a"], "2": second, "3": ["c"]}

    async def answering(request: web.Request) -> web.Response:
        page = request.query.get("page", "1")
        answer = web.json_response({"name": "acme/app", "tags": pages[page]})
        if page != "3":
            answer.headers.add("Link", f"<{request.path}?page=1>; rel=first")
            answer.headers.add("Link", f"<{request.path}?page={int(page) + 1}>; rel=next")
        return answer

    async def main() -> list[str]:
        async with (
            scripted(answering) as here,
            GhcrClient(registry=here.url, credentials=Anonymous()) as client,
        ):
            return await client.list_tags("acme/app")

    assert asyncio.run(main()) == list(dict.fromkeys(["a", *(second or ()), "c"]))


@pytest.mark.parametrize("size", [0, -1])
def test_pages_of_nothing(fake_oci: Peer, size: int) -> None:
    """A page has at least one tag: anything else is refused, and nothing is asked."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        with pytest.raises(ValueError, match="at least one tag"):
            assert [tag async for tag in client.iter_tags("acme/app", page_size=size)]

    with_client(fake_oci, story, metrics=counted)
    assert not counted.asked


# --- given and moved


def test_tag_image(registry: Peer, repository: str) -> None:
    """A tag is given to an image by tag or digest, and moves; nothing but manifests is sent."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        one = await client.push_image(f"{repository}:one", await image_of("one"))
        two = await client.push_image(f"{repository}:two", await image_of("two"))
        counted.clear()
        assert await client.tag_image(f"{repository}:one", "latest") == one
        assert await client.tag_digest(f"{repository}:latest") == one
        assert await client.tag_image(f"{repository}@{two}", "latest") == two
        assert await client.tag_digest(f"{repository}:latest") == two
        assert await client.tag_digest(f"{repository}:one") == one

    with_client(registry, story, metrics=counted)
    assert not counted.sent
    assert {name.partition(".")[0] for name in counted.asked} == {"manifest"}


def test_tag_image_refuses(registry: Peer, repository: str) -> None:
    """What is no tag and what is no image is refused, and no tag appears."""

    async def story(client: GhcrClient) -> None:
        await client.push_image(f"{repository}:v1", await image_of("a"))
        with pytest.raises(InvalidReference):
            await client.tag_image(f"{repository}:v1", "no/tag")
        with pytest.raises(ManifestUnknown):
            await client.tag_image(f"{repository}:v2", "v3")
        assert await client.list_tags(repository) == ["v1"]

    with_client(registry, story)


def test_retag_and_back(registry: Peer, repository: str) -> None:
    """Retag tells what a tag named before, so that it can be moved back; nothing is pushed where nothing moves."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        one = await client.push_image(f"{repository}:one", await image_of("one"))
        two = await client.push_image(f"{repository}:two", await image_of("two"))
        first = await client.retag(f"{repository}:one", "latest")
        assert (first.tag, first.digest, first.previous) == ("latest", one, None)
        moved = await client.retag(f"{repository}:two", "latest")
        assert (moved.digest, moved.previous) == (two, one)
        counted.clear()
        again = await client.retag(f"{repository}:two", "latest")
        assert (again.digest, again.previous) == (two, two)
        assert not counted.pushed
        await client.retag(f"{repository}@{moved.previous}", "latest")
        assert await client.tag_digest(f"{repository}:latest") == one

    with_client(registry, story, metrics=counted)


# --- taken away


def test_delete_tag(registry: Peer, repository: str) -> None:
    """A tag goes, the image and its other tags stay; on GHCR the tag stays as it was, and nothing new is there."""

    async def story(client: GhcrClient) -> None:
        await tagged(client, repository, "v1", "v2")
        digest = await client.tag_digest(f"{repository}:v1")
        if registry.name == "ghcr":
            before = _versions(registry, repository)
            with pytest.raises(Unsupported, match="api_base"):
                await client.delete_tag(f"{repository}:v2")
            assert await client.tag_digest(f"{repository}:v2") == digest
            assert _versions(registry, repository) == before
            return
        await client.delete_tag(f"{repository}:v2")
        assert await client.list_tags(repository) == ["v1"]
        assert await client.tag_digest(f"{repository}:v1") == digest
        assert await client.image_exists(f"{repository}@{digest}")

    with_client(registry, story)


def _versions(peer: Peer, repository: str) -> tuple[set[str], set[str]]:
    """All manifests and blobs that a fake has of a repository."""
    assert peer.simulator is not None
    state = peer.simulator.store.repository(repository)
    assert state is not None
    return set(state.manifests), set(state.blobs)


def test_delete_the_last_tag(registry: Peer, repository: str) -> None:
    """Also the only tag goes, and its image stays under its digest; GHCR keeps both."""

    async def story(client: GhcrClient) -> None:
        await tagged(client, repository, "v1")
        digest = await client.tag_digest(f"{repository}:v1")
        if registry.name == "ghcr":
            with pytest.raises(Unsupported):
                await client.delete_tag(f"{repository}:v1")
        else:
            await client.delete_tag(f"{repository}:v1")
        assert await client.image_exists(f"{repository}:v1") is (registry.name == "ghcr")
        assert await client.image_exists(f"{repository}@{digest}")

    with_client(registry, story)


def test_delete_tag_refuses(registry: Peer, repository: str) -> None:
    """A tag that is not there and a reference without a tag are errors, and nothing is changed."""

    async def story(client: GhcrClient) -> None:
        await tagged(client, repository, "v1")
        digest = await client.tag_digest(f"{repository}:v1")
        with pytest.raises(ManifestUnknown):
            await client.delete_tag(f"{repository}:v2")
        with pytest.raises(InvalidReference, match="names no tag"):
            await client.delete_tag(f"{repository}@{digest}")
        assert await client.list_tags(repository) == ["v1"]

    with_client(registry, story)
