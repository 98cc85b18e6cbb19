"""Planted secrets are nowhere on disk, in no log and in no report, in whatever form they came."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from urllib.parse import quote

import pytest
from cassette.making import (
    HERE,
    PAT,
    UPSTREAM,
    Answered,
    Stub,
    answer,
    ask,
    basic,
    digest,
    recording,
)

from ghcr_sim.cassette import CassetteError, Replay
from ghcr_sim.cassette.addresses import ForwardDoor, ReverseDoor
from ghcr_sim.cassette.merge import merge_parts

STATE = "c3RhdGU" + "-of-an-upload"
SIGNATURE = "c2ln" + "bmF0dXJlLW9mLWEtYmxvYg=="
COOKIE = "cookie" + "-of-a-session"
OPAQUE = "opaque" + "-bearer-42"
SHA = digest(b"layer")
JSON = {"content-type": "application/json"}
SESSION = "0a1b2c3d-0000-4000-8000-0123456789ab"


def forms(secret: str) -> set[bytes]:
    """A secret as it may stand in a file."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode()}
    for before in (b"", b"x", b"xy"):
        found.add(base64.b64encode(before + raw)[4 : 4 + len(raw)])
    found.add(base64.b64encode(f"octocat:{secret}".encode()))
    return found


def search(folder, *secrets: str) -> None:
    """Fail where a secret stands in a file, or in its name."""
    for each in folder.rglob("*"):
        data = each.name.encode() + (each.read_bytes() if each.is_file() else b"")
        for secret in secrets:
            for form in forms(secret):
                assert form not in data, (each, secret)


async def run(recorder, *requests) -> None:
    """Ask for all of it."""
    for method, target, body, headers in requests:
        await ask(recorder, method, target, body, headers)


def play(folder, answers, requests, secrets=()):
    """Record a scenario, and finish it; the recording, and what the end said."""
    begun = recording(folder / "a.jsonl", secrets=secrets)
    recorder = begun.recorder(Stub(list(answers)), ReverseDoor(UPSTREAM))

    async def work():
        await run(recorder, *requests)
        try:
            return await begun.finish(), None
        except CassetteError as error:
            return None, error

    found, error = asyncio.run(work())
    return found, error, begun


LOGIN = basic(PAT)
BEARER = "Bearer " + base64.b64encode(PAT.encode()).decode()
WHERE = f"https://pkg-containers.githubusercontent.com/ghcr1/blobs/{SHA}?se=2026&sig={quote(SIGNATURE, safe='')}&sp=r"


def test_a_whole_conversation_leaves_no_secret(tmp_path, caplog) -> None:
    """Basic, bearer, token, cookie, state, signature and a secret in a query: the cassette is made, and has none."""
    token = json.dumps({"token": OPAQUE, "access_token": BEARER[7:]}).encode()
    upload = {"location": f"/v2/a/b/blobs/uploads/{SESSION}?_state={STATE}", "docker-upload-uuid": SESSION}
    challenge = {
        "www-authenticate": 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull"'
    }
    requests = [
        ("GET", "/v2/", b"", {"cookie": f"sid={COOKIE}"}),
        (
            "GET",
            f"/token?service=ghcr.io&scope=repository:a/b:pull&password={PAT}",
            b"",
            {"authorization": LOGIN},
        ),
        ("POST", "/token", f"grant_type=password&username=me&password={PAT}".encode(), {}),
        ("POST", "/v2/a/b/blobs/uploads/", b"", {"authorization": f"Bearer {OPAQUE}"}),
        (
            "PUT",
            f"/v2/a/b/blobs/uploads/{SESSION}?_state={STATE}&digest={SHA}",
            b"layer",
            {"authorization": BEARER},
        ),
        ("GET", f"/v2/a/b/blobs/{SHA}", b"", {"authorization": BEARER}),
        ("GET", f"http://me:{PAT}@{HERE}/v2/a/b/tags/list?token={PAT}", b"", {"authorization": BEARER}),
    ]
    answers = [
        answer(401, b"{}", {"set-cookie": f"sid={COOKIE}; Secure", **challenge}),
        answer(200, token, {**JSON, "set-cookie": f"sid={COOKIE}"}),
        Answered(200, tuple(JSON.items()), [token[:20], token[20:]]),
        answer(202, b"", upload),
        answer(201, b"", {"location": f"/v2/a/b/blobs/{SHA}", "docker-content-digest": SHA}),
        answer(307, b"", {"location": WHERE}),
        answer(200, b'{"name":"a/b","tags":[]}', JSON),
    ]
    with caplog.at_level(logging.DEBUG):
        found, error, begun = play(tmp_path, answers, requests)
    assert error is None
    assert len(found.exchanges) == 7
    search(tmp_path, PAT, STATE, SIGNATURE, COOKIE, OPAQUE, BEARER[7:], SESSION)
    replay = Replay(found)
    said = caplog.text + repr(found.header) + repr(begun) + repr(replay) + "".join(replay.close().problems())
    assert not [secret for secret in (PAT, STATE, SIGNATURE, COOKIE, OPAQUE, BEARER[7:]) if secret in said]


