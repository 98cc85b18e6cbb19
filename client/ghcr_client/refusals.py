"""The one table from a registry's refusal to its exception.

It reads an answer that came and raises nothing. Sources: distribution specification, section "Error Codes";
`reference/ghcr-wire.md` sections 7, 7b and 10b.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from ghcr_client.advice import STORAGE_ADVICE, advice
from ghcr_client.answers import allowed_rate, has_registry_signs, header, read_error_body, retry_after
from ghcr_client.errors import (
    BlobUnknown,
    Denied,
    InvalidContent,
    InvalidUpload,
    ManifestUnknown,
    NameUnknown,
    NotDeletable,
    NotFound,
    RateLimited,
    RegistryError,
    ServerError,
    Unauthorized,
    Unsupported,
    UploadUnknown,
)

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

__all__ = ["SECONDARY_WAIT", "codes_of", "error_from_answer"]

SECONDARY_WAIT = 60.0
"""Seconds to wait on a limit that names no time: GitHub asks for at least a minute."""

_REQUEST_ID = re.compile(r"[0-9A-Fa-f:-]{1,100}")


class _Row(NamedTuple):
    """One line of the table; what is left empty fits everything."""

    error: type[RegistryError]
    statuses: Container[int] = range(1000)
    code: str = ""
    about: str = ""
    words: str = ""


_TABLE = (
    _Row(RateLimited, {429}),
    _Row(RateLimited, code="TOOMANYREQUESTS"),
    _Row(RateLimited, {403}, words="secondary rate limit"),
    _Row(RateLimited, {403}, words="api rate limit exceeded"),
    _Row(ServerError, range(500, 600)),
    _Row(Unauthorized, {401}),
    _Row(Denied, {403}),
    _Row(NotDeletable, {400}, about="package.delete"),
    _Row(Denied, {400}, about="package", words="invalid argument"),
    _Row(Unsupported, {405}),
    _Row(Unsupported, {400, 404, 415, 501}, "UNSUPPORTED"),
    _Row(InvalidUpload, {400, 404, 416}, "BLOB_UPLOAD_INVALID"),
    _Row(InvalidUpload, {400, 416}, "RANGE_INVALID", "upload"),
    _Row(InvalidUpload, {416}, "REQUESTED_RANGE_NOT_SATISFIABLE", "upload"),
    _Row(InvalidUpload, {416}, about="upload"),
    _Row(UploadUnknown, {400, 404}, "BLOB_UPLOAD_UNKNOWN"),
    _Row(InvalidContent, {400, 404}, "MANIFEST_BLOB_UNKNOWN"),
    _Row(ManifestUnknown, {404}, "MANIFEST_UNKNOWN"),
    _Row(BlobUnknown, {404}, "BLOB_UNKNOWN"),
    _Row(NameUnknown, {404}, "NAME_UNKNOWN"),
    _Row(InvalidContent, {400, 404, 413}, "MANIFEST_INVALID"),
    _Row(InvalidContent, {400, 404, 413}, "SIZE_INVALID"),
    _Row(InvalidContent, {400, 404}, "MANIFEST_UNVERIFIED"),
    _Row(InvalidContent, {400, 404}, "DIGEST_INVALID"),
    _Row(InvalidContent, {400, 404}, "NAME_INVALID"),
    _Row(InvalidContent, {400, 404}, "TAG_INVALID"),
    _Row(ManifestUnknown, {303, 404}, about="manifest"),
    _Row(BlobUnknown, {404}, about="blob"),
    _Row(UploadUnknown, {404}, about="upload."),
    _Row(NameUnknown, {404}, about="tags"),
    _Row(NotFound, {303, 404}),
    _Row(InvalidUpload, {400}, about="upload"),
    _Row(InvalidContent, {400, 413}),
    _Row(RegistryError),
)
"""The first line that fits holds: a status that says who must act comes before codes, codes before bare statuses."""


def codes_of(error: type[RegistryError]) -> tuple[str, ...]:
    """The error codes that an exception stands for: the table, read backwards.

    Args:
        error: A class of the tree.

    Returns:
        The codes, in the table's order; empty where the status alone decides.

    Example:
        >>> from ghcr_client.errors import UploadUnknown
        >>> codes_of(UploadUnknown)
        ('BLOB_UPLOAD_UNKNOWN',)
    """
    return tuple(row.code for row in _TABLE if row.error is error and row.code)


def error_from_answer(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    operation: str,
    url: str | None = None,
    now: datetime | None = None,
    from_storage: bool = False,
) -> RegistryError:
    """The exception for an answer that refuses; it never raises one itself.

    Args:
        status: The HTTP status.
        headers: The answer's header fields, in any case.
        body: The answer's body; of a long one, the first 64 KiB are enough.
        operation: What was asked for: `manifest.get`, `blob.head`, `upload.put`, `tags.list` and so on. Its first word
            decides where an answer has no code, as those to HEAD have none.
        url: Where it was asked.
        now: What time it is, for `reset_at`; this machine's time by default.
        from_storage: Whether another host answered, to which the registry had sent.

    Returns:
        An exception that was not raised yet.

    Example:
        >>> body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"retry-after: 250ms, allowed: 2000/minute"}]}'
        >>> error = error_from_answer(429, {}, body, operation="upload.put")
        >>> type(error).__name__, error.retry_after, error.allowed
        ('RateLimited', 0.25, '2000/minute')
    """
    said = read_error_body(body)
    words = f"{said.code} {said.message}".lower()
    kind = next(row.error for row in _TABLE if _fits(row, status, said.code, operation, words))
    wait = retry_after(headers, said.message, now)
    if kind is RateLimited and status == 403 and wait is None:  # noqa: PLR2004 - the secondary limit names no time
        wait = SECONDARY_WAIT
    error = kind(
        said.message,
        status=status,
        code=said.code,
        detail=said.detail,
        request_id=_request_id(headers),
        operation=operation,
        url=url,
        retry_after=wait,
        advice=STORAGE_ADVICE if from_storage else advice(status, words, operation),
        from_storage=from_storage,
    )
    error.from_registry = has_registry_signs(headers, body)
    if isinstance(error, RateLimited):
        error.allowed = allowed_rate(said.message)
        error.reset_at = _later(now or datetime.now(UTC), wait)
    return error


def _fits(row: _Row, status: int, code: str, operation: str, words: str) -> bool:
    """Whether a line of the table is about this answer."""
    return (
        status in row.statuses
        and row.code in ("", code.upper())
        and operation.startswith(row.about)
        and row.words in words
    )


def _request_id(headers: Mapping[str, str]) -> str | None:
    """GitHub's name for a request; what does not look like one may be anything, and is left out."""
    said = _REQUEST_ID.fullmatch(header(headers, "x-github-request-id"))
    return None if said is None else said[0]


def _later(now: datetime, wait: float | None) -> datetime | None:
    """When a wait is over; None where it is unknown, or beyond the calendar."""
    try:
        return None if wait is None else now + timedelta(seconds=wait)
    except OverflowError:
        return None
