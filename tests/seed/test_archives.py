"""What lies at a path: which kind it is, or why it is none."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from typing import TYPE_CHECKING

import pytest
from seed.hello import hello_tar
from seed.layout_files import tar_bytes

from ghcr_sim.errors import SeedError
from ghcr_sim.seed import Limits, seed_path
from ghcr_sim.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"", "is no sound tar file", id="empty"),
        pytest.param(
            tar_bytes({"a": b""}),
            "has no index.json and no manifest.json: give an OCI layout",
            id="other tar",
        ),
        pytest.param(bz2.compress(hello_tar()), "compressed with bzip2: unpack it", id="bzip2"),
        pytest.param(lzma.compress(hello_tar()), "compressed with xz: unpack it", id="xz"),
        pytest.param(b"\x28\xb5\x2f\xfd" + bytes(9), "compressed with zstd: unpack it", id="zstd"),
        pytest.param(gzip.compress(hello_tar())[:-9], "cut short", id="cut gzip"),
        pytest.param(gzip.compress(b"text"), "is no sound tar file", id="gzip of a text"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes, why: str):
    """The error says what the file is, and what to give instead."""
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(SeedError, match=why):
        seed_path(Store(), path)


def test_a_path_may_be_a_text(tmp_path: Path):
    """`str` and `Path` are equally good."""
    (tmp_path / "x").write_bytes(hello_tar())
    assert seed_path(Store(), str(tmp_path / "x")) == seed_path(Store(), tmp_path / "x")


def test_a_visibility_that_is_none_is_refused(tmp_path: Path):
    """A wrong word is found before the archive is read."""
    with pytest.raises(SeedError, match="visibility is 'open': give one of public, private, internal"):
        seed_path(Store(), tmp_path / "nothing", visibility="open")


def test_what_is_no_file_is_refused(tmp_path: Path):
    """Nothing, and a pipe, are neither read nor waited for."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("nothing", "pipe"):
        with pytest.raises(SeedError, match="is neither a directory nor a file"):
            seed_path(Store(), tmp_path / name)
    with pytest.raises(SeedError, match=r"has no index\.json and no manifest\.json"):
        seed_path(Store(), tmp_path)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What the system says is passed on."""
    (tmp_path / "x").touch()

    def refuse(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(SeedError, match=r"cannot read .*x: Permission denied"):
        seed_path(Store(), tmp_path / "x")


def test_a_bomb_is_stopped_early(tmp_path: Path):
    """An archive that unpacks to far more than it has is refused before it fills the disk."""
    (tmp_path / "x").write_bytes(gzip.compress(bytes(66 << 20), 1))
    with pytest.raises(SeedError, match="200 times its size, as a bomb does"):
        seed_path(Store(), tmp_path / "x", limits=Limits())
    with pytest.raises(SeedError, match=r"has no index\.json"):
        seed_path(Store(), tmp_path / "x", limits=Limits(ratio=2000))


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where there is no room to unpack, the error says so."""
    (tmp_path / "x").write_bytes(gzip.compress(hello_tar()))

    def full(*_: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", full)
    with pytest.raises(
        SeedError, match=r"cannot unpack .*x: No space left on device: gunzip it where there is room"
    ):
        seed_path(Store(), tmp_path / "x")
