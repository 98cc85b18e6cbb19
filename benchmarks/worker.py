"""What is measured of Python libraries, each in a process of its own: `python worker.py WORK URL [ARGUMENT …]`.

It prints the seconds that the work took, from the client's opening to its close, as JSON. The interpreter's start and
the imports come before that; who spawned it measures them. Each library is imported where it is used, so that nobody
carries another's memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from requesting import MANIFEST, REPOSITORY, image

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__: list[str] = []

CA_FILE = "ca.crt"


def _settings(url: str, folder: str = "") -> dict[str, Any]:
    """The client's settings for a registry; with a folder, it trusts the authority that is there."""
    return {"registry": url, "ca_file": f"{folder}/{CA_FILE}" if folder else None}


def _ref(url: str, tag: str = "v1") -> str:
    return f"{url.partition('//')[2]}/{REPOSITORY}:{tag}"


async def pull_image(url: str, target: str) -> None:
    """An image into a layout."""
    async with GhcrClient(**_settings(url)) as client:
        await client.pull_image(_ref(url), target)


async def download_blob(url: str, target: str, digest: str, folder: str = "") -> None:
    """A blob into a file."""
    async with GhcrClient(**_settings(url, folder)) as client:
        await client.download_blob(_ref(url), digest, target)


async def push_image(url: str, layout: str, folder: str = "") -> None:
    """An image out of a layout."""
    async with GhcrClient(**_settings(url, folder)) as client:
        await client.push_image(_ref(url), layout)


async def upload_blob(url: str, path: str, digest: str = "") -> None:
    """A blob out of a file, whose digest is known or is not."""
    async with GhcrClient(**_settings(url)) as client:
        await client.upload_blob(_ref(url), path, digest=digest or None)


async def raw_download(url: str, target: str, digest: str, folder: str = "") -> None:
    """A blob into a file by aiohttp, hashed on the way, in the loop."""
    context = ssl.create_default_context(cafile=f"{folder}/{CA_FILE}") if folder else True
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/v2/{REPOSITORY}/blobs/{digest}", ssl=context) as answer,
    ):
        answer.raise_for_status()
        hashed = hashlib.sha256()
        with Path(target).open("wb") as file:  # noqa: ASYNC230 - the simplest that people write
            async for piece in answer.content.iter_any():
                file.write(piece)
                hashed.update(piece)
    if f"sha256:{hashed.hexdigest()}" != digest:
        raise SystemExit("another blob came")


async def images(url: str, count: str) -> tuple[float, float]:
    """Small images from memory and back, 8 at once; seconds each way."""
    made = {f"v{number}": image(f"image {number}") for number in range(int(count))}
    ready = {
        tag: Image(
            Manifest.parse(one.manifest, MANIFEST),
            {Digest(one.digests[0]): BytesSource(one.config), Digest(one.digests[1]): BytesSource(one.layer)},
        )
        for tag, one in made.items()
    }
    async with GhcrClient(**_settings(url)) as client:

        async def push(tag: str, _: Any) -> None:
            await client.push_image(_ref(url, tag), ready[tag])

        async def pull(tag: str, one: Any) -> None:
            manifest = await client.pull_manifest(_ref(url, tag))
            if manifest.raw != one.manifest:
                raise SystemExit("another manifest came")
            for name in one.digests:
                await client.get_blob(_ref(url, tag), name)

        return await at_once(made, push), await at_once(made, pull)


async def layouts(url: str, folder: str, count: str) -> tuple[float, float]:
    """Small images from layouts and into new ones, 8 at once; seconds each way."""
    made = {f"v{number}": image(f"image {number}") for number in range(int(count))}
    async with GhcrClient(**_settings(url)) as client:

        async def push(tag: str, _: Any) -> None:
            await client.push_image(_ref(url, tag), f"{folder}/{tag}")

        async def pull(tag: str, _: Any) -> None:
            await client.pull_image(_ref(url, tag), f"{folder}/pulled-{tag}")

        return await at_once(made, push), await at_once(made, pull)


async def raw_images(url: str, count: str) -> tuple[float, float]:
    """The same requests as `images`, by aiohttp."""
    made = {f"v{number}": image(f"image {number}") for number in range(int(count))}
    async with aiohttp.ClientSession() as session:
        client = Client(session, url, {})
        return await at_once(made, client.push), await at_once(made, client.pull)


OURS: dict[str, Callable[..., Awaitable[Any]]] = {
    "pull-image": pull_image,
    "download-blob": download_blob,
    "push-image": push_image,
    "upload-blob": upload_blob,
    "images": images,
    "layouts": layouts,
}
RAW: dict[str, Callable[..., Awaitable[Any]]] = {"raw-download": raw_download, "raw-images": raw_images}


if __name__ == "__main__":
    work, *arguments = sys.argv[1:]
    if work in OURS:
        from ghcr_client import BytesSource, Digest, GhcrClient, Image, Manifest
    else:
        import ssl

        import aiohttp
    if "images" in work or work == "layouts":
        from images import Client, at_once
    begun = time.perf_counter()
    result = asyncio.run((OURS | RAW)[work](*arguments))  # type: ignore[arg-type]
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "parts": result}))
