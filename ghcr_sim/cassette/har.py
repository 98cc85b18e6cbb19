"""A cassette as a HAR file, for tools that show those: what the cassette has, and nothing that it left out.

Times are the recording's own, once for all. Source: HAR 1.2.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from ghcr_sim.cassette.player import method_of, path_of

if TYPE_CHECKING:
    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.cassette.model import Body, Exchange

__all__ = ["to_har"]

_INLINE = 1 << 20


def to_har(cassette: Cassette) -> dict[str, Any]:
    """The HAR document of a cassette.

    Args:
        cassette: The cassette.

    Returns:
        A document of plain values, to be written as JSON. Bodies over a mebibyte are named by digest and size.
    """
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "ghcr-sim", "version": cassette.header.tool},
            "entries": [_entry(cassette, each) for each in cassette.exchanges],
        }
    }


def _entry(cassette: Cassette, each: Exchange) -> dict[str, Any]:
    origin = cassette.header.upstream if each.host == "registry" else f"https://{each.host}"
    query = [{"name": name, "value": value} for name, value in each.query]
    return {
        "startedDateTime": cassette.header.recorded_at or "1970-01-01T00:00:00Z",
        "time": 0,
        "request": {
            "method": method_of(each),
            "url": origin + path_of(each),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _pairs(each.request.headers),
            "queryString": query,
            "headersSize": -1,
            "bodySize": each.request.body.size if each.request.body else 0,
        },
        "response": {
            "status": each.response.status,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _pairs(each.response.headers),
            "content": _content(cassette, each.response.body),
            "redirectURL": {name.lower(): value for name, value in each.response.headers}.get("location", ""),
            "headersSize": -1,
            "bodySize": each.response.body.size if each.response.body else 0,
        },
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
    }


def _pairs(headers: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _content(cassette: Cassette, body: Body | None) -> dict[str, Any]:
    if body is None:
        return {"size": 0, "mimeType": ""}
    if body.text is not None:
        return {"size": body.size, "mimeType": "", "text": body.text}
    named = {"size": body.size, "mimeType": "application/octet-stream", "comment": body.digest or "not kept"}
    if body.pooled and body.digest and body.size <= _INLINE:
        data = cassette.pool.read(body.digest)
        return named | {"text": b64encode(data).decode(), "encoding": "base64"}
    return named
