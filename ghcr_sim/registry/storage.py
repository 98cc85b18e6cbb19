"""The storage host: blob GETs are redirected to it, to a signed address that expires (ghcr-wire section 6b).

It is another origin on purpose. A bearer that arrives here has leaked to a host that must not see it. Where the
redirect stays at the same origin a client may keep its bearer; the signature says which of the two it was.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from ghcr_sim.clock import Clock, http_date
from ghcr_sim.exchange import Request, Response
from ghcr_sim.journal import LEAK
from ghcr_sim.oci.digests import parse_digest
from ghcr_sim.registry.answers import redirect
from ghcr_sim.registry.blobs import ranged

if TYPE_CHECKING:
    from ghcr_sim.profiles.model import Profile
    from ghcr_sim.route import Operation
    from ghcr_sim.store import Blob, Store

__all__ = ["GHCR_STORAGE", "StorageHost"]

GHCR_STORAGE = "pkg-containers.githubusercontent.com"
"""The real storage host's name: the fake's too where it answers to the name ghcr.io."""

_ACCOUNT = "a1b2c3d4-0000-4000-8000-5ca1ab1e0000"
_TENANT = "398a6654-997b-47e9-b12b-9515b896b4de"


class StorageHost:
    """Signs addresses and answers them.

    Attributes:
        origin: `scheme://host:port` of the storage host. None derives it from the name that was dialled, where
            `localhost` stays at the same origin: clients follow no redirect from it to an IP address. The empty
            string is the same origin always: the server knows no second name, so no credential can leak to it.
    """

    def __init__(self, profile: Profile, store: Store, clock: Clock, key: bytes) -> None:
        self._profile = profile
        self._store = store
        self._clock = clock
        self._key = key
        self._born = http_date(clock.now())
        self.origin: str | None = None

    # -- on the registry's side

    def redirect(self, blob: Blob, request: Request) -> Response:
        """The 307 to a blob (row 6.1), without a digest header."""
        here = f"{request.scheme}://{request.authority}"
        origin = _other_name(request) if self.origin is None else self.origin
        same = not origin or _origin(origin) == _origin(here)
        octets = ("content-type", "application/octet-stream")
        return redirect(307, (origin or here) + self._signed(blob.digest, same=same), octets)

    def _signed(self, digest: str, *, same: bool) -> str:
        settings = self._profile.storage
        shard = settings.shards[int(digest[-4:], 16) % len(settings.shards)]
        latest = int(self._clock.now()) + settings.ahead
        expiry = _stamp(latest - latest % settings.round_to)
        mac = self._mac(shard, digest, expiry, same=same)
        return f"/{shard}/blobs/{digest}?{self._query(mac, expiry)}"

    def _mac(self, shard: str, digest: str, expiry: str, *, same: bool) -> bytes:
        said = f"{shard} {digest} {expiry} {'same' if same else 'other'}"
        return hmac.digest(self._key, said.encode(), hashlib.sha256)

    def _query(self, mac: bytes, expiry: str) -> str:
        """The signed query, its parameters in GHCR's order (rows 6.7 and 6.8)."""
        se, sig = quote(expiry, safe=""), quote(base64.b64encode(mac).decode(), safe="")
        if self._profile.storage.form == "sas-2019":
            return f"se={se}&sig={sig}&sp=r&spr=https&sr=b&sv=2019-12-12"
        end = datetime.fromisoformat(expiry)
        until, since = (
            quote(_stamp(end.timestamp() + 86_400), safe=""),
            quote(_stamp(end.timestamp() - 86_400), safe=""),
        )
        return (
            f"se={se}&sig={sig}&ske={until}&skoid={_ACCOUNT}&sks=b&skt={since}&sktid={_TENANT}&skv=2025-01-05"
            f"&sp=r&spr=https&sr=b&sv=2025-01-05&hmac={hmac.digest(self._key, mac, hashlib.sha256).hex()}"
        )

    # -- on its own side

    def answer(self, operation: Operation, request: Request) -> Response:
        """Serve a signed address (GET and HEAD)."""
        if "authorization" in request.headers and not self._is_signed(operation, same=True):
            return self._refuse(
                self._profile.storage.bearer_status,
                "AuthenticationFailed",
                "Server failed to authenticate the request. Make sure the value of Authorization header is formed "
                "correctly including the signature.",
                by=LEAK,
            )
        why = self._why_not(operation)
        if why is not None:
            return self._refuse(403, "AuthenticationFailed", why)
        blob = self._store.find_blob(operation.reference)
        if blob is None:
            return self._refuse(404, "BlobNotFound", "The specified blob does not exist.")
        headers = (
            ("content-type", "application/octet-stream"),
            ("accept-ranges", "bytes"),
            ("etag", f'"0x8D{parse_digest(blob.digest).hex[:12].upper()}"'),
            ("last-modified", self._born),
        )
        return ranged(blob, request, headers, by="storage")

    def _why_not(self, operation: Operation) -> str | None:
        """Whether the signature is ours, and still good."""
        if not (self._is_signed(operation, same=True) or self._is_signed(operation, same=False)):
            return "Signature did not match."
        expiry = operation.one("se") or ""
        if self._clock.now() >= datetime.fromisoformat(expiry).timestamp():
            return f"Signed expiry time [{expiry}] must be after signed start time."
        return None

    def _is_signed(self, operation: Operation, *, same: bool) -> bool:
        expiry, sig = operation.one("se") or "", operation.one("sig") or ""
        mac = self._mac(operation.repository, operation.reference, expiry, same=same)
        return hmac.compare_digest(base64.b64encode(mac), sig.encode("utf-8", "replace"))

    @staticmethod
    def _refuse(status: int, code: str, message: str, by: str = "storage") -> Response:
        """An error as Azure words it. GHCR's own text was not recorded."""
        text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
        body = text.encode()
        return Response(
            status, (("content-length", str(len(body))), ("content-type", "application/xml")), body, by=by
        )


_OTHER_NAMES = {"ghcr.io": GHCR_STORAGE, "localhost": "127.0.0.1"}


def other_origin(request: Request) -> str:
    """The storage host of the name that a client dialled: the real one's for ghcr.io, else another loopback name."""
    host, colon, port = request.authority.rpartition(":")
    if not colon or not port.isdigit():
        host, port = request.authority, ""
    other = _OTHER_NAMES.get(host, "localhost")
    return f"{request.scheme}://{other}:{port}" if port else f"{request.scheme}://{other}"


def _other_name(request: Request) -> str:
    """As `other_origin`; nothing for who dialled `localhost`: from there crane follows to no IP address."""
    return "" if request.authority.lower().partition(":")[0] == "localhost" else other_origin(request)


def _origin(url: str) -> str:
    """An origin in the one form in which it equals itself. A client's may be no URL at all."""
    url = url.lower()
    return url.removesuffix(":443" if url.startswith("https:") else ":80")


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
