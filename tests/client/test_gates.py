"""Gates: connections are shared fairly, and copies within one registry do not wait for each other for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from client.helping import client_for
from ghcr_client import GhcrClient, Image
from ghcr_client.auth import Anonymous
from ghcr_client.digests import Digest
from ghcr_client.errors import GhcrError
from ghcr_client.gates import Gates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from client.peers import Peer


@pytest.mark.parametrize(("most", "sending", "receiving"), [(10, 5, 10), (4, 2, 4), (1, 1, 2)])
def test_half_of_them_send(most: int, sending: int, receiving: int) -> None:
    """Of all places, those who send content get half; there is always one to receive by."""

    async def crowd(*, sends: bool) -> int:
        gates, inside, highest = Gates(most), 0, 0

        async def one() -> None:
            nonlocal inside, highest
            async with gates.through("r", sends=sends):
                inside += 1
                highest = max(highest, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(one() for _ in range(40)))
        return highest

    assert asyncio.run(crowd(sends=True)) == sending
    assert asyncio.run(crowd(sends=False)) == receiving


@pytest.mark.parametrize("connections", [1, 2, 10])
def test_copies_within_a_registry(fake_oci: Peer, connections: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many copies at once whose blobs cannot be mounted go through on few connections."""

    async def copy() -> None:
        async with client_for(fake_oci, max_connections=connections, timeout_secs=10) as client:
            layers = [bytes([number]) * 3_000_000 for number in range(4)]
            for number in range(6):
                image = await Image.build([layer + bytes([number]) for layer in layers])
                await client.push_image(f"acme/from:{number}", image)

            async def begin(ref, digest, source):
                return await client._begin(ref)

            monkeypatch.setattr(client, "_mount_or_begin", begin)
            names = [(f"acme/from:{number}", f"acme/to-{number}:v1") for number in range(6)]
            await asyncio.gather(*(client.copy_image(one, other) for one, other in names))
            assert [await client.image_exists(other) for _, other in names] == [True] * 6

    asyncio.run(copy())


def test_copies_in_chunks(fake_oci: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies within one registry that takes no whole bodies go through, however many are begun at once."""

    async def copy() -> None:
        settings = {"max_connections": 4, "max_concurrency": 4, "chunk_size": 500_000, "timeout_secs": 10}
        async with client_for(fake_oci, **settings) as client:
            layers = [bytes([number]) * 3_000_000 for number in range(6)]
            await client.push_image("acme/from:v1", await Image.build(layers))

            async def begin(ref, digest, source):
                return await client._begin(ref)

            monkeypatch.setattr(client, "_mount_or_begin", begin)
            client._limits(client.ref("acme/from")).only_chunks = True
            async with asyncio.timeout(30):
                names = [f"acme/to-{number}:v1" for number in range(3)]
                await asyncio.gather(*(client.copy_image("acme/from:v1", name) for name in names))

    asyncio.run(copy())


class Held:
    """Content that is held on to by somebody, as by a traceback, while it is read."""

    size, digest, rewindable = 12_000_000, Digest.of(bytes(12_000_000)), True

    def __init__(self) -> None:
        self.begun: list[AsyncIterator[bytes]] = []
        self.open = 0

    def read(self, start: int = 0) -> AsyncIterator[bytes]:
        self.begun.append(self.pieces())
        return self.begun[-1]

    async def pieces(self) -> AsyncIterator[bytes]:
        self.open += 1
        try:
            for _ in range(12):
                yield bytes(1_000_000)
        finally:
            self.open -= 1


@pytest.mark.parametrize("chunk_size", [None, 100_000])
def test_a_failed_upload_holds_nothing(chunk_size: int | None) -> None:
    """Content is let go of when its upload fails, and with it the connection that it may come from."""

    async def answering(request: web.BaseRequest) -> web.Response:
        if request.method == "PUT":
            await asyncio.sleep(60)
        located = {"Location": "/v2/acme/to/blobs/uploads/1"} if request.method == "POST" else {}
        return web.Response(status=202 if located else 404, headers=located)

    async def upload() -> None:
        server = await asyncio.get_running_loop().create_server(web.Server(answering), "127.0.0.1", 0)
        url, held = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", Held()
        settings = {"max_retries": 0, "upload_timeout_secs": 1.0, "credentials": Anonymous()}
        async with server, GhcrClient(registry=url, **settings) as client:  # type: ignore[arg-type]
            with pytest.raises(GhcrError):
                await client.upload_blob("acme/to", held, chunk_size=chunk_size)
            assert (len(held.begun), held.open) == (1, 0)

    asyncio.run(upload())
