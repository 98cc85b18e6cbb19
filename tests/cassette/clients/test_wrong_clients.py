"""Clients that are wrong in one thing are refused in a replay, whatever was recorded; no other recorder does that."""

from __future__ import annotations

import json
import time

import pytest
from cassette.clients.raw import (
    CONFIG,
    LAYER,
    MANIFEST,
    TYPE,
    ask,
    bearer,
    cut_short,
    digest,
    push,
    put,
    upload,
)
from cassette.clients.stage import Stage

from ghcr_sim.cassette import MISS

TAG, BLOB = "/v2/acme/app/manifests/v1", f"/v2/acme/app/blobs/{digest(LAYER)}"
ACCEPT = {"accept": TYPE}


@pytest.fixture
def stage(authority, tmp_path):
    """The reverse door: what is said there needs no TLS."""
    return Stage("reverse", authority, tmp_path)


@pytest.fixture
def played(stage, record):
    """The replay of an image that was refused to nobody, pushed, and pulled with a part of its layer."""
    with record() as way:
        assert ask(way, "GET", "/v2/").status == 401
        assert ask(way, "POST", "/v2/acme/app/blobs/uploads/", {"content-length": "0"}).status == 401
        auth = bearer(way)
        assert push(way, auth).status == 201
        assert ask(way, "GET", TAG, auth | ACCEPT).status == 200
        for more in ({}, {"range": "bytes=0-9"}):
            sent_on = ask(way, "GET", BLOB, auth | more)
            assert ask(way, "GET", sent_on.headers["location"], more).body == (LAYER[:10] if more else LAYER)
    with stage.replaying("one") as played:
        yield played


def finish(played):
    """The report, as if the run were over now."""
    return played.replay.close()


def test_a_right_client_is_not_refused(played):
    """The base of all others: with every request right, nothing is missing and nothing is wrong."""
    way = played.way
    assert ask(way, "GET", "/v2/").status == 401
    assert ask(way, "POST", "/v2/acme/app/blobs/uploads/", {"content-length": "0"}).status == 401
    auth = bearer(way)
    assert push(way, auth).status == 201
    assert ask(way, "GET", TAG, auth | ACCEPT).body == MANIFEST
    for more in ({}, {"range": "bytes=0-9"}):
        sent_on = ask(way, "GET", BLOB, auth | more)
        assert ask(way, "GET", sent_on.headers["location"], more).body == (LAYER[:10] if more else LAYER)
    report = finish(played)
    assert report.ok, report.problems()
    assert not report.unused_reads
    assert report.answers.keys() == {"recorded"}


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_truncated_upload_is_refused(played, method):
    """Half of a body is no body: the replay says so, and the upload does not count as played."""
    auth = bearer(played.way)
    place = ask(played.way, "POST", "/v2/acme/app/blobs/uploads/", {**auth, "content-length": "0"})
    target = place.headers["location"] + (f"?digest={digest(LAYER)}" if method == "PUT" else "")
    cut_short(played.way, (method, target), auth, LAYER[:500], length=len(LAYER))
    for _ in range(500):  # it goes on while the client is gone already
        if played.replay.report.wrongs:
            break
        time.sleep(0.01)
    report = finish(played)
    assert any("broke off" in each for each in report.wrongs), report.wrongs
    assert any(each.operation == "upload.put" for each in report.unused_writes)
    assert not report.ok


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v2/acme/app/blobs/uploads/"),
        ("PUT", TAG),
        ("GET", TAG),
        ("HEAD", TAG),
        ("GET", BLOB),
        ("HEAD", BLOB),
        ("GET", "/v2/acme/app/tags/list"),
    ],
    ids=lambda value: value.removeprefix("/v2/acme/app/").split("/")[0],
)
def test_who_brings_no_credential_is_challenged(played, method, target):
    """What was recorded for a bearer is given to nobody else."""
    push(played.way, bearer(played.way))
    said = ask(played.way, method, target, ACCEPT, MANIFEST if method == "PUT" else None)
    assert said.status == 401
    assert 'realm="http://' in said.headers["www-authenticate"]


def test_a_bearer_at_the_storage_host_is_refused(played):
    """A client drops its credential at a redirect to another host."""
    auth = bearer(played.way)
    push(played.way, auth)
    sent_on = ask(played.way, "GET", BLOB, auth)
    assert sent_on.status == 307
    said = ask(played.way, "GET", sent_on.headers["location"], auth)
    assert said.status == 400
    assert LAYER not in said.body
    assert ["credential" in each for each in finish(played).wrongs] == [True]


def test_the_storage_host_gives_nothing_without_a_signature(played):
    """An address that this replay did not sign, and the signature of another blob."""
    auth = bearer(played.way)
    push(played.way, auth)
    place = ask(played.way, "GET", BLOB, auth).headers["location"]
    assert ask(played.way, "GET", place.partition("?")[0]).status == 403
    assert ask(played.way, "GET", place.replace("sig=", "sig=x")).status == 403
    other = place.replace(digest(LAYER), digest(CONFIG))
    assert ask(played.way, "GET", other).status == 403
    assert len(finish(played).wrongs) == 3


