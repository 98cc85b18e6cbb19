"""Tars: layouts and docker-archives read where they lie, hostile ones refused, and those that are written."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from client.layout.making import (
    CONFIG,
    LAYERS,
    descriptor_of,
    index_of,
    layout,
    read_all,
    saved,
    tar_bytes,
    write_files,
    write_tar,
)
from ghcr_client.digests import Digest
from ghcr_client.errors import DigestMismatch, InvalidManifest, InvalidReference
from ghcr_client.layout import (
    DockerArchive,
    LayoutArchive,
    LayoutDirectory,
    LayoutError,
    LocalImages,
    open_local,
    write_blobs_archive,
    write_docker_archive,
    write_layout_archive,
)
from ghcr_client.layout import tarfiles as tars
from ghcr_client.manifests import Manifest
from ghcr_client.models import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    EMPTY,
    OCI_ARTIFACT,
    OCI_CONFIG,
    ArtifactManifest,
    ImageIndex,
    ImageManifest,
)
from ghcr_client.sources import BytesSource, StreamSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def member(kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A member without content."""
    made = tarfile.TarInfo()
    made.type, made.linkname = kind, target
    return made


async def contents(images: LocalImages, reference: Any = None) -> list[bytes]:
    """Config and layers of an image."""
    manifest = await images.manifest(reference)
    for each in manifest.document.children:
        assert images.has(each)
    return [await read_all(images.source(each)) for each in manifest.document.children]


# --- a layout in a tar


def test_reads_a_layout(tmp_path: Path) -> None:
    """What a directory says, its tar says, byte by byte and from any offset; nothing is extracted."""
    directory = LayoutDirectory(write_files(layout(), tmp_path / "layout"))
    archive = LayoutArchive(write_tar(layout(), tmp_path / "layout.tar"))

    async def compare() -> None:
        assert await archive.list() == await directory.list()
        assert await contents(archive, "v1") == await contents(directory, "v1")
        for image in (await archive.manifest("all")).document.children:
            assert await contents(archive, image) == await contents(directory, image)
        (first, *_) = (await archive.manifest("v1")).document.layers
        assert await read_all(archive.source(first), 5) == (await read_all(directory.source(first)))[5:]

    asyncio.run(compare())
    assert {each.name for each in tmp_path.iterdir()} == {"layout", "layout.tar"}


def test_names_as_tar_writes_them(tmp_path: Path) -> None:
    """`tar -C layout .` writes directories, and `./` before every name."""
    files: dict[str, Any] = {"./blobs": member(tarfile.DIRTYPE), "blobs/": member(tarfile.DIRTYPE)}
    files |= {f"./{name}": data for name, data in layout().items()}
    archive = open_local(write_tar(files, tmp_path / "layout.tar"))
    assert isinstance(archive, LayoutArchive)
    assert len(asyncio.run(contents(archive, "v1"))) == 3


HOSTILE = [
    pytest.param({"../x": b""}, "leads out of the archive", id="dots"),
    pytest.param({"blobs/../../x": b""}, "leads out of the archive", id="dots-inside"),
    pytest.param({"blobs/../x": b""}, "leads out of the archive", id="dots-that-stay"),
    pytest.param({"/etc/x": b""}, "leads out of the archive", id="absolute"),
    pytest.param({"x": member(tarfile.SYMTYPE, "index.json")}, "is a link", id="symlink"),
    pytest.param({"x": member(tarfile.LNKTYPE, "index.json")}, "is a link", id="hardlink"),
    pytest.param({"x": member(tarfile.SYMTYPE, "/etc/passwd")}, "leads out", id="symlink-out"),
    pytest.param({"x": member(tarfile.LNKTYPE, "../passwd")}, "leads out", id="hardlink-out"),
    pytest.param({"x": member(tarfile.CHRTYPE)}, "no file, directory or link", id="device"),
    pytest.param({"x": member(tarfile.FIFOTYPE)}, "no file, directory or link", id="pipe"),
    pytest.param({"./index.json": b"{}"}, "holds index.json twice", id="twice"),
    pytest.param({"x" * 70_000: b""}, "is no sound tar file: a header of", id="endless-name"),
]


