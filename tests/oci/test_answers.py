"""What all answers have in common: ping, the form of errors, and HEAD."""

from __future__ import annotations

from typing import Any

import pytest
from asking import Fake, descriptor

from ghcr_sim.assemble import Simulator
from ghcr_sim.clock import Clock
from ghcr_sim.oci.digests import digest_of

A = "acme/app"
ABSENT = digest_of(b"absent")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("target", ["/v2/", "/v2"])
def test_ping(oci: Fake, method: str, target: str) -> None:
    """`/v2/` says that this is a registry, and which API it speaks."""
    answer = oci(method, target)
    assert answer.status == 200
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == "2"
    assert answer.body == (b"{}" if method == "GET" else b"")


@pytest.mark.parametrize(
    "target", ["/v2/", f"/v2/{A}/tags/list", f"/v2/{A}/manifests/v1", "/v2/_catalog", "/v2/absent/tags/list"]
)
def test_nobody_is_challenged(oci: Fake, target: str) -> None:
    """Without credentials the answer is 401, with a challenge that names realm, service and scope."""
    oci.push_image(A, "v1")
    answer = oci("GET", target, headers={"authorization": None})
    assert answer.refusal == (401, "UNAUTHORIZED")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="http://ghcr.io/token",service="ghcr.io"')
    name = target.removeprefix("/v2/").partition("/tags")[0].partition("/manifests")[0]
    assert (f'scope="repository:{name}:pull"' in challenge) is (name not in {"", "_catalog"})


REFUSALS: dict[str, tuple[str, str, bytes, tuple[int, str]]] = {
    "no such path": ("GET", "/v2/x/y", b"", (404, "NAME_UNKNOWN")),
    "no landing page": ("GET", "/", b"", (404, "NAME_UNKNOWN")),
    "no such method": ("POST", "/v2/", b"", (405, "UNSUPPORTED")),
    "a name in capitals": ("GET", "/v2/Acme/tags/list", b"", (400, "NAME_INVALID")),
    "no such repository": ("GET", "/v2/absent/tags/list", b"", (404, "NAME_UNKNOWN")),
    "n is no number": ("GET", f"/v2/{A}/tags/list?n=many", b"", (400, "UNSUPPORTED")),
    "no such tag": ("GET", f"/v2/{A}/manifests/absent", b"", (404, "MANIFEST_UNKNOWN")),
    "no such manifest": ("GET", f"/v2/{A}/manifests/{ABSENT}", b"", (404, "MANIFEST_UNKNOWN")),
    "no such manifest to delete": ("DELETE", f"/v2/{A}/manifests/{ABSENT}", b"", (404, "MANIFEST_UNKNOWN")),
    "no such tag to delete": ("DELETE", f"/v2/{A}/manifests/absent", b"", (404, "MANIFEST_UNKNOWN")),
    "a tag with a dot in front": ("GET", f"/v2/{A}/manifests/.v1", b"", (400, "MANIFEST_INVALID")),
    "a manifest that is none": ("PUT", f"/v2/{A}/manifests/v1", b"[]", (400, "MANIFEST_INVALID")),
    "another digest": ("PUT", f"/v2/{A}/manifests/{ABSENT}", b"{}", (400, "DIGEST_INVALID")),
    "no such blob": ("GET", f"/v2/{A}/blobs/{ABSENT}", b"", (404, "BLOB_UNKNOWN")),
    "no such blob to delete": ("DELETE", f"/v2/{A}/blobs/{ABSENT}", b"", (404, "BLOB_UNKNOWN")),
    "a digest cut short": ("GET", f"/v2/{A}/blobs/{ABSENT[:-1]}", b"", (400, "DIGEST_INVALID")),
    "no such upload": ("PUT", f"/v2/{A}/blobs/uploads/x?digest={ABSENT}", b"", (404, "BLOB_UPLOAD_UNKNOWN")),
    "other bytes": ("POST", f"/v2/{A}/blobs/uploads/?digest={ABSENT}", b"x", (400, "DIGEST_INVALID")),
}


@pytest.mark.parametrize(("method", "target", "body", "wanted"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(oci: Fake, method: str, target: str, body: bytes, wanted: tuple[int, str]) -> None:
    """Each refusal has the status and the code of the specification, in its form, compact, without a newline."""
    oci.push_image(A, "v1")
    answer = oci(method, target, body, {"content-type": "application/vnd.oci.image.manifest.v1+json"})
    assert answer.refusal == wanted
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.body.startswith(b'{"errors":[{"code":"')
    assert answer.body.endswith(b"}]}")


def test_missing_content_is_named_one_by_one(oci: Fake) -> None:
    """A manifest whose blobs are not there is refused with one entry for each, which names it in `detail`."""
    answer = oci.push(A, "v1", {**image_without_blobs(), "layers": [descriptor(b"1"), descriptor(b"2")] * 2})
    assert answer.status == 400
    assert answer.codes == ["MANIFEST_BLOB_UNKNOWN"] * 3
    named = [entry["detail"] for entry in answer.json()["errors"]]
    assert named == [digest_of(data) for data in (b"config", b"1", b"2")]


def image_without_blobs() -> dict[str, Any]:
    """An image whose config nobody has pushed."""
    return {"schemaVersion": 2, "config": descriptor(b"config"), "layers": []}


@pytest.mark.parametrize("reference", ["v1", "digest", "absent", ".malformed"])
@pytest.mark.parametrize("noun", ["manifests", "blobs"])
def test_head_is_get_without_the_body(noun: str, reference: str) -> None:
    """HEAD answers with GET's status and header fields, length and date included, and no body."""
    oci = Fake(Simulator("oci", clock=Clock(1_800_000_000)))
    digest = oci.push_image(A, "v1")
    if noun == "blobs":
        digest = digest_of(b"word")
    target = f"/v2/{A}/{noun}/{digest if reference == 'digest' else reference}"
    head, get = oci("HEAD", target), oci("GET", target)
    assert (head.status, head.headers) == (get.status, get.headers)
    assert head.body == b""
    assert get.headers["content-length"] == str(len(get.body))
    assert get.body


def test_no_answer_is_without_a_date(oci: Fake) -> None:
    """Every answer says when it was given, after the fake's own clock."""
    oci.simulator.clock.advance(86_400 * 365)
    year = int(oci("GET", "/v2/").headers["date"].split()[3])
    assert year == int(repr(oci.simulator.clock).partition("(")[2][:4])
