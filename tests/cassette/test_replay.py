"""Replaying: recorded answers, again, derived ones, and misses that go nowhere."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from functools import partial

import pytest
from asking import BrokenBody
from cassette.making import (
    PAT,
    UPSTREAM,
    WORDS,
    Client,
    FakeUpstream,
    ask,
    asked,
    basic,
    bearer,
    cassette,
    digest,
    exchange,
    fake,
    image,
    path_of,
    pooled,
    record,
    recording,
    scenario,
    text,
)

from ghcr_sim.cassette import MISS, Replay, load
from ghcr_sim.cassette.addresses import ReverseDoor
from ghcr_sim.cassette.model import Body
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.clock import Clock, Ids
from ghcr_sim.oci.media import OCI_INDEX, OCI_MANIFEST

SHA = digest(b"a blob")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The scenario, recorded of the fake."""
    return record(tmp_path_factory.mktemp("recorded") / "a.jsonl", fake())


def play(recorded, work, strictness="registry", **more):
    """Let a client do its work at a replay; the replay, closed, and its report."""
    replay = Replay(recorded, strictness, ids=Ids(1), **more)
    try:
        asyncio.run(work(Client(replay, "whatever")))
    finally:
        report = replay.close()
    return replay, report


# -- what must play


@pytest.mark.parametrize("strictness", ["literal", "repeat", "registry"])
def test_the_recorded_scenario_plays(recorded, strictness) -> None:
    """The same work with another token finds everything, and uses everything up."""
    replay, report = play(recorded, scenario, strictness)
    assert report.ok, report.problems()
    assert report.answers == {"recorded": len(recorded.exchanges)}
    assert (report.unused_writes, report.unused_reads) == ([], [])
    assert (
        report.summary()
        == f"{len(recorded.exchanges)} recorded, 0 repeated, 0 derived, 0 missed, 0 unused writes, 0 unused reads"
    )
    assert repr(replay) == f"<Replay of a.jsonl: {report.summary()}>"
    assert {each.by for each in replay.journal.records()} == {"recorded"}


@pytest.mark.parametrize("seed", range(5))
def test_uploads_at_once_do_not_mix(recorded, seed) -> None:
    """Six pushes in any order: each session is bound by its digest, not by its turn."""
    dice = Ids(seed)

    async def work(client):
        await client.login("acme/app")
        await client.ask("HEAD", "/v2/acme/app/manifests/v1")
        words = sorted(WORDS, key=lambda _: dice.key())
        await asyncio.gather(*(client.push_blob("acme/app", each) for each in (b"{}", *words)))
        done = await client.ask("PUT", "/v2/acme/app/manifests/v1", image(*WORDS), content_type=OCI_MANIFEST)
        assert done.headers["docker-content-digest"] == digest(image(*WORDS))
        await client.pull("acme/app", "v1")
        await client.ask("GET", "/v2/acme/app/tags/list")

    _, report = play(recorded, work)
    assert report.ok, report.problems()
    assert report.answers["derived"] == 0


def test_other_content_than_the_recorded_is_taken(recorded) -> None:
    """Test data is often random: what is pushed is hashed, kept and served; the recorded writes count as made."""

    async def work(client):
        words = [b"other " + each for each in WORDS]
        await client.login("acme/app")
        await client.push("acme/app", "v1", *words)
        assert (await client.pull("acme/app", "v1"))[2:] == words
        assert json.loads((await client.ask("GET", "/v2/acme/app/tags/list")).body)["tags"] == ["v1"]

    _, report = play(recorded, work)
    assert report.ok, report.problems()
    assert report.answers["derived"] > 0


def test_another_tag_is_added_to_the_list(recorded) -> None:
    """A tag of this run stands with the recorded ones."""

    async def work(client):
        await scenario(client)
        await client.push("acme/app", "v2", *WORDS)
        assert json.loads((await client.ask("GET", "/v2/acme/app/tags/list")).body)["tags"] == ["v1", "v2"]

    _, report = play(recorded, work)
    assert report.ok


