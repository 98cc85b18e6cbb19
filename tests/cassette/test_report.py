"""What a replay has to say."""

from __future__ import annotations

from pathlib import Path

import pytest
from cassette.making import PAT, exchange

from ghcr_sim.cassette.key import Key, key_of_exchange
from ghcr_sim.cassette.report import Miss, Report, explain, told


def key(**more):
    """A key."""
    return Key(
        **{
            "operation": "manifest.get",
            "repository": "a/b",
            "reference": "v1",
            "query": (),
            "accept": (),
            "range": "",
            "auth": "bearer",
            **more,
        }
    )


def test_a_key_in_words() -> None:
    """What was asked, as people write it."""
    assert told(key()) == "manifest.get a/b:v1 (auth: bearer)"
    assert (
        told(key(reference="sha256:1", accept=("a/x", "a/y")))
        == "manifest.get a/b@sha256:1 (accept: a/x, a/y; auth: bearer)"
    )
    assert told(key(operation="ping", repository="", reference="")) == "ping (auth: bearer)"
    assert (
        told(key(query=(("n", "1"),), range="bytes=0-1"))
        == "manifest.get a/b:v1 (n=1; range: bytes=0-1; auth: bearer)"
    )


def test_an_empty_cassette_has_nothing_near() -> None:
    """The explanation says how far the request came: nowhere."""
    miss = explain(key(), (), Path("a.jsonl"), "unknown")
    assert miss.text.splitlines() == [
        "no answer on cassette for manifest.get a/b:v1 (auth: bearer)",
        "  cassette a.jsonl; stage reached: operation NO",
        "  record it, or ask for what was recorded; to record again: ghcr-sim record --to a.jsonl -- COMMAND",
    ]


def test_the_first_difference_is_told() -> None:
    """Each kind of difference, with both values."""
    recorded = exchange(
        1,
        "manifest.get",
        repository="a/b",
        reference="v1",
        query=(("n", "1"),),
        auth="bearer",
        sent_headers=(("accept", "a/x"),),
    )
    same = key_of_exchange(recorded)
    for change, said in (
        (
            {"operation": "manifest.head"},
            "differs in operation (manifest.head was asked, manifest.get recorded)",
        ),
        ({"query": ()}, "differs in query (nothing was asked, n=1 recorded)"),
        ({"auth": "none"}, "differs in auth (none was asked, bearer recorded)"),
        ({"accept": ("a/y", "a/z")}, "differs in accept (a/y, a/z was asked, a/x recorded)"),
        ({"range": "bytes=0-1"}, "differs in range (bytes=0-1 was asked, nothing recorded)"),
    ):
        assert said in explain(same._replace(**change), [recorded], Path("a"), "unknown").text
    assert "differs" not in explain(same, [recorded], Path("a"), "used up").text


def stage(asked, exchanges, reason="unknown"):
    """The stage in an explanation."""
    line = explain(asked, exchanges, Path("a"), reason).text.splitlines()[1]
    return line.partition("stage reached: ")[2]


FIELDS = ("operation", "repository", "reference", "query", "auth", "accept", "range")
OTHERS = {
    "operation": "manifest.head",
    "repository": "c/d",
    "reference": "v2",
    "query": (("n", "1"),),
    "auth": "none",
    "accept": ("a/x",),
    "range": "bytes=0-1",
}


@pytest.mark.parametrize("field", FIELDS)
def test_the_stage_is_the_first_field_that_nothing_agrees_in(field) -> None:
    """All fields before it are reached, and none after it is told."""
    recorded = exchange(1, "manifest.get", repository="a/b", reference="v1", auth="bearer")
    before = FIELDS[: FIELDS.index(field)]
    assert stage(key()._replace(**{field: OTHERS[field]}), [recorded]) == ", ".join(
        [*(f"{each} yes" for each in before), f"{field} NO"]
    )


def test_a_field_agrees_in_what_agrees_before_it_only() -> None:
    """Another repository's exchange with the right media type does not make that stage."""
    types = {"sent_headers": (("accept", "a/x"),)}
    here = exchange(1, "manifest.get", repository="a/b", reference="v1", auth="bearer")
    there = exchange(2, "manifest.get", repository="c/d", reference="v1", auth="bearer", **types)
    assert stage(key(accept=("a/x",)), [here, there]).endswith("auth yes, accept NO")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("early", "range yes, order NO (the write before it was not made yet)"),
        ("used up", "range yes, order NO (used up)"),
        ("withheld", "range yes, order yes, body NO (withheld)"),
        ("cut off", "range yes, order yes, body NO (cut off)"),
        ("scope", "range yes, scope NO"),
        ("unknown", "range yes, order yes"),
    ],
)
def test_the_last_stage_is_whether_it_is_its_turn(reason, said) -> None:
    """Where every field agrees."""
    recorded = exchange(1, "manifest.get", repository="a/b", reference="v1", auth="bearer")
    assert stage(key(), [recorded], reason).endswith(said)


def test_no_secret_is_told() -> None:
    """What looks like one is masked."""
    miss = explain(key(reference=PAT), (), Path("a"), "unknown")
    assert PAT not in miss.text + miss.what
    assert "manifest.get a/b:<secret>" in miss.what


def test_what_makes_a_replay_fail() -> None:
    """Misses, wrongs, and writes that were not played; reads are told and do not fail."""
    report = Report()
    report.unused_reads.append(exchange())
    assert report.ok
    assert report.problems() == []
    for change in (
        Report(misses=[Miss("a", "unknown", "a miss")]),
        Report(wrongs=["a wrong"]),
        Report(unused_writes=[exchange(7, "upload.post", repository="a/b")]),
    ):
        assert not change.ok
        assert len(change.problems()) == 1
    assert "upload.post a/b (auth: none) (exchange 7)" in change.problems()[0]
    assert report.summary() == "0 recorded, 0 repeated, 0 derived, 0 missed, 0 unused writes, 1 unused reads"
