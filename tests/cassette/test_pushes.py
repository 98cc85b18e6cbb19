"""Pushes in a replay: each way to upload, recorded and derived, refused and broken off."""

from __future__ import annotations

import itertools
import json
import tempfile

import pytest
from asking import BrokenBody
from cassette.making import asked, bearer, cassette, digest, exchange, image, path_of, text

from ghcr_sim.cassette import MISS, Replay
from ghcr_sim.cassette.model import Body
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import DOCKER_INDEX, OCI_INDEX, OCI_MANIFEST

DATA = b"a layer"
SHA = digest(DATA)
FIELDS = {"authorization": bearer("x")}
COMMON = {"repository": "a/b", "auth": "bearer"}
OPENED = (("location", "/v2/a/b/blobs/upload/<session:1>?_state=<state:1>"), ("range", "0-0"))
COMMITTED = (("location", f"/v2/a/b/blobs/{SHA}"), ("docker-content-digest", SHA))
REFUSED = text('{"errors":[{"code":"DENIED","message":"no"}]}')


def opened(number=1, **more):
    """A session that was opened."""
    return exchange(number, "upload.post", 202, got_headers=OPENED, **{**COMMON, **more})


def chunk(number, sent_range=None, status=202, **more):
    """A chunk."""
    fields = () if sent_range is None else (("content-range", sent_range),)
    return exchange(
        number,
        "upload.patch",
        status,
        reference="<session:1>",
        sent_headers=fields,
        got_headers=OPENED,
        **{**COMMON, **more},
    )


def closed(number, status=201, name=SHA, **more):
    """An upload that was finished."""
    return exchange(
        number,
        "upload.put",
        status,
        reference="<session:1>",
        query=(("digest", name),),
        got_headers=COMMITTED,
        **{**COMMON, **more},
    )


def again(made, here="<session:1>", there="<session:2>"):
    """The same in a second session, or in another repository."""
    return type(made).model_validate_json(made.line().replace(here, there))


@pytest.fixture
def replay(tmp_path):
    """Makes replays, and closes them."""
    made = []

    def make(*exchanges, strictness="registry"):
        made.append(Replay(cassette(tmp_path / f"{len(made)}.jsonl", *exchanges), strictness))
        return made[-1]

    yield make
    for each in made:
        each.close()


def send(replay, method, target, body=b"", **headers):
    """Ask with a bearer."""
    fields = FIELDS | {name.replace("_", "-"): value for name, value in headers.items()}
    return asked(replay, method, target, body, fields)


def begin(replay):
    """Open a session; where it is."""
    got = send(replay, "POST", "/v2/a/b/blobs/uploads/")
    assert got.status == 202, got
    return path_of(got.headers["location"])


def test_chunks_in_order_are_an_upload(replay) -> None:
    """Each chunk is taken where the last one ended; the ranges that are answered are those of this run."""
    made = replay(opened(), chunk(2, "0-2"), chunk(3, "3-6"), closed(4))
    where = begin(made)
    assert "_state=" in where
    assert "<" not in where
    first = send(made, "PATCH", where, DATA[:3], content_range="0-2")
    assert (first.status, first.headers["range"]) == (202, "0-2")
    assert send(made, "PATCH", where, DATA[3:], content_range="3-6").headers["range"] == "0-6"
    done = send(made, "PUT", f"{where}&digest={SHA}")
    assert (done.status, done.headers["docker-content-digest"]) == (201, SHA)
    report = made.close()
    assert report.ok, report.problems()
    assert send(made, "PUT", f"{where}&digest={SHA}").status == 404


@pytest.mark.parametrize("said", ["1-3", "5-9", "nonsense", "0-2 "])
def test_chunks_out_of_order_are_refused(replay, said) -> None:
    """A chunk that does not begin where the last one ended is 416, and what was there stays."""
    made = replay(opened(), chunk(2, "0-2"), closed(3))
    where = begin(made)
    got = send(made, "PATCH", where, DATA[:3], content_range=said)
    if got.status == 202:
        assert said.strip() == "0-2"
        return
    assert got.status == 416
    assert "a chunk" in made.close().wrongs[0]


def test_a_recorded_refusal_of_a_chunk_is_played(replay) -> None:
    """The chunk that was refused is refused once, in the recorded words; then all goes on."""
    made = replay(opened(), chunk(2, "3-6", 416, got=REFUSED), chunk(3, "0-6"), closed(4))
    where = begin(made)
    assert send(made, "PATCH", where, DATA[3:], content_range="3-6").body == REFUSED.text.encode()
    assert send(made, "PATCH", where, DATA, content_range="0-6").status == 202
    assert send(made, "PUT", f"{where}&digest={SHA}").status == 201
    assert made.close().ok


