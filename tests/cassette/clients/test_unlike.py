"""Replays to who is unlike the recorded one: answers that follow from an example of another request."""

from __future__ import annotations

import asyncio
import http.client
import json

import pytest
from cassette.clients.raw import CONFIG, LAYER, MANIFEST, TYPE, ask, bearer, digest, push, upload
from cassette.clients.stage import Stage

from ghcr_sim.cassette.hosts import hosts_of, realms_of
from ghcr_sim.cassette.rehearse import rehearse
from ghcr_sim.cassette.turns import before_each

TAG = "/v2/acme/app/manifests/v1"


@pytest.fixture
def stage(authority, tmp_path):
    """The reverse door."""
    return Stage("reverse", authority, tmp_path)


def both(way):
    """Two uploads, to two repositories, and where the second one's steps lead."""
    auth = bearer(way)
    assert upload(way, auth, CONFIG).status == 201
    other = bearer(way, "pull,push")
    opened = ask(way, "POST", "/v2/acme/other/blobs/uploads/", {**other, "content-length": "0"})
    sent = ask(way, "PATCH", opened.headers["location"], other, LAYER)
    return opened, sent, ask(way, "PUT", f"{sent.headers['location']}?digest={digest(LAYER)}", other)


def test_an_upload_stays_in_its_repository(stage, record):
    """The example of an answer to a PATCH may be of another repository; where it leads is not."""
    with record() as way:
        both(way)
    with stage.replaying("one") as played:
        opened, sent, ended = both(played.way)
    assert opened.headers["location"].startswith("/v2/acme/other/blobs/upload/")
    assert sent.headers["location"].startswith("/v2/acme/other/blobs/upload/")
    assert ended.status == 201
    played.assert_ok()


def test_a_challenge_by_a_head_is_one_for_a_get(stage, record, ghcr):
    """It has the length that it has, so that nobody waits for a body which does not come."""
    ghcr.seed("acme/app:v1")
    with record() as way:
        assert ask(way, "HEAD", TAG, {"accept": TYPE}).status == 401
        assert ask(way, "HEAD", TAG, {"accept": TYPE, **bearer(way, "pull")}).status == 200
    with stage.replaying("one") as played:
        for target in ("/v2/", TAG):
            said = ask(played.way, "GET", target, {"accept": TYPE})
            assert (said.status, said.body, said.headers["content-length"]) == (401, b"", "0")
            assert 'service="ghcr.io"' in said.headers["www-authenticate"]
    assert not played.report.misses
    assert played.report.answers["derived"] == 2


def test_a_ping_with_a_bearer_is_not_made_up(stage, record, ghcr):
    """Nobody has seen its 200: who logs in that way has to be recorded."""
    ghcr.seed("acme/app:v1")
    with record() as way:
        ask(way, "GET", TAG, {"accept": TYPE, **bearer(way, "pull")})
    with stage.replaying("one") as played:
        assert ask(played.way, "GET", "/v2/", bearer(played.way, "pull")).status == 490
        assert ask(played.way, "GET", "/v2/").status == 490, "no challenge was recorded either"
    assert len(played.report.misses) == 2


def test_accept_may_come_in_several_lines(stage, record):
    """As regctl sends it; also where the answer is derived."""
    with record() as way:
        auth = bearer(way)
        push(way, auth)
        assert ask(way, "GET", TAG, {**auth, "accept": TYPE}).status == 200
    with stage.replaying("one") as played:
        auth = bearer(played.way)
        push(played.way, auth)
        wanted = ["application/vnd.oci.image.index.v1+json", TYPE]
        said = by_hand(played.way, TAG, auth["authorization"], wanted)
    assert MANIFEST in said
    assert not played.report.misses


def by_hand(way, target, authorization, accepted):
    """A GET with several `Accept` fields; all that came."""
    connection = http.client.HTTPConnection(way.host, timeout=20)
    connection.putrequest("GET", target)
    connection.putheader("authorization", authorization)
    for each in accepted:
        connection.putheader("accept", each)
    connection.endheaders()
    data = connection.getresponse().read()
    connection.close()
    return data


def test_another_order_leaves_reads_before_the_writes_that_they_did_not_see(stage, record):
    """A rehearsal asks for what a client could have asked: a 404 that came before the push comes before it."""
    blob = f"/v2/acme/app/blobs/{digest(LAYER)}"
    with record() as way:
        auth = bearer(way)
        assert ask(way, "HEAD", blob, auth).status == 404
        push(way, auth)
        assert ask(way, "HEAD", blob, auth).status == 200
    cassette = stage.cassette("one")
    (absent,) = (each.id for each in cassette.exchanges if each.response.status == 404)
    (pushed,) = (each.id for each in cassette.exchanges if ("digest", digest(LAYER)) in each.query)
    assert absent in before_each(cassette.exchanges)[pushed]
    for seed in range(20):
        assert asyncio.run(rehearse(cassette, seed=seed)) == []


def test_a_cassette_names_its_hosts(stage, record, ghcr):
    """What a proxy has to take over: the registry, its realm, its storage host."""
    ghcr.seed("acme/app:v1", visibility="public")
    with record() as way:
        ask(way, "GET", "/v2/")
        auth = bearer(way, "pull")
        ask(way, "GET", TAG, {**auth, "accept": TYPE})
        layer = next(iter(ghcr.simulator.store.repository("acme/app").manifests.values()))
        ask(way, "GET", f"/v2/acme/app/blobs/{config_of(layer.content)}", auth)
    cassette = stage.cassette("one")
    assert hosts_of(cassette) == {"ghcr.io", "pkg-containers.githubusercontent.com"}
    assert realms_of(cassette.exchanges) == {("ghcr.io", "/token")}


def config_of(content):
    """The digest of a manifest's configuration."""
    return json.loads(content)["config"]["digest"]
