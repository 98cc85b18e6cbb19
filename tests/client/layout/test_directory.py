"""An OCI image layout in a directory: what is read, what is written, what is refused, and what a failure leaves."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from client.layout.making import descriptor_of, index_of, layout, read_all, write_files
from ghcr_client.digests import Digest
from ghcr_client.errors import DigestMismatch, InvalidManifest, InvalidReference
from ghcr_client.layout import LayoutDirectory, LayoutError, LocalImages
from ghcr_client.layout import index as indexes
from ghcr_client.manifests import Manifest
from ghcr_client.models import OCI_CONFIG, OCI_MANIFEST, Descriptor, ImageManifest

if TYPE_CHECKING:
    from pathlib import Path

DATA = b"some content"
DIGEST = Digest.of(DATA)
MANIFEST = Manifest.build(
    ImageManifest(config=descriptor_of(b"{}", OCI_CONFIG), layers=(descriptor_of(DATA),))
)


@pytest.fixture
def made(tmp_path: Path) -> LayoutDirectory:
    """An empty layout."""
    return LayoutDirectory.create(tmp_path / "deep" / "layout")


@pytest.fixture
def seeded(tmp_path: Path) -> LayoutDirectory:
    """A layout with the image `v1` and the index `all`."""
    return LayoutDirectory(write_files(layout(), tmp_path / "layout"))


def names(images: LocalImages) -> list[str | None]:
    return [each.name for each in asyncio.run(images.list())]


def files_of(images: LayoutDirectory) -> set[str]:
    """All files of a layout but the lock."""
    below = (each for each in images.path.rglob("*") if each.is_file())
    return {each.relative_to(images.path).as_posix() for each in below} - {indexes.LOCK}


def blobs_of(images: LayoutDirectory) -> set[str]:
    """All files of a layout but its two documents: blobs, and whatever was left."""
    return files_of(images) - {"index.json", "oci-layout"}


# --- reading


def test_reads_what_a_seed_wrote(seeded: LayoutDirectory) -> None:
    """The list has every name; a manifest comes by tag, full name, digest and descriptor, with its bytes."""
    listed = asyncio.run(seeded.list())
    assert [each.name for each in listed] == ["v1", "all"]
    wanted = listed[0].descriptor
    for reference in ("v1", "ghcr.io/acme/app:v1", wanted.digest, f"x/y@{wanted.digest}", wanted):
        manifest = asyncio.run(seeded.manifest(reference))
        assert manifest.digest == wanted.digest
        assert manifest.raw == (seeded.path / "blobs/sha256" / wanted.digest.hex).read_bytes()
    assert isinstance(seeded, LocalImages)
    assert repr(seeded) == f"LayoutDirectory({str(seeded.path)!r})"


def test_children_of_an_index_need_not_be_listed(seeded: LayoutDirectory) -> None:
    """An index's images are read by descriptor and by digest, and all their blobs are there."""

    async def walk() -> None:
        index = await seeded.manifest("all")
        assert index.is_multi_arch
        for child in index.document.children:
            image = await seeded.manifest(child)
            assert image == await seeded.manifest(child.digest)
            for blob in image.document.children:
                assert seeded.has(blob)
                source = seeded.source(blob)
                data = await read_all(source)
                blob.digest.verify(data)
                assert (source.size, source.digest, source.rewindable) == (blob.size, blob.digest, True)
                assert await read_all(source, 3) == data[3:]

    asyncio.run(walk())


def test_several_images_and_no_name(seeded: LayoutDirectory) -> None:
    """Without a name, the error lists what there is."""
    with pytest.raises(LayoutError, match="holds 2 images: say which one of v1, all"):
        asyncio.run(seeded.manifest())


