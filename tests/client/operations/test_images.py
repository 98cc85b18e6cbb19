"""Whole images on every registry: pushed from what was built and from archives, pulled in three formats, joined."""

from __future__ import annotations

import asyncio
import json
import os
import random
from base64 import b64encode
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from client.helping import Progresses
from client.operations.making import Counted, image_of, layer, nothing_unclosed, settled, with_client
from ghcr_client.digests import Digest
from ghcr_client.errors import DigestMismatch, InvalidManifest, LayoutError, ManifestUnknown, ServerError
from ghcr_client.images import Image, github_annotations
from ghcr_client.layout import open_local
from ghcr_client.manifests import Manifest
from ghcr_client.models import OCI_CONFIG, Descriptor, ImageManifest
from ghcr_client.sources import BytesSource
from tools import require, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from client.peers import Peer
    from ghcr_client.client import GhcrClient
    from ghcr_client.progress import Progress

BOTH = ("linux/amd64", "linux/arm64")
FORMATS = ("oci", "oci-archive", "docker-archive")


def unique() -> str:
    """A word that no layer has yet: crane's registry keeps blobs for all repositories."""
    return f"w{random.getrandbits(64):x}"


async def two_platforms(
    client: GhcrClient, repository: str, tag: str = "all", *, plain: bool = True
) -> list[Image]:
    """An index of two images that share a layer."""
    shared = unique()
    images = [await image_of(shared, unique(), platform=platform, plain=plain) for platform in BOTH]
    for image in images:
        await client.push_image(f"{repository}@{image.manifest.digest}", image)
    await client.push_index(
        f"{repository}:{tag}", [f"{repository}@{image.manifest.digest}" for image in images]
    )
    return images


class Watched(BytesSource):
    """A source that tells a counter how many of its kind are read at once, and waits for as many as are expected."""

    def __init__(self, data: bytes, counter: Counter[str], together: int = 1) -> None:
        super().__init__(data)
        self._counter = counter
        self._together = together

    async def read(self, start: int = 0) -> AsyncIterator[bytes]:
        self._counter["now"] += 1
        self._counter["most"] = max(self._counter["most"], self._counter["now"])
        try:
            async with asyncio.timeout(10):
                while self._counter["most"] < self._together:  # noqa: ASYNC110 - what is shared is a counter
                    await asyncio.sleep(0.002)
            for _ in range(5):
                await asyncio.sleep(0.002)
            async for piece in super().read(start):
                yield piece
        finally:
            self._counter["now"] -= 1


def options(peer: Peer, program: str) -> list[str]:
    """How a program is told of a registry."""
    if program == "crane":
        return ["--insecure"]
    creds = ["--creds", f"{peer.username}:{peer.token}"] if peer.token else ["--no-creds"]
    return ["--tls-verify=false", *creds]


# --- pushed


def test_push_a_built_image(registry: Peer, repository: str) -> None:
    """Blobs go once, then the manifest; what comes back is what was built. A second push sends nothing."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        image = await image_of(
            unique(), unique(), annotations=github_annotations("https://github.com/acme/app")
        )
        digest = await client.push_image(f"{repository}:v1", image)
        assert digest == image.manifest.digest
        assert await client.pull_manifest(f"{repository}:v1") == image.manifest
        assert sorted(counted.sent) == sorted(each.size for each in image.manifest.document.children)
        for each in image.manifest.document.children:
            content = await client.get_blob(repository, each.digest)
            assert content == b"".join([piece async for piece in image.source(each).read()])
        counted.clear()
        await client.push_image(f"{repository}:v1", image)
        assert not counted.sent
        assert counted.asked == {"blob.head": 3, "manifest.put": 1}

    with_client(registry, story, metrics=counted)


def test_equal_layers_go_once(registry: Peer, repository: str) -> None:
    """An image with one layer three times, and an index of images that share layers, send each content once."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        data = layer(unique())
        await client.push_image(f"{repository}:v1", await Image.build([data, data, data]))
        assert len(counted.sent) == 2
        counted.clear()
        await two_platforms(client, repository)
        assert len(counted.sent) == 5

    with_client(registry, story, metrics=counted)


