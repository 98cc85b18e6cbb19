"""`pytest_ghcr.table`: the section of a failed test's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugin.telling import DIGEST, HOSTILE, LONG, leak, pull, record, story
from plugin.test_story import STORIES

from pytest_ghcr.showing import TIMES, middle, time_told
from pytest_ghcr.table import ROWS, section, table

if TYPE_CHECKING:
    from pytest_ghcr.story import Story

UPLOAD = {"repository": LONG, "reference": "5b1c7a5e-aaaa-4444-8888-123456789abc"}


def test_all_columns_at_120() -> None:
    """A wide terminal has every word: who asked for what, who answered it how, how long, in how many bytes."""
    put = record(
        "upload.patch", method="PATCH", received=3_250_000, sent=0, seconds=0.0312, status=202, **UPLOAD
    )
    shown = section(story(records=[*pull(), put]), 120)
    assert [line.split() for line in shown.splitlines()] == [
        ["6", "requests,", "1.4", "KiB", "out"],
        ["method", "operation", "repository", "status", "bytes", "time", "answered", "by"],
        ["GET", "ping", "/v2/", "401", "75", "B", "out", "0.4", "ms", "auth"],
        ["GET", "token.get", "/token", "200", "92", "B", "out", "0.4", "ms", "token"],
        ["GET", "manifest.get", "acme/app:v1", "200", "608", "B", "out", "0.4", "ms", "registry"],
        ["GET", "blob.get", "acme/app@4f53cda1…", "307", "0.4", "ms", "registry"],
        ["GET", "storage.get", "ghcr1@4f53cda1…", "200", "608", "B", "out", "0.4", "ms", "storage"],
        ["PATCH", "upload.patch", LONG, "(5b1c7a5e…)", "202", "3.1", "MiB", "in", "31", "ms", "registry"],
    ]


def test_all_columns_at_80() -> None:
    """A narrow terminal loses the middle of a long repository, and no column."""
    put = record(
        "upload.patch", method="PATCH", received=3_250_000, sent=0, seconds=0.0312, status=202, **UPLOAD
    )
    assert section(story(records=[*pull(), put]), 80).splitlines()[1:] == [
        "method  operation     repository             status      bytes    time  by",
        "GET     ping          /v2/                      401       75 B  0.4 ms  auth",
        "GET     token.get     /token                    200       92 B  0.4 ms  token",
        "GET     manifest.get  acme/app:v1               200      608 B  0.4 ms  registry",
        "GET     blob.get      acme/app@4f53cda1…        307             0.4 ms  registry",
        "GET     storage.get   ghcr1@4f53cda1…           200      608 B  0.4 ms  storage",
        "PATCH   upload.patch  acme/pla…n (5b1c7a5e…)    202 3.1 MiB in   31 ms  registry",
    ]


@given(STORIES, st.sampled_from([80, 100, 120]))
def test_it_fits(told: Story, width: int) -> None:
    """Whatever a test was called and asked for, words fit the width, and nothing reaches the terminal but text."""
    named = ("manifest.get", "registry", "GET")
    records = [each._replace(operation=named[0], by=named[1], method=named[2]) for each in told.records]
    shown = section(story(records=records, unmet=told.unmet, notes=told.notes, misses=told.misses), width)
    assert all(line.isprintable() for line in shown.split("\n"))
    assert max(len(line) for line in shown.split("\n")) <= width


def test_equal_requests_are_one_row() -> None:
    """A run of equal requests says how many they were, with their bytes and times added up, however long its name."""
    failed = record("blob.get", status=503, by="fault", repository=LONG, reference=DIGEST, sent=90)
    rows = section(story(records=[record(), *[failed] * 37, record()]), 80).splitlines()
    assert len(rows) == 5
    assert rows[3].split()[-8:] == [TIMES, "37", "503", "3.3", "KiB", "15", "ms", "fault"]


def test_what_is_left_out_is_counted() -> None:
    """The last rows are shown, and how many requests came before them, those that never came here included."""
    records = [record(reference=str(number)) for number in range(100)]
    shown = section(story(records=records, earlier=900), 80).splitlines()
    assert shown[0] == f"1,000 requests, the last {ROWS} shown, 975 earlier left out"
    assert len(shown) == ROWS + 2
    assert ":99 " in shown[-1]
    assert table(story(records=[], earlier=3), 80, 5) == "3 requests, the last 0 shown, 3 earlier left out"


def test_a_leak_is_marked() -> None:
    """A credential at the storage host is told above the table and below its row."""
    lines = section(story(records=[leak(), record()]), 80).splitlines()
    assert lines[0].endswith("1 with a CREDENTIAL LEAK")
    assert lines[3] == "  ^ CREDENTIAL LEAK: a credential came to the storage host"


@pytest.mark.parametrize("by", ["fault", "miss", "recorded", "repeated", "derived", "limits", "nobody"])
def test_who_answered(by: str) -> None:
    """Each kind of answer is told apart."""
    assert section(story(records=[record(by=by, status=0)]), 80).splitlines()[2].split()[-1] == by
    assert " none " in section(story(records=[record(by=by, status=0)]), 80)


def test_what_did_not_happen() -> None:
    """Unmet failures, misses, closed names and notes follow the table, each under its title, indented as they came."""
    told = story(unmet=["a\n  nearest: b"], misses=["c"], strays=["pypi.org:443"], notes=["d"])
    assert section(told, 80).split("\n\n")[1:] == [
        "planned failures that were never met:\n- a\n    nearest: b",
        "what the cassette has to say:\n- c",
        "wanted, and closed to this test: nothing but the fake can be reached:\n- pypi.org:443",
        "notes:\n- d",
    ]


def test_nothing_to_say() -> None:
    """A test that asked nothing has a line for that, and no section where nobody could have noticed a request."""
    assert section(story(records=[]), 80).startswith("nothing was asked of the fake")
    assert section(story(records=[], watched=False), 80) == ""


def test_control_characters_do_nothing() -> None:
    """A name cannot colour the terminal, move its cursor or turn its text around."""
    shown = section(story(records=[record(repository=HOSTILE, method=HOSTILE)], notes=[HOSTILE]), 120)
    assert not {"\x1b", "\x00", "\u202e"} & set(shown)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0.0 ms"),
        (0.0099, "9.9 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (59.99, "59.99 s"),
        (200, "3 min 20 s"),
    ],
)
def test_times(seconds: float, told: str) -> None:
    """Every time has a unit that suits it."""
    assert time_told(seconds) == told


@given(st.text(max_size=30), st.integers(1, 40))
def test_the_middle_gives_way(text: str, width: int) -> None:
    """A shortened text has the width, the beginning and the end."""
    short = middle(text, width)
    assert len(short) <= width
    assert short == text or (len(text) > width and text.endswith(short.partition("…")[2]))
