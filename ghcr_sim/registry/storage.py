"""The storage host: blob GETs are redirected to it, to a signed address that expires (ghcr-wire section 6b).

It is another origin on purpose. A bearer that arrives here has leaked to a host that must not see it.
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
        origin: `scheme://host:port` of the storage host. None derives it from the name that was dialled. The
            empty string is the same origin: the server knows no second name, so no credential can leak to it.
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
        if self.origin is None:
            origin = other_origin(request)
        else:
            origin = self.origin or f"{request.scheme}://{request.authority}"
        octets = ("content-type", "application/octet-stream")
        return redirect(307, origin + self._signed(blob.digest), octets)

    def _signed(self, digest: str) -> str:
        settings = self._profile.storage
        shard = settings.shards[int(digest[-4:], 16) % len(settings.shards)]
        latest = int(self._clock.now()) + settings.ahead
        expiry = _stamp(latest - latest % settings.round_to)
        return f"/{shard}/blobs/{digest}?{self._query(shard, digest, expiry)}"

    def _query(self, shard: str, digest: str, expiry: str) -> str:
        """The signed query, its parameters in GHCR's order (rows 6.7 and 6.8)."""
        mac = hmac.digest(self._key, f"{shard} {digest} {expiry}".encode(), hashlib.sha256)
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
        if "authorization" in request.headers and self.origin != "":
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
        expiry, sig = operation.one("se") or "", operation.one("sig") or ""
        mac = hmac.digest(
            self._key, f"{operation.repository} {operation.reference} {expiry}".encode(), hashlib.sha256
        )
        if not hmac.compare_digest(base64.b64encode(mac), sig.encode("utf-8", "replace")):
            return "Signature did not match."
        if self._clock.now() >= datetime.fromisoformat(expiry).timestamp():
            return f"Signed expiry time [{expiry}] must be after signed start time."
        return None

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


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