def test_entries_that_are_no_manifests_are_passed_over(seeded: LayoutDirectory) -> None:
    """The specification lets an index list anything; what no registry takes is not an image."""
    index = json.loads((seeded.path / "index.json").read_bytes())
    index["manifests"].append({"mediaType": "application/xml", "digest": DIGEST, "size": 1})
    (seeded.path / "index.json").write_text(json.dumps(index))
    assert names(seeded) == ["v1", "all"]


@pytest.mark.parametrize("null", [None, []], ids=["null", "empty"])
def test_an_empty_list(made: LayoutDirectory, null: Any) -> None:
    """Umoci writes `null` for an empty list; both read as no image, and take one."""
    (made.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": null}))
    assert names(made) == []
    made.put_bytes(MANIFEST.raw)
    asyncio.run(made.tag(MANIFEST.descriptor(), "v1"))
    assert names(made) == ["v1"]


# --- damage and malice


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "is no OCI image layout: it has no file oci-layout", id="missing"),
        pytest.param(b"{}", "says version None", id="no-version"),
        pytest.param(b'{"imageLayoutVersion":"2.0.0"}', "says version '2.0.0'", id="other-version"),
        pytest.param(b"[]", "says version None", id="no-object"),
        pytest.param(b"1.0.0", "oci-layout is damaged: it is not JSON", id="no-json"),
    ],
)
def test_the_mark_of_a_layout(seeded: LayoutDirectory, content: bytes | None, words: str) -> None:
    """A directory is a layout by its `oci-layout`, of version 1.0.0."""
    mark = seeded.path / "oci-layout"
    mark.unlink() if content is None else mark.write_bytes(content)
    with pytest.raises(LayoutError) as caught:
        LayoutDirectory(seeded.path)
    assert words in str(caught.value)


DAMAGED = [
    pytest.param(b"", id="empty"),
    pytest.param(b"[]", id="list"),
    pytest.param(b"{}", id="no-manifests"),
    pytest.param(b'{"schemaVersion":2,"manifests":[{}]}', id="no-descriptor"),
    pytest.param(b'{"schemaVersion":2,"manifests":[', id="cut"),
    pytest.param(b'{"manifests":[],"mediaType":"%s"}' % OCI_MANIFEST.encode(), id="other-type"),
    pytest.param(b"[" * 200_000, id="deep"),
    pytest.param(
        b'{"manifests":[{"mediaType":"a","digest":"sha256:../../etc/passwd","size":1}]}', id="traversal"
    ),
    pytest.param(
        b'{"manifests":[{"mediaType":"a","digest":"sha256:%s","size":-1}]}' % (b"a" * 64), id="size"
    ),
]


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_index(seeded: LayoutDirectory, content: bytes) -> None:
    """A damaged index is an error that names it; nobody writes to it, and it stays as it is."""
    index = seeded.path / "index.json"
    known = asyncio.run(seeded.list())[0].descriptor
    index.write_bytes(content)
    with pytest.raises(LayoutError, match=r"index\.json is damaged"):
        asyncio.run(seeded.list())
    with pytest.raises(LayoutError, match=r"index\.json is damaged"):
        asyncio.run(seeded.tag(known, "v2"))
    assert index.read_bytes() == content


def test_missing_and_oversized_index(seeded: LayoutDirectory) -> None:
    """Without an index there is no list, and one of gigabytes is not read."""
    index = seeded.path / "index.json"
    os.truncate(index, 3 << 30)
    with pytest.raises(LayoutError, match=r"index\.json has 3221225472 bytes: at most"):
        asyncio.run(seeded.list())
    index.unlink()
    with pytest.raises(LayoutError, match=r"index\.json is missing"):
        asyncio.run(seeded.list())


