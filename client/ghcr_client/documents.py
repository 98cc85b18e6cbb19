"""JSON that a registry sent, and the link to the next page: read with suspicion.

It knows no operation. Source: distribution specification, "Listing Tags"; RFC 8288 for `Link`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ghcr_client.errors import ProtocolError
from ghcr_client.masking import shown
from ghcr_client.redirects import same_origin, target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarl import URL

__all__ = ["json_object", "next_page"]

# Matched one after another: as one pattern, they would take exponential time on a header that is made for it.
_TARGET = re.compile(r"\s*<([^<>]{1,8192})>")
_PARAMETER = re.compile(r'\s*;[\s;]*([\w*-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s";,]*)))?')
_COMMA = re.compile(r"[\s;]*,")


def json_object(body: bytes, what: str) -> dict[str, Any]:
    """A JSON object.

    Args:
        body: What came.
        what: What it should be, for the message.

    Returns:
        The object.

    Raises:
        ProtocolError: It is not JSON, or no object; its beginning is shown.

    Example:
        >>> json_object(b'{"tags":null}', "the tags")
        {'tags': None}
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        start = shown(body[:200].decode("utf-8", "replace"), 80)
        raise ProtocolError(f"{what} came as something that is no JSON object: {start}")
    return document


def next_page(url: URL, link: str) -> str | None:
    """Where the next page of a list is.

    Args:
        url: Where this page came from.
        link: Its `Link` header, or "".

    Returns:
        An absolute URL, or None where this is the last page.

    Raises:
        ProtocolError: The next page is on another host, or nowhere.

    Example:
        >>> from yarl import URL
        >>> next_page(URL("http://127.0.0.1:5000/v2/a/b/tags/list"), '</v2/a/b/tags/list?last=x&n=0>; rel="next"')
        'http://127.0.0.1:5000/v2/a/b/tags/list?last=x&n=0'
    """
    for location, relations in _links(link):
        if "next" in relations:
            target = target_of(url, location)
            if not same_origin(url, target):
                raise ProtocolError(
                    f"{url.host} says that the next page is on {shown(str(target.host), 100)}"
                )
            return str(target)
    return None


def _links(link: str) -> Iterator[tuple[str, list[str]]]:
    """The places of a `Link`, each with its relations; what cannot be read ends it."""
    at = 0
    while form := _TARGET.match(link, at):
        at = form.end()
        relations: list[str] = []
        while said := _PARAMETER.match(link, at):
            at = said.end()
            if said[1].lower() == "rel":
                relations += (said[2] or said[3] or "").lower().split()
        yield form[1], relations
        comma = _COMMA.match(link, at)
        if comma is None:
            return
        at = comma.end()
