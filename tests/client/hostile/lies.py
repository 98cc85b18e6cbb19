"""What the tests of lies share: content, a client for a liar, and what must hold whatever it says."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING, Any

from client.helping import QuickClock
from client.hostile.liar import Liar, answer, jsons
from ghcr_client.auth import Anonymous, StaticCredentials
from ghcr_client.client import GhcrClient
from ghcr_client.digests import Digest
from ghcr_client.manifests import Manifest
from ghcr_client.models import OCI_CONFIG, Descriptor, ImageManifest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = [
    "BLOB",
    "CONFIG",
    "DIGEST",
    "MANIFEST",
    "REPO",
    "TOKEN",
    "blob_path",
    "client_of",
    "locked",
    "manifest_path",
    "running",
]

LAYER = "application/vnd.oci.image.layer.v1.tar"
REPO = "acme/app"
TOKEN = "ghp_" + "Tr0ub4dorAnd3" * 3
BLOB = bytes(range(256)) * 8200
"""2 MiB and a little, so that half of it counts as progress."""

DIGEST = Digest.of(BLOB)
CONFIG = b'{"os":"linux","architecture":"amd64"}'
MANIFEST = Manifest.build(
    ImageManifest(
        config=Descriptor(media_type=OCI_CONFIG, digest=Digest.of(CONFIG), size=len(CONFIG)),
        layers=(Descriptor(media_type=LAYER, digest=DIGEST, size=len(BLOB)),),
    )
)


def blob_path(digest: str = DIGEST) -> str:
    """Where a blob is."""
    return f"/v2/{REPO}/blobs/{digest}"


def manifest_path(reference: str = "v1") -> str:
    """Where a manifest is."""
    return f"/v2/{REPO}/manifests/{reference}"


def locked(liar: Liar, bearer: str = "b3arer", realm: str | None = None) -> str:
    """Let everything demand a bearer of a liar, and the liar give it; what `Authorization` is then."""
    realm = realm or f"{liar.url}/token"
    liar.says(
        "*",
        answer(
            401, b"", ("WWW-Authenticate", f'Bearer realm="{realm}",service="liar",scope="repository:x:pull"')
        ),
    )
    liar.says("GET /token", jsons({"token": bearer}))
    return f"Bearer {bearer}"


def client_of(liar: Liar, token: str | None = None, **settings: Any) -> GhcrClient:
    """A client for a liar; without a token, nobody's."""
    who = Anonymous() if token is None else StaticCredentials("octocat", token, liar.host)
    told: dict[str, Any] = {
        "registry": liar.url,
        "plain_http": True,
        "clock": QuickClock(),
        "credentials": who,
        "timeout_secs": 20.0,
        "upload_timeout_secs": 20.0,
    }
    return GhcrClient(**told | settings)


def running(test: Callable[[Liar], Awaitable[None]], **how: Any) -> None:
    """Run a test with a liar; at the end no task and no connection is left."""

    async def main() -> None:
        async with Liar(**how) as liar:
            await test(liar)
        async with alone():
            pass
        gc.collect()

    asyncio.run(main())
    gc.collect()


@contextlib.asynccontextmanager
async def alone() -> AsyncIterator[None]:
    """Nobody else is in this loop any more."""
    yield
    for _ in range(5):
        await asyncio.sleep(0)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not others, f"left behind: {others}"
