"""Recorded requests are played at anything that answers, with what it has given."""

from __future__ import annotations

import asyncio

import pytest
from cassette.making import digest, exchange, fake, pooled, record

from ghcr_sim.cassette.model import Auth, Body
from ghcr_sim.cassette.player import DigestBody, Login, Player, method_of, path_of
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.exchange import BodyError, Response
from ghcr_sim.route import OPERATIONS, parse

SHA = digest(b"x")


class Said:
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def __call__(self, request, body):
        self.asked.append((request, body))
        return self.answers.pop(0) if self.answers else Response(200)


def play(handler, tmp_path, *exchanges, login=None):
    """Play some exchanges."""
    player = Player(handler, Pool(tmp_path / "pool"), login)

    async def work():
        return [await player.play(each) for each in exchanges]

    return asyncio.run(work())


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_every_operation_has_its_method_and_path(operation) -> None:
    """What is played is parsed as the operation that was recorded."""
    reference = SHA if operation.startswith(("blob.", "storage.", "referrers.")) else "v1"
    made = exchange(1, operation, repository="a/b", reference=reference)
    if operation.startswith("upload.") and operation != "upload.post":
        return
    method = method_of(made)
    assert parse(method, path_of(made)).name == operation


CREDENTIALS = {
    "none": (exchange(auth="none"), None),
    "empty": (exchange(auth="empty"), "Bearer"),
    "a login that was taken": (exchange(auth="basic"), "Basic bWU6Z29vZA=="),
    "a login that was refused": (exchange(auth="basic", status=401), "Basic bWU6YmFk"),
    "a bearer that was not fetched": (exchange(auth="bearer"), "Bearer Z29vZA=="),
    "storage": (exchange(1, "storage.get", reference=SHA, host="storage", auth="bearer"), None),
}


