"""What the tests of deletion share: a client with GitHub's API beside the fake, and looks into the fake."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from client.github_api import GithubApi
from client.helping import client_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from client.peers import Peer
    from ghcr_client.client import GhcrClient

    Story = Callable[[GhcrClient, GithubApi], Awaitable[None]]

__all__ = ["has", "manifests_of", "seeded", "tags_of", "with_api"]


def with_api(peer: Peer, story: Story, *, token: str | None = None, **settings: Any) -> GithubApi:
    """Run a story with a client that has GitHub's API beside the registry; the API, to look at afterwards."""
    assert peer.simulator is not None
    api = GithubApi(peer.simulator, token)

    async def main() -> None:
        async with api.running(), client_for(peer, **{"api_base": api.url} | settings) as client:
            await story(client, api)

    asyncio.run(main())
    return api


def seeded(peer: Peer, *references: str) -> list[str]:
    """Images in the fake, all different; their digests."""
    assert peer.simulator is not None
    return [peer.simulator.seed(each, annotations={"n": str(n)}).digest for n, each in enumerate(references)]


def tags_of(peer: Peer, repository: str) -> dict[str, str]:
    """The tags of the fake, and what they name."""
    assert peer.simulator is not None
    state = peer.simulator.store.repository(repository)
    return {} if state is None else dict(state.tags)


def has(peer: Peer, repository: str, digest: str) -> bool:
    """Whether the fake has a manifest."""
    assert peer.simulator is not None
    return peer.simulator.store.manifest(repository, digest) is not None


def manifests_of(peer: Peer, repository: str) -> set[str]:
    """The digests that the fake has."""
    assert peer.simulator is not None
    state = peer.simulator.store.repository(repository)
    return set() if state is None else set(state.manifests)
