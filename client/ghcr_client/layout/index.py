"""Writing to a layout's `index.json`: under a lock, whole or not at all, and nothing that others wrote is lost.

It does not know blobs. Source: OCI image specification, "OCI Image Layout Specification", section "index.json".
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from ghcr_client.errors import LayoutError
from ghcr_client.layout.documents import INDEX, parse_json, read_index
from ghcr_client.layout.files import DirectoryFiles, read_small
from ghcr_client.layout.names import REF_NAME
from ghcr_client.layout.pending import write_atomically
from ghcr_client.manifests import PULL_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghcr_client.models import Descriptor

__all__ = ["LOCK", "add_entry", "index_lock"]

LOCK = ".index.json.lock"
"""The file that writers lock. It stays: to remove a lock that others may wait for would let two in."""

PATIENCE = 60.0
"""Seconds to wait for another writer, who needs milliseconds."""


@contextmanager
def index_lock(files: DirectoryFiles) -> Iterator[None]:
    """Nobody else writes the index meanwhile, in this process or another.

    Args:
        files: The layout's directory.

    Raises:
        LayoutError: Somebody else has held the lock for a minute.
        OSError: The directory cannot be written.
    """
    try:
        with FileLock(files.root / LOCK, timeout=PATIENCE):
            yield
    except Timeout:
        raise LayoutError(
            f"{files.where}: another process has held {LOCK} for {PATIENCE:.0f} s: end it, and try again"
        ) from None


def add_entry(files: DirectoryFiles, descriptor: Descriptor, name: str | None) -> None:
    """List a manifest.

    Args:
        files: The layout's directory.
        descriptor: What names the manifest.
        name: What to call it; an entry of that name is replaced. None lists it without a name, unless it is listed.

    Raises:
        LayoutError: `index.json` is missing or damaged, and stays as it is; or it would become too large.
        OSError: It cannot be written, and stays as it is.
    """
    with index_lock(files):
        what = f"{files.where}: {INDEX}"
        raw = read_small(files, INDEX)
        read_index(raw, what)
        document = parse_json(raw, what)
        document["manifests"] = _with(document["manifests"] or [], descriptor, name)
        data = json.dumps(document, separators=(",", ":")).encode()
        if len(data) > PULL_LIMIT:
            raise LayoutError(
                f"{what} would have more than {PULL_LIMIT} bytes, which nobody reads: use another layout"
            )
        write_atomically(files.root / INDEX, data)


def _with(listed: list[dict[str, Any]], descriptor: Descriptor, name: str | None) -> list[dict[str, Any]]:
    """The list with one more entry, and without a former one of that name."""
    entry = descriptor.model_dump(mode="json", by_alias=True, exclude_none=True)
    if name is None:
        known = any(each["digest"] == entry["digest"] for each in listed)
        return listed if known else [*listed, entry]
    entry["annotations"] = {**entry.get("annotations", {}), REF_NAME: name}
    others = [each for each in listed if (each.get("annotations") or {}).get(REF_NAME) != name]
    return [*others, entry]