@pytest.mark.parametrize(("made", "sent"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_credentials_are_of_the_recorded_kind(tmp_path, made, sent) -> None:
    """Who was let in plays with one that is good, who was not with one that is bad."""
    handler = Said()
    player = Player(handler, Pool(tmp_path / "pool"), Login("me:good", "me:bad"))
    player._signed[SHA] = "/x?sig=1"
    asyncio.run(player.play(made))
    assert handler.asked[0][0].headers.get("authorization") == sent


def test_tokens_are_those_that_were_given(tmp_path) -> None:
    """A bearer is the one that this side gave for the same scopes, else any that it gave."""
    scope = (("scope", "repository:a/b:pull"),)
    handler = Said(
        Response(200, (), b'{"token":"one"}'),
        Response(200, (), b'{"access_token":"two"}'),
        Response(200, (), b"[]"),
        Response(200, (), b"html"),
        Response(200, (), b'{"token":3}'),
    )
    tokens = [exchange(number, "token.get", query=scope if number == 1 else ()) for number in range(1, 6)]
    used = [
        exchange(6, auth=Auth(kind="bearer", scopes=scopes))
        for scopes in (("repository:a/b:pull",), (), ("x",))
    ]
    play(handler, tmp_path, *tokens, *used)
    assert [each[0].headers["authorization"] for each in handler.asked[5:]] == [
        "Bearer one",
        "Bearer two",
        "Bearer one",
    ]


def test_a_push_takes_another_token_only_if_that_is_for_pushing_there(tmp_path) -> None:
    """A token that was fetched for reading, or for another repository, does for no push."""
    scopes = ("repository:a/b:pull", "repository:c/d:pull,push", "repository:a/b:pull,push")
    handler = Said(
        *(Response(200, (), b'{"token":"%d"}' % number) for number in range(3)), *(Response(200),) * 3
    )
    tokens = [
        exchange(number, "token.get", query=(("scope", scope),)) for number, scope in enumerate(scopes, 1)
    ]
    unknown = Auth(kind="bearer", scopes=("repository:a/b:push", "x"))
    pushed = exchange(4, "manifest.put", 201, repository="a/b", reference="v1", auth=unknown)
    nowhere = exchange(5, "manifest.put", 201, repository="e/f", reference="v1", auth=unknown)
    read = exchange(6, "manifest.get", 200, repository="a/b", reference="v1", auth=unknown)
    play(handler, tmp_path, *tokens, pushed, nowhere, read, login=Login("me:good"))
    said = [each[0].headers["authorization"] for each in handler.asked[3:]]
    assert said == ["Bearer 2", "Bearer Z29vZA==", "Bearer 0"]


def test_sessions_and_signed_addresses_are_those_that_were_given(tmp_path) -> None:
    """An upload goes on where this side has opened it; a blob is fetched where it said; without, it cannot be asked."""
    common = {"repository": "a/b"}
    opened = exchange(
        1, "upload.post", 202, got_headers=(("location", "/v2/a/b/blobs/upload/<session:1>"),), **common
    )
    closed = exchange(2, "upload.put", 201, reference="<session:1>", query=(("digest", SHA),), **common)
    lost = exchange(3, "upload.put", 201, reference="<session:2>", query=(("digest", SHA),), **common)
    status = exchange(4, "upload.get", 204, reference="<session:1>", **common)
    redirect = exchange(5, "blob.get", 307, reference=SHA, **common)
    fetched = exchange(6, "storage.get", host="storage", reference=SHA)
    handler = Said(
        Response(202, (("Location", "http://h/v2/a/b/blobs/uploads/mine?_state=s"),)),
        Response(204),
        Response(201),
        Response(307, (("location", f"http://other/ghcr1/blobs/{SHA}?sig=1"),)),
    )
    played = play(handler, tmp_path, opened, status, closed, lost, redirect, fetched)
    assert [each[0].target for each in handler.asked] == [
        "/v2/a/b/blobs/uploads/",
        "/v2/a/b/blobs/uploads/mine?_state=s",
        f"/v2/a/b/blobs/uploads/mine?_state=s&digest={SHA}",
        f"/v2/a/b/blobs/{SHA}",
        f"/ghcr1/blobs/{SHA}?sig=1",
    ]
    assert (played[3].response, played[3].why) == (None, "what it belongs to was not answered as recorded")
    assert handler.asked[4][0].authority == "localhost:443"


def test_the_api_is_asked_by_its_name(tmp_path) -> None:
    """GitHub's API has its own host."""
    handler = Said()
    play(handler, tmp_path, exchange(1, "api.post", host="api", reference="/user", query=(("page", "2"),)))
    request = handler.asked[0][0]
    assert (request.method, request.target, request.authority) == ("POST", "/user?page=2", "api.github.com")
    assert path_of(exchange(1, "api.get", host="api", reference="/user")) == "/user"


async def whole(body) -> bytes:
    return b"".join([piece async for piece in body.pieces()])


def test_bodies_are_sent_as_far_as_they_were_kept(tmp_path) -> None:
    """From the pool, also where it has them by another way; else digest and size, which nobody can read."""
    pool = Pool(tmp_path / "pool")
    player = Player(Said(), pool)
    kept = pooled(pool, b"kept")
    assert player.body(exchange()).length == 0
    assert player.body(exchange(sent=kept)).data == b"kept"
    assert player.body(exchange(sent=kept.model_copy(update={"pooled": False}))).data == b"kept"
    large = bytes(3 << 20)
    streamed = player.body(exchange(sent=pooled(pool, large).model_copy(update={"pooled": False})))
    assert streamed.length == len(large)
    assert asyncio.run(whole(streamed)) == large
    lost = player.body(exchange(sent=Body(digest=SHA, size=9)))
    assert isinstance(lost, DigestBody)
    assert (lost.known_digest, lost.length) == (SHA, 9)

    async def read():
        return [piece async for piece in lost.pieces()]

    with pytest.raises(BodyError, match="the bytes were not kept"):
        asyncio.run(read())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The scenario, recorded of the fake."""
    return record(tmp_path_factory.mktemp("recorded") / "a.jsonl", fake())
