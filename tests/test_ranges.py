"""`Range` and `Content-Range`, as text; the table of forms is in `oci/test_blobs.py`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import header_values, some

from ghcr_sim.ranges import BadRange, parse_chunk_range, parse_range

sizes = st.integers(0, 200)
offsets = st.integers(0, 220)


@given(offsets, offsets, sizes)
@some
def test_first_and_last(first: int, last: int, size: int) -> None:
    """`first-last` is what a slice takes, where it lies inside; where it does not, it is refused."""
    data = bytes(range(size))
    wanted = data[first : last + 1]
    if first > last or not wanted:
        with pytest.raises(BadRange):
            parse_range(f"bytes={first}-{last}", size)
        return
    span = parse_range(f"bytes={first}-{last}", size)
    assert span is not None
    assert data[span[0] : span[1]] == wanted


@given(offsets, sizes)
@some
def test_from_an_offset_and_from_the_end(offset: int, size: int) -> None:
    """`first-` is everything from there on, `-n` the last n bytes."""
    data = bytes(range(size))
    for text, wanted in ((f"{offset}-", data[offset:]), (f"-{offset}", data[-offset:] if offset else b"")):
        if not wanted:
            with pytest.raises(BadRange):
                parse_range(f"bytes={text}", size)
            continue
        span = parse_range(f"bytes={text}", size)
        assert span is not None
        assert data[span[0] : span[1]] == wanted


@given(header_values | st.text("0123456789-=,bytes \t", max_size=20).map("bytes={}".format), sizes)
@some
def test_any_header_is_a_range_inside_or_none_or_bad(header: str, size: int) -> None:
    """Whatever comes, what goes on is a part of the blob that is not empty, everything, or `BadRange`."""
    try:
        span = parse_range(header, size)
    except BadRange as why:
        assert str(why)  # noqa: PT017 - which of the three it is, nobody knows before
        return
    assert span is None or 0 <= span[0] < span[1] <= size


def test_no_header_is_everything() -> None:
    """Who asks for no range gets all."""
    assert parse_range(None, 10) is None


@given(st.integers(0, 1 << 62), st.integers(0, 1 << 62))
@some
def test_chunks(first: int, last: int) -> None:
    """A chunk's range is read back in every spelling; one that ends before it starts is none."""
    wanted = (first, last) if first <= last else None
    for spelling in ("{}-{}", "bytes {}-{}", "bytes={}-{}", "bytes {}-{}/*", "bytes {}-{}/99", " {}-{} "):
        assert parse_chunk_range(spelling.format(first, last)) == wanted


@given(header_values | st.text("0123456789-/* bytes", max_size=20))
@some
def test_any_chunk_range_is_one_or_none(header: str) -> None:
    """Whatever comes is first and last byte, or nothing."""
    found = parse_chunk_range(header)
    assert found is None or 0 <= found[0] <= found[1]
