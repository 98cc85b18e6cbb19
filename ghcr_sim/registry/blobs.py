"""Blobs: distribution specification, sections "Pulling blobs" and "Deleting blobs"; ghcr-wire section 6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_sim.exchange import Content, Request, Response
from ghcr_sim.oci import Refusal
from ghcr_sim.ranges import BadRange, parse_range
from ghcr_sim.registry.answers import empty

if TYPE_CHECKING:
    from ghcr_sim.profiles.model import Profile
    from ghcr_sim.route import Operation
    from ghcr_sim.store import Blob, Store

__all__ = ["delete", "find", "head", "serve"]

_BYTES = ("content-type", "application/octet-stream")


def find(store: Store, operation: Operation) -> Blob:
    """The blob of this repository.

    Raises:
        Refusal: BLOB_UNKNOWN; a manifest's digest is no blob (row 6.4).
    """
    blob = store.blob(operation.repository, operation.reference)
    if blob is None:
        raise Refusal("BLOB_UNKNOWN")
    return blob


def head(profile: Profile, store: Store, operation: Operation) -> Response:
    """Whether a blob is there, and how large; never redirected (row 6.2)."""
    blob = find(store, operation)
    headers: tuple[tuple[str, str], ...] = (("content-length", str(blob.size)), _BYTES)
    if profile.blobs.digest_on_head:
        headers += (("docker-content-digest", blob.digest), ("accept-ranges", "bytes"))
    return Response(200, headers)


def serve(blob: Blob, request: Request, *more: tuple[str, str], by: str = "registry") -> Response:
    """The bytes, or the part of them that `Range` asks for (RFC 9110, section 14)."""
    common = (_BYTES, ("accept-ranges", "bytes"), ("docker-content-digest", blob.digest), *more)
    return ranged(blob, request, common, by=by)


def ranged(blob: Blob, request: Request, common: tuple[tuple[str, str], ...], *, by: str) -> Response:
    """A 200, a 206 or a 416, whatever the other header fields are."""
    asked = None if request.method == "HEAD" else _asked(request, common)
    try:
        span = parse_range(asked, blob.size)
    except BadRange as why:
        text = f"the range {str(asked)[:80]!r} {why}; the blob has {blob.size} bytes"
        refused = ("content-range", f"bytes */{blob.size}")
        raise Refusal("REQUESTED_RANGE_NOT_SATISFIABLE", text, headers=(refused,), by=by) from None
    if span is None:
        return Response(
            200, (("content-length", str(blob.size)), *common), Content(blob, 0, blob.size), by=by
        )
    start, stop = span
    headers = (
        ("content-length", str(stop - start)),
        ("content-range", f"bytes {start}-{stop - 1}/{blob.size}"),
        *common,
    )
    return Response(206, headers, Content(blob, start, stop), by=by)


def _asked(request: Request, common: tuple[tuple[str, str], ...]) -> str | None:
    """The range that is asked for; none where `If-Range` speaks of something else (RFC 9110, section 13.1.5)."""
    condition = request.headers.get("if-range")
    if condition is not None and not {("etag", condition), ("last-modified", condition)} & {*common}:
        return None
    return request.headers.get("range")


def delete(profile: Profile, store: Store, operation: Operation) -> Response:
    """Take a blob from this repository."""
    if not profile.blobs.delete:
        raise Refusal("UNSUPPORTED")
    if not store.delete_blob(operation.repository, operation.reference):
        raise Refusal("BLOB_UNKNOWN")
    return empty(202)
