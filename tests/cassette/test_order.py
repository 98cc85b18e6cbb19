"""One order, whoever came first."""

from __future__ import annotations

import random
import re

import pytest
from cassette.making import digest, exchange, text
from hypothesis import given
from hypothesis import strategies as st
from strategies import some

from ghcr_sim.cassette.key import key_of_exchange
from ghcr_sim.cassette.model import Auth, Body
from ghcr_sim.cassette.order import ordered, session_of

ONE, TWO = digest(b"one"), digest(b"two")


def upload(start, session, name, after=()):
    """A push of a blob: numbers from `start`."""
    where = (
        ("location", f"/v2/a/b/blobs/upload/<session:{session}>"),
        ("docker-upload-uuid", f"<session:{session}>"),
    )
    sent = Body(digest=name, size=3)
    common = {"repository": "a/b", "after": after, "auth": "bearer"}
    return [
        exchange(start, "upload.post", 202, got_headers=where, **common),
        exchange(
            start + 1,
            "upload.patch",
            202,
            reference=f"<session:{session}>",
            got_headers=where,
            sent=sent,
            **common,
        ),
        exchange(
            start + 2,
            "upload.put",
            201,
            reference=f"<session:{session}>",
            query=(("digest", name),),
            **common,
        ),
    ]


def run(dice):
    """One run of a scenario with parallel uploads and pulls: what each exchange is, in the order of its arrival."""
    first, second = upload(2, 1, ONE), upload(5, 2, TWO)
    if dice.random() < 0.5:
        # The sessions are numbered as they come.
        first, second = upload(2, 2, ONE), upload(5, 1, TWO)
    chains = [list(first), list(second)]
    lined = [
        exchange(1, "token.get", query=(("scope", "repository:a/b:push"),), got=text('{"token":"<token:1>"}'))
    ]
    while any(chains):
        chain = dice.choice([each for each in chains if each])
        lined.append(chain.pop(0))
    lined.append(
        exchange(8, "manifest.put", 201, repository="a/b", reference="v1", after=(4, 7), auth="bearer")
    )
    reads = [
        [
            exchange(
                9 + 3 * n, "blob.get", 307, repository="a/b", reference=name, after=(cause,), auth="bearer"
            ),
            exchange(10 + 3 * n, "storage.get", host="storage", reference=name),
        ]
        for n, (name, cause) in enumerate(((ONE, 4), (TWO, 7), (ONE, 4)))
    ]
    while any(reads):
        chain = dice.choice([each for each in reads if each])
        lined.append(chain.pop(0))
    return lined


def lines(exchanges):
    """What would be written."""
    return [each.line() for each in exchanges]


@some
@given(st.integers(0, 2**32))
def test_who_came_first_does_not_matter(seed) -> None:
    """The same scenario, with its parallel parts in any order and its numbers as they came, is the same lines."""
    assert lines(ordered([run(random.Random(seed))])) == lines(ordered([run(random.Random(0))]))


@some
@given(st.integers(0, 2**32))
def test_what_is_in_order_stays(seed) -> None:
    """The order is its own: ordered again, nothing moves."""
    once = ordered([run(random.Random(seed))])
    assert lines(ordered([once])) == lines(once)


@some
@given(st.integers(0, 2**32))
def test_nothing_is_lost_and_causes_come_first(seed) -> None:
    """Every exchange is there once, numbered from 1, after all that it depends on, with its causes renamed."""
    made = run(random.Random(seed))
    found = ordered([made])
    assert [each.id for each in found] == list(range(1, len(made) + 1))
    assert sorted(map(key_of_exchange, found)) == sorted(map(key_of_exchange, made))
    for each in found:
        assert all(cause < each.id for cause in each.after)
    put = next(each for each in found if each.operation == "manifest.put")
    assert [found[cause - 1].operation for cause in put.after] == ["upload.put", "upload.put"]


BOTH, PULL = ("repository:a/b:pull,push",), ("repository:a/b:pull",)
OTHER = ("repository:a/a:pull", "repository:a/b:pull")


