"""What an exchange changes and what it depends on: nothing recorded after a write is answered before it.

Resources are named by tuples. Only successful writes change anything. It knows no times. Source:
`reference/record-replay.md` section 3.9 and 5.2.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ghcr_sim.oci.media import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Resource", "changed_by", "follows", "needed_by", "referenced", "sizes_in"]

Resource = tuple[str, ...]
"""A word, `blob`, `manifest`, `gone`, `list` or `package`; the repository; and for the first three a digest or tag.

Or `api` and what a path of GitHub's API speaks of: a package's name without its owner, whom `/user` does not tell.
"""

_OK = range(200, 300)


def changed_by(  # noqa: PLR0911 - a table
    name: str,
    repository: str,
    reference: str,
    query: Iterable[tuple[str, str]],
    *,
    status: int,
    digest: str | None = None,
    tags: Iterable[str] = (),
) -> tuple[Resource, ...]:
    """What a write has changed.

    Args:
        name: The operation.
        repository: The repository.
        reference: A tag or digest.
        query: The query.
        status: How it ended.
        digest: The digest of a manifest that was pushed.
        tags: The tags that go with a manifest that is deleted by its digest.

    Returns:
        The resources; none where it changed nothing.
    """
    if status not in _OK:
        return ()
    asked = dict(query)
    match name:
        case "manifest.put" | "manifest.delete":
            deleted = name == "manifest.delete"
            manifests = {reference, *tags} if deleted else {reference, digest or reference}
            return (
                *(("manifest", repository, each) for each in sorted(manifests)),
                *((("gone", repository, reference),) if deleted else ()),
                ("list", repository),
                ("package", repository),
            )
        case "upload.put":
            return (("blob", repository, asked.get("digest", "")),)
        case "upload.post" if status == 201 and ("mount" in asked or "digest" in asked):  # noqa: PLR2004 - Created
            return (("blob", repository, asked.get("mount") or asked.get("digest", "")),)
        case "api.delete" | "api.patch" | "api.post" | "api.put":
            return tuple(("api", each) for each in _of_api(reference))
        case "blob.delete":
            return (("blob", repository, reference), ("gone", repository, reference))
    return ()


def follows(
    name: str,
    repository: str,
    reference: str,
    query: Iterable[tuple[str, str]],
    *,
    digest: str | None = None,
    tags: Iterable[str] = (),
) -> tuple[Resource, ...]:
    """What a write comes after, beside what it depends on: others that it would undo, or that would undo it.

    The same content pushed twice is in no order: who of parallel clients came first is chance. Arguments are those of
    `changed_by`.
    """
    asked = dict(query)
    match name:
        case "manifest.put":
            tag = () if ":" in reference else (("manifest", repository, reference),)
            return (*tag, ("gone", repository, digest or reference))
        case "manifest.delete":
            return tuple(("manifest", repository, each) for each in tags)
        case "upload.put" | "upload.post":
            return (("gone", repository, asked.get("mount") or asked.get("digest", "")),)
    return ()


def needed_by(  # noqa: PLR0911 - a table
    name: str,
    repository: str,
    reference: str,
    query: Iterable[tuple[str, str]],
    manifest: bytes | None = None,
) -> tuple[Resource, ...]:
    """What an exchange depends on.

    Args:
        name: The operation.
        repository: The repository.
        reference: A tag or digest.
        query: The query.
        manifest: The bytes of a manifest that is pushed.

    Returns:
        The resources.
    """
    noun = name.partition(".")[0]
    if noun == "api":
        return (("api", _of_api(reference)[0]),)
    if name == "manifest.put":
        return tuple(_listed(repository, manifest or b""))
    if noun == "manifest":
        return (("manifest", repository, reference), ("api", repository.partition("/")[2]))
    if noun == "blob":
        return (("blob", repository, reference),)
    if noun in {"tags", "referrers"}:
        return (("list", repository), ("api", repository.partition("/")[2]))
    if noun == "token":
        scopes = [value for key, value in query if key == "scope"]
        return tuple(("package", scope.split(":")[1]) for scope in scopes if scope.count(":") >= 2)  # noqa: PLR2004 - type, name, actions
    if name == "upload.post" and (source := dict(query).get("from")):
        return (("blob", source, dict(query).get("mount", "")),)
    return ()


def _of_api(path: str) -> tuple[str, ...]:
    """What a path of GitHub's API speaks of: a package by its name, and the list that it is in, or the path itself."""
    listed, _, rest = path.partition("/packages/")
    _, _, name = rest.partition("/")
    return (unquote(name.partition("/")[0]), f"{listed}/packages") if name else (path,)


def _listed(repository: str, manifest: bytes) -> Iterator[Resource]:
    """What a manifest lists."""
    blobs, manifests = referenced(manifest)
    yield from (("blob", repository, each) for each in blobs)
    yield from (("manifest", repository, each) for each in manifests)


def referenced(manifest: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The digests that a manifest lists.

    Args:
        manifest: Its bytes; what is no manifest lists nothing.

    Returns:
        Blobs, and manifests.
    """
    blobs, manifests = _descriptors(manifest)
    return _digests(blobs), _digests(manifests)


def sizes_in(manifest: bytes) -> dict[str, int]:
    """The sizes that a manifest says.

    Args:
        manifest: Its bytes; what is no manifest says none.

    Returns:
        Digest → bytes.
    """
    listed = [each for found in _descriptors(manifest) for each in found if isinstance(each, dict)]
    said = ((each.get("digest"), each.get("size")) for each in listed)
    return {digest: size for digest, size in said if isinstance(digest, str) and isinstance(size, int)}


def _descriptors(manifest: bytes) -> tuple[list[Any], list[Any]]:
    """What a manifest lists: blobs, and manifests. What an index lists of other types may be either."""
    try:
        document: Any = json.loads(manifest)
    except (ValueError, RecursionError):
        return [], []
    if not isinstance(document, dict):
        return [], []
    layers = _list(document.get("layers")) or _list(document.get("blobs"))
    listed = _list(document.get("manifests"))
    others = [each for each in listed if isinstance(each, dict) and _is_other(each.get("mediaType"))]
    return [document.get("config"), *layers, *others], listed


def _is_other(media_type: object) -> bool:
    return isinstance(media_type, str) and media_type not in KINDS


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _digests(descriptors: list[Any]) -> tuple[str, ...]:
    found = (each.get("digest") for each in descriptors if isinstance(each, dict))
    return tuple(dict.fromkeys(each for each in found if isinstance(each, str)))
