"""The recorder: what comes from the registry goes to the client, and what may be written is written before it."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import subprocess
import sys
import zlib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from asking import BrokenBody, ChunkedBody
from cassette.making import (
    PAT,
    UPSTREAM,
    Answered,
    Stub,
    answer,
    ask,
    asked,
    basic,
    cassette,
    digest,
    image,
    stage,
)

from ghcr_sim.cassette import CassetteError, Replay, SecretFound, load
from ghcr_sim.cassette.addresses import ForwardDoor
from ghcr_sim.cassette.bodies import SMALL
from ghcr_sim.cassette.model import Body
from ghcr_sim.cassette.taint import Taint
from ghcr_sim.exchange import BytesBody, Relay, Request
from ghcr_sim.oci.media import OCI_MANIFEST
from ghcr_sim.upstream import UpstreamError

if TYPE_CHECKING:
    from ghcr_sim.cassette.model import Exchange

TESTS = Path(__file__).parents[1]
JSON = {"content-type": "application/json"}
MIB = bytes(range(256)) * 4096


def one(tmp_path, upstream, method="GET", target="/v2/", *args, **more) -> tuple[Exchange, object]:
    """Record one exchange; it, and what the client has got."""
    made = stage(tmp_path / "a.jsonl", upstream)
    got = asked(made.recorder, method, target, *args, **more)
    assert made.recorder.failure is None
    (written,) = made.written()
    return written, got


def test_an_answer_goes_through_as_it_came(tmp_path) -> None:
    """Status, fields in their order and spelling, and body are the registry's; the line has what may be kept."""
    said = (("X-Odd", "yes"), ("Content-Type", "text/plain"), ("content-length", "2"))
    written, got = one(tmp_path, Answered(418, said, [b"ab"], 2))
    assert (got.status, got.headers["x-odd"], got.body) == (418, "yes", b"ab")
    assert written.response.headers == said[1:]
    assert written.response.body.text == "ab"


def test_the_request_goes_on_as_it_came(tmp_path) -> None:
    """Method, query, body and fields but the host's; the credential goes to the registry, and not into the line."""
    made = stage(tmp_path / "a.jsonl", answer(202))
    headers = {"authorization": basic("hunter2hunter2"), "user-agent": "me", "host": "127.0.0.1:5000"}
    asked(made.recorder, "POST", "/v2/a/b/blobs/uploads/?digest=sha256:" + "a" * 64, b"bytes", headers)
    ((method, url, fields, data),) = made.upstream.asked
    assert (method, url, data) == (
        "POST",
        f"{UPSTREAM}/v2/a/b/blobs/uploads/?digest=sha256:{'a' * 64}",
        b"bytes",
    )
    assert fields == {"authorization": basic("hunter2hunter2"), "user-agent": "me"}
    (written,) = made.written()
    assert written.auth.kind == "basic"
    assert written.request.headers == ()
    assert (written.request.body.digest, written.request.body.size) == (digest(b"bytes"), 5)
    assert not written.request.body.pooled


STATUSES = [200, 204, 301, 304, 307, 400, 401, 403, 404, 416, 429, 500, 503]


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_recorded(tmp_path, status) -> None:
    """A registry lives on 401 and 404: refusals, redirects and failures are exchanges like any other."""
    data = b"" if status in {204, 304} else b'{"errors":[]}'
    written, got = one(tmp_path, answer(status, data, JSON))
    assert (written.response.status, got.status, got.body) == (status, status, data)


