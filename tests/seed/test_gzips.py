"""Gzip: the same bytes everywhere on the way out, limits on the way in."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghcr_sim.errors import SeedError
from ghcr_sim.seed.gzips import inflated, stored_gzip
from ghcr_sim.seed.limits import Limits

LIMITS = Limits(total=1 << 22, ratio=200, ratio_from=1 << 16, entries=50)


def unpacked(data: bytes, limits: Limits = LIMITS, step: int = 1 << 20) -> bytes:
    return b"".join(inflated((data[at : at + step] for at in range(0, len(data), step)), "x.gz", limits))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200)))
def test_what_is_written_is_gzip(pieces: list[bytes]):
    """Any gzip reader gets back what was written."""
    assert gzip.decompress(b"".join(stored_gzip(pieces))) == b"".join(pieces)


def test_a_large_piece_is_cut_into_blocks():
    """A piece larger than a stored block is written in several."""
    data = bytes(range(256)) * 1024
    assert gzip.decompress(b"".join(stored_gzip([data]))) == data


def test_the_bytes_are_fixed():
    """No clock, no file name, no compressor's taste: the bytes are these for ever."""
    assert (
        b"".join(stored_gzip([b"hi"])).hex() == "1f8b08000000000000ff000200fdff6869010000ffffac2a93d802000000"
    )


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(1, 40))
def test_members_are_joined(parts: list[bytes], step: int):
    """Members one after the other, and zeros behind them, are read as `gunzip` does, however they arrive."""
    data = b"".join(gzip.compress(part) for part in parts) + bytes(30)
    assert unpacked(data, step=step) == b"".join(parts)


def test_pieces_stay_small():
    """A small file that unpacks to much comes in pieces of at most 1 MiB."""
    data = gzip.compress(bytes(3 << 20))
    assert max(map(len, inflated([data], "x.gz", Limits(ratio=2000)))) <= 1 << 20


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"", "cut short", id="empty"),
        pytest.param(gzip.compress(b"hello" * 99)[:-9], "cut short", id="cut"),
        pytest.param(b"hello", "damaged gzip", id="no gzip"),
        pytest.param(gzip.compress(b"hello")[:-5] + b"\0" * 5, "damaged gzip", id="wrong checksum"),
        pytest.param(gzip.compress(b"hello") + b"rest", "damaged gzip", id="garbage behind"),
        pytest.param(gzip.compress(bytes(1 << 21)), "200 times its size, as a bomb does", id="ratio"),
        pytest.param(gzip.compress(bytes(range(256)) * (1 << 15), 0), "more than 4194304 bytes", id="total"),
        pytest.param(gzip.compress(b"") * 51, "more than 50 gzip members", id="members"),
    ],
)
def test_bad_gzip_is_refused(data: bytes, why: str):
    """Damage and bombs are refused with the reason."""
    with pytest.raises(SeedError, match=why):
        unpacked(data)
