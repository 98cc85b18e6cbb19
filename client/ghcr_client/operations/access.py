"""The requests for manifests: looked for, pulled, put, deleted. The public operations stand on them.

It keeps to what GHCR demands: the full list of media types in `Accept`, digests that are computed here and never
believed, a GET where HEAD is refused without a word. Source: distribution specification, sections "Pulling manifests"
and "Pushing Manifests"; `reference/registry-clients.md` section 2 rows 14 and 22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_client.answers import header
from ghcr_client.auth.tokens import delete, pull, push
from ghcr_client.digests import Digest
from ghcr_client.errors import InvalidManifest, InvalidReference, NotFound, ProtocolError, RegistryError
from ghcr_client.manifests import ACCEPT, PULL_LIMIT, Manifest
from ghcr_client.masking import shown
from ghcr_client.operations.base import Base
from ghcr_client.retries import is_temporary
from ghcr_client.transport import Call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghcr_client.refs import ImageRef
    from ghcr_client.transport import Answer

__all__ = ["ManifestAccess"]

_ACCEPT = {"Accept": ", ".join(ACCEPT)}


class ManifestAccess(Base):
    """The requests for manifests. They take references that were read, and have no spans of their own."""

    async def _find(self, ref: ImageRef) -> Digest | None:
        """The digest of a manifest, or None where there is none; by GET where HEAD tells no digest or no reason."""
        try:
            answer = await self._transport.ask(
                _call("manifest.head", "HEAD", ref, pull(ref.repository), _ACCEPT)
            )
            said = header(answer.headers, "docker-content-digest")
            return ref.digest or Digest(said)
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
        if ref.digest is not None:
            ref.digest.verify(answer.body, what=f"the manifest {ref}")
        manifest = Manifest.parse(answer.body, header(answer.headers, "content-type"), algorithm=algorithm)
        self._transport.metrics.manifest_pulled()
        return manifest

    async def _put(self, ref: ImageRef, manifest: Manifest) -> Answer:
        """Put a manifest, and check that the registry has understood what it is."""
        if ref.digest is not None and ref.digest != manifest.digest:
            if ref.digest.algorithm == manifest.digest.algorithm:
                raise InvalidManifest(f"{ref} is not the digest of the manifest, which has {manifest.digest}")
            ref.digest.verify(manifest.raw, what="the manifest")
        headers = {"Content-Type": manifest.media_type}
        call = _call("manifest.put", "PUT", ref, push(ref.repository), headers, body=manifest.raw)
        answer = await self._transport.ask(call)
        said = header(answer.headers, "docker-content-digest")
        if said.startswith(f"{manifest.digest.algorithm}:") and said != manifest.digest:
            raise ProtocolError(
                f"{ref} was pushed as {manifest.digest}, and the registry calls it {shown(said, 150)}"
            )
        self._transport.metrics.manifest_pushed()
        return answer

    async def _delete(self, ref: ImageRef) -> None:
        """Delete by digest or tag."""
        await self._transport.ask(_call("manifest.delete", "DELETE", ref, delete(ref.repository)))


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