def test_a_redirect_is_not_followed(tmp_path) -> None:
    """The 307 is a part of the protocol: one request goes out, and the client goes where it wants."""
    where = f"https://pkg-containers.githubusercontent.com/ghcr1/blobs/{digest(b'x')}?sig=c2lnbmF0dXJl"
    made = stage(tmp_path / "a.jsonl", [answer(307, b"", {"location": where}), answer(200, b"x")])
    got = asked(made.recorder, "GET", f"/v2/a/b/blobs/{digest(b'x')}")
    assert len(made.upstream.asked) == 1
    assert got.headers["location"].startswith("http://localhost:5000/ghcr1/")
    assert "c2lnbmF0dXJl" not in got.headers["location"]
    target = got.headers["location"].partition(":5000")[2]
    assert (
        asked(made.recorder, "GET", target, b"", {"authorization": basic("x")}, "localhost:5000").body == b"x"
    )
    assert made.upstream.asked[1][1] == where
    assert "authorization" not in made.upstream.asked[1][2]
    first, second = made.written()
    assert first.response.headers[1][1].endswith(f"{digest(b'x')}?<signature>")
    assert (second.operation, second.host, second.reference) == ("storage.get", "storage", digest(b"x"))


def test_bytes_that_a_digest_names_are_pooled_untouched(tmp_path) -> None:
    """A manifest with odd blanks is kept byte for byte, and so is one in a coding: it is undone to look only."""
    data = gzip.compress(b'{\n\t"schemaVersion" : 2 , "x": "\\u00e9" }\n\n', mtime=0)
    written, got = one(
        tmp_path, answer(200, data, {"content-encoding": "gzip"}), "GET", "/v2/a/b/manifests/v1"
    )
    assert got.body == data
    assert written.response.body.digest == digest(data)
    assert ("content-encoding", "gzip") in written.response.headers
    assert (tmp_path / "pool" / "blobs" / "sha256" / digest(data)[7:]).read_bytes() == data


@pytest.mark.parametrize("data", [b"\xff\xfe", b"x" * (64 * 1024 + 1)], ids=["no text", "long text"])
def test_what_is_no_short_text_is_pooled(tmp_path, data) -> None:
    """No base64 in a line, and no line of megabytes."""
    written, got = one(tmp_path, answer(500, data))
    assert got.body == data
    assert (written.response.body.text, written.response.body.pooled) == (None, True)
    assert len(written.line()) < 400


def test_a_pushed_manifest_is_kept_and_a_layer_is_not(tmp_path) -> None:
    """A manifest's bytes are in the pool; of a layer digest and size are enough."""
    written, _ = one(
        tmp_path, answer(201), "PUT", "/v2/a/b/manifests/v1", image(b"x"), {"content-type": OCI_MANIFEST}
    )
    assert written.request.body.pooled
    assert written.request.headers == (("content-type", OCI_MANIFEST),)
    layer, _ = one(tmp_path / "other", answer(202), "PATCH", "/v2/a/b/blobs/upload/1", b"layer")
    assert layer.request.body.digest == digest(b"layer")
    assert not (tmp_path / "other" / "pool").exists()


def test_a_manifest_of_another_size_than_any_is_not_kept(tmp_path) -> None:
    """Beyond four mebibytes nobody keeps a pushed manifest: digest and size are written."""
    data = b"[" + b" " * SMALL + b"]"
    written, _ = one(tmp_path, answer(413), "PUT", "/v2/a/b/manifests/v1", ChunkedBody(data[:9], data[9:]))
    assert (written.request.body.digest, written.request.body.pooled) == (digest(data), False)


def test_an_upload_that_was_not_read_to_its_end_says_so(tmp_path) -> None:
    """A registry may refuse before the body has come: how much of it went is chance, and is not written."""

    class Half:
        length = 100

        async def pieces(self):
            yield b"some"

    written, _ = one(tmp_path, answer(401), "PATCH", "/v2/a/b/blobs/upload/1", Half())
    assert (written.request.body.truncated, written.request.body.size, written.request.body.digest) == (
        True,
        100,
        None,
    )


@pytest.mark.parametrize("status", [401, 413, 416, 503])
def test_a_refused_upload_is_written_alike_however_much_of_it_came(tmp_path, status) -> None:
    """A chunk that went whole before the refusal came gives the same line as one that did not."""
    written, _ = one(tmp_path, answer(status), "PATCH", "/v2/a/b/blobs/upload/1", BytesBody(b"whole"))
    assert written.request.body == Body(size=5, truncated=True)
    told, _ = one(tmp_path, answer(400), "PATCH", "/v2/a/b/blobs/upload/1", BytesBody(b"whole"))
    assert told.request.body.digest == digest(b"whole")