def test_an_extra_poll_is_answered_again(recorded) -> None:
    """A safe request more than recorded has the last answer of its time: 404 before the push, 200 after it."""

    async def work(client):
        await client.login("acme/app")
        for _ in range(3):
            assert (await client.ask("HEAD", "/v2/acme/app/manifests/v1")).status == 404
        await client.push("acme/app", "v1", *WORDS)
        for _ in range(3):
            await client.pull("acme/app", "v1")
            assert (await client.ask("GET", "/v2/acme/app/tags/list")).status == 200

    _, report = play(recorded, work, "repeat")
    assert report.ok
    assert report.answers["repeated"] > 10


def test_a_literal_replay_gives_each_answer_once(recorded) -> None:
    """Once more than recorded is a miss that says which strictness takes it."""

    async def work(client):
        await scenario(client)
        got = await client.ask("GET", "/v2/acme/app/tags/list")
        assert got.status == MISS

    _, report = play(recorded, work, "literal")
    assert [each.reason for each in report.misses] == ["used up"]
    assert "try repeat or registry" in report.misses[0].text
    assert "range yes, order NO (used up)" in report.misses[0].text


@pytest.mark.parametrize("part", ["bytes=0-9", "bytes=100-", "bytes=-5"])
def test_a_range_that_was_not_recorded_is_computed(recorded, part) -> None:
    """The pool has the whole blob: any part of it can be served, as 206."""

    async def work(client):
        await scenario(client)
        whole = WORDS[0]
        got = await client.pull_blob("acme/app", digest(whole), range=part)
        first, _, last = part[6:].partition("-")
        assert got == (
            whole[-int(last) :] if not first else whole[int(first) : int(last) + 1 if last else None]
        )

    _, report = play(recorded, work)
    assert report.ok
    assert report.answers["derived"] > 0


def test_a_head_is_derived_with_the_length_of_what_is_there(recorded) -> None:
    """HEAD of a manifest that was only pulled: no body, and its length."""

    async def work(client):
        await scenario(client)
        got = await client.ask("HEAD", "/v2/acme/app/manifests/v1", accept=OCI_MANIFEST)
        assert (got.status, got.body, got.headers["content-length"]) == (200, b"", str(len(image(*WORDS))))
        assert got.headers["docker-content-digest"] == digest(image(*WORDS))

    play(recorded, work)


def test_a_token_for_other_scopes_is_minted(recorded) -> None:
    """A client that asks for less gets a token; one that asks for a repository nobody speaks of does not."""

    async def work(client):
        await client.login("acme/app", "pull")
        got = await ask(
            client._handler,
            "GET",
            "/token?scope=repository:nobody/here:pull",
            b"",
            {"authorization": basic("x")},
        )
        assert got.status == MISS

    play(recorded, work)


def test_tokens_dates_and_sessions_are_new(recorded) -> None:
    """No placeholder goes out; the same seed gives the same, another one gives others; dates are of now."""

    def token(seed):
        replay = Replay(recorded, ids=Ids(seed), clock=Clock(0))
        got = asked(
            replay,
            "GET",
            "/token?service=ghcr.io&scope=repository:acme/app:pull,push",
            b"",
            {"authorization": basic("x")},
        )
        opened = asked(replay, "POST", "/v2/acme/app/blobs/uploads/", b"", {"authorization": bearer("x")})
        replay.close()
        assert got.headers["date"].endswith("1970 00:00:00 GMT")
        said = got.body.decode() + str(got.headers) + str(opened.headers)
        assert "<" not in said
        return json.loads(got.body)["token"], opened.headers["location"]

    assert token(1) == token(1)
    assert not set(token(1)) & set(token(2))


# -- what must be refused


def refused(recorded, work, wrong, strictness="registry"):
    """Let a wrong client do its work; what the report says of it."""
    _, report = play(recorded, work, strictness)
    assert not report.ok
    assert any(wrong in each for each in report.wrongs), report.problems()
    return report


