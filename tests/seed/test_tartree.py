"""Tar files as trees: only what is inside, and nothing that is not plain."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seed.layout_files import tar_bytes

from ghcr_sim.errors import SeedError
from ghcr_sim.seed.limits import Limits
from ghcr_sim.seed.tartree import TarTree

LIMITS = Limits(entries=100)


def tree(data: bytes) -> TarTree:
    return TarTree("x.tar", io.BytesIO(data), LIMITS)


def link(target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def kind(type_: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type = type_
    return info


def read(found: TarTree, name: str) -> bytes:
    return b"".join(found.pieces(name))


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text("ab./é" + "x" * 3, min_size=1, max_size=200), st.binary(max_size=2000), max_size=5
    )
)
def test_files_are_read_where_they_lie(files: dict[str, bytes]):
    """Every file is found under its name, whatever its length, unless a name leads out."""
    named = {
        f"d/{index}{name.replace('..', '')}": content for index, (name, content) in enumerate(files.items())
    }
    found = tree(tar_bytes(named))
    for name, content in named.items():
        assert found.size(name) == len(content)
        assert read(found, name) == content
    assert found.size("d/none") is None


def test_files_may_be_read_in_turns():
    """Two readers do not disturb each other."""
    found = tree(tar_bytes({"a": b"a" * (3 << 20), "b": b"b" * (3 << 20)}))
    for first, second in zip(found.pieces("a"), found.pieces("b"), strict=True):
        assert (set(first), set(second)) == ({97}, {98})
        assert len(first) <= 1 << 20


def test_names_are_made_plain():
    """`./a` is `a`, and the last entry of a name counts, as in every tar."""
    found = tree(tar_bytes({"./a": b"1", "b/": kind(tarfile.DIRTYPE), "b/../a": b"2"}))
    assert read(found, "a") == b"2"
    assert found.size("b") is None


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        pytest.param({"d/x": b"1", "e/l": link("../d/x")}, "e/l", id="symlink"),
        pytest.param({"d/x": b"1", "e/l": link("d/x", tarfile.LNKTYPE)}, "e/l", id="hard link"),
        pytest.param({"d/x": b"1", "e": link("d")}, "e/x", id="directory"),
        pytest.param({"d/x": b"1", "a": link("e"), "e": link("d"), "l": link("a/x")}, "l", id="chain"),
        pytest.param({"l": link("x"), "x": b"1"}, "l", id="before its target"),
        pytest.param({"l": b"0", "x": b"1", "./l": link("x")}, "l", id="in place of a file"),
    ],
)
def test_links_inside_are_followed(entries: dict[str, Any], wanted: str):
    """Old versions of docker save link equal layers; the content is found."""
    assert read(tree(tar_bytes(entries)), wanted) == b"1"


def test_a_link_to_nothing_is_nothing():
    """A link without a target is a missing file."""
    found = tree(tar_bytes({"l": link("x")}))
    assert found.size("l") is None
    with pytest.raises(SeedError, match="l is missing"):
        read(found, "l")


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        pytest.param({"/etc/passwd": b""}, "'/etc/passwd' leads out of the archive", id="absolute"),
        pytest.param({"../x": b""}, "leads out of the archive", id="upwards"),
        pytest.param({"a/../../x": b""}, "leads out of the archive", id="upwards in the middle"),
        pytest.param({"..": kind(tarfile.DIRTYPE)}, "leads out of the archive", id="above"),
        pytest.param({"a/l": link("../../x")}, "'a/l' leads out of the archive", id="symlink upwards"),
        pytest.param(
            {"l": link("/etc/passwd")}, r"leads out of the archive \(to '/etc/passwd'\)", id="symlink"
        ),
        pytest.param({"l": link("/etc/passwd", tarfile.LNKTYPE)}, "leads out", id="hard link"),
        pytest.param({"a/l": link("../x", tarfile.LNKTYPE)}, "leads out", id="hard link upwards"),
        pytest.param(
            {"d": kind(tarfile.CHRTYPE)}, "'d' is no file, directory or link", id="character device"
        ),
        pytest.param({"d": kind(tarfile.BLKTYPE)}, "is no file, directory or link", id="block device"),
        pytest.param({"d": kind(tarfile.FIFOTYPE)}, "is no file, directory or link", id="pipe"),
        pytest.param({str(n): b"" for n in range(101)}, "more than 100 entries", id="entries"),
    ],
)
def test_what_is_not_safe_is_refused(entries: dict[str, Any], why: str):
    """The list is refused as a whole, before anything is read from it."""
    with pytest.raises(SeedError, match=why):
        tree(tar_bytes(entries))


@pytest.mark.parametrize(
    ("entries", "name"),
    [({"a": link("b"), "b": link("a")}, "a"), ({"a": link("a/b")}, "a"), ({"a": link("a")}, "a/x")],
)
def test_loops_end(entries: dict[str, Any], name: str):
    """Links that lead in a circle are an error, and never a hang."""
    with pytest.raises(SeedError, match="is a loop of links: make the archive again"):
        tree(tar_bytes(entries)).size(name)


def test_a_sparse_file_is_refused():
    """A sparse entry's bytes are not what lies in the archive."""
    info = tarfile.TarInfo("s")
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.map": "0,1", "GNU.sparse.size": "9"}
    with pytest.raises(SeedError, match="'s' is no file"):
        tree(info.tobuf(tarfile.PAX_FORMAT) + bytes(1024))