# -- large and chunked answers


@pytest.mark.parametrize("said", [True, False], ids=["length said", "chunked"])
def test_a_large_answer_streams_and_is_pooled_once(tmp_path, said) -> None:
    """It goes on piece by piece; the pool has it whole, under its digest, and nothing else."""
    pieces = [MIB] * 6
    upstream = Answered(200, (), pieces, len(MIB) * 6 if said else None)
    written, got = one(tmp_path, upstream, "GET", f"/v2/a/b/blobs/{digest(MIB * 6)}")
    assert got.body == MIB * 6
    assert (written.response.body.digest, written.response.body.pooled) == (digest(MIB * 6), True)
    (kept,) = (tmp_path / "pool" / "blobs" / "sha256").iterdir()
    assert kept.read_bytes() == MIB * 6
    assert list((tmp_path / "pool").glob(".part.*")) == []


def test_a_chunked_answer_gets_its_length(tmp_path) -> None:
    """A short answer that came without a length goes on with one, or the client would wait for more."""
    written, got = one(tmp_path, Answered(404, (("content-type", "text/plain"),), [b"no", b"pe"]))
    assert (got.headers["content-length"], got.body) == ("4", b"nope")
    assert written.response.body.text == "nope"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_what_has_no_body_gets_no_length(tmp_path, method, status) -> None:
    """An answer that says no length because it has no body stays so."""
    _, got = one(tmp_path, Answered(status, ()), method)
    assert "content-length" not in got.headers


def test_the_length_of_a_head_is_kept(tmp_path) -> None:
    """HEAD has the length of what is not sent, not that of nothing."""
    written, got = one(
        tmp_path, Answered(200, (("content-length", "1234"),), [], 1234), "HEAD", "/v2/a/b/manifests/v1"
    )
    assert got.headers["content-length"] == "1234"
    assert ("content-length", "1234") in written.response.headers
    big, _ = one(
        tmp_path / "big",
        Answered(200, (("content-length", str(1 << 30)),), [], 1 << 30),
        "HEAD",
        f"/v2/a/b/blobs/{digest(b'')}",
    )
    assert big.response.body is None


@pytest.mark.parametrize(
    ("field", "part"),
    [("bytes 10-11/5000", (10, 11)), ("bytes */5000", None), ("", None)],
    ids=["a range", "none", "nothing"],
)
def test_a_part_says_which(tmp_path, field, part) -> None:
    """Of a partial answer the line says first and last offset."""
    written, _ = one(
        tmp_path,
        answer(206, b"ab", {"content-range": field}),
        "GET",
        f"/v2/a/b/blobs/{digest(b'x')}",
        b"",
        {"range": "bytes=10-11"},
    )
    assert written.response.body.part == part
    assert written.request.headers == (("range", "bytes=10-11"),)


# -- the moment of writing


def test_what_a_client_has_whole_is_on_disk(tmp_path) -> None:
    """Before the last byte of a large body goes to the client, the exchange is written down."""

    async def play() -> None:
        made = stage(tmp_path / "a.jsonl", Answered(200, (), [MIB] * 5, len(MIB) * 5))
        request = Request("GET", f"/v2/a/b/blobs/{digest(MIB * 5)}", {})
        response = await made.recorder(request, ChunkedBody())
        assert isinstance(response.body, Relay)
        count = 0
        async for piece in response.body.pieces:
            count += len(piece)
            assert len(load(made.part.path).exchanges) == (count == len(MIB) * 5)
            assert made.pool.has(digest(MIB * 5)) == (count == len(MIB) * 5)

    asyncio.run(play())


