"""Versions of GitHub's container packages: found by their digest and deleted by their number, through the REST API.

GHCR itself deletes nothing; what it calls a manifest is a version of a package there. The lists lag behind, so that a
version which is gone counts as deleted. It asks for nothing but versions: a workflow's token may not list packages or
ask who it is. Sources: GitHub's documentation, "REST API endpoints for packages"; `reference/github-packages.md`
sections 1 to 6; `reference/registry-clients.md` section 2 rows 27 to 29.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ghcr_client.calls import Call
from ghcr_client.closing import closing
from ghcr_client.documents import Pages
from ghcr_client.errors import ManifestUnknown, NotDeletable, NotFound, ProtocolError
from ghcr_client.hosts import REST, is_loopback
from ghcr_client.refs import GHCR
from ghcr_client.retries import wait_before

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ghcr_client.calls import Answer
    from ghcr_client.transport import Transport

__all__ = ["PackageVersion", "PackageVersions"]

_HEADERS = MappingProxyType({"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"})
_QUERY = "?per_page=100"
_MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class PackageVersion:
    """A version of a package, which is a manifest.

    Attributes:
        id: GitHub's number for it.
        digest: The manifest's digest.
        tags: The tags that name it.
    """

    id: int
    digest: str
    tags: tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(defer_build=True)


class _Container(_Part):
    tags: tuple[str, ...]


class _Metadata(_Part):
    container: _Container


class _Listed(_Part):
    """A version as the API lists it, as far as it is needed."""

    id: int
    name: str
    metadata: _Metadata


@cache
def _list() -> TypeAdapter[list[_Listed]]:
    """What reads a list of versions; made when there is one."""
    return TypeAdapter(list[_Listed])


class PackageVersions:
    """The versions of all packages that the client's token may administer.

    Args:
        transport: What sends.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._families: dict[str, str] = {}

    def serves(self, registry: str) -> bool:
        """Whether a registry's manifests are versions here.

        Somebody who stands in for ghcr.io on this machine has other content than GitHub, which must not lose any for
        it: then the API has to be on this machine, too.

        Args:
            registry: Its name, as references have it.

        Returns:
            True for ghcr.io, and for a stand-in of both.
        """
        config = self._transport.config
        if registry != config.packages_registry:
            return False
        real = self._transport.base(registry).host == GHCR
        return real or is_loopback(self._transport.base(REST).host or "")

    async def iter_versions(self, repository: str) -> AsyncIterator[PackageVersion]:
        """The versions of a package, the newest first, while their pages come.

        Args:
            repository: `owner/name`.

        Yields:
            Each once. Some may have been deleted already: the list lags behind.

        Raises:
            NotFound: There is no such package, or the token may not administer it.
            ProtocolError: The list cannot be read, or never ends.
            RegistryError: GitHub refuses.
            TransportError: There is no answer.
        """
        pages, seen = Pages(f"the versions of {repository}", _MOST_PAGES), set[int]()
        answer = await self._first_page(repository)
        while True:
            fresh = [each for each in _versions(answer, repository) if each.id not in seen]
            seen.update(each.id for each in fresh)
            for each in fresh:
                yield each
            target = pages.after(answer)
            if target is None:
                return
            answer = await self._page(target)

    async def delete(self, repository: str, digest: str) -> None:
        """Delete the version of a digest, with all tags that it has.

        Args:
            repository: `owner/name`.
            digest: The manifest's digest; the registry has it.

        Raises:
            NotDeletable: GitHub keeps it: it is the last one with a tag, or too many have downloaded it.
            NotFound: There is no such version, or the token may not administer the package.
            RegistryError: GitHub refuses.
            TransportError: There is no answer.
        """
        version = await self._find(repository, digest)
        call = Call(
            operation="package.delete",
            method="DELETE",
            registry=REST,
            target=f"{self._address(repository)}/{version.id}",
            headers=_HEADERS,
            ok=frozenset({204}),
        )
        try:
            await self._transport.ask(call)
        except NotFound as error:
            # Without the right to delete, GitHub hides the package; a version that is gone is what was wanted.
            if "version" not in error.message.lower():
                raise

    async def must_outlive(self, repository: str, tag: str) -> None:
        """Nothing, if a package has a tag besides this one: GitHub keeps the last version that has a tag.

        Args:
            repository: `owner/name`.
            tag: The tag that is to go.

        Raises:
            NotDeletable: There is no other tag.
            RegistryError: GitHub refuses.
            TransportError: There is no answer.
        """
        async with closing(self.iter_versions(repository)) as versions:
            async for version in versions:
                if set(version.tags) - {tag}:
                    return
        raise NotDeletable(
            f"{tag} is the only tag of {repository}, and GitHub keeps the last version that has one",
            status=400,
            operation="package.delete",
            advice="delete the package instead, on its settings page or by GitHub's REST API",
        )

    async def _find(self, repository: str, digest: str) -> PackageVersion:
        """The version of a digest; one that was pushed just now may be listed a little later."""
        clock, retries = self._transport.clock, self._transport.config.max_retries
        for attempt in range(1, retries + 2):
            async with closing(self.iter_versions(repository)) as versions:
                async for version in versions:
                    if version.digest == digest:
                        return version
            if attempt <= retries:
                await clock.sleep(wait_before(attempt, None, clock.jitter()))
        raise ManifestUnknown(
            f"GitHub lists no version {digest} of {repository}", status=404, operation="package.versions"
        )

    async def _first_page(self, repository: str) -> Answer:
        """The first page of a package's versions: an organization's are in one place, a user's in another."""
        owner = repository.partition("/")[0]
        family = self._families.get(owner, "orgs")
        try:
            answer = await self._page(self._address(repository, family) + _QUERY)
        except NotFound:
            if owner in self._families:
                raise
            family = "users"
            answer = await self._page(self._address(repository, family) + _QUERY)
        self._families[owner] = family
        return answer

    async def _page(self, target: str) -> Answer:
        """A page of a list."""
        call = Call(
            operation="package.versions", method="GET", registry=REST, target=target, headers=_HEADERS
        )
        return await self._transport.ask(call)

    def _address(self, repository: str, family: str | None = None) -> str:
        """The URL of a package's versions, where the owner's family is known by now; slashes are escaped."""
        owner, _, name = repository.partition("/")
        family = family or self._families[owner]
        base = str(self._transport.base(REST)).rstrip("/")
        return f"{base}/{family}/{owner}/packages/container/{quote(name, safe='')}/versions"


def _versions(answer: Answer, repository: str) -> list[PackageVersion]:
    """The versions on a page."""
    try:
        listed = _list().validate_json(answer.body)
    except ValidationError:
        raise ProtocolError(
            f"the versions of {repository} came as something that is no list of them"
        ) from None
    return [PackageVersion(each.id, each.name, each.metadata.container.tags) for each in listed]