def test_a_truncated_upload_is_refused(recorded) -> None:
    """Bytes that break off, and bytes that are too few for their digest."""

    async def work(client):
        await client.login("acme/app")
        where = path_of((await client.ask("POST", "/v2/acme/app/blobs/uploads/")).headers["location"])
        target = f"{where}?digest={digest(WORDS[0])}"
        fields = {"authorization": client._bearer}
        broken = await ask(client._handler, "PUT", target, BrokenBody(WORDS[0][:10]), fields)
        assert (broken.status, b"SIZE_INVALID" in broken.body) == (400, True)
        assert (await client.ask("PUT", target, WORDS[0])).status == 201
        where = path_of((await client.ask("POST", "/v2/acme/app/blobs/uploads/")).headers["location"])
        short = await client.ask("PUT", f"{where}?digest={digest(WORDS[1])}", WORDS[1][:10])
        assert (short.status, b"DIGEST_INVALID" in short.body) == (400, True)

    report = refused(recorded, work, "broke off")
    assert any("was to be" in each for each in report.wrongs)


def test_who_brings_no_credential_is_challenged(recorded) -> None:
    """What was recorded with a credential is not given without; so it is for pushes."""
    replay = Replay(recorded)
    for method, target in (("GET", "/v2/acme/app/manifests/v1"), ("POST", "/v2/acme/app/blobs/uploads/")):
        got = asked(replay, method, target)
        assert got.status in {401, MISS}
    assert not replay.close().answers["recorded"]


def test_a_bearer_that_is_sent_to_storage_is_refused(recorded) -> None:
    """The storage host takes no credential: a client must drop it at the redirect."""

    async def work(client):
        await scenario(client)
        got = await client.ask("GET", f"/v2/acme/app/blobs/{digest(WORDS[0])}")
        where = got.headers["location"].partition(":5000")[2]
        assert (await client.ask("GET", where)).status == 400
        unsigned = await ask(client._handler, "GET", where.partition("?")[0])
        assert unsigned.status == 403
        other = where.replace(digest(WORDS[0]), digest(WORDS[1]))
        assert (await ask(client._handler, "GET", other)).status == 403
        assert (await ask(client._handler, "GET", where)).body == WORDS[0]

    report = refused(recorded, work, "a credential was sent to the storage host")
    assert sum("signed" in each for each in report.wrongs) == 2


def test_a_session_that_nobody_opened_is_refused(recorded) -> None:
    """A made-up upload is unknown, for every step of one; that of another repository, too."""

    async def work(client):
        await client.login("acme/app")
        for method in ("PATCH", "PUT", "GET", "DELETE"):
            got = await client.ask(method, f"/v2/acme/app/blobs/upload/made-up?digest={SHA}", b"x")
            assert (got.status, b"BLOB_UPLOAD_UNKNOWN" in got.body) == (404, True)

    assert len(refused(recorded, work, "nobody has opened that upload").wrongs) == 4


def test_a_manifest_before_its_blobs_is_refused(recorded) -> None:
    """A client that forgets to push a layer hears what is missing."""

    async def work(client):
        await client.login("acme/app")
        await client.push_blob("acme/app", b"{}")
        got = await client.ask("PUT", "/v2/acme/app/manifests/v1", image(*WORDS), content_type=OCI_MANIFEST)
        assert (got.status, b"MANIFEST_BLOB_UNKNOWN" in got.body) == (400, True)

    refused(recorded, work, "before what it lists")


def test_a_manifest_under_another_digest_is_refused(recorded) -> None:
    """The digest in the path is that of the bytes."""

    async def work(client):
        await client.login("acme/app")
        got = await client.ask("PUT", f"/v2/acme/app/manifests/{SHA}", b"{}", content_type=OCI_MANIFEST)
        assert (got.status, b"DIGEST_INVALID" in got.body) == (400, True)

    refused(recorded, work, "was to be")