@pytest.mark.parametrize(("more", "words"), HOSTILE)
def test_hostile_members(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    """A layout has plain files with plain names, each once."""
    with pytest.raises(LayoutError) as caught:
        LayoutArchive(write_tar(layout() | more, tmp_path / "hostile.tar"))
    assert words in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_number_of_members_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tar with more members than any image has is not read."""
    monkeypatch.setattr(tars, "MOST_MEMBERS", 5)
    with pytest.raises(LayoutError, match="more than 5 members"):
        LayoutArchive(write_tar(layout(), tmp_path / "many.tar"))


@pytest.mark.parametrize(
    ("pack", "words"),
    [
        pytest.param(gzip.compress, "compressed with gzip, and is read where it lies: gunzip it", id="gzip"),
        pytest.param(lambda data: b"\x28\xb5\x2f\xfd" + data, "unzstd it first", id="zstd"),
        pytest.param(lambda data: b"\xfd7zXZ\0" + data, "unxz it first", id="xz"),
        pytest.param(lambda data: b"BZh9" + data, "bunzip2 it first", id="bzip2"),
        pytest.param(lambda data: b"", "no sound tar file", id="empty"),
        pytest.param(lambda data: b"PK\x03\x04" + data, "no sound tar file", id="zip"),
        pytest.param(lambda data: data[:520], "does not fit into the file", id="cut-in-a-member"),
        pytest.param(lambda data: data[:1024] + b"x" * 1024, "a damaged header at byte 1024", id="damaged"),
        pytest.param(lambda data: b"x" * 4096, "no sound tar file", id="garbage"),
    ],
)
def test_no_tar(tmp_path: Path, pack: Any, words: str) -> None:
    """What is no uncompressed, whole tar is an error that says what to do."""
    (tmp_path / "app.tar").write_bytes(pack(tar_bytes(layout())))
    with pytest.raises(LayoutError) as caught:
        open_local(tmp_path / "app.tar")
    assert words in str(caught.value)


def test_tar_that_lacks_a_blob(tmp_path: Path) -> None:
    """A layout whose blob is missing or short says which."""
    files = layout()
    digest = Digest(index_of(files)[0]["digest"])
    name = f"blobs/sha256/{digest.hex}"
    archive = LayoutArchive(write_tar(files | {name: b"short"}, tmp_path / "short.tar"))
    with pytest.raises(LayoutError, match=rf"{name} should have \d+ bytes, but has 5"):
        asyncio.run(archive.manifest("v1"))
    del files[name]
    archive = LayoutArchive(write_tar(files, tmp_path / "missing.tar"))
    with pytest.raises(LayoutError, match=f"{name} is missing"):
        asyncio.run(archive.manifest("v1"))


def test_tar_that_shrinks(tmp_path: Path) -> None:
    """A tar that is cut after it was opened is an error, not half a manifest."""
    archive = LayoutArchive(write_tar(layout(), tmp_path / "layout.tar"))
    with (tmp_path / "layout.tar").open("r+b") as file:
        file.truncate(600)
    with pytest.raises(LayoutError, match="became shorter"):
        asyncio.run(archive.manifest("v1"))
    (tmp_path / "layout.tar").unlink()
    with pytest.raises(LayoutError, match="cannot be read: No such file"):
        asyncio.run(archive.manifest("v1"))


# --- a docker-archive


def test_reads_an_old_docker_save(tmp_path: Path) -> None:
    """An archive without manifests gets Docker's: around its config, with its layers as they are."""
    archive = DockerArchive(write_tar(saved(), tmp_path / "save.tar"))

    async def look() -> None:
        (entry,) = await archive.list()
        manifest = await archive.manifest()
        assert (entry.names, entry.descriptor) == (("acme/app:v1",), manifest.descriptor())
        assert manifest.media_type == DOCKER_MANIFEST
        assert [each.media_type for each in manifest.document.children] == [
            DOCKER_CONFIG,
            "application/vnd.docker.image.rootfs.diff.tar",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ]
        assert await contents(archive) == [CONFIG, *LAYERS.values()]
        for reference in ("v1", "acme/app:v1", manifest.digest, entry.descriptor):
            assert await archive.manifest(reference) == manifest
        assert archive.has(entry.descriptor)
        assert await read_all(archive.source(entry.descriptor)) == manifest.raw

    asyncio.run(look())
    assert repr(archive) == f"DockerArchive({str(tmp_path / 'save.tar')!r})"


def test_several_images_in_an_archive(tmp_path: Path) -> None:
    """Only the image that is asked for is read; without a name, the error lists all; one has two names."""
    other = json.dumps({"rootfs": {"diff_ids": json.loads(CONFIG)["rootfs"]["diff_ids"][:1]}}).encode()
    listed = json.loads(saved()["manifest.json"])
    listed += [
        {"Config": "other.json", "RepoTags": None, "Layers": ["one/layer.tar"]},
        {"Config": "broken.json", "RepoTags": ["acme/app:broken"], "Layers": []},
        {"Config": listed[0]["Config"], "RepoTags": ["acme/app:v2"], "Layers": list(LAYERS)},
    ]
    files = saved({"other.json": other, "broken.json": b"no", "manifest.json": json.dumps(listed).encode()})
    archive = DockerArchive(write_tar(files, tmp_path / "save.tar"))

    async def look() -> None:
        assert await archive.manifest("v1") == await archive.manifest("acme/app:v2")
        with pytest.raises(
            LayoutError, match=r"holds 2 images: say which one of acme/app:v1, acme/app:broken"
        ):
            await archive.manifest()
        with pytest.raises(LayoutError, match=r"broken\.json is damaged"):
            await archive.list()

    asyncio.run(look())


def test_links_to_other_layers(tmp_path: Path) -> None:
    """Docker wrote equal layers once, and links for the others: hard or symbolic, also through each other."""
    links = {
        "1/layer.tar": member(tarfile.SYMTYPE, "../one/layer.tar"),
        "2/layer.tar": member(tarfile.LNKTYPE, "1/layer.tar"),
    }
    config = json.loads(CONFIG)
    config["rootfs"]["diff_ids"] = config["rootfs"]["diff_ids"][:1] * 3
    files = saved(
        {"c.json": json.dumps(config).encode(), **links}, Config="c.json", Layers=["one/layer.tar", *links]
    )
    archive = DockerArchive(write_tar(files, tmp_path / "save.tar"))
    assert asyncio.run(contents(archive))[1:] == [LAYERS["one/layer.tar"]] * 3


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    """A loop of links, and a link to what is not there, are errors that name it; no other file is touched."""
    layers = ["one/layer.tar", "two/layer.tar"]
    loop = saved({"one/layer.tar": member(tarfile.SYMTYPE, "layer.tar")}, Layers=layers)
    with pytest.raises(LayoutError, match="a loop of links"):
        asyncio.run(DockerArchive(write_tar(loop, tmp_path / "loop.tar")).manifest())
    gone = saved({"one/layer.tar": member(tarfile.SYMTYPE, "../gone")}, Layers=layers)
    with pytest.raises(LayoutError, match=r"one/layer\.tar is missing"):
        asyncio.run(DockerArchive(write_tar(gone, tmp_path / "gone.tar")).manifest())


NAME = f"{Digest.of(CONFIG).hex}.json"


@pytest.mark.parametrize(
    ("files", "error", "words"),
    [
        pytest.param(saved({"manifest.json": b"{}"}), LayoutError, "manifest.json is damaged", id="no-list"),
        pytest.param(saved({"manifest.json": b"[{}]"}), LayoutError, "0.Config: Field required", id="config"),
        pytest.param(saved({"manifest.json": b"[" * 9999}), LayoutError, "is damaged", id="deep"),
        pytest.param(saved({"manifest.json": b"[]"}), LayoutError, "holds no image", id="empty"),
        pytest.param(saved(RepoTags=[1]), LayoutError, "0.RepoTags.0: Input should be", id="no-text"),
        pytest.param(saved(Config="../x"), LayoutError, "../x is missing", id="config-out"),
        pytest.param(saved(Config="/etc/passwd"), LayoutError, "/etc/passwd is missing", id="config-abs"),
        pytest.param(
            saved(Layers=["one/layer.tar", "/etc/passwd"]), LayoutError, "is missing", id="layer-abs"
        ),
        pytest.param(
            saved(Layers=["one/layer.tar"]),
            LayoutError,
            "has 2 layers, and manifest.json lists 1",
            id="count",
        ),
        pytest.param(saved({NAME: b"{}"}), DigestMismatch, NAME, id="config-changed"),
        pytest.param(saved({"c": b"[]"}, Config="c"), LayoutError, "no list rootfs.diff_ids", id="no-config"),
        pytest.param(
            saved({"c": b'{"rootfs":{"diff_ids":["md5:1"]}}'}, Config="c"),
            LayoutError,
            "the algorithm is not known",
            id="no-digests",
        ),
        pytest.param(
            saved({"one/layer.tar": b"other"}), DigestMismatch, "one/layer.tar: sha256", id="layer-changed"
        ),
        pytest.param(
            saved({"c": b'{"rootfs":{"diff_ids":[]}}'}, Config="c", Layers=None),
            InvalidManifest,
            "at least one layer",
            id="no-layers",
        ),
        pytest.param(saved({NAME: b"x" * (9 << 20)}), LayoutError, "at most 8388608 are read", id="endless"),
    ],
)
def test_damaged_docker_saves(tmp_path: Path, files: dict[str, Any], error: Any, words: str) -> None:
    """What does not fit together is an error that names the file."""
    path = write_tar(files, tmp_path / "save.tar")
    with pytest.raises(error) as caught:
        asyncio.run(DockerArchive(path).manifest())
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_docker_save_that_shrinks(tmp_path: Path) -> None:
    """An archive that is cut after it was opened is an error, not a shorter layer."""
    archive = DockerArchive(write_tar(saved(), tmp_path / "save.tar"))
    config = archive._files.place(NAME)
    assert config is not None
    data = (tmp_path / "save.tar").read_bytes()
    (tmp_path / "save.tar").write_bytes(data[: config.start] + b"x")
    with pytest.raises(LayoutError, match="became shorter"):
        asyncio.run(archive.manifest())


def test_a_layout_is_no_docker_save(tmp_path: Path) -> None:
    """Who wants a docker-archive and gives a layout's tar is told what is missing."""
    with pytest.raises(LayoutError, match=r"not written by docker save: it has no file manifest\.json"):
        DockerArchive(write_tar(layout(), tmp_path / "layout.tar"))


def test_what_is_not_there(tmp_path: Path) -> None:
    """A digest that no image has, and a blob whose manifest was not asked for, are errors that say so."""
    archive = DockerArchive(write_tar(saved(), tmp_path / "save.tar"))
    config = descriptor_of(CONFIG)
    assert not archive.has(config)
    with pytest.raises(LayoutError, match="was not asked for yet"):
        archive.source(config)
    with pytest.raises(LayoutError, match="ask by name"):
        asyncio.run(archive.manifest(config.digest))
    assert archive.has(config)
    with pytest.raises(LayoutError, match="should have 1 bytes"):
        archive.source(config.model_copy(update={"size": 1}))


def modern(*, keep: int = 2) -> dict[str, Any]:
    """What Docker's containerd store saves: an index with `keep` of its images, and the last of those in a list."""
    files: dict[str, Any] = layout()
    entry = next(each for each in index_of(files) if "all" in each["annotations"].values())
    images = json.loads(files[f"blobs/{entry['digest'].replace(':', '/')}"])["manifests"]
    for each in images[keep:]:
        del files[f"blobs/{each['digest'].replace(':', '/')}"]
    config, layers = "x", []
    for each in images[:keep]:
        image = json.loads(files[f"blobs/{each['digest'].replace(':', '/')}"])
        config, *layers = [
            f"blobs/{b['digest'].replace(':', '/')}" for b in (image["config"], *image["layers"])
        ]
    entry["annotations"]["io.containerd.image.name"] = "docker.io/acme/app:all"
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    listed = [{"Config": config, "RepoTags": ["acme/app:all"], "Layers": layers}]
    return files | {"manifest.json": json.dumps(listed).encode()}


def test_a_docker_save_with_a_layout(tmp_path: Path) -> None:
    """Where an archive holds both, the layout counts: manifests keep their bytes."""
    archive = open_local(write_tar(modern(), tmp_path / "save.tar"))
    assert isinstance(archive, DockerArchive)

    async def look() -> None:
        (entry,) = await archive.list()
        assert entry.names == ("docker.io/acme/app:all", "all")
        for reference in (None, "all", "acme/app:all", "docker.io/acme/app:all"):
            assert (await archive.manifest(reference)).digest == entry.descriptor.digest

    asyncio.run(look())


def test_a_docker_save_with_one_platform(tmp_path: Path) -> None:
    """Of an index that was saved in part, the image that is there is meant by name; by digest, it is the index."""
    archive = DockerArchive(write_tar(modern(keep=1), tmp_path / "save.tar"))

    async def look() -> None:
        (entry,) = await archive.list()
        index = await archive.manifest(entry.descriptor.digest)
        assert index.is_multi_arch
        image = await archive.manifest("all")
        assert image.digest == index.document.children[0].digest
        assert len(await contents(archive, "all")) == 2

    asyncio.run(look())


def test_a_docker_save_without_any_platform(tmp_path: Path) -> None:
    """Where none of an index's images is there, the error says so."""
    archive = DockerArchive(write_tar(modern(keep=0), tmp_path / "save.tar"))
    with pytest.raises(LayoutError, match="holds 0 of the images that sha256:"):
        asyncio.run(archive.manifest())


# --- what is written


def test_a_layout_archive_is_always_the_same(tmp_path: Path) -> None:
    """Equal layouts make equal tars: sorted, without dates; what is not a blob stays out."""
    paths = []
    for name in ("one", "two"):
        images = LayoutDirectory(write_files(layout(), tmp_path / name))
        (images.path / "blobs/sha256/.hidden.tmp").write_bytes(b"half")
        (images.path / "notes").write_bytes(name.encode())
        paths.append(tmp_path / f"{name}.tar")
        asyncio.run(write_layout_archive(images, paths[-1]))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with tarfile.open(paths[0]) as tar:
        members = tar.getmembers()
    assert [each.name for each in members] == sorted(layout())
    assert {(each.mtime, each.uid, each.uname, each.mode) for each in members} == {(0, 0, "", 0o644)}
    assert len(asyncio.run(contents(open_local(paths[0]), "v1"))) == 3
    assert {each.name for each in tmp_path.iterdir()} == {"one", "two", "one.tar", "two.tar"}


def test_a_damaged_layout_is_not_archived(tmp_path: Path) -> None:
    """A blob that is not what its name says is not passed on, and the tar that was there stays."""
    images = LayoutDirectory(write_files(layout(), tmp_path / "layout"))
    (images.path / "blobs/sha256" / ("a" * 64)).write_bytes(b"other")
    (tmp_path / "app.tar").write_bytes(b"before")
    with pytest.raises(DigestMismatch, match="blobs/sha256/aaaa"):
        asyncio.run(write_layout_archive(images, tmp_path / "app.tar"))
    assert (tmp_path / "app.tar").read_bytes() == b"before"
    assert {each.name for each in tmp_path.iterdir()} == {"layout", "app.tar"}


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize(
    ("pieces", "size", "error"),
    [
        pytest.param([b"hel", b"lo"], 5, None, id="right"),
        pytest.param([b"hel"], 5, LayoutError, id="fewer"),
        pytest.param([b"hello", b"!", b"never read"], 5, LayoutError, id="more"),
        pytest.param([b"hellO"], 5, DigestMismatch, id="other"),
        pytest.param([b"hello"], None, LayoutError, id="unknown-size"),
    ],
)
def test_a_stream_into_a_tar(tmp_path: Path, pieces: list[bytes], size: int | None, error: Any) -> None:
    """What comes over a network is verified while it is written; if it is wrong, there is no tar."""
    source = StreamSource(stream(*pieces), size=size)
    blobs = [(Digest.of(b"hello"), source)]
    index = b'{"schemaVersion":2,"manifests":[]}'
    path = tmp_path / "app.tar"
    if error is None:
        asyncio.run(write_blobs_archive(index, blobs, path))
        assert asyncio.run(read_all(LayoutArchive(path).source(descriptor_of(b"hello")))) == b"hello"
    else:
        with pytest.raises(error):
            asyncio.run(write_blobs_archive(index, blobs, path))
        assert list(tmp_path.iterdir()) == []


def test_a_cancelled_tar_leaves_nothing(tmp_path: Path) -> None:
    """A writer that is cancelled in the middle leaves no file."""
    begun = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"hel"
        begun.set()
        await asyncio.sleep(60)

    async def cancel() -> None:
        blobs = [(Digest.of(b"hello"), StreamSource(slow(), size=5))]
        index = b'{"schemaVersion":2,"manifests":[]}'
        task = asyncio.create_task(write_blobs_archive(index, blobs, tmp_path / "app.tar"))
        await asyncio.wait_for(begun.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert list(tmp_path.iterdir()) == []


def test_a_member_beyond_eight_gib(tmp_path: Path) -> None:
    """The size of a huge member is written so that it is read again."""
    from ghcr_client.layout.tarwriter import _header  # noqa: PLC0415

    head = _header("big", 9 << 30)
    path = tmp_path / "big.tar"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + (9 << 30) + 1024)
    place = tars.TarFiles(path).place("big")
    assert place is not None
    assert (place.start, place.size) == (len(head), 9 << 30)


LAYER = tar_bytes({"etc/one": b"1"})
SINGLE = json.dumps(
    {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [Digest.of(LAYER)]}}
).encode()


