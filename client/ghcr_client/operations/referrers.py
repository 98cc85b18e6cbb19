"""Referrers: what is about an image, found by the registry's API or by the fallback tag, and kept findable.

GHCR has no referrers API, so that each client has to keep an index under the tag `sha256-<hex>` of the subject. Two
writers of one process wait for each other; what another process writes in between is seen by reading again, at once
and after a pause, and put right. An index that lists what is gone is refused by some registries: then that is left
out. What an answer claims is not enough: some registries answer the path without serving
it, and some send `OCI-Subject` untruthfully. Source: distribution specification, sections "Listing Referrers" and
"Pushing Manifests with Subject"; `reference/registry-clients.md` sections 1.3 and 2, rows 5 and 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from ghcr_client.answers import header
from ghcr_client.auth.scopes import pull
from ghcr_client.calls import Call
from ghcr_client.documents import Pages
from ghcr_client.errors import InvalidContent, InvalidManifest, NotFound, ProtocolError, RegistryError
from ghcr_client.manifests import PULL_LIMIT, Manifest
from ghcr_client.models import OCI_INDEX, ImageIndex
from ghcr_client.operations.access import ManifestAccess
from ghcr_client.operations.fallback import Kept, added, described, fallback_tag, pause_after
from ghcr_client.recent import remember
from ghcr_client.retries import is_temporary
from ghcr_client.tracing import span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ghcr_client.calls import Answer
    from ghcr_client.digests import Digest
    from ghcr_client.models import Descriptor
    from ghcr_client.refs import ImageRef

__all__ = ["ReferrerOperations"]

_KNOWN_FOR = 300.0
_MOST_PAGES = 1000
_MOST_REFERRERS = 100_000
_MOST_REPAIRS = 10
_FALLBACK_LIMIT = 4096


class ReferrerOperations(ManifestAccess):
    """The operations on referrers."""

    _referrers_api: dict[tuple[str, str], tuple[bool, float]]
    _referrer_locks: dict[tuple[str, str, str], Kept]

    async def list_referrers(
        self, ref: ImageRef | str, *, artifact_type: str | None = None
    ) -> list[Descriptor]:
        """What is about an image: signatures, SBOMs, attestations.

        Args:
            ref: The image.
            artifact_type: Only those of this type.

        Returns:
            Their descriptors, with artifact type and annotations; empty where there is none.

        Raises:
            ManifestUnknown: There is no such tag. Of a digest it is not checked whether it exists.
            ProtocolError: The list cannot be read, or never ends.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            subject = (await client.pull_manifest("acme/app:v1")).descriptor()
            sbom = await Image.artifact("application/spdx+json", [b"{}"], subject=subject)
            await client.push_image(f"acme/app@{sbom.manifest.digest}", sbom)
            [each.artifact_type for each in await client.list_referrers("acme/app:v1")]  # ['application/spdx+json']
        """
        ref = self.ref(ref)
        with span("list_referrers", image=ref):
            subject = ref.digest or (await self._pull(ref)).digest
            found = await self._referrers_of(ref, subject, artifact_type)
            return [each for each in found if artifact_type is None or each.artifact_type == artifact_type]

    async def _referrers_of(
        self, ref: ImageRef, subject: Digest, artifact_type: str | None = None
    ) -> list[Descriptor]:
        """The referrers, by the API where there is one, else by the tag."""
        if await self._has_api(ref, subject):
            return await self._by_api(ref, subject, artifact_type)
        index = await self._fallback_index(ref, subject)
        return [] if index is None else list(index.manifests)

    async def _has_api(self, ref: ImageRef, subject: Digest) -> bool:
        """Whether a repository serves referrers. What was found out is believed for some minutes."""
        key = (ref.registry, ref.repository)
        now = self._transport.clock.monotonic()
        known = self._referrers_api.get(key)
        if known is not None and now - known[1] < _KNOWN_FOR:
            return known[0]
        try:
            await self._page(ref, _path(ref, subject))
            has = True
        except (RegistryError, ProtocolError, InvalidManifest) as error:
            if isinstance(error, RegistryError) and (is_temporary(error) or error.status in (401, 403)):
                raise
            has = False
        remember(self._referrers_api, key, (has, now))
        return has

    async def _by_api(self, ref: ImageRef, subject: Digest, artifact_type: str | None) -> list[Descriptor]:
        """All pages of the API's list."""
        query = f"?artifactType={quote(artifact_type, safe='')}" if artifact_type else ""
        target: str | None = _path(ref, subject) + query
        pages = Pages(f"the referrers of {subject}", _MOST_PAGES)
        found: dict[Digest, Descriptor] = {}
        while target is not None:
            page, answer = await self._page(ref, target)
            for each in page:
                found.setdefault(each.digest, each)
            if len(found) > _MOST_REFERRERS:
                raise ProtocolError(f"{subject} has more than {_MOST_REFERRERS} referrers")
            target = pages.after(answer)
        return list(found.values())

    async def _page(self, ref: ImageRef, target: str) -> tuple[tuple[Descriptor, ...], Answer]:
        """One page of the API's list. What is no index is no list of referrers."""
        call = Call(
            operation="referrers.list",
            method="GET",
            registry=ref.registry,
            target=target,
            scopes=(pull(ref.repository),),
            headers={"Accept": OCI_INDEX},
            limit=PULL_LIMIT,
        )
        answer = await self._transport.ask(call)
        manifest = Manifest.parse(answer.body, header(answer.headers, "content-type"))
        if not isinstance(manifest.document, ImageIndex):
            raise ProtocolError(f"{ref.registry} answered for referrers with something else")
        return manifest.document.manifests, answer

    async def _fallback_index(self, ref: ImageRef, subject: Digest) -> ImageIndex | None:
        """The index under the fallback tag, or None. What is no index there is somebody else's, and an error."""
        try:
            manifest = await self._pull(ref.with_tag(fallback_tag(subject)))
        except NotFound:
            return None
        if not isinstance(manifest.document, ImageIndex):
            raise InvalidManifest(
                f"the tag {fallback_tag(subject)} of {ref.name} is to be an index of referrers, and is an image"
            )
        return manifest.document

    # Keeping it right.

    async def _list_referrer(self, ref: ImageRef, manifest: Manifest, *, promised: bool) -> None:
        """See that a manifest that was pushed is found among its subject's referrers."""
        subject = manifest.subject
        if subject is None:
            return
        if promised and await self._has_api(ref, subject.digest):
            return
        entry = described(manifest)
        async with self._kept(ref, subject.digest) as kept:
            await self._change(
                kept, ref, subject.digest, lambda listed: added(listed, entry), lambda seen: entry in seen
            )

    async def _delete_referrer(self, ref: ImageRef, manifest: Manifest) -> None:
        """Delete a manifest, and see that it is no longer found among its subject's referrers, if it has a subject."""
        gone = ref.with_digest(manifest.digest, keep_tag=False)
        subject = manifest.subject
        if subject is None or await self._has_api(ref, subject.digest):
            await self._delete(gone)
            return
        # In turn, also for the deletion: another task's index would list what is gone, and be refused. What breaks in
        # between leaves an entry too many, which the next writer can tell from others; one too few, nobody finds.
        async with self._kept(ref, subject.digest) as kept:
            await self._delete(gone)
            await self._change(
                kept,
                ref,
                subject.digest,
                lambda listed: tuple(each for each in listed if each.digest != manifest.digest),
                lambda seen: all(each.digest != manifest.digest for each in seen),
            )

    def _kept(self, ref: ImageRef, subject: Digest) -> Kept:
        """The index of a subject's referrers, to be written in turn: use it by `async with`, at once."""
        key = (ref.registry, ref.repository, subject)
        kept = self._referrer_locks.get(key) or Kept()
        remember(self._referrer_locks, key, kept, may_go=lambda one: one.is_idle)
        return kept

    async def _change(
        self,
        kept: Kept,
        ref: ImageRef,
        subject: Digest,
        change: Callable[[tuple[Descriptor, ...]], tuple[Descriptor, ...]],
        holds: Callable[[tuple[Descriptor, ...]], bool],
    ) -> None:
        """Change the index under a fallback tag, and see that it stays changed, also where others write to it."""
        guarded, written, settled = dict(kept.ours), False, False
        clock = self._transport.clock
        for _ in range(_MOST_REPAIRS):
            began = clock.monotonic()
            index = await self._fallback_index(ref, subject) or ImageIndex(media_type=OCI_INDEX)
            lost = await self._lost(ref, guarded, index)
            if written and holds(index.manifests) and not lost:
                # Somebody who read before we wrote may write only now. Who waits here for us looks again anyway.
                if settled or kept.waiting:
                    return
                settled = True
                await clock.sleep(pause_after(clock.monotonic() - began) * (1 + clock.jitter()))
                continue
            listed = change((*index.manifests, *lost))
            if not written and listed == index.manifests:
                return
            listed = await self._put_index(ref, subject, index, listed, holds)
            kept.follow(guarded, listed, index)
            guarded = {each.digest: each for each in listed}
            written, settled = True, False
        raise ProtocolError(
            f"the referrers of {subject} are changed by others without end; look at {ref.name} again"
        )

    async def _lost(
        self, ref: ImageRef, guarded: dict[Digest, Descriptor], index: ImageIndex
    ) -> tuple[Descriptor, ...]:
        """What stood there and vanished when somebody else wrote; what was deleted meanwhile is not lost."""
        there = {each.digest for each in index.manifests}
        return await self._there(ref, [each for digest, each in guarded.items() if digest not in there])

    async def _there(self, ref: ImageRef, listed: Sequence[Descriptor]) -> tuple[Descriptor, ...]:
        """Those manifests that the registry has."""
        found = [await self._find(ref.with_digest(each.digest, keep_tag=False)) for each in listed]
        return tuple(each for each, digest in zip(listed, found, strict=True) if digest is not None)

    async def _put_index(
        self,
        ref: ImageRef,
        subject: Digest,
        index: ImageIndex,
        listed: tuple[Descriptor, ...],
        holds: Callable[[tuple[Descriptor, ...]], bool],
    ) -> tuple[Descriptor, ...]:
        """Write the index; where the registry refuses it, without what is gone. What it lists then."""
        while True:
            try:
                await self._put_listed(ref, subject, index, listed)
            except (InvalidContent, NotFound):
                there = await self._there(ref, listed)
                if there == listed or not holds(there):
                    raise
                listed = there
            else:
                return listed

    async def _put_listed(
        self, ref: ImageRef, subject: Digest, index: ImageIndex, listed: tuple[Descriptor, ...]
    ) -> None:
        """Write the index. An empty one is written, too: a tag cannot be taken away everywhere."""
        if len(listed) > _FALLBACK_LIMIT:
            raise InvalidManifest(f"{subject} has {len(listed)} referrers; an index holds {_FALLBACK_LIMIT}")
        document = index.model_copy(update={"manifests": listed, "media_type": index.media_type or OCI_INDEX})
        raw = document.model_dump_json(by_alias=True, exclude_none=True).encode()
        await self._put(ref.with_tag(fallback_tag(subject)), Manifest.parse(raw, document.media_type))


def _path(ref: ImageRef, subject: Digest) -> str:
    """Where the API is."""
    return f"/v2/{ref.repository}/referrers/{subject}"
