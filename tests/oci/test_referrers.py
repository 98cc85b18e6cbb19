"""Referrers: what says `subject` is listed under it, filtered and paged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asking import Fake, descriptor, image
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import few

from ghcr_sim.assemble import Simulator
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import EMPTY, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from ghcr_sim.profiles import load_profile

A, B = "acme/app", "acme/other"
SUBJECT = descriptor(b"subject", OCI_MANIFEST)
DIGEST = SUBJECT["digest"]


def listed(oci: Fake, query: str = "", repository: str = A, digest: str = DIGEST) -> list[dict[str, Any]]:
    """The descriptors of a referrers list."""
    answer = oci("GET", f"/v2/{repository}/referrers/{digest}{query}")
    assert answer.status == 200
    assert answer.headers["content-type"] == OCI_INDEX
    document = answer.json()
    assert {key: document[key] for key in ("schemaVersion", "mediaType")} == {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
    }
    found: list[dict[str, Any]] = document["manifests"]
    return found


@pytest.mark.parametrize("reference", ["v1", "digest"])
def test_a_subject_is_confirmed(oci: Fake, reference: str) -> None:
    """A push of a manifest with a subject says so in `OCI-Subject`, whether the subject is there or not."""
    oci.push_image(A, "v0")
    content = json.dumps(image(subject=SUBJECT)).encode()
    answer = oci.push(A, reference if reference == "v1" else digest_of(content), content)
    assert answer.headers["oci-subject"] == DIGEST
    assert "oci-subject" not in oci.push(A, "v2", image()).headers
    assert [found["digest"] for found in listed(oci)] == [digest_of(content)]


def test_a_referrer_is_described(oci: Fake) -> None:
    """A descriptor has the manifest's own type, digest, size and annotations, and its artifact type."""
    oci.push_image(A, "v0")
    named = image(subject=SUBJECT, artifactType="test/signature", annotations={"a": "b"})
    plain = image(subject=SUBJECT)
    empty = image(subject=SUBJECT, config=descriptor(b"{}", EMPTY), artifactType="test/x")
    for number, document in enumerate((named, plain, empty)):
        assert oci.push(A, f"v{number}", document).status == 201
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "subject": SUBJECT}
    assert oci.push(A, "index", index, OCI_INDEX).status == 201
    first, second, third, fourth = listed(oci)
    content = json.dumps(named).encode()
    assert first == {
        "mediaType": OCI_MANIFEST,
        "digest": digest_of(content),
        "size": len(content),
        "artifactType": "test/signature",
        "annotations": {"a": "b"},
    }
    assert (second["artifactType"], "annotations" in second) == (OCI_CONFIG, False)
    assert third["artifactType"] == "test/x"
    assert (fourth["mediaType"], "artifactType" in fourth) == (OCI_INDEX, False)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?artifactType=test%2Fa", 1),
        ("?artifactType=test/b%2Bjson", 2),
        ("?artifactType=test/b+json", 2),
        ("?artifactType=test/none", 0),
        ("?artifactType=", 3),
        ("", 3),
    ],
)
def test_the_filter(oci: Fake, query: str, count: int) -> None:
    """`artifactType` leaves only manifests of that type, and `OCI-Filters-Applied` says so."""
    oci.push_image(A, "v0")
    for number, kind in enumerate(("test/a", "test/b+json", "test/b+json")):
        document = image(subject=SUBJECT, artifactType=kind, annotations={"number": str(number)})
        assert oci.push(A, f"v{number}", document).status == 201
    assert len(listed(oci, query)) == count
    applied = oci("GET", f"/v2/{A}/referrers/{DIGEST}{query}").headers.get("oci-filters-applied")
    assert applied == ("artifactType" if query.rstrip("=").endswith(("a", "json", "none")) else None)


def test_a_subject_without_referrers_has_an_empty_list(oci: Fake) -> None:
    """Nobody refers to it, it is unknown, the repository is unknown: 200, with an empty list."""
    digest = oci.push_image(A, "v0")
    assert listed(oci, digest=digest) == []
    assert listed(oci) == []
    assert listed(oci, repository="acme/absent") == []


def test_referrers_belong_to_their_repository(oci: Fake) -> None:
    """A referrer in one repository is none in another."""
    for repository in (A, B):
        oci.push_image(repository, "v0")
    assert oci.push(B, "v1", image(subject=SUBJECT)).status == 201
    assert listed(oci) == []
    assert len(listed(oci, repository=B)) == 1


def test_a_deleted_referrer_is_not_listed(oci: Fake) -> None:
    """Deleting the manifest takes it from the list, deleting its tag does not; pushed again, it is back."""
    oci.push_image(A, "v0")
    digest = oci.push(A, "v1", image(subject=SUBJECT)).headers["docker-content-digest"]
    assert oci("DELETE", f"/v2/{A}/manifests/v1").status == 202
    assert len(listed(oci)) == 1
    assert oci("DELETE", f"/v2/{A}/manifests/{digest}").status == 202
    assert listed(oci) == []
    assert oci.push(A, "v1", image(subject=SUBJECT)).status == 201
    assert len(listed(oci)) == 1


def test_text_that_utf_8_cannot_say(oci: Fake) -> None:
    """A lone surrogate, which JSON can escape and UTF-8 cannot write, is listed as it was pushed: escaped."""
    oci.push_image(A, "v0")
    document = image(subject=SUBJECT, artifactType="\ud800", annotations={"\udfff": "\ud800"})
    assert oci.push(A, "v1", document).status == 201
    (found,) = listed(oci)
    assert (found["artifactType"], found["annotations"]) == ("\ud800", {"\udfff": "\ud800"})


@given(st.lists(st.sampled_from(("test/a", "test/b+json")), max_size=6), st.integers(1, 4), st.booleans())
@example(kinds=["test/a", "test/b+json", "test/b+json"], page=1, filtered=True)
@few
def test_links_lead_to_every_referrer_once(kinds: list[str], page: int, filtered: bool) -> None:
    """Following `Link` from page to page finds each referrer exactly once, with a filter and without."""
    oci = Fake(Simulator(load_profile("oci", referrers__page=page)))
    oci.push_image(A, "v0")
    for number, kind in enumerate(kinds):
        document = image(subject=SUBJECT, artifactType=kind, annotations={"number": str(number)})
        assert oci.push(A, f"v{number}", document).status == 201
    target = f"/v2/{A}/referrers/{DIGEST}" + ("?artifactType=test%2Fb%2Bjson" if filtered else "")
    numbers, pages = [], 0
    while target:
        answer = oci("GET", target)
        found = answer.json()["manifests"]
        assert len(found) <= page
        assert ("oci-filters-applied" in answer.headers) is filtered
        numbers += [int(each["annotations"]["number"]) for each in found]
        link = answer.headers.get("link", "")
        assert not link or link.endswith('>; rel="next"')
        target, pages = link[1:].partition(">")[0], pages + 1
    wanted = [number for number, kind in enumerate(kinds) if not filtered or kind == "test/b+json"]
    assert numbers == wanted
    assert pages == max(1, -(-len(wanted) // page))
