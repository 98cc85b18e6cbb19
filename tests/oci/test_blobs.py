"""Blobs: served whole and in parts, scoped to their repository, and deleted."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from asking import Fake
from hypothesis import given
from hypothesis import strategies as st
from strategies import some

from ghcr_sim.assemble import Simulator
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.profiles import load_profile

if TYPE_CHECKING:
    from collections.abc import Sequence

A, B = "acme/app", "acme/other"
DATA = b"0123456789"


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("data", [b"", DATA, bytes(3_000_000)], ids=["empty", "small", "large"])
def test_a_blob_comes_back_as_it_was_pushed(oci: Fake, data: bytes, algorithm: str) -> None:
    """The very bytes come back under their digest, with their length, and ranges are offered."""
    digest = oci.push_blob(A, data, algorithm)
    answer = oci("GET", f"/v2/{A}/blobs/{digest}")
    assert (answer.status, answer.body) == (200, data)
    assert answer.headers["content-length"] == str(len(data))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["docker-content-digest"] == digest
    assert answer.headers["accept-ranges"] == "bytes"
    assert "content-range" not in answer.headers


RANGES: dict[str, tuple[int, bytes]] = {
    # header: status, what comes back or what `Content-Range` says
    "bytes=0-9": (206, b"0123456789"),
    "bytes=0-": (206, b"0123456789"),
    "bytes=0-0": (206, b"0"),
    "bytes=9-9": (206, b"9"),
    "bytes=3-5": (206, b"345"),
    "bytes=3-": (206, b"3456789"),
    "bytes=3-99": (206, b"3456789"),
    "bytes=9-": (206, b"9"),
    "bytes=-1": (206, b"9"),
    "bytes=-4": (206, b"6789"),
    "bytes=-10": (206, b"0123456789"),
    "bytes=-99": (206, b"0123456789"),
    "Bytes=3-5": (206, b"345"),
    "bytes= 3-5 ": (206, b"345"),
    "bytes=0003-0005": (206, b"345"),
    f"bytes=3-{(1 << 63) - 1}": (206, b"3456789"),
    # another unit, several ranges: the whole (RFC 9110, 14.2)
    "items=0-1": (200, DATA),
    "items=x": (200, DATA),
    "bytes=0-1,3-4": (200, DATA),
    "bytes=0-1, -1": (200, DATA),
    "bytes": (200, DATA),
    "": (200, DATA),
    # outside, or no range at all
    "bytes=10-": (416, b"lies outside"),
    "bytes=10-20": (416, b"lies outside"),
    "bytes=-0": (416, b"lies outside"),
    "bytes=5-3": (416, b"ends before it starts"),
    "bytes=99-3": (416, b"ends before it starts"),
    "bytes=": (416, b"malformed"),
    "bytes=-": (416, b"malformed"),
    "bytes=--1": (416, b"malformed"),
    "bytes=a-b": (416, b"malformed"),
    "bytes=3": (416, b"malformed"),
    "bytes=3-5-7": (416, b"malformed"),
    "bytes=3 - 5": (416, b"malformed"),
    "bytes=0x0-0x1": (416, b"malformed"),
    "bytes=1.0-2.0": (416, b"malformed"),
    "bytes=+1-+2": (416, b"malformed"),
    "bytes=\u0663-\u0665": (416, b"malformed"),
    "bytes=0-1,x": (416, b"malformed"),
    f"bytes=0-{'9' * 5000}": (416, b"malformed"),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("header", "wanted"), RANGES.items(), ids=[key[:30] for key in RANGES])
def test_ranges(oci: Fake, header: str, wanted: tuple[int, bytes], method: str) -> None:
    """One range of bytes is served as asked; other units and several ranges are ignored; the rest is 416."""
    digest = oci.push_blob(A, DATA)
    answer = oci(method, f"/v2/{A}/blobs/{digest}", headers={"range": header})
    status, content = wanted
    if method == "HEAD":
        # RFC 9110, 14.2: a Range is for GET alone.
        assert (answer.status, answer.headers["content-length"], answer.body) == (200, "10", b"")
        return
    assert answer.status == status
    if status == 416:
        assert answer.codes == ["REQUESTED_RANGE_NOT_SATISFIABLE"]
        assert content.decode() in answer.message
        assert "10 bytes" in answer.message
        assert len(answer.message) < 200
        assert answer.headers["content-range"] == "bytes */10"
        return
    assert answer.body == content
    assert answer.headers["content-length"] == str(len(content))
    start = DATA.index(content)
    span = f"bytes {start}-{start + len(content) - 1}/10" if status == 206 else None
    assert answer.headers.get("content-range") == span


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1"])
def test_an_empty_blob_has_no_range(oci: Fake, header: str) -> None:
    """No range of bytes lies inside an empty blob."""
    digest = oci.push_blob(A, b"")
    answer = oci("GET", f"/v2/{A}/blobs/{digest}", headers={"range": header})
    assert answer.refusal == (416, "REQUESTED_RANGE_NOT_SATISFIABLE")
    assert answer.headers["content-range"] == "bytes */0"


@pytest.mark.parametrize("where", ["registry", "storage host"])
def test_a_part_of_another_blob_is_not_sent(where: str) -> None:
    """`If-Range` with a validator that is not the blob's gets the whole (RFC 9110, 13.1.5); with its own, the part."""
    oci = Fake(Simulator(load_profile("oci", blobs__redirect=where != "registry")))
    target = f"/v2/{A}/blobs/{oci.push_blob(A, DATA)}"
    nobody: dict[str, str | None] = {}
    if where != "registry":
        parts = urlsplit(oci("GET", target).headers["location"])
        target, nobody = f"{parts.path}?{parts.query}", {"authorization": None}
    whole = oci("GET", target, headers=nobody)
    for condition in ('"other"', "Sat, 01 Jan 2000 00:00:00 GMT", "", "*"):
        answer = oci("GET", target, headers=nobody | {"range": "bytes=2-4", "if-range": condition})
        assert (answer.status, answer.body) == (200, DATA)
    for name in ("etag", "last-modified"):
        if name in whole.headers:
            answer = oci(
                "GET", target, headers=nobody | {"range": "bytes=2-4", "if-range": whole.headers[name]}
            )
            assert (answer.status, answer.body) == (206, b"234")
    assert ("etag" in whole.headers) is (where != "registry")


