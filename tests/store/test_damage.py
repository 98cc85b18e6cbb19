"""Damaged layouts and tricks with links: never wrong bytes, never a way out of the directory."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from store.content import image, listed, push, read
from store.contract import A, B

from ghcr_sim.errors import StoreError
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.store import DirectoryStore, OverlayStore

SECRET = b"a secret outside"


@pytest.fixture(params=[DirectoryStore, OverlayStore], ids=["directory", "overlay"])
def kind(request):
    """Both stores must stand the same damage."""
    return request.param


@pytest.fixture
def root(tmp_path):
    """A directory with one good repository, a secret beside it, and one repository to damage."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(SECRET)
    store = DirectoryStore(tmp_path / "registry")
    image(store, "good/one", "good", ["v1"])
    image(store, A, "one", ["v1"])
    push(store, A, b"loose")
    store.close()
    return tmp_path / "registry"


def path_of(root: Path, digest: str) -> Path:
    return root / A / "blobs" / digest.replace(":", "/")


def edit(path: Path, change) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def spoil(root: Path, name: str, text: str) -> None:
    (root / A / name).write_text(text)


def replace_by_link(path: Path, target: Path) -> None:
    """Copy what is there outside, and put a link to it in its place."""
    if path.is_dir():
        shutil.copytree(path, target)
        shutil.rmtree(path)
    else:
        shutil.move(path, target)
    path.symlink_to(target)


REFUSED = {
    "index-empty": lambda root: spoil(root, "index.json", ""),
    "index-half": lambda root: spoil(root, "index.json", '{"manifests": ['),
    "index-no-object": lambda root: spoil(root, "index.json", "[]"),
    "index-no-list": lambda root: spoil(root, "index.json", '{"manifests": {"a": 1}}'),
    "index-too-deep": lambda root: spoil(root, "index.json", "[" * 100_000),
    "index-not-utf8": lambda root: (root / A / "index.json").write_bytes(b'{"manifests": [], "x": "\xff"}'),
    "index-directory": lambda root: ((root / A / "index.json").unlink(), (root / A / "index.json").mkdir()),
    "index-pipe": lambda root: ((root / A / "index.json").unlink(), os.mkfifo(root / A / "index.json")),
    "index-link": lambda root: replace_by_link(root / A / "index.json", root.parent / "outside" / "index"),
    "layout-empty": lambda root: spoil(root, "oci-layout", ""),
    "layout-no-object": lambda root: spoil(root, "oci-layout", "1"),
    "layout-version": lambda root: spoil(root, "oci-layout", '{"imageLayoutVersion": "2.0.0"}'),
    "layout-link": lambda root: replace_by_link(root / A / "oci-layout", root.parent / "outside" / "layout"),
    "repository-link": lambda root: replace_by_link(root / A, root.parent / "outside" / "app"),
    "owner-link": lambda root: replace_by_link(root / "acme", root.parent / "outside" / "acme"),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("damage", REFUSED.values(), ids=REFUSED)
def test_a_doubtful_layout_is_an_error_that_names_the_file(root, kind, damage):
    """The repository is refused with one line; the others are served, and nothing is overwritten."""
    damage(root)
    store = kind(root)
    for _ in range(2):
        with pytest.raises(StoreError, match="acme/app") as caught:
            store.manifest(A, "v1")
        assert "\n" not in str(caught.value)
    if kind is DirectoryStore:
        with pytest.raises(StoreError):
            push(store, A, b"more")
    assert store.manifest("good/one", "v1")
    assert read(store.find_blob(next(iter(store.repository("good/one").blobs))))
    assert store.find_blob(digest_of(b"loose")) is None
    store.close()


@pytest.mark.parametrize("missing", ["index.json", "oci-layout"])
def test_half_a_layout_is_none(root, kind, missing):
    """Without one of its two files a directory is no repository."""
    (root / A / missing).unlink()
    store = kind(root)
    assert store.names() == ["good/one"]
    assert store.repository(A) is None
    if kind is DirectoryStore and missing == "oci-layout":
        with pytest.raises(StoreError, match=r"index.json is there, but no oci-layout"):
            push(store, A, b"more")
        assert (root / A / "index.json").read_text() != ""
    else:
        image(store, A, "more", ["v2"])
        assert list(store.repository(A).tags) == ["v2"]
    store.close()


ENTRIES = {
    "no-digest": lambda entry: entry.pop("digest"),
    "path-for-digest": lambda entry: entry.update(digest="sha256:../../../../outside/file"),
    "list-for-digest": lambda entry: entry.update(digest=[]),
    "no-media-type": lambda entry: entry.pop("mediaType"),
    "header-in-media-type": lambda entry: entry.update(mediaType="a/b\r\nset-cookie: x"),
    "missing-file": lambda entry: entry.update(digest=digest_of(b"nothing")),
}


@pytest.mark.parametrize("damage", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_that_cannot_be_read_is_left_out(root, kind, damage):
    """One bad entry costs that entry, and its tag."""
    store = DirectoryStore(root)
    two = image(store, A, "two", ["v2"])
    store.close()
    edit(root / A / "index.json", lambda document: damage(document["manifests"][0]))
    store = kind(root)
    assert dict(store.repository(A).tags) == {"v2": two.digest}
    store.close()


def test_tags_and_annotations_that_are_none_are_left_out(root, kind):
    """An entry with a name that is no tag is an untagged manifest."""
    for said in ({"org.opencontainers.image.ref.name": "docker.io/library/x:1"}, [], {"x": 1}):
        edit(
            root / A / "index.json",
            lambda document, said=said: document["manifests"][0].update(annotations=said),
        )
        store = kind(root)
        assert dict(store.repository(A).tags) == {}
        assert len(store.repository(A).manifests) == 1
        store.close()


def test_a_manifest_with_other_bytes_is_left_out(root, kind, caplog):
    """Its digest is checked when it is read, and the log names the file; a push heals it."""
    store = DirectoryStore(root)
    made = store.manifest(A, "v1")
    store.close()
    path = path_of(root, made.digest)
    path.write_bytes(made.content.replace(b"1", b"2"))
    store = kind(root)
    assert store.manifest(A, "v1") is None
    assert store.blob(A, made.digest) is None
    assert f"{path} is left out: it does not hold {made.digest}" in caplog.text
    store.put_manifest(A, made, ["v1"])
    assert store.manifest(A, "v1") == made
    store.close()
    if kind is DirectoryStore:
        assert path.read_bytes() == made.content


def test_a_manifest_that_is_far_too_large_is_left_out(root, kind, caplog):
    """A file of many gigabytes under a manifest's name is not read into memory."""
    store = DirectoryStore(root)
    made = store.manifest(A, "v1")
    store.close()
    os.truncate(path_of(root, made.digest), 1 << 40)
    store = kind(root)
    assert store.manifest(A, "v1") is None
    assert "at most" in caplog.text
    store.close()


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"{}", b'{"manifests": 1}', b'{"manifests": [1, {}]}', b"\xff"]
)
def test_an_index_that_is_no_index_has_no_children(root, kind, content):
    """Bytes with the right digest are served, whatever they say."""
    digest = digest_of(content)
    path_of(root, digest).write_bytes(content)
    entry = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": len(content)}
    edit(root / A / "index.json", lambda document: document["manifests"].append(entry))
    store = kind(root)
    assert store.manifest(A, digest).content == content
    assert len(store.repository(A).manifests) == 2
    store.close()


