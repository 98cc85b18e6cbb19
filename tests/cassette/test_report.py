"""What a replay has to say."""

from __future__ import annotations

from pathlib import Path

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