def test_who_goes_away_early_leaves_a_cut_exchange(tmp_path) -> None:
    """A client that has had enough of a large body leaves a line that says so, and nothing in the pool."""

    async def play() -> tuple:
        made = stage(tmp_path / "a.jsonl", Answered(200, (), [MIB] * 8, len(MIB) * 8))
        response = await made.recorder(Request("GET", f"/v2/a/b/blobs/{digest(b'x')}", {}), ChunkedBody())
        await anext(response.body.pieces)
        await response.body.pieces.aclose()
        return made.written()

    (written,) = asyncio.run(play())
    assert written.response.body == Body(size=8 * len(MIB), truncated=True)
    assert list((tmp_path / "pool" / "blobs" / "sha256").iterdir()) == []
    assert list((tmp_path / "pool").glob(".part.*")) == []


@pytest.mark.parametrize(
    "upstream",
    [
        Answered(200, (("content-length", "9"),), [b"some"], 9, breaks=True),
        Answered(200, (), [MIB] * 6, 100 * len(MIB), breaks=True),
        Answered(200, (), [], 100 * len(MIB), breaks=True),
    ],
    ids=["a small one", "a large one", "nothing came"],
)
def test_an_answer_that_breaks_off_is_recorded_and_passed_on_as_such(tmp_path, upstream) -> None:
    """The client sees that it breaks off; the line says what size was announced, and not how much came by chance."""
    written, got = one(tmp_path, upstream, "GET", f"/v2/a/b/blobs/{digest(b'x')}")
    assert got.broken
    assert written.response.body.truncated
    assert written.response.body.size == upstream.length


def test_a_registry_that_does_not_answer_is_not_recorded(tmp_path, caplog) -> None:
    """The client hears a 502 that says why; the log does, too; no line is made up."""
    made = stage(tmp_path / "a.jsonl", UpstreamError("ghcr.io does not answer: no route"))
    got = asked(made.recorder, "GET", "/v2/")
    assert (got.status, got.by) == (502, "upstream")
    assert b"nothing was recorded: ghcr.io does not answer: no route" in got.body
    assert "ping: ghcr.io does not answer" in caplog.text
    assert made.written() == ()


def test_an_upload_that_the_client_breaks_off_reaches_nobody(tmp_path) -> None:
    """What breaks off on the way in is the client's affair: no exchange is written."""
    made = stage(tmp_path / "a.jsonl", answer(202))
    with pytest.raises(Exception, match="the connection was lost"):
        asked(made.recorder, "PATCH", "/v2/a/b/blobs/upload/1", BrokenBody(b"some"))
    assert made.written() == ()


def test_what_is_no_request_of_a_registry_is_answered_at_the_door(tmp_path) -> None:
    """An unknown path goes nowhere, and is not recorded."""
    made = stage(tmp_path / "a.jsonl", [])
    assert asked(made.recorder, "GET", "/metrics").status == 404
    assert made.written() == ()


# -- causes and scopes


def test_an_exchange_knows_the_writes_that_were_over_before_it_began(tmp_path) -> None:
    """A read depends on the write before it, and not on one that ended while it was under way."""

    async def play() -> tuple:
        slow = asyncio.Event()

        class Upstream:
            async def send(self, method, url, headers, body):
                if "v2/a/b/tags" in url and "n=1" in url:
                    await slow.wait()
                return answer(201 if method == "PUT" else 200, b"{}")

        made = stage(tmp_path / "a.jsonl", Upstream())
        waiting = asyncio.ensure_future(ask(made.recorder, "GET", "/v2/a/b/tags/list?n=1"))
        await asyncio.sleep(0)
        await ask(made.recorder, "PUT", "/v2/a/b/manifests/v1", b"{}")
        slow.set()
        await waiting
        await ask(made.recorder, "GET", "/v2/a/b/tags/list")
        await ask(made.recorder, "GET", "/v2/a/c/tags/list")
        return made.written()

    put, early, late, elsewhere = asyncio.run(play())
    assert put.operation == "manifest.put"
    assert (early.after, late.after, elsewhere.after) == ((), (put.id,), ())