def test_a_subject_that_is_none_is_no_subject(root, kind):
    """A manifest whose subject has no digest is an ordinary manifest."""
    content = b'{"subject": {"digest": ["x"]}}'
    digest = digest_of(content)
    path_of(root, digest).write_bytes(content)
    entry = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest,
        "size": len(content),
    }
    edit(root / A / "index.json", lambda document: document["manifests"].append(entry))
    store = kind(root)
    assert store.manifest(A, digest).subject is None
    store.close()


BLOBS = {
    "other-bytes": lambda path: path.write_bytes(b"l00se"),
    "cut": lambda path: path.write_bytes(b"loo"),
    "grown": lambda path: path.write_bytes(b"loose and more"),
    "gone": Path.unlink,
    "link": lambda path: (path.unlink(), path.symlink_to(path.parents[5] / "outside" / "file")),
    "link-to-itself": lambda path: (path.unlink(), path.symlink_to(path)),
    "link-to-good-bytes": lambda path: replace_by_link(path, path.parents[5] / "outside" / "loose"),
    "directory": lambda path: (path.unlink(), path.mkdir()),
    "directory-link": lambda path: replace_by_link(path.parent, path.parents[5] / "outside" / "blobs"),
}


@pytest.mark.parametrize("when", ["before-opening", "before-reading", "after-reading"])
@pytest.mark.parametrize("damage", BLOBS.values(), ids=BLOBS)
def test_a_damaged_blob_is_unknown(root, kind, damage, when):
    """Whenever it happens: the blob is None, and a fork that holds it never gives other bytes."""
    digest = digest_of(b"loose")
    path = path_of(root, digest)
    if when == "before-opening":
        damage(path)
    store = kind(root)
    fork = store.fork()
    if when == "after-reading":
        assert read(store.blob(A, digest)) == b"loose"
        assert read(fork.blob(A, digest)) == b"loose"
    if when != "before-opening":
        damage(path)
    for _ in range(2):
        assert store.blob(A, digest) is None
    assert store.find_blob(digest) is None
    held = fork.blob(A, digest)
    if held is not None:
        assert held.path is None
        with pytest.raises(OSError, match="gone or damaged"):
            read(held)
    store.close()