@pytest.mark.parametrize("most", [1, 3])
def test_concurrency_is_bounded(registry: Peer, repository: str, most: int) -> None:
    """No more than `max_concurrency` blobs move at once, and no fewer."""
    counter: Counter[str] = Counter()

    async def story(client: GhcrClient) -> None:
        image = await image_of(*(unique() for _ in range(8)))
        sources = {
            each.digest: Watched(b"".join([p async for p in image.source(each).read()]), counter, most)
            for each in image.manifest.document.children
        }
        await client.push_image(f"{repository}:v1", Image(image.manifest, sources))

    with_client(registry, story, max_concurrency=most)
    assert (counter["most"], counter["now"]) == (most, 0)


def test_progress_adds_up(registry: Peer, repository: str, tmp_path: Path) -> None:
    """The last words on all blobs are their sizes, pushed, pushed again, and pulled twice."""
    told = {name: Progresses() for name in ("push", "push again", "pull", "pull again")}

    async def story(client: GhcrClient) -> Manifest:
        image = await image_of(unique(), unique())
        for name in ("push", "push again"):
            await client.push_image(f"{repository}:v1", image, progress=told[name])
        for name in ("pull", "pull again"):
            await client.pull_image(f"{repository}:v1", tmp_path / "layout", progress=told[name])
        return image.manifest

    children = with_client(registry, story).document.children
    for name, events in told.items():
        last = events.last()
        assert {digest: each.done for digest, each in last.items()} == {
            each.digest: each.size for each in children
        }, name
        states = {each.state for each in last.values()}
        assert states == {"exists" if "again" in name else "done"}, name


def test_mounted_from(registry: Peer, repository: str) -> None:
    """Layers that a neighbour has are mounted; crane's registry has them already."""
    progress = Progresses()
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        image = await image_of(unique(), unique())
        await client.push_image(f"{repository}:v1", image)
        counted.clear()
        other = f"{repository}-other:v1"
        await client.push_image(other, image, mount_from=f"{repository}:v1", progress=progress)
        assert await client.image_size(other) == await client.image_size(f"{repository}:v1")

    with_client(registry, story, metrics=counted)
    assert not counted.sent
    assert {each.state for each in progress} == {"exists" if registry.name == "crane" else "mounted"}


def test_a_layer_that_changed(registry: Peer, repository: str, tmp_path: Path) -> None:
    """A file that is not what its manifest says is not pushed, and neither is the image."""

    async def story(client: GhcrClient) -> None:
        path = tmp_path / "layer.tar"
        path.write_bytes(layer(unique()))
        image = await Image.build([path])
        path.write_bytes(layer(unique()))
        with pytest.raises(DigestMismatch):
            await client.push_image(f"{repository}:v1", image)
        assert not await client.image_exists(f"{repository}:v1")

    with_client(registry, story)


def test_a_blob_that_the_registry_forgot(fake_oci: Peer, repository: str) -> None:
    """Where a manifest is refused for a blob that was taken, the client waits, looks, and sends it again."""
    assert fake_oci.simulator is not None
    store = fake_oci.simulator.store

    async def story(client: GhcrClient) -> None:
        image = await image_of(unique(), unique())
        forgotten = image.manifest.document.children[1]
        put = client._put

        async def forgetful(ref: Any, manifest: Manifest) -> Any:
            client._put = put  # type: ignore[method-assign]
            await client.delete_blob(repository, forgotten.digest)
            return await put(ref, manifest)

        client._put = forgetful  # type: ignore[method-assign]
        await client.push_image(f"{repository}:v1", image)
        assert await client.image_exists(f"{repository}:v1")

    with_client(fake_oci, story)
    assert store.repository(repository) is not None