def test_a_forward_proxy_leaves_no_signature(tmp_path) -> None:
    """Through the other door the client itself brings the signed address: its query is not kept."""
    door = ForwardDoor(UPSTREAM, frozenset({"pkg-containers.githubusercontent.com"}))
    begun = recording(tmp_path / "a.jsonl")
    recorder = begun.recorder(Stub([answer(307, b"", {"location": WHERE}), answer(200, b"layer")]), door)

    async def work():
        await ask(recorder, "GET", f"/v2/a/b/blobs/{SHA}", b"", {"authorization": BEARER}, "ghcr.io", "https")
        got = await ask(
            recorder,
            "GET",
            WHERE.partition(".com")[2],
            b"",
            {},
            "pkg-containers.githubusercontent.com",
            "https",
        )
        assert got.body == b"layer"
        return await begun.finish()

    assert len(asyncio.run(work()).exchanges) == 2
    search(tmp_path, PAT, SIGNATURE, BEARER[7:])


TARGET = "/v2/a/b/tags/list"
PLANTED = {
    "a path": (f"/v2/a/b/manifests/{PAT}", answer(404, b"{}"), {}),
    "a query that is kept": (f"{TARGET}?last={PAT}", answer(200, b"{}"), {}),
    "a header that is kept": (TARGET, answer(200), {"accept": PAT}),
    "a kept header of the answer": (TARGET, answer(200, b"", {"warning": f'299 - "{PAT}"'}), {}),
    "a body": (TARGET, answer(200, json.dumps({"me": PAT}).encode()), {}),
    "an error's text": (TARGET, answer(403, f"token {PAT} has expired".encode()), {}),
    "a body, quoted": (
        TARGET,
        answer(200, quote("+/" + OPAQUE + "+/").encode()),
        {"authorization": "Bearer +/" + OPAQUE + "+/"},
    ),
    "a body, in base64": (
        TARGET,
        answer(200, base64.b64encode(b"x: " + OPAQUE.encode())),
        {"authorization": "Bearer " + OPAQUE},
    ),
    "a body, in JSON": (
        TARGET,
        answer(200, json.dumps({"a": 'q"' + OPAQUE}).encode()),
        {"authorization": 'Bearer q"' + OPAQUE},
    ),
    "the cookie's echo": (TARGET, answer(200, f"cookie {COOKIE}".encode()), {"cookie": f"a={COOKIE}"}),
    "the query's echo": (f"{TARGET}?secret={OPAQUE}", answer(400, f"unknown {OPAQUE}".encode()), {}),
    "a link": (TARGET, answer(200, b"", {"link": f'</v2/a/b/tags/list?last={PAT}>; rel="next"'}), {}),
    "a realm": (
        TARGET,
        answer(401, b"", {"www-authenticate": f'Bearer realm="https://ghcr.io/{PAT}/token"'}),
        {},
    ),
}


@pytest.mark.parametrize(("target", "said", "headers"), PLANTED.values(), ids=PLANTED)
def test_a_secret_where_it_would_be_kept_aborts_the_save(tmp_path, caplog, target, said, headers) -> None:
    """What stands in a part of the exchange that is kept: nothing is saved, the old cassette stays, no word of it."""
    (tmp_path / "a.jsonl").write_text("the old one")
    with caplog.at_level(logging.DEBUG):
        found, error, _ = play(tmp_path, [said], [("GET", target, b"", headers)])
    assert found is None
    assert "would have written; nothing was saved" in str(error)
    assert (tmp_path / "a.jsonl").read_text() == "the old one"
    search(tmp_path, PAT, OPAQUE, COOKIE)
    assert not [secret for secret in (PAT, OPAQUE, COOKIE) if secret in caplog.text + str(error)]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.jsonl"]


