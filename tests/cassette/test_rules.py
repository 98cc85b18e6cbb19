"""The rules in a cassette's first line are those that were followed."""

from __future__ import annotations

import re

import ghcr_fixtures
import pytest
from cassette.making import exchange, record

from ghcr_sim.cassette import load
from ghcr_sim.cassette.key import key_of_exchange
from ghcr_sim.cassette.rules import RULES

INSTALLED = [name for name in ghcr_fixtures.names() if name.endswith(".jsonl")]


def follows(cassette) -> None:
    """See that nothing stands in a cassette that its rules do not name."""
    rules = cassette.header.rules
    for each in cassette.exchanges:
        assert {name for name, _ in each.request.headers} <= {*rules.request_headers}
        assert {name.lower() for name, _ in each.response.headers} <= {*rules.response_headers}
        assert {key for key, _ in each.query} <= {*(rules.api_query if each.host == "api" else rules.query)}
        for name, value in each.response.headers:
            for found in re.findall(r"<(date|request-id|session|state)(?::\d+)?>", value):
                assert name.lower() in rules.placeholders[f"<{found}>"]


@pytest.mark.parametrize("name", INSTALLED)
def test_installed_cassettes_follow_their_rules(name) -> None:
    """What is kept, and which placeholder stands where, is what the first line says; and it is this version's."""
    cassette = load(ghcr_fixtures.path(name))
    assert cassette.header.rules == RULES
    assert "registry" in cassette.header.hosts["https://ghcr.io"]
    follows(cassette)


def test_a_recording_follows_its_rules(tmp_path) -> None:
    """Pushes, tokens, sessions and storage addresses included."""
    follows(record(tmp_path / "a.jsonl"))


def test_what_is_compared_is_what_a_key_has() -> None:
    """In the order of the key; media types, ranges and keys of queries where the rules say so, and nowhere else."""
    told = (("accept", "a/x"), ("range", "bytes=0-1"))
    query = tuple((key, "1") for key in {*RULES.query, *RULES.api_query})
    blob = {"reference": "sha256:" + "0" * 64, "repository": "a/b"}
    for name in (
        "manifest.get",
        "manifest.head",
        "blob.get",
        "blob.head",
        "storage.get",
        "tags.list",
        "ping",
        "api.get",
    ):
        key = key_of_exchange(exchange(1, name, sent_headers=told, query=query, **blob))
        assert key._fields == RULES.matched
        assert bool(key.accept) == (name in RULES.matched_accept)
        assert bool(key.range) == (name in RULES.matched_range)
        kept = RULES.api_query if name == "api.get" else RULES.query
        assert {key for key, _ in key.query} == {*kept} - {*RULES.unmatched_query}