def test_the_api_is_recorded_with_what_it_is_asked_and_changes(tmp_path) -> None:
    """The keys of a query are kept; what is read after a deletion, of the API or the registry, is after it."""
    page = '<https://api.github.com/user/packages/container/b/versions?state=deleted&page=2>; rel="next"'
    stub = Stub([answer(200, b"[]"), answer(204), answer(200, b"[]", {"link": page}), answer(404, b"{}")])
    made = stage(tmp_path / "a.jsonl", stub, ForwardDoor(UPSTREAM, frozenset()))
    versions = "/user/packages/container/b/versions"

    async def work():
        for method, target, host in (
            ("GET", f"{versions}?state=deleted&secret=none", "api.github.com"),
            ("DELETE", f"{versions}/1", "api.github.com"),
            ("GET", f"{versions}?state=deleted", "api.github.com"),
            ("GET", "/v2/a/b/manifests/v1", "ghcr.io"),
        ):
            await ask(made.recorder, method, target, b"", {}, host, "https")

    asyncio.run(work())
    written = made.written()
    assert [each.query for each in written] == [(("state", "deleted"),), (), (("state", "deleted"),), ()]
    assert [each.after for each in written] == [(), (), (2,), (2,)]
    assert ("link", page) in written[2].response.headers
    replay = Replay(cassette(tmp_path / "b.jsonl", *written))
    assert [each.id for each in replay.close().unused_writes] == [2]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bearer_is_known_by_what_it_was_fetched_for(tmp_path, method) -> None:
    """The scopes of a token that was fetched here stand with each exchange that used it; the token nowhere."""
    body = json.dumps({"token": "an-opaque-token-1"}).encode()
    made = stage(tmp_path / "a.jsonl", [answer(200, body, JSON), answer(200), answer(200)])
    scope = "scope=repository:a/b:pull"
    form = f"grant_type=password&password=hunter2hunter2&{scope}".encode()
    asked(
        made.recorder,
        method,
        f"/token?{scope}" if method == "GET" else "/token",
        b"" if method == "GET" else form,
    )
    asked(made.recorder, "GET", "/v2/", b"", {"authorization": "Bearer an-opaque-token-1"})
    asked(made.recorder, "GET", "/v2/", b"", {"authorization": "Bearer another-token-22"})
    token, known, unknown = made.written()
    assert json.loads(token.response.body.text) == {"token": "<token:1>"}
    assert known.auth.scopes == ("repository:a/b:pull",)
    assert unknown.auth.scopes == ()
    if method == "POST":
        assert token.request.body.digest is None
        assert made.taint.find(b"hunter2hunter2")


# -- secrets


def test_a_line_with_a_secret_ends_the_recording(tmp_path) -> None:
    """The client is served on; nothing more is written, and the failure says what stood where."""
    echo = answer(400, b'{"errors":[{"message":"bad token hunter2hunter2"}]}', JSON)
    made = stage(tmp_path / "a.jsonl", [answer(200), echo, answer(200)])
    headers = {"authorization": basic("hunter2hunter2")}
    statuses = [asked(made.recorder, "GET", "/v2/", b"", headers).status for _ in range(3)]
    assert statuses == [200, 400, 200]
    assert isinstance(made.recorder.failure, SecretFound)
    assert "the password stands in what ping would have written" in str(made.recorder.failure)
    assert len(made.written()) == 1
    assert b"hunter2" not in made.part.path.read_bytes()


