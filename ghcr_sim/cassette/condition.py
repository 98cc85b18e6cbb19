"""Conditional requests: whether an answer to one condition answers another, or none.

304 and 412 speak of one condition and of no other. An answer with content answers each condition that it fulfils: one
whose tags it does not have. What a registry would say of tags that it does have nobody can know who has not heard it.
Source: RFC 9110 sections 13.1.1 and 13.1.2; `reference/ghcr-wire.md` does not know GHCR's way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghcr_sim.cassette.model import Exchange

__all__ = ["Condition", "allows", "answers", "condition_of"]

Condition = tuple[tuple[str, str], ...]
"""The name of a field, and a tag in it, without its weakness; sorted; empty where nothing is asked."""

_FIELDS = frozenset({"if-match", "if-none-match"})
_OF_CONDITION = frozenset({304, 412})
_OK = range(200, 300)


def condition_of(headers: Iterable[tuple[str, str]]) -> Condition:
    """The condition in a request's header fields.

    Args:
        headers: The fields.

    Example:
        >>> condition_of([("If-None-Match", 'W/"b", "a"')])
        (('if-none-match', '"a"'), ('if-none-match', '"b"'))
    """
    said = ((name.lower(), each.strip()) for name, value in headers for each in value.split(","))
    return tuple(sorted({(name, tag.removeprefix("W/")) for name, tag in said if name in _FIELDS and tag}))


def answers(exchange: Exchange, asked: Condition) -> bool:
    """Whether a recorded answer is one to this condition."""
    if condition_of(exchange.request.headers) == asked:
        return True
    return allows(exchange.response.status, exchange.response.headers, asked)


def allows(status: int, headers: Iterable[tuple[str, str]], asked: Condition) -> bool:
    """Whether an answer that was given to another condition, or to none, may be given to this one.

    Args:
        status: Its status.
        headers: Its header fields.
        asked: The condition.
    """
    if status in _OF_CONDITION:
        return False
    if not asked or status not in _OK:
        return True
    fields = [(name.lower(), value) for name, value in headers]
    tags = {value.removeprefix("W/") for name, value in fields if name == "etag"}
    tags |= {f'"{value}"' for name, value in fields if name == "docker-content-digest"}
    return not any(name == "if-match" or tag == "*" or tag in tags for name, tag in asked)
