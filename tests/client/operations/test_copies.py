"""Copies on and between all registries: with mounts, of some platforms, with what is about the image; nothing twice."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
from client.helping import Progresses, client_for
from client.operations.making import Counted, image_of, signature, with_client
from ghcr_client.auth import ChainCredentials, StaticCredentials
from ghcr_client.digests import Digest
from ghcr_client.errors import InvalidManifest, ManifestUnknown, ProtocolError
from ghcr_client.images import Image
from ghcr_client.manifests import Manifest
from ghcr_client.models import OCI_INDEX, Descriptor, ImageIndex
from ghcr_client.operations import copying
from ghcr_client.operations.fallback import fallback_tag
from ghcr_client.platforms import Platform

from client import peers

if TYPE_CHECKING:
    from pathlib import Path

    from client.peers import Peer
    from ghcr_client.client import GhcrClient

BOTH = ("linux/amd64", "linux/arm64")


def unique() -> str:
    """A word that no layer has yet."""
    return f"w{random.getrandbits(64):x}"


async def attested(client: GhcrClient, repository: str) -> Manifest:
    """An index as buildx makes it, under the tag `all`: two images, and an attestation about each of them."""
    entries: list[Descriptor] = []
    for text in BOTH:
        image = await image_of(unique(), platform=text)
        about = await Image.artifact("application/vnd.in-toto+json", [unique().encode()])
        for each in (image, about):
            await client.push_image(f"{repository}@{each.manifest.digest}", each)
        entries += [
            image.manifest.descriptor().model_copy(update={"platform": Platform.parse(text)}),
            about.manifest.descriptor().model_copy(
                update={
                    "artifact_type": None,
                    "platform": Platform(os="unknown", architecture="unknown"),
                    "annotations": {
                        "vnd.docker.reference.type": "attestation-manifest",
                        "vnd.docker.reference.digest": str(image.manifest.digest),
                    },
                }
            ),
        ]
    index = Manifest.build(ImageIndex(media_type=OCI_INDEX, manifests=tuple(entries)))
    await client.push_manifest(f"{repository}:all", index)
    return index


async def whole(client: GhcrClient, ref: str) -> bool:
    """Whether all that a manifest leads to is where it is."""
    name = ref.partition("@")[0]
    manifest = await client.pull_manifest(ref)
    found = []
    for each in manifest.document.children:
        if manifest.is_multi_arch:
            found.append(await whole(client, f"{name.rpartition(':')[0] or name}@{each.digest}"))
        else:
            found.append(await client.blob_exists(ref, each.digest))
    return all(found)


# --- within a registry


def test_within_a_repository(registry: Peer, repository: str) -> None:
    """A new tag in the same repository sends a manifest and no blob; the same tag sends nothing."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        digest = await client.push_image(f"{repository}:v1", await image_of(unique(), unique()))
        counted.clear()
        assert await client.copy_image(f"{repository}:v1", f"{repository}:v2") == digest
        assert await client.tag_digest(f"{repository}:v2") == digest
        assert (counted.sent, counted.pushed) == ([], 1)
        counted.clear()
        assert await client.copy_image(f"{repository}:v1", f"{repository}:v2") == digest
        assert counted.asked == {"manifest.get": 1, "manifest.head": 1}

    with_client(registry, story, metrics=counted)


def test_to_another_repository(registry: Peer, repository: str) -> None:
    """Blobs are mounted, and none is sent: an index with all that it lists, attestations included."""
    counted = Counted()
    progress = Progresses()

    async def story(client: GhcrClient) -> None:
        index = await attested(client, repository)
        counted.clear()
        target = f"{repository}-copy:all"
        assert await client.copy_image(f"{repository}:all", target, progress=progress) == index.digest
        assert await client.pull_manifest(target) == index
        assert not counted.sent
        assert await whole(client, target)
        counted.clear()
        await client.copy_image(f"{repository}:all", target)
        assert counted.asked == {"manifest.get": 1, "manifest.head": 1}

    with_client(registry, story, metrics=counted)
    states = {each.state for each in progress.last().values()}
    assert states == {"exists"} if registry.name == "crane" else "mounted" in states


