"""The index under a fallback tag: its name, its entries, and what this client has put there.

It asks nobody. Source: distribution specification, sections "Referrers Tag Schema" and "Pushing Manifests with
Subject".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from ghcr_client.models import ImageManifest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghcr_client.digests import Digest
    from ghcr_client.manifests import Manifest
    from ghcr_client.models import Descriptor, ImageIndex

__all__ = ["Kept", "added", "described", "fallback_tag", "pause_after"]

_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


def fallback_tag(digest: Digest) -> str:
    """The tag under which registries without the API keep the referrers of a manifest.

    Args:
        digest: The subject.

    Returns:
        Its digest, written as a tag.

    Example:
        >>> from ghcr_client.digests import Digest
        >>> fallback_tag(Digest("sha256:" + "0" * 64))[:10]
        'sha256-000'
    """
    return f"{digest.algorithm}-{digest.hex}"[:128]


class Kept:
    """One fallback index that this client writes: one task at a time, and what it has put there is looked after.

    Attributes:
        ours: What this client has listed there.
        waiting: How many tasks wait for their turn.
    """

    def __init__(self) -> None:
        self.ours: dict[Digest, Descriptor] = {}
        self.waiting = 0
        self._lock = asyncio.Lock()

    @property
    def is_idle(self) -> bool:
        """Whether nobody is there, so that it may be forgotten."""
        return not self.waiting and not self._lock.locked()

    async def __aenter__(self) -> Self:
        self.waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self.waiting -= 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()

    def follow(self, guarded: Iterable[Digest], listed: Iterable[Descriptor], before: ImageIndex) -> None:
        """Remember what a writing has added, and forget what it has taken away.

        Args:
            guarded: What was looked after.
            listed: What was written.
            before: What stood there.
        """
        now = {each.digest: each for each in listed}
        for digest in {*guarded, *self.ours} - set(now):
            self.ours.pop(digest, None)
        known = {each.digest for each in before.manifests}
        self.ours.update((digest, each) for digest, each in now.items() if digest not in known)


def described(manifest: Manifest) -> Descriptor:
    """A manifest as an index of referrers lists it: with its artifact type, or its config's, and its annotations.

    Args:
        manifest: The manifest.

    Returns:
        Its descriptor.
    """
    document = manifest.document
    kind = document.artifact_type
    if kind is None and isinstance(document, ImageManifest):
        kind = document.config.media_type
    return manifest.descriptor().model_copy(
        update={"artifact_type": kind, "annotations": document.annotations}
    )


def added(listed: tuple[Descriptor, ...], entry: Descriptor) -> tuple[Descriptor, ...]:
    """The list with an entry, which replaces an older one of the same digest; one that has it stays as it is.

    Args:
        listed: The list.
        entry: The entry.

    Returns:
        The list with it.
    """
    if entry in listed:
        return listed
    return (*(each for each in listed if each.digest != entry.digest), entry)


def pause_after(round_trip: float) -> float:
    """Seconds in which another writer, as slow as we are, is done with what it had begun when we wrote.

    Args:
        round_trip: Seconds that we took to read.

    Returns:
        From a tenth of a second to two.
    """
    return min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, 3 * round_trip))
