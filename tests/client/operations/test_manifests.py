"""Manifests on every registry: looked for, pulled, pushed, chosen by platform, measured, deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from client.operations.making import Counted, image_of, with_client
from ghcr_client import auth
from ghcr_client.digests import Digest
from ghcr_client.errors import (
    Denied,
    InvalidContent,
    InvalidManifest,
    ManifestUnknown,
    TransportError,
    Unauthorized,
    Unsupported,
)
from ghcr_client.manifests import Manifest
from ghcr_client.models import (
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_INDEX,
    ImageIndex,
    ImageManifest,
)
from ghcr_client.platforms import Platform

if TYPE_CHECKING:
    from client.peers import Peer
    from ghcr_client.client import GhcrClient

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def docker_image(manifest: Manifest) -> Manifest:
    """The same image in Docker's words, with white space and a field that nobody here knows."""
    document = json.loads(manifest.raw) | {"mediaType": DOCKER_MANIFEST, "x-unknown": [1]}
    document["config"]["mediaType"] = DOCKER_CONFIG
    for each in document["layers"]:
        each["mediaType"] = DOCKER_LAYER
    return Manifest.parse(json.dumps(document, indent=3).encode(), DOCKER_MANIFEST)


# --- there or not


def test_image_exists(registry: Peer, repository: str) -> None:
    """An image is found by tag and by digest; what is not there is False, be it tag, digest or repository."""

    async def story(client: GhcrClient) -> list[bool]:
        digest = await client.push_image(f"{repository}:v1", await image_of("a"))
        asked = ("v1", "v2")
        found = [await client.image_exists(f"{repository}:{tag}") for tag in asked]
        found += [await client.image_exists(f"{repository}@{each}") for each in (digest, Digest.of(b"none"))]
        return [*found, await client.image_exists(registry.ref("acme/nobody-made-this:v1"))]

    assert with_client(registry, story) == [True, False, True, False, False]


@pytest.mark.parametrize(
    "name", ["fake_ghcr", "fake_oci", pytest.param("docker_registry_tls", marks=pytest.mark.clients)]
)
def test_a_hidden_image_is_an_error(name: str, repository: str, request: pytest.FixtureRequest) -> None:
    """To somebody with a wrong password an image is not absent: the refusal is raised."""
    peer: Peer = request.getfixturevalue(name)

    async def story(client: GhcrClient) -> None:
        with pytest.raises((Unauthorized, Denied)):
            await client.image_exists(f"{repository}:v1")

    wrong = auth.StaticCredentials("octocat", "wrong-password", peer.host)
    with_client(peer, story, credentials=wrong)


def test_tag_digest(registry: Peer, repository: str) -> None:
    """The digest that a tag names is that of its bytes; an unknown tag is an error that says what is missing."""

    async def story(client: GhcrClient) -> None:
        image = await image_of("a")
        await client.push_image(f"{repository}:v1", image)
        assert await client.tag_digest(f"{repository}:v1") == image.manifest.digest
        assert await client.tag_digest(f"{repository}:v9@{image.manifest.digest}") == image.manifest.digest
        with pytest.raises(ManifestUnknown, match="v2"):
            await client.tag_digest(f"{repository}:v2")

    with_client(registry, story)


def test_head_that_tells_nothing(fake_oci: Peer, repository: str) -> None:
    """Where HEAD is refused without a word, GET is asked, and is believed."""
    assert fake_oci.simulator is not None
    fake_oci.simulator.seed(f"{repository}:v1")
    fake_oci.simulator.fail("manifest.head", status=405, times=2)

    async def story(client: GhcrClient) -> None:
        assert await client.image_exists(f"{repository}:v1")
        assert not await client.image_exists(f"{repository}:v2")

    with_client(fake_oci, story)


# --- pushed and pulled


def test_bytes_stay_as_they_are(registry: Peer, repository: str) -> None:
    """A manifest comes back byte by byte, with its media type and with fields that nobody knows: Docker's, too."""

    async def story(client: GhcrClient) -> None:
        image = await image_of("a", "b")
        await client.push_image(f"{repository}:oci", image)
        docker = docker_image(image.manifest)
        assert await client.push_manifest(f"{repository}:docker", docker) == docker.digest
        assert await client.pull_manifest(f"{repository}:oci") == image.manifest
        for reference in (":docker", f"@{docker.digest}"):
            pulled = await client.pull_manifest(f"{repository}{reference}")
            assert (pulled.raw, pulled.media_type) == (docker.raw, DOCKER_MANIFEST)

    with_client(registry, story)