def test_a_read_before_its_write_is_a_miss(recorded) -> None:
    """What was recorded after a push is not there before it, and the miss says so."""

    async def work(client):
        await client.login("acme/app")
        assert (await client.ask("GET", "/v2/acme/app/tags/list")).status == MISS

    _, report = play(recorded, work)
    assert [each.reason for each in report.misses] == ["early"]
    assert "it was recorded after a write that this run has not made: make it first" in report.misses[0].text
    assert "range yes, order NO (the write before it was not made yet)" in report.misses[0].text


def test_a_forgotten_write_is_a_failure_and_a_forgotten_read_is_not(recorded) -> None:
    """Unused writes fail, unused reads are told."""

    async def pushes_only(client):
        await client.login("acme/app")
        await client.push("acme/app", "v1", *WORDS)

    _, report = play(recorded, pushes_only)
    assert report.ok
    assert report.unused_reads

    async def reads_only(client):
        await client.login("acme/app")
        await client.ask("HEAD", "/v2/acme/app/manifests/v1")

    _, report = play(recorded, reads_only)
    assert not report.ok
    assert len(report.unused_writes) == 15
    assert any("recorded and not played: manifest.put acme/app:v1" in each for each in report.problems())


def test_what_no_registry_has_is_refused_as_one_would(recorded) -> None:
    """An unknown path is a 404 of ours, and no miss."""
    replay = Replay(recorded)
    got = asked(replay, "GET", "/metrics")
    assert (got.status, got.by) == (404, "route")
    head = asked(replay, "HEAD", "/metrics")
    assert head.body == b""
    assert replay.close().misses == []


# -- scope


def test_content_is_served_where_it_was_seen(recorded) -> None:
    """A blob of one repository is not there in another one, whoever asks."""

    async def work(client):
        await scenario(client)
        for target in (
            f"/v2/acme/other/blobs/{digest(WORDS[0])}",
            f"/v2/acme/other/manifests/{digest(image(*WORDS))}",
        ):
            assert (await client.ask("GET", target)).status in {404, MISS}

    _, report = play(recorded, work)
    assert report.answers["recorded"] == len(recorded.exchanges)


def test_the_wrong_media_type_is_not_given(tmp_path) -> None:
    """Who accepts an index only is not given a manifest with 200."""
    path = tmp_path / "a.jsonl"
    data = image(b"x")
    got = {
        "auth": "bearer",
        "repository": "a/b",
        "reference": "v1",
        "sent_headers": (("accept", f"{OCI_MANIFEST}, {OCI_INDEX}"),),
        "got_headers": (("content-type", OCI_MANIFEST), ("etag", "x")),
        "got": pooled(Pool.beside(path), data),
    }
    made = cassette(path, exchange(1, "manifest.get", **got))
    replay = Replay(made)
    fields = {"authorization": bearer("x")}
    same = asked(
        replay, "GET", "/v2/a/b/manifests/v1", b"", {**fields, "accept": f"{OCI_INDEX};q=1,{OCI_MANIFEST}"}
    )
    assert (same.body, same.by) == (data, "recorded")
    fewer = asked(replay, "GET", "/v2/a/b/manifests/v1", b"", {**fields, "accept": OCI_MANIFEST})
    assert (fewer.body, fewer.by, fewer.headers["etag"]) == (data, "derived", f'"{digest(data)}"')
    named = {**fields, "accept": OCI_MANIFEST}
    assert asked(replay, "GET", f"/v2/a/b/manifests/{digest(data)}", b"", named).body == data
    assert asked(replay, "GET", f"/v2/a/b/manifests/{digest(data)}", b"", fields).status == MISS
    other = asked(replay, "GET", "/v2/a/b/manifests/v1", b"", {**fields, "accept": OCI_INDEX})
    assert other.status == MISS
    assert "differs in accept" in other.body.decode()


# -- bodies that are not there


def blob(path, body, **more):
    """A cassette with one blob."""
    fields = {"auth": "bearer", "repository": "a/b", "reference": SHA, "got": body, **more}
    return cassette(path, exchange(1, "blob.get", **fields))


