"""A cassette as HAR: what it has, and nothing that it left out."""

from __future__ import annotations

import base64
import json

from cassette.making import cassette, digest, exchange, fake, pooled, record, text

from ghcr_sim.cassette.har import to_har
from ghcr_sim.cassette.model import Body
from ghcr_sim.cassette.pool import Pool


def test_every_exchange_is_an_entry(tmp_path) -> None:
    """Method, URL, status, fields and body of each; the document is JSON."""
    found = record(tmp_path / "a.jsonl", fake())
    document = json.loads(json.dumps(to_har(found)))["log"]
    assert (document["version"], document["creator"]["name"]) == ("1.2", "ghcr-sim")
    assert [each["response"]["status"] for each in document["entries"]] == [
        each.response.status for each in found.exchanges
    ]
    assert {each["startedDateTime"] for each in document["entries"]} == {found.header.recorded_at}


def test_bodies_as_far_as_they_were_kept(tmp_path) -> None:
    """Text as text, bytes in base64, large ones and lost ones by digest and size."""
    path = tmp_path / "a.jsonl"
    pool = Pool.beside(path)
    made = cassette(
        path,
        exchange(1, got=text("hello"), sent=Body(size=3)),
        exchange(2, got=pooled(pool, b"\xff\xfe")),
        exchange(3, got=pooled(pool, bytes((1 << 20) + 1))),
        exchange(4, got=Body(size=9, truncated=True)),
        exchange(5, "api.get", host="api", reference="/user"),
        exchange(6, "tags.list", repository="a/b", query=(("n", "1"),), got_headers=(("Location", "/x"),)),
        recorded_at="",
    )
    entries = to_har(made)["log"]["entries"]
    contents = [each["response"]["content"] for each in entries]
    assert contents[0]["text"] == "hello"
    assert (base64.b64decode(contents[1]["text"]), contents[1]["encoding"]) == (b"\xff\xfe", "base64")
    assert (contents[2]["comment"], contents[2]["size"]) == (digest(bytes((1 << 20) + 1)), (1 << 20) + 1)
    assert "text" not in contents[2]
    assert contents[3]["comment"] == "not kept"
    assert entries[4]["request"]["url"].endswith("/user")
    assert entries[5]["request"]["queryString"] == [{"name": "n", "value": "1"}]
    assert entries[5]["response"]["redirectURL"] == "/x"
    assert entries[0]["startedDateTime"] == "1970-01-01T00:00:00Z"


def test_each_says_where_it_went_and_what_came(tmp_path) -> None:
    """The query is in the URL, the storage host has its name, each upload its session, a body its media type."""
    name = digest(b"x")
    upload = {"repository": "a/b", "query": (("digest", name),)}
    made = cassette(
        tmp_path / "a.jsonl",
        exchange(1, "tags.list", repository="a/b", query=(("last", "a b"), ("n", "1"))),
        exchange(2, "storage.get", host="storage", reference=name),
        exchange(3, "upload.put", reference="<session:1>", **upload),
        exchange(
            4, "upload.post", got_headers=(("location", "/v2/a/b/blobs/uploads/<session:2>"),), **upload
        ),
        exchange(5, "api.get", host="api", reference="/user"),
        exchange(6, got=text("{}"), got_headers=(("Content-Type", "application/json"),)),
        storage="https://cdn.example",
    )
    entries = to_har(made)["log"]["entries"]
    assert [each["request"]["url"] for each in entries] == [
        "https://ghcr.io/v2/a/b/tags/list?last=a+b&n=1",
        f"https://cdn.example/ghcr1/blobs/{name}",
        f"https://ghcr.io/v2/a/b/blobs/uploads/<session:1>?digest={name}",
        f"https://ghcr.io/v2/a/b/blobs/uploads/?digest={name}",
        "https://api.github.com/user",
        "https://ghcr.io/v2/",
    ]
    assert entries[5]["response"]["content"]["mimeType"] == "application/json"


def test_a_body_that_is_gone_is_named(tmp_path) -> None:
    """The rest of the cassette stays readable."""
    name = digest(b"x")
    made = cassette(
        tmp_path / "a.jsonl", exchange(1, got=Body(digest=name, size=1, pooled=True)), exchange(2)
    )
    content, other = (each["response"]["content"] for each in to_har(made)["log"]["entries"])
    assert "text" not in content
    assert name.partition(":")[2] in content["comment"]
    assert other["mimeType"] == ""
