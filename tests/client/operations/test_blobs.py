"""Blobs on every registry: whether they are there, taken over from a neighbour, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from client.operations.making import Counted, with_client
from ghcr_client.digests import Digest
from ghcr_client.errors import BlobUnknown, InvalidReference, ServerError, Unsupported

if TYPE_CHECKING:
    from client.peers import Peer
    from ghcr_client.client import GhcrClient

DATA = b"content" * 100
NOBODY = Digest.of(b"nobody has this")


def test_blob_exists(registry: Peer, repository: str) -> None:
    """A blob is there or not, in one request without a body; also where GHCR would redirect."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        blob = await client.upload_blob(repository, DATA)
        counted.clear()
        assert await client.blob_exists(repository, blob.digest)
        assert not await client.blob_exists(repository, NOBODY)
        assert counted.asked == {"blob.head": 2}
        with pytest.raises(InvalidReference):
            await client.blob_exists(repository, "sha256:abc")

    with_client(registry, story, metrics=counted)


def test_mount_blob(registry: Peer, repository: str) -> None:
    """A blob is taken over without being sent; False and no upload left open where a registry does not mount."""
    other = f"{repository}-other"
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        blob = await client.upload_blob(repository, DATA)
        counted.clear()
        mounts = registry.name != "crane"
        assert await client.mount_blob(other, blob.digest, repository) is mounts
        if mounts:
            assert await client.get_blob(other, blob.digest) == DATA
        assert await client.mount_blob(other, NOBODY, repository) is False
        assert not counted.sent
        # Each session that was opened instead was given up, as far as the registry allows.
        assert counted.asked["upload.delete"] == counted.answers["upload.post", 202]

    with_client(registry, story, metrics=counted)


def test_nothing_is_mounted_across_registries(registry: Peer, repository: str) -> None:
    """Two registries are an error, before anything is asked."""
    counted = Counted()

    async def story(client: GhcrClient) -> None:
        with pytest.raises(InvalidReference, match="two registries"):
            await client.mount_blob(repository, NOBODY, "other.example/acme/app")

    with_client(registry, story, metrics=counted)
    assert not counted.asked


def test_delete_blob(registry: Peer, repository: str) -> None:
    """A blob goes, alone; GHCR says that it deletes none, and it is still there."""

    async def story(client: GhcrClient) -> None:
        blob, kept = [await client.upload_blob(repository, each) for each in (DATA, b"kept")]
        if registry.name == "ghcr":
            with pytest.raises(Unsupported, match="Packages"):
                await client.delete_blob(repository, blob.digest)
        else:
            await client.delete_blob(repository, blob.digest)
        assert await client.blob_exists(repository, blob.digest) is (registry.name == "ghcr")
        assert await client.get_blob(repository, kept.digest) == b"kept"

    with_client(registry, story)


def test_delete_a_blob_that_is_not_there(registry: Peer, repository: str) -> None:
    """An error says so; GHCR's is that it deletes nothing, and that of crane's registry is a 500."""
    expected = {"ghcr": Unsupported, "crane": ServerError}

    async def story(client: GhcrClient) -> None:
        await client.upload_blob(repository, DATA)
        with pytest.raises(expected.get(registry.name, BlobUnknown)):
            await client.delete_blob(repository, NOBODY)

    with_client(registry, story)
