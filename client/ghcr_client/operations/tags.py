"""Tags: listed page by page, put on images, moved, taken away.

GHCR lists the oldest first, a hundred a page, writes `n=0` into the link of the next one and `null` for no tags at
all; a link is followed on the same host only, and each tag is given once. Source: distribution specification, section
"Listing Tags"; `reference/ghcr-wire.md` section 8.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ghcr_client.auth.scopes import pull
from ghcr_client.calls import Call
from ghcr_client.digests import Digest
from ghcr_client.documents import Pages, json_object
from ghcr_client.errors import (
    GhcrError,
    InvalidContent,
    InvalidReference,
    NotFound,
    ProtocolError,
    Unsupported,
)
from ghcr_client.manifests import Manifest
from ghcr_client.models import EMPTY, Descriptor, ImageManifest
from ghcr_client.operations.manifests import ManifestOperations
from ghcr_client.operations.sending import Upload
from ghcr_client.operations.uploads import UploadOperations
from ghcr_client.refs import Tag
from ghcr_client.sources import BytesSource
from ghcr_client.tracing import span

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ghcr_client.calls import Answer
    from ghcr_client.refs import ImageRef

__all__ = ["Retagged", "TagOperations"]

_MOST_PAGES = 10_000
_MOST_TAGS = 1_000_000
_LONGEST = 1024
_OF_A_DIGEST = re.compile(r"(?:sha256-[0-9a-f]{64}|sha512-[0-9a-f]{121,128})(?:\.[a-z]+)?")


@dataclass(frozen=True, slots=True)
class Retagged:
    """A tag that was moved.

    Attributes:
        tag: The tag.
        digest: What it names now.
        previous: What it named before, to go back to; None where it is new.
    """

    tag: Tag
    digest: Digest
    previous: Digest | None


class TagOperations(ManifestOperations, UploadOperations):
    """The operations on tags."""

    async def list_tags(
        self, repository: ImageRef | str, *, pattern: str | None = None, hide_referrers: bool = False
    ) -> list[str]:
        """All tags of a repository, from all pages.

        Args:
            repository: The repository; a tag or digest in it says nothing here.
            pattern: Only tags that fit, as file names do in a shell: `v1.*`, `*-alpine`.
            hide_referrers: Leave out tags that are made of a digest, `sha256-…` and cosign's `sha256-….sig`: what is
                about images is listed under them, and no image.

        Returns:
            The tags in the registry's order: on GHCR, the oldest first.

        Raises:
            NameUnknown: There is no such repository.
            ProtocolError: The list cannot be read, or never ends.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            await client.list_tags("acme/app", pattern="v*")  # ['v1', 'v2']
        """
        with span("list_tags", image=self.ref(repository).name):
            found = self.iter_tags(repository, pattern=pattern, hide_referrers=hide_referrers)
            return [tag async for tag in found]

    async def iter_tags(
        self,
        repository: ImageRef | str,
        *,
        pattern: str | None = None,
        page_size: int | None = None,
        hide_referrers: bool = False,
    ) -> AsyncIterator[str]:
        """The tags of a repository, while its pages come.

        Args:
            repository: The repository; a tag or digest in it says nothing here.
            pattern: Only tags that fit, as file names do in a shell.
            page_size: How many tags a page, at least one; the registry's own number by default.
            hide_referrers: Leave out tags that are made of a digest.

        Yields:
            Each tag once, in the registry's order.

        Raises:
            NameUnknown: There is no such repository.
            ProtocolError: The list cannot be read, or never ends.
            RegistryError: The registry refuses.
            TransportError: There is no answer.
            ValueError: `page_size` is less than one.

        Example:
            async for tag in client.iter_tags("acme/app"):
                print(tag)  # v1, v2
        """
        ref = self.ref(repository)
        if page_size is not None and page_size < 1:
            raise ValueError(f"a page has at least one tag, not {page_size}")
        query = f"?{urlencode({'n': page_size})}" if page_size else ""
        target: str | None = f"/v2/{ref.repository}/tags/list{query}"
        pages, seen = Pages(f"the tags of {ref.name}", _MOST_PAGES), set[str]()
        while target is not None:
            answer = await self._tag_page(ref, target)
            fresh = _fresh_tags(ref, answer, seen)
            for tag in fresh:
                hidden = hide_referrers and _OF_A_DIGEST.fullmatch(tag)
                if not hidden and (pattern is None or fnmatchcase(tag, pattern)):
                    yield tag
            rest = None
            if len(fresh) == page_size:
                # Without a link, too: some registries cut the list at a full page, and say nothing of the rest.
                query = urlencode({"n": page_size, "last": fresh[-1]})
                rest = f"/v2/{ref.repository}/tags/list?{query}"
            target = pages.after(answer, rest)

    async def _tag_page(self, ref: ImageRef, target: str) -> Answer:
        """A page of the list."""
        call = Call(
            operation="tags.list",
            method="GET",
            registry=ref.registry,
            target=target,
            scopes=(pull(ref.repository),),
        )
        return await self._transport.ask(call)

    async def tag_image(self, ref: ImageRef | str, tag: str) -> Digest:
        """Give an image one more tag; a tag that exists is moved.

        Args:
            ref: The image.
            tag: The tag.

        Returns:
            The digest that the tag names now.

        Raises:
            InvalidReference: It is not a tag.
            ManifestUnknown: There is no such image.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            await client.tag_image("acme/app:v1", "stable")  # 'sha256:…'
        """
        ref = self.ref(ref)
        with span("tag_image", image=ref) as here:
            target = ref.with_tag(tag)
            manifest = await self._pull(ref)
            here.set_attribute("media_type", manifest.media_type)
            return await self._push_again(target, manifest)

    async def retag(self, ref: ImageRef | str, tag: str) -> Retagged:
        """Move a tag to an image, and tell what it named before, so that it can be moved back.

        Args:
            ref: The image.
            tag: The tag; it may be new.

        Returns:
            What it names now, and what it named before.

        Raises:
            InvalidReference: It is not a tag.
            ManifestUnknown: There is no such image.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            moved = await client.retag("acme/app:v2", "v1")
            await client.tag_image(f"acme/app@{moved.previous}", "v1")  # 'sha256:…'
        """
        ref = self.ref(ref)
        with span("retag", image=ref) as here:
            target = ref.with_tag(tag)
            manifest = await self._pull(ref)
            here.set_attribute("media_type", manifest.media_type)
            previous = await self._find(target)
            digest = manifest.digest
            if previous != digest:
                digest = await self._push_again(target, manifest)
            return Retagged(Tag(tag), digest, previous)

    async def _push_again(self, ref: ImageRef, manifest: Manifest) -> Digest:
        """Push a manifest that the repository has under another name; its subject knows it already."""
        await self._put(ref, manifest)
        return manifest.digest

    async def delete_tag(self, ref: ImageRef | str) -> None:
        """Take a tag away, and leave the image.

        A registry that takes a tag away by DELETE is asked so. Of another, the tag is given to a throw-away manifest,
        which is deleted by its digest, on GHCR by GitHub's REST API: the tag goes with it, and the image stays. Where
        that fails, the image gets its tag back.

        Args:
            ref: The tag.

        Raises:
            InvalidReference: The reference names no tag.
            ManifestUnknown: There is no such tag.
            Unsupported: The registry deletes nothing. The tag is as it was.
            NotDeletable: It is the only tag of a package on GHCR. The tag is as it was.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            await client.delete_tag("acme/app:v1")
            await client.list_tags("acme/app")  # ['v2']
        """
        ref = self.ref(ref)
        with span("delete_tag", image=ref):
            if ref.tag is None:
                raise InvalidReference(f"{ref} names no tag")
            ref = ref.with_tag(ref.tag)
            try:
                await self._delete(ref)
            except (InvalidContent, Unsupported):
                await self._replace_and_delete(ref)

    async def _replace_and_delete(self, ref: ImageRef) -> None:
        """Take a tag away where DELETE takes digests only."""
        image = await self._pull(ref)
        await self._must_delete(ref)
        empty = b"{}"
        config = Descriptor(media_type=EMPTY, digest=Digest.of(empty), size=len(empty))
        upload = Upload(ref, BytesSource(empty), config.digest, config.size, trusted=True)
        await self._upload(upload)
        # Unique, so that nobody else's manifest is deleted with it.
        notes = {"org.opencontainers.image.title": f"throw-away {secrets.token_hex(16)}"}
        throwaway = Manifest.build(ImageManifest(config=config, layers=(config,), annotations=notes))
        await self._put(ref, throwaway)
        try:
            await self._delete(ref.with_digest(throwaway.digest, keep_tag=False))
        except GhcrError:
            with contextlib.suppress(GhcrError):
                if await self._find(ref) == throwaway.digest:
                    await self._put(ref, image)
                    await self._delete(ref.with_digest(throwaway.digest, keep_tag=False))
            raise

    async def _must_delete(self, ref: ImageRef) -> None:
        """Find out by a digest that nobody has whether the registry deletes at all, before anything is changed."""
        nobody = Digest.of(secrets.token_bytes(32))
        try:
            with contextlib.suppress(NotFound):
                await self._delete_here(ref.with_digest(nobody, keep_tag=False))
        except Unsupported:
            if not self._packages.serves(ref.registry):
                raise
            await self._packages.must_outlive(ref.repository, ref.reference)


def _fresh_tags(ref: ImageRef, answer: Answer, seen: set[str]) -> list[str]:
    """The tags of a page that were not seen yet."""
    tags = json_object(answer.body, f"the tags of {ref.name}").get("tags")
    if tags is not None and not (
        isinstance(tags, list) and all(isinstance(each, str) and each.isprintable() for each in tags)
    ):
        raise ProtocolError(f"the tags of {ref.name} are not a list of texts")
    fresh = [tag for tag in dict.fromkeys(tags or ()) if tag not in seen]
    seen.update(fresh)
    if len(seen) > _MOST_TAGS or any(len(tag) > _LONGEST for tag in fresh):
        raise ProtocolError(f"the tags of {ref.name} are more than {_MOST_TAGS}, or longer than tags are")
    return fresh
