"""`pytest_ghcr.story`: plain data that travels whole, and holds no secret."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugin.telling import HOSTILE, TOKEN, leak, pull, record, story

from ghcr_sim.exchange import Request, Response
from ghcr_sim.journal import Journal, Record
from ghcr_sim.route import parse
from pytest_ghcr.page import page
from pytest_ghcr.story import KEPT, Story
from pytest_ghcr.table import section

TEXT = st.text(st.characters(), max_size=40)
"""Any text, lone surrogates too: a test's id may hold them."""

RECORDS = st.builds(
    Record, TEXT, TEXT, TEXT, TEXT, TEXT, st.integers(0, 599), *[st.integers(0, 1 << 40)] * 2,
    st.floats(0, 1e4), TEXT, st.booleans(),
)  # fmt: skip
STORIES = st.builds(
    Story, TEXT, TEXT, st.floats(0, 1e6), st.lists(RECORDS, max_size=3), *[st.lists(TEXT, max_size=2)] * 4,
    TEXT, st.integers(0, 9),
)  # fmt: skip


@given(STORIES)
def test_it_travels_whole(told: Story) -> None:
    """What arrives is what was sent, and the channel has to carry ASCII only."""
    sent = told.to_json()
    assert sent.isascii()
    assert Story.from_json(sent) == told
    assert all(isinstance(each, Record) for each in Story.from_json(sent).records)


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"records": [[1]]}', '{"records": [], "colour": 1}', "7"])
def test_what_is_no_story(text: str) -> None:
    """Something else is refused as a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        Story.from_json(text)


def test_a_short_one_keeps_the_end_of_a_failure() -> None:
    """A failed test sends its last requests and the number of all; one that passed sends the number."""
    failed = story(records=[record(reference=str(number)) for number in range(KEPT + 5)]).short()
    assert len(failed.records) == KEPT
    assert (failed.records[0].reference, failed.earlier, failed.requests) == ("5", 5, KEPT + 5)
    assert failed.short() == failed
    passed = story(outcome="passed").short()
    assert (passed.records, passed.requests) == ((), 5)


def test_a_short_one_keeps_leaks() -> None:
    """A leak is told in a test that passed, too, and it is said where there were more than can be sent."""
    passed = story(outcome="passed", records=[*pull(), leak()]).short()
    assert (len(passed.records), passed.requests, passed.leaks, passed.notes) == (6, 6, 1, ())
    long_ago = story(records=[leak(), leak(), *[record()] * KEPT], notes=["before"]).short()
    assert long_ago.leaks == 0
    assert long_ago.notes[0] == "before"
    assert long_ago.notes[1].endswith("too: 2 times")


def test_no_secret_is_in_it() -> None:
    """A secret in a failure, a note, a name or a path is masked before it is shown or sent anywhere."""
    told = story(
        test=f"tests/test_it.py::test_it[{TOKEN}]",
        records=[record(target=f"/v2/{TOKEN}/manifests/v1", repository=TOKEN, reference=TOKEN, by=TOKEN)],
        unmet=[TOKEN],
        misses=[f"Authorization: Bearer {TOKEN}"],
        strays=[f"https://octocat:{TOKEN}@pypi.org"],
        notes=[TOKEN],
        error=f"E   assert {TOKEN!r} == '\x1b[31m{TOKEN[:20]}\x1b[0m{TOKEN[20:]}'",
    )
    whole = page([told], title=TOKEN[:4], started=_now(), seconds=1, versions={})
    for shown in (repr(told), told.to_json(), section(told, 120), section(told, 80), whole):
        assert TOKEN not in shown
        assert TOKEN[4:20] not in shown
        assert "secret" in shown


@pytest.mark.parametrize(
    "secret",
    [
        f"{TOKEN[:12]}...{TOKEN[-13:]}",
        f"github_pat_{'11AAAA' * 2}...{'b' * 9}",
        f"{b64encode(TOKEN.encode()).decode()[:12]}...{b64encode(TOKEN.encode()).decode()[-13:]}",
        "eyJhbGciOi" + "...SflKxwRJSM.eKKF2",
        TOKEN[:20],
    ],
)
def test_no_piece_of_a_secret_is_in_it(secret: str) -> None:
    """What pytest shortens in the middle is a secret still."""
    told = story(error=f"E   AssertionError: assert '{secret}' == 'another'")
    assert told.error == "E   AssertionError: assert '<secret>' == 'another'"


def test_words_are_no_secrets() -> None:
    """What only begins as a token does stays readable."""
    text = "ghp_ gho_x github_pat_ eyJ my_ghp_thing_name..."
    assert story(error=text).error == text


def test_no_secret_of_a_request_is_in_it() -> None:
    """What the journal writes down of a request with a credential, a signature and a state has none of them."""
    journal = Journal()
    for target in (
        "/v2/acme/app/manifests/v1?state=hidden-one",
        "/token?password=hidden-one",
        f"/ghcr1/blobs/sha256:{'a' * 64}?sig=hidden-one",
    ):
        request = Request("GET", target, {"authorization": "Bearer hidden-one"}, "http", "ghcr.io")
        journal.write(0.0, request, parse("GET", target), Response(200, (), b""), 0)
    told = story(records=journal.records())
    whole = page([told], title="it", started=_now(), seconds=1, versions={})
    for shown in (told.to_json(), section(told, 200), whole):
        assert "hidden-one" not in shown


def test_colours_of_a_terminal_are_left_behind() -> None:
    """A failure may be coloured; the story's is not."""
    assert story(error="\x1b[1m\x1b[31mE   boom\x1b[0m").error == "E   boom"
    assert story(test=HOSTILE).test == HOSTILE


def _now():
    from datetime import UTC, datetime  # noqa: PLC0415 - only here

    return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
