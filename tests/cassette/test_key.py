"""What makes two requests the same, and what does not."""

from __future__ import annotations

import pytest
from cassette.making import PAT, basic, bearer, digest, exchange
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from strategies import some

from ghcr_sim.cassette.key import auth_kind, key_of_exchange, key_of_request, media_types
from ghcr_sim.route import parse

TYPES = st.lists(st.sampled_from(("a/one", "b/two", "c/three", "*/*")), min_size=1, max_size=4, unique=True)
SHA = digest(b"a blob")


def key(method, target, headers=(), auth="none"):
    """The key of a request."""
    return key_of_request(parse(method, target), headers, auth)


@some
@given(TYPES, st.randoms(use_true_random=False), st.booleans())
def test_accept_is_a_set(types, dice, together) -> None:
    """Order, weights, blanks, case and the number of fields in which media types come do not matter."""
    shuffled = [f" {each.upper()} ; q=0.{dice.randint(1, 9)}" for each in dice.sample(types, len(types))]
    values = [", ".join(shuffled)] if together else shuffled
    said = [("accept", value) for value in values] + [("user-agent", "x")]
    dice.shuffle(said)
    plain = key("GET", "/v2/a/b/manifests/v1", [("accept", ",".join(sorted(types)))])
    assert key("GET", "/v2/a/b/manifests/v1", said) == plain
    assert media_types(values) == tuple(sorted(types))


@some
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
def test_who_asks_from_where_with_what_token_does_not_matter(word) -> None:
    """User-Agent, Host, tokens, ids and every other field that the protocol does not know leave the key as it is."""
    fields = [("user-agent", word), ("host", word), ("authorization", f"Bearer {word}"), ("cookie", word)]
    assert key("HEAD", "/v2/a/b/blobs/" + SHA, fields) == key("HEAD", "/v2/a/b/blobs/" + SHA)


SAME = {
    "ns of a mirror": ("/v2/a/b/manifests/v1?ns=ghcr.io", "/v2/a/b/manifests/v1"),
    "an absolute target": ("https://ghcr.io/v2/a/b/tags/list", "/v2/a/b/tags/list"),
    "an unknown key": ("/v2/a/b/tags/list?trace=1", "/v2/a/b/tags/list"),
    "the order of a query": ("/v2/a/b/tags/list?n=1&last=x", "/v2/a/b/tags/list?last=x&n=1"),
    "actions of a scope": ("/token?scope=repository:a/b:push,pull", "/token?scope=repository:a/b:pull,push"),
    "the order of scopes": ("/token?scope=a:b:pull&scope=c:d:pull", "/token?scope=c:d:pull&scope=a:b:pull"),
    "who logs in": (
        "/token?service=ghcr.io&account=me&client_id=x&offline_token=true",
        "/token?service=ghcr.io",
    ),
    "a scope without actions": ("/token?scope=registry", "/token?scope=registry"),
    "the signature and the shard of storage": (
        f"/ghcr1/blobs/{SHA}?se=1&sig=2",
        f"/ghcrblobs07/blobs/{SHA}?sig=3",
    ),
    "the session of an upload": ("/v2/a/b/blobs/upload/one", "/v2/a/b/blobs/upload/two?_state=x"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_the_same(one, other) -> None:
    """These ask for the same thing."""
    assert key("GET", one) == key("GET", other)


DIFFERENT = {
    "a tag": (("GET", "/v2/a/b/manifests/v1"), ("GET", "/v2/a/b/manifests/v2")),
    "the repository": (("GET", "/v2/a/b/manifests/v1"), ("GET", "/v2/a/c/manifests/v1")),
    "the method": (("GET", "/v2/a/b/manifests/v1"), ("HEAD", "/v2/a/b/manifests/v1")),
    "a page": (("GET", "/v2/a/b/tags/list?n=1"), ("GET", "/v2/a/b/tags/list?n=2")),
    "who asks for it": (("GET", "/v2/a/b/manifests/v1"), ("GET", "/v2/a/b/manifests/v1", (), "bearer")),
    "what is accepted": (
        ("GET", "/v2/a/b/manifests/v1", (("accept", "a/b"),)),
        ("GET", "/v2/a/b/manifests/v1", (("accept", "a/c"),)),
    ),
    "the range of a blob": (
        ("GET", f"/v2/a/b/blobs/{SHA}", (("range", "bytes=0-1"),)),
        ("GET", f"/v2/a/b/blobs/{SHA}"),
    ),
    "the range of storage": (
        ("GET", f"/ghcr1/blobs/{SHA}", (("range", "bytes=0-1"),)),
        ("GET", f"/ghcr1/blobs/{SHA}", (("range", "bytes=1-2"),)),
    ),
    "the scope": (
        ("GET", "/token?scope=repository:a/b:pull"),
        ("GET", "/token?scope=repository:a/b:pull,push"),
    ),
    "a mount": (("POST", f"/v2/a/b/blobs/uploads/?mount={SHA}&from=c/d"), ("POST", "/v2/a/b/blobs/uploads/")),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_different(one, other) -> None:
    """These ask for different things: the answer of one is never given to the other."""
    assert key(*one) != key(*other)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "none"),
        (basic("x"), "basic"),
        (bearer(PAT), "bearer"),
        ("bearer  x ", "bearer"),
        ("Bearer", "empty"),
        ("Bearer ", "empty"),
        ("", "empty"),
        ("token x", "bearer"),
    ],
    ids=str,
)
def test_the_kind_of_a_credential(value, kind) -> None:
    """Nothing, an empty bearer, a login, or a token of any kind."""
    assert auth_kind(CIMultiDict({} if value is None else {"Authorization": value})) == kind


def test_a_recorded_request_has_the_key_of_the_request() -> None:
    """What was recorded is found by who asks the same."""
    made = exchange(
        1,
        "manifest.get",
        repository="a/b",
        reference="v1",
        query=(("ns", "x"),),
        sent_headers=(("accept", "b/c, a/b"),),
    )
    assert key_of_exchange(made) == key(
        "GET", "/v2/a/b/manifests/v1", [("accept", "a/b;q=1"), ("accept", "b/c")]
    )