def test_an_index_of_blobs(registry: Peer, repository: str, tmp_path: Path) -> None:
    """An index that lists blobs, as that of BuildKit's cache, is measured, copied, pulled and pushed with them."""

    async def story(client: GhcrClient) -> None:
        texts = {
            "application/vnd.oci.image.layer.v1.tar+gzip": unique().encode(),
            "application/vnd.buildkit.cacheconfig.v0": b"{}",
        }
        blobs = [await client.upload_blob(repository, text, media_type=kind) for kind, text in texts.items()]
        index = Manifest.build(ImageIndex(manifests=tuple(blobs)))
        await client.push_manifest(f"{repository}:cache", index)
        assert await client.image_size(f"{repository}:cache") == index.size + sum(map(len, texts.values()))
        await client.copy_image(f"{repository}:cache", f"{repository}-copy:cache", referrers=True)
        for form in ("oci", "oci-archive"):
            await client.pull_image(f"{repository}:cache", tmp_path / form, format=form)
            assert await client.push_image(f"{repository}-{form}:cache", tmp_path / form) == index.digest
        for place in ("copy", "oci", "oci-archive"):
            for blob, text in zip(blobs, texts.values(), strict=True):
                assert await client.get_blob(f"{repository}-{place}", blob.digest) == text

    with_client(registry, story)


def test_what_is_missing(registry: Peer, repository: str) -> None:
    """What is not there cannot be copied, and leaves no target."""

    async def story(client: GhcrClient) -> None:
        await client.push_image(f"{repository}:v1", await image_of(unique()))
        with pytest.raises(ManifestUnknown):
            await client.copy_image(f"{repository}:v2", f"{repository}:v3")
        assert await client.list_tags(repository) == ["v1"]

    with_client(registry, story)


# --- platforms


def test_some_platforms(registry: Peer, repository: str) -> None:
    """A copy of one platform is an index of it and of the attestation about it; the rest is not copied."""

    async def story(client: GhcrClient) -> None:
        index = await attested(client, repository)
        target = f"{repository}-copy:arm"
        digest = await client.copy_image(f"{repository}:all", target, platforms=["linux/arm64"])
        copy = await client.pull_manifest(target)
        assert (copy.digest, copy.document.children) == (digest, index.document.children[2:])
        assert await whole(client, target)
        for each in index.document.children[:2]:
            assert not await client.image_exists(f"{repository}-copy@{each.digest}")

    with_client(registry, story)


def test_all_platforms_named(registry: Peer, repository: str) -> None:
    """Who names all platforms gets the index as it is; an unknown platform is an error.

    A single image stays one, where it runs on the platform; where it does not say what it runs on, it passes.
    """

    async def story(client: GhcrClient) -> None:
        index = await attested(client, repository)
        same = await client.copy_image(f"{repository}:all", f"{repository}-copy:all", platforms=BOTH)
        assert same == index.digest
        with pytest.raises(ManifestUnknown, match="linux/amd64, linux/arm64"):
            await client.copy_image(f"{repository}:all", f"{repository}-copy:no", platforms=["linux/s390x"])
        digest = await client.push_image(f"{repository}:one", await image_of(unique()))
        again = await client.copy_image(
            f"{repository}:one", f"{repository}-copy:one", platforms=["linux/amd64"]
        )
        assert again == digest
        with pytest.raises(ManifestUnknown, match="linux/s390x; it has: linux/amd64"):
            await client.copy_image(f"{repository}:one", f"{repository}-copy:no", platforms=["linux/s390x"])
        text = await client.push_image(f"{repository}:text", await Image.artifact("x/y", [b"text"]))
        assert (
            await client.copy_image(f"{repository}:text", f"{repository}-copy:text", platforms=BOTH) == text
        )
        assert not await client.image_exists(f"{repository}-copy:no")

    with_client(registry, story)


@pytest.mark.parametrize(
    "platforms", ["linux/arm64", Platform.parse("linux/arm64")], ids=["text", "Platform"]
)
def test_a_lone_platform(fake_ghcr: Peer, repository: str, platforms: Platform | str) -> None:
    """One platform need not be in a list."""

    async def story(client: GhcrClient) -> None:
        await attested(client, repository)
        await client.copy_image(f"{repository}:all", f"{repository}-copy:arm", platforms=platforms)
        copy = await client.pull_manifest(f"{repository}-copy:arm")
        assert list(map(str, copy.platforms)) == ["linux/arm64"]

    with_client(fake_ghcr, story)


def test_a_platform_in_an_index_in_an_index(fake_ghcr: Peer, repository: str) -> None:
    """An index that names no platform is looked into: the image comes, with what is about it, and nothing else."""

    async def story(client: GhcrClient) -> None:
        index = await attested(client, repository)
        outer = Manifest.build(ImageIndex(manifests=(index.descriptor(),)))
        await client.push_manifest(f"{repository}:outer", outer)
        _, _, arm, about = index.document.children
        assert (await client.get_platform_manifest(f"{repository}:outer", "linux/arm64")).digest == arm.digest
        await client.copy_image(f"{repository}:outer", f"{repository}-copy:arm", platforms="linux/arm64")
        copy = await client.pull_manifest(f"{repository}-copy:arm")
        assert copy.document.children == (arm, about)
        for call in (
            client.get_platform_manifest(f"{repository}:outer", "linux/s390x"),
            client.copy_image(f"{repository}:outer", f"{repository}-copy:no", platforms="linux/s390x"),
        ):
            with pytest.raises(ManifestUnknown, match="it has: linux/amd64, linux/arm64"):
                await call

    with_client(fake_ghcr, story)


