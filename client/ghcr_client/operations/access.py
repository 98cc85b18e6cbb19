"""The requests for manifests: looked for, pulled, put, deleted. The public operations stand on them.

It keeps to what GHCR demands: the full list of media types in `Accept`, digests that are computed here and never
believed, a GET where HEAD is refused without a word. Source: distribution specification, sections "Pulling manifests"
and "Pushing Manifests"; `reference/registry-clients.md` section 2 rows 14 and 22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_client.answers import header
from ghcr_client.auth.scopes import delete, pull, push
from ghcr_client.calls import Answer, Call
from ghcr_client.digests import Digest
from ghcr_client.errors import (
    DOWNLOAD_AGAIN,
    GhcrError,
    InvalidManifest,
    InvalidReference,
    NotFound,
    ProtocolError,
    RegistryError,
    Unsupported,
)
from ghcr_client.manifests import ACCEPT, PULL_LIMIT, PUSH_LIMIT, Manifest
from ghcr_client.masking import shown
from ghcr_client.operations.base import Base, deleted
from ghcr_client.retries import is_temporary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghcr_client.packages import PackageVersions
    from ghcr_client.refs import ImageRef

__all__ = ["ManifestAccess", "check_digest"]

_ACCEPT = {"Accept": ", ".join(ACCEPT)}


class ManifestAccess(Base):
    """The requests for manifests. They take references that were read, and have no spans of their own."""

    _packages: PackageVersions

    async def _find(self, ref: ImageRef) -> Digest | None:
        """The digest of a manifest, or None where there is none; by GET where HEAD tells no digest or no reason."""
        try:
            answer = await self._transport.ask(
                _call("manifest.head", "HEAD", ref, pull(ref.repository), _ACCEPT)
            )
            said = Digest(header(answer.headers, "docker-content-digest"))
            if ref.digest is None or said == ref.digest or said.algorithm != ref.digest.algorithm:
                return ref.digest or said
        except NotFound:
            return None
        except InvalidReference:
            pass
        except RegistryError as error:
            # A refusal of HEAD has no body; that of GET says why, and some registries refuse only HEAD.
            if is_temporary(error):
                raise
        try:
            return (await self._pull(ref)).digest
        except NotFound:
            return None

    async def _pull(self, ref: ImageRef) -> Manifest:
        """A manifest, verified."""
        answer = await self._transport.ask(_call("manifest.get", "GET", ref, pull(ref.repository), _ACCEPT))
        algorithm = ref.digest.algorithm if ref.digest else "sha256"
        for promised in (ref.digest, _promised(answer)):
            if promised is not None:
                promised.verify(answer.body, what=f"the manifest {ref}", advice=DOWNLOAD_AGAIN)
        manifest = Manifest.parse(answer.body, header(answer.headers, "content-type"), algorithm=algorithm)
        self._transport.metrics.manifest_pulled()
        return manifest

    async def _put(self, ref: ImageRef, manifest: Manifest) -> Answer:
        """Put a manifest by its tag, or else by its digest, which has to be its own."""
        check_digest(ref, manifest)
        if ref.tag is None:
            return await self._put_once(ref, manifest)
        if ref.digest is not None and ref.digest != manifest.digest:
            # Of another algorithm: a registry keeps it only where it is pushed by it.
            await self._put_once(ref.with_digest(ref.digest, keep_tag=False), manifest)
        return await self._put_once(ref.with_tag(ref.tag), manifest)

    async def _put_once(self, ref: ImageRef, manifest: Manifest) -> Answer:
        """Put a manifest, and check that the registry has understood what it is."""
        if manifest.size > PUSH_LIMIT:
            raise InvalidManifest(f"{ref} has {manifest.size} bytes; registries take at most {PUSH_LIMIT}")
        headers = {"Content-Type": manifest.media_type}
        call = _call("manifest.put", "PUT", ref, push(ref.repository), headers, body=manifest.raw)
        try:
            answer = await self._transport.ask(call)
        except GhcrError as error:
            # The answer may be lost, and the manifest be there.
            if not is_temporary(error) or not await self._holds(ref, manifest):
                raise
            self._transport.metrics.manifest_pushed()
            return Answer(_CREATED, {}, b"", self._transport.base(ref.registry))
        if answer.status != _CREATED and not await self._holds(ref, manifest):
            raise ProtocolError(
                f"{ref.registry} answered {answer.status} to a manifest, and does not have it as {ref}"
            )
        said = header(answer.headers, "docker-content-digest")
        if said.startswith(f"{manifest.digest.algorithm}:") and said != manifest.digest:
            raise ProtocolError(
                f"{ref} was pushed as {manifest.digest}, and the registry calls it {shown(said, 150)}"
            )
        self._transport.metrics.manifest_pushed()
        return answer

    async def _holds(self, ref: ImageRef, manifest: Manifest) -> bool:
        """Whether a registry has a manifest by this name; False where that cannot be told."""
        try:
            found = await self._find(ref)
        except GhcrError:
            return False
        return found is not None and found in (manifest.digest, ref.digest)

    async def _delete(self, ref: ImageRef) -> None:
        """Delete by digest or tag; a digest of GHCR's, which refuses that, as a version of its package."""
        try:
            await self._delete_here(ref)
        except Unsupported:
            if ref.digest is None or not self._packages.serves(ref.registry):
                raise
            await self._packages.delete(ref.repository, ref.digest)

    async def _delete_here(self, ref: ImageRef) -> None:
        """Delete in the registry itself."""
        await deleted(self._transport, _call("manifest.delete", "DELETE", ref, delete(ref.repository)))


def check_digest(ref: ImageRef, manifest: Manifest) -> None:
    """Refuse a reference with the digest of something else.

    Args:
        ref: What a manifest will be called.
        manifest: The manifest.

    Raises:
        InvalidManifest: It has another digest.
        DigestMismatch: The same, where the digest is of another algorithm than the manifest's.
    """
    if ref.digest is None or ref.digest == manifest.digest:
        return
    if ref.digest.algorithm == manifest.digest.algorithm:
        raise InvalidManifest(f"{ref} is not the digest of the manifest, which has {manifest.digest}")
    ref.digest.verify(manifest.raw, what="the manifest")


def _promised(answer: Answer) -> Digest | None:
    """The digest that an answer claims for its body; None where it claims none that is known."""
    try:
        return Digest(header(answer.headers, "docker-content-digest"))
    except InvalidReference:
        return None


_CREATED = 201
_DONE = frozenset({200, 201, 202, 204})
_FOUND = frozenset({200})


def _call(
    operation: str,
    method: str,
    ref: ImageRef,
    scope: str,
    headers: Mapping[str, str] | None = None,
    *,
    body: bytes | None = None,
) -> Call:
    """The call for a manifest."""
    return Call(
        operation=operation,
        method=method,
        registry=ref.registry,
        target=f"/v2/{ref.repository}/manifests/{ref.reference}",
        scopes=(scope,),
        headers=headers or {},
        ok=_FOUND if method in ("GET", "HEAD") else _DONE,
        body=body,
        limit=PULL_LIMIT,
    )
