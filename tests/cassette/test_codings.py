"""Content codings: what is undone, and what is not."""

from __future__ import annotations

import gzip
import zlib

import pytest

from ghcr_sim.cassette import codings
from ghcr_sim.cassette.codings import coding_of, plain

ZIPPED = gzip.compress(b"hello", mtime=0)


@pytest.mark.parametrize(
    ("data", "coding", "found"),
    [
        (b"hello", "", b"hello"),
        (ZIPPED, "gzip", b"hello"),
        (ZIPPED + ZIPPED, "x-gzip", b"hellohello"),
        (zlib.compress(b"hello"), "deflate", b"hello"),
        (ZIPPED[:-1], "gzip", None),
        (b"hello", "gzip", None),
        (ZIPPED, "br", None),
        (gzip.compress(ZIPPED, mtime=0), "gzip, gzip", None),
    ],
)
def test_a_coding_is_undone_or_it_is_said_that_it_cannot_be(data, coding, found) -> None:
    """Members of one stream follow one another; what is cut, damaged or unknown is None."""
    assert plain(data, coding) == found


def test_few_bytes_that_stand_for_very_many(monkeypatch) -> None:
    """They are not undone to their end."""
    monkeypatch.setattr(codings, "_MOST", 1000)
    assert plain(gzip.compress(b"x" * 999), "gzip") == b"x" * 999
    assert plain(gzip.compress(b"x" * 1001), "gzip") is None


@pytest.mark.parametrize(
    ("headers", "coding"),
    [
        ((), ""),
        ((("Content-Encoding", " GZIP "),), "gzip"),
        ((("content-encoding", "identity"),), ""),
        ((("content-encoding", "gzip"), ("Content-Encoding", "br")), "gzip, br"),
    ],
)
def test_the_coding_that_fields_say(headers, coding) -> None:
    """Whatever their spelling, and of several fields all."""
    assert coding_of(headers) == coding
