"""Mirror images of ghcr.io: list their tags, and keep a tag's manifest and blobs."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Mirror"]

REGISTRY = "https://ghcr.io"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Mirror:
    """A mirror in memory: `async with Mirror() as mirror`. It logs in with the token in `GHCR_TOKEN`.

    Attributes:
        kept: Digest → content.
    """

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def __aenter__(self) -> Self:
        secret = base64.b64encode(os.environ["GHCR_TOKEN"].encode()).decode()
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def _get(self, path: str, accept: str = "*/*") -> bytes:
        url = f"{REGISTRY}/v2/{path}"
        async with self._session.get(url, headers={"Accept": accept}, raise_for_status=True) as answer:
            return await answer.read()

    async def tags(self, repository: str) -> list[str]:
        """All tags of an image."""
        async with self._session.get(
            f"{REGISTRY}/v2/{repository}/tags/list", raise_for_status=True
        ) as answer:
            found: dict[str, Any] = await answer.json()
        return list(found["tags"])

    async def mirror(self, repository: str, tag: str) -> str:
        """Keep a tag's manifest and all that it names; the manifest's digest."""
        manifest = await self._get(f"{repository}/manifests/{tag}", MANIFEST)
        named = json.loads(manifest)
        digests = [each["digest"] for each in (named["config"], *named["layers"])]
        await asyncio.gather(*(self._keep(repository, digest) for digest in digests))
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        self.kept[digest] = manifest
        return digest

    async def _keep(self, repository: str, digest: str) -> None:
        content = await self._get(f"{repository}/blobs/{digest}")
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise ValueError(f"{repository} has other content than {digest} says")
        self.kept[digest] = content
