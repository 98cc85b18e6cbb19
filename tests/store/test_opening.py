"""A directory is opened: the lock, what cannot be used, and who may read what is in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from store.content import contents, image, listed, manifest, push, read
from store.contract import A, B

from ghcr_sim.errors import StoreError, StoreLocked
from ghcr_sim.store import DirectoryStore, OverlayStore


def test_there_is_one_writer(root, store):
    """A second one is refused at once, told by whom and what to do; an overlay needs no lock."""
    with pytest.raises(StoreLocked, match=rf"{root} is open for writing by this very process; .*overlay"):
        DirectoryStore(root)
    OverlayStore(root)
    code = (
        "import sys\n"
        "from ghcr_sim.store import DirectoryStore\n"
        "from ghcr_sim.errors import StoreLocked\n"
        "try: DirectoryStore(sys.argv[1])\n"
        "except StoreLocked as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, root], capture_output=True, text=True, check=True, timeout=30
    )
    assert f"by process {os.getpid()};" in done.stdout
    store.close()
    DirectoryStore(root).close()


def test_an_unknown_holder_is_another_process(root, store):
    """Without a number, or with nonsense for one, it is still said that somebody writes."""
    (root / "_writer").write_text("nobody")
    with pytest.raises(StoreLocked, match="by another process"):
        DirectoryStore(root)


def test_a_closed_store_does_not_write(root, store):
    """After `close` another process may write, so this one refuses to."""
    digest = push(store, A, b"one")
    store.close()
    for write in (
        store.writer,
        lambda: store.set_visibility(A, "public"),
        lambda: store.delete_blob(A, digest),
    ):
        with pytest.raises(StoreError, match="was closed; open it again"):
            write()
    with pytest.raises(StoreError, match="was closed"):
        store.restore(store.snapshot())
    assert read(store.blob(A, digest)) == b"one"


def test_leftovers_are_swept_when_a_store_opens(root, store):
    """Unfinished uploads and the trash of a dead process are gone."""
    store.close()
    for name in ("_uploads", "_trash/acme"):
        (root / name).mkdir(parents=True)
        (root / name / "left").write_text("over")
    (root / "_writer").write_text("4711\n")
    DirectoryStore(root).close()
    assert listed(root) == ["_lock"]


@pytest.mark.parametrize("name", ["_uploads", "_trash"])
def test_a_users_own_directory_is_not_swept(root, name):
    """Where no store was killed, such a directory is somebody's: it is refused each time, and nothing is written."""
    (root / name).mkdir(parents=True)
    (root / name / "photo.jpg").write_text("precious")
    for _ in range(2):
        with pytest.raises(
            StoreError, match=f"{name}: .* not from one; move it away, or name another directory"
        ):
            DirectoryStore(root)
    assert listed(root) == [name]
    assert listed(root / name) == ["photo.jpg"]


def test_a_file_is_no_directory(tmp_path):
    """A file where the directory should be is one clear line, and is left alone."""
    path = tmp_path / "file"
    path.write_text("mine")
    with pytest.raises(StoreError, match=r"file is not a directory; name one that exists\Z"):
        DirectoryStore(path)
    with pytest.raises(StoreError, match=r"cannot make .*below: Not a directory\Z"):
        DirectoryStore(path / "below")
    assert path.read_text() == "mine"


@pytest.mark.parametrize("call", ["mkdir", "makedirs", "scandir"])
def test_a_directory_that_may_not_be_used(tmp_path, monkeypatch, call):
    """Without permission to make, read or write there is one clear line, and no lock stays behind."""

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, refuse)
        with pytest.raises(StoreError, match=r"cannot \w+ \S+: Permission denied\Z"):
            DirectoryStore(tmp_path)
    DirectoryStore(tmp_path).close()


def test_a_layout_itself_is_not_a_store(root, store):
    """Who names the layout in place of the directory around it is told so, and nothing is written there."""
    image(store, A, "one", ["v1"])
    before = listed(root / A)
    with pytest.raises(StoreError, match="app is itself an OCI layout; name the directory that holds it"):
        DirectoryStore(root / A)
    assert listed(root / A) == before


def test_a_full_disk_changes_nothing(root, store, monkeypatch):
    """Where the index cannot be written, the store says so and still shows what is on disk."""
    image(store, A, "one", ["v1"])
    store.set_visibility(A, "public")
    before = contents(store)
    made = manifest({"layers": []})
    real = os.replace

    def full(source, target):
        if str(target).endswith("index.json"):
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreError, match=r"cannot write .*index.json: No space left on device"):
        store.put_manifest(A, made, ["v1", "v2"])
    monkeypatch.undo()
    after = contents(store)
    after[A]["blobs"].pop(made.digest)
    assert after == before
    store.put_manifest(A, made, ["v2"])
    assert store.manifest(A, "v2") == made


def test_a_package_without_an_entry_has_the_default(root, store):
    """What the constructor was given counts only where nothing was said."""
    image(store, A, "one", ["v1"])
    image(store, B, "two", ["v1"])
    store.set_visibility(B, "internal")
    store.set_role(A, "mona", "read")
    store.close()
    again = DirectoryStore(root, visibility="public")
    assert again.repository(A).visibility == "public"
    assert again.repository(A).roles == {"mona": "read"}
    assert again.repository(B).visibility == "internal"
    assert json.loads((root / "_packages.json").read_text()) == {
        A: {"roles": {"mona": "read"}},
        B: {"visibility": "internal"},
    }
    again.close()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Expecting"),
        ("[1]", "items"),
        ('{"a": 1}', "keys"),
        ('{"a": {"roles": []}}', "items"),
        ('{"a": {"color": "red"}}', "a has an unknown key 'color'"),
        (
            '{"a": {"visibility": "secret"}}',
            "a has visibility 'secret', not one of public, private, internal",
        ),
        ('{"a": {"roles": {"mona": "king"}}}', "a gives mona the role 'king', not one of read, write, admin"),
    ],
)
def test_damaged_packages_are_named(root, text, why):
    """`_packages.json` is checked when the store opens, and the error names file and fault."""
    root.mkdir()
    (root / "_packages.json").write_text(text)
    for kind in (DirectoryStore, OverlayStore):
        with pytest.raises(StoreError, match=rf"_packages.json is damaged: .*{why}.*; repair or remove it"):
            kind(root)
    (root / "_packages.json").unlink()
    DirectoryStore(root).close()


def test_packages_are_followed(root, store):
    """An edit of `_packages.json` is noticed, also its removal; a snapshot keeps what it had."""
    image(store, A, "one", ["v1"])
    snapshot = store.snapshot()
    (root / "_packages.json").write_text(
        json.dumps({A: {"visibility": "public", "roles": {"mona": "admin"}}})
    )
    assert store.repository(A).visibility == "public"
    assert store.repository(A).roles == {"mona": "admin"}
    assert snapshot.repositories[A].visibility is None
    (root / "_packages.json").unlink()
    assert store.repository(A).visibility == "private"
