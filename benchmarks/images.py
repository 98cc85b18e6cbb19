"""Row `images`: small images pushed, then pulled, by one aiohttp client with 8 images in hand at once.

A push is 7 requests (HEAD, POST, PUT for the config and for the layer; PUT of the manifest), a pull is 3,
plus the redirects of a registry that redirects. Each image has its own config, layer and tag, all in one
repository. What is pulled is compared with what was pushed.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import aiohttp
from measure import Failed, Samples, cpu_seconds
from peers import Server, Subject, running
from requesting import MANIFEST, REPOSITORY, Image, digest, image
from rounds import Plan, each
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

__all__ = ["AT_ONCE", "Client", "at_once", "measure_images"]

AT_ONCE = 8
LIMIT = 300
"""The most seconds a round may take."""


def _expect(what: str, status: int, wanted: int) -> None:
    if status != wanted:
        raise Failed(f"{what}: {status}")


class Client:
    """The seven and the three requests, against one server."""

    def __init__(self, session: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
        self.session = session
        self.headers = headers
        self.base = f"{url}/v2/{REPOSITORY}"

    async def _push_blob(self, name: str, body: bytes) -> None:
        async with self.session.head(f"{self.base}/blobs/{name}", headers=self.headers) as answer:
            _expect("HEAD of a blob", answer.status, 404)
        begin = f"{self.base}/blobs/uploads/"
        async with self.session.post(begin, headers=self.headers) as answer:
            _expect("POST of an upload", answer.status, 202)
            location = answer.url.join(URL(answer.headers["Location"], encoded=True))
        target = location.update_query(digest=name)
        headers = {"Content-Type": "application/octet-stream", **self.headers}
        async with self.session.put(target, data=body, headers=headers) as answer:
            _expect("PUT of a blob", answer.status, 201)

    async def push(self, tag: str, one: Image) -> None:
        """Seven requests."""
        await self._push_blob(one.digests[0], one.config)
        await self._push_blob(one.digests[1], one.layer)
        headers = {"Content-Type": MANIFEST, **self.headers}
        async with self.session.put(
            f"{self.base}/manifests/{tag}", data=one.manifest, headers=headers
        ) as answer:
            _expect("PUT of a manifest", answer.status, 201)

    async def pull(self, tag: str, one: Image) -> None:
        """Three requests; what comes is compared."""
        headers = {"Accept": MANIFEST, **self.headers}
        async with self.session.get(f"{self.base}/manifests/{tag}", headers=headers) as answer:
            _expect("GET of a manifest", answer.status, 200)
            if await answer.read() != one.manifest:
                raise Failed("another manifest came back")
        for name in one.digests:
            async with self.session.get(f"{self.base}/blobs/{name}", headers=self.headers) as answer:
                _expect("GET of a blob", answer.status, 200)
                if digest(await answer.read()) != name:
                    raise Failed("another blob came back")


async def at_once(images: dict[str, Image], work: Callable[[str, Image], Awaitable[None]]) -> float:
    """Do the work for each image, 8 at once; seconds."""
    queue: Iterator[tuple[str, Image]] = iter(images.items())

    async def worker() -> None:
        for tag, one in queue:
            await work(tag, one)

    start = time.perf_counter()
    async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
    return time.perf_counter() - start


async def _round(server: Server, images: dict[str, Image]) -> tuple[float, float]:
    async with aiohttp.ClientSession() as session:
        client = Client(session, server.url, server.headers)
        return await at_once(images, client.push), await at_once(images, client.pull)


def measure_images(plan: Plan) -> Samples:
    """Seconds to push (`push_s`), to pull (`pull_s`), both (`total_s`); server CPU seconds (`cpu_s`)."""
    samples = Samples()
    images = {f"v{number}": image(f"image {number}") for number in range(plan.images)}

    def once(subject: Subject) -> None:
        with running(subject, plan.folder) as server:
            before = cpu_seconds(server.pid)
            try:
                push, pull = asyncio.run(_round(server, images))
            except* (Failed, aiohttp.ClientError, TimeoutError) as group:
                raise Failed(_first(group)) from group
            cpu = cpu_seconds(server.pid) - before
            samples.add(subject.name, push_s=push, pull_s=pull, total_s=push + pull, cpu_s=cpu)

    each(plan, f"{plan.images} images", samples, once)
    return samples


def _first(error: BaseException) -> str:
    """The first cause in a group, in words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
