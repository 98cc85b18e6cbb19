"""Derived answers: known content, in a recorded manner, to whom it was given; and what justifies none."""

from __future__ import annotations

import pytest
from cassette.making import asked, basic, bearer, cassette, digest, exchange, image, pooled, text

from ghcr_sim.cassette import MISS, Replay
from ghcr_sim.cassette.content import Unseen
from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.oci.media import OCI_MANIFEST

DATA = b"0123456789"
SHA = digest(DATA)
COMMON = {"repository": "a/b", "auth": "bearer"}
FIELDS = {"authorization": bearer("x")}
ABSENT = text('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}\n')


@pytest.fixture
def pool(tmp_path):
    """The pool of the cassette."""
    return Pool.beside(tmp_path / "a.jsonl")


@pytest.fixture
def ask(tmp_path):
    """Makes a replay of some exchanges, and asks it."""
    made = []

    def begin(*exchanges, **more):
        made.append(Replay(cassette(tmp_path / "a.jsonl", *exchanges), **more))
        return lambda method, target, **headers: asked(made[-1], method, target, b"", FIELDS | headers)

    yield begin
    for each in made:
        each.close()


def blob(pool, number=1, status=200, operation="blob.get", **more):
    """A blob that was served."""
    return exchange(number, operation, status, reference=SHA, got=pooled(pool, DATA), **{**COMMON, **more})


def test_a_registry_that_serves_blobs_itself(ask, pool) -> None:
    """Without a redirect in the cassette there is none in an answer: parts are computed, in the recorded manner."""
    got_headers = (("Content-Type", "application/octet-stream"), ("docker-content-digest", SHA))
    say = ask(blob(pool, got_headers=got_headers))
    part = say("GET", f"/v2/a/b/blobs/{SHA}", range="bytes=2-4")
    assert (part.status, part.body, part.by) == (206, b"234", "derived")
    assert part.headers["content-range"] == "bytes 2-4/10"
    assert part.headers["docker-content-digest"] == SHA
    assert say("GET", f"/v2/a/b/blobs/{SHA}", range="bytes=99-").status == 416
    assert say("HEAD", f"/v2/a/b/blobs/{SHA}").status == MISS


def test_a_look_at_a_blob(ask, pool) -> None:
    """A recorded HEAD is the manner of another one."""
    other = digest(b"other")
    head = (("content-length", "5"), ("docker-content-digest", other), ("etag", f'"{other}"'))
    say = ask(blob(pool), exchange(2, "blob.head", reference=other, got_headers=head, **COMMON))
    got = say("HEAD", f"/v2/a/b/blobs/{SHA}")
    assert (got.headers["content-length"], got.headers["docker-content-digest"], got.headers["etag"]) == (
        "10",
        SHA,
        f'"{SHA}"',
    )
    assert say("HEAD", f"/v2/a/b/blobs/{digest(b'third')}").status == MISS


def test_a_blob_whose_bytes_nobody_gave_is_no_blob(ask, pool) -> None:
    """A part, or content under another digest, is not the whole."""
    part = pooled(pool, b"012").model_copy(update={"part": (0, 2)})
    say = ask(
        exchange(
            1, "blob.get", 206, reference=SHA, got=part, sent_headers=(("range", "bytes=0-2"),), **COMMON
        ),
        exchange(2, "blob.get", 200, reference=digest(b"y"), got=pooled(pool, b"z"), **COMMON),
    )
    assert say("GET", f"/v2/a/b/blobs/{SHA}", range="bytes=0-2").body == b"012"
    assert say("GET", f"/v2/a/b/blobs/{SHA}").status == MISS


def test_storage_without_an_example_of_it(ask, pool) -> None:
    """A redirect that was recorded, whose goal was not: a miss there, and none before."""
    where = (("location", f"https://pkg-containers.githubusercontent.com/ghcr1/blobs/{SHA}?<signature>"),)
    say = ask(exchange(1, "blob.get", 307, reference=SHA, got_headers=where, **COMMON))
    got = say("GET", f"/v2/a/b/blobs/{SHA}")
    assert got.status == 307
    assert say("GET", got.headers["location"].partition(":5000")[2], authorization="").status == 400