def test_a_chunk_where_none_was_recorded_is_a_miss(replay) -> None:
    """Without an example nobody knows how this registry answers chunks."""
    made = replay(opened(), closed(2))
    assert send(made, "PATCH", begin(made), DATA).status == MISS


def test_the_status_and_the_end_of_a_session(replay) -> None:
    """A status has this run's range; a session that is given up is unknown from then on."""
    common = {"reference": "<session:1>", **COMMON}
    made = replay(
        opened(),
        chunk(2),
        exchange(3, "upload.get", 204, got_headers=(("range", "0-0"),), **common),
        exchange(4, "upload.delete", 204, **common),
    )
    where = begin(made)
    send(made, "PATCH", where, DATA)
    assert send(made, "GET", where).headers["range"] == "0-6"
    assert send(made, "DELETE", where).status == 204
    assert send(made, "GET", where).status == 404
    bare = replay(opened())
    assert send(bare, "GET", begin(bare)).status == MISS


def test_a_recorded_refusal_of_the_end(replay) -> None:
    """A refused PUT is played in its words; so are a refused POST and a refused manifest."""
    made = replay(
        closed(1, 400, got=REFUSED),
        exchange(2, "upload.post", 403, got=REFUSED, **COMMON),
        opened(3, auth="bearer"),
        exchange(
            4,
            "manifest.put",
            400,
            reference="v1",
            sent=Body(digest=digest(b"{}"), size=2),
            got=REFUSED,
            **COMMON,
        ),
    )
    assert send(made, "PUT", f"/v2/a/b/blobs/upload/1?digest={SHA}", DATA).status == 400
    assert send(made, "POST", "/v2/a/b/blobs/uploads/").status == 403
    assert (
        send(made, "PUT", "/v2/a/b/manifests/v1", b"{}", content_type=OCI_MANIFEST).body
        == REFUSED.text.encode()
    )


def test_who_is_not_let_in_hears_the_recorded_refusal(replay) -> None:
    """A kind of credential that the cassette shows refused is refused: again and again."""
    challenge = (("www-authenticate", 'Bearer realm="https://ghcr.io/token",scope="repository:a/b:pull"'),)
    made = replay(
        exchange(1, "upload.post", 401, repository="a/b", got_headers=challenge, got=REFUSED), opened(2)
    )
    for _ in range(2):
        got = asked(made, "POST", "/v2/a/b/blobs/uploads/")
        assert got.status == 401
        assert 'realm="http://127.0.0.1:5000/token"' in got.headers["www-authenticate"]
    other = asked(made, "PUT", "/v2/a/b/manifests/v1", b"{}")
    assert (other.status, other.by) == (401, "derived")


def test_a_literal_replay_derives_no_challenge(replay) -> None:
    """Where only recorded answers count, who is not let in misses."""
    made = replay(opened(), strictness="literal")
    assert asked(made, "POST", "/v2/a/b/blobs/uploads/").status == MISS


# -- in one go


def whole(number=1, **more):
    """A blob that came with the POST."""
    return exchange(
        number, "upload.post", 201, query=(("digest", SHA),), got_headers=COMMITTED, **{**COMMON, **more}
    )


def test_a_blob_at_once(replay) -> None:
    """A monolithic POST takes the bytes that it says, and no others."""
    made = replay(whole())
    wrong = send(made, "POST", f"/v2/a/b/blobs/uploads/?digest={SHA}", b"other")
    assert wrong.status == 400
    made = replay(whole())
    assert send(made, "POST", f"/v2/a/b/blobs/uploads/?digest={SHA}", DATA).status == 201
    assert made.close().ok


def mount(number=1, status=201, **more):
    """A blob that was mounted."""
    query = (("from", "c/d"), ("mount", SHA))
    headers = COMMITTED if status == 201 else OPENED
    return exchange(number, "upload.post", status, query=query, got_headers=headers, **{**COMMON, **more})


def test_a_mount(replay) -> None:
    """A recorded mount needs no bytes; what it has mounted may be listed in a manifest."""
    data = image()
    made = replay(
        mount(),
        whole(2),
        exchange(3, "manifest.put", 201, reference="v1", after=(1,), **COMMON),
    )
    assert send(made, "POST", f"/v2/a/b/blobs/uploads/?mount={SHA}&from=c/d").status == 201
    listed = image(DATA).replace(digest(b"{}").encode(), SHA.encode())
    got = send(made, "PUT", "/v2/a/b/manifests/v1", listed, content_type=OCI_MANIFEST)
    assert (got.status, got.by) == (201, "derived")
    assert send(made, "PUT", "/v2/a/b/manifests/v2", data, content_type=OCI_MANIFEST).status == 400


