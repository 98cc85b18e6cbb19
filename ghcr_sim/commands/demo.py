"""`ghcr-sim demo`: the main job in one go. Serve, push, pull, verify, and show what went over the wire."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from aiohttp import ClientSession

from ghcr_sim.assemble import Simulator
from ghcr_sim.errors import GhcrSimError
from ghcr_sim.oci.media import OCI_INDEX, OCI_MANIFEST
from ghcr_sim.seed import seed
from ghcr_sim.serve import Server
from ghcr_sim.store import Manifest, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghcr_sim.journal import Record

__all__ = ["run"]

_NAME = "acme/demo"
_PLATFORMS = ("linux/amd64", "linux/arm64")
_ACCEPT = f"{OCI_INDEX}, {OCI_MANIFEST}"


def run() -> None:
    """Show it.

    Raises:
        GhcrSimError: What came back is not what went in.
    """
    asyncio.run(_show())


async def _show() -> None:
    image = _build()
    simulator = Simulator()
    async with Server(simulator) as server, ClientSession(server.url) as http:
        click.echo(f"A private ghcr.io listens at {server.url}, and takes one token.\n")
        client = _Client(http, simulator.token)
        await client.login()
        pushed = await client.push(image)
        click.echo(f"pushed   {server.host}/{_NAME}:v1  {', '.join(_PLATFORMS)}\n         {pushed}")
        count, size = await client.pull("v1", pushed)
        click.echo(f"pulled   {count} manifests and blobs, {size:,} bytes, every digest verified\n")
        _table("What went over the wire", simulator.requests())
        simulator.journal.clear()
        await client.refused()
        _table("What GHCR refuses, and a bare registry accepts", simulator.requests())
    click.echo("Next: `ghcr-sim serve` keeps one running for docker, podman, skopeo, crane, oras and helm.")


def _build() -> Store:
    """A two-platform image of real files: this package's own source."""
    root = Path(__file__).parent.parent
    files = {
        f"src/ghcr_sim/{path.relative_to(root)}": path.read_bytes() for path in sorted(root.rglob("*.py"))
    }
    store = Store()
    seed(store, f"{_NAME}:v1", platforms=list(_PLATFORMS), layers=[files], annotations=_ANNOTATIONS)
    return store


_ANNOTATIONS = {"org.opencontainers.image.description": "The source of the fake that serves it"}


class _Client:
    """As much of a registry client as the demonstration needs."""

    def __init__(self, http: ClientSession, token: str) -> None:
        self._http = http
        self._token = token
        self._bearer = ""

    async def login(self) -> None:
        """Change the token for a bearer at the realm, as every client does."""
        query = {"service": "ghcr.io", "scope": f"repository:{_NAME}:pull,push"}
        basic = base64.b64encode(f"octocat:{self._token}".encode()).decode()
        async with self._http.get(
            "/token", params=query, headers={"Authorization": f"Basic {basic}"}
        ) as answer:
            self._bearer = (await answer.json())["token"]

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._bearer}", "Accept": _ACCEPT} | more.pop("headers", {})
        return self._http.request(method, path, headers=headers, **more)

    async def push(self, image: Store) -> str:
        """Push everything that a store holds of the image: blobs, manifests, the index last."""
        state = image.repository(_NAME)
        assert state is not None
        for digest, blob in state.blobs.items():
            await self._push_blob(digest, b"".join(blob.pieces(0, blob.size)))
        top = state.tags["v1"]
        for manifest in state.manifests.values():
            if manifest.digest != top:
                await self._push_manifest(manifest, manifest.digest)
        await self._push_manifest(state.manifests[top], "v1")
        return top

    async def _push_blob(self, digest: str, content: bytes) -> None:
        async with self._ask("HEAD", f"/v2/{_NAME}/blobs/{digest}") as answer:
            if answer.status == 200:  # noqa: PLR2004 - it is there
                return
        async with self._ask("POST", f"/v2/{_NAME}/blobs/uploads/") as answer:
            where = answer.headers["Location"]
        async with self._ask("PUT", where, params={"digest": digest}, data=BytesIO(content)) as answer:
            _expect(answer.status, 201, await answer.text())

    async def _push_manifest(self, manifest: Manifest, reference: str) -> None:
        headers = {"Content-Type": manifest.media_type}
        path = f"/v2/{_NAME}/manifests/{reference}"
        async with self._ask("PUT", path, data=manifest.content, headers=headers) as answer:
            _expect(answer.status, 201, await answer.text())

    async def pull(self, reference: str, wanted: str) -> tuple[int, int]:
        """Pull an image with all it names, and verify each digest; how many things, and how many bytes."""
        content = await self._get(f"/v2/{_NAME}/manifests/{reference}", wanted)
        count, size = 1, len(content)
        for kind, digest in _named(json.loads(content)):
            if kind == "manifests":
                more, bytes_more = await self.pull(digest, digest)
                count, size = count + more, size + bytes_more
            else:
                count, size = count + 1, size + len(await self._get(f"/v2/{_NAME}/blobs/{digest}", digest))
        return count, size

    async def _get(self, path: str, digest: str) -> bytes:
        async with self._ask("GET", path) as answer:
            content: bytes = await answer.read()
            _expect(answer.status, 200, content.decode("utf-8", "replace"))
        got = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if got != digest:
            raise GhcrSimError(f"{path} came back as {got}, not as {digest}")
        return content

    async def refused(self) -> None:
        """Three things that the real one does not do."""
        async with self._http.get("/token", params={"scope": f"repository:{_NAME}:pull"}):
            pass
        async with self._ask("DELETE", f"/v2/{_NAME}/manifests/v1"):
            pass
        async with self._ask("POST", f"/v2/{_NAME}/blobs/uploads/") as answer:
            where = answer.headers["Location"]
        size = 5 << 20
        async with self._ask(
            "PATCH", where, data=BytesIO(bytes(size)), headers={"Content-Range": f"0-{size - 1}"}
        ):
            pass


def _named(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a manifest names: (manifests | blobs, digest)."""
    for child in document.get("manifests", ()):
        yield "manifests", child["digest"]
    for child in (document.get("config"), *document.get("layers", ())):
        if child:
            yield "blobs", child["digest"]


def _expect(status: int, wanted: int, text: str) -> None:
    if status != wanted:
        raise GhcrSimError(f"the fake answered {status} instead of {wanted}: {text}")


def _table(title: str, records: list[Record]) -> None:
    click.echo(title)
    for record in records:
        click.echo("  " + record.line())
    click.echo()
