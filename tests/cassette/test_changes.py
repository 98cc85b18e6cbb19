"""Recorded answers are over once this run has changed what they speak of, and no others are."""

from __future__ import annotations

import json

import pytest
from cassette.making import digest, exchange, image, text

from ghcr_sim.cassette.changes import Changes, Shown
from ghcr_sim.cassette.content import Unseen
from ghcr_sim.cassette.model import Body
from ghcr_sim.oci.media import OCI_MANIFEST

OLD, NEW = image(b"old"), image(b"new")
A, B = digest(OLD), digest(NEW)
REFERRER = json.dumps(json.loads(NEW) | {"subject": {"digest": A}}).encode()
SHOWN = {data: Shown(digest(data), OCI_MANIFEST, data) for data in (OLD, NEW, REFERRER)}
COMMON = {"repository": "a/b", "auth": "bearer"}


def put(number, reference, data=OLD):
    """A push of a manifest."""
    body = Body(digest=digest(data), size=len(data))
    return exchange(number, "manifest.put", 201, reference=reference, sent=body, **COMMON)


def get(reference, name=None, status=200, after=(), operation="manifest.get"):
    """A read of a manifest or blob, whose answer names a digest."""
    said = (("Docker-Content-Digest", name),) if name else ()
    return exchange(9, operation, status, reference=reference, after=after, got_headers=said, **COMMON)


def listed(*tags, status=200, after=()):
    """A list of tags."""
    return exchange(9, "tags.list", status, got=text(json.dumps({"tags": tags})), after=after, **COMMON)


def referrers(*digests, status=200):
    """A list of the referrers of a manifest."""
    found = text(json.dumps({"manifests": [{"digest": each} for each in digests]}))
    return exchange(9, "referrers.list", status, reference=A, got=found, **COMMON)


def changes(*writes, recorded=()):
    """The changes of a run that has done some things: reference, manifest or None, recorded write or None."""
    made = Changes(recorded)
    for reference, data, write in writes:
        made.manifest("a/b", reference, data and SHOWN[data], write)
    return made


PUSHED, DELETED = ("v1", NEW, None), ("v1", None, None)


@pytest.mark.parametrize(
    ("change", "read", "holds"),
    [
        pytest.param(PUSHED, get("v1", A), False, id="another manifest under the tag"),
        pytest.param(PUSHED, get("v1", B), True, id="the same manifest"),
        pytest.param(PUSHED, get("v1"), False, id="a manifest that is not named"),
        pytest.param(PUSHED, get("v1", status=404), False, id="none, and there is one"),
        pytest.param(PUSHED, get("v1", status=429), True, id="a refusal says nothing of content"),
        pytest.param(PUSHED, get("v2", A), True, id="another tag"),
        pytest.param(PUSHED, get(B, status=404, operation="manifest.head"), False, id="by digest, too"),
        pytest.param(PUSHED, get(B), True, id="a digest names its content"),
        pytest.param(DELETED, get("v1", A), False, id="deleted"),
        pytest.param(DELETED, get("v1", status=404), True, id="deleted, and not there"),
        pytest.param(PUSHED, listed("v1", "v2"), True, id="a list that has the tag"),
        pytest.param(PUSHED, listed("v2"), False, id="a list that has not"),
        pytest.param(PUSHED, listed(status=404), False, id="no list, and there is a tag"),
        pytest.param(DELETED, listed("v1"), False, id="a list with a deleted tag"),
        pytest.param(DELETED, listed("v2"), True, id="a list without it"),
        pytest.param((B, NEW, None), listed("v2"), True, id="a push by digest lists nothing"),
        pytest.param((B, NEW, None), listed(status=404), False, id="a push by digest makes a repository"),
        pytest.param(("v1", REFERRER, None), referrers(), False, id="a new referrer"),
        pytest.param(("v1", REFERRER, None), referrers(digest(REFERRER)), True, id="a listed referrer"),
        pytest.param(PUSHED, referrers(B), True, id="what refers to nothing"),
        pytest.param((B, None, None), referrers(B), False, id="a deleted referrer"),
        pytest.param(("v1", REFERRER, None), referrers(status=404), True, id="a registry without the API"),
        pytest.param(PUSHED, exchange(9, "ping", auth="bearer"), True, id="what no write changes"),
    ],
)
def test_an_answer_is_over_where_it_differs(change, read, holds) -> None:
    """What a run has made of a tag or digest decides, whether that was recorded or not."""
    assert changes(change).holds(read) is holds


def test_what_was_recorded_after_the_last_write_holds() -> None:
    """An odd answer, such as a 404 for who names no media type, is one as long as nothing else was written."""
    recorded = (put(1, "v1"), put(2, "v1", NEW))
    odd = get("v1", status=404, after=(1,))
    assert changes(("v1", OLD, 1), recorded=recorded).holds(odd)
    assert not changes(("v1", OLD, 1), ("v1", NEW, 2), recorded=recorded).holds(odd)
    assert not changes(("v1", OLD, 1), ("v1", NEW, None), recorded=recorded).holds(odd)
    lagging = listed(after=(1,))
    assert changes(("v1", OLD, 1), recorded=recorded).holds(lagging)
    assert not changes(("v1", OLD, 1), ("v2", OLD, None), recorded=recorded).holds(lagging)


def test_a_page_after_the_recorded_push_of_a_tag_holds_after_another_push_of_it() -> None:
    """Test data is often random: which tags there are does not depend on it, and a page need not have them all."""
    recorded = tuple(put(number, f"v{number}") for number in (1, 2, 3))
    page = listed("v1", "v2", after=(1, 2, 3))
    pushed = [(f"v{number}", NEW, None) for number in (1, 2, 3)]
    assert changes(*pushed, recorded=recorded).holds(page)
    assert not changes(*pushed, ("v4", NEW, None), recorded=recorded).holds(page)
    assert not changes(*pushed, ("v3", None, None), recorded=recorded).holds(page)


def test_a_list_after_a_recorded_deletion_holds_after_it() -> None:
    """Also where a manifest went by its digest, and its tags with it."""
    deletion = exchange(2, "manifest.delete", 202, reference=A, **COMMON)
    gone = [(name, None, 2) for name in (A, "v1")]
    made = changes(("v1", OLD, 1), *gone, recorded=(put(1, "v1"), deletion))
    assert made.holds(listed(after=(1, 2)))
    assert not made.holds(listed("v1", after=(1,)))


def test_a_blob_is_there_after_its_upload_and_not_after_its_deletion() -> None:
    """Whichever way it came."""
    made = Changes(())
    there, gone = get(A, operation="blob.head"), get(A, status=404, operation="blob.get")
    assert made.holds(there)
    assert made.holds(gone)
    made.blob("a/b", A, Unseen(A, 1), None)
    assert (made.holds(there), made.holds(gone)) == (True, False)
    made.blob("a/b", A, None, None)
    assert (made.holds(there), made.holds(gone)) == (False, True)
