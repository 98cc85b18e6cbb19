"""The requests of an upload: begin, mount, finish, ask how far it is, give up.

It sends each and decides nothing. A finish without a body may be repeated, since the digest is asked for in between.
Source: distribution specification, section "Pushing blobs"; `reference/ghcr-wire.md` section 7.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from ghcr_client.answers import header
from ghcr_client.auth.scopes import pull, push
from ghcr_client.errors import (
    Denied,
    GhcrError,
    InvalidReference,
    InvalidUpload,
    NotFound,
    ProtocolError,
    RegistryError,
    Unauthorized,
    UploadUnknown,
)
from ghcr_client.masking import shown
from ghcr_client.operations.base import Base
from ghcr_client.operations.chunks import OCTETS, Session, held
from ghcr_client.redirects import target_of
from ghcr_client.retries import is_temporary, wait_before
from ghcr_client.transport import Call

if TYPE_CHECKING:
    from ghcr_client.digests import Digest
    from ghcr_client.refs import ImageRef
    from ghcr_client.transport import Answer, Body

__all__ = ["SessionOperations"]

_CREATED = 201
_MOVED = frozenset({301, 302, 307, 308})


class SessionOperations(Base):
    """The requests of an upload; the public operations stand on them."""

    async def _has_blob(self, ref: ImageRef, digest: Digest) -> bool:
        """Whether a repository has a blob. A redirect says yes: the storage host takes no HEAD."""
        call = Call(
            operation="blob.head",
            method="HEAD",
            registry=ref.registry,
            target=f"/v2/{ref.repository}/blobs/{digest}",
            scopes=(pull(ref.repository),),
            ok=frozenset({200, 202}) | _MOVED,
            follow=False,
        )
        try:
            answer = await self._transport.ask(call)
        except NotFound:
            return False
        if answer.status in _MOVED:
            target_of(answer.url, header(answer.headers, "location"))
        _must_mean(answer, digest)
        return True

    async def _has_blob_or_reason(self, ref: ImageRef, digest: Digest) -> bool:
        """The same, where a refusal says why: that of HEAD has no body, and that of GET does."""
        try:
            return await self._has_blob(ref, digest)
        except (Denied, Unauthorized) as error:
            if error.message:
                raise
        call = Call(
            operation="blob.get",
            method="GET",
            registry=ref.registry,
            target=f"/v2/{ref.repository}/blobs/{digest}",
            scopes=(pull(ref.repository),),
            headers={"Range": "bytes=0-0"},
            ok=frozenset({200, 206}) | _MOVED,
            follow=False,
        )
        try:
            async with self._transport.open(call):
                return True
        except NotFound:
            return False

    async def _is_there(self, ref: ImageRef, digest: Digest) -> bool:
        """Whether a blob arrived after all; False where that cannot be told."""
        try:
            return await self._has_blob(ref, digest)
        except GhcrError:
            return False

    async def _begin(self, ref: ImageRef, *, retry: bool = True) -> Session:
        """A new session; whoever tries the whole upload again has this one tried once."""
        answer = await self._transport.ask(
            Call(
                operation="upload.post",
                method="POST",
                registry=ref.registry,
                target=f"/v2/{ref.repository}/blobs/uploads/",
                scopes=(push(ref.repository),),
                headers={"Content-Length": "0"},
                ok=frozenset({202}),
                retry=retry,
            )
        )
        return Session(self._transport, ref, answer)

    async def _mount(self, ref: ImageRef, digest: Digest, source: ImageRef) -> Session | None:
        """None where the blob is mounted; else a session, or nothing at all was promised."""
        if source.registry != ref.registry:
            raise InvalidReference(
                f"{source.registry} and {ref.registry} are two registries: nothing can be mounted"
            )
        query = f"mount={quote(digest, safe='')}&from={quote(source.repository, safe='')}"
        answer = await self._transport.ask(
            Call(
                operation="upload.post",
                method="POST",
                registry=ref.registry,
                target=f"/v2/{ref.repository}/blobs/uploads/?{query}",
                scopes=(push(ref.repository), pull(source.repository)),
                headers={"Content-Length": "0"},
                ok=frozenset({201, 202}),
            )
        )
        return None if answer.status == _CREATED else Session(self._transport, ref, answer)

    async def _mount_or_begin(self, ref: ImageRef, digest: Digest, source: ImageRef) -> Session | None:
        """As `_mount`, where a registry that refuses to mount is asked for a plain session instead."""
        try:
            return await self._mount(ref, digest, source)
        except RegistryError as error:
            # Harbor says 401 of a repository that may not be read, Quay 400 to what it does not know.
            if is_temporary(error):
                raise
            return await self._begin(ref)

    async def _finish(
        self, ref: ImageRef, session: Session, digest: Digest, body: Body | None = None
    ) -> None:
        """The last request of an upload: with all of the content, or with none of it."""
        mark = "&" if "?" in session.url else "?"
        headers = {"Content-Type": OCTETS} if body else {"Content-Type": OCTETS, "Content-Length": "0"}
        answer = await self._transport.ask(
            Call(
                operation="upload.put",
                method="PUT",
                registry=ref.registry,
                target=f"{session.url}{mark}digest={quote(digest, safe='')}",
                scopes=(push(ref.repository),),
                headers=headers,
                ok=frozenset({200, 201, 202, 204}),
                body=body,
                retry=False,
            )
        )
        _must_mean(answer, digest)
        # 201 is what the specification wants; whoever says something else, a proxy perhaps, has to show the blob.
        if answer.status != _CREATED and not await self._is_there(ref, digest):
            raise InvalidUpload(
                f"the registry does not have {digest}, which it was sent",
                status=answer.status,
                operation="upload.put",
            )

    async def _finish_surely(self, ref: ImageRef, session: Session, digest: Digest) -> None:
        """Finish an upload whose content was sent, also where the answer gets lost."""
        tries = 0
        while True:
            try:
                await self._finish(ref, session, digest)
            except GhcrError as error:
                tries += 1
                lost = is_temporary(error) or isinstance(error, UploadUnknown)
                if lost and await self._is_there(ref, digest):
                    return
                if not lost or tries > self.config.max_retries or isinstance(error, UploadUnknown):
                    raise
                clock = self._transport.clock
                await clock.sleep(wait_before(tries, error, clock.jitter()))
            else:
                return

    async def _arrived(self, ref: ImageRef, session: Session) -> int:
        """How many bytes a broken session has; 0 where it is of no use any more."""
        call = Call(
            operation="upload.get",
            method="GET",
            registry=ref.registry,
            target=session.url,
            scopes=(push(ref.repository),),
            ok=frozenset({200, 202, 204}),
            retry=False,
        )
        try:
            answer = await self._transport.ask(call)
            session.follow(answer)
        except GhcrError:
            return 0
        return held(answer) or 0

    async def _cancel(self, ref: ImageRef, session: Session) -> None:
        """Let a session go. GHCR answers 405, and lets it die by itself."""
        call = Call(
            operation="upload.delete",
            method="DELETE",
            registry=ref.registry,
            target=session.url,
            scopes=(push(ref.repository),),
            ok=frozenset({200, 202, 204}),
            retry=False,
        )
        with contextlib.suppress(GhcrError):
            await self._transport.ask(call)


def _must_mean(answer: Answer, digest: Digest) -> None:
    """Refuse an answer that names another blob than the one that was meant."""
    said = header(answer.headers, "docker-content-digest")
    if said.startswith(f"{digest.algorithm}:") and said != digest:
        raise ProtocolError(f"{answer.url.host} was asked for {digest}, and answers for {shown(said, 150)}")
