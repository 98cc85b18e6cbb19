"""From a cassette's words back to the wire: no placeholder goes out, and only what was given out comes back in."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

import pytest
from cassette.making import HERE, NOON, digest, exchange, header

from ghcr_sim.cassette.dialect import Dialect
from ghcr_sim.clock import Clock, Ids
from ghcr_sim.exchange import Request

SHA, OTHER = digest(b"x"), digest(b"y")
REQUEST = Request("GET", "/v2/", {}, "http", HERE)
SIGNED = f"https://pkg-containers.githubusercontent.com/ghcr1/blobs/{SHA}?<signature>"

FIELDS = {
    "a date": ("Date", "<date>", r"\w{3}, \d\d \w{3} 2026 14:13:20 GMT"),
    "a request's id": ("X-GitHub-Request-Id", "<request-id>", r"[0-9A-F:]+"),
    "a session": ("Docker-Upload-UUID", "<session:4>", "mine"),
    "a place": (
        "Location",
        "https://ghcr.io/v2/a/b/blobs/upload/<session:1>?_state=<state:2>",
        rf"http://{HERE}/v2/a/b/blobs/upload/mine\?_state=[0-9a-f-]+",
    ),
    "a page": (
        "Link",
        '<https://ghcr.io/v2/x?last=y>; rel="next"',
        f'<http://{HERE}/v2/x\\?last=y>; rel="next"',
    ),
    "a realm": (
        "www-authenticate",
        'Bearer realm="https://ghcr.io/token",service="ghcr.io"',
        f'Bearer realm="http://{HERE}/token",service="ghcr.io"',
    ),
    "a realm with a key": (
        "www-authenticate",
        'realm="https://h/t?key=<state:1>"',
        f'realm="http://{HERE}/token"',
    ),
    "storage": ("Location", SIGNED, rf"http://localhost:5000/ghcr1/blobs/{SHA}\?sig=[\w%]+"),
    "anything else": ("ETag", '"x"', '"x"'),
}


@pytest.mark.parametrize(("name", "kept", "said"), FIELDS.values(), ids=FIELDS)
def test_fields(name, kept, said) -> None:
    """Each placeholder becomes something of its kind; addresses are at the door; spelling stays."""
    dialect = Dialect(header(), Clock(NOON), Ids(1))
    ((spelled, value),) = dialect.headers(exchange(got_headers=((name, kept),)), REQUEST, session="mine")
    assert spelled == name
    assert re.fullmatch(said, value), value


def test_a_faithful_realm_has_no_placeholder() -> None:
    """At a proxy the realm is the real one: what was dropped of it is something of its kind."""
    kept = 'Bearer realm="https://h/token?key=<state:1>"'
    dialect = Dialect(header(), Clock(NOON), Ids(1), faithful=True)
    ((_, value),) = dialect.headers(exchange(got_headers=(("WWW-Authenticate", kept),)), REQUEST)
    assert re.fullmatch(r'Bearer realm="https://h/token\?key=[0-9a-f-]+"', value)


def test_fields_may_be_replaced_left_out_and_added() -> None:
    """By their names, whatever their case; an added one comes last."""
    made = exchange(got_headers=(("A", "1"), ("B", "2"), ("C", "3")))
    changes = {"a": "x", "b": None, "d": "4", "e": None}
    assert Dialect(header(), Clock(NOON), Ids(1)).headers(made, REQUEST, replaced=changes) == (
        ("A", "x"),
        ("C", "3"),
        ("d", "4"),
    )


def test_only_what_was_signed_is_let_in() -> None:
    """A signature holds for its content and for this replay; another content may be signed in its place."""
    dialect = Dialect(header(), Clock(NOON), Ids(1))

    def signature(**more):
        ((_, value),) = dialect.headers(exchange(got_headers=(("location", SIGNED),)), REQUEST, **more)
        return unquote(value.partition("sig=")[2]), value

    first, _ = signature()
    second, address = signature(digest=OTHER)
    assert OTHER in address
    assert (dialect.is_signed(first, SHA), dialect.is_signed(second, OTHER)) == (True, True)
    assert not any(
        (dialect.is_signed(first, OTHER), dialect.is_signed(None, SHA), dialect.is_signed("made up", SHA))
    )
    assert not Dialect(header(), Clock(NOON), Ids(2)).is_signed(first, SHA)


def test_tokens_are_minted() -> None:
    """New ones each time, with a time of now; what they are for is known of these, and of no others."""
    dialect = Dialect(header(), Clock(NOON), Ids(1))
    bodies = [
        json.loads(dialect.token_body('{"token":"<token:1>","issued_at":"<date>"}', ("a",))) for _ in range(2)
    ]
    assert bodies[0]["token"] != bodies[1]["token"]
    assert bodies[0]["issued_at"] == "2026-09-21T14:13:20Z"
    assert dialect.scopes_of(f"Bearer {bodies[0]['token']}") == ("a",)
    assert dialect.scopes_of("Bearer other") == dialect.scopes_of(None) == ()