@pytest.mark.parametrize(
    ("body", "reason", "hint"),
    [
        (
            Body(digest=SHA, size=6, withheld="secret"),
            "withheld",
            "its body was withheld, because it holds a secret",
        ),
        (Body(size=3, truncated=True), "cut off", "its body was cut off while it was recorded"),
    ],
    ids=["withheld", "cut off"],
)
def test_a_body_that_was_not_kept_is_a_miss_that_says_why(tmp_path, body, reason, hint) -> None:
    """Nothing is invented in its place."""
    replay = Replay(blob(tmp_path / "a.jsonl", body))
    assert asked(replay, "GET", f"/v2/a/b/blobs/{SHA}", b"", {"authorization": bearer("x")}).status == MISS
    (miss,) = replay.close().misses
    assert miss.reason == reason
    assert hint in miss.text


@pytest.mark.parametrize(
    ("data", "why"),
    [(None, "the pool misses"), (b"a blog", "have another digest"), (b"a", "it has 1 bytes instead of 6")],
)
@pytest.mark.parametrize("name", ["blob", "manifest"])
def test_a_damaged_pool_is_a_miss_that_names_the_file(tmp_path, data, why, name) -> None:
    """A missing or damaged body is never served: the miss names the file and the remedy, and the rest plays on."""
    path = tmp_path / "a.jsonl"
    pool = Pool.beside(path)
    fields = {"auth": "bearer", "repository": "a/b", "reference": SHA, "got": pooled(pool, b"a blob")}
    made = cassette(path, exchange(1, f"{name}.get", **fields), exchange(2, auth="bearer", got=text("hello")))
    pool.path(SHA).unlink()
    if data is not None:
        pool.path(SHA).write_bytes(data)
    replay = Replay(made)
    headers = {"authorization": bearer("x")}
    got = asked(replay, "GET", f"/v2/a/b/{name}s/{SHA}", b"", headers)
    assert (got.status, got.by) == (MISS, "miss")
    assert asked(replay, "GET", "/v2/", b"", headers).body == b"hello"
    (miss,) = replay.close().misses
    assert miss.reason == "damaged"
    assert why in miss.text
    assert str(pool.path(SHA)) in miss.text
    assert "record" in miss.text


def test_a_length_that_was_not_recorded_is_said(tmp_path) -> None:
    """What came chunked goes out with a length: a client must not wait for more."""
    path = tmp_path / "a.jsonl"
    replay = Replay(blob(path, pooled(Pool.beside(path), b"a blob")))
    got = asked(replay, "GET", f"/v2/a/b/blobs/{SHA}", b"", {"authorization": bearer("x")})
    assert (got.headers["content-length"], got.body) == ("6", b"a blob")


# -- the rest


def test_the_api_is_played_by_its_paths(tmp_path) -> None:
    """Requests to api.github.com are found by method, path and query."""
    made = cassette(
        tmp_path / "a.jsonl",
        exchange(
            1,
            "api.get",
            host="api",
            reference="/user/packages",
            query=(("page", "2"),),
            auth="bearer",
            got=text("[]"),
        ),
    )
    replay = Replay(made)
    fields = {"authorization": bearer("x")}
    got = asked(replay, "GET", "/user/packages?page=2", b"", fields, "api.github.com")
    assert got.body == b"[]"
    assert asked(replay, "GET", "/user/packages?page=3", b"", fields, "api.github.com:443").status == MISS
    assert asked(replay, "GET", "/user", b"", fields, "api.github.com").status == MISS


