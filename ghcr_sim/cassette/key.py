"""What makes two requests the same: operation, repository, reference, `Accept` as a set, `Range`, kind of credential.

Never a token, a signature, a session's id, the spelling of a host, the client's name. Source:
`reference/record-replay.md` section 5.2; section 6 pitfalls 7 and 23.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ghcr_sim.cassette.redact import kept_query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ghcr_sim.cassette.model import Auth, AuthKind, Exchange
    from ghcr_sim.route import Operation

__all__ = [
    "BY_ACCEPT",
    "BY_RANGE",
    "IN_SESSION",
    "UNMATCHED",
    "Key",
    "auth_kind",
    "key_of_exchange",
    "key_of_request",
    "media_types",
]

BY_ACCEPT = frozenset({"manifest.get", "manifest.head"})
"""Operations of which the media types of `Accept` are compared."""

BY_RANGE = frozenset({"blob.get", "storage.get"})
"""Operations of which `Range` is compared."""

IN_SESSION = frozenset({"upload.get", "upload.patch", "upload.put", "upload.delete"})
"""Steps of an upload that was opened; which one is not compared."""

UNMATCHED = frozenset({"account", "client_id", "ns", "offline_token"})
"""Keys of a query by which clients and mirrors differ, and answers do not."""


class Key(NamedTuple):
    """What is compared.

    Attributes:
        operation: The operation.
        repository: The repository, or "".
        reference: A tag or digest; "" for what belongs to an upload, since sessions are bound later.
        query: What else is asked, sorted.
        accept: The media types, sorted, for manifests.
        range: The range, for blobs.
        auth: The kind of credential.
    """

    operation: str
    repository: str
    reference: str
    query: tuple[tuple[str, str], ...]
    accept: tuple[str, ...]
    range: str
    auth: str


def media_types(values: Iterable[str]) -> tuple[str, ...]:
    """The media types of `Accept` fields, without their weights, sorted, each once.

    Example:
        >>> media_types(["b/x;q=0.5, a/y", "a/y"])
        ('a/y', 'b/x')
    """
    found = {each.partition(";")[0].strip().lower() for value in values for each in value.split(",")}
    return tuple(sorted(found - {""}))


def auth_kind(headers: Mapping[str, str]) -> AuthKind:
    """The kind of a request's credential."""
    value = headers.get("authorization")
    if value is None:
        return "none"
    scheme, _, secret = value.strip().partition(" ")
    if scheme.lower() == "basic":
        return "basic"
    return "bearer" if secret.strip() else "empty"


def key_of_request(operation: Operation, headers: Iterable[tuple[str, str]], auth: str) -> Key:
    """The key of a request.

    Args:
        operation: What it asks for.
        headers: Its header fields; names in lower case.
        auth: The kind of its credential.
    """
    what = (operation.name, operation.repository, operation.reference)
    return _key(what, operation.query, headers, auth)


def key_of_exchange(exchange: Exchange) -> Key:
    """The key of a recorded exchange."""
    auth: Auth = exchange.auth
    what = (exchange.operation, exchange.repository, exchange.reference)
    return _key(what, exchange.query, exchange.request.headers, auth.kind)


def _key(
    what: tuple[str, str, str],
    query: Iterable[tuple[str, str]],
    headers: Iterable[tuple[str, str]],
    auth: str,
) -> Key:
    name, repository, reference = what
    fields = list(headers)
    asked = tuple(pair for pair in kept_query(name, query) if pair[0] not in UNMATCHED)
    if name == "token.get":
        # One scope with two actions and two orders of scopes ask for the same.
        asked = tuple(sorted((key, _scope(value)) for key, value in asked))
    accept = media_types(value for key, value in fields if key == "accept") if name in BY_ACCEPT else ()
    part = next((value.strip() for key, value in fields if key == "range"), "") if name in BY_RANGE else ""
    if name in IN_SESSION:
        reference = ""
    if name.startswith("storage."):
        repository, auth = "", "none"  # the shard says nothing
    return Key(name, repository, reference, asked, accept, part, auth)


def _scope(value: str) -> str:
    """A scope with its actions sorted."""
    resource, colon, actions = value.rpartition(":")
    return f"{resource}:{','.join(sorted(actions.split(',')))}" if colon else value
