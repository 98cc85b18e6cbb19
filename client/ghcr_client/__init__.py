"""The async client for GHCR and every other OCI registry: so far its types and its errors.

It knows nothing of `ghcr_sim` (an import contract holds that). A name is loaded when it is first used, so that
importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ghcr_client.digests import Digest
    from ghcr_client.errors import (
        BlobUnknown,
        ConfigError,
        Denied,
        DigestMismatch,
        GhcrError,
        InvalidContent,
        InvalidManifest,
        InvalidRange,
        InvalidReference,
        InvalidUpload,
        ManifestUnknown,
        NameUnknown,
        NotFound,
        RateLimited,
        RegistryError,
        ServerError,
        TransportError,
        Unauthorized,
        Unsupported,
        UploadUnknown,
    )
    from ghcr_client.manifests import Manifest
    from ghcr_client.models import ArtifactManifest, Descriptor, ImageIndex, ImageManifest
    from ghcr_client.platforms import Platform
    from ghcr_client.ranges import ChunkRange
    from ghcr_client.refs import ImageRef, Tag

__all__ = [
    "ArtifactManifest",
    "BlobUnknown",
    "ChunkRange",
    "ConfigError",
    "Denied",
    "Descriptor",
    "Digest",
    "DigestMismatch",
    "GhcrError",
    "ImageIndex",
    "ImageManifest",
    "ImageRef",
    "InvalidContent",
    "InvalidManifest",
    "InvalidRange",
    "InvalidReference",
    "InvalidUpload",
    "Manifest",
    "ManifestUnknown",
    "NameUnknown",
    "NotFound",
    "Platform",
    "RateLimited",
    "RegistryError",
    "ServerError",
    "Tag",
    "TransportError",
    "Unauthorized",
    "Unsupported",
    "UploadUnknown",
]

_HOMES = {
    "ArtifactManifest": "models",
    "ChunkRange": "ranges",
    "Descriptor": "models",
    "Digest": "digests",
    "ImageIndex": "models",
    "ImageManifest": "models",
    "ImageRef": "refs",
    "Manifest": "manifests",
    "Platform": "platforms",
    "Tag": "refs",
}
"""The module of each name; what is not here is an error."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