def image(layers: int = 1, config: bytes = SINGLE, **more: Any) -> Manifest:
    """An image of so many equal layers."""
    return Manifest.build(
        ImageManifest(
            config=descriptor_of(config, OCI_CONFIG),
            layers=(descriptor_of(LAYER, "application/vnd.oci.image.layer.v1.tar"),) * layers,
            **more,
        )
    )


def test_a_docker_archive_is_read_again(tmp_path: Path) -> None:
    """Files are named as crane names them; a layer that the image has twice is there once."""
    config = json.dumps({"rootfs": {"diff_ids": [Digest.of(LAYER)] * 2}}).encode()
    path = tmp_path / "app.tar"
    sources = [BytesSource(LAYER), StreamSource(stream(LAYER))]
    names = ["ghcr.io/acme/app:v1", "acme/app"]
    asyncio.run(write_docker_archive(path, image(2, config), config, sources, names))
    with tarfile.open(path) as tar:
        members = tar.getnames()
        listed = json.load(tar.extractfile("manifest.json") or pytest.fail("no list"))
    digest, layer = Digest.of(config), f"{Digest.of(LAYER).hex}.tar.gz"
    assert members == [digest, layer, "manifest.json"]
    tags = ["ghcr.io/acme/app:v1", "ghcr.io/acme/app:latest"]
    assert listed == [{"Config": digest, "RepoTags": tags, "Layers": [layer, layer]}]
    archive = open_local(path)
    assert asyncio.run(contents(archive, "ghcr.io/acme/app")) == [config, LAYER, LAYER]
    first = hashlib.sha256(path.read_bytes()).digest()
    asyncio.run(write_docker_archive(path, image(2, config), config, [BytesSource(LAYER)] * 2, names))
    assert hashlib.sha256(path.read_bytes()).digest() == first


