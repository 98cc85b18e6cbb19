"""Pushes by hand: only what the distribution specification asks of a client."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raw import Raw, Reply

__all__ = [
    "ABSENT",
    "DOCKER_INDEX",
    "DOCKER_MANIFEST",
    "OCI_CONFIG",
    "OCI_INDEX",
    "OCI_LAYER",
    "OCI_MANIFEST",
    "digest_of",
    "image",
    "push_blob",
    "push_image",
    "put_manifest",
]

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
ABSENT = f"sha256:{'0' * 64}"
"""A well-formed digest that nothing has."""


def digest_of(data: bytes) -> str:
    """The sha256 digest."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def push_blob(raw: Raw, repository: str, data: bytes, who: tuple[str, str]) -> str:
    """Push a blob (POST, PUT); its digest."""
    digest = digest_of(data)
    session = raw("POST", f"/v2/{repository}/blobs/uploads/", who)
    assert session.status == 202, session
    done = raw("PUT", f"{session['location']}?digest={digest}", who, body=data)
    assert done.status == 201, done
    return digest


def descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


def image(config: bytes = b"{}", *layers: bytes, media_type: str = OCI_MANIFEST, **more: Any) -> bytes:
    """A manifest over a config and layers; `more` are more keys of it."""
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(more.pop("config_type", OCI_CONFIG), config),
        "layers": [descriptor(more.pop("layer_type", OCI_LAYER), layer) for layer in layers],
    }
    return json.dumps(document | more).encode()


def put_manifest(
    raw: Raw,
    repository: str,
    reference: str,
    content: bytes,
    who: tuple[str, str],
    *,
    media_type: str = OCI_MANIFEST,
) -> Reply:
    """Push a manifest's bytes."""
    headers = (who, ("Content-Type", media_type))
    return raw("PUT", f"/v2/{repository}/manifests/{reference}", *headers, body=content)


def push_image(raw: Raw, name: str, who: tuple[str, str], **more: Any) -> str:
    """Push an image without layers as `owner/name:tag`; its digest. `more` is as for `image`."""
    repository, _, tag = name.rpartition(":")
    push_blob(raw, repository, b"{}", who)
    content = image(**more)
    done = put_manifest(raw, repository, tag, content, who)
    assert done.status == 201, done
    return digest_of(content)
