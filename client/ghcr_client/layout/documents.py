"""The two documents of an OCI image layout, `oci-layout` and `index.json`, read with checks.

It does not know where they lie. Source: OCI image specification, "OCI Image Layout Specification".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ghcr_client.errors import LayoutError
from ghcr_client.layout.files import read_small
from ghcr_client.masking import shown
from ghcr_client.models import INDEXES, OCI_INDEX, ImageIndex

if TYPE_CHECKING:
    from ghcr_client.layout.files import Files

__all__ = ["EMPTY_INDEX", "INDEX", "LAYOUT", "MARK", "check_version", "parse_json", "read_index"]

MARK = "oci-layout"
"""The file that makes a directory a layout."""

INDEX = "index.json"
"""The file that lists what there is."""

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
EMPTY_INDEX = f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}'.encode()


def parse_json(data: bytes, what: str) -> Any:
    """What some JSON says.

    Args:
        data: The bytes.
        what: What they are, for the message, which does not quote them.

    Raises:
        LayoutError: It is not JSON.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise LayoutError(f"{what} is damaged: it is not JSON ({why})") from None


def check_version(files: Files) -> None:
    """Nothing, if this is a layout of version 1.0.0.

    Raises:
        LayoutError: `oci-layout` is missing or damaged, or says another version.
    """
    if files.place(MARK) is None:
        raise LayoutError(f"{files.where} is no OCI image layout: it has no file {MARK}")
    what = f"{files.where}: {MARK}"
    said = parse_json(read_small(files, MARK), what)
    version = said.get("imageLayoutVersion") if isinstance(said, dict) else None
    if version != "1.0.0":
        raise LayoutError(f"{what} says version {shown(repr(version), 60)}, and only '1.0.0' is known")


def read_index(data: bytes, what: str) -> ImageIndex:
    """What `index.json` lists.

    Args:
        data: Its bytes.
        what: Where it is, for the message.

    Raises:
        LayoutError: It is damaged.
    """
    document = parse_json(data, what)
    if not isinstance(document, dict) or "manifests" not in document:
        raise LayoutError(f"{what} is damaged: it has no list `manifests`")
    if document.get("mediaType") not in (None, "", *INDEXES):
        raise LayoutError(f"{what} is damaged: it says of itself {shown(str(document['mediaType']), 100)}")
    try:
        return ImageIndex.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise LayoutError(f"{what} is damaged: {shown(place, 100)}: {shown(first['msg'], 160)}") from None