def test_absence(ask, pool) -> None:
    """What was seen absent, and content nobody has heard of, is the recorded 404; a tag nobody asked for is a miss."""
    say = ask(
        exchange(1, "manifest.get", 404, reference="none", got=ABSENT, **COMMON),
        exchange(2, "blob.get", 404, reference=SHA, got=ABSENT, **COMMON),
        exchange(3, "ping", auth="bearer"),
        exchange(4, "tags.list", got=text('{"tags":[]}'), **COMMON),
    )
    again = say("HEAD", "/v2/a/b/manifests/none")
    assert (again.status, again.by, again.body) == (404, "derived", b"")
    assert say("GET", f"/v2/a/b/manifests/{SHA}").body == ABSENT.text.encode()
    assert say("GET", f"/v2/a/b/blobs/{digest(b'never')}").status == 404
    assert say("GET", f"/v2/a/b/manifests/{digest(b'never')}").status == 404
    assert say("GET", "/v2/a/b/manifests/v9").status == MISS


def test_a_head_of_a_manifest_shows_how_a_get_looks(ask, pool) -> None:
    """Where only HEAD was recorded, and the bytes are known by a push, GET has its fields."""
    data = image()
    sent = pooled(pool, data)
    head = (("content-length", "1"), ("content-type", "x"), ("docker-content-digest", "y"))
    say = ask(
        exchange(1, "manifest.head", reference="v0", got_headers=head, **COMMON),
        exchange(
            2,
            "manifest.put",
            201,
            reference="v1",
            sent=sent,
            sent_headers=(("content-type", OCI_MANIFEST),),
            **COMMON,
        ),
    )
    assert say("GET", "/v2/a/b/manifests/v1").status == MISS


@pytest.mark.parametrize("accept", ["", "*/*", "application/*"])
def test_who_names_no_type_is_given_what_others_were(ask, pool, accept) -> None:
    """No `Accept` and `*/*` are questions of their own: registries differ in what they answer to them."""
    shown = (("content-type", OCI_MANIFEST),)
    headers = {"accept": accept} if accept else {}

    def get(reference, *accepted):
        return {
            "reference": reference,
            "got": pooled(pool, image(reference.encode())),
            "got_headers": shown,
            "sent_headers": tuple(("accept", each) for each in accepted),
            **COMMON,
        }

    say = ask(exchange(1, "manifest.get", **get("v1", OCI_MANIFEST)))
    assert say("GET", "/v2/a/b/manifests/v1", **headers).status == MISS
    assert say("HEAD", "/v2/a/b/manifests/v1", accept=f"{OCI_MANIFEST}, a/b").status == 200
    other = exchange(2, "manifest.get", **get("v2", *filter(None, [accept])))
    say = ask(exchange(1, "manifest.get", **get("v1", OCI_MANIFEST)), other)
    assert say("GET", "/v2/a/b/manifests/v1", **headers).body == image(b"v1")


def test_tags_of_this_run_need_a_recorded_list(ask, pool) -> None:
    """Without one, or where it is of before a write, there is none."""
    say = ask(
        exchange(1, "tags.list", got=text("{}"), after=(2,), **COMMON),
        exchange(2, "manifest.put", 201, reference="v1", **COMMON),
    )
    assert say("GET", "/v2/a/b/tags/list?n=1").status == MISS


def test_referrers_that_a_registry_has_not(ask) -> None:
    """A registry without the API is so for every subject."""
    say = ask(
        exchange(1, "referrers.list", 404, reference=SHA, got=ABSENT, **COMMON),
        exchange(2, "tags.list", **COMMON),
    )
    assert say("GET", f"/v2/a/b/referrers/{digest(b'other')}").status == 404
    assert say("GET", "/v2/_catalog").status == MISS


CHALLENGE = (
    (
        "www-authenticate",
        'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"',
    ),
)


@pytest.mark.parametrize("faithful", [False, True])
def test_a_challenge_and_a_token_are_like_the_recorded_ones(ask, faithful) -> None:
    """Who brings nothing is challenged; the placeholder's repository may be asked for; others may not."""
    say = ask(
        exchange(1, "ping", 401, got_headers=CHALLENGE, got=ABSENT),
        exchange(
            2,
            "token.get",
            query=(("scope", "repository:a/b:pull"),),
            got=text('{"token":"<token:1>"}'),
            auth="basic",
        ),
        exchange(3, "tags.list", got=text("{}"), **COMMON),
        faithful=faithful,
    )
    nobody = say("GET", "/v2/a/b/manifests/v1", authorization="Bearer")
    assert nobody.status == MISS
    for repository, status in (("a/b", 200), ("user/image", 200), ("c/d", MISS)):
        got = say("GET", f"/token?scope=repository:{repository}:pull,push", authorization=basic("x"))
        assert got.status == status
    realm = say("GET", "/v2/")
    assert realm.status == MISS