def test_damaged_blobs_are_named(seeded: LayoutDirectory) -> None:
    """A missing, short or changed file is an error that says which one; `has` says that it is not there."""
    known = asyncio.run(seeded.list())[0].descriptor
    name = f"blobs/sha256/{known.digest.hex}"
    raw = (seeded.path / name).read_bytes()
    (seeded.path / name).write_bytes(raw[:-1] + b" ")
    assert seeded.has(known)
    with pytest.raises(DigestMismatch, match=name):
        asyncio.run(seeded.manifest("v1"))
    (seeded.path / name).write_bytes(raw[:-1])
    with pytest.raises(LayoutError, match=rf"{name} should have {len(raw)} bytes, but has {len(raw) - 1}"):
        seeded.source(known)
    with pytest.raises(LayoutError, match="should have"):
        asyncio.run(seeded.manifest("v1"))
    assert not seeded.has(known)
    (seeded.path / name).unlink()
    for read in (lambda: seeded.source(known), lambda: asyncio.run(seeded.manifest(known.digest))):
        with pytest.raises(LayoutError, match=rf"{name} is missing"):
            read()


def test_a_manifest_that_is_none(made: LayoutDirectory) -> None:
    """A blob that is listed as a manifest and is none is an error that says which file."""
    digest = made.put_bytes(b"[]")
    asyncio.run(made.tag(Descriptor(media_type=OCI_MANIFEST, digest=digest, size=2), "v1"))
    with pytest.raises(InvalidManifest, match=rf"blobs/sha256/{digest.hex}: not a manifest"):
        asyncio.run(made.manifest())


@pytest.mark.parametrize("target", ["outside", "/etc/hostname", "../../../outside"])
def test_links_that_lead_out(seeded: LayoutDirectory, tmp_path: Path, target: str) -> None:
    """A blob that is a link out of the directory is neither read nor there, whatever it leads to."""
    known = asyncio.run(seeded.list())[0].descriptor
    blob = seeded.path / "blobs/sha256" / known.digest.hex
    (tmp_path / "outside").write_bytes(blob.read_bytes())
    blob.unlink()
    blob.symlink_to(tmp_path / target if target == "outside" else target)
    with pytest.raises(LayoutError, match="is a link that leads out of the directory"):
        seeded.source(known)
    with pytest.raises(LayoutError, match="leads out"):
        asyncio.run(seeded.manifest("v1"))
    assert not seeded.has(known)


def test_directories_that_lead_out_are_not_written_to(made: LayoutDirectory, tmp_path: Path) -> None:
    """Where `blobs/` is a link to somewhere else, nothing is written there."""
    (tmp_path / "outside").mkdir()
    for each in (made.path / "blobs/sha256", made.path / "blobs"):
        each.rmdir()
    (made.path / "blobs").symlink_to(tmp_path / "outside")
    with pytest.raises(LayoutError, match="leads out of the directory"):
        made.put_bytes(DATA)
    with pytest.raises(LayoutError, match="leads out of the directory"):
        asyncio.run(write(made))
    assert not list((tmp_path / "outside").rglob("*"))


def test_links_inside_are_followed(seeded: LayoutDirectory) -> None:
    """A link to another file of the layout is as good as the file; a loop is an error, a pipe is none of it."""
    known = asyncio.run(seeded.list())[0].descriptor
    blob = seeded.path / "blobs/sha256" / known.digest.hex
    blob.rename(seeded.path / "elsewhere")
    blob.symlink_to("../../elsewhere")
    assert asyncio.run(seeded.manifest("v1")).digest == known.digest
    blob.unlink()
    blob.symlink_to(blob.name)
    with pytest.raises(LayoutError, match="cannot be read"):
        seeded.source(known)
    blob.unlink()
    os.mkfifo(blob)
    with pytest.raises(LayoutError, match="is no regular file"):
        seeded.source(known)


# --- making