@pytest.mark.parametrize("size", [0, SMALL], ids=["a small body", "a large body"])
@pytest.mark.parametrize("cut", [0, 9, 3], ids=["in a piece", "across two pieces", "across many pieces"])
@pytest.mark.parametrize(
    "secret", ["hunter2hunter2", "aHVudGVyMmh1bnRlcjI=", PAT], ids=["raw", "in base64", "by its shape"]
)
def test_a_body_with_a_secret_is_withheld(tmp_path, size, cut, secret, caplog) -> None:
    """Bytes that a digest names are not edited: the client has them, the pool has not; the line says why."""
    filling = b"." * size
    data = filling + f"token {secret} in a layer".encode()
    ends = range(len(filling) + cut, len(data), cut if cut < 9 else len(data)) if cut else ()
    pieces = [data[start:stop] for start, stop in pairwise((0, *ends, len(data)))]
    made = stage(tmp_path / "a.jsonl", Answered(200, (), pieces, len(data)))
    got = asked(
        made.recorder, "GET", f"/v2/a/b/blobs/{digest(data)}", b"", {"authorization": basic("hunter2hunter2")}
    )
    assert got.body == data
    (written,) = made.written()
    body = written.response.body
    assert (body.withheld, body.digest, body.size, body.pooled) == ("secret", digest(data), len(data), False)
    assert made.recorder.keeper.withheld == [f"blob.get a/b: {digest(data)}"]
    assert "holds a secret and is not kept" in caplog.text
    assert not made.pool.has(digest(data))
    assert made.recorder.failure is None


def test_a_pushed_manifest_with_a_secret_is_withheld(tmp_path) -> None:
    """What a client pushes is treated no other way."""
    made = stage(tmp_path / "a.jsonl", answer(201))
    asked(made.recorder, "PUT", "/v2/a/b/manifests/v1", json.dumps({"x": PAT}).encode())
    (written,) = made.written()
    assert written.request.body.withheld == "secret"
    assert list(made.pool.digests()) == []


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("/token?scope=repository:a/b:pull", "identity"),
        ("/v2/a/b/tags/list", "identity"),
        ("/v2/a/b/manifests/v1", "identity"),
        (f"/v2/a/b/blobs/{digest(b'x')}", "gzip, br"),
    ],
)
def test_a_text_is_asked_for_without_a_coding(tmp_path, target, sent) -> None:
    """What is to be looked through for secrets comes as it is; content comes as its client wants it."""
    made = stage(tmp_path / "a.jsonl", answer(200, b"x"))
    asked(made.recorder, "GET", target, b"", {"Accept-Encoding": "gzip, br"})
    assert made.upstream.asked[0][2]["accept-encoding"] == sent


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_a_token_in_a_coding_is_remembered_and_replays(tmp_path, compress) -> None:
    """A realm that compresses all the same: the client gets its bytes, the line the text with a placeholder."""
    data = compress(b'{"token":"an-opaque-token-1"}')
    coding = {"content-encoding": "deflate" if compress is zlib.compress else "gzip"}
    scope = "repository:a/b:pull"
    made = stage(tmp_path / "a.jsonl", [answer(200, data, JSON | coding), answer(200, b"{}", JSON)])
    assert asked(made.recorder, "GET", f"/token?scope={scope}").body == data
    asked(made.recorder, "GET", "/v2/a/b/tags/list", b"", {"authorization": "Bearer an-opaque-token-1"})
    first, second = made.written()
    assert first.response.body.text == '{"token":"<token:1>"}'
    assert "content-encoding" not in dict(first.response.headers)
    assert second.auth.scopes == (scope,)
    assert made.taint.find(b"an-opaque-token-1") == "a token"


@pytest.mark.parametrize("path", ["tags/list", "manifests/v1", f"blobs/{digest(b'x')}"])
@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, gzip"])
@pytest.mark.parametrize("late", [False, True], ids=["known", "late"])
def test_a_secret_in_a_coding_is_withheld(tmp_path, path, coding, late) -> None:
    """A coding is undone to look for secrets, also for those that come later; what cannot be undone is not kept."""
    data = gzip.compress(b"... hunter2hunter2 ...")
    made = stage(tmp_path / "a.jsonl", [answer(200, data, {"content-encoding": coding}), answer(200)])
    known = {"authorization": basic("hunter2hunter2")}
    assert asked(made.recorder, "GET", f"/v2/a/b/{path}", b"", {} if late else known).body == data
    asked(made.recorder, "GET", "/v2/", b"", known)
    withheld = made.written()[0].response.body.withheld
    assert withheld == ("coding" if coding != "gzip" else None if late else "secret")
    assert made.recorder.keeper.late() == ({digest(data)} if late and coding == "gzip" else set())
    assert list(made.pool.digests()) == []