@given(st.binary(min_size=1, max_size=50), st.lists(st.integers(0, 49), max_size=5))
@some
def test_parts_make_the_whole(data: bytes, cuts: Sequence[int]) -> None:
    """A blob that is read part by part, wherever it is cut, is the blob."""
    oci = Fake()
    target = f"/v2/{A}/blobs/{oci.push_blob(A, data)}"
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    parts = []
    for start, stop in pairwise(places):
        answer = oci("GET", target, headers={"range": f"bytes={start}-{stop - 1}"})
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(data)}"
        parts.append(answer.body)
    assert b"".join(parts) == data


def test_a_blob_belongs_to_its_repository(oci: Fake) -> None:
    """A blob of one repository is unknown in another, and in one whose name goes on where the first ends."""
    digest = oci.push_blob(A, DATA)
    for other in (B, f"{A}/deep", "acme"):
        for method in ("GET", "HEAD", "DELETE"):
            assert oci(method, f"/v2/{other}/blobs/{digest}").status == 404
    assert oci("HEAD", f"/v2/{A}/blobs/{digest}").status == 200


def test_delete(oci: Fake) -> None:
    """A blob is deleted from one repository, once, and can be pushed again."""
    digest = oci.push_blob(A, DATA)
    oci.push_blob(B, DATA)
    assert oci("DELETE", f"/v2/{A}/blobs/{digest}").status == 202
    assert oci("DELETE", f"/v2/{A}/blobs/{digest}").refusal == (404, "BLOB_UNKNOWN")
    assert oci("GET", f"/v2/{A}/blobs/{digest}").refusal == (404, "BLOB_UNKNOWN")
    assert oci("GET", f"/v2/{B}/blobs/{digest}").body == DATA
    assert oci.push_blob(A, DATA) == digest
    assert oci("GET", f"/v2/{A}/blobs/{digest}").body == DATA


def test_a_blob_has_one_name_for_each_algorithm(oci: Fake) -> None:
    """The same bytes under sha256 and sha512 are two blobs."""
    oci.push_blob(A, DATA)
    assert oci("HEAD", f"/v2/{A}/blobs/{digest_of(DATA, 'sha512')}").status == 404
