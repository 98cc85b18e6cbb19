"""Gates: connections are shared fairly, and copies within one registry do not wait for each other for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from client.helping import client_for
from ghcr_client import Image
from ghcr_client.gates import Gates

if TYPE_CHECKING:
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
