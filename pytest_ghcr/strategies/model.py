"""What has to be in a registry after what was done to it: repositories, images by digest, and tags.

It knows no registry and no client; `machine` compares it with both.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_ghcr.strategies.images import Image

__all__ = ["Model"]


class Model:
    """A registry's content, as it has to be.

    Attributes:
        images: Repository → digest → image.
        tags: Repository → tag → digest.
    """

    def __init__(self) -> None:
        self.images: dict[str, dict[str, Image]] = defaultdict(dict)
        self.tags: dict[str, dict[str, str]] = defaultdict(dict)

    def keep(self, repository: str, tag: str, image: Image) -> None:
        """An image was pushed, or got a tag."""
        self.images[repository][image.digest] = image
        self.tags[repository][tag] = image.digest

    def forget(self, repository: str, digest: str) -> None:
        """An image was deleted; its tags go with it."""
        del self.images[repository][digest]
        kept = {tag: named for tag, named in self.tags[repository].items() if named != digest}
        self.tags[repository] = kept

    def named(self, repository: str, tag: str) -> Image:
        """What a tag names."""
        return self.images[repository][self.tags[repository][tag]]

    def all_images(self) -> list[Image]:
        """All that is there."""
        return [image for held in self.images.values() for image in held.values()]

    def tagged(self) -> list[tuple[str, str]]:
        """Repository and tag of all that has one."""
        return [(repository, tag) for repository, held in self.tags.items() for tag in held]

    def stored(self) -> list[tuple[str, str]]:
        """Repository and digest of all that is there."""
        return [(repository, digest) for repository, held in self.images.items() for digest in held]

    def deletable(self) -> list[tuple[str, str]]:
        """The same, without what an index of the same repository lists."""
        return [each for each in self.stored() if each[1] not in self._children(each[0])]

    def _children(self, repository: str) -> set[str]:
        return {child.digest for image in self.images[repository].values() for child in image.children}
