"""Judging: what differs between a recorded answer and another one is told, and nothing else is."""

from __future__ import annotations

import asyncio
import json

import pytest
from cassette.making import (
    UPSTREAM,
    Answered,
    Client,
    FakeUpstream,
    Stub,
    answer,
    cassette,
    digest,
    exchange,
    fake,
    image,
    pooled,
    record,
    recording,
    text,
)

from ghcr_sim import live
from ghcr_sim.cassette import CassetteError
from ghcr_sim.cassette.addresses import ReverseDoor
from ghcr_sim.cassette.model import Body
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.exchange import Content, Response
from ghcr_sim.judge import compare, judge_fake
from ghcr_sim.oci.media import OCI_INDEX, OCI_MANIFEST
from ghcr_sim.upstream import UpstreamError

SHA = digest(b"x")


def notes(recorded, response):
    """What differs."""
    return list(compare(recorded, response))


SAME = {
    "dates and ids": (
        (("date", "<date>"), ("x-github-request-id", "<request-id>")),
        (("Date", "now"), ("X-GitHub-Request-Id", "C0")),
    ),
    "the way": ((("via", "1.1 x"), ("transfer-encoding", "chunked")), (("connection", "close"),)),
    "hosts": (
        (("location", "https://ghcr.io/v2/a/b/blobs/x"),),
        (("location", "http://127.0.0.1:1/v2/a/b/blobs/x"),),
    ),
    "sessions": (
        (("location", "/v2/a/b/blobs/upload/<session:1>?_state=<state:1>"),),
        (("location", "/v2/a/b/blobs/upload/0a1b2c3d-0000-4000-8000-0123456789ab?_state=abc"),),
    ),
    "signatures and shards": (
        (("location", f"https://x/ghcr1/blobs/{SHA}?<signature>"),),
        (("location", f"http://y/ghcrblobs07/blobs/{SHA}?se=1&sig=2"),),
    ),
    "lengths": ((("content-length", "3"),), (("content-length", "4"),)),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_differs_by_its_nature_is_the_same(one, other) -> None:
    """Dates, ids, hosts, sessions, signatures, lengths and the fields of the way are not judged."""
    assert notes(exchange(got_headers=one), Response(200, other)) == []


DIFFERENT = {
    "no entries": (
        exchange(got=text('{"tags":["a"]}')),
        Response(200, (), b'{"tags":[]}'),
        ["body.tags: 1 entries were recorded, 0 came"],
    ),
    "fewer errors": (
        exchange(got=text('{"errors":[{"code":"A"},{"code":"B"}]}')),
        Response(200, (), b'{"errors":[{"code":"A"}]}'),
        ["body.errors: 2 entries were recorded, 1 came"],
    ),
    "status": (exchange(status=404), Response(403), ["status: 404 was recorded, 403 came"]),
    "a field that is missing": (
        exchange(got_headers=(("etag", "x"),)),
        Response(200),
        ["header etag: recorded (x), and does not come"],
    ),
    "a field too many": (
        exchange(),
        Response(200, (("etag", "x"),)),
        ["header etag: comes (x), and was not recorded"],
    ),
    "a value that is promised": (
        exchange(got_headers=(("content-type", "a/b"),)),
        Response(200, (("content-type", "a/c"),)),
        ["header content-type: a/b was recorded, a/c came"],
    ),
    "another place": (
        exchange(got_headers=(("location", "/v2/a/b/blobs/upload/x"),)),
        Response(200, (("location", "/v2/a/b/blobs/uploads/x"),)),
        ["header location: /v2/a/b/blobs/upload/x was recorded, /v2/a/b/blobs/uploads/x came"],
    ),
    "a key": (
        exchange(got=text('{"a":1,"b":2}')),
        Response(200, (), b'{"a":1,"c":2}'),
        ["body.b: recorded, and does not come", "body.c: not recorded, and comes"],
    ),
    "a kind": (
        exchange(got=text('{"a":[{"b":1}]}')),
        Response(200, (), b'{"a":[{"b":"1"}]}'),
        ["body.a[0].b: int was recorded, str came"],
    ),
    "an error's text": (
        exchange(got=text('{"errors":[{"code":"A"}]}')),
        Response(200, (), b'{"errors":[{"code":"B"}]}'),
        ["body.errors[0].code: 'A' was recorded, 'B' came"],
    ),
    "no JSON": (
        exchange(got=text("{}")),
        Response(200, (), b"html"),
        ["body: JSON was recorded, and the other came"],
    ),
    "JSON": (
        exchange(got=text("html")),
        Response(200, (), b"{}"),
        ["body: no JSON was recorded, and the other came"],
    ),
    "a newline": (
        exchange(got=text("{}\n")),
        Response(200, (), b"{}"),
        ["body: a newline at its end was recorded"],
    ),
    "no newline": (
        exchange(got=text("{}")),
        Response(200, (), b"{}\n"),
        ["body: a newline at its end was not recorded"],
    ),
}


@pytest.mark.parametrize(("recorded", "response", "said"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_is_told(recorded, response, said) -> None:
    """Status, fields, promised values, and the shape of bodies: what was recorded, and what came."""
    assert notes(recorded, response) == said


@pytest.mark.parametrize(
    "body",
    [None, text("html"), Body(size=3), text('{"a":1,"l":[1]}')],
    ids=["none", "text", "unkept", "values"],
)
def test_bodies_of_one_shape_are_the_same(body, tmp_path) -> None:
    """Values may differ, and what is no JSON or was not kept is not judged."""
    kept = Pool(tmp_path / "p")
    blob = kept.blob(kept.put(b"x"))
    assert (
        notes(
            exchange(got=body),
            Response(200, (), b'{"a":2,"l":[3,4]}' if body and body.text and "{" in body.text else b"other"),
        )
        == []
    )
    assert notes(exchange(got=body), Response(200, (), Content(blob, 0, 1))) == []


# -- the fake


def verdicts(path, *exchanges, **more):
    """How the fake does."""
    found = asyncio.run(judge_fake(cassette(path, *exchanges), **more))
    return [(each.verdict, *each.notes) for each in found]


def test_the_fake_agrees_with_a_recording_of_itself(tmp_path) -> None:
    """Nothing differs; what cannot be asked says why."""
    found = asyncio.run(judge_fake(record(tmp_path / "a.jsonl", fake())))
    assert {each.verdict for each in found} <= {"same", "not asked"}
    assert sum(each.verdict == "same" for each in found) > 5
    assert all(each.notes for each in found if each.verdict == "not asked")


def test_a_cassette_without_exchanges_is_no_verdict(tmp_path) -> None:
    """Nothing was judged, and that is not the same as nothing differs."""
    with pytest.raises(CassetteError, match=r"a\.jsonl: it has no exchanges, and so nothing to verify"):
        verdicts(tmp_path / "a.jsonl")


def test_what_is_gone_from_the_pool_differs_and_the_rest_is_judged(tmp_path) -> None:
    """Each exchange that needs a body that is gone says which file is missing; all others are judged."""
    found = record(tmp_path / "a.jsonl")
    put = next(each for each in found.exchanges if each.operation == "manifest.put" and each.request.body)
    found.pool.path(put.request.body.digest).unlink()
    verdicts = {each.exchange.id: each for each in asyncio.run(judge_fake(found))}
    assert len(verdicts) == len(found.exchanges)
    assert verdicts[put.id].verdict == "different"
    assert put.request.body.digest.partition(":")[2] in verdicts[put.id].notes[0]
    assert any(each.verdict == "same" for each in verdicts.values())


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_the_fake_is_not_blamed_for_what_the_pool_lacks(tmp_path, damage) -> None:
    """A manifest that was pulled, and whose bytes are gone or others: the file is named, and no status."""
    path = tmp_path / "a.jsonl"
    pool = Pool.beside(path)
    data = image(b"x")
    get = exchange(
        1, "manifest.get", reference="v1", got=pooled(pool, data), repository="acme/app", auth="bearer"
    )
    file = pool.path(digest(data))
    file.unlink() if damage == "gone" else file.write_bytes(data.replace(b"2", b"3"))
    [(verdict, note)] = verdicts(path, get)
    assert verdict == "different"
    assert str(file) in note
    assert "status" not in note


@pytest.mark.parametrize(("kept", "verdict"), [(True, "same"), (False, "not asked")])
def test_a_tag_that_was_only_looked_at(tmp_path, kept, verdict) -> None:
    """The fake starts with it where the pool has its bytes, under any name; else it is not asked."""
    path = tmp_path / "a.jsonl"
    data = image(b"x")
    if kept:
        Pool.beside(path).put(data)
    found = record_head(path, data)
    assert [each.verdict for each in found if each.exchange.operation == "manifest.head"] == [verdict]
    assert all(each.verdict != "different" for each in found), found


def record_head(path, data):
    """What the fake says to a recording of itself in which a tag was looked at and listed."""
    simulator, made = fake(), recording(path)

    async def play():
        owner = Client(simulator, simulator.token)
        await owner.login("acme/app")
        await owner.push("acme/app", "v1", b"x")
        client = Client(made.recorder(FakeUpstream(simulator), ReverseDoor(UPSTREAM)), simulator.token)
        await client.login("acme/app")
        got = await client.ask("HEAD", "/v2/acme/app/manifests/v1", accept=OCI_MANIFEST)
        assert got.headers["docker-content-digest"] == digest(data)
        await client.ask("GET", "/v2/acme/app/tags/list")
        return await judge_fake(await made.finish())

    return asyncio.run(play())


def test_the_fake_starts_with_what_the_cassette_shows(tmp_path) -> None:
    """Manifests, blobs and tags that were read before any write are there when it is asked."""
    path = tmp_path / "a.jsonl"
    pool = Pool.beside(path)
    data = image(b"x")
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
    common = {"repository": "acme/app", "auth": "bearer"}
    scope = (("scope", "repository:acme/app:pull"), ("service", "ghcr.io"))
    made = [
        exchange(1, "token.get", query=scope, got=text('{"token":"<token:1>"}')),
        exchange(
            2,
            "manifest.get",
            reference="v1",
            got=pooled(pool, data),
            got_headers=(("content-type", OCI_MANIFEST),),
            sent_headers=(("accept", OCI_MANIFEST),),
            **common,
        ),
        exchange(
            3,
            "manifest.get",
            reference=digest(index),
            got=pooled(pool, index),
            got_headers=(("content-type", OCI_INDEX),),
            sent_headers=(("accept", OCI_INDEX),),
            **common,
        ),
        exchange(4, "blob.head", reference=SHA, got_headers=(("content-length", "1"),), **common),
        exchange(5, "tags.list", got=text('{"name":"acme/app","tags":["v1","v2"]}'), **common),
        exchange(6, "manifest.head", 404, reference="none", **common),
        exchange(7, "storage.get", host="storage", reference=SHA, auth="none"),
        exchange(
            8,
            "upload.put",
            201,
            reference="<session:1>",
            query=(("digest", SHA),),
            sent=Body(digest=SHA, size=1),
            **common,
        ),
        exchange(9, "manifest.get", reference="v2", after=(8,), got=pooled(pool, data), **common),
    ]
    found = verdicts(path, *made)
    statuses = [[note for note in each[1:] if note.startswith("status")] for each in found]
    assert statuses == [[]] * 8 + [["status: 200 was recorded, 404 came"]], found
    assert found[6] == ("not asked", "what it belongs to was not answered as recorded")
    assert found[7] == ("not asked", "the bytes that were sent were not kept")


# -- the real one


class Live(Stub):
    """An upstream that is opened and closed."""

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass


def test_the_real_registry_is_only_read(tmp_path, monkeypatch) -> None:
    """Reads are asked with the token, signed addresses are followed as they were given; writes are not asked."""
    where = f"https://pkg-containers.githubusercontent.com/ghcr1/blobs/{SHA}?se=1&sig=2"
    answers = [
        answer(200, b'{"token":"abc"}'),
        answer(307, b"", {"location": where}),
        Answered(200, (), [b"x" * 9_000_000]),
    ]
    upstream = Live(answers)
    monkeypatch.setattr(live, "Upstream", lambda: upstream)
    monkeypatch.setenv(live.TOKEN, "hunter2hunter2")
    made = cassette(
        tmp_path / "a.jsonl",
        exchange(1, "token.get", auth="basic", got=text('{"token":"<token:1>"}')),
        exchange(2, "manifest.put", 201, repository="a/b", reference="v1"),
        exchange(
            3,
            "blob.get",
            307,
            repository="a/b",
            reference=SHA,
            auth="bearer",
            got_headers=(("location", f"https://x/ghcr1/blobs/{SHA}?<signature>"),),
        ),
        exchange(4, "storage.get", host="storage", reference=SHA),
    )
    found = asyncio.run(live.judge_live(made))
    assert [each.verdict for each in found] == ["different", "not asked", "different", "same"]
    assert [each[1] for each in upstream.asked] == [
        "https://ghcr.io/token",
        f"https://ghcr.io/v2/a/b/blobs/{SHA}",
        where,
    ]
    assert upstream.asked[1][2]["authorization"] == "Bearer abc"
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("recorded", "named", "says"),
    [
        ("https://evil.example", live.GHCR, "--upstream https://evil.example"),
        ("https://ghcr.io.evil.example", live.GHCR, "goes to https://ghcr.io only"),
        ("http://ghcr.io", live.GHCR, "goes to https://ghcr.io only"),
        ("https://evil.example", "https://mine.example", "goes to https://mine.example only"),
        ("http://mine.example", "http://mine.example", "in the open"),
        ("http://127.evil.example", "http://127.evil.example", "in the open"),
    ],
)
def test_a_cassette_does_not_decide_where_the_token_goes(
    tmp_path, monkeypatch, recorded, named, says
) -> None:
    """It goes to ghcr.io, or to whom the caller names, never in plain HTTP to another machine; nobody is asked."""
    monkeypatch.setattr(live, "Upstream", lambda: pytest.fail("somebody is asked"))
    monkeypatch.setenv(live.TOKEN, "hunter2hunter2")
    made = cassette(tmp_path / "a.jsonl", exchange(), upstream=recorded)
    with pytest.raises(CassetteError, match=says):
        asyncio.run(live.judge_live(made, named))


@pytest.mark.parametrize("upstream", [live.GHCR, "https://mine.example"])
def test_nothing_in_a_line_leads_the_token_elsewhere(tmp_path, monkeypatch, upstream) -> None:
    """A path that continues the API's name is not asked for; nor is GitHub, with another registry's token."""
    upstream_asked = Live([])
    monkeypatch.setattr(live, "Upstream", lambda: upstream_asked)
    monkeypatch.setenv(live.TOKEN, "hunter2hunter2")
    reference = "/user" if upstream != live.GHCR else ".evil.example/user"
    made = cassette(
        tmp_path / "a.jsonl",
        exchange(1, "api.get", host="api", reference=reference, auth="bearer"),
        upstream=upstream,
    )
    found = asyncio.run(live.judge_live(made, upstream))
    assert [each.verdict for each in found] == ["different"]
    assert not upstream_asked.asked


ANONYMOUS = {
    "no login": [exchange()],
    "a token for everybody": [
        exchange(1, "token.get", got=text('{"token":"<token:1>"}')),
        exchange(2, auth="bearer"),
    ],
}


@pytest.mark.parametrize("exchanges", ANONYMOUS.values(), ids=ANONYMOUS)
def test_what_was_recorded_without_a_login_is_asked_without(tmp_path, monkeypatch, exchanges) -> None:
    """No token is wanted, and no login of ours is sent."""
    said = answer(200, b'{"token":"public"}', {"content-type": "application/json"})
    upstream_asked = Live([said, answer(200)] if len(exchanges) > 1 else [answer(200)])
    monkeypatch.setattr(live, "Upstream", lambda: upstream_asked)
    monkeypatch.delenv(live.TOKEN, raising=False)
    found = asyncio.run(live.judge_live(cassette(tmp_path / "a.jsonl", *exchanges)))
    assert len(found) == len(upstream_asked.asked) == len(exchanges)
    sent = [headers.get("authorization") for _, _, headers, _ in upstream_asked.asked]
    assert sent == [None, "Bearer public"][: len(exchanges)]


def test_nothing_is_deleted_by_the_api_of_a_real_registry(tmp_path, monkeypatch) -> None:
    """Reads only means reads only: what deletes a package is not asked."""
    upstream_asked = Live([])
    monkeypatch.setattr(live, "Upstream", lambda: upstream_asked)
    monkeypatch.setenv(live.TOKEN, "hunter2hunter2")
    deletion = exchange(
        1, "api.delete", 204, host="api", reference="/user/packages/container/b", auth="bearer"
    )
    found = asyncio.run(live.judge_live(cassette(tmp_path / "a.jsonl", deletion)))
    assert [each.verdict for each in found] == ["not asked"]
    assert not upstream_asked.asked


def test_a_real_registry_that_does_not_answer(tmp_path, monkeypatch) -> None:
    """The error names the cassette; without a token nobody is asked whom somebody had logged in to."""
    monkeypatch.setattr(live, "Upstream", lambda: Live([UpstreamError("ghcr.io does not answer")]))
    made = cassette(tmp_path / "a.jsonl", exchange(auth="basic"))
    monkeypatch.delenv(live.TOKEN, raising=False)
    with pytest.raises(CassetteError, match=f"set {live.TOKEN}"):
        asyncio.run(live.judge_live(made))
    monkeypatch.setenv(live.TOKEN, "x")
    with pytest.raises(CassetteError, match=r"a.jsonl: ghcr.io does not answer"):
        asyncio.run(live.judge_live(made))
