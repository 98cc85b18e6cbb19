"""Where a recorded request goes, and how what comes back is addressed for the client: a door on a port, or a proxy.

The reverse door stands for the registry under a loopback name, and for the storage host under another one: realm,
`Location` and `Link` are rewritten, so that the client stays at the door. The forward one is a proxy: hosts are the
real ones. Signed addresses live here and nowhere else. Source: `reference/record-replay.md` sections 3.3 and 5.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, urljoin, urlsplit

from ghcr_sim.clock import Ids
from ghcr_sim.exchange import Request, Response, origin_form
from ghcr_sim.oci import Refusal
from ghcr_sim.oci.refusals import error_body
from ghcr_sim.registry.storage import other_origin
from ghcr_sim.route import Operation, parse

if TYPE_CHECKING:
    from ghcr_sim.cassette.model import Host

__all__ = ["API_HOST", "Addresses", "ForwardDoor", "Place", "ReverseDoor"]

API_HOST = "api.github.com"

Headers = tuple[tuple[str, str], ...]
_REALM = re.compile(r'realm="([^"]*)"')
_SENT_ON = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes.

    Attributes:
        host: Who is asked.
        url: The real URL.
        operation: What is asked for.
        drops_credentials: Whether a credential must not go along.
    """

    host: Host
    url: str
    operation: Operation
    drops_credentials: bool = False


class Addresses(Protocol):
    """A door's idea of addresses."""

    def place(self, request: Request) -> Place | Response:
        """Where a request goes, or why it goes nowhere."""

    def for_client(self, request: Request, place: Place, headers: Headers) -> Headers:
        """An answer's header fields, as the client at this door needs them."""


class _Known:
    """What both doors learn on the way: realms, and where a signed address leads."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream.rstrip("/")
        self.storage = ""
        self.realm: str | None = None
        self._digests: dict[str, str] = {}

    def learn(self, place: Place, headers: Headers) -> None:
        """Take note of a challenge and of a redirect to storage."""
        for name, value in headers:
            if name.lower() == "www-authenticate" and (found := _REALM.search(value)):
                self.realm = urljoin(place.url, found[1])
            elif name.lower() == "location" and place.operation.name == "blob.get":
                url = urljoin(place.url, value)
                if _origin(url) != self.upstream:
                    self.storage = _origin(url)
                    self._digests[urlsplit(url).path] = place.operation.reference

    def storage_operation(self, method: str, path: str) -> Operation:
        """What is asked of the storage host: a blob, by the digest in the path or by the redirect that led there."""
        digest = self._digests.get(path)
        name = "storage.head" if method == "HEAD" else "storage.get"
        if digest is not None:
            return Operation(name, "", digest)
        return parse(method, path)

    def token_operation(self, method: str, query: str) -> Operation:
        """What is asked of the realm."""
        name = "token.post" if method == "POST" else "token.get"
        return Operation(name, query=tuple(parse_qsl(query, keep_blank_values=True)))

    def is_realm(self, url: str) -> bool:
        """Whether a URL is the realm that a challenge named."""
        return self.realm is not None and url.partition("?")[0] == self.realm.partition("?")[0]


class ReverseDoor(_Known):
    """The registry on a loopback port.

    Args:
        upstream: The real registry's origin, such as `https://ghcr.io`.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self._signed: dict[str, str] = {}
        self._ids = Ids()

    def place(self, request: Request) -> Place | Response:
        """Where a request goes."""
        path, _, query = origin_form(request.target).partition("?")
        if (signed := self._signed.get(path)) is not None:
            operation = self.storage_operation(request.method, urlsplit(signed).path)
            return Place("storage", signed, operation, drops_credentials=True)
        if path == "/token":
            realm = self.realm or f"{self.upstream}/token"
            return Place("registry", _with_query(realm, query), self.token_operation(request.method, query))
        try:
            operation = parse(request.method, request.target)
        except Refusal as refusal:
            return _refused(refusal)
        return Place("registry", f"{self.upstream}{origin_form(request.target)}", operation)

    def for_client(self, request: Request, place: Place, headers: Headers) -> Headers:
        """The fields with all addresses at this door."""
        self.learn(place, headers)
        here = f"{request.scheme}://{request.authority}"
        return tuple(
            (name, self._moved(name.lower(), value, here, request, place)) for name, value in headers
        )

    def _moved(self, name: str, value: str, here: str, request: Request, place: Place) -> str:
        if name == "www-authenticate":
            return _REALM.sub(f'realm="{here}/token"', value)
        if name == "location":
            return self._location(value, here, request, place)
        return value.replace(self.upstream, here) if name == "link" else value

    def _location(self, value: str, here: str, request: Request, place: Place) -> str:
        url = urljoin(place.url, value)
        if _origin(url) == self.upstream:
            return value.replace(self.upstream, here)
        if place.operation.name != "blob.get":
            return value  # somewhere else altogether, as GHCR's 303 to github.com: nobody follows it here
        path = f"/ghcr1/{self._ids.uuid()}/{place.operation.reference}"
        self._signed[path] = url
        return f"{other_origin(request)}{path}"


class ForwardDoor(_Known):
    """A proxy that has taken over the registry's hosts.

    Args:
        upstream: The real registry's origin.
        hosts: Other hosts whose exchanges are recorded: the storage host's, GitHub's API.
    """

    def __init__(self, upstream: str, hosts: frozenset[str]) -> None:
        super().__init__(upstream)
        self._hosts = hosts

    def place(self, request: Request) -> Place | Response:
        """Where a request goes."""
        host = request.authority.partition(":")[0].lower()
        target = origin_form(request.target)
        url = f"https://{request.authority.removesuffix(':443')}{target}"
        path, _, query = target.partition("?")
        try:
            if self.is_realm(url):
                return Place("registry", url, self.token_operation(request.method, query))
            if _origin(url) == self.upstream:
                return Place("registry", url, parse(request.method, target))
            if host == API_HOST:
                pairs = tuple(parse_qsl(query, keep_blank_values=True))
                return Place("api", url, Operation(f"api.{request.method.lower()}", "", path, pairs))
            if host in self._hosts or _origin(url) == self.storage:
                return Place("storage", url, self.storage_operation(request.method, path))
        except Refusal as refusal:
            return _refused(refusal)
        return _refused(Refusal("DENIED", f"{host} is not recorded", status=403))

    def for_client(self, request: Request, place: Place, headers: Headers) -> Headers:  # noqa: ARG002 - the protocol's
        """The fields as they are."""
        self.learn(place, headers)
        return headers


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _with_query(url: str, query: str) -> str:
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _refused(refusal: Refusal) -> Response:
    """What cannot be recorded: it is answered here, and nothing is sent."""
    body = error_body(refusal.code, refusal.message)
    headers = (("content-length", str(len(body))), ("content-type", "application/json"))
    return Response(refusal.status, headers, body, by="door")