def test_tag_and_digest(registry: Peer, repository: str) -> None:
    """A target with both gets the tag, also where the image is there; another digest is refused, and tags nothing."""
    target = f"{repository}-copy"

    async def story(client: GhcrClient) -> None:
        digest = await client.push_image(f"{repository}:v1", await image_of(unique()))
        for tag in ("a", "b"):
            assert await client.copy_image(f"{repository}:v1", f"{target}:{tag}@{digest}") == digest
            assert await client.tag_digest(f"{target}:{tag}") == digest
        with pytest.raises(InvalidManifest, match="is not the digest"):
            await client.copy_image(f"{repository}:v1", f"{target}:a@{Digest.of(b'other')}")
        assert sorted(await client.list_tags(target)) == ["a", "b"]

    with_client(registry, story)


# --- what is about an image


def test_with_referrers(registry: Peer, repository: str) -> None:
    """What is about an image goes along on request, with what is about that; a second time nothing is sent."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        image = await image_of(unique())
        await client.push_image(f"{repository}:v1", image)
        sbom = await signature(image.manifest.descriptor(), unique(), "application/spdx+json")
        signed = await signature(sbom.manifest.descriptor(), unique())
        for each in (sbom, signed):
            await client.push_image(f"{repository}@{each.manifest.digest}", each)

        await client.copy_image(f"{repository}:v1", f"{repository}-bare:v1")
        assert await client.list_referrers(f"{repository}-bare:v1") == []

        target = f"{repository}-copy"
        await client.copy_image(f"{repository}:v1", f"{target}:v1", referrers=True)
        (found,) = await client.list_referrers(f"{target}:v1")
        assert (found.digest, found.artifact_type) == (sbom.manifest.digest, "application/spdx+json")
        assert found.annotations == sbom.manifest.document.annotations
        (about,) = await client.list_referrers(f"{target}@{found.digest}")
        assert about.digest == signed.manifest.digest
        for each in (found, about):
            assert await whole(client, f"{target}@{each.digest}")
        counted.clear()
        await client.copy_image(f"{repository}:v1", f"{target}:v1", referrers=True)
        assert not counted.sent
        assert len(await client.list_referrers(f"{target}:v1")) == 1

    with_client(registry, story, metrics=counted)


def test_a_long_chain_of_referrers(fake_ghcr: Peer, repository: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is about what is about the image goes along to the last; a chain without end is an error."""

    async def story(client: GhcrClient) -> None:
        image = await image_of(unique())
        await client.push_image(f"{repository}:v1", image)
        chain = [image.manifest.descriptor()]
        for _ in range(7):
            each = await signature(chain[-1], unique())
            await client.push_image(f"{repository}@{each.manifest.digest}", each)
            chain.append(each.manifest.descriptor())
        await client.copy_image(f"{repository}:v1", f"{repository}-copy:v1", referrers=True)
        for each in chain:
            assert await client.image_exists(f"{repository}-copy@{each.digest}")
        monkeypatch.setattr(copying, "_MOST_REFERRERS", 7)
        with pytest.raises(ProtocolError, match="more than 7"):
            await client.copy_image(f"{repository}:v1", f"{repository}-other:v1", referrers=True)

    with_client(fake_ghcr, story)


def test_referrers_of_each_platform(fake_ghcr: Peer, repository: str) -> None:
    """What is about one of an index's images goes along, too."""

    async def story(client: GhcrClient) -> None:
        index = await attested(client, repository)
        child = index.document.children[2]
        signed = await signature(child, unique())
        await client.push_image(f"{repository}@{signed.manifest.digest}", signed)
        await client.copy_image(f"{repository}:all", f"{repository}-copy:all", referrers=True)
        (found,) = await client.list_referrers(f"{repository}-copy@{child.digest}")
        assert found.digest == signed.manifest.digest

    with_client(fake_ghcr, story)


def test_with_digest_tags(registry: Peer, repository: str) -> None:
    """Cosign's tags of the image go along on request, those of another image do not."""

    async def story(client: GhcrClient) -> None:
        digest = await client.push_image(f"{repository}:v1", await image_of(unique()))
        start = fallback_tag(digest)
        tags = [f"{start}.sig", f"{start}.att", f"{fallback_tag(Digest.of(b'other'))}.sig"]
        for tag in tags:
            await client.push_image(f"{repository}:{tag}", await Image.artifact("x/y", [tag.encode()]))
        target = f"{repository}-copy"
        await client.copy_image(f"{repository}:v1", f"{target}:v1", digest_tags=True)
        assert sorted(await client.list_tags(target)) == sorted(["v1", *tags[:2]])
        for tag in tags[:2]:
            assert await client.tag_digest(f"{target}:{tag}") == await client.tag_digest(
                f"{repository}:{tag}"
            )

    with_client(registry, story)


