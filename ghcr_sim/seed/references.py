"""From what a person writes, or an archive says, to repositories and tags.

It knows names only, no content. The grammar of names is `ghcr_sim.oci.names`; that a package has an
owner is GHCR's own rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ghcr_sim.errors import SeedError
from ghcr_sim.oci.names import check_repository, check_tag
from ghcr_sim.oci.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LATEST", "Placement", "Reference", "check", "parse_reference", "place"]

LATEST = "latest"
_REMEDY = 'pass repository="owner/name" (with ":tag", if it holds one image)'
_DROPPED_HOSTS = ("ghcr.io/", "docker.io/", "localhost/")
"""Hosts that tools write before a name that had none (Docker, Podman), and GHCR itself."""

Placement = dict[str, list[str]]
"""Repository → tags."""


class Reference(NamedTuple):
    """Where an image goes.

    Attributes:
        repository: `owner/name`.
        tag: The tag, or None where the reference has none.
    """

    repository: str
    tag: str | None


def parse_reference(text: str) -> Reference:
    """Read `owner/name[:tag]`; `ghcr.io/` before it is dropped.

    Raises:
        SeedError: The reference names a digest, another registry or no owner, or is not well formed.
    """
    name, at, _ = text.removeprefix("ghcr.io/").partition("@")
    if at:
        raise SeedError(f"{text!r} names a digest, but the content decides the digest: give owner/name:tag")
    reference = _split(name)
    owner, slash, _ = reference.repository.partition("/")
    if not slash:
        raise SeedError(f"{text!r} has no owner: give owner/name:tag, such as 'acme/{name or 'app'}'")
    if "." in owner or ":" in owner:
        raise SeedError(f"{text!r} names the registry {owner}: give owner/name:tag")
    check(*reference)
    return reference


def _split(name: str) -> Reference:
    """Part the tag from the rest; unchecked."""
    colon = name.find(":", name.rfind("/") + 1)
    return Reference(name, None) if colon < 0 else Reference(name[:colon], name[colon + 1 :])


def check(repository: str, tag: str | None) -> None:
    """Refuse what is no repository or no tag.

    Raises:
        SeedError: With the reason.
    """
    try:
        check_repository(repository)
        if tag is not None:
            check_tag(tag)
    except Refusal as refusal:
        raise SeedError(refusal.message) from None


def _archived(name: str) -> Reference:
    """What a name in an archive says; its repository is empty where that is unclear."""
    plain, at, _ = name.partition("@")
    for host in _DROPPED_HOSTS:
        if plain.startswith(host):
            plain = plain.removeprefix(host).removeprefix("library/")
            break
    if "/" not in plain:
        return Reference("", plain.rpartition(":")[2])
    said = _split(plain)
    tag = said.tag if said.tag or at else LATEST
    try:
        return Reference(parse_reference(said.repository).repository, tag)
    except SeedError:
        return Reference("", tag)


def place(images: Sequence[Sequence[str]], repository: str | None, where: str) -> list[Placement]:
    """Decide for each image of an archive which repositories and tags it gets.

    Args:
        images: The names of each image, as the archive has them; an image may have none.
        repository: What the caller asks for: `owner/name`, or with a single image `owner/name:tag`.
        where: The archive, for error texts.

    Raises:
        SeedError: A name is unclear, or two images would get one tag.
    """
    if repository is None:
        placed = _by_names(images, where)
    else:
        wanted = parse_reference(repository)
        placed = [{wanted.repository: tags} for tags in _tags_within(images, wanted, where)]
    _refuse_collisions(placed, where)
    return placed


def _by_names(images: Sequence[Sequence[str]], where: str) -> list[Placement]:
    """Every image where its names say; one without a name beside the others, if they agree."""
    placed: list[Placement] = []
    for names in images:
        placement: Placement = {}
        for name in names:
            reference = _archived(name)
            if not reference.repository:
                raise SeedError(f"{where} names an image {name!r}, which is not owner/name:tag: {_REMEDY}")
            check(*reference)
            placement.setdefault(reference.repository, [])
            if reference.tag and reference.tag not in placement[reference.repository]:
                placement[reference.repository].append(reference.tag)
        placed.append(placement)
    repositories = {repository for placement in placed for repository in placement}
    if not all(placed):
        if len(repositories) != 1:
            raise SeedError(f"{where} holds an image without a name: {_REMEDY}")
        (only,) = repositories
        placed = [placement or {only: []} for placement in placed]
    return placed


def _tags_within(images: Sequence[Sequence[str]], wanted: Reference, where: str) -> list[list[str]]:
    """The tags of each image, whatever repository the archive names."""
    if wanted.tag is not None or (len(images) == 1 and not images[0]):
        if len(images) != 1:
            raise SeedError(
                f"{where} holds {len(images)} images: pass repository={wanted.repository!r} without a tag"
            )
        return [[wanted.tag or LATEST]]
    found: list[list[str]] = []
    for names in images:
        tags: dict[str, None] = {}
        for name in names:
            tag = _archived(name).tag
            if tag is not None:
                check(wanted.repository, tag)
                tags[tag] = None
        found.append(list(tags))
    return found


def _refuse_collisions(placed: Sequence[Placement], where: str) -> None:
    taken: set[tuple[str, str]] = set()
    for placement in placed:
        for target in ((repository, tag) for repository, tags in placement.items() for tag in tags):
            if target in taken:
                raise SeedError(
                    f"{where} holds two images that would both be {':'.join(target)}: seed them apart"
                )
            taken.add(target)
