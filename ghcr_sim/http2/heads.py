"""Header fields of HTTP/2 and the exchange's, one from the other. Source: RFC 9113, sections 8.2 and 8.3."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from multidict import CIMultiDict

from ghcr_sim.exchange import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BROKEN", "read_head", "write_head"]

_CONNECTION_FIELDS = frozenset(
    {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)
"""Fields that belong to a connection of HTTP/1.1; a response of HTTP/2 that has one is malformed."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(r"[^\0\r\n]*")

_BROKEN_BODY = b'{"errors":[{"code":"UNKNOWN","message":"unknown error"}]}\n'

BROKEN = Response(
    500,
    (("content-length", str(len(_BROKEN_BODY))), ("content-type", "application/json")),
    _BROKEN_BODY,
    by="serve",
)
"""The answer for what must never happen; it tells the client nothing of our insides."""


def read_head(fields: Iterable[tuple[bytes, bytes]]) -> Request:
    """Turn the fields of a request, which h2 has checked, into its head.

    `:authority` appears among the headers as `Host`, where handlers and journals know to look for it.
    """
    pseudo: dict[str, str] = {}
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in fields:
        key, text = name.decode("latin-1"), value.decode("utf-8", "surrogateescape")
        if key.startswith(":"):
            pseudo[key] = text
        else:
            headers.add(key, text)
    authority = pseudo.get(":authority", "") or str(headers.get("host", ""))
    headers["host"] = authority
    target = pseudo.get(":path", authority)
    return Request(pseudo[":method"], target, headers, pseudo.get(":scheme", "https"), authority)


def write_head(response: Response) -> list[tuple[bytes, bytes]]:
    """Turn a response's status and headers into fields.

    Raises:
        ValueError: A header cannot be sent: it would break the connection for every other stream.
    """
    fields = [(b":status", b"%d" % response.status)]
    for name, value in response.headers:
        key = name.lower()
        if key in _CONNECTION_FIELDS:
            continue
        if not _NAME.fullmatch(key) or not _VALUE.fullmatch(value):
            raise ValueError(f"the header {name!r}: {value!r} cannot be sent")
        fields.append((key.encode(), value.strip(" \t").encode("utf-8", "surrogateescape")))
    return fields
