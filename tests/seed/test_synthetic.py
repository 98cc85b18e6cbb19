"""Synthetic layers: large, valid, repeatable, and made only when read."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ghcr_sim.errors import SeedError
from ghcr_sim.seed import SyntheticBlob
from ghcr_sim.seed.synthetic import synthetic

MIB = 1 << 20
SIZES = st.one_of(st.integers(0, 2000), st.integers(MIB - 20, MIB + 20), st.integers(0, 3 * MIB))


def whole(blob: SyntheticBlob) -> bytes:
    return b"".join(blob.pieces(0, blob.size))


@settings(deadline=None)
@given(SIZES, st.integers(0, 3), st.data())
@example(0, 0, None).via("an empty file")
@example(7, 0, None).via("shorter than a block's number")
def test_any_part_is_a_part_of_the_whole(size: int, seed: int, data: st.DataObject | None):
    """Reading from any offset gives the very bytes that reading from the start gives."""
    blob = SyntheticBlob(size, seed)
    everything = whole(blob)
    assert len(everything) == blob.size
    start = data.draw(st.integers(0, blob.size)) if data else 0
    stop = data.draw(st.integers(start, blob.size)) if data else 3
    part = list(blob.pieces(start, stop))
    assert b"".join(part) == everything[start:stop]
    assert all(len(piece) <= MIB for piece in part)


@settings(deadline=None)
@given(SIZES, st.integers(0, 3))
def test_equal_arguments_give_equal_bytes(size: int, seed: int):
    """A synthetic layer is a valid tar of one file of the asked size, and is its digest."""
    blob = SyntheticBlob(size, seed)
    data = whole(blob)
    assert data == whole(SyntheticBlob(size, seed))
    assert blob.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (member,) = archive.getmembers()
    assert (member.name, member.size, member.mtime) == (f"synthetic-{seed}.bin", size, 0)


def test_the_digest_is_fixed():
    """The bytes are these on every machine and in every release."""
    assert (
        SyntheticBlob(MIB, 1).digest
        == "sha256:c9f7cb1cae94c400506a92644544335f4dc2e7654a8c105c5f6fbe22b80b856d"
    )
    assert SyntheticBlob(MIB, 1).size == 512 + MIB + 1024


def test_blocks_differ():
    """No two blocks are equal, so a client that mixes them up is found out; deflate gains nothing."""
    data = whole(SyntheticBlob(2 * MIB))[512 : 512 + 2 * MIB]
    assert data[:MIB] != data[MIB:]
    assert len(zlib.compress(data)) > len(data) * 0.99
    assert whole(SyntheticBlob(MIB, 0))[512:] != whole(SyntheticBlob(MIB, 1))[512:]


def test_a_huge_layer_costs_nothing_until_it_is_read(monkeypatch: pytest.MonkeyPatch):
    """10 GiB have a size, a header and a last byte at once; only the digest needs them all, once."""
    monkeypatch.setattr("ghcr_sim.seed.synthetic._digests", {(10 << 30, 0): "sha256:known"})
    blob = SyntheticBlob(10 << 30)
    assert blob.digest == "sha256:known"
    assert blob.size == (10 << 30) + 3 * 512 + 1024
    assert b"".join(blob.pieces(blob.size - 1025, blob.size))[1:] == bytes(1024)
    head = io.BytesIO(b"".join(blob.pieces(0, 1 << 16)))
    with tarfile.open(fileobj=head, mode="r|") as archive:
        assert archive.next().size == 10 << 30


def test_the_digest_is_computed_once(monkeypatch: pytest.MonkeyPatch):
    """A second layer of the same size and seed is not read for its digest."""
    monkeypatch.setattr("ghcr_sim.seed.synthetic._digests", {})
    first = SyntheticBlob(3000, 2)
    monkeypatch.setattr(SyntheticBlob, "pieces", None)
    assert SyntheticBlob(3000, 2).digest == first.digest


def test_layers_compare_by_arguments():
    """Equal arguments give equal layers; nothing else is equal to one."""
    assert SyntheticBlob(10) == SyntheticBlob(10, 0)
    assert len({SyntheticBlob(10), SyntheticBlob(10), SyntheticBlob(10, 1)}) == 2
    assert SyntheticBlob(10) != "SyntheticBlob(10, seed=0)"
    assert repr(SyntheticBlob(10)) == "SyntheticBlob(10, seed=0)"
    assert synthetic(10) is synthetic(10)


@pytest.mark.parametrize(("size", "seed"), [(-1, 0), (1, -1)])
def test_negative_numbers_are_refused(size: int, seed: int):
    """There is no layer of less than nothing."""
    with pytest.raises(SeedError, match="give numbers from 0 on"):
        SyntheticBlob(size, seed)