ARTIFACT = Manifest.build(ImageManifest(config=descriptor_of(b"{}", EMPTY), artifact_type="text/plain"))
INDEX = Manifest.build(ImageIndex(manifests=(image().descriptor(),)))


@pytest.mark.parametrize(
    ("manifest", "config", "layers", "names", "error", "words"),
    [
        pytest.param(INDEX, SINGLE, [], (), InvalidManifest, "choose one of its platforms", id="index"),
        pytest.param(ARTIFACT, b"{}", [], (), InvalidManifest, "is an artifact", id="artifact"),
        pytest.param(
            Manifest.build(ArtifactManifest(media_type=OCI_ARTIFACT)),
            b"{}",
            [],
            (),
            InvalidManifest,
            "is an artifact",
            id="old-artifact",
        ),
        pytest.param(image(), CONFIG, [LAYER], (), DigestMismatch, "config: sha256", id="other-config"),
        pytest.param(
            image(2), SINGLE, [LAYER] * 2, (), InvalidManifest, "lists 1 layers, and the manifest 2", id="ids"
        ),
        pytest.param(
            image(config=b"{}"), b"{}", [LAYER], (), InvalidManifest, "no list rootfs.diff_ids", id="no-ids"
        ),
        pytest.param(image(), SINGLE, [], (), ValueError, "shorter", id="too-few-sources"),
        pytest.param(image(), SINGLE, [b"other"], (), LayoutError, "and 5 came", id="short-layer"),
        pytest.param(image(), SINGLE, [LAYER[::-1]], (), DigestMismatch, "try again", id="other-layer"),
        pytest.param(image(), SINGLE, [LAYER], ["App:v1"], InvalidReference, "lower case", id="name"),
        pytest.param(
            image(), SINGLE, [LAYER], [f"a/b@{INDEX.digest}"], InvalidReference, "has no tag", id="no-tag"
        ),
    ],
)
def test_what_is_not_written(  # noqa: PLR0917 - one for each column
    tmp_path: Path, manifest: Manifest, config: bytes, layers: list[bytes], names: Any, error: Any, words: str
) -> None:
    """What nobody could load is refused, and no file is left."""
    with pytest.raises(error, match=words):
        asyncio.run(
            write_docker_archive(tmp_path / "a.tar", manifest, config, list(map(BytesSource, layers)), names)
        )
    assert list(tmp_path.iterdir()) == []