def test_create_twice(made: LayoutDirectory) -> None:
    """What is made can be read; making it again changes nothing."""
    made.put_bytes(MANIFEST.raw)
    asyncio.run(made.tag(MANIFEST.descriptor(), "v1"))
    again = LayoutDirectory.create(made.path)
    assert names(again) == ["v1"]
    assert json.loads((made.path / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}


def test_create_goes_on_after_a_broken_start(made: LayoutDirectory) -> None:
    """A layout whose maker was killed before the mark is finished by the next one."""
    (made.path / "oci-layout").unlink()
    (made.path / ".index.json.0123.tmp").touch()
    assert names(LayoutDirectory.create(made.path)) == []


def test_create_removes_what_killed_writers_left(made: LayoutDirectory) -> None:
    """A hidden file to which nobody wrote for a day is removed; a younger one may be somebody's."""
    names_ = {f".{'a' * 32}.{digit * 16}.tmp" for digit in "01"} | {".mine.tmp"}
    for name in names_:
        (made.path / name).touch()
    old = f".{'a' * 32}.{'1' * 16}.tmp"
    for name in (old, ".mine.tmp"):
        os.utime(made.path / name, (0, 0))
    LayoutDirectory.create(made.path)
    assert blobs_of(made) == names_ - {old}


def test_create_where_something_else_is(tmp_path: Path) -> None:
    """A file, or a directory with something else in it, is left alone."""
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(LayoutError, match="it holds 'notes'"):
        LayoutDirectory.create(tmp_path)
    with pytest.raises(LayoutError, match="is a file"):
        LayoutDirectory.create(tmp_path / "notes")
    assert [each.name for each in tmp_path.iterdir()] == ["notes"]


# --- writing blobs


async def write(images: LayoutDirectory, data: bytes = DATA, size: int | None = len(DATA)) -> None:
    """A blob as a downloader writes it."""
    async with images.writing(DIGEST, size) as sink:
        for at in range(0, len(data), 5):
            await asyncio.to_thread(sink.write, data[at : at + 5])
        sink.confirm()


@pytest.mark.parametrize("size", [len(DATA), None], ids=["known", "unknown"])
def test_a_blob_is_written(made: LayoutDirectory, size: int | None) -> None:
    """A confirmed blob is there under its digest, with the rights of any new file, and nothing beside it."""
    asyncio.run(write(made, size=size))
    blob = made.path / "blobs/sha256" / DIGEST.hex
    assert blob.read_bytes() == DATA
    assert blobs_of(made) == {f"blobs/sha256/{DIGEST.hex}"}
    assert blob.stat().st_mode == (made.path / "oci-layout").stat().st_mode


def test_a_blob_is_not_seen_before_its_end(made: LayoutDirectory) -> None:
    """While it is written, neither its name nor `has` shows it."""

    async def look() -> None:
        async with made.writing(DIGEST, len(DATA)) as sink:
            sink.write(DATA)
            assert sink.written == len(DATA)
            assert not made.has(descriptor_of(DATA))
            assert not (made.path / "blobs/sha256" / DIGEST.hex).exists()
            sink.confirm()

    asyncio.run(look())
    assert made.has(descriptor_of(DATA))


def test_a_download_begins_again(made: LayoutDirectory) -> None:
    """After `rewind`, what was written before is gone, and must be confirmed anew."""

    async def again() -> None:
        async with made.writing(DIGEST, len(DATA)) as sink:
            sink.write(b"wrong bytes!")
            sink.confirm()
            sink.rewind()
            assert (sink.written, sink.confirmed) == (0, False)
            sink.write(DATA)
            sink.confirm()

    asyncio.run(again())
    assert (made.path / "blobs/sha256" / DIGEST.hex).read_bytes() == DATA


def test_a_damaged_blob_is_healed(made: LayoutDirectory) -> None:
    """What is written replaces what was there, even a link out of the directory."""
    blob = made.path / "blobs/sha256" / DIGEST.hex
    blob.symlink_to("/etc/hostname")
    asyncio.run(write(made))
    assert not blob.is_symlink()
    assert blob.read_bytes() == DATA


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(DATA + b"x", "should have 12 bytes, and more came", id="more"),
        pytest.param(DATA[:-1], "should have 12 bytes, and 11 came", id="fewer"),
    ],
)
def test_sizes_are_checked(made: LayoutDirectory, data: bytes, words: str) -> None:
    """More bytes are not written, fewer not confirmed; nothing is left."""
    with pytest.raises(LayoutError, match=words):
        asyncio.run(write(made, data))
    assert blobs_of(made) == set()