@pytest.mark.clients
@pytest.mark.parametrize("kind", ["image", "index", "artifact"])
def test_others_accept_what_is_pushed(
    registry: Peer, repository: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Crane validates the images that this client pushed, which it takes to be packed, and skopeo inspects them."""
    require("crane", "skopeo")

    async def story(client: GhcrClient) -> Digest:
        if kind == "index":
            await two_platforms(client, repository, "v1", plain=False)
        elif kind == "image":
            image = await image_of(unique(), unique(), plain=False)
            await client.push_image(f"{repository}:v1", image)
        else:
            await client.push_image(f"{repository}:v1", await Image.artifact("a/b", [unique().encode()]))
        return await client.tag_digest(f"{repository}:v1")

    digest = with_client(registry, story)
    ref = registry.ref(f"{repository}:v1")
    shown = run("skopeo", "inspect", "--raw", *options(registry, "skopeo"), f"docker://{ref}").stdout
    assert Digest.of(shown.encode()) == digest
    if kind != "artifact":
        words = ("inspect", "--override-os", "linux", "--override-arch", "amd64")
        seen = json.loads(run("skopeo", *words, *options(registry, "skopeo"), f"docker://{ref}").stdout)
        assert (seen["Architecture"], len(seen["Layers"])) == ("amd64", 2)
        _log_in(registry, tmp_path, monkeypatch)
        said = run("crane", "validate", *options(registry, "crane"), "--remote", ref)
        assert "PASS" in said.stdout + said.stderr


def _log_in(peer: Peer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let crane know who it is."""
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    if peer.ca_file is not None:
        monkeypatch.setenv("SSL_CERT_FILE", str(peer.ca_file))
    auth = b64encode(f"{peer.username}:{peer.token}".encode()).decode()
    auths = {} if peer.token is None else {peer.host: {"auth": auth}}
    (folder / "config.json").write_text(json.dumps({"auths": auths}))


# --- pulled, and pushed from there


@pytest.mark.parametrize("form", FORMATS)
def test_there_and_back(registry: Peer, repository: str, tmp_path: Path, form: Any) -> None:
    """An image is pulled into each format, and pushed from it: the same layers, and the same manifest from layouts."""

    async def story(client: GhcrClient) -> None:
        image = await image_of(unique(), unique())
        await client.push_image(f"{repository}:v1", image)
        target = tmp_path / "pulled"
        assert await client.pull_image(f"{repository}:v1", target, format=form) == image.manifest
        digest = await client.push_image(f"{repository}:again", target)
        again = await client.pull_manifest(f"{repository}:again")
        assert again.digest == digest
        if form == "docker-archive":
            assert again.document.children[0] == image.manifest.document.config.model_copy(
                update={"media_type": again.document.config.media_type}
            )
            assert len(again.document.layers) == 2
        else:
            assert again == image.manifest

    with_client(registry, story)
    assert [each.name for each in tmp_path.iterdir()] == ["pulled"]


def test_pull_all_platforms(registry: Peer, repository: str, tmp_path: Path) -> None:
    """A layout gets an index with all that it lists; pushed elsewhere it is the same, and its name is its tag."""

    async def story(client: GhcrClient) -> None:
        images = await two_platforms(client, repository)
        for place, form in (("layout", "oci"), ("layout.tar", "oci-archive")):
            pulled = await client.pull_image(f"{repository}:all", tmp_path / place, format=form)
            local = open_local(tmp_path / place)
            assert await local.manifest("all") == pulled
            for image in images:
                assert all(local.has(each) for each in image.manifest.document.children)
            other = f"{repository}-{form}:all"
            assert await client.push_image(other, tmp_path / place, name="all") == pulled.digest
            assert await client.pull_manifest(other) == pulled

    with_client(registry, story)


@pytest.mark.parametrize("form", FORMATS)
def test_pull_one_platform(registry: Peer, repository: str, tmp_path: Path, form: Any) -> None:
    """One platform is pulled alone; one that is not there is an error, and nothing is written."""

    async def story(client: GhcrClient) -> None:
        _, arm = await two_platforms(client, repository)
        ref = f"{repository}:all"
        with pytest.raises(ManifestUnknown, match="linux/amd64"):
            await client.pull_image(ref, tmp_path / "pulled", platform="linux/s390x", format=form)
        assert not (tmp_path / "pulled").exists()
        pulled = await client.pull_image(ref, tmp_path / "pulled", platform="linux/arm64", format=form)
        assert pulled == arm.manifest
        local = await open_local(tmp_path / "pulled").manifest()
        assert len(local.document.children) == 3

    with_client(registry, story)


@pytest.mark.parametrize(
    "config",
    [b"", b"\0no text", b"[]", b"{}", b'{"os":5,"architecture":"amd64"}', b'{"os":"","architecture":""}'],
    ids=["empty", "no text", "list", "nothing", "number", "blank"],
)
def test_a_configuration_of_nothing(fake_oci: Peer, repository: str, tmp_path: Path, config: bytes) -> None:
    """An image whose configuration says no platform, as older artifacts have it, is pulled and joined all the same."""

    async def story(client: GhcrClient) -> None:
        said = await client.upload_blob(repository, config, media_type=OCI_CONFIG)
        content = await client.upload_blob(repository, b"content", media_type="text/plain")
        manifest = Manifest.build(ImageManifest(config=said, layers=(content,)))
        await client.push_manifest(f"{repository}:v1", manifest)
        for platform in (None, "linux/amd64"):
            assert await client.pull_image(f"{repository}:v1", tmp_path, platform=platform) == manifest
        await client.push_index(f"{repository}:all", [f"{repository}:v1"])
        (entry,) = (await client.pull_manifest(f"{repository}:all")).document.children
        assert entry == manifest.descriptor()
        assert [each.descriptor for each in await open_local(tmp_path).list()] != []

    with_client(fake_oci, story)


@pytest.mark.parametrize("form", FORMATS)
def test_pull_another_platform(fake_oci: Peer, repository: str, tmp_path: Path, form: Any) -> None:
    """An image for a single platform is pulled where it runs, also on a variant that it does not name; else refused."""

    async def story(client: GhcrClient) -> None:
        ref = f"{repository}:arm"
        image = await image_of(unique(), platform="linux/arm")
        await client.push_image(ref, image)
        with pytest.raises(ManifestUnknown, match="linux/amd64; it has: linux/arm"):
            await client.pull_image(ref, tmp_path / "pulled", platform="linux/amd64", format=form)
        assert not (tmp_path / "pulled").exists()
        pulled = await client.pull_image(ref, tmp_path / "pulled", platform="linux/arm/v6", format=form)
        assert pulled == image.manifest

    with_client(fake_oci, story)


def test_a_damaged_layout_is_healed(fake_oci: Peer, repository: str, tmp_path: Path) -> None:
    """A blob of the right size with a wrong byte is pulled again, and only that one."""
    progress = Progresses()

    async def story(client: GhcrClient) -> None:
        image = await image_of(unique(), unique())
        await client.push_image(f"{repository}:v1", image)
        await client.pull_image(f"{repository}:v1", tmp_path / "layout")
        bad = image.manifest.document.children[1].digest
        path = tmp_path / "layout" / "blobs" / "sha256" / bad.hex
        right = path.read_bytes()
        path.write_bytes(bytes([right[0] ^ 1]) + right[1:])
        await client.pull_image(f"{repository}:v1", tmp_path / "layout", progress=progress)
        assert path.read_bytes() == right
        states = {name: each.state for name, each in progress.last().items()}
        assert states == {
            each.digest: "done" if each.digest == bad else "exists"
            for each in image.manifest.document.children
        }

    with_client(fake_oci, story)


@pytest.mark.parametrize("form", FORMATS[1:])
def test_an_archive_s_target(fake_oci: Peer, repository: str, tmp_path: Path, form: Any) -> None:
    """A link to an archive is followed; a pipe is refused before anything is pulled, and stays."""
    counted = Counted()
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe")

    async def story(client: GhcrClient) -> None:
        await client.push_image(f"{repository}:v1", await image_of(unique()))
        await client.pull_image(f"{repository}:v1", tmp_path / "link", format=form)
        counted.clear()
        with pytest.raises(FileExistsError, match="pipe"):
            await client.pull_image(f"{repository}:v1", tmp_path / "pipe", format=form)
        assert not counted.asked

    with_client(fake_oci, story, metrics=counted)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").is_file()
    assert (tmp_path / "pipe").is_fifo()


def test_no_such_format(fake_oci: Peer, tmp_path: Path) -> None:
    """A format that nobody knows is refused, with those that there are."""

    async def story(client: GhcrClient) -> None:
        wrong: Any = "docker"
        with pytest.raises(ValueError, match="oci, oci-archive, docker-archive, not 'docker'"):
            await client.pull_image("acme/app:v1", tmp_path / "app.tar", format=wrong)

    with_client(fake_oci, story)


def test_an_index_is_no_docker_archive(registry: Peer, repository: str, tmp_path: Path) -> None:
    """Several platforms do not go into a docker-archive: an error that leaves no file."""

    async def story(client: GhcrClient) -> None:
        await two_platforms(client, repository)
        with pytest.raises(InvalidManifest):
            await client.pull_image(f"{repository}:all", tmp_path / "d.tar", format="docker-archive")

    with_client(registry, story)
    assert not list(tmp_path.iterdir())


def test_no_such_name(registry: Peer, repository: str, tmp_path: Path) -> None:
    """A layout that has no such image, and a path where nothing is, are errors; nothing is pushed."""

    async def story(client: GhcrClient) -> None:
        await client.push_image(f"{repository}:v1", await image_of(unique()))
        await client.pull_image(f"{repository}:v1", tmp_path / "layout")
        with pytest.raises(LayoutError):
            await client.push_image(f"{repository}:v2", tmp_path / "layout", name="v9")
        with pytest.raises(LayoutError):
            await client.push_image(f"{repository}:v2", tmp_path / "nothing")
        assert await client.list_tags(repository) == ["v1"]

    with_client(registry, story)


@pytest.mark.clients
@pytest.mark.parametrize("form", ["oci", "oci-archive"])
def test_umoci_unpacks_what_is_pulled(registry: Peer, repository: str, tmp_path: Path, form: Any) -> None:
    """Umoci unpacks the image: all layers, plain and packed, in their order."""
    require("umoci", "tar")
    one, two = unique(), unique()

    async def story(client: GhcrClient) -> None:
        await client.push_image(f"{repository}:v1", await image_of(one, two))
        await client.pull_image(f"{repository}:v1", tmp_path / "pulled", format=form)

    with_client(registry, story)
    layout = tmp_path / "pulled"
    if form == "oci-archive":
        layout = tmp_path / "layout"
        layout.mkdir()
        run("tar", "-xf", tmp_path / "pulled", "-C", layout)
    run("umoci", "unpack", "--rootless", "--image", f"{layout}:v1", tmp_path / "bundle")
    for word in (one, two):
        assert (tmp_path / "bundle/rootfs/etc" / word).read_text() == word


@pytest.mark.clients
def test_skopeo_reads_the_docker_archive(registry: Peer, repository: str, tmp_path: Path) -> None:
    """A docker-archive that was pulled has its name and layers for skopeo."""
    require("skopeo")

    async def story(client: GhcrClient) -> None:
        await client.push_image(f"{repository}:v1", await image_of(unique(), unique()))
        await client.pull_image(f"{repository}:v1", tmp_path / "d.tar", format="docker-archive")

    with_client(registry, story)
    said = json.loads(run("skopeo", "inspect", f"docker-archive:{tmp_path / 'd.tar'}").stdout)
    assert len(said["Layers"]) == 2
    run("skopeo", "copy", f"docker-archive:{tmp_path / 'd.tar'}", f"oci:{tmp_path / 'out'}:v1")


# --- layers that are elsewhere


async def foreign(client: GhcrClient, repository: str, media_type: str) -> tuple[Descriptor, Manifest]:
    """An image whose first layer no registry has; its own one is pushed."""
    image = await image_of(unique(), unique())
    document = image.manifest.document
    assert isinstance(document, ImageManifest)
    elsewhere = Descriptor(
        media_type=media_type,
        digest=Digest.of(unique().encode()),
        size=1000,
        urls=("https://example.com/layer",),
    )
    layers = (elsewhere, *document.layers[1:])
    manifest = Manifest.build(document.model_copy(update={"layers": layers}))
    await client.push_image(f"{repository}:foreign", Image(manifest, image._sources))
    return elsewhere, manifest


FOREIGN = {
    "docker": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "oci": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("form", ["oci", "oci-archive"])
def test_pull_without_foreign_layers(
    fake_oci: Peer, repository: str, tmp_path: Path, form: Any, kind: str
) -> None:
    """A layer that registries do not keep is left out of a layout, which is pushed again as it is."""

    async def story(client: GhcrClient) -> None:
        elsewhere, manifest = await foreign(client, repository, FOREIGN[kind])
        assert await client.pull_image(f"{repository}:foreign", tmp_path / "pulled", format=form) == manifest
        local = open_local(tmp_path / "pulled")
        there = {each.digest: local.has(each) for each in manifest.document.children}
        assert [digest for digest, has in there.items() if not has] == [elsewhere.digest]
        digest = await client.push_image(f"{repository}-other:foreign", tmp_path / "pulled")
        assert digest == manifest.digest
        assert await client.copy_image(f"{repository}:foreign", f"{repository}-copy:v1") == digest

    with_client(fake_oci, story)


def test_foreign_layers_take_no_room(registry: Peer, repository: str) -> None:
    """A layer that registries do not keep is no part of an image's size."""

    async def story(client: GhcrClient) -> None:
        elsewhere, manifest = await foreign(client, repository, FOREIGN["docker"])
        all_of_it = manifest.size + sum(each.size for each in manifest.document.children)
        assert await client.image_size(f"{repository}:foreign") == all_of_it - elsewhere.size

    with_client(registry, story)


@pytest.mark.parametrize("kind", FOREIGN)
def test_no_docker_archive_of_foreign_layers(
    fake_oci: Peer, repository: str, tmp_path: Path, kind: str
) -> None:
    """A docker-archive needs every layer: an error that says what to pull instead, and leaves no file."""

    async def story(client: GhcrClient) -> None:
        await foreign(client, repository, FOREIGN[kind])
        with pytest.raises(InvalidManifest, match="pull an OCI layout"):
            await client.pull_image(f"{repository}:foreign", tmp_path / "d.tar", format="docker-archive")

    with_client(fake_oci, story)
    assert not list(tmp_path.iterdir())


def test_what_two_platforms_share_comes_once(fake_oci: Peer, repository: str, tmp_path: Path) -> None:
    """A layer that two images of an index list is asked for once, and told of once."""
    assert fake_oci.simulator is not None
    fake, progress = fake_oci.simulator, Progresses()

    async def story(client: GhcrClient) -> None:
        images = await two_platforms(client, repository)
        listed = {each.digest for image in images for each in image.manifest.document.children}
        before = len(fake.requests("blob.get"))
        await client.pull_image(f"{repository}:all", tmp_path / "layout", progress=progress)
        assert len(fake.requests("blob.get")) - before == len(listed) == 5
        assert [each.state for each in progress].count("done") == 5
        assert not [each for each in progress if each.state == "exists"]

    with_client(fake_oci, story)


def test_a_shared_layer_that_fails(fake_oci: Peer, repository: str, tmp_path: Path) -> None:
    """Where a layer that two images list does not come, the pull fails with its error, and leaves no task."""
    assert fake_oci.simulator is not None
    fake = fake_oci.simulator

    async def story(client: GhcrClient) -> None:
        await two_platforms(client, repository)
        fake.fail("blob.get", status=503, times=None)
        with pytest.raises(ServerError):
            await client.pull_image(f"{repository}:all", tmp_path / "layout")
        await settled()

    with_client(fake_oci, story, max_retries=0)
    nothing_unclosed()


# --- joined


def test_push_index(registry: Peer, repository: str) -> None:
    """Images are joined with the platforms that their configurations say; an index gives all of its own."""

    async def story(client: GhcrClient) -> None:
        await two_platforms(client, repository)
        third = await image_of(unique(), platform="linux/arm/v7")
        await client.push_image(f"{repository}-other:third", third)
        digest = await client.push_index(
            f"{repository}:joined",
            [f"{repository}:all", f"{repository}-other:third", f"{repository}:all"],
            annotations={"org.example": "yes"},
        )
        joined = await client.pull_manifest(f"{repository}:joined")
        assert joined.digest == digest
        assert [str(each) for each in joined.platforms] == [*BOTH, "linux/arm/v7"]
        assert joined.document.annotations == {"org.example": "yes"}
        assert await client.get_platform_manifest(f"{repository}:joined", "linux/arm/v7") == third.manifest
        for each in third.manifest.document.children:
            assert await client.blob_exists(repository, each.digest)
        with pytest.raises(InvalidManifest):
            await client.push_index(f"{repository}:none", [])
        with pytest.raises(ManifestUnknown):
            await client.push_index(f"{repository}:none", [f"{repository}:all", f"{repository}:unknown"])
        assert not await client.image_exists(f"{repository}:none")

    with_client(registry, story)


# --- given up


@pytest.mark.parametrize("form", FORMATS)
def test_cancelled_pull(registry: Peer, repository: str, tmp_path: Path, form: Any) -> None:
    """A pull that is cancelled while layers come leaves no task, no socket and nothing that looks like an image."""

    async def story(client: GhcrClient) -> None:
        layers = [random.randbytes(3_000_000) for _ in range(3)]
        await client.push_image(f"{repository}:v1", await Image.build(layers))

        def stop(event: Progress) -> None:
            if event.state == "moving" and event.done:
                task.cancel()

        task = asyncio.ensure_future(
            client.pull_image(f"{repository}:v1", tmp_path / "pulled", format=form, progress=stop)
        )
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled()

    with_client(registry, story)
    if form == "oci":
        assert json.loads((tmp_path / "pulled/index.json").read_text())["manifests"] == []
        left = [each for each in tmp_path.rglob("*") if ".tmp" in each.name]
    else:
        left = list(tmp_path.iterdir())
    assert not left
    nothing_unclosed()


def test_cancelled_push(registry: Peer, repository: str) -> None:
    """A push that is cancelled leaves no task and no image; the same client pushes it afterwards."""
    counter: Counter[str] = Counter()

    async def story(client: GhcrClient) -> None:
        image = await image_of(*(unique() for _ in range(6)))

        class Stopping(Watched):
            async def read(self, start: int = 0) -> AsyncIterator[bytes]:
                async for piece in super().read(start):
                    if not task.cancelled() and counter["stopped"] == 0:
                        counter["stopped"] += 1
                        task.cancel()
                        await asyncio.sleep(0)
                    yield piece

        sources = {
            each.digest: Stopping(b"".join([p async for p in image.source(each).read()]), counter)
            for each in image.manifest.document.children
        }
        task = asyncio.ensure_future(client.push_image(f"{repository}:v1", Image(image.manifest, sources)))
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled()
        assert not await client.image_exists(f"{repository}:v1")
        await client.push_image(f"{repository}:v1", image)

    with_client(registry, story)
    assert counter["now"] == 0
    nothing_unclosed()
