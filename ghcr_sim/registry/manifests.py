"""Manifests: distribution specification, sections "Pulling manifests" and "Pushing manifests".

Sources: image specification (manifest, index); ghcr-wire sections 3, 4 and 5.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ghcr_sim.exchange import Request, Response
from ghcr_sim.oci import Refusal, check_tag, is_digest
from ghcr_sim.oci.digests import digest_of, parse_digest
from ghcr_sim.oci.media import OCI_INDEX, OCI_MANIFEST
from ghcr_sim.registry.answers import empty
from ghcr_sim.registry.check import check_manifest
from ghcr_sim.store import Manifest, Store

if TYPE_CHECKING:
    from ghcr_sim.profiles.model import Profile
    from ghcr_sim.route import Operation
    from ghcr_sim.store import Repository

__all__ = ["delete", "get", "put"]

_STRICT = {OCI_INDEX: ("index", "indexes"), OCI_MANIFEST: ("manifest", "manifests")}


def get(profile: Profile, state: Repository | None, operation: Operation, request: Request) -> Response:
    """A manifest as it was pushed (GET and HEAD)."""
    manifest = None if state is None else state.manifest(operation.reference)
    if manifest is None:
        raise Refusal("MANIFEST_UNKNOWN")
    if profile.manifests.accept == "oci" and manifest.media_type in _STRICT:
        _check_accept(profile, manifest.media_type, request)
    etag = f'"{manifest.digest}"'
    names = (("docker-content-digest", manifest.digest), *((("etag", etag),) if profile.headers.etag else ()))
    if profile.manifests.not_modified and _is_had(request.headers.get("if-none-match", ""), etag):
        return Response(304, names)
    length = ("content-length", str(len(manifest.content)))
    return Response(200, (length, ("content-type", manifest.media_type), *names), manifest.content)


def _is_had(condition: str, etag: str) -> bool:
    """Whether a client has it already, by `If-None-Match` (RFC 9110, section 13.1.2)."""
    return bool({"*", etag} & {part.strip().removeprefix("W/") for part in condition.split(",")})


def _check_accept(profile: Profile, media_type: str, request: Request) -> None:
    """GHCR hides an OCI manifest from who does not name its type (rows 3.3 to 3.6)."""
    accept = request.headers.get("accept", "")
    if _names(accept, media_type, wildcard=profile.manifests.accept_wildcard):
        return
    lines = getattr(request.headers, "getall", None)
    if lines is not None and _names(",".join(lines("accept", ())), media_type):
        return
    kind, plural = _STRICT[media_type]
    raise Refusal("MANIFEST_UNKNOWN", profile.manifests.accept_message.format(kind=kind, plural=plural))


@lru_cache(maxsize=256)
def _names(accept: str, media_type: str, *, wildcard: bool = False) -> bool:
    """Whether an `Accept` names a type. Clients send the same few headers again and again."""
    wanted = {part.partition(";")[0].strip() for part in accept.split(",")}
    return media_type in wanted or (wildcard and (not accept or "*/*" in wanted))


def put(profile: Profile, store: Store, operation: Operation, request: Request, content: bytes) -> Response:
    """Store a manifest under its digest, and under the tag.

    Raises:
        Refusal: MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, DIGEST_INVALID: nothing is stored then.
    """
    repository, reference = operation.repository, operation.reference
    digest = _digest(reference, content)
    media_type = check_manifest(profile, store, repository, request.headers.get("content-type"), content)
    manifest = Manifest.read(digest, media_type, content)
    more_tags = _more_tags(profile, operation)
    store.put_manifest(repository, manifest, more_tags if is_digest(reference) else [reference])
    headers = [("docker-content-digest", digest), ("location", f"/v2/{repository}/manifests/{digest}")]
    if manifest.subject and profile.manifests.subject_header:
        headers.append(("oci-subject", manifest.subject))
    headers += [("oci-tag", tag) for tag in more_tags]
    return empty(201, *headers)


def _more_tags(profile: Profile, operation: Operation) -> list[str]:
    """The tags that a push by digest asks for (distribution specification, development version)."""
    if not profile.manifests.tag_param or not is_digest(operation.reference):
        return []
    tags = operation.every("tag")
    for tag in tags:
        check_tag(tag)
    return tags


def _digest(reference: str, content: bytes) -> str:
    """The digest to store under: the algorithm is the reference's, or sha256 for a tag."""
    if not is_digest(reference):
        return digest_of(content)
    got = digest_of(content, parse_digest(reference).algorithm)
    if got != reference:
        raise Refusal("DIGEST_INVALID", details=(f"wanted {reference}, the content has {got}",))
    return reference


def delete(profile: Profile, store: Store, operation: Operation) -> Response:
    """Delete a manifest with all its tags, or one tag."""
    if not profile.manifests.delete:
        raise Refusal("UNSUPPORTED")
    repository, reference = operation.repository, operation.reference
    done = store.delete_manifest if is_digest(reference) else store.delete_tag
    if not done(repository, reference):
        raise Refusal("MANIFEST_UNKNOWN")
    return empty(202)
