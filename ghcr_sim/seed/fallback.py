"""The fallback tag of a registry without a referrers API: `sha256-<hex>` points at an index of the referrers.

Source: distribution specification, section "Unavailable Referrers API". Clients keep that tag right themselves
when they push; what is seeded has no client, so it is kept right here.
"""

from __future__ import annotations

import json

from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import OCI_INDEX
from ghcr_sim.store import Manifest, Store

__all__ = ["put_fallback"]


def put_fallback(store: Store, repository: str, subject: str) -> None:
    """Point a subject's fallback tag at all its referrers."""
    referrers = [manifest.descriptor() for manifest in store.referrers(repository, subject)]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": referrers}
    content = json.dumps(document, separators=(",", ":")).encode()
    index = Manifest.read(digest_of(content), OCI_INDEX, content)
    store.put_manifest(repository, index, [subject.replace(":", "-", 1)])