@pytest.mark.parametrize("kind", [OCI_INDEX, DOCKER_INDEX], ids=["oci", "docker"])
def test_an_index_comes_back(registry: Peer, repository: str, kind: str) -> None:
    """An index is pushed after its images, and pulled as it was, with its platforms."""

    async def story(client: GhcrClient) -> None:
        listed = []
        for platform in ("linux/amd64", "linux/arm64"):
            image = await image_of(platform[6:], platform=platform)
            manifest = image.manifest
            await client.push_image(f"{repository}@{manifest.digest}", image)
            if kind == DOCKER_INDEX:
                manifest = docker_image(manifest)
                await client.push_manifest(f"{repository}@{manifest.digest}", manifest)
            listed.append(manifest.descriptor().model_copy(update={"platform": Platform.parse(platform)}))
        index = Manifest.build(ImageIndex(media_type=kind, manifests=tuple(listed)))
        assert await client.push_manifest(f"{repository}:v1", index) == index.digest
        pulled = await client.pull_manifest(f"{repository}:v1")
        assert (pulled, pulled.is_multi_arch) == (index, True)
        assert [str(each) for each in pulled.platforms] == ["linux/amd64", "linux/arm64"]

    with_client(registry, story)


def test_a_manifest_without_its_content(registry: Peer, repository: str) -> None:
    """What lists a blob that is not there is refused; crane's registry does not look, and takes it."""

    async def story(client: GhcrClient) -> None:
        manifest = (await image_of("never-sent")).manifest
        if registry.name == "crane":
            await client.push_manifest(f"{repository}:v1", manifest)
            return
        with pytest.raises(InvalidContent) as refused:
            await client.push_manifest(f"{repository}:v1", manifest)
        assert refused.value.code == "MANIFEST_BLOB_UNKNOWN"
        assert not await client.image_exists(f"{repository}:v1")

    with_client(registry, story)


