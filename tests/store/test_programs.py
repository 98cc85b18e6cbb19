"""skopeo, umoci and oras read what the store wrote, and the store reads what they wrote, while it is open."""

from __future__ import annotations

import json

import pytest
from store.content import image, index, read
from store.contract import A
from tools import require, run

pytestmark = pytest.mark.clients


def whole(store, name, reference):
    """A manifest whose config and layers are served."""
    found = store.manifest(name, reference)
    document = json.loads(found.content)
    for part in (document["config"], *document["layers"]):
        assert len(read(store.blob(name, part["digest"]))) == part["size"]
    return found


def skopeo(*argv):
    return run("skopeo", "--insecure-policy", *argv).stdout


def test_skopeo_reads_and_writes(root, store):
    """A copy out of a layout and into another is the same image in both."""
    require("skopeo")
    one, two = image(store, A, "one", ["v1"]), image(store, A, "two", ["v2"])
    image(store, A, "untagged")
    assert json.loads(skopeo("inspect", f"oci:{root / A}:v1"))["Digest"] == one.digest
    skopeo("copy", "--preserve-digests", f"oci:{root / A}:v2", f"oci:{root / 'new'}:copied")
    assert "new" in store.names()
    assert whole(store, "new", "copied").content == two.content
    skopeo("copy", "--preserve-digests", f"oci:{root / A}:v2", f"oci:{root / A}:v1")
    assert whole(store, A, "v1") == two
    assert store.manifest(A, one.digest) is None or store.manifest(A, one.digest) == one
    store.put_manifest("new", store.manifest("new", "copied"), ["again"])
    assert json.loads(skopeo("inspect", f"oci:{root / 'new'}:again"))["Digest"] == two.digest


def test_skopeo_reads_an_index(root, store):
    """An index with its children can be copied whole."""
    require("skopeo")
    both = index(store, A, [image(store, A, "one"), image(store, A, "two")], ["v1"])
    skopeo("copy", "--all", "--preserve-digests", f"oci:{root / A}:v1", f"oci:{root / 'copy'}:v1")
    assert store.manifest("copy", "v1") == both
    assert len(store.repository("copy").manifests) == 3
    for child in json.loads(both.content)["manifests"]:
        whole(store, "copy", child["digest"])


def test_umoci_reads_and_writes(root, store, tmp_path):
    """An image of the store can be unpacked, tagged and changed by umoci; umoci's own images are served."""
    require("umoci")
    image(store, A, "one", ["v1"])
    assert run("umoci", "ls", "--layout", root / A).stdout.split() == ["v1"]
    run("umoci", "unpack", "--rootless", "--image", f"{root / A}:v1", tmp_path / "bundle")
    assert (tmp_path / "bundle" / "rootfs" / "word").read_text() == "one"
    run("umoci", "tag", "--image", f"{root / A}:v1", "v2")
    assert list(store.repository(A).tags) == ["v1", "v2"]
    (tmp_path / "bundle" / "rootfs" / "more").write_text("more")
    run("umoci", "repack", "--image", f"{root / A}:v3", tmp_path / "bundle")
    assert len(json.loads(whole(store, A, "v3").content)["layers"]) == 2
    run("umoci", "rm", "--image", f"{root / A}:v1")
    assert list(store.repository(A).tags) == ["v2", "v3"]
    (root / "own").mkdir()
    run("umoci", "init", "--layout", root / "own" / "app")
    assert store.repository("own/app").manifests == {}
    run("umoci", "new", "--image", f"{root / 'own' / 'app'}:v1")
    whole(store, "own/app", "v1")
    image(store, "own/app", "two", ["v2"])
    assert sorted(run("umoci", "ls", "--layout", root / "own" / "app").stdout.split()) == ["v1", "v2"]


def test_umoci_collects_garbage_while_the_store_is_open(root, store):
    """What umoci removes is unknown at once, and what it keeps is served."""
    require("umoci")
    one, two = image(store, A, "one", ["v1"]), image(store, A, "two", ["v2"])
    run("umoci", "rm", "--image", f"{root / A}:v1")
    run("umoci", "gc", "--layout", root / A)
    gone = json.loads(one.content)["layers"][0]["digest"]
    assert store.blob(A, gone) is None
    assert store.manifest(A, one.digest) is None
    assert whole(store, A, "v2") == two


def test_oras_reads_and_writes(root, store):
    """Tags, copies and attached artifacts go both ways."""
    require("oras")
    one = image(store, A, "one", ["v1"])
    layout = f"{root / A}"
    assert run("oras", "repo", "tags", "--oci-layout", layout).stdout.split() == ["v1"]
    assert run("oras", "manifest", "fetch", "--oci-layout", f"{layout}:v1").stdout.encode() == one.content
    run("oras", "tag", "--oci-layout", f"{layout}:v1", "v2")
    assert store.manifest(A, "v2") == one
    run("oras", "cp", "--from-oci-layout", f"{layout}:v1", "--to-oci-layout", f"{root / 'other'}:v9")
    assert whole(store, "other", "v9") == one
    (root.parent / "note.txt").write_text("note")
    attach = ("oras", "attach", "--oci-layout", "--artifact-type", "example/note")
    run(*attach, f"{layout}:v1", "note.txt:text/plain", cwd=root.parent)
    (referrer,) = store.referrers(A, one.digest)
    assert referrer.artifact_type == "example/note"
    whole(store, A, referrer.digest)
    image(
        store, A, "two", ["v3"], subject={"mediaType": one.media_type, "digest": one.digest, "size": one.size}
    )
    shown = json.loads(run("oras", "discover", "--oci-layout", "--format", "json", f"{layout}:v1").stdout)
    assert len(shown.get("referrers") or shown.get("manifests")) == 2
