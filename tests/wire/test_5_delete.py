"""Section 5: nothing is deleted through the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raw import refused
from wire.pushing import OCI_MANIFEST, push_image

if TYPE_CHECKING:
    from raw import Raw

Who = tuple[str, str]
UNSUPPORTED = refused("UNSUPPORTED", "The operation is unsupported.")


@pytest.mark.row("5.1")
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_manifests_cannot_be_deleted(raw: Raw, owner: Who, by: str) -> None:
    """DELETE of a tag or digest is a 405 UNSUPPORTED for an owner with all scopes, and deletes nothing."""
    digest = push_image(raw, "acme/app:v1", owner)
    target = f"/v2/acme/app/manifests/{'v1' if by == 'tag' else digest}"

    reply = raw("DELETE", target, owner)

    assert reply.status == 405
    assert reply.body == UNSUPPORTED
    assert raw("HEAD", target, owner, ("Accept", OCI_MANIFEST)).status == 200


@pytest.mark.row("5.2", "7.9")
def test_uploads_cannot_be_cancelled(raw: Raw, owner: Who) -> None:
    """DELETE of a session is a 405 UNSUPPORTED, and the session goes on."""
    location = raw("POST", "/v2/acme/app/blobs/uploads/", owner)["location"]

    reply = raw("DELETE", location, owner)

    assert reply.status == 405
    assert reply.body == UNSUPPORTED
    assert raw("PATCH", location, owner, body=b"more").status == 202


@pytest.mark.row("5.3")
def test_blobs_cannot_be_deleted(raw: Raw, owner: Who) -> None:
    """DELETE of a blob is a 405 UNSUPPORTED, and the blob stays."""
    digest = push_image(raw, "acme/app:v1", owner)
    config = raw("GET", f"/v2/acme/app/manifests/{digest}", owner, ("Accept", OCI_MANIFEST)).json()["config"]
    target = f"/v2/acme/app/blobs/{config['digest']}"

    reply = raw("DELETE", target, owner)

    assert reply.status == 405
    assert reply.body == UNSUPPORTED
    assert raw("HEAD", target, owner).status == 200
