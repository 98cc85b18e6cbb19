"""Manifests: pushed, pulled by tag and by digest, replaced and deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from asking import ChunkedBody, descriptor, image
from hypothesis import given
from strategies import media_types, repositories, some, tags

from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    EMPTY,
    INDEXES,
    MANIFESTS,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
)

if TYPE_CHECKING:
    from asking import Fake

A, B = "acme/app", "acme/other"
LIMIT = 4 << 20


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_manifest_comes_back_as_it_was_pushed(oci: Fake, by: str, algorithm: str) -> None:
    """The very bytes come back, under the tag and under the digest, with type, length, digest and etag."""
    oci.push_image(A, "other")
    content = json.dumps(image(), indent=3).encode()
    digest = digest_of(content, algorithm if by == "digest" else "sha256")
    pushed = oci.push(A, "v1" if by == "tag" else digest, content)
    assert pushed.status == 201
    assert pushed.headers["docker-content-digest"] == digest
    assert pushed.headers["location"] == f"/v2/{A}/manifests/{digest}"
    for reference in {"v1", digest} if by == "tag" else {digest}:
        answer = oci("GET", f"/v2/{A}/manifests/{reference}")
        assert (answer.status, answer.body) == (200, content)
        assert answer.headers["content-type"] == OCI_MANIFEST
        assert answer.headers["docker-content-digest"] == digest
        assert answer.headers["etag"] == f'"{digest}"'
    if by == "digest":
        assert oci.tags(A) == ["other"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("condition", "status"),
    [("{}", 304), ("*", 304), ('W/{}, "b"', 304), ('"a", {}', 304), ('"a"', 200), ("", 200)],
)
def test_who_has_a_manifest_need_not_fetch_it(oci: Fake, method: str, condition: str, status: int) -> None:
    """`If-None-Match` with its etag is 304, which names it and has no body."""
    etag = f'"{oci.push_image(A, "v1")}"'
    answer = oci(method, f"/v2/{A}/manifests/v1", headers={"if-none-match": condition.format(etag)})
    assert (answer.status, answer.headers["etag"]) == (status, etag)
    assert bool(answer.body) == (status == 200 and method == "GET")


@pytest.mark.parametrize("media_type", [*sorted(MANIFESTS), *sorted(INDEXES)])
def test_images_and_indexes_of_docker_and_oci(oci: Fake, media_type: str) -> None:
    """All four kinds of manifests are taken, and served as what they were pushed as."""
    oci.push_image(A, "v1")
    child = oci("GET", f"/v2/{A}/manifests/v1")
    document = image()
    if media_type in INDEXES:
        entry = descriptor(child.body, OCI_MANIFEST) | {"platform": {"architecture": "amd64", "os": "linux"}}
        document = {"schemaVersion": 2, "manifests": [entry]}
    assert oci.push(A, "v2", document | {"mediaType": media_type}, media_type).status == 201
    answer = oci("GET", f"/v2/{A}/manifests/v2", headers={"accept": media_type})
    assert answer.headers["content-type"] == media_type
    assert answer.json() == document | {"mediaType": media_type}


@pytest.mark.parametrize("accept", [OCI_INDEX, "text/plain", "*/*", "", DOCKER_MANIFEST])
def test_accept_hides_nothing(oci: Fake, accept: str) -> None:
    """The strict profile serves a manifest as it is, whatever the client says it accepts."""
    oci.push_image(A, "v1")
    answer = oci("GET", f"/v2/{A}/manifests/v1", headers={"accept": accept})
    assert (answer.status, answer.headers["content-type"]) == (200, OCI_MANIFEST)


@given(media_types.filter(lambda kind: kind not in MANIFESTS | INDEXES), repositories, tags)
@some
def test_any_media_type_is_kept(media_type: str, repository: str, tag: str) -> None:
    """A manifest of a type that nobody knows is stored and served as it is; what it names is not looked for."""
    from asking import Fake  # noqa: PLC0415 - a fixture is not made anew for each example

    oci = Fake()
    document = {"layers": [descriptor(b"absent")], "anything": [1, {"else": None}]}
    assert oci.push(repository, tag, document, media_type).status == 201
    answer = oci("GET", f"/v2/{repository}/manifests/{tag}")
    assert (answer.headers["content-type"], answer.json()) == (media_type, document)


@pytest.mark.parametrize(
    ("header", "inside", "status"),
    [
        (OCI_MANIFEST, OCI_MANIFEST, 201),
        (OCI_MANIFEST, None, 201),
        (None, OCI_MANIFEST, 201),
        (f"{OCI_MANIFEST}; charset=utf-8", OCI_MANIFEST, 201),
        (OCI_MANIFEST, OCI_INDEX, 400),
        (DOCKER_MANIFEST, OCI_MANIFEST, 400),
        (None, None, 400),
        ("", None, 400),
        ("image", None, 400),
        ("image/\u00e9", None, 400),
    ],
)
def test_header_and_document_agree_on_the_type(
    oci: Fake, header: str | None, inside: str | None, status: int
) -> None:
    """`Content-Type` and `mediaType` name the same type; either alone is enough, and none is refused."""
    oci.push_image(A, "v1")
    document = image()
    document.pop("mediaType")
    if inside:
        document["mediaType"] = inside
    answer = oci.push(A, "v2", document, header)
    assert answer.status == status
    if status == 400:
        assert answer.codes == ["MANIFEST_INVALID"]
    else:
        assert oci("GET", f"/v2/{A}/manifests/v2").headers["content-type"] == OCI_MANIFEST


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_INDEX])
def test_an_index_needs_its_manifests(oci: Fake, media_type: str) -> None:
    """An index over a manifest that this repository does not have is refused, and names it."""
    oci.push_image(B, "v1")
    child = oci("GET", f"/v2/{B}/manifests/v1").body
    document = {"schemaVersion": 2, "manifests": [descriptor(child, OCI_MANIFEST)]}
    answer = oci.push(A, "v1", document, media_type)
    assert answer.refusal == (400, "MANIFEST_BLOB_UNKNOWN")
    assert answer.json()["errors"][0]["detail"] == digest_of(child)
    assert oci.push(B, "v2", document, media_type).status == 201


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_INDEX])
def test_an_index_may_list_blobs(oci: Fake, media_type: str) -> None:
    """A build cache is an index of layers, which are blobs: it is taken when they are there, not before."""
    cache = [
        descriptor(b"layer", OCI_LAYER_GZIP),
        descriptor(b"{}", "application/vnd.buildkit.cacheconfig.v0"),
    ]
    document = {"schemaVersion": 2, "manifests": cache}
    oci.push_blob(A, b"layer")
    answer = oci.push(A, "cache", document, media_type)
    assert answer.refusal == (400, "MANIFEST_BLOB_UNKNOWN")
    assert [each["detail"] for each in answer.json()["errors"]] == [digest_of(b"{}")]
    oci.push_blob(A, b"{}")
    assert oci.push(A, "cache", document, media_type).status == 201


@pytest.mark.parametrize(
    "layer",
    [
        {"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"},
        {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"},
        {"urls": ["https://example.com/layer"]},
    ],
    ids=["nondistributable", "foreign", "urls"],
)
def test_layers_from_elsewhere_need_not_be_there(oci: Fake, layer: dict[str, object]) -> None:
    """A layer that is fetched from elsewhere is not looked for."""
    oci.push_image(A, "v1")
    assert oci.push(A, "v2", image(layers=[descriptor(b"absent") | layer])).status == 201


def test_an_artifact_needs_nothing_but_the_empty_config(oci: Fake) -> None:
    """An artifact with the empty config and no layer is an image manifest like another."""
    oci.push_blob(A, b"{}")
    artifact = image(config=descriptor(b"{}", EMPTY), layers=[], artifactType="test/artifact")
    assert oci.push(A, "v1", artifact).status == 201


def test_a_tag_moves(oci: Fake) -> None:
    """A push under a tag that exists moves it; what it named before is still there under its digest."""
    first, second = oci.push_image(A, "v1", "one"), oci.push_image(A, "v1", "two")
    assert oci("HEAD", f"/v2/{A}/manifests/v1").headers["docker-content-digest"] == second
    assert oci("HEAD", f"/v2/{A}/manifests/{first}").status == 200
    assert oci.tags(A) == ["v1"]


def test_deleting_a_tag_leaves_the_manifest(oci: Fake) -> None:
    """DELETE of a tag takes the tag alone, once."""
    digest = oci.push_image(A, "v1")
    oci.push_image(A, "v2")
    assert oci("DELETE", f"/v2/{A}/manifests/v1").status == 202
    assert oci("DELETE", f"/v2/{A}/manifests/v1").refusal == (404, "MANIFEST_UNKNOWN")
    assert oci("GET", f"/v2/{A}/manifests/v1").status == 404
    assert oci("GET", f"/v2/{A}/manifests/{digest}").status == 200
    assert oci.tags(A) == ["v2"]


def test_deleting_a_manifest_takes_its_tags(oci: Fake) -> None:
    """DELETE of a digest takes the manifest and every tag that names it; its blobs stay."""
    digest = oci.push_image(A, "v1")
    oci.push_image(A, "v2")
    other = oci.push_image(A, "v3", "other")
    assert oci("DELETE", f"/v2/{A}/manifests/{digest}").status == 202
    for reference in ("v1", "v2", digest):
        assert oci("GET", f"/v2/{A}/manifests/{reference}").refusal == (404, "MANIFEST_UNKNOWN")
    assert oci("DELETE", f"/v2/{A}/manifests/{digest}").refusal == (404, "MANIFEST_UNKNOWN")
    assert oci.tags(A) == ["v3"]
    assert oci("HEAD", f"/v2/{A}/manifests/{other}").status == 200
    assert oci("HEAD", f"/v2/{A}/blobs/{digest_of(b'word')}").status == 200


def test_manifests_belong_to_their_repository(oci: Fake) -> None:
    """A manifest of one repository is unknown in another, and is deleted from one alone."""
    digest = oci.push_image(A, "v1")
    assert oci("GET", f"/v2/{B}/manifests/{digest}").refusal == (404, "MANIFEST_UNKNOWN")
    assert oci.push_image(B, "v1") == digest
    oci("DELETE", f"/v2/{A}/manifests/{digest}")
    assert oci("GET", f"/v2/{B}/manifests/v1").status == 200


def test_a_manifest_is_no_blob(oci: Fake) -> None:
    """A manifest's digest names no blob, and a blob's no manifest."""
    digest = oci.push_image(A, "v1")
    assert oci("GET", f"/v2/{A}/blobs/{digest}").refusal == (404, "BLOB_UNKNOWN")
    assert oci("GET", f"/v2/{A}/manifests/{digest_of(b'word')}").refusal == (404, "MANIFEST_UNKNOWN")


def test_a_push_by_digest_may_name_tags(oci: Fake) -> None:
    """`?tag=`, as often as wanted, tags what is pushed by digest, and each tag is confirmed."""
    oci.push_image(A, "v0")
    content = json.dumps(image(annotations={"a": "b"})).encode()
    target = f"{digest_of(content)}?tag=v1&tag=v2"
    answer = oci.push(A, target, content)
    assert (answer.status, answer.headers["oci-tag"]) == (201, "v1, v2")
    assert oci.tags(A) == ["v0", "v1", "v2"]
    refused = oci.push(A, f"{digest_of(content)}?tag=v3&tag=.v4", content)
    assert refused.refusal == (400, "MANIFEST_INVALID")
    assert oci.tags(A) == ["v0", "v1", "v2"]


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1], ids=["at the limit", "above it"])
@pytest.mark.parametrize("form", ["with a length", "chunked"])
def test_a_manifest_may_have_four_mebibytes(oci: Fake, size: int, form: str) -> None:
    """A manifest of 4 MiB is taken; one byte more is 413, announced or not, and leaves nothing."""
    oci.push_image(A, "v1")
    content = json.dumps(image()).encode().ljust(size)
    body = content if form == "with a length" else ChunkedBody(content[:LIMIT], content[LIMIT:] or b"")
    answer = oci("PUT", f"/v2/{A}/manifests/v2", body, {"content-type": OCI_MANIFEST})
    if size > LIMIT:
        assert answer.refusal == (413, "SIZE_INVALID")
        assert str(LIMIT) in answer.message
    assert (oci.tags(A) == ["v1", "v2"]) is (size == LIMIT)
