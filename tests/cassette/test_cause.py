"""What changes what, and what depends on it."""

from __future__ import annotations

import json

import pytest
from cassette.making import digest, image
from hypothesis import given
from strategies import documents, some

from ghcr_sim.cassette.cause import changed_by, follows, needed_by, referenced
from ghcr_sim.oci.media import OCI_INDEX

SHA, OTHER = digest(b"one"), digest(b"other")

API = "/user/packages/container"

CHANGES = {
    "a tag": (("manifest.put", "a/b", "v1", ()), {"status": 201, "digest": SHA}, {"v1", SHA}),
    "a digest": (("manifest.put", "a/b", SHA, ()), {"status": 201, "digest": SHA}, {SHA}),
    "a deletion": (("manifest.delete", "a/b", SHA, ()), {"status": 202}, {SHA}),
    "an upload": (("upload.put", "a/b", "session", (("digest", SHA),)), {"status": 201}, {SHA}),
    "a mount": (("upload.post", "a/b", "", (("mount", SHA), ("from", "c/d"))), {"status": 201}, {SHA}),
    "an upload at once": (("upload.post", "a/b", "", (("digest", SHA),)), {"status": 201}, {SHA}),
    "a blob that goes": (("blob.delete", "a/b", SHA, ()), {"status": 202}, {SHA}),
    "a session": (("upload.post", "a/b", "", ()), {"status": 202}, set()),
    "a mount that opens a session": (("upload.post", "a/b", "", (("mount", SHA),)), {"status": 202}, set()),
    "a chunk": (("upload.patch", "a/b", "session", ()), {"status": 202}, set()),
    "a version, by the API": (("api.delete", "", f"{API}/c%2Fd/versions/1", ()), {"status": 204}, set()),
    "a refusal": (("manifest.put", "a/b", "v1", ()), {"status": 400, "digest": SHA}, set()),
    "a read": (("manifest.get", "a/b", "v1", ()), {"status": 200}, set()),
}


@pytest.mark.parametrize(("what", "how", "changed"), CHANGES.values(), ids=CHANGES)
def test_changes(what, how, changed) -> None:
    """What succeeds changes what it names, in its repository; nothing else changes anything."""
    found = changed_by(*what, **how)
    assert {each[2] for each in found if len(each) == 3} == changed
    assert {each[1] for each in found if each[0] != "api"} <= {"a/b"}
    assert ({("api", "c/d"), ("api", "/user/packages")} == set(found)) == (what[0] == "api.delete")
    if what[0].startswith("manifest.") and changed:
        assert {("list", "a/b"), ("package", "a/b")} <= set(found)


NEEDS = {
    "a manifest": (("manifest.get", "a/b", "v1", ()), {("manifest", "a/b", "v1"), ("api", "b")}),
    "a look at one": (("manifest.head", "a/b", SHA, ()), {("manifest", "a/b", SHA), ("api", "b")}),
    "a blob": (("blob.get", "a/b", SHA, ()), {("blob", "a/b", SHA)}),
    "tags": (("tags.list", "a/b/c", "", ()), {("list", "a/b/c"), ("api", "b/c")}),
    "referrers": (("referrers.list", "a/b", SHA, ()), {("list", "a/b"), ("api", "b")}),
    "versions": (("api.get", "", f"{API}/c%2Fd/versions", (("page", "1"),)), {("api", "c/d")}),
    "packages": (("api.get", "", "/user/packages", ()), {("api", "/user/packages")}),
    "a restoration": (("api.post", "", f"{API}/c%2Fd/restore", ()), {("api", "c/d")}),
    "a token": (
        ("token.get", "", "", (("scope", "repository:a/b:pull"), ("scope", "odd"))),
        {("package", "a/b")},
    ),
    "a mount": (("upload.post", "a/b", "", (("mount", SHA), ("from", "c/d"))), {("blob", "c/d", SHA)}),
    "a session": (("upload.post", "a/b", "", ()), set()),
    "storage": (("storage.get", "", SHA, ()), set()),
    "the way in": (("ping", "", "", ()), set()),
}


@pytest.mark.parametrize(("what", "needed"), NEEDS.values(), ids=NEEDS)
def test_needs(what, needed) -> None:
    """Each read depends on what it names; a session, storage and the way in on nothing."""
    assert set(needed_by(*what)) == needed


FOLLOWS = {
    "a tag": (("manifest.put", "a/b", "v1", ()), {"digest": SHA}, {("manifest", "v1"), ("gone", SHA)}),
    "a digest": (("manifest.put", "a/b", SHA, ()), {"digest": SHA}, {("gone", SHA)}),
    "a deletion": (("manifest.delete", "a/b", SHA, ()), {"tags": ("v1",)}, {("manifest", "v1")}),
    "an upload": (("upload.put", "a/b", "session", (("digest", SHA),)), {}, {("gone", SHA)}),
    "a mount": (("upload.post", "a/b", "", (("mount", SHA), ("from", "c/d"))), {}, {("gone", SHA)}),
    "a read": (("manifest.get", "a/b", "v1", ()), {}, set()),
}


@pytest.mark.parametrize(("what", "how", "resources"), FOLLOWS.values(), ids=FOLLOWS)
def test_follows(what, how, resources) -> None:
    """A tag follows what it named before, content its deletion; the same content twice is in no order."""
    assert {(word, name) for word, _, name in follows(*what, **how)} == resources
    if what[0].startswith("upload."):
        assert follows(*what)[0] not in changed_by(*what, status=201)


def test_a_deletion_takes_its_tags_along() -> None:
    """What reads a tag depends on the deletion of the manifest that it names."""
    found = changed_by("manifest.delete", "a/b", SHA, (), status=202, tags=("v1",))
    assert {("manifest", "a/b", "v1"), ("manifest", "a/b", SHA), ("gone", "a/b", SHA)} <= set(found)


def test_a_manifest_depends_on_what_it_lists() -> None:
    """Its blobs, and what an index lists: manifests, or what may be blobs, too."""
    listed = needed_by("manifest.put", "a/b", "v1", (), image(b"one"))
    assert set(listed) == {("blob", "a/b", digest(b"{}")), ("blob", "a/b", SHA)}
    index = json.dumps({"manifests": [{"digest": SHA}, {"digest": OTHER}, {"digest": SHA}]}).encode()
    assert needed_by("manifest.put", "a/b", "v1", (), index) == (
        ("manifest", "a/b", SHA),
        ("manifest", "a/b", OTHER),
    )
    artifact = json.dumps({"blobs": [{"digest": SHA}]}).encode()
    assert referenced(artifact) == ((SHA,), ())
    cache = json.dumps(
        {"manifests": [{"mediaType": OCI_INDEX, "digest": OTHER}, {"mediaType": "a/b", "digest": SHA}]}
    )
    assert referenced(cache.encode()) == ((SHA,), (OTHER, SHA))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"layers":3}',
        b'{"layers":[1,null]}',
        b'{"manifests":"x"}',
    ],
    ids=lambda data: data[:12].decode("latin-1"),
)
def test_what_is_no_manifest_lists_nothing(data) -> None:
    """A client may push anything: the recorder and the replay go on."""
    assert referenced(data) == ((), ())


@some
@given(documents)
def test_no_document_is_too_odd(document) -> None:
    """Whatever JSON comes, digests come out."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    blobs, manifests = referenced(data)
    assert all(isinstance(each, str) for each in (*blobs, *manifests))
