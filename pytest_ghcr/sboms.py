"""Bills of materials for images that have none: small, valid documents that name the image and its one package.

It knows no image but by name and digest, and invents nothing that a scanner would take for a finding. Sources: SPDX 2.3
("Document Creation Information", "Package Information"), CycloneDX 1.5 JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MEDIA_TYPES", "SbomFormat", "check_format", "sbom_document"]

SbomFormat = Literal["spdx", "cyclonedx"]
"""What `sbom=` takes beside True, which is `spdx`."""

MEDIA_TYPES: dict[str, str] = {
    "spdx": "application/spdx+json",
    "cyclonedx": "application/vnd.cyclonedx+json",
}
"""Format → media type, which is the artifact type of the referrer, too."""

_CREATED = "1970-01-01T00:00:00Z"


def check_format(kind: str) -> str:
    """The format, if it is one.

    Raises:
        ValueError: It is none.
    """
    if kind not in _DOCUMENTS:
        raise ValueError(f"sbom is {kind!r}: give True, or one of {', '.join(get_args(SbomFormat))}")
    return kind


def sbom_document(kind: str, repository: str, digest: str) -> bytes:
    """A bill of materials, as JSON.

    Args:
        kind: `spdx` or `cyclonedx`.
        repository: `acme/app`.
        digest: The image's.

    Raises:
        ValueError: There is no such format.
    """
    return json.dumps(_DOCUMENTS[check_format(kind)](repository, digest), separators=(",", ":")).encode()


def _purl(repository: str, digest: str) -> str:
    """The package URL of an image (purl specification, type `oci`)."""
    name = repository.rpartition("/")[2]
    return f"pkg:oci/{name}@{digest.replace(':', '%3A')}?repository_url=ghcr.io/{repository}"


def _spdx(repository: str, digest: str) -> dict[str, Any]:
    algorithm, _, digits = digest.partition(":")
    purl = {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": _purl(repository, digest),
    }
    image = {
        "SPDXID": "SPDXRef-image",
        "name": f"ghcr.io/{repository}",
        "versionInfo": digest,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "checksums": [{"algorithm": algorithm.upper(), "checksumValue": digits}],
        "externalRefs": [purl],
    }
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"ghcr.io/{repository}",
        "documentNamespace": f"https://ghcr.io/{repository}/sbom/{digits}",
        "creationInfo": {"created": _CREATED, "creators": ["Tool: pytest-ghcr"]},
        "documentDescribes": ["SPDXRef-image"],
        "packages": [image],
    }


def _cyclonedx(repository: str, digest: str) -> dict[str, Any]:
    image = {
        "type": "container",
        "bom-ref": "image",
        "name": f"ghcr.io/{repository}",
        "version": digest,
        "purl": _purl(repository, digest),
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": _CREATED, "component": image},
        "components": [],
    }


_DOCUMENTS: dict[str, Callable[[str, str], dict[str, Any]]] = {"spdx": _spdx, "cyclonedx": _cyclonedx}
