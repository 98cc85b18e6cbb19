"""Blobs, both ways, and deleted.

It joins the rooms of uploads and downloads. Source: distribution specification, section "Deleting Blobs".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_client.auth.scopes import delete
from ghcr_client.digests import Digest
from ghcr_client.operations.base import deleted
from ghcr_client.operations.downloads import DownloadOperations
from ghcr_client.operations.uploads import UploadOperations
from ghcr_client.tracing import span
from ghcr_client.transport import Call

if TYPE_CHECKING:
    from ghcr_client.refs import ImageRef

__all__ = ["BlobOperations"]


class BlobOperations(DownloadOperations, UploadOperations):
    """The operations on blobs."""

    async def delete_blob(self, ref: ImageRef | str, digest: str) -> None:
        """Delete a blob.

        Args:
            ref: The repository.
            digest: The blob.

        Raises:
            Unsupported: The registry does not delete blobs; on GHCR they go with the last version that has them.
            BlobUnknown: The repository has no such blob.
            RegistryError: The registry refuses.
            TransportError: There is no answer.

        Example:
            blob = await client.upload_blob("acme/app", b"hello")
            await client.delete_blob("acme/app", blob.digest)
            await client.blob_exists("acme/app", blob.digest)  # False
        """
        ref, wanted = self.ref(ref), Digest(digest)
        with span("delete_blob", image=ref.name, digest=wanted):
            await deleted(
                self._transport,
                Call(
                    operation="blob.delete",
                    method="DELETE",
                    registry=ref.registry,
                    target=f"/v2/{ref.repository}/blobs/{wanted}",
                    scopes=(delete(ref.repository),),
                    ok=frozenset({200, 202, 204}),
                ),
            )
