"""Challenges: each form that the grammar has, each way in which servers break it, and no text that does harm."""

from __future__ import annotations

import string
import time

import pytest
from ghcr_client.auth.challenge import CHALLENGES, LIMIT, Challenge, choose, parse_challenges
from hypothesis import given, settings
from hypothesis import strategies as st

GHCR = 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"'

READ = {
    "GHCR's": (
        [GHCR],
        [
            (
                "bearer",
                {
                    "realm": "https://ghcr.io/token",
                    "service": "ghcr.io",
                    "scope": "repository:user/image:pull",
                },
                "",
            )
        ],
    ),
    "a comma in quotes": (
        ['Bearer realm="https://a.example/t",scope="repository:a/b:pull,push"'],
        [("bearer", {"realm": "https://a.example/t", "scope": "repository:a/b:pull,push"}, "")],
    ),
    "the RFC's example: two in one field": (
        ['Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'],
        [
            ("basic", {"realm": "simple"}, ""),
            ("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}, ""),
        ],
    ),
    "two fields": (
        ['Basic realm="x"', 'Bearer realm="y"'],
        [("basic", {"realm": "x"}, ""), ("bearer", {"realm": "y"}, "")],
    ),
    "names in any case": (['BEARER Realm="X",SERVICE=Y'], [("bearer", {"realm": "X", "service": "Y"}, "")]),
    "token68": (
        ["Negotiate YII+/a==, Basic realm=x"],
        [("negotiate", {}, "YII+/a=="), ("basic", {"realm": "x"}, "")],
    ),
    "a scheme alone": (["Negotiate, NTLM"], [("negotiate", {}, ""), ("ntlm", {}, "")]),
    "blanks around =": (
        ['Bearer realm = "x" , service\t= y'],
        [("bearer", {"realm": "x", "service": "y"}, "")],
    ),
    "empty elements": (
        [',, Bearer realm="x",,service="y",'],
        [("bearer", {"realm": "x", "service": "y"}, "")],
    ),
    "an empty value": (['Bearer realm="",service="y"'], [("bearer", {"realm": "", "service": "y"}, "")]),
    "no quotes": (
        ["Bearer realm=https://a.example/t?x=1,service=a.example"],
        [("bearer", {"realm": "https://a.example/t?x=1", "service": "a.example"}, "")],
    ),
    "no commas": (['Bearer realm="x" service="y"'], [("bearer", {"realm": "x", "service": "y"}, "")]),
    "no end of quotes": (
        ['Bearer realm="https://a.example'],
        [("bearer", {"realm": "https://a.example"}, "")],
    ),
    "cut in an escape": (['Bearer realm="x\\'], [("bearer", {"realm": "x"}, "")]),
    "the same name twice": (['Bearer realm="x",realm="y"'], [("bearer", {"realm": "x"}, "")]),
    "parameters of nothing": (['realm="x", Basic realm="y"'], [("basic", {"realm": "y"}, "")]),
    "garbage between": (
        ['Bearer realm="x", {"a":1} , service="y"'],
        [("bearer", {"realm": "x", "service": "y"}, "")],
    ),
    "nothing": (["", "  ", ",,,"], []),
    "no field": ([], []),
}


@pytest.mark.parametrize(("values", "wanted"), READ.values(), ids=READ)
def test_read(values: list[str], wanted: list[tuple[str, dict[str, str], str]]) -> None:
    """What the grammar allows is read as it says; what breaks it is read as it was meant, or left out."""
    assert list(parse_challenges(values)) == [Challenge(*each) for each in wanted]


def test_one_string() -> None:
    """A single string is one value, not a value for each of its letters."""
    assert parse_challenges(GHCR) == parse_challenges([GHCR])


CHOSEN = {
    "Bearer before Basic": (['Basic realm="x", Bearer realm="y"'], "bearer"),
    "a Bearer without a realm is no offer": (['Bearer service="x"', 'Basic realm="y"'], "basic"),
    "an empty realm is none": (['Bearer realm=""'], None),
    "Basic needs none": (["Basic"], "basic"),
    "nothing that is known": (["Negotiate", 'Digest realm="x"'], None),
    "nothing": ([], None),
}


@pytest.mark.parametrize(("values", "scheme"), CHOSEN.values(), ids=CHOSEN)
def test_chosen(values: list[str], scheme: str | None) -> None:
    """A Bearer that names its realm is answered, else Basic, else nothing."""
    chosen = choose(parse_challenges(values))
    assert (chosen.scheme if chosen else None) == scheme


def test_the_first_bearer_with_a_realm() -> None:
    """Of several Bearers, the first that says where to ask."""
    chosen = choose(parse_challenges(['Bearer error="x", Bearer realm="1", Bearer realm="2"']))
    assert chosen is not None
    assert chosen.parameters == {"realm": "1"}


def test_bounded() -> None:
    """However much comes, at most ten challenges are read, from 8 KiB of all fields together."""
    assert len(parse_challenges(["Basic, " * 1000])) == CHALLENGES
    assert parse_challenges([" " * LIMIT, GHCR]) == ()
    assert parse_challenges([" " * (LIMIT - 5) + "Basic realm=x"]) == (Challenge("basic"),)
    assert parse_challenges("" for _ in iter(int, 1)) == ()


@pytest.mark.parametrize("piece", ['"', "\\", "a", "a=", " ", "a ", 'a="', "=", "a\t", "a=\\"], ids=repr)
def test_quick(piece: str) -> None:
    """No text of the longest length takes long."""
    began = time.process_time()
    parse_challenges(["Bearer " + piece * LIMIT])
    assert time.process_time() - began < 2


@settings(deadline=None)
@given(st.lists(st.text(max_size=60) | st.text('aB=", \\\t\r\n;~\x00é', max_size=60), max_size=5))
def test_no_text_is_too_strange(values: list[str]) -> None:
    """Any text is read without an error, into names that are lower case."""
    found = parse_challenges(values)
    assert len(found) <= CHALLENGES
    for each in found:
        assert each.scheme == each.scheme.lower() != ""
        assert all(name == name.lower() != "" for name in each.parameters)
    assert choose(found) is None or choose(found) in found


NAMES = st.text(string.ascii_letters + string.digits + "!#$%&'*+.^_`|~-", min_size=1, max_size=8)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(NAMES, st.dictionaries(NAMES.map(str.lower), st.text(max_size=20), min_size=1, max_size=4)),
        max_size=4,
    ),
    st.booleans(),
)
def test_written_and_read(wanted: list[tuple[str, dict[str, str]]], together: bool) -> None:
    """What is written in quotes is read the same, in one field or in several, whatever the values hold."""
    fields = [
        scheme + " " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in parameters.items())
        for scheme, parameters in wanted
    ]
    found = parse_challenges([", ".join(fields)] if together else fields)
    assert [(each.scheme, each.parameters) for each in found] == [
        (scheme.lower(), said) for scheme, said in wanted
    ]


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
