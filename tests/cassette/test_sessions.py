"""Upload sessions of a replay: hashed as they come, in memory or in a file, and gone with the replay."""

from __future__ import annotations

import asyncio

import pytest
from asking import BrokenBody
from cassette.making import digest

from ghcr_sim.cassette.player import DigestBody
from ghcr_sim.cassette.sessions import KnownBody, Sessions, digest_of
from ghcr_sim.clock import Ids
from ghcr_sim.exchange import BodyError, BytesBody

LARGE = b"x" * (3 << 20)


@pytest.fixture
def sessions():
    """Sessions, closed in the end."""
    made = Sessions(Ids(1))
    yield made
    made.close()


def take(session, *bodies):
    """Give a session some bodies."""

    async def work():
        for each in bodies:
            await session.take(each)

    asyncio.run(work())


def read(blob):
    """All of a blob."""
    return b"".join(map(bytes, blob.pieces(0, blob.size)))


@pytest.mark.parametrize("expected", [None, 10, len(LARGE)])
@pytest.mark.parametrize("data", [b"", b"small", LARGE], ids=["nothing", "small", "large"])
def test_what_came_is_there(sessions, expected, data) -> None:
    """Whatever was expected: the content has its digest and its bytes."""
    session = sessions.begin("a/b", expected)
    take(session, BytesBody(data))
    assert session.size == len(data)
    assert read(session.writer.finish(digest(data))) == data


def test_sessions_are_found_in_their_repository_until_they_end(sessions) -> None:
    """Another repository's, or one that ended, is nobody's."""
    session = sessions.begin("a/b")
    assert sessions.find("a/b", session.id) is session
    assert sessions.find("a/c", session.id) is None
    sessions.end(session)
    sessions.end(session)
    assert sessions.find("a/b", session.id) is None


@pytest.mark.parametrize("before", [b"", b"small", LARGE], ids=["nothing", "small", "large"])
@pytest.mark.parametrize("lost", [b"", b"small", LARGE], ids=["no more", "some", "much"])
def test_a_body_that_breaks_off_leaves_what_was_there(sessions, before, lost) -> None:
    """In memory, in a file, or on the way from one to the other."""
    session = sessions.begin("a/b")
    take(session, BytesBody(before))
    with pytest.raises(BodyError):
        take(session, BrokenBody(lost))
    take(session, BytesBody(b"end"))
    assert read(session.writer.finish(digest(before + b"end"))) == before + b"end"


def test_a_known_body_counts_and_is_not_read(sessions) -> None:
    """A rehearsal sends digest and size; an empty one is nothing."""
    session = sessions.begin("a/b")
    assert isinstance(DigestBody("x", 9), KnownBody)
    assert not isinstance(BytesBody(b"x"), KnownBody)
    take(session, DigestBody("sha256:x", 9), DigestBody("sha256:y", 0))
    assert (session.size, session.known) == (9, [("sha256:x", 9)])


def test_files_go_with_the_replay(sessions) -> None:
    """The directory is made when it is needed, and is gone when all is closed."""
    take(sessions.begin("a/b"), BytesBody(LARGE))
    folder = sessions.folder()
    assert list(folder.iterdir())
    sessions.close()
    assert not folder.exists()
    sessions.close()


def test_digests() -> None:
    """By both algorithms."""
    assert digest_of(b"x", "sha256") == digest(b"x")
    assert digest_of(b"x", "sha512").startswith("sha512:")
