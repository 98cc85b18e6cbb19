"""Images that cannot be: refused, with nothing left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ghcr_sim.errors import SeedError
from ghcr_sim.seed import seed
from ghcr_sim.store import Store
from ghcr_sim.store.writers import FileWriter


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"platforms": []}, "give at least one"),
        ({"platforms": ["linux/amd64", "linux/amd64"]}, "each once"),
        ({"platforms": ["linux"]}, "'linux' is no platform: give os/architecture"),
        ({"platforms": ["Linux/amd64"]}, "no platform"),
        ({"platforms": ["linux/arm/v7/x"]}, "no platform"),
        ({"platforms": "linux/amd64"}, r"give a list, as platforms=\['linux/amd64'\]"),
        ({"layers": b"x"}, r"give a list, as layers=\[b'x'\]"),
        ({"layers": {"a": b"x"}}, r"layers is one dict: give a list"),
        ({"layers": 5}, r"layers is one int: give a list, as layers=\[5\]"),
        ({"layers": Path("a")}, r"layers is one \w*Path: give a list"),
        ({"tags": "v2"}, "give a list, as tags="),
        ({"tags": ["-"]}, "invalid tag"),
        ({"layers": ["x"]}, r"layers\[0\] is str"),
        ({"layers": [-1]}, "give numbers from 0 on"),
        ({"annotations": {"a": 1}}, "annotations holds 'a': 1: give texts only"),
        ({"labels": {1: "a"}}, "labels holds 1: 'a': give texts only"),
        ({"config": ["/a"]}, "config is .*: give a dict"),
        ({"config": {"Cmd": {1, 2}}}, "the config cannot be written as JSON"),
        ({"config": {"Cmd": float("nan")}}, "the config cannot be written as JSON"),
        ({"annotations": {"a": "\ud800"}}, "the manifest cannot be written as JSON"),
        ({"created": "yesterday"}, "created is 'yesterday': give RFC 3339"),
        ({"created": "2024-01-01T00:00:00"}, "give RFC 3339 with a zone"),
        ({"created": "2024-13-01T00:00:00Z"}, "give RFC 3339 with a zone"),
        ({"created": 5}, "give RFC 3339 with a zone"),
        ({"visibility": "open"}, "visibility is 'open': give one of public, private, internal"),
        ({"artifact_type": "sbom"}, "give a media type"),
        ({"artifact_type": ""}, "give a media type"),
        (
            {"artifact_type": "a/b", "platforms": ["linux/amd64"]},
            "artifact_type and platforms do not go together",
        ),
        ({"artifact_type": "a/b", "labels": {"a": "b"}}, "artifact_type and labels do not go together"),
        ({"artifact_type": "a/b", "config": {"Cmd": []}}, "artifact_type and config do not go together"),
        ({"artifact_type": "a/b", "docker": True}, "artifact_type and docker do not go together"),
        ({"docker": True, "annotations": {"a": "b"}}, "docker and annotations do not go together"),
        ({"docker": True, "subject": "v1"}, "docker and subject do not go together"),
        ({"subject": "v1"}, "subject 'v1' is not in acme/app: seed it first"),
    ],
)
def test_what_does_not_fit_is_refused(store: Store, options: dict[str, Any], why: str):
    """Every mistake is refused with the remedy, and leaves nothing behind."""
    with pytest.raises(SeedError, match=why):
        seed(store, "acme/app", **options)
    assert store.names() == []


class FileStore(Store):
    """A store whose unfinished blobs are files."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = directory

    def writer(self) -> FileWriter:
        return FileWriter(self.directory / str(len(list(self.directory.iterdir()))))


def test_a_failed_seed_leaves_no_file(tmp_path: Path):
    """What was written for earlier layers is removed if a later one fails."""
    (tmp_path / "blobs").mkdir()
    store = FileStore(tmp_path / "blobs")
    with pytest.raises(SeedError, match="No such file"):
        seed(store, "acme/app", layers=[Path(__file__), tmp_path / "nothing"])
    assert list(store.directory.iterdir()) == []
    seed(store, "acme/app", layers=[Path(__file__)])
    assert len(list(store.directory.iterdir())) == 1