def test_a_long_list_in_a_coding_is_withheld(tmp_path) -> None:
    """What is too long to be undone whole is not looked through, and so not kept."""
    said = (("content-encoding", "gzip"),)
    made = stage(tmp_path / "a.jsonl", Answered(200, said, [b"x" * (SMALL + 1)]))
    assert len(asked(made.recorder, "GET", "/v2/a/b/tags/list").body) == SMALL + 1
    assert made.written()[0].response.body.withheld == "coding"
    assert list(made.pool.digests()) == []


def test_a_tokens_length_is_not_written_down(tmp_path) -> None:
    """Tokens of any length give one line, whose size is that of its text; a replay says the length of what it sends."""
    lines = []
    for name, token in (("a", "opaque" * 3), ("b", "opaque" * 40)):
        said = json.dumps({"token": token}).encode()
        made = stage(tmp_path / f"{name}.jsonl", answer(200, said))
        got = asked(made.recorder, "GET", "/token?scope=repository:a/b:pull")
        assert (got.body, got.headers["content-length"]) == (said, str(len(said)))
        lines.append(made.written()[0])
    assert lines[0] == lines[1]
    body = lines[0].response.body
    assert (body.size, body.text) == (len(body.text), '{"token": "<token:1>"}')
    assert dict(lines[0].response.headers)["content-length"] == str(body.size)
    replay = Replay(cassette(tmp_path / "c.jsonl", lines[0]))
    replayed = asked(replay, "GET", "/token?scope=repository:a/b:pull")
    assert replayed.headers["content-length"] == str(len(replayed.body)) != str(body.size)


def test_a_token_that_is_no_text_is_withheld(tmp_path) -> None:
    """What a realm says in letters that nobody knows may be a token, and would not come out as it was."""
    made = stage(tmp_path / "a.jsonl", answer(200, b'{"token":"\xff\xfe"}'))
    asked(made.recorder, "GET", "/token")
    assert made.written()[0].response.body.withheld == "coding"


