"""The async client for GHCR and every other OCI registry.

`GhcrClient` has the operations; `SyncGhcrClient` has the same for code without a loop. It knows nothing of
`ghcr_sim` (an import contract holds that). A name is loaded when it is first used, so that importing the package costs
next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_client.lazy import loading

if TYPE_CHECKING:
    from ghcr_client.auth.credentials import Credentials
    from ghcr_client.auth.dockerconfig import DockerConfigCredentials
    from ghcr_client.auth.githubcli import GitHubCliCredentials
    from ghcr_client.auth.providers import (
        Anonymous,
        ChainCredentials,
        CredentialProvider,
        EnvironmentCredentials,
        RepositoryCredentials,
        StaticCredentials,
    )
    from ghcr_client.client import GhcrClient, default_credentials
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
        LayoutError,
        ManifestUnknown,
        NameUnknown,
        NotDeletable,
        NotFound,
        ProtocolError,
        RateLimited,
        RegistryError,
        ServerError,
        SimulationError,
        TransportError,
        Unauthorized,
        Unsupported,
        UploadError,
        UploadUnknown,
    )
    from ghcr_client.images import Image, github_annotations
    from ghcr_client.layout import DockerArchive, LayoutArchive, LayoutDirectory, LocalImages, open_local
    from ghcr_client.limiter import LimitState
    from ghcr_client.manifests import Manifest
    from ghcr_client.metrics import Metrics, PrometheusMetrics
    from ghcr_client.models import ArtifactManifest, Descriptor, ImageIndex, ImageManifest
    from ghcr_client.operations.health import Health
    from ghcr_client.operations.tags import Retagged
    from ghcr_client.platforms import Platform
    from ghcr_client.progress import Progress, ProgressCallback
    from ghcr_client.ranges import ChunkRange
    from ghcr_client.refs import ImageRef, Tag
    from ghcr_client.settings import GhcrConfig
    from ghcr_client.sources import BytesSource, FileSource, Source, StreamSource
    from ghcr_client.sync import SyncGhcrClient

__all__ = [
    "Anonymous",
    "ArtifactManifest",
    "BlobUnknown",
    "BytesSource",
    "ChainCredentials",
    "ChunkRange",
    "ConfigError",
    "CredentialProvider",
    "Credentials",
    "Denied",
    "Descriptor",
    "Digest",
    "DigestMismatch",
    "DockerArchive",
    "DockerConfigCredentials",
    "EnvironmentCredentials",
    "FileSource",
    "GhcrClient",
    "GhcrConfig",
    "GhcrError",
    "GitHubCliCredentials",
    "Health",
    "Image",
    "ImageIndex",
    "ImageManifest",
    "ImageRef",
    "InvalidContent",
    "InvalidManifest",
    "InvalidRange",
    "InvalidReference",
    "InvalidUpload",
    "LayoutArchive",
    "LayoutDirectory",
    "LayoutError",
    "LimitState",
    "LocalImages",
    "Manifest",
    "ManifestUnknown",
    "Metrics",
    "NameUnknown",
    "NotDeletable",
    "NotFound",
    "Platform",
    "Progress",
    "ProgressCallback",
    "PrometheusMetrics",
    "ProtocolError",
    "RateLimited",
    "RegistryError",
    "RepositoryCredentials",
    "Retagged",
    "ServerError",
    "SimulationError",
    "Source",
    "StaticCredentials",
    "StreamSource",
    "SyncGhcrClient",
    "Tag",
    "TransportError",
    "Unauthorized",
    "Unsupported",
    "UploadError",
    "UploadUnknown",
    "default_credentials",
    "github_annotations",
    "open_local",
]

_HOMES = {
    "Anonymous": "auth.providers",
    "ArtifactManifest": "models",
    "BytesSource": "sources",
    "ChainCredentials": "auth.providers",
    "ChunkRange": "ranges",
    "CredentialProvider": "auth.providers",
    "Credentials": "auth.credentials",
    "Descriptor": "models",
    "Digest": "digests",
    "DockerArchive": "layout",
    "DockerConfigCredentials": "auth.dockerconfig",
    "EnvironmentCredentials": "auth.providers",
    "FileSource": "sources",
    "GhcrClient": "client",
    "GhcrConfig": "settings",
    "GitHubCliCredentials": "auth.githubcli",
    "Health": "operations.health",
    "Image": "images",
    "ImageIndex": "models",
    "ImageManifest": "models",
    "ImageRef": "refs",
    "LayoutArchive": "layout",
    "LayoutDirectory": "layout",
    "LimitState": "limiter",
    "LocalImages": "layout",
    "Manifest": "manifests",
    "Metrics": "metrics",
    "Platform": "platforms",
    "Progress": "progress",
    "ProgressCallback": "progress",
    "PrometheusMetrics": "metrics",
    "RepositoryCredentials": "auth.providers",
    "Retagged": "operations.tags",
    "Source": "sources",
    "StaticCredentials": "auth.providers",
    "StreamSource": "sources",
    "SyncGhcrClient": "sync",
    "Tag": "refs",
    "default_credentials": "client",
    "github_annotations": "images",
    "open_local": "layout",
}
"""The module of each name that is not one of the errors."""

__getattr__, __dir__ = loading(__name__, {name: _HOMES.get(name, "errors") for name in __all__})