def test_a_deletion_is_seen_by_what_follows(tmp_path) -> None:
    """A manifest that this run has deleted is not there any more."""
    path = tmp_path / "a.jsonl"
    data = image(b"x")
    common = {"repository": "a/b", "reference": digest(data), "auth": "bearer"}
    made = cassette(
        path,
        exchange(
            1,
            "manifest.get",
            got_headers=(("content-type", OCI_MANIFEST),),
            got=pooled(Pool.beside(path), data),
            **common,
        ),
        exchange(2, "manifest.delete", 202, **common),
        exchange(3, "manifest.get", 404, after=(2,), got=text("gone"), **common),
    )
    replay = Replay(made)
    fields = {"authorization": bearer("x")}
    said = [
        asked(replay, method, f"/v2/a/b/manifests/{digest(data)}", b"", fields).status
        for method in ("GET", "DELETE", "GET", "HEAD")
    ]
    assert said == [200, 202, 404, 404]


async def overwritten(client, *, more=False):
    """A tag is pushed, read, pushed with other content; another tag and a blob are new. Then all is read again."""
    await client.login("acme/app")
    await client.push("acme/app", "v1", b"old")
    await client.ask("GET", "/v2/acme/app/manifests/v1", accept=OCI_MANIFEST)
    await client.ask("GET", "/v2/acme/app/tags/list")
    target = f"/v2/acme/app/blobs/{digest(b'blob')}"
    for word in (b"old", b"blob"):
        await client.ask("HEAD", f"/v2/acme/app/blobs/{digest(word)}")
    await client.push_blob("acme/app", b"blob")
    await client.push("acme/app", "v1", b"new")
    await client.push("acme/app", "v2", b"new")
    if more:
        got = await client.ask("GET", "/v2/acme/app/manifests/v1", accept=OCI_MANIFEST)
        assert (got.body, got.by) == (image(b"new"), "derived")
        got = await client.ask("GET", "/v2/acme/app/tags/list")
        assert (json.loads(got.body)["tags"], got.by) == (["v1", "v2"], "derived")
        got = await client.ask("HEAD", target)
        assert (got.status, got.headers["content-length"], got.by) == (200, "4", "derived")


def made_of(target, work):
    """A recording of some work at the fake."""
    simulator, made = fake(), recording(target)

    async def play():
        await work(Client(made.recorder(FakeUpstream(simulator), ReverseDoor(UPSTREAM)), simulator.token))
        return await made.finish()

    return asyncio.run(play())


def test_what_was_read_before_a_recorded_write_is_over_after_it(tmp_path) -> None:
    """A tag, a list and a blob that a recorded push has changed since: they are derived, and never the old answer."""
    made = made_of(tmp_path / "a.jsonl", overwritten)
    _, report = play(made, partial(overwritten, more=True))
    assert report.ok, report.problems()


@pytest.mark.parametrize("strictness", ["literal", "repeat", "registry"])
def test_what_nothing_shows_after_a_write_is_a_miss(tmp_path, strictness) -> None:
    """A tag that was absent and was pushed since is no 404, and no 200 in a manner that nobody has seen."""

    async def absent(client):
        await client.ask("GET", "/v2/acme/app/manifests/v1", accept=OCI_MANIFEST)

    async def first(client):
        await client.login("acme/app")
        await absent(client)
        await client.push("acme/app", "v1", b"word")

    async def forgetful(client):
        await client.login("acme/app")
        await client.push("acme/app", "v1", b"word")
        await absent(client)

    _, report = play(made_of(tmp_path / "a.jsonl", first), forgetful, strictness)
    over = report.misses[-1]
    assert (over.reason, "this run has changed it since" in over.text) == ("over", True)


def test_parallel_pushes_that_share_a_blob_may_look_for_it_late(tmp_path) -> None:
    """A recorded 404 of a blob that another push has uploaded meanwhile is given once: who gets it pushes again."""

    async def two(client, *, early):
        await client.login("acme/app")
        target = f"/v2/acme/app/blobs/{digest(b'shared')}"
        assert (await client.ask("HEAD", target)).status == 404
        if early:
            assert (await client.ask("HEAD", target)).status == 404
        await client.push_blob("acme/app", b"shared")
        if not early:
            assert (await client.ask("HEAD", target)).status == 404
            assert (await client.ask("HEAD", target)).status == MISS

    made = made_of(tmp_path / "a.jsonl", partial(two, early=True))
    _, report = play(made, partial(two, early=False))
    assert [each.reason for each in report.misses] == ["over"]


