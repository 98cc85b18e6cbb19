"""What the tests of the operations begin with: content, whole images, a client that is watched."""

from __future__ import annotations

import asyncio
import gc
import gzip
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from client.helping import client_for
from ghcr_client.images import Image
from ghcr_client.metrics import NoMetrics
from seed.layout_files import tar_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from client.peers import Peer
    from ghcr_client.client import GhcrClient
    from ghcr_client.models import Descriptor

__all__ = [
    "Counted",
    "image_of",
    "in_pieces",
    "layer",
    "nothing_unclosed",
    "settled",
    "signature",
    "with_client",
]

T = TypeVar("T")


class Counted(NoMetrics):
    """Counts what was asked, of any registry.

    Attributes:
        asked: Operation → how often an answer came.
        answers: Operation and status → how often.
        sent: The sizes of the blobs that were sent.
    """

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.answers: Counter[tuple[str, int]] = Counter()
        self.sent: list[int] = []
        self.pushed = 0

    def request(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        self.asked[endpoint] += 1
        self.answers[endpoint, status] += 1

    def blob_uploaded(self, size: int) -> None:
        self.sent.append(size)

    def manifest_pushed(self) -> None:
        self.pushed += 1

    def clear(self) -> None:
        """Begin anew."""
        self.__init__()  # type: ignore[misc]


def with_client(peer: Peer, story: Callable[[GhcrClient], Awaitable[T]], **settings: Any) -> T:
    """Run a story with a client, and see that no task is left when it is over."""

    async def main() -> T:
        async with client_for(peer, **settings) as client:
            told = await story(client)
        await settled()
        return told

    return asyncio.run(main())


def nothing_unclosed() -> None:
    """Find what was left open: its warning is an error, here and not in a later test."""
    gc.collect()


async def settled() -> None:
    """Give what was given up time to end, and see that all of it does."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        await asyncio.wait(left, timeout=10)
    assert asyncio.all_tasks() == {asyncio.current_task()}, "tasks were left behind"


def layer(word: str, *, packed: bool = False) -> bytes:
    """A tar with one file, `etc/<word>`, that says the word."""
    tar = tar_bytes({f"etc/{word}": word.encode()})
    return gzip.compress(tar, mtime=0) if packed else tar


async def image_of(*words: str, platform: str = "linux/amd64", plain: bool = True, **more: Any) -> Image:
    """An image with a layer for each word; with `plain` every second one is packed, else all are."""
    layers = [layer(word, packed=not plain or place % 2 == 0) for place, word in enumerate(words)]
    return await Image.build(layers, platform=platform, **more)


async def signature(subject: Descriptor, word: str, artifact_type: str = "application/x.signature") -> Image:
    """An artifact about something."""
    return await Image.artifact(
        artifact_type, [word.encode()], subject=subject, annotations={"org.example.word": word}
    )


async def in_pieces(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """The same bytes, by and by."""
    for at in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[at : at + size]