def test_nonsense_is_not_sent(registry: Peer, repository: str) -> None:
    """A manifest that makes no sense, or is to be called by another one's digest, costs no request."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        manifest = (await image_of("a")).manifest
        empty = Manifest.parse(b'{"schemaVersion":2,"manifests":[]}')
        with pytest.raises(InvalidManifest, match="at least one manifest"):
            await client.push_manifest(f"{repository}:v1", empty)
        with pytest.raises(InvalidManifest, match="not the digest"):
            await client.push_manifest(f"{repository}@{Digest.of(b'other')}", manifest)

    with_client(registry, story, metrics=counted)
    assert not counted.asked


def test_sha512(registry: Peer, repository: str) -> None:
    """A manifest is pushed and pulled by its sha512 digest; docker-registry refuses that one."""

    async def story(client: GhcrClient) -> None:
        image = await image_of("a")
        await client.push_image(f"{repository}:v1", image)
        manifest = Manifest.parse(image.manifest.raw, image.manifest.media_type, algorithm="sha512")
        ref = f"{repository}@{manifest.digest}"
        if registry.name.startswith("docker-registry"):
            with pytest.raises(InvalidContent, match="DIGEST_INVALID"):
                await client.push_manifest(ref, manifest)
            return
        assert await client.push_manifest(ref, manifest) == manifest.digest
        pulled = await client.pull_manifest(ref)
        assert (pulled.raw, pulled.digest) == (manifest.raw, manifest.digest)
        assert await client.image_exists(ref)

    with_client(registry, story)


# --- platforms and sizes


def test_get_platform_manifest(registry: Peer, repository: str) -> None:
    """The image for a platform is chosen; without one the error lists what there is; a single image is itself."""

    async def story(client: GhcrClient) -> None:
        images = {name: await image_of(name, platform=f"linux/{name}") for name in ("amd64", "arm64")}
        for name, image in images.items():
            await client.push_image(f"{repository}:{name}", image)
        await client.push_index(f"{repository}:all", [f"{repository}:{name}" for name in images])
        chosen = await client.get_platform_manifest(f"{repository}:all", "linux/arm64")
        assert chosen == images["arm64"].manifest
        with pytest.raises(ManifestUnknown, match="linux/amd64, linux/arm64"):
            await client.get_platform_manifest(f"{repository}:all", "linux/s390x")
        single = await client.get_platform_manifest(f"{repository}:amd64", "linux/s390x")
        assert single == images["amd64"].manifest

    with_client(registry, story)


def test_image_size(registry: Peer, repository: str) -> None:
    """The size counts manifests, configurations and layers, what several images share once; or one platform."""

    async def story(client: GhcrClient) -> None:
        images = {
            name: await image_of("shared", name, platform=f"linux/{name}") for name in ("amd64", "arm64")
        }
        for name, image in images.items():
            await client.push_image(f"{repository}:{name}", image)
        digest = await client.push_index(f"{repository}:all", [f"{repository}:{name}" for name in images])
        index = await client.pull_manifest(f"{repository}@{digest}")
        contents = {
            each.digest: each.size for image in images.values() for each in image.manifest.document.children
        }
        manifests = [index.size, *(image.manifest.size for image in images.values())]
        assert await client.image_size(f"{repository}:all") == sum(contents.values()) + sum(manifests)
        one = images["arm64"].manifest
        assert isinstance(one.document, ImageManifest)
        alone = one.size + sum(each.size for each in one.document.children)
        assert await client.image_size(f"{repository}:all", platform="linux/arm64") == alone
        assert await client.image_size(f"{repository}:arm64") == alone

    with_client(registry, story)


def test_the_size_of_a_deep_index(fake_oci: Peer, repository: str) -> None:
    """The size counts as deep as an image can be pulled; beyond that it is an error, and never too small."""

    async def story(client: GhcrClient) -> None:
        image = await image_of("deep")
        await client.push_image(f"{repository}:0", image)
        size, inner = image.manifest.size, image.manifest
        size += sum(each.size for each in image.manifest.document.children)
        for depth in range(1, 10):
            inner = Manifest.build(ImageIndex(manifests=(inner.descriptor(),)))
            size += inner.size
            await client.push_manifest(f"{repository}:{depth}", inner)
            if depth <= 8:
                assert await client.image_size(f"{repository}:{depth}") == size
        with pytest.raises(InvalidManifest, match="more than 8 deep"):
            await client.image_size(f"{repository}:9")

    with_client(fake_oci, story)


def test_tag_and_digest(registry: Peer, repository: str) -> None:
    """A push to a tag with a digest sets the tag; the digest of something else is refused, and tags nothing."""

    async def story(client: GhcrClient) -> None:
        image = await image_of("pinned")
        digest = image.manifest.digest
        assert await client.push_image(f"{repository}:a@{digest}", image) == digest
        assert await client.push_manifest(f"{repository}:b@{digest}", image.manifest) == digest
        for push in (
            client.push_image(f"{repository}:c@{Digest.of(b'other')}", image),
            client.push_manifest(f"{repository}:c@{Digest.of(b'other')}", image.manifest),
        ):
            with pytest.raises(InvalidManifest, match="is not the digest"):
                await push
        assert sorted(await client.list_tags(repository)) == ["a", "b"]
        assert await client.tag_digest(f"{repository}:a") == digest

    with_client(registry, story)


@pytest.mark.parametrize("wrong", [None, 5])
def test_what_is_no_platform(fake_oci: Peer, wrong: Any) -> None:
    """Something that is neither a text nor a platform, or no reference, is a plain error; nothing is asked."""

    async def story(client: GhcrClient) -> None:
        with pytest.raises(TypeError, match="a platform is"):
            await client.get_platform_manifest("acme/app:v1", wrong)
        with pytest.raises(TypeError, match="a reference is"):
            await client.pull_manifest(wrong)

    with_client(fake_oci, story)


# --- deleted


def test_delete_image(registry: Peer, repository: str) -> None:
    """An image goes with its tags; on GHCR nothing does, and crane's registry keeps the tag's own copy."""

    async def story(client: GhcrClient) -> None:
        digest = await client.push_image(f"{repository}:v1", await image_of("a"))
        await client.tag_image(f"{repository}:v1", "again")
        await client.push_image(f"{repository}:other", await image_of("b"))
        if registry.name == "ghcr":
            with pytest.raises(Unsupported, match="api_base"):
                await client.delete_image(f"{repository}:v1")
            assert await client.list_tags(repository) == ["v1", "again", "other"]
            assert await client.image_exists(f"{repository}@{digest}")
            return
        await client.delete_image(f"{repository}:v1")
        assert not await client.image_exists(f"{repository}@{digest}")
        stays = registry.name == "crane"
        assert [await client.image_exists(f"{repository}:{tag}") for tag in ("v1", "again")] == [stays, stays]
        assert await client.image_exists(f"{repository}:other")

    with_client(registry, story)


def test_delete_what_is_not_there(registry: Peer, repository: str) -> None:
    """To delete what nobody has is an error that says so."""

    async def story(client: GhcrClient) -> None:
        await client.push_image(f"{repository}:v1", await image_of("a"))
        for reference in (":v2", f"@{Digest.of(b'nobody')}"):
            with pytest.raises(ManifestUnknown):
                await client.delete_image(f"{repository}{reference}")

    with_client(registry, story)


def test_a_lost_answer_counts(fake_oci: Peer, repository: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest whose answer got lost, and which is there, was pushed: it is counted, and no error."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        image = await image_of("lost")
        await client.push_image(f"{repository}:v1", image)
        ask = client._transport.ask

        async def deaf(call: Any) -> Any:
            answer = await ask(call)
            if call.operation == "manifest.put":
                raise TransportError("the connection broke off")
            return answer

        monkeypatch.setattr(client._transport, "ask", deaf)
        counted.clear()
        assert await client.push_manifest(f"{repository}:v2", image.manifest) == image.manifest.digest
        assert counted.pushed == 1

    with_client(fake_oci, story, metrics=counted)