def test_nothing_is_left_of_a_failure(made: LayoutDirectory) -> None:
    """An error in the block, and a block that confirms nothing, leave no file."""

    async def fail(error: Exception | None) -> None:
        async with made.writing(DIGEST) as sink:
            sink.write(DATA)
            if error:
                raise error

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail(ZeroDivisionError()))
    with pytest.raises(LayoutError, match="not confirmed"):
        asyncio.run(fail(None))
    assert blobs_of(made) == set()


def test_nothing_is_left_of_a_cancelled_write(made: LayoutDirectory) -> None:
    """A writer that is cancelled while a thread writes leaves no file, and that thread writes to no other one."""

    async def endless() -> None:
        async with made.writing(DIGEST) as sink:
            while True:
                await asyncio.to_thread(sink.write, bytes(1 << 20))

    async def cancel() -> None:
        for _ in range(10):
            task = asyncio.create_task(endless())
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert blobs_of(made) == set()

    asyncio.run(cancel())


def test_a_write_that_comes_too_late(made: LayoutDirectory) -> None:
    """What is written or committed after the block ended goes nowhere."""

    async def late() -> None:
        async with made.writing(DIGEST) as sink:
            sink.confirm()
        with pytest.raises(ValueError, match="closed file"):
            sink.write(DATA)
        with pytest.raises(ValueError, match="was given up"):
            sink._file.commit()

    asyncio.run(late())


def test_writers_of_the_same_blob(made: LayoutDirectory) -> None:
    """Several write the same blob at once: it is there once, whole."""

    async def several() -> None:
        await asyncio.gather(*(write(made) for _ in range(8)))

    asyncio.run(several())
    assert blobs_of(made) == {f"blobs/sha256/{DIGEST.hex}"}


def test_a_commit_that_fails_leaves_nothing(made: LayoutDirectory) -> None:
    """Where a directory has the blob's name, the error is the system's, and the hidden file is gone."""
    (made.path / "blobs/sha256" / DIGEST.hex).mkdir()
    with pytest.raises(OSError, match=DIGEST.hex):
        asyncio.run(write(made))
    assert blobs_of(made) == set()


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_put_bytes(made: LayoutDirectory, algorithm: str) -> None:
    """Small content is stored under its digest, twice without harm."""
    digest = made.put_bytes(DATA, algorithm=algorithm)
    assert made.put_bytes(DATA, algorithm=algorithm) == digest == Digest.of(DATA, algorithm)
    assert blobs_of(made) == {f"blobs/{algorithm}/{digest.hex}"}


# --- the index


def test_tags(made: LayoutDirectory) -> None:
    """A name is replaced by the same name and by no other; a manifest is listed once without a name."""
    other = Manifest.parse(MANIFEST.raw + b"\n")
    for each in (MANIFEST, other):
        made.put_bytes(each.raw)

    async def several() -> None:
        await made.tag(MANIFEST.descriptor(), "v1")
        await made.tag(MANIFEST.descriptor(), "ghcr.io/acme/app:v1")
        await made.tag(other.descriptor(), "v1")
        await made.tag(other.descriptor(), None)
        assert [(each.name, each.descriptor.digest) for each in await made.list()] == [
            ("ghcr.io/acme/app:v1", MANIFEST.digest),
            ("v1", other.digest),
        ]
        assert (await made.manifest("v1")).digest == other.digest

    asyncio.run(several())


def test_unnamed_manifests(made: LayoutDirectory) -> None:
    """Without a name, a manifest is listed all the same, once."""
    made.put_bytes(MANIFEST.raw)
    for _ in range(2):
        asyncio.run(made.tag(MANIFEST.descriptor(), None))
    assert names(made) == [None]
    assert asyncio.run(made.manifest()).digest == MANIFEST.digest


