"""From a request to a typed operation, and back: the one table of paths.

Auth scopes, limits, faults and journals all speak of an `Operation`, never of a URL. Paths are taken
apart by hand: forty regular expressions would cost as much as the whole HTTP server.
Sources: distribution specification, section "Endpoints"; ghcr-wire sections 1, 2, 6b, 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote

from ghcr_sim.exchange import origin_form
from ghcr_sim.oci import Refusal, check_repository, check_tag, parse_digest

__all__ = [
    "OPERATIONS",
    "READS",
    "WRITES",
    "Operation",
    "escaped_path",
    "format_target",
    "near_operations",
    "parse",
]

_BY_KIND: dict[str, dict[str, str]] = {
    "ping": {"GET": "ping", "HEAD": "ping"},
    "landing": {"GET": "landing", "HEAD": "landing"},
    "token": {"GET": "token.get", "POST": "token.post"},
    "catalog": {"GET": "catalog.list"},
    "tags": {"GET": "tags.list"},
    "referrers": {"GET": "referrers.list"},
    "manifests": {
        "GET": "manifest.get",
        "HEAD": "manifest.head",
        "PUT": "manifest.put",
        "DELETE": "manifest.delete",
    },
    "blobs": {"GET": "blob.get", "HEAD": "blob.head", "DELETE": "blob.delete"},
    "uploads": {"POST": "upload.post"},
    "upload": {"GET": "upload.get", "PATCH": "upload.patch", "PUT": "upload.put", "DELETE": "upload.delete"},
    "storage": {"GET": "storage.get", "HEAD": "storage.head"},
}
"""Kind of resource → method → operation."""

OPERATIONS = frozenset(name for methods in _BY_KIND.values() for name in methods.values())
"""Every operation's name, as faults and journals know it."""

WRITES = frozenset(
    {
        "manifest.put",
        "manifest.delete",
        "blob.delete",
        "upload.post",
        "upload.get",
        "upload.patch",
        "upload.put",
        "upload.delete",
    }
)
"""Operations that need the right to push (a session belongs to a push, so its status does too)."""

READS = frozenset({"manifest.get", "manifest.head", "blob.get", "blob.head", "tags.list", "referrers.list"})
"""Operations that need the right to pull."""


def near_operations(name: str) -> str:
    """What may have been meant by a name that is no operation's, or all names: `ping, blob.get`."""
    return ", ".join(get_close_matches(name, sorted(OPERATIONS), n=3) or sorted(OPERATIONS))


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request asks for.

    Attributes:
        name: One of `OPERATIONS`.
        repository: The repository, or the empty string.
        reference: A tag, a digest or an upload id: whatever the last part of the path is.
        query: The decoded query, in order.
    """

    name: str
    repository: str = ""
    reference: str = ""
    query: tuple[tuple[str, str], ...] = ()

    def one(self, key: str) -> str | None:
        """The first value of a query key, or None."""
        return next((value for k, value in self.query if k == key), None)

    def every(self, key: str) -> list[str]:
        """All values of a query key."""
        return [value for k, value in self.query if k == key]


@lru_cache(maxsize=4096)
def parse(method: str, target: str) -> Operation:
    """Find the operation of a request.

    Args:
        method: The HTTP method, upper case.
        target: Path and query, undecoded; an absolute URL is cut to them.

    Raises:
        Refusal: No such path (404), no such method on it (405), or a malformed name, tag or digest (400).
    """
    if not target.isascii():
        # Bytes that are no text come as lone surrogates, which nothing further on could write down again.
        target = target.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    raw_path, _, raw_query = origin_form(target).partition("?")
    path = unquote(raw_path, errors="replace")
    kind, repository, reference = _take_apart(path)
    methods = _BY_KIND[kind]
    name = methods.get(method)
    if name is None:
        allow = ("allow", ", ".join(methods))
        raise Refusal("UNSUPPORTED", headers=(allow,), by="route")
    query = tuple(parse_qsl(raw_query, keep_blank_values=True, errors="replace")) if raw_query else ()
    operation = Operation(name, repository, reference, query)
    _check(kind, operation)
    return operation


_FIXED = {"/v2/": "ping", "/v2": "ping", "/v2/_catalog": "catalog", "/token": "token", "/": "landing"}


def _take_apart(path: str) -> tuple[str, str, str]:
    """A path as kind, repository and reference."""
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed, "", ""
    found = _of_repository(path[4:]) if path.startswith("/v2/") else _of_storage(path)
    if found is None:
        raise Refusal("NAME_UNKNOWN", f"no such path: {path[:80]!r}", by="route")
    return found


def _of_repository(path: str) -> tuple[str, str, str] | None:
    """What follows `/v2/`. The last words decide: a repository may be called `a/tags`."""
    head, _, last = path.rpartition("/")
    name, _, word = head.rpartition("/")
    match word, last:
        case ("tags", "list") if name:
            return "tags", name, ""
        case ("blobs", "uploads") if name:
            return "uploads", name, ""
        case (("manifests" | "blobs" | "referrers"), _) if name and last:
            return word, name, last
        case (("uploads" | "upload"), _) if name.endswith("/blobs"):
            repository = name.removesuffix("/blobs")
            return ("upload", repository, last) if last else ("uploads", repository, "")
    return None


def _of_storage(path: str) -> tuple[str, str, str] | None:
    """The storage host's paths: `/<shard>/blobs/<digest>` (ghcr-wire rows 6.7 and 6.9)."""
    match path.split("/"):
        case ["", shard, "blobs", digest] if shard.startswith("ghcr") and shard.isascii() and shard.isalnum():
            return "storage", shard, digest
    return None


def _check(kind: str, operation: Operation) -> None:
    """Refuse a malformed repository, tag or digest before anything looks at them."""
    if kind == "storage":
        parse_digest(operation.reference)
    elif operation.repository:
        check_repository(operation.repository)
        if kind in {"blobs", "referrers"} or (kind == "manifests" and ":" in operation.reference):
            parse_digest(operation.reference)
        elif kind == "manifests":
            check_tag(operation.reference)


_TEMPLATES = {
    "ping": "/v2/",
    "landing": "/",
    "token.get": "/token",
    "token.post": "/token",
    "catalog.list": "/v2/_catalog",
    "tags.list": "/v2/{repository}/tags/list",
    "referrers.list": "/v2/{repository}/referrers/{reference}",
    "upload.post": "/v2/{repository}/blobs/uploads/",
}
_BY_NOUN = {
    "manifest": "/v2/{repository}/manifests/{reference}",
    "blob": "/v2/{repository}/blobs/{reference}",
    "upload": "/v2/{repository}/blobs/upload/{reference}",
    "storage": "/{repository}/blobs/{reference}",
}


def format_target(operation: Operation) -> str:
    """The target that parses back to this operation."""
    template = _TEMPLATES.get(operation.name) or _BY_NOUN[operation.name.partition(".")[0]]
    # An upload's id may hold anything: a client makes one up.
    path = template.format(repository=operation.repository, reference=quote(operation.reference, safe=":"))
    query = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in operation.query)
    return f"{path}?{query}" if query else path


def escaped_path(operation: Operation) -> str:
    """The path behind `/v2/` as one escaped word, a digest cut at its colon.

    So GHCR names it when it sends a client to github.com (ghcr-wire row 3.11).
    """
    path = format_target(operation).partition("?")[0].removeprefix("/v2/")
    return quote(path.partition(":")[0], safe="")
