"""The tags of a repository as they are now, and the page of them that is asked for.

They are known where the cassette shows the whole list, in one answer or in pages that lead from one to the next. A page
ends where a recorded one would, and its `Link` is made like a recorded one; without an example there is none, and then
no answer. Sources: distribution specification, "Listing Tags"; ghcr-wire section 8.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from ghcr_sim.cassette.changes import listed_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ghcr_sim.cassette.model import Exchange
    from ghcr_sim.route import Operation

__all__ = ["Page", "link_to", "page_of", "tags_now"]

_NEXT = re.compile(r"([?&]last=)([^&>]*)")
_SIZE = re.compile(r"([?&]n=)([^&>]*)")
_DIGITS = 9


class Page(NamedTuple):
    """A page.

    Attributes:
        tags: What stands there.
        more: Whether others follow.
        example: The recorded answer that it is like.
    """

    tags: list[str]
    more: bool
    example: Exchange


def tags_now(lists: Iterable[Exchange], own: Mapping[str, bool]) -> list[str] | None:
    """All tags.

    Args:
        lists: The recorded lists that may be given now.
        own: The tags that this run has pushed or deleted → whether they are there.

    Returns:
        They, in the recorded order, new ones last; None where nobody has seen them all.
    """
    epochs: dict[tuple[int, ...], list[Exchange]] = {}
    for each in lists:
        epochs.setdefault(each.after, []).append(each)
    newest_first = sorted(epochs.values(), key=lambda found: (-len(found[0].after), -found[-1].id))
    wholes = (_whole(each) for each in newest_first)
    seen = next((each for each in wholes if each is not None), None)
    if seen is None:
        return None
    kept = [each for each in seen if own.get(each, True)]
    return [*kept, *(each for each, there in own.items() if there and each not in kept)]


def _whole(lists: list[Exchange]) -> list[str] | None:
    """What pages say together, or None where one is missing."""
    pages: dict[str, Exchange] = {}
    for each in sorted(lists, key=lambda each: len(listed_in(each, "tags"))):
        pages[dict(each.query).get("last", "")] = each
    names: list[str] = []
    last: str | None = ""
    while last is not None and (page := pages.pop(last, None)) is not None:
        names += [each for each in listed_in(page, "tags") if isinstance(each, str)]
        link = _link(page)
        if not link:
            return names
        found = _NEXT.search(link)
        last = unquote(found[2]) if found else None
    return None


def page_of(names: list[str], operation: Operation, lists: list[Exchange]) -> Page | None:
    """The page that a request asks for.

    Args:
        names: All tags.
        operation: The request.
        lists: The recorded lists, the newest last.

    Returns:
        The page; None where no recorded one shows how it would be.
    """
    asked, last = _number(operation.one("n")), operation.one("last")
    if asked is None or (last and last not in names) or not names:
        return None
    linked = [each for each in lists if _NEXT.search(_link(each))]
    if operation.one("n") is not None and not asked and not any(_default(each) for each in linked):
        return None
    start = names.index(last) + 1 if last else 0
    sizes = [size for each in linked if (size := _cut(each)) is not None]
    size = min([*sizes, *([asked] if asked else [])], default=len(names))
    page, more = names[start : start + size], start + size < len(names)
    alike = [each for each in linked if asked or not _number(dict(each.query).get("n"))] if more else lists
    return Page(page, more, alike[-1]) if page and alike else None


def link_to(value: str, last: str, n: str | None) -> str:
    """A recorded `Link`, as it leads on from another tag.

    Args:
        value: The recorded field.
        last: The last tag of the page.
        n: The number of entries that was asked for, or None.
    """
    value = _NEXT.sub(lambda found: found[1] + quote(last, safe=""), value)
    return _SIZE.sub(lambda found: found[1] + n, value) if n and int(n) else value


def _link(exchange: Exchange) -> str:
    return next((value for name, value in exchange.response.headers if name.lower() == "link"), "")


def _number(n: str | None) -> int | None:
    """What `n` says; 0 where nothing is said, and None where it is no number."""
    if n is None:
        return 0
    return int(n) if n.isascii() and n.isdigit() and len(n) <= _DIGITS else None


def _default(exchange: Exchange) -> bool:
    """Whether a `Link` says `n=0` for the page that comes without `n`, as GHCR's does (row 8.2)."""
    found = _SIZE.search(_link(exchange))
    return found is not None and found[2] == "0"


def _cut(exchange: Exchange) -> int | None:
    """How many entries the registry gave at most, where that was fewer than were asked for."""
    size, asked = len(listed_in(exchange, "tags")), _number(dict(exchange.query).get("n"))
    return size if not asked or size < asked else None