def test_a_mount_that_was_not_recorded(replay) -> None:
    """It is answered where the source is known to have the blob, and opens a session where it is not."""
    other = digest(b"other")
    made = replay(
        opened(), closed(2), mount(3, repository="a/c"), exchange(4, repository="a/e", auth="bearer")
    )
    where = begin(made)
    assert send(made, "PUT", f"{where}&digest={SHA}", DATA).status == 201
    known = send(made, "POST", f"/v2/a/c/blobs/uploads/?mount={SHA}&from=a/b")
    assert (known.status, known.headers["location"]) == (201, f"/v2/a/c/blobs/{SHA}")
    unknown = send(made, "POST", f"/v2/a/c/blobs/uploads/?mount={other}&from=a/b")
    assert (unknown.status, unknown.by) == (202, "derived")


def test_an_upload_of_what_was_mounted(replay) -> None:
    """A client that pushes the bytes where the recorded one mounted them has done the recorded write."""
    made = replay(opened(), closed(2, name=digest(b"x")), mount(3))
    assert send(made, "PUT", f"{begin(made)}&digest={digest(b'x')}", b"x").status == 201
    got = send(made, "PUT", f"{begin(made)}&digest={SHA}", DATA)
    assert (got.status, got.by) == (201, "derived")
    report = made.close()
    assert (report.ok, report.unused_writes) == (True, [])


def test_a_mount_of_what_was_uploaded(replay) -> None:
    """The other way round, too: what may be mounted now was pushed when it was recorded."""
    made = replay(
        again(opened(1), "a/b", "c/d"),
        again(closed(2), "a/b", "c/d"),
        again(opened(3)),
        again(closed(4)),
        mount(5, repository="a/c"),
    )
    where = send(made, "POST", "/v2/c/d/blobs/uploads/").headers["location"]
    assert send(made, "PUT", f"{where[where.index('/v2/') :]}&digest={SHA}", DATA).status == 201
    got = send(made, "POST", f"/v2/a/b/blobs/uploads/?mount={SHA}&from=c/d")
    assert (got.status, got.by) == (201, "derived")
    assert [each.id for each in made.close().unused_writes] == [5]


# -- by steps, in one session or many


def test_sessions_that_look_alike_are_bound_by_their_digest(replay) -> None:
    """Two sessions in any order of their ends: each finds its recorded end."""
    other = b"another layer"
    two, second = again(opened(3)), again(closed(4, name=digest(other)))
    for order in itertools.permutations((DATA, other)):
        made = replay(opened(), closed(2), two, second)
        places = [begin(made), begin(made)]
        for where, data in zip(places, order, strict=True):
            mark = "&" if "?" in where else "?"
            assert send(made, "PUT", f"{where}{mark}digest={digest(data)}", data).status == 201
        report = made.close()
        assert report.ok, report.problems()


def test_content_that_was_not_recorded(replay) -> None:
    """It is taken, answered in the recorded manner, and stands for the recorded one; literally, it is a miss."""
    other = b"x" * (3 << 20)
    made = replay(opened(), closed(2))
    got = send(made, "PUT", f"{begin(made)}&digest={digest(other)}", other)
    assert (got.status, got.by) == (201, "derived")
    assert got.headers["location"].endswith(f"/v2/a/b/blobs/{digest(other)}")
    assert made.close().ok
    literal = replay(opened(), closed(2), strictness="literal")
    assert send(literal, "PUT", f"{begin(literal)}&digest={digest(other)}", other).status == MISS


def test_the_end_needs_a_digest(replay) -> None:
    """A PUT without one is refused as a registry would."""
    made = replay(opened(), closed(2))
    got = send(made, "PUT", begin(made), DATA)
    assert (got.status, b"DIGEST_INVALID" in got.body) == (400, True)


def test_a_session_more_than_recorded(replay) -> None:
    """One upload more is opened in the manner of the others; literally, it is a miss."""
    made = replay(opened(), closed(2))
    assert len({begin(made) for _ in range(3)}) == 3
    literal = replay(opened(), closed(2), strictness="literal")
    begin(literal)
    assert send(literal, "POST", "/v2/a/b/blobs/uploads/").status == MISS


@pytest.mark.parametrize("sizes", [(5, 5), (700_000, 700_000), (2_000_000, 5), (5, 2_000_000, 5)], ids=str)
def test_small_and_large_chunks_keep_their_order(replay, sizes) -> None:
    """In memory, in a file, or from one to the other: the bytes are those that came, and go with the replay."""
    pieces = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    data = b"".join(pieces)
    made = replay(
        opened(), chunk(2), closed(3), exchange(4, "blob.get", 200, reference=SHA, after=(3,), **COMMON)
    )
    where = begin(made)
    for piece in pieces:
        assert send(made, "PATCH", where, piece).status == 202
    assert send(made, "PUT", f"{where}&digest={digest(data)}").status == 201
    got = send(made, "GET", f"/v2/a/b/blobs/{digest(data)}")
    assert (got.body, got.by) == (data, "derived")


