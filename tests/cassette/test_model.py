"""What a line may say, and that it has one form."""

from __future__ import annotations

import json

import pytest
from cassette.making import exchange, header, text
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from strategies import digests, repositories, some, tags

from ghcr_sim.cassette.model import Auth, Body, Exchange, Header, Received, Sent
from ghcr_sim.route import OPERATIONS

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
pairs = st.lists(st.tuples(words, words), max_size=3).map(tuple)
bodies = st.none() | st.builds(
    Body,
    digest=st.none() | digests,
    size=st.integers(0, 2**40),
    pooled=st.booleans(),
    text=st.none() | words,
    part=st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)),
    withheld=st.none() | st.just("secret"),
    truncated=st.booleans(),
)


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    """Any exchange."""
    operation = draw(st.sampled_from(sorted(OPERATIONS)) | st.just("api.get"))
    by_digest = operation.startswith(("blob.", "storage."))
    return Exchange(
        id=draw(st.integers(1, 10**6)),
        operation=operation,
        host=draw(st.sampled_from(("registry", "storage", "api"))),
        repository=draw(st.just("") | repositories),
        reference=draw(digests if by_digest else st.just("") | tags | digests),
        query=draw(pairs),
        auth=Auth(
            kind=draw(st.sampled_from(("none", "empty", "basic", "bearer"))),
            scopes=tuple(draw(st.lists(words, max_size=2))),
        ),
        after=tuple(draw(st.lists(st.integers(1, 99), max_size=3))),
        request=Sent(headers=draw(pairs), body=draw(bodies)),
        response=Received(status=draw(st.integers(0, 999)), headers=draw(pairs), body=draw(bodies)),
    )


@some
@given(exchanges())
def test_a_line_reads_back_as_what_it_says_and_has_one_form(made: Exchange) -> None:
    """What is written is read as the same, on one line, and written again it is the same bytes."""
    line = made.line()
    assert "\n" not in line
    again = Exchange.model_validate_json(line)
    assert again == made
    assert again.line() == line


def test_a_line_says_no_more_than_it_must() -> None:
    """What is as always is left out, and the order is that of the form."""
    assert exchange().line() == '{"id":1,"operation":"ping","response":{"status":200}}'


@pytest.mark.parametrize("number", [1, 2, 999], ids=str)
def test_the_header_says_its_form_always(number: int) -> None:
    """The version of the form stands in the first line, also where it is the usual one."""
    assert json.loads(Header(cassette=number).line())["cassette"] == number
    assert header(upstream="http://a:1").line().startswith('{"cassette":1,')


REFUSED = {
    "an unknown key": '{"id":1,"operation":"ping","response":{"status":200},"more":1}',
    "an unknown key inside": '{"id":1,"operation":"ping","response":{"status":200,"time":3}}',
    "an unknown operation": '{"id":1,"operation":"rm","response":{"status":200}}',
    "an API of no method": '{"id":1,"operation":"api.","response":{"status":200}}',
    "a number as text": '{"id":"1","operation":"ping","response":{"status":200}}',
    "no number": '{"id":0,"operation":"ping","response":{"status":200}}',
    "no answer": '{"id":1,"operation":"ping"}',
    "a status of four digits": '{"id":1,"operation":"ping","response":{"status":1000}}',
    "a negative size": '{"id":1,"operation":"ping","response":{"status":200,"body":{"size":-1}}}',
    "a digest that leads out": (
        '{"id":1,"operation":"ping","response":{"status":200,"body":{"digest":"sha256:../../x"}}}'
    ),
    "a digest that is a path": '{"id":1,"operation":"ping","response":{"status":200,"body":{"digest":"/etc/passwd"}}}',
    "a blob that leads out": (
        '{"id":1,"operation":"blob.get","repository":"a/b","reference":"../x","response":{"status":200}}'
    ),
    "storage that leads out": '{"id":1,"operation":"storage.get","reference":"..","response":{"status":200}}',
    "a list": "[]",
    "nothing": "",
}


@pytest.mark.parametrize("line", REFUSED.values(), ids=REFUSED)
def test_what_is_no_exchange_is_refused(line: str) -> None:
    """A line of another form is an error; nothing is guessed."""
    with pytest.raises(ValidationError):
        Exchange.model_validate_json(line)


@pytest.mark.parametrize(
    "kind", ["a digest that leads out", "a digest that is a path", "a blob that leads out"]
)
def test_what_is_no_digest_is_called_so(kind: str) -> None:
    """It is shown, and not taken for content that is another one."""
    with pytest.raises(ValidationError, match=r"'[a-z0-9:./]*' is no digest: sha256 or sha512"):
        Exchange.model_validate_json(REFUSED[kind])


def test_values_do_not_change() -> None:
    """An exchange is frozen: what was read is what is played."""
    with pytest.raises(ValidationError):
        text("a").size = 3
