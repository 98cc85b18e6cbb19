"""A cassette as a HAR file, for tools that show those: what the cassette has, and nothing that it left out.

Times are the recording's own, once for all. Source: HAR 1.2.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ghcr_sim.cassette.addresses import API_HOST
from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.cassette.order import session_of
from ghcr_sim.cassette.player import method_of, path_of

if TYPE_CHECKING:
    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.cassette.model import Exchange

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
    query = [{"name": name, "value": value} for name, value in each.query]
    return {
        "startedDateTime": cassette.header.recorded_at or "1970-01-01T00:00:00Z",
        "time": 0,
        "request": {
            "method": method_of(each),
            "url": _url(cassette, each),
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
            "content": _content(cassette, each),
            "redirectURL": _field(each, "location"),
            "headersSize": -1,
            "bodySize": each.response.body.size if each.response.body else 0,
        },
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
    }


def _url(cassette: Cassette, each: Exchange) -> str:
    """Where it went; of an upload with the placeholder of its session."""
    header = cassette.header
    origins = {"registry": header.upstream, "storage": header.storage, "api": f"https://{API_HOST}"}
    origin = origins[each.host] or "https://storage"
    session = session_of(each) if each.operation != "upload.post" else None
    query = f"?{urlencode(each.query, safe=':/,')}" if each.query else ""
    return f"{origin}{path_of(each)}{session or ''}{query}"


def _field(each: Exchange, name: str) -> str:
    """A field of the answer, or ""."""
    return {key.lower(): value for key, value in each.response.headers}.get(name, "")


def _pairs(headers: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _content(cassette: Cassette, each: Exchange) -> dict[str, Any]:
    body, said = each.response.body, _field(each, "content-type")
    if body is None:
        return {"size": 0, "mimeType": said}
    if body.text is not None:
        return {"size": body.size, "mimeType": said, "text": body.text}
    named = {
        "size": body.size,
        "mimeType": said or "application/octet-stream",
        "comment": body.digest or "not kept",
    }
    if body.pooled and body.digest and body.size <= _INLINE:
        try:
            data = cassette.pool.read(body.digest)
        except CassetteError as error:  # the rest is worth to be read
            return named | {"comment": str(error)}
        return named | {"text": b64encode(data).decode(), "encoding": "base64"}
    return named