def test_what_nobody_knows_is_kept(seeded: LayoutDirectory) -> None:
    """Fields of the index and of its entries survive a tag, in order."""
    index = json.loads((seeded.path / "index.json").read_bytes())
    index |= {"annotations": {"a": "é"}, "com.example": {"n": 1e300, "big": 10**30, "null": None}}
    index["manifests"][0] |= {"com.example": [1], "platform": {"os": "linux", "architecture": "x"}}
    (seeded.path / "index.json").write_text(json.dumps(index))
    asyncio.run(seeded.tag(Descriptor.model_validate_json(json.dumps(index["manifests"][1])), "v2"))
    now = json.loads((seeded.path / "index.json").read_bytes())
    added = now["manifests"].pop()
    assert now == index
    assert list(now) == list(index)
    assert added["annotations"] == {"org.opencontainers.image.ref.name": "v2"}
    assert {"mediaType", "digest", "size", "annotations"} == set(added)


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "\x1b", "x" * 1025])
def test_names_that_are_none(made: LayoutDirectory, name: str) -> None:
    """A name has no blanks, and is not without end."""
    made.put_bytes(MANIFEST.raw)
    with pytest.raises(InvalidReference, match="invalid name"):
        asyncio.run(made.tag(MANIFEST.descriptor(), name))


def test_only_what_is_there_is_listed(made: LayoutDirectory) -> None:
    """A manifest that was not stored, or is too short, is not listed."""
    with pytest.raises(LayoutError, match="put_bytes the manifest first"):
        asyncio.run(made.tag(MANIFEST.descriptor(), "v1"))
    assert names(made) == []


def test_tags_in_threads(made: LayoutDirectory) -> None:
    """Many writers in threads of one process, each with its own view of the layout, lose nothing."""
    made.put_bytes(MANIFEST.raw)

    async def several() -> None:
        views = [LayoutDirectory(made.path) for _ in range(4)]
        await asyncio.gather(*(views[i % 4].tag(MANIFEST.descriptor(), f"v{i}") for i in range(40)))

    asyncio.run(several())
    assert set(names(made)) == {f"v{i}" for i in range(40)}


def test_a_lock_that_is_never_released(made: LayoutDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for another writer too long is told what to do."""
    monkeypatch.setattr(indexes, "PATIENCE", 0.1)
    made.put_bytes(MANIFEST.raw)
    with indexes.index_lock(made._files), pytest.raises(LayoutError, match="end it, and try again"):
        asyncio.run(made.tag(MANIFEST.descriptor(), "v1"))


def test_an_index_that_would_become_too_large(made: LayoutDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index never grows beyond what is read again."""
    monkeypatch.setattr(indexes, "PULL_LIMIT", 100)
    made.put_bytes(MANIFEST.raw)
    with pytest.raises(LayoutError, match="use another layout"):
        asyncio.run(made.tag(MANIFEST.descriptor(), "v1"))
    assert names(made) == []


def test_errors_can_be_pickled() -> None:
    """The error of this room goes from process to process, as all others."""
    error = pickle.loads(pickle.dumps(LayoutError("app.tar is damaged")))
    assert (type(error), str(error)) == (LayoutError, "app.tar is damaged")


def test_index_entries_are_what_others_read(made: LayoutDirectory) -> None:
    """An entry is written as the specification has it, without empty fields."""
    made.put_bytes(MANIFEST.raw)
    asyncio.run(made.tag(MANIFEST.descriptor(), "v1"))
    assert index_of({"index.json": (made.path / "index.json").read_bytes()}) == [
        {
            "mediaType": OCI_MANIFEST,
            "digest": MANIFEST.digest,
            "size": MANIFEST.size,
            "annotations": {"org.opencontainers.image.ref.name": "v1"},
        }
    ]
