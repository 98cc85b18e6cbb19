"""The error codes of the distribution specification, section "Error Codes", and the error body.

A `Refusal` is what a client did wrong. Each code has one status and one text here; a room that knows
better says so. How the bytes look on the wire (detail, newline) is for the profile to say.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["CODES", "Refusal", "error_body"]

CODES: dict[str, tuple[int, str]] = {
    "BLOB_UNKNOWN": (404, "blob unknown to registry"),
    "BLOB_UPLOAD_INVALID": (400, "blob upload invalid"),
    "BLOB_UPLOAD_UNKNOWN": (404, "blob upload unknown to registry"),
    "DENIED": (403, "requested access to the resource is denied"),
    "DIGEST_INVALID": (400, "provided digest did not match uploaded content"),
    "MANIFEST_BLOB_UNKNOWN": (400, "blob unknown to registry"),
    "MANIFEST_INVALID": (400, "manifest invalid"),
    "MANIFEST_UNKNOWN": (404, "manifest unknown"),
    "NAME_INVALID": (400, "invalid repository name"),
    "NAME_UNKNOWN": (404, "repository name not known to registry"),
    "REQUESTED_RANGE_NOT_SATISFIABLE": (416, "requested range not satisfiable"),
    "SIZE_INVALID": (400, "provided length did not match content length"),
    "TOOMANYREQUESTS": (429, "too many requests"),
    "UNAUTHORIZED": (401, "authentication required"),
    "UNKNOWN": (500, "unknown error"),
    "UNSUPPORTED": (405, "The operation is unsupported."),
}
"""Code → (status, text). REQUESTED_RANGE_NOT_SATISFIABLE is GHCR's own (ghcr-wire row 7.4)."""


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """An answer that refuses.

    Args:
        code: A key of `CODES`, or any other where message and status are given.
        message: What was wrong; the code's own text where there is nothing to add.
        status: The HTTP status; the code's own where None.
        details: One error entry a detail; none gives one entry without `detail`.
        headers: More header fields, such as a challenge.
        by: The room that refuses, for the journal.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        status: int | None = None,
        details: tuple[Any, ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
        by: str = "registry",
    ) -> None:
        default_status, default_message = CODES.get(code, CODES["UNKNOWN"])
        self.code = code
        self.message = default_message if message is None else message
        self.status = default_status if status is None else status
        self.details = details
        self.headers = headers
        self.by = by
        super().__init__(f"{self.status} {code}: {self.message}")


def error_body(code: str, message: str, details: tuple[Any, ...] = (), *, newline: bool = True) -> bytes:
    """The error body of the specification, compact, as GHCR sends it (ghcr-wire row 0.1)."""
    entry: dict[str, Any] = {"code": code, "message": message}
    entries = [entry | {"detail": detail} for detail in details] or [entry]
    text = json.dumps({"errors": entries}, separators=(",", ":"), ensure_ascii=False)
    return (text + "\n" if newline else text).encode("utf-8", "backslashreplace")