@pytest.mark.parametrize("kind", ["manifests/v1", f"blobs/{SHA}"])
@pytest.mark.parametrize("secret", [PAT, OPAQUE], ids=["by its shape", "as it was seen"])
def test_a_secret_in_content_withholds_it(tmp_path, kind, secret) -> None:
    """A manifest or a layer with a secret is not kept, and the cassette is made without it."""
    data = json.dumps({"annotations": {"token": secret}}).encode()
    requests = [("GET", f"/v2/a/b/{kind}", b"", {"authorization": f"Bearer {OPAQUE}"})]
    found, error, begun = play(tmp_path, [answer(200, data)], requests)
    assert error is None
    assert found.exchanges[0].response.body.withheld == "secret"
    assert len(begun.withheld) == 1
    assert secret not in begun.withheld[0]
    search(tmp_path, PAT, OPAQUE)


@pytest.mark.parametrize("end", ["a secret", "a full disk", "who gives up"])
def test_a_recording_that_comes_to_nothing_leaves_no_secret_in_the_pool(tmp_path, end) -> None:
    """What was pooled before anybody knew that it holds a secret is removed, however the recording ends."""
    begun = recording(tmp_path / "a.jsonl")
    manifest = json.dumps({"annotations": {"key": OPAQUE}}).encode()
    stub = Stub([answer(200, manifest), answer(404, OPAQUE.encode() if end == "a secret" else b"{}")])
    recorder = begun.recorder(stub, ReverseDoor(UPSTREAM))

    async def work():
        await run(recorder, ("GET", "/v2/a/b/manifests/v1", b"", {}))
        if end == "a full disk":
            recorder.failure = CassetteError("nothing more can be written there")
        await run(recorder, ("GET", TARGET, b"", {"authorization": f"Bearer {OPAQUE}"}))
        if end == "who gives up":
            begun.discard()
        else:
            with pytest.raises(CassetteError):
                await begun.finish()

    asyncio.run(work())
    assert not list(tmp_path.glob(".a.jsonl.*"))
    search(tmp_path, OPAQUE)


def test_a_variables_secret_is_looked_for_everywhere(tmp_path) -> None:
    """A secret that nobody sent, but that a variable holds, may stand nowhere either."""
    found, error, _ = play(
        tmp_path, [answer(200, OPAQUE.encode())], [("GET", "/v2/", b"", {})], secrets=[("$CR_PAT", OPAQUE)]
    )
    assert found is None
    assert str(error).startswith(f"{tmp_path / 'a.jsonl'}: $CR_PAT stands in")
    search(tmp_path, OPAQUE)


def test_what_a_killed_recorder_left_is_scanned_before_it_is_merged(tmp_path) -> None:
    """The merge knows no run, but shapes: a part with one becomes no cassette."""
    begun = recording(tmp_path / "a.jsonl")
    recorder = begun.recorder(Stub([answer(200, b"harmless")]), ReverseDoor(UPSTREAM))
    asyncio.run(run(recorder, ("GET", "/v2/", b"", {})))
    begun._part.close()
    path = begun._part.path
    path.write_text(path.read_text().replace("harmless", PAT))
    with pytest.raises(CassetteError, match="a GitHub token stands in what ping would have written"):
        asyncio.run(merge_parts(tmp_path / "a.jsonl"))
    assert not (tmp_path / "a.jsonl").exists()


def test_unfinished_bodies_and_locks_hold_nothing(tmp_path) -> None:
    """In the middle of a recording, too, only what may be kept is in the directory, parts and locks included."""
    begun = recording(tmp_path / "a.jsonl")
    token = json.dumps({"token": OPAQUE}).encode()
    recorder = begun.recorder(Stub([Answered(200, (), [token])]), ReverseDoor(UPSTREAM))
    asyncio.run(run(recorder, ("GET", "/token", b"", {"authorization": LOGIN})))
    assert len(list(tmp_path.iterdir())) == 2
    search(tmp_path, PAT, OPAQUE)
    begun.discard()
