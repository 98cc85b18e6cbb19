"""`pytest_ghcr.diagram`: a sequence diagram as SVG."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from plugin.telling import DIGEST, HOSTILE, LONG, leak, pull, record
from plugin.test_story import STORIES

from pytest_ghcr.diagram import MOST, diagram
from pytest_ghcr.showing import TIMES


def parsed(drawn: str) -> ET.Element:
    """The panels below one element."""
    return ET.fromstring(f"<all>{drawn}</all>")


def texts(drawn: str, kind: str) -> list[str]:
    """What stands in the texts of a class."""
    return ["".join(each.itertext()) for each in parsed(drawn).iter("text") if each.get("class") == kind]


def groups(drawn: str) -> list[str]:
    """The classes of each pair of arrows."""
    return [each.get("class", "") for each in parsed(drawn).iter("g")]


def test_a_pull() -> None:
    """Each request is there with its operation, status and time, and each that was asked has a lifeline."""
    drawn = diagram(pull())
    assert texts(drawn, "who") == ["client", "ghcr.io", "ghcr.io/token", "storage host"]
    assert texts(drawn, "op") == [
        "ping /v2/",
        "token.get /token",
        "manifest.get acme/app:v1",
        "blob.get acme/app@4f53cda1…",
        "storage.get ghcr1@4f53cda1…",
    ]
    assert texts(drawn, "re") == [
        "401 75 B out · 0.4 ms · auth",
        "200 92 B out · 0.4 ms",
        "200 608 B out · 0.4 ms",
        "307 0.4 ms",
        "200 608 B out · 0.4 ms",
    ]
    assert groups(drawn) == ["s4", "s2", "s2", "s3", "s2"]


@pytest.mark.parametrize(
    ("operation", "lanes"),
    [
        ("ping", ["ghcr.io"]),
        ("invalid", ["ghcr.io"]),
        ("token.post", ["ghcr.io/token"]),
        ("storage.head", ["storage host"]),
        ("api.get", ["api.github.com"]),
    ],
)
def test_who_was_asked(operation: str, lanes: list[str]) -> None:
    """Only those who took part have a lifeline."""
    assert texts(diagram([record(operation)]), "who") == ["client", *lanes]


def test_what_is_marked() -> None:
    """Faults, misses and leaks stand out by a tint and a word; where no answer came, the arrow back ends in a cross."""
    drawn = diagram(
        [
            record(by="fault", status=503),
            record(by="miss", status=490),
            leak(),
            record(by="nobody", status=0),
            record(by="recorded"),
        ]
    )
    assert groups(drawn) == ["s5 fault", "s4 miss", "s4 leak", "s0", "s2"]
    assert [text.rpartition(" · ")[2] for text in texts(drawn, "re")][:3] == [
        "fault",
        "miss",
        "CREDENTIAL LEAK",
    ]
    assert texts(drawn, "re")[3].startswith("no answer")
    assert texts(drawn, "re")[4].endswith("recorded")
    assert drawn.count('class="mark"') == 3
    assert drawn.count('class="cut"') == 1


def test_equal_requests_are_one_pair() -> None:
    """37 equal requests are one pair of arrows, however long the name, and nothing of it is left out."""
    same = record("blob.get", repository=LONG, reference=DIGEST)
    drawn = diagram([same] * 37)
    (asked,) = texts(drawn, "op")
    assert asked.endswith(f" {TIMES} 37")
    assert len(asked) <= 50
    assert texts(drawn, "left") == []


def test_the_last_ones_are_drawn() -> None:
    """There are at most 200 arrows, the last ones, and how many requests came before them, folded ones included."""
    records = [record(reference="first")] * 5 + [record(reference=str(number)) for number in range(MOST + 7)]
    drawn = diagram(records, earlier=100)
    assert len(groups(drawn)) == MOST
    assert drawn.count('class="ask"') + drawn.count('class="say"') == 2 * MOST
    assert texts(drawn, "left") == ["112 earlier requests not shown"]
    assert texts(drawn, "op")[-1].endswith(f":{MOST + 6}")
    assert len(groups(diagram(records, most=8))) == 8


@given(STORIES)
def test_it_is_well_formed(told) -> None:
    """Whatever was asked for, it is XML, and every number in it is within the picture."""
    for panel in parsed(diagram(told.records)):
        width, height = map(int, panel.get("viewBox", "").split()[2:])
        assert all(0 <= float(each.get("x", 0)) <= width for each in panel.iter())
        assert all(0 <= float(each.get("y", 0)) <= height for each in panel.iter())


def test_a_hostile_name() -> None:
    """A name is text in a picture, and stays in its place."""
    drawn = diagram(
        [record(repository=HOSTILE, target=HOSTILE, method=HOSTILE, by=HOSTILE, operation=HOSTILE)]
    )
    assert {each.tag for each in parsed(drawn).iter()} == {
        "all", "svg", "rect", "text", "tspan", "path", "g", "title",
    }  # fmt: skip
    assert "\x1b" not in drawn
    assert "\u202e" not in drawn
