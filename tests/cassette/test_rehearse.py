"""A cassette is replayed before it replaces another: in the recorded order, and with requests in parallel."""

from __future__ import annotations

import asyncio

import pytest
from cassette.making import cassette, digest, exchange, fake, record, text

from ghcr_sim.cassette.model import Body
from ghcr_sim.cassette.rehearse import rehearse

SHA = digest(b"x")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The scenario, recorded of the fake."""
    return record(tmp_path_factory.mktemp("recorded") / "a.jsonl", fake())


@pytest.mark.parametrize("seed", range(8))
def test_a_good_cassette_holds(recorded, seed) -> None:
    """In the recorded order, and in parallel by any dice."""
    assert asyncio.run(rehearse(recorded, seed=seed)) == []


def test_what_does_not_hold_is_told(tmp_path) -> None:
    """Which exchange, in which order, what came instead; what was not kept is passed over, and what follows plays."""
    common = {"repository": "a/b", "auth": "bearer"}
    made = cassette(
        tmp_path / "a.jsonl",
        exchange(1, "manifest.put", 201, reference="v1", sent=Body(digest=SHA, size=9), **common),
        exchange(2, "tags.list", after=(1,), got=text("{}"), **common),
        exchange(3, "blob.get", reference=SHA, got=Body(digest=SHA, size=3, withheld="secret"), **common),
        exchange(4, "blob.get", reference=digest(b"y"), got=Body(size=3, truncated=True), **common),
        exchange(5, "tags.list", 404, after=(99,), repository="c/d"),
    )
    faults = asyncio.run(rehearse(made))
    assert len(faults) == 2
    assert (
        faults[0]
        == "replayed in the recorded order, exchange 5 (tags.list c/d) gave no answer on the cassette instead of 404"
    )
    assert faults[1].startswith("replayed with parallel requests shuffled, exchange 5")
