"""Layouts of one image, bent in one place, and the forms in which they lie on the disk."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from seed.layout_files import blob_path, tar_bytes, write_files

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "DIGEST_0",
    "FORMS",
    "as_directory",
    "as_gzip",
    "as_tar",
    "digest_of",
    "edited",
    "layer_of",
    "manifest_of",
    "reindexed",
    "without",
]

DIGEST_0 = "sha256:" + "0" * 64


def digest_of(data: bytes) -> str:
    """The digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def as_directory(files: dict[str, bytes], path: Path) -> Path:
    """The files in a directory."""
    return write_files(files, path / "layout")


def as_tar(files: dict[str, bytes], path: Path) -> Path:
    """The files in a tar."""
    (path / "x.tar").write_bytes(tar_bytes(files))
    return path / "x.tar"


def as_gzip(files: dict[str, bytes], path: Path) -> Path:
    """The files in a gzipped tar."""
    (path / "x.tgz").write_bytes(gzip.compress(tar_bytes(files)))
    return path / "x.tgz"


FORMS: Any = pytest.mark.parametrize("form", [as_directory, as_tar, as_gzip])


def edited(files: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    """The layout with another manifest: fields replaced."""
    index = json.loads(files["index.json"])
    (entry,) = index["manifests"]
    document = json.loads(files[blob_path(entry["digest"])]) | changes
    content = json.dumps(document).encode()
    entry |= {"digest": digest_of(content), "size": len(content)}
    return files | {"index.json": json.dumps(index).encode(), blob_path(entry["digest"]): content}


def reindexed(files: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    """The layout with another entry in its index: fields replaced."""
    index = json.loads(files["index.json"])
    index["manifests"][0] |= changes
    return files | {"index.json": json.dumps(index).encode()}


def manifest_of(files: dict[str, bytes]) -> dict[str, Any]:
    """The manifest that the index lists first."""
    return json.loads(files[blob_path(json.loads(files["index.json"])["manifests"][0]["digest"])])


def layer_of(files: dict[str, bytes]) -> dict[str, Any]:
    """The descriptor of its first layer."""
    return manifest_of(files)["layers"][0]


def without(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    """The layout without one file."""
    return {path: content for path, content in files.items() if path != name}