def header(size: bytes | int, type_: bytes = tarfile.REGTYPE, name: str = "f") -> bytes:
    """A header with any size field, with a sound checksum."""
    block = bytearray(kind(type_).tobuf(tarfile.USTAR_FORMAT))
    block[: len(name)] = name.encode()
    block[124:136] = size if isinstance(size, bytes) else b"%011o\0" % size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


NEGATIVE = b"\xff" * 11 + b"\x00"
HUGE = b"\x80" + b"\x7f" * 11


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="no tar"),
        pytest.param(b"hello" * 500, id="no tar, longer"),
        pytest.param(tar_bytes({"a": b"1" * 3000})[:1500], id="cut"),
        pytest.param(tar_bytes({"a": b"1", "b": b"2"})[:1200], id="cut in a header"),
        pytest.param(tar_bytes({"a": b"1"})[:1024] + b"garbage" * 200, id="garbage behind"),
        pytest.param(header(NEGATIVE) + bytes(2048), id="negative size"),
        pytest.param(header(1) + bytes(512) + header(NEGATIVE) + bytes(2048), id="negative size later"),
        pytest.param(header(HUGE) + bytes(2048), id="huge size"),
        pytest.param(header(1 << 30, tarfile.XHDTYPE) + bytes(2048), id="huge pax header"),
        pytest.param(header(1 << 30, tarfile.GNUTYPE_LONGNAME) + bytes(2048), id="huge long name"),
        pytest.param(header(NEGATIVE, tarfile.XHDTYPE) + bytes(2048), id="negative pax header"),
        pytest.param(header(HUGE, tarfile.XGLTYPE) + bytes(2048), id="huge global header"),
        pytest.param(header(0, tarfile.XHDTYPE) * 3000 + bytes(2048), id="headers of headers"),
        pytest.param(
            header(16, tarfile.XHDTYPE) + b"0 size=9\n".ljust(512, b"\0") + header(1), id="bad record"
        ),
    ],
)
def test_damage_is_refused(data: bytes):
    """Whatever is wrong with the bytes, the answer is one kind of error."""
    with pytest.raises(SeedError, match=r"x\.tar is no sound tar file: .*: make it again"):
        tree(data)


def test_a_file_that_shrinks_is_noticed():
    """Reading never goes on past the end of the file."""
    file = io.BytesIO(tar_bytes({"a": b"1" * 5000}))
    found = TarTree("x.tar", file, LIMITS)
    file.truncate(1000)
    with pytest.raises(SeedError, match="became shorter while it was read"):
        read(found, "a")