def test_no_secret_is_in_a_report_a_journal_or_a_repr(recorded) -> None:
    """A request with a secret in path, query, header and body that misses: no word of it is repeated."""
    lines = []
    replay = Replay(recorded, listener=lambda each: lines.append(each.line()))
    headers = {"authorization": basic(PAT), "cookie": PAT, "range": PAT, "accept": f"Bearer {'a1' * 12}"}
    for target in (
        f"/v2/acme/app/manifests/{PAT}",
        f"/v2/acme/app/tags/list?access_token={PAT}",
        f"/token?account={PAT}",
    ):
        got = asked(replay, "GET", target, PAT.encode(), headers)
        assert PAT.encode() not in got.body + str(got.headers).encode()
    report = replay.close()
    said = repr(replay) + report.summary() + "".join(report.problems()) + repr(report.misses)
    assert PAT not in said
    assert "a1" * 12 not in said
    assert "<secret>" in said
    assert len(lines) == 3


@pytest.mark.parametrize("authorization", ["Bearer odd-Secret-RST5678", basic("odd-Secret-RST5678")])
def test_a_credential_of_this_run_is_in_no_text(recorded, authorization) -> None:
    """Who sends its credential once more, as a part of what is asked for: it is in no answer, no line, no report."""
    secret = "odd-Secret-RST5678"
    replay = Replay(recorded)
    lines: list[str] = []
    replay.journal.listener = lambda each: lines.append(replay.masked(each.line()))
    headers = {"authorization": authorization}
    for target in (f"tags/list?last={secret}", f"manifests/{secret}"):
        got = asked(replay, "GET", f"/v2/acme/app/{target}", b"", headers)
        assert got.status == MISS
        assert secret not in got.body.decode() + "".join(lines)
    report = replay.close()
    assert secret not in repr(report) + "".join(report.problems())
    assert "last=<secret>" in report.misses[0].text
    assert "last=<secret>" in lines[0]


def test_a_miss_says_the_remedy_of_who_replays(recorded) -> None:
    """The command line's words are the default."""
    for given, said in (
        ("", "ghcr-sim record --to"),
        ("run it with --ghcr-record", "; run it with --ghcr-record\n"),
    ):
        replay = Replay(recorded, remedy=given)
        assert said in asked(replay, "GET", "/v2/x/y/tags/list").body.decode()


def test_a_miss_names_the_nearest(recorded) -> None:
    """How far the request came, the three nearest, the first difference, and what to do."""
    replay = Replay(recorded)
    said = asked(
        replay, "GET", "/v2/acme/app/manifests/v9", b"", {"authorization": bearer("x")}
    ).body.decode()
    assert said.startswith("no answer on cassette for manifest.get acme/app:v9 (auth: bearer)\n")
    assert "cassette a.jsonl; stage reached: operation yes, repository yes, reference NO" in said
    assert said.count("nearest: ") == 3
    assert "differs in reference (v9 was asked, v1 recorded)" in said
    assert "to record again: ghcr-sim record --to a.jsonl -- COMMAND" in said
    replay.close()


def test_a_replay_has_no_way_to_a_network() -> None:
    """Nothing that a replay is made of imports a client."""
    code = (
        "import sys; import ghcr_sim.cassette.replay;"
        "sys.exit('aiohttp' in sys.modules or 'ghcr_sim.upstream' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_loading_again_gives_the_same(recorded) -> None:
    """A cassette is read only: a replay changes neither it nor its pool."""
    before = {each: each.read_bytes() for each in recorded.path.parent.rglob("*") if each.is_file()}
    play(recorded, scenario)
    assert {each: each.read_bytes() for each in recorded.path.parent.rglob("*") if each.is_file()} == before
    assert load(recorded.path).exchanges == recorded.exchanges
