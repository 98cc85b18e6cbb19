"""`pytest_ghcr.folding`: many requests as few rows, and none lost."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugin.telling import record, story

from pytest_ghcr.diagram import diagram
from pytest_ghcr.folding import fold, last
from pytest_ghcr.table import section


def asked(names: str) -> list:
    """Requests for tags of one letter."""
    return [record(reference=name, target=f"/v2/acme/app/manifests/{name}") for name in names]


def told(names: str) -> list[str]:
    """The rounds of such requests, as `3(a2 b)`."""
    rounds = []
    for each in fold(asked(names)):
        rows = [f"{run.record.reference}{run.times // each.times}".removesuffix("1") for run in each.runs]
        rounds.append(f"{each.times}({' '.join(rows)})" if each.times > 1 else rows[0])
    return rounds


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("", []),
        ("abc", ["a", "b", "c"]),
        ("aaab", ["a3", "b"]),
        ("abab", ["a", "b", "a", "b"]),
        ("ababab", ["3(a b)"]),
        ("xabababy", ["x", "3(a b)", "y"]),
        ("aabaabaab", ["3(a2 b)"]),
        ("aabab", ["a2", "b", "a", "b"]),
        ("abcabcabcab", ["3(a b c)", "a", "b"]),
        ("abababcdcdcd", ["3(a b)", "3(c d)"]),
        ("abcdefabcdefabcdef", ["3(a b c d e f)"]),
        ("abcdefgabcdefgabcdefg", list("abcdefg" * 3)),
    ],
)
def test_rounds(names: str, expected: list[str]) -> None:
    """Equal requests are one row; rounds of up to six rows are told once, from three times on."""
    assert told(names) == expected


@given(st.text("abc", max_size=60))
def test_nothing_is_lost(names: str) -> None:
    """Told again as often as it says, it is what was asked, in its order; bytes and times add up."""
    rounds = fold(asked(names))
    again = "".join(
        "".join(run.record.reference * (run.times // each.times) for run in each.runs) * each.times
        for each in rounds
    )
    assert again == names
    assert sum(each.requests for each in rounds) == len(names)
    assert sum(run.sent for each in rounds for run in each.runs) == 608 * len(names)
    assert sum(run.seconds for each in rounds for run in each.runs) == pytest.approx(0.0004 * len(names))


@given(st.text("abc", max_size=60), st.integers(6, 12))
def test_the_last_rows(names: str, most: int) -> None:
    """Rounds are taken from the end, as many as there is room for, and none is cut."""
    rounds = fold(asked(names))
    shown = last(rounds, most)
    assert shown == rounds[len(rounds) - len(shown) :]
    assert sum(len(each.runs) for each in shown) <= most
    assert len(shown) == len(rounds) or sum(len(each.runs) for each in rounds[-len(shown) - 1 :]) > most


def test_how_they_are_shown() -> None:
    """A table says it above the rows, a diagram has a frame around them; both count all requests."""
    records = asked("x" + "aab" * 50 + "y")
    lines = section(story(records=records), 80).splitlines()
    assert lines[0].startswith("152 requests, ")
    assert lines[3] == "  50 times these 2, bytes and times added up:"
    assert [line.split()[2] for line in (lines[2], *lines[4:])] == [f"acme/app:{name}" for name in "xaby"]
    drawn = diagram(records)
    assert drawn.count('class="loop"') == 1
    assert drawn.count('class="ask"') == 4
    assert "50 times, bytes and times added up" in drawn


def test_many_are_folded_soon() -> None:
    """10,000 requests that are nearly in rounds take less than a second."""
    start = time.process_time()
    fold(asked("abcde" * 1999 + "abcdx"))
    fold(asked(("ab" * 2 + "c" + "ab" * 2) * 1111))
    assert time.process_time() - start < 1