@pytest.mark.parametrize("name", ["other-bytes", "cut", "gone", "link"])
def test_a_push_heals_a_blob(root, kind, name):
    """Pushed again, a damaged blob is served again; a link's target is not touched."""
    digest = digest_of(b"loose")
    BLOBS[name](path_of(root, digest))
    store = kind(root)
    assert store.blob(A, digest) is None
    push(store, A, b"loose")
    assert read(store.blob(A, digest)) == b"loose"
    assert (root.parent / "outside" / "file").read_bytes() == SECRET
    store.close()


def test_a_blob_that_is_repaired_is_served(root, kind):
    """Good bytes in the place of damaged ones need no restart."""
    digest = digest_of(b"loose")
    path = path_of(root, digest)
    path.write_bytes(b"loo")
    store = kind(root)
    assert store.blob(A, digest) is None
    path.write_bytes(b"loose")
    assert read(store.blob(A, digest)) == b"loose"
    store.close()


@pytest.mark.parametrize("place", ["acme", "acme/app", "acme/app/blobs", "acme/app/blobs/sha512"])
def test_no_write_follows_a_link(root, place):
    """Where a part of the path is a link, a write is refused and nothing appears behind it."""
    shutil.rmtree(root / "acme")
    outside = root.parent / "outside"
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).symlink_to(outside)
    store = DirectoryStore(root)
    with pytest.raises(StoreError, match="behind a symbolic link"):
        push(store, A, b"one", "sha512")
    with pytest.raises(StoreError, match="symbolic link"):
        push(store, B, b"one", "sha512") if place in ("acme", "acme/app") else push(
            store, A, b"one", "sha512"
        )
    assert listed(outside) == ["file"]
    store.close()


@pytest.mark.parametrize("name", ["_lock", "_uploads", "_trash", "_packages.json"])
def test_the_stores_own_files_are_no_links(root, name):
    """A link in the place of one of its files is refused at opening, and what it points at stays."""
    outside = root.parent / "outside"
    (root / name).unlink(missing_ok=True)
    (root / name).symlink_to(outside if name in ("_uploads", "_trash") else outside / "file")
    with pytest.raises(StoreError, match=f"{name}: .*symbolic link"):
        DirectoryStore(root)
    assert (outside / "file").read_bytes() == SECRET
    (root / name).unlink()
    DirectoryStore(root).close()


def test_links_are_not_walked(root, kind):
    """A link to a directory of layouts, or to the directory itself, adds no names."""
    (root / "loop").symlink_to(root)
    (root / "good" / "two").symlink_to(root / "good" / "one")
    store = kind(root)
    assert store.names() == [A, "good/one"]
    store.close()


def test_the_directory_itself_may_be_a_link(root, kind):
    """The directory's own path is the user's business."""
    (root.parent / "link").symlink_to(root)
    store = kind(root.parent / "link")
    assert store.manifest(A, "v1")
    assert read(store.blob(A, digest_of(b"loose"))) == b"loose"
    store.close()


def test_other_files_are_left_alone(root, kind):
    """What other tools leave beside the blobs is neither served nor removed."""
    for name in ("oci-put-blob123", "UPPER" * 12 + "ABCD", ".hidden"):
        (root / A / "blobs" / "sha256" / name).write_text("x")
    (root / A / "ingest").mkdir()
    store = kind(root)
    assert len(store.repository(A).blobs) == 3
    store.close()
    assert (root / A / "blobs" / "sha256" / ".hidden").exists()


def test_what_may_not_be_read_is_passed_over(root, kind, monkeypatch):
    """A directory without permission costs the names in it, not the others."""
    real = os.scandir

    def refuse(path):
        if str(path).endswith("acme"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    store = kind(root)
    assert store.names() == ["good/one"]
    store.close()
