"""Which of the local kinds of images a path is, and what is said of everything else."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from client.layout.making import layout, saved, write_files, write_tar
from ghcr_client.layout import (
    DockerArchive,
    LayoutArchive,
    LayoutDirectory,
    LayoutError,
    LocalImages,
    open_local,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """A directory with something of each kind."""
    write_files(layout(), tmp_path / "layout")
    write_tar(layout(), tmp_path / "layout.tar")
    write_tar(saved(), tmp_path / "saved.tar")
    write_tar({**layout(), **saved()}, tmp_path / "both.tar")
    write_files({"version": b"Directory Transport Version: 1.1\n"}, tmp_path / "dir")
    write_files(saved(), tmp_path / "unpacked")
    write_tar({f"layout/{name}": data for name, data in layout().items()}, tmp_path / "above.tar")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "text").write_text("hello")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("layout", LayoutDirectory),
        ("layout.tar", LayoutArchive),
        ("saved.tar", DockerArchive),
        ("both.tar", DockerArchive),
    ],
)
def test_what_is_opened(places: Path, name: str, kind: type) -> None:
    """Each kind is told by its files, and all are read alike."""
    images = open_local(str(places / name))
    assert type(images) is kind
    assert isinstance(images, LocalImages)
    assert "v1" in [each.name for each in asyncio.run(images.list())] or kind is DockerArchive
    assert asyncio.run(images.manifest("v1")).document.children


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone", "is not there: give a directory or a tar"),
        ("nothing", "it holds nothing; make a layout"),
        ("dir", "it holds version"),
        ("unpacked", "no docker-archive (no manifest.json in a tar): it holds"),
        ("above.tar", "tar the layout itself, not a directory above it"),
        ("text", "is no sound tar file"),
        ("pipe", "is no regular file"),
    ],
)
def test_what_is_refused(places: Path, name: str, words: str) -> None:
    """Whatever else it is, the error names the path and says what was found."""
    with pytest.raises(LayoutError) as caught:
        open_local(places / name)
    assert words in str(caught.value)
    assert name in str(caught.value)
