"""What a profile may switch from what the specification leaves open."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from asking import Fake, descriptor

from ghcr_sim.assemble import Simulator
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import OCI_INDEX, OCI_MANIFEST
from ghcr_sim.profiles import load_profile

A = "acme/app"
DATA = b"0123456789"


def switched(**switches: object) -> Fake:
    """A fake with the strict profile, some of its switches set otherwise."""
    return Fake(Simulator(load_profile("oci", **switches)))


@pytest.mark.parametrize("sparse", [True, False])
def test_an_index_over_what_is_not_there(sparse: bool) -> None:
    """A sparse index, whose manifests are elsewhere, is taken where the profile says so."""
    oci = switched(manifests__sparse_index=sparse)
    document = {"schemaVersion": 2, "manifests": [descriptor(b"elsewhere", OCI_MANIFEST)]}
    assert oci.push(A, "v1", document, OCI_INDEX).status == (201 if sparse else 400)


@pytest.mark.parametrize("sent", [True, False])
def test_header_fields_that_nobody_demands(sent: bool) -> None:
    """`etag` of manifests, the digest on HEAD of blobs, `OCI-Subject` and the API version are the profile's."""
    oci = switched(
        headers__etag=sent,
        headers__api_version=sent,
        blobs__digest_on_head=sent,
        manifests__subject_header=sent,
    )
    subject = descriptor(b"subject", OCI_MANIFEST)
    oci.push_blob(A, b"{}")
    digest = oci.push_blob(A, b"word")
    pushed = oci.push(
        A, "v1", {"schemaVersion": 2, "config": descriptor(b"{}"), "layers": [], "subject": subject}
    )
    for answer, name in (
        (oci("GET", f"/v2/{A}/manifests/v1"), "etag"),
        (oci("HEAD", f"/v2/{A}/blobs/{digest}"), "docker-content-digest"),
        (pushed, "oci-subject"),
        (oci("GET", "/v2/"), "docker-distribution-api-version"),
    ):
        assert answer.status in {200, 201}
        assert (name in answer.headers) is sent


@pytest.mark.parametrize(
    ("switch", "method", "target"),
    [
        ("manifests__delete", "DELETE", f"/v2/{A}/manifests/v1"),
        ("blobs__delete", "DELETE", f"/v2/{A}/blobs/{digest_of(b'word')}"),
    ],
)
def test_deleting_switched_off(switch: str, method: str, target: str) -> None:
    """A registry that deletes nothing says so, and keeps it."""
    oci = switched(**{switch: False})
    oci.push_image(A, "v1")
    assert oci(method, target).refusal == (405, "UNSUPPORTED")
    assert oci("HEAD", target).status == 200


def test_tags_in_a_push_by_digest_switched_off() -> None:
    """`?tag=` is not looked at where the profile does not know it."""
    oci = switched(manifests__tag_param=False)
    content = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    answer = oci.push(A, f"{digest_of(content)}?tag=v1", content, OCI_INDEX)
    assert (answer.status, "oci-tag" in answer.headers) == (201, False)
    assert oci.tags(A) == []


@pytest.mark.parametrize("form", ["sas-2019", "sas-2025"])
@pytest.mark.parametrize(
    "origin",
    [None, "", "http://blobs.test:99", "http://GHCR.io:80"],
    ids=["another name", "the same", "told", "told the same"],
)
def test_blobs_at_a_storage_host(form: str, origin: str | None) -> None:
    """A redirected blob is at the storage host, whole and in parts, for who has its address, until it is gone."""
    oci = switched(blobs__redirect=True, storage__form=form)
    oci.simulator.storage.origin = origin
    digest = oci.push_blob(A, DATA)
    redirected = oci("GET", f"/v2/{A}/blobs/{digest}")
    assert (redirected.status, redirected.body) == (307, b"")
    parts = urlsplit(redirected.headers["location"])
    real = {None: "http://pkg-containers.githubusercontent.com", "": "http://ghcr.io"}
    assert f"{parts.scheme}://{parts.netloc}" == real.get(origin, origin)
    target = f"{parts.path}?{parts.query}"
    nobody = {"authorization": None}
    assert oci("GET", target, headers=nobody).body == DATA
    part = oci("GET", target, headers={"range": "bytes=2-4", "authorization": None})
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    head = oci("HEAD", target, headers={"range": "bytes=2-4", "authorization": None})
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "10")
    same = origin in ("", "http://GHCR.io:80")
    assert oci("GET", target).status == (200 if same else 403)
    assert len(oci.simulator.leaks) == (0 if same else 1)
    for wrong in (target.replace("sig=", "sig=A"), target.replace("se=", "se=3"), parts.path):
        assert oci("GET", wrong, headers=nobody).status == 403
    oci("DELETE", f"/v2/{A}/blobs/{digest}")
    assert oci("GET", target, headers=nobody).status == 404
    oci.push_blob(A, DATA)
    oci.simulator.clock.advance(601)
    assert oci("GET", target, headers=nobody).status == 403
