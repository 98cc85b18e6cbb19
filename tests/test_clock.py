"""Time, ids and chance: moved by tests, and the same again for the same seed."""

from __future__ import annotations

import re
import time
from email.utils import formatdate, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import some

from ghcr_sim.clock import Clock, Ids, http_date


@given(st.floats(0, 4e9), st.lists(st.floats(0, 1e6), max_size=5))
@some
def test_a_clock_that_stands_moves_when_told(start: float, steps: list[float]) -> None:
    """A clock with a start stands there until it is moved on, by exactly as much."""
    clock = Clock(start)
    assert clock.now() == clock.now() == start
    for step in steps:
        before = clock.now()
        clock.advance(step)
        assert clock.now() == pytest.approx(before + step)


def test_a_clock_without_a_start_follows_the_system() -> None:
    """A clock without a start is the system's, moved on by what it was told."""
    clock = Clock()
    assert clock.now() == pytest.approx(time.time(), abs=5)
    clock.advance(86_400)
    assert clock.now() == pytest.approx(time.time() + 86_400, abs=5)


@pytest.mark.parametrize("seconds", [-1, -0.001, float("-inf")])
def test_time_does_not_run_back(seconds: float) -> None:
    """A clock cannot be moved back, and stays where it was."""
    clock = Clock(1000)
    with pytest.raises(ValueError, match="moves forward"):
        clock.advance(seconds)
    assert clock.now() == 1000


def test_a_clock_shows_its_time() -> None:
    """A clock's repr is a time that people can read."""
    assert repr(Clock(1_700_000_000)) == "Clock(2023-11-14T22:13:20Z)"


@given(st.floats(0, 4e9))
@some
def test_http_dates(now: float) -> None:
    """A date is as RFC 9110 writes it: the standard library writes the same, and reads it back."""
    shown = http_date(now)
    assert shown == formatdate(int(now), usegmt=True)
    assert parsedate_to_datetime(shown).timestamp() == int(now)


@given(st.integers(0, 2**64))
@some
def test_a_seed_makes_the_same_ids(seed: int) -> None:
    """Two of one seed give the same ids, keys and tokens in the same order."""
    one, two = Ids(seed), Ids(seed)
    for _ in range(3):
        assert one.uuid() == two.uuid()
        assert one.key() == two.key()
        assert one.token("ghp_") == two.token("ghp_")
        assert one.request(7) == two.request(7)


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_forms(seed: int | None) -> None:
    """Ids are UUIDs, keys have 32 bytes, tokens look like GitHub's, request ids like row 0.5's; none comes twice."""
    ids = Ids(seed)
    uuids = [ids.uuid() for _ in range(50)]
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", each)
        for each in uuids
    )
    keys = [ids.key() for _ in range(50)]
    assert {len(key) for key in keys} == {32}
    tokens = [ids.token("ghp_") for _ in range(50)]
    assert all(re.fullmatch(r"ghp_[0-9a-z]{36}", each) for each in tokens)
    requests = [ids.request(0x6633CB23) for _ in range(50)]
    assert all(re.fullmatch(r"[0-9A-F]{4}(:[0-9A-F]{4,8}){3}:6633CB23", each) for each in requests)
    for made in (uuids, keys, tokens, requests):
        assert len(set(made)) == 50


def test_chance_differs() -> None:
    """Without a seed no two fakes share an id."""
    assert Ids().uuid() != Ids().uuid()
    assert Ids().key() != Ids().key()