@pytest.mark.parametrize(
    ("operation", "status", "chances"),
    [
        ("blob.head", 404, {PULL}),
        ("blob.get", 307, {PULL}),
        ("manifest.head", 200, {PULL}),
        ("blob.head", 401, {PULL, BOTH, OTHER}),
        ("upload.post", 202, {PULL, BOTH, OTHER}),
    ],
)
def test_which_token_was_at_hand_for_a_read_does_not_matter(operation, status, chances) -> None:
    """A read that was let in has the least token that is for it; a refusal and a write keep theirs."""

    def one(number, scopes, name="tags.list", repository="a/b", status=200):
        made = exchange(number, name, status, repository=repository, reference=ONE, auth="bearer")
        return made.model_copy(update={"auth": Auth(kind="bearer", scopes=scopes)})

    found = set()
    for scopes in (PULL, BOTH, OTHER):
        asked = one(4, scopes, operation, status=status)
        made = ordered([[one(1, PULL), one(2, BOTH), one(3, OTHER), asked]])
        found |= {each.auth.scopes for each in made if each.operation == operation}
    assert found == chances


def test_a_token_for_something_else_stays() -> None:
    """GHCR asks no token what it is for: one for another repository, or for pushing alone, is left as it was."""
    push = ("repository:a/b:push",)
    for scopes in (("repository:a/c:pull",), push):
        made = [
            exchange(1, "tags.list", repository="a/b", auth="bearer"),
            exchange(2, "blob.head", repository="a/b", reference=ONE, auth="bearer"),
        ]
        kept = [PULL, scopes]
        parts = [
            each.model_copy(update={"auth": Auth(kind="bearer", scopes=one)})
            for each, one in zip(made, kept, strict=True)
        ]
        assert sorted(each.auth.scopes for each in ordered([parts])) == sorted(kept)


def test_an_uploads_steps_stay_together() -> None:
    """Of two interleaved uploads, each is opened, filled and closed before the other is opened."""
    found = [each for each in ordered([run(random.Random(3))]) if each.operation.startswith("upload.")]
    assert [each.operation for each in found] == ["upload.post", "upload.patch", "upload.put"] * 2
    sessions = [re.findall("<session:.>", each.line())[0] for each in found]
    assert sessions == ["<session:1>"] * 3 + ["<session:2>"] * 3


def test_parts_of_several_recorders_do_not_mix() -> None:
    """The same numbers and placeholders in two parts are different things; causes stay in their part."""
    found = ordered([upload(1, 1, ONE), upload(1, 1, TWO)])
    assert [each.id for each in found] == [1, 2, 3, 4, 5, 6]
    by_session = {}
    for each in found:
        by_session.setdefault(session_of(each), set()).update(dict(each.query).get("digest", "").split())
    assert by_session == {"<session:1>": {min(ONE, TWO)}, "<session:2>": {max(ONE, TWO)}}


def test_the_same_question_keeps_its_turns() -> None:
    """Two answers to one question stay in the order in which they came."""
    found = ordered(
        [[exchange(1, got=text("first")), exchange(2, got=text("second"))], [exchange(1, got=text("third"))]]
    )
    assert [each.response.body.text for each in found] == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("more", "size"), [(0, 21), (15, 37)], ids=["as it is written", "of an older version"]
)
def test_a_text_is_as_long_as_it_says_under_its_new_number(more, size) -> None:
    """Of many tokens, which has two digits is chance; an older version's length, the token's own, stays."""
    said = Body(size=22 + more, text='{"token":"<token:12>"}')
    fields = (("content-length", str(22 + more)),)
    (made,) = ordered([[exchange(1, "token.get", got=said, got_headers=fields)]])
    assert made.response.body == Body(size=size, text='{"token":"<token:1>"}')
    assert made.response.headers == (("content-length", str(size)),)


def test_a_cause_that_was_not_recorded_is_dropped() -> None:
    """A killed recorder's part may lack a cause: what depends on it depends on nothing."""
    assert (
        ordered([[exchange(5, "manifest.get", repository="a/b", reference="v1", after=(2,))]])[0].after == ()
    )


@pytest.mark.parametrize(
    ("made", "session"),
    [
        (exchange(1, "upload.put", reference="<session:3>", repository="a/b"), "<session:3>"),
        (
            exchange(1, "upload.post", 202, got_headers=(("Location", "/x/<session:4>?_state=<state:1>"),)),
            "<session:4>",
        ),
        (exchange(1, "upload.post", 201, got_headers=(("location", "/v2/a/b/blobs/x"),)), None),
        (exchange(1, "ping", got_headers=(("location", "<session:4>"),)), None),
    ],
    ids=["by its reference", "by its location", "at once", "no upload"],
)
def test_the_session_of_an_exchange(made, session) -> None:
    """An upload is known by its placeholder."""
    assert session_of(made) == session
