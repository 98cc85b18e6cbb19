"""Recorded exchanges are found by what is asked, and none from after a write that was not made."""

from __future__ import annotations

import pytest
from cassette.making import digest, exchange, text

from ghcr_sim.cassette.key import key_of_exchange
from ghcr_sim.cassette.shelf import Shelf, is_write

SHA, OTHER = digest(b"x"), digest(b"y")
TAGS = {"repository": "a/b", "auth": "bearer"}


def story():
    """A list before a push, twice after it."""
    return (
        exchange(1, "tags.list", 404, **TAGS),
        exchange(2, "manifest.put", 201, reference="v1", **TAGS),
        exchange(3, "tags.list", after=(2,), got=text("one"), **TAGS),
        exchange(4, "tags.list", after=(2,), got=text("two"), **TAGS),
    )


def test_answers_come_in_turn_and_by_their_time() -> None:
    """What was recorded before a write until it is made, then what was after it: each once, then the last again."""
    first, put, one, two = story()
    shelf, key = Shelf(story()), key_of_exchange(story()[0])
    assert shelf.next(key, repeats=False) == (first, "recorded")
    shelf.play(first)
    assert shelf.next(key, repeats=False) == (None, "used up")
    assert shelf.next(key, repeats=True) == (first, "repeated")
    shelf.play(put)
    for each in (one, two):
        assert shelf.next(key, repeats=False) == (each, "recorded")
        shelf.play(each)
    assert shelf.next(key, repeats=True) == (two, "repeated")
    assert shelf.unused() == ([], [])


def test_what_came_after_as_many_writes_keeps_its_order() -> None:
    """Answers after one write or after another one come as they were recorded, whichever of the writes was made."""
    puts = [exchange(number, "manifest.put", 201, reference=f"v{number}", **TAGS) for number in (1, 2)]
    after = {3: (1,), 4: (2,), 5: (1,)}
    lists = [exchange(number, "tags.list", after=writes, **TAGS) for number, writes in after.items()]
    shelf, key = Shelf((*puts, *lists)), key_of_exchange(lists[0])
    shelf.play(puts[0])
    assert shelf.next(key, repeats=True) == (lists[0], "recorded")
    shelf.play(puts[1])
    for each in lists:
        assert shelf.next(key, repeats=False) == (each, "recorded")
        shelf.play(each)
    assert shelf.next(key, repeats=True) == (lists[2], "repeated")


def test_what_does_not_hold_is_passed_over() -> None:
    """The next or last answer that holds is given; where none does, it is over."""
    shelf = Shelf(story())
    first, put, one, two = story()
    key = key_of_exchange(first)
    shelf.play(put)
    assert shelf.next(key, repeats=True, holds=lambda each: each != one) == (two, "recorded")
    shelf.play(two)
    assert shelf.next(key, repeats=True, holds=lambda each: each != one) == (two, "repeated")
    assert shelf.next(key, repeats=True, holds=lambda each: each == first) == (None, "over")


def test_what_is_not_there_says_why() -> None:
    """Unknown, or early."""
    shelf = Shelf(story()[1:])
    assert shelf.next(key_of_exchange(story()[0]), repeats=True) == (None, "early")
    assert shelf.next(key_of_exchange(exchange(9, "ping")), repeats=True) == (None, "unknown")


def test_unused_ones_are_told_apart() -> None:
    """Writes and reads; the status of an upload is a read."""
    status = exchange(5, "upload.get", 204, reference="<session:1>", **TAGS)
    writes, reads = Shelf((*story(), status)).unused()
    assert [each.id for each in writes] == [2]
    assert [each.id for each in reads] == [1, 3, 4, 5]
    assert is_write("upload.put")
    assert not is_write("upload.get")
    assert not is_write("blob.get")
    assert is_write("api.delete")
    assert not is_write("api.get")


def end(number, session, name, status=201):
    """The end of an upload."""
    return exchange(
        number, "upload.put", status, reference=session, query=(("digest", name),), repository="a/b"
    )


def test_content_that_did_not_come_is_settled_by_content_that_did() -> None:
    """Each upload of other content stands for one recorded upload of that repository, and for no refused one."""
    shelf = Shelf((end(1, "<session:1>", SHA, 400), end(2, "<session:2>", OTHER)))
    shelf.substituted += ["a/b", "a/b", "c/d"]
    shelf.settle()
    assert shelf.played == {2}
    assert shelf.substituted == []


def test_an_upload_is_found_by_its_digest_once() -> None:
    """Two uploads of one content are two; a third is none."""
    shelf = Shelf((end(1, "<session:1>", SHA), end(2, "<session:2>", SHA)))
    for number in (1, 2):
        found = shelf.upload_of("a/b", SHA)
        assert found.id == number
        shelf.play_session(found)
    assert shelf.upload_of("a/b", SHA) is None
    assert shelf.upload_of("c/d", SHA) is None


@pytest.mark.parametrize(("status", "played"), [(201, {1}), (400, set())])
def test_a_push_of_other_bytes_stands_for_the_recorded_one(status, played) -> None:
    """One that was taken; a refused one is still to come."""
    recorded = exchange(1, "manifest.put", status, reference="v1", **TAGS)
    shelf = Shelf((recorded,))
    shelf.play_instead(key_of_exchange(recorded))
    shelf.play_instead(key_of_exchange(recorded))
    assert shelf.played == played


def test_examples_and_repositories() -> None:
    """The first of a kind and status, in the order that is asked for; each repository once."""
    shelf = Shelf(story())
    assert shelf.exemplar("tags.list", 200).id == 3
    assert shelf.exemplar("tags.list", 500, 404).id == 1
    assert shelf.exemplar("tags.list", 500) is None
    assert list(shelf.repositories()) == ["a/b"]
