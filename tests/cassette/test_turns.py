"""Recorded requests sent at once: each when all before it was answered, and not earlier; the same by the same dice."""

from __future__ import annotations

import asyncio

import pytest
from cassette.making import cassette, digest, exchange, fake, record
from hypothesis import given
from hypothesis import strategies as st
from strategies import few

from ghcr_sim.cassette.model import Auth
from ghcr_sim.cassette.order import session_of
from ghcr_sim.cassette.rehearse import rehearse
from ghcr_sim.cassette.replay import Replay
from ghcr_sim.cassette.turns import WIDTH, at_once, before_each, turn
from ghcr_sim.clock import Ids


def events(exchanges, seed):
    """What was sent (+) and answered (-), in order; an answer takes a few turns."""
    said = []
    slow = Ids(seed + 1)

    async def play(each):
        said.append(("+", each.id))
        for _ in range(slow.key()[0] % 5):
            await turn()
        said.append(("-", each.id))

    asyncio.run(at_once(exchanges, Ids(seed), play))
    return said


def most_at_once(said):
    """How many were under way at most."""
    under_way = most = 0
    for sign, _ in said:
        under_way += 1 if sign == "+" else -1
        most = max(most, under_way)
    return most


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The scenario, recorded of the fake."""
    return record(tmp_path_factory.mktemp("recorded") / "a.jsonl", fake())


@few
@given(st.integers(0, 10**6))
def test_each_is_sent_when_all_before_it_was_answered(recorded, seed) -> None:
    """Nothing is lost or sent twice; causes and an upload's steps before it are answered, not only sent."""
    said = events(recorded.exchanges, seed)
    assert sorted(number for sign, number in said if sign == "+") == [each.id for each in recorded.exchanges]
    by_id = {each.id: each for each in recorded.exchanges}
    answered, steps = set(), {}
    for sign, number in said:
        each = by_id[number]
        if sign == "-":
            answered.add(number)
            continue
        assert answered.issuperset(each.after)
        if session := session_of(each):
            assert answered.issuperset(steps.setdefault(session, []))
            steps[session].append(number)
    assert all(each == sorted(each) for each in steps.values())


def test_uploads_overlap(recorded) -> None:
    """Requests of several uploads are under way at the same time, and never more than a limit."""
    most = [most_at_once(events(recorded.exchanges, seed)) for seed in range(10)]
    assert min(most) >= 4
    assert max(most) <= WIDTH
    many = [exchange(number) for number in range(1, 101)]
    assert most_at_once(events(many, 1)) == 1, "what asks the same keeps its turn"
    many = [exchange(number, "tags.list", repository=f"a/b{number}") for number in range(1, 101)]
    assert most_at_once(events(many, 1)) > WIDTH // 2


def test_a_rehearsal_has_uploads_under_way_at_once(recorded, monkeypatch) -> None:
    """The second replay takes the next upload's bytes before the last one's have all come; the first does not."""
    under_way, most = [0], []
    real = Replay.__call__

    async def seen(self, request, body):
        if not most or most[-1][0] is not self:
            most.append([self, 0])
        under_way[0] += 1
        most[-1][1] = max(most[-1][1], under_way[0])
        try:
            return await real(self, request, body)
        finally:
            under_way[0] -= 1

    monkeypatch.setattr(Replay, "__call__", seen)
    assert asyncio.run(rehearse(recorded)) == []
    (_, first), (_, second) = most
    assert first == 1
    assert second >= 3


def test_the_same_dice_fall_alike(recorded) -> None:
    """One seed, one order; another seed, another one."""
    assert events(recorded.exchanges, 5) == events(recorded.exchanges, 5)
    assert events(recorded.exchanges, 5) != events(recorded.exchanges, 6)


@pytest.mark.parametrize("seed", range(20))
def test_a_token_is_fetched_before_it_is_used(seed) -> None:
    """A push with a token for pulling is another request, and a miss."""
    pull, push = (("scope", "repository:a/b:pull"),), (("scope", "repository:a/b:pull,push"),)
    made = [
        exchange(1, "token.get", query=pull),
        exchange(2, "token.get", query=push),
        exchange(3, "upload.post", repository="a/b", auth=Auth(kind="bearer", scopes=(push[0][1],))),
        exchange(4, "token.get", query=push, after=(3,)),
    ]
    found = events(made, seed)
    assert found.index(("-", 2)) < found.index(("+", 3))
    assert found.index(("-", 3)) < found.index(("+", 4))


def test_what_was_read_before_a_write_is_read_before_it() -> None:
    """A 404 that came before the push is asked for before it."""
    made = [
        exchange(1, "blob.head", 404, repository="a/b", reference=digest(b"x")),
        exchange(2, "upload.put", 201, repository="a/b", query=(("digest", digest(b"x")),)),
        exchange(3, "blob.head", 200, repository="a/b", reference=digest(b"x"), after=(2,)),
    ]
    assert before_each(made) == {1: set(), 2: {1}, 3: {1, 2}}


def test_what_waits_for_itself_is_sent_all_the_same() -> None:
    """A cassette by hand may say nonsense; each exchange is sent once, after all others."""
    ring = [exchange(1, after=(2,)), exchange(2, after=(1,)), exchange(3, "tags.list", repository="a/b")]
    assert [number for sign, number in events(ring, 1) if sign == "+"] == [3, 1, 2]


def test_what_fails_ends_the_others() -> None:
    """An error comes out, and nothing is left under way."""
    ended = []

    async def play(each):
        try:
            for _ in range(each.id):
                await turn()
            if each.id == 3:
                raise OSError("gone")
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(each.id)

    many = [exchange(number, "tags.list", repository=f"a/b{number}") for number in range(1, 6)]
    with pytest.raises(OSError, match="gone"):
        asyncio.run(at_once(many, Ids(1), play))
    assert set(ended) <= {1, 2, 3, 4, 5}
    assert 3 in ended


@pytest.mark.parametrize("seed", range(5))
def test_faults_are_told_in_one_order(tmp_path, seed) -> None:
    """By the number of the exchange, whichever failed first: the text is the same each time."""
    lost = [exchange(number, "tags.list", after=(99,), repository=f"a/b{number}") for number in range(1, 9)]
    found = asyncio.run(rehearse(cassette(tmp_path / "a.jsonl", *lost), seed=seed))
    assert [each.partition(" (")[0] for each in found[8:]] == [
        f"replayed with parallel requests shuffled, exchange {number}" for number in range(1, 9)
    ]