@pytest.mark.parametrize("method", ["PATCH", "PUT", "GET", "DELETE"])
def test_an_upload_that_nobody_opened_is_unknown(played, method):
    """404 and BLOB_UPLOAD_UNKNOWN."""
    place = "/v2/acme/app/blobs/upload/00000000-0000-4000-8000-000000000000"
    target = f"{place}?digest={digest(LAYER)}" if method == "PUT" else place
    said = ask(played.way, method, target, bearer(played.way), LAYER if method[0] == "P" else None)
    assert (said.status, said.code) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert not finish(played).ok


@pytest.mark.parametrize("sent", [LAYER[:-1], LAYER + b"!", b""], ids=["short", "long", "empty"])
def test_other_bytes_than_the_digest_says_are_refused(played, sent):
    """400 and DIGEST_INVALID, and the recorded upload does not count as played."""
    said = upload(played.way, bearer(played.way), sent, named=digest(LAYER))
    assert (said.status, said.code) == (400, "DIGEST_INVALID")
    report = finish(played)
    assert digest(LAYER) in report.wrongs[0]
    assert [dict(each.query)["digest"] for each in report.unused_writes if each.operation == "upload.put"]


def test_a_manifest_before_its_blobs_is_refused(played):
    """None of them, and one of two."""
    auth = bearer(played.way)
    said = put(played.way, auth)
    assert (said.status, said.code) == (400, "MANIFEST_BLOB_UNKNOWN")
    upload(played.way, auth, CONFIG)
    assert put(played.way, auth).code == "MANIFEST_BLOB_UNKNOWN"
    upload(played.way, auth, LAYER)
    assert put(played.way, auth).status == 201
    assert len(finish(played).wrongs) == 2


def test_a_tag_before_its_push_is_missed(played):
    """It was recorded after the push, so that it is there after the push."""
    auth = bearer(played.way)
    said = ask(played.way, "GET", TAG, auth | ACCEPT)
    assert said.status == MISS
    assert b"make it first" in said.body
    assert ask(played.way, "GET", BLOB, auth).status == MISS
    push(played.way, auth)
    assert ask(played.way, "GET", TAG, auth | ACCEPT).body == MANIFEST
    assert {miss.reason for miss in finish(played).misses} == {"early"}


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=5-9", 5, 9), ("bytes=-7", 2041, 2047), ("bytes=2000-", 2000, 2047), ("bytes=0-99999", 0, 2047)],
)
def test_another_range_than_the_recorded_is_computed_from_the_whole(played, asked, first, last):
    """Never the recorded part for another one."""
    auth = bearer(played.way)
    push(played.way, auth)
    sent_on = ask(played.way, "GET", BLOB, auth | {"range": asked})
    said = ask(played.way, "GET", sent_on.headers["location"], {"range": asked})
    assert (said.status, said.body) == (206, LAYER[first : last + 1])
    assert said.headers["content-range"] == f"bytes {first}-{last}/2048"
    assert said.headers["content-length"] == str(last + 1 - first)


def test_another_accept_gets_what_it_names_or_nothing(played):
    """A wider set gets the manifest, labelled as derived; one that does not name its type is missed."""
    auth = bearer(played.way)
    push(played.way, auth)
    wider = {"accept": f"application/vnd.oci.image.index.v1+json, {TYPE};q=0.5"}
    said = ask(played.way, "GET", TAG, auth | wider)
    assert (said.status, said.body, said.headers["content-type"]) == (200, MANIFEST, TYPE)
    other = {"accept": "application/vnd.docker.distribution.manifest.v2+json"}
    assert ask(played.way, "GET", TAG, auth | other).status == MISS
    report = finish(played)
    assert report.answers["derived"] == 1
    assert "accept" in report.misses[0].text


def test_a_blob_is_not_there_before_its_push(stage, record):
    """Who asks first hears the recorded 404: clients remember digests from one run to the next, and ask for them."""
    with record() as way:
        auth = bearer(way)
        assert ask(way, "HEAD", f"/v2/acme/app/blobs/sha256:{'0' * 64}", auth).status == 404
        push(way, auth)
        assert ask(way, "HEAD", BLOB, auth).status == 200
    with stage.replaying("one") as played:
        auth = bearer(played.way)
        assert ask(played.way, "HEAD", f"/v2/acme/app/blobs/sha256:{'0' * 64}", auth).status == 404
        assert ask(played.way, "HEAD", BLOB, auth).status == 404
        assert ask(played.way, "GET", BLOB, auth).status == MISS
        push(played.way, auth)
        assert ask(played.way, "HEAD", BLOB, auth).status == 200
    assert [miss.reason for miss in played.report.misses] == ["unknown"]
    assert played.report.answers["derived"] == 1


def test_an_image_of_another_repository_is_not_served(played):
    """What is known by its digest in one repository is unknown in all others."""
    auth = bearer(played.way)
    push(played.way, auth)
    for target in (TAG, BLOB):
        said = ask(played.way, "GET", target.replace("acme/app", "acme/other"), auth | ACCEPT)
        assert said.status in {401, 404, MISS}
        assert json.dumps(LAYER.hex()) not in said.body.hex()
    assert not finish(played).ok
