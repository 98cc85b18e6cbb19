"""Forms of answers that several operations share."""

from __future__ import annotations

import json
from typing import Any

from ghcr_sim.exchange import Response

__all__ = ["JSON", "empty", "json_answer", "redirect"]

JSON = ("content-type", "application/json")
_NOTHING = ("content-length", "0")


def empty(status: int, *headers: tuple[str, str], by: str = "registry") -> Response:
    """An answer without a body, typed as GHCR types it (ghcr-wire row 0.2)."""
    if status == 204:  # noqa: PLR2004 - a 204 has no content to type or measure
        return Response(status, headers, by=by)
    return Response(status, (_NOTHING, JSON, *headers), by=by)


def json_answer(document: Any, *headers: tuple[str, str], media_type: str = "application/json") -> Response:
    """A 200 with a JSON body."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    body = text.encode("utf-8", "backslashreplace")  # a lone surrogate goes out as it came: escaped
    return Response(200, (("content-length", str(len(body))), ("content-type", media_type), *headers), body)


def redirect(status: int, location: str, *headers: tuple[str, str]) -> Response:
    """An answer that points elsewhere."""
    return Response(status, (_NOTHING, *headers, ("location", location)))
