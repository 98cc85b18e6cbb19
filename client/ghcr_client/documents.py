"""JSON that a registry sent, and the links from page to page: read with suspicion.

It knows no operation. Source: distribution specification, "Listing Tags"; RFC 8288 for `Link`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ghcr_client.answers import fields
from ghcr_client.errors import ProtocolError
from ghcr_client.masking import shown
from ghcr_client.redirects import same_origin, target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarl import URL

    from ghcr_client.calls import Answer

__all__ = ["Pages", "json_object", "next_page"]

# Matched one after another: as one pattern, they would take exponential time on a header that is made for it.
_TARGET = re.compile(r"\s*<([^<>]{1,8192})>")
_PARAMETER = re.compile(r'\s*;[\s;]*([\w*-]+)\s*(?:=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s";,]*)))?')
_ESCAPE = re.compile(r"\\(.)")
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


class Pages:
    """The pages of a list, from link to link: it ends where a link comes that was followed already, and in any case.

    A page without anything new is no end: registries filter, and send what is left of a page.

    Args:
        what: What is listed, for the message.
        most: How many pages are read.
    """

    def __init__(self, what: str, most: int) -> None:
        self._what = what
        self._most = most
        self._followed: set[str] = set()

    def after(self, answer: Answer, otherwise: str | None = None) -> str | None:
        """Where the page after this one is.

        Args:
            answer: This page.
            otherwise: Where it is if this page has no link to it.

        Returns:
            A URL, or None where all pages were read.

        Raises:
            ProtocolError: The next page is on another host, or nowhere; or there are too many.
        """
        target = next_page(answer.url, *fields(answer.headers, "link")) or otherwise
        if target is None or target in self._followed:
            return None
        self._followed.add(target)
        if len(self._followed) >= self._most:
            raise ProtocolError(f"{self._what} take more than {self._most} pages")
        return target


def next_page(url: URL, *links: str) -> str | None:
    """Where the next page of a list is.

    Args:
        url: Where this page came from.
        links: Its `Link` fields.

    Returns:
        An absolute URL, or None where this is the last page.

    Raises:
        ProtocolError: The next page is on another host, or nowhere.

    Example:
        >>> from yarl import URL
        >>> next_page(URL("http://127.0.0.1:5000/v2/a/b/tags/list"), '</v2/a/b/tags/list?last=x&n=0>; rel="next"')
        'http://127.0.0.1:5000/v2/a/b/tags/list?last=x&n=0'
    """
    for location, relations in (each for link in links for each in _links(link)):
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
                relations += _ESCAPE.sub(r"\1", said[2] or said[3] or "").lower().split()
        yield form[1], relations
        comma = _COMMA.match(link, at)
        if comma is None:
            return
        at = comma.end()