def test_progress_of_all(fake_oci: Peer, repository: str) -> None:
    """Progress is told of the blobs of referrers and digest tags, too, and of what an index has copied."""

    async def story(client: GhcrClient) -> None:
        image = await image_of(unique())
        await client.push_image(f"{repository}:v1", image)
        signed = await signature(image.manifest.descriptor(), unique())
        await client.push_image(f"{repository}@{signed.manifest.digest}", signed)
        tagged = await Image.artifact("x/y", [unique().encode()])
        await client.push_image(f"{repository}:{fallback_tag(image.manifest.digest)}.sig", tagged)
        progress = Progresses()
        target = f"{repository}-copy:v1"
        await client.copy_image(
            f"{repository}:v1", target, referrers=True, digest_tags=True, progress=progress
        )
        listed = {blob.digest for each in (image, signed, tagged) for blob in each.manifest.document.children}
        assert set(progress.last()) == listed
        joined = Progresses()
        await client.push_index(f"{repository}-joined:v1", [f"{repository}:v1"], progress=joined)
        assert set(joined.last()) == {each.digest for each in image.manifest.document.children}

    with_client(fake_oci, story)


# --- between registries


@pytest.mark.parametrize("way", ["out", "in"])
def test_to_another_registry(registry: Peer, repository: str, way: str) -> None:
    """From each registry to GHCR and back: every blob is sent once, nothing twice, and referrers go along."""
    with peers.fake("ghcr") as other:
        _from_registry_to_registry(*((registry, other) if way == "out" else (other, registry)), repository)


def _from_registry_to_registry(source: Peer, target: Peer, repository: str) -> None:
    """The same, one way."""
    counted = Counted()
    progress = Progresses()

    async def story(client: GhcrClient) -> None:
        index = await attested(client, source.ref(repository))
        signed = await signature(index.descriptor(), unique())
        there = source.ref(repository)
        await client.push_image(f"{there}@{signed.manifest.digest}", signed)
        counted.clear()
        ref = target.ref(f"{repository}-copy:all")
        digest = await client.copy_image(f"{there}:all", ref, referrers=True, progress=progress)
        assert digest == index.digest
        assert await client.pull_manifest(ref) == index
        assert await whole(client, ref)
        (found,) = await client.list_referrers(ref)
        assert found.digest == signed.manifest.digest
        blobs = {each.digest: each.size for each in signed.manifest.document.children} | {
            each.digest: each.size
            for child in index.document.children
            for each in (await client.pull_manifest(f"{there}@{child.digest}")).document.children
        }
        last = progress.last()
        assert {name: each.done for name, each in last.items()} == blobs
        assert sum(counted.sent) <= sum(blobs.values())
        counted.clear()
        assert await client.copy_image(f"{there}:all", ref) == digest
        assert not counted.sent
        assert not counted.pushed

    both = ChainCredentials(
        *(
            StaticCredentials(each.username or "", each.token, each.host)
            for each in (source, target)
            if each.token
        )
    )
    with_client(
        target,
        story,
        credentials=both,
        metrics=counted,
        registry=target.url,
        plain_http=True,
        ca_file=source.ca_file or target.ca_file,
        endpoints={each.host: each.url for each in (source, target) if each.ca_file is not None},
    )


def test_bytes_of_a_foreign_manifest(registry: Peer, repository: str) -> None:
    """A manifest with white space and unknown fields arrives byte by byte."""

    async def story(client: GhcrClient) -> None:
        image = await image_of(unique())
        await client.push_image(f"{repository}:v1", image)
        raw = json.dumps(json.loads(image.manifest.raw) | {"x-unknown": {"a": [1]}}, indent=4).encode()
        odd = Manifest.parse(raw)
        await client.push_manifest(f"{repository}:odd", odd)
        await client.copy_image(f"{repository}:odd", f"{repository}-copy:odd")
        assert (await client.pull_manifest(f"{repository}-copy:odd")).raw == raw

    with_client(registry, story)


def test_two_clients(fake_ghcr: Peer, fake_oci: Peer, repository: str) -> None:
    """A client may copy from a registry that lets everybody read, with no credentials for it."""
    assert fake_oci.simulator is not None
    fake_oci.simulator.seed(f"{repository}:v1", visibility="public")

    async def story(client: GhcrClient) -> None:
        digest = await client.copy_image(fake_oci.ref(f"{repository}:v1"), f"{repository}:v1")
        async with client_for(fake_oci) as theirs:
            assert await theirs.tag_digest(f"{repository}:v1") == digest

    with_client(fake_ghcr, story)