def test_a_chunk_that_breaks_off_leaves_what_was_there(replay) -> None:
    """Small or large, what came before the broken chunk stays, and the upload can go on."""
    for first, lost in (
        (b"ab", b"cd"),
        (b"ab", b"c" * 2_000_000),
        (b"a" * 2_000_000, b"cd"),
        (b"", b"c" * 2_000_000),
    ):
        made = replay(opened(), chunk(2), closed(3))
        where = begin(made)
        if first:
            send(made, "PATCH", where, first)
        broken = asked(made, "PATCH", where, BrokenBody(lost), FIELDS)
        assert broken.status == 400
        send(made, "PATCH", where, b"ef")
        assert send(made, "PUT", f"{where}&digest={digest(first + b'ef')}").status == 201


EMPTY = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
"""An index that lists nothing."""


def test_manifests_by_digest_and_again(replay) -> None:
    """A manifest may be pushed by its digest, in both algorithms; what its answer names is what was pushed."""
    shown = (("location", "/v2/a/b/manifests/x"), ("docker-content-digest", SHA))
    made = replay(exchange(1, "manifest.put", 201, reference="v1", got_headers=shown, **COMMON))
    for name in (digest(EMPTY), digest_of(EMPTY, "sha512")):
        got = send(made, "PUT", f"/v2/a/b/manifests/{name}", EMPTY, content_type=OCI_INDEX)
        assert (got.status, got.headers["docker-content-digest"]) == (201, name)
        assert got.headers["location"].endswith(name)
    literal = replay(exchange(1, "manifest.put", 201, reference="v1", **COMMON), strictness="repeat")
    assert send(literal, "PUT", "/v2/a/b/manifests/v1", EMPTY).status == MISS


def test_an_index_may_list_blobs(replay) -> None:
    """A build cache that was not recorded is taken when the blobs that it lists are there."""
    layer = {"mediaType": "application/vnd.buildkit.cacheconfig.v0", "digest": SHA, "size": len(DATA)}
    index = json.dumps({"schemaVersion": 2, "manifests": [layer]}).encode()
    made = replay(opened(), chunk(2), closed(3), exchange(4, "manifest.put", 201, reference="v1", **COMMON))
    early = send(made, "PUT", "/v2/a/b/manifests/v1", index, content_type=OCI_INDEX)
    assert (early.status, SHA.encode() in early.body) == (400, True)
    send(made, "PUT", f"{begin(made)}&digest={SHA}", DATA)
    assert send(made, "PUT", "/v2/a/b/manifests/v1", index, content_type=OCI_INDEX).status == 201


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        pytest.param(b"not json", OCI_MANIFEST, id="no JSON"),
        pytest.param(b"{}", OCI_MANIFEST, id="an empty object"),
        pytest.param(EMPTY, DOCKER_INDEX, id="another media type than its own"),
        pytest.param(EMPTY.replace(OCI_INDEX.encode(), OCI_MANIFEST.encode()), OCI_MANIFEST, id="no layers"),
    ],
)
def test_what_is_no_manifest_is_refused(replay, data, media_type) -> None:
    """It is a client's fault, as at any registry, and is not served."""
    made = replay(exchange(1, "manifest.put", 201, reference="v1", **COMMON))
    got = send(made, "PUT", "/v2/a/b/manifests/v1", data, content_type=media_type)
    assert (got.status, b"MANIFEST_INVALID" in got.body) == (400, True)
    assert send(made, "GET", "/v2/a/b/manifests/v1").status == MISS
    report = made.close()
    assert "is no manifest" in report.wrongs[0]
    assert [each.id for each in report.unused_writes] == [1]


def test_what_was_taken_is_taken_again_as_what_it_was(replay) -> None:
    """Recorded bytes that a lenient registry took are taken; under another media type they are others."""
    for data in (b"{}", EMPTY):
        sent = Body(digest=digest(data), size=len(data))
        said = (("content-type", OCI_INDEX),)
        made = replay(
            exchange(1, "manifest.put", 201, reference="v1", sent=sent, sent_headers=said, **COMMON)
        )
        other = send(made, "PUT", "/v2/a/b/manifests/v1", data, content_type=DOCKER_INDEX)
        assert other.status == 400
        got = send(made, "PUT", "/v2/a/b/manifests/v1", data, content_type=OCI_INDEX)
        assert (got.status, got.by) == (201, "recorded")


def test_a_replay_leaves_no_files(replay, monkeypatch, tmp_path) -> None:
    """What was pushed lies in a directory that goes when the replay is closed, also what was not finished."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    made = replay(opened(), chunk(2))
    where = begin(made)
    send(made, "PATCH", where, b"x" * 2_000_000)
    send(made, "PATCH", where, b"x" * 10)
    assert list((tmp_path / "t").iterdir())
    made.close()
    assert list((tmp_path / "t").iterdir()) == []