@pytest.mark.parametrize("size", [10, SMALL + 1], ids=["small", "large"])
def test_a_chunked_token_is_never_kept(tmp_path, size) -> None:
    """A realm that says no length gives tokens all the same; one that says megabytes is withheld."""
    body = json.dumps({"token": "an-opaque-token-1", "filling": "1 " * (size // 2)}).encode()
    made = stage(tmp_path / "a.jsonl", Answered(200, (), [body[:7], body[7:]]))
    got = asked(made.recorder, "GET", "/token")
    assert got.body == body
    (written,) = made.written()
    if size == 10:
        assert json.loads(written.response.body.text)["token"] == "<token:1>"
    else:
        assert written.response.body.withheld == "secret"
    for each in tmp_path.rglob("*"):
        assert each.is_dir() or b"opaque" not in each.read_bytes()


def test_a_secret_that_comes_later_withholds_what_was_kept(tmp_path) -> None:
    """What went into the pool before its secret was known is found when the recording ends, small or large."""
    small, large = b"layer with hunter2hunter2", b"." * SMALL + b"aHVudGVyMmh1bnRlcjI="
    made = stage(
        tmp_path / "a.jsonl", [Answered(200, (), [each], len(each)) for each in (small, large, b"harmless")]
    )
    for each in (small, large, b"harmless"):
        asked(made.recorder, "GET", f"/v2/a/b/blobs/{digest(each)}")
    assert made.recorder.keeper.late() == set()
    made.taint.add("it", "hunter2hunter2")
    assert made.recorder.keeper.late() == {digest(small), digest(large)}
    assert list(made.pool.digests()) == [digest(b"harmless")]


def test_no_secret_is_in_a_log_or_a_repr(tmp_path, caplog) -> None:
    """At every level, the credential, a query's secret and a cookie are in no line of the log."""
    with caplog.at_level(logging.DEBUG):
        made = stage(
            tmp_path / "a.jsonl",
            [UpstreamError("no"), answer(200, b"x" * 9, {"set-cookie": "a=cookie-value"})],
        )
        headers = {"authorization": basic(PAT), "cookie": "a=other-cookie"}
        for _ in range(2):
            asked(made.recorder, "GET", f"/v2/a/b/tags/list?access_token={PAT}", b"", headers)
    said = (
        caplog.text
        + repr(made.recorder)
        + repr(made.taint)
        + repr(made.recorder.keeper)
        + made.part.path.read_text()
    )
    for secret in (PAT, basic(PAT)[6:], "cookie-value", "other-cookie"):
        assert secret not in said
    assert made.taint.find(b"cookie-value")
    assert repr(made.recorder) == "<Recorder of 1 exchanges>"


# -- a full disk


FULL = """
import asyncio, resource, sys, pathlib
from cassette.making import *
answers = [answer(200, b"x" * 1000), Answered(200, (), [bytes(1 << 20)] * 6, 6 << 20), answer(200), answer(200)]
made = stage(pathlib.Path(sys.argv[1]), answers)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
for target in sys.argv[2].split():
    got = asked(made.recorder, "GET", target)
    print(got.status, len(got.body), got.broken)
print(made.recorder.failure)
"""


def test_a_full_disk_ends_the_recording_and_not_the_client(tmp_path) -> None:
    """The client is served to the end; the failure names the cassette and what to do, and no part stays in the pool."""
    target = tmp_path / "a.jsonl"
    blob = f"/v2/a/b/blobs/{digest(bytes(6 << 20))}"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(target), f"/v2/ {blob} /v2/ /v2/"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": str(TESTS)},
    )
    *got, failure = done.stdout.splitlines()
    assert got == ["200 1000 False", f"200 {6 << 20} False", "200 0 False", "200 0 False"]
    assert failure.startswith(f"{target}: nothing more can be written there: File too large; make room")
    (part,) = tmp_path.glob(".a.jsonl.*.part")
    assert len(load(part).exchanges) == 1
    assert list((tmp_path / "pool").glob(".part.*")) == []


def test_a_pool_that_cannot_be_written_ends_the_recording(tmp_path) -> None:
    """A file where the pool should be: the client is served, and the failure says so."""
    made = stage(tmp_path / "a.jsonl", [answer(200, b"x"), answer(200, b"y")])
    (tmp_path / "pool").write_text("")
    assert asked(made.recorder, "GET", "/v2/a/b/manifests/v1").body == b"x"
    assert isinstance(made.recorder.failure, CassetteError)
    assert asked(made.recorder, "GET", "/v2/a/b/manifests/v1").body == b"y"
    assert made.written() == ()


def test_a_damaged_pool_ends_the_recording(tmp_path) -> None:
    """An error of the pool's own is told as it is."""
    made = stage(tmp_path / "a.jsonl", answer(200, b"x"))
    (tmp_path / "pool" / "blobs").mkdir(parents=True)
    (tmp_path / "pool" / "blobs" / "sha256").symlink_to("loop")
    (tmp_path / "pool" / "blobs" / "loop").symlink_to("sha256")
    asked(made.recorder, "GET", "/v2/a/b/manifests/v1")
    assert "nothing more can be written there" in str(made.recorder.failure)


def test_who_comes_after_the_end_is_served_and_not_written(tmp_path) -> None:
    """A straggler after the part is closed changes nothing."""
    made = stage(tmp_path / "a.jsonl", answer(200))
    made.part.close()
    assert asked(made.recorder, "GET", "/v2/").status == 200
    assert made.written() == ()


def test_a_taint_may_be_given(tmp_path) -> None:
    """Secrets that are known beforehand, such as those of variables, are looked for from the first line."""
    taint = Taint()
    taint.add("$TOKEN", "hunter2hunter2")
    made = stage(tmp_path / "a.jsonl", answer(200, b"hunter2hunter2"), taint=taint)
    asked(made.recorder, "GET", "/v2/")
    assert "$TOKEN stands in" in str(made.recorder.failure)
