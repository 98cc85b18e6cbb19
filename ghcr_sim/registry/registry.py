"""From an operation to the function that does it. Who may ask was settled before."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ghcr_sim.exchange import Body, Request, Response
from ghcr_sim.oci import Refusal
from ghcr_sim.registry import blobs, listings, manifests, packages
from ghcr_sim.registry.answers import JSON
from ghcr_sim.registry.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ghcr_sim.auth.callers import Caller
    from ghcr_sim.clock import Clock, Ids
    from ghcr_sim.profiles.model import Profile
    from ghcr_sim.registry.storage import StorageHost
    from ghcr_sim.route import Operation
    from ghcr_sim.store import Repository, Store

__all__ = ["Call", "Registry"]


class Call(NamedTuple):
    """One admitted operation on its way to an answer.

    Attributes:
        operation: What is asked for.
        request: How it was asked.
        body: The request's body.
        caller: Who asks.
        state: The repository as the guard saw it; for a read only, where nothing waits in between.
    """

    operation: Operation
    request: Request
    body: Body
    caller: Caller
    state: Repository | None


class Registry:
    """The origin that pretends: every operation over one store."""

    def __init__(
        self,
        profile: Profile,
        store: Store,
        storage: StorageHost,
        rights: packages.Rights,
        *,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._profile = profile
        self._store = store
        self._storage = storage
        self._rights = rights
        self.uploads = Uploads(profile, store, clock, ids)
        self._table: dict[str, Callable[[Call], Response]] = {
            "ping": self._ping,
            "catalog.list": lambda call: listings.catalog(profile, store, call.operation),
            "tags.list": lambda call: listings.tags(profile, store, call.operation),
            "referrers.list": lambda call: listings.referrers(profile, store, call.operation),
            "manifest.get": lambda call: manifests.get(profile, call.state, call.operation, call.request),
            "manifest.head": lambda call: manifests.get(profile, call.state, call.operation, call.request),
            "manifest.delete": lambda call: manifests.delete(profile, store, call.operation),
            "blob.get": self._blob,
            "blob.head": lambda call: blobs.head(profile, store, call.operation),
            "blob.delete": lambda call: blobs.delete(profile, store, call.operation),
            "upload.get": lambda call: self.uploads.status(call.operation),
            "upload.delete": lambda call: self.uploads.cancel(call.operation),
        }
        self._waiting: dict[str, Callable[[Call], Awaitable[Response]]] = {
            "manifest.put": self._put_manifest,
            "upload.post": lambda call: self.uploads.post(call.operation, call.request, call.body),
            "upload.patch": lambda call: self.uploads.patch(call.operation, call.request, call.body),
            "upload.put": lambda call: self.uploads.put(call.operation, call.request, call.body),
        }

    async def __call__(self, call: Call) -> Response:
        """Answer one admitted operation.

        Raises:
            Refusal: The specification's error.
        """
        at_once = self._table.get(call.operation.name)
        if at_once is not None:
            return at_once(call)
        return await self._waiting[call.operation.name](call)

    def _ping(self, _call: Call) -> Response:
        body = self._profile.ping.body.encode()
        return Response(200, (("content-length", str(len(body))), JSON), body)

    def _blob(self, call: Call) -> Response:
        blob = blobs.find(self._store, call.operation)
        if self._profile.blobs.redirect:
            return self._storage.redirect(blob, call.request)
        return blobs.serve(blob, call.request)

    async def _put_manifest(self, call: Call) -> Response:
        content = await read_capped(call.body, self._profile.manifests.max_bytes)
        answer = manifests.put(self._profile, self._store, call.operation, call.request, content)
        self._rights.settle(call.operation.repository, call.caller)
        return answer


async def read_capped(body: Body, most: int, what: str = "a manifest") -> bytes:
    """A body that must be small, whole.

    Args:
        body: The body.
        most: How many bytes it may have.
        what: What it is, for the refusal.

    Raises:
        Refusal: It is larger than `most` bytes; it is not read to the end then.
    """
    too_large = Refusal(
        "SIZE_INVALID", f"the body is larger than the {most} bytes that {what} may have", status=413
    )
    if body.length is not None and body.length > most:
        raise too_large
    chunks, size = [], 0
    async for chunk in body.pieces():
        size += len(chunk)
        if size > most:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)