def test_who_brings_nothing_is_challenged(ask, tmp_path) -> None:
    """A recorded challenge of another operation will do, at the door where the client is, or as it was."""
    for faithful, where in ((False, "http://127.0.0.1:5000/token"), (True, "https://ghcr.io/token")):
        replay = Replay(
            cassette(
                tmp_path / "b.jsonl",
                exchange(1, "ping", 401, got_headers=CHALLENGE, got=ABSENT),
                exchange(2, "tags.list", got=text("{}"), **COMMON),
            ),
            faithful=faithful,
        )
        got = asked(replay, "GET", "/v2/a/b/manifests/v1")
        assert (got.status, got.by) == (401, "derived")
        assert f'realm="{where}"' in got.headers["www-authenticate"]
        assert asked(replay, "GET", "/v2/c/d/manifests/v1").status == MISS
        replay.close()


def test_no_challenge_without_an_example(ask, tmp_path) -> None:
    """A registry that never refused anybody is not made to."""
    replay = Replay(cassette(tmp_path / "b.jsonl", exchange(1, "tags.list", got=text("{}"), **COMMON)))
    assert asked(replay, "GET", "/v2/a/b/manifests/v1").status == MISS
    replay.close()


def test_addresses_stay_real_for_a_proxy(tmp_path) -> None:
    """Through the forward door, hosts are the recorded ones."""
    where = (("location", f"https://pkg-containers.githubusercontent.com/ghcr1/blobs/{SHA}?<signature>"),)
    link = (("link", '<https://ghcr.io/v2/a/b/tags/list?last=x>; rel="next"'),)
    replay = Replay(
        cassette(
            tmp_path / "a.jsonl",
            exchange(1, "blob.get", 307, reference=SHA, got_headers=where, **COMMON),
            exchange(2, "tags.list", got_headers=link, got=text("{}"), **COMMON),
        ),
        faithful=True,
    )
    got = asked(replay, "GET", f"/v2/a/b/blobs/{SHA}", b"", FIELDS, "ghcr.io", "https")
    assert got.headers["location"].startswith(
        "https://pkg-containers.githubusercontent.com/ghcr1/blobs/sha256:"
    )
    assert (
        asked(replay, "GET", "/v2/a/b/tags/list", b"", FIELDS, "ghcr.io", "https").headers["link"]
        == link[0][1]
    )
    replay.close()


def test_an_unseen_blob_has_no_bytes() -> None:
    """Digest and size are known, and who wants more is told."""
    unseen = Unseen(SHA, 10)
    assert (unseen.digest, unseen.size, unseen.path) == (SHA, 10, None)
    with pytest.raises(CassetteError, match=r"were not kept \(2 to 4 were asked for\)"):
        unseen.pieces(2, 4)


def test_a_blob_that_was_only_mounted_is_no_answer(ask, pool) -> None:
    """What nobody has the bytes of is there for a manifest, and a miss for who wants to read it."""
    mounted = exchange(1, "upload.post", 201, query=(("from", "c/d"), ("mount", SHA)), **COMMON)
    say = ask(
        mounted,
        exchange(2, "blob.get", 200, reference=digest(DATA + b"!"), got=pooled(pool, DATA + b"!"), **COMMON),
    )
    assert say("POST", f"/v2/a/b/blobs/uploads/?mount={SHA}&from=c/d").status == 201
    got = say("GET", f"/v2/a/b/blobs/{SHA}")
    assert got.status == MISS


@pytest.mark.parametrize("named", [False, True])
def test_a_look_at_a_blob_that_was_only_mounted(ask, pool, named) -> None:
    """Its size is what a recorded manifest says; where none does, it is a miss, and never 0."""
    other = (("content-length", "5"),)
    shown = pooled(pool, image(DATA) if named else image())
    say = ask(
        exchange(1, "upload.post", 201, query=(("from", "c/d"), ("mount", SHA)), **COMMON),
        exchange(2, "blob.head", reference=digest(b"other"), got_headers=other, **COMMON),
        exchange(3, "manifest.get", repository="c/d", reference="v1", got=shown, auth="bearer"),
    )
    assert say("POST", f"/v2/a/b/blobs/uploads/?mount={SHA}&from=c/d").status == 201
    got = say("HEAD", f"/v2/a/b/blobs/{SHA}")
    assert (got.status, got.headers["content-length"]) == (200, "10") if named else got.status == MISS
