"""Section 4: pushing manifests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from raw import bearer
from wire.pushing import (
    DOCKER_MANIFEST,
    OCI_MANIFEST,
    digest_of,
    image,
    push_blob,
    push_image,
    put_manifest,
)

from ghcr_sim.auth import Credential

if TYPE_CHECKING:
    from raw import Raw

    from pytest_ghcr import Ghcr

Who = tuple[str, str]


@pytest.mark.row("4.1")
def test_a_pushed_manifest_is_acknowledged_with_its_digest(raw: Raw, owner: Who) -> None:
    """A 201 names the digest, and a location by digest."""
    push_blob(raw, "acme/app", b"{}", owner)
    content = image()

    reply = put_manifest(raw, "acme/app", "v1", content, owner)

    assert reply.status == 201
    assert reply["docker-content-digest"] == digest_of(content)
    assert reply["location"] == f"/v2/acme/app/manifests/{digest_of(content)}"


@pytest.mark.row("4.2")
def test_missing_blobs_are_listed_by_digest(raw: Raw, owner: Who) -> None:
    """A manifest whose blobs are not there is a 400 with one entry for each, the digest as its `detail`."""
    push_blob(raw, "acme/app", b"{}", owner)

    reply = put_manifest(raw, "acme/app", "v1", image(b"{}", b"one", b"two"), owner)

    entries = ",".join(
        '{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry",'
        f'"detail":"{digest_of(data)}"}}'
        for data in (b"one", b"two")
    )
    assert reply.status == 400
    assert reply.body == f'{{"errors":[{entries}]}}\n'.encode()


KINDS = {
    "helm": {
        "config_type": "application/vnd.cncf.helm.config.v1+json",
        "layer_type": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    },
    "wasm": {"config_type": "application/vnd.wasm.config.v0+json", "layer_type": "application/wasm"},
    "cosign": {"layer_type": "application/vnd.dev.cosign.simplesigning.v1+json"},
    "homebrew": {"layer_type": "application/vnd.oci.image.layer.v1.tar+gzip"},
    "tart": {
        "config_type": "application/vnd.cirruslabs.tart.config.v1",
        "layer_type": "application/vnd.cirruslabs.tart.disk.v2",
    },
    "artifact": {
        "config_type": "application/vnd.oci.empty.v1+json",
        "artifactType": "application/vnd.example+json",
    },
}


@pytest.mark.row("4.3")
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_any_kind_of_artifact_is_taken(raw: Raw, owner: Who, kind: dict[str, str]) -> None:
    """Configs and layers may be of any type, and so may `artifactType`."""
    for blob in (b"{}", b"content"):
        push_blob(raw, "acme/thing", blob, owner)
    content = image(b"{}", b"content", **kind)

    assert put_manifest(raw, "acme/thing", "v1", content, owner).status == 201
    assert raw("GET", "/v2/acme/thing/manifests/v1", owner, ("Accept", OCI_MANIFEST)).body == content


@pytest.mark.row("4.4")
def test_a_subject_is_taken_and_not_acknowledged(raw: Raw, owner: Who) -> None:
    """A manifest with a subject is stored without `OCI-Subject`, and the fallback tag is taken too."""
    digest = push_image(raw, "acme/app:v1", owner)
    subject = {"mediaType": OCI_MANIFEST, "digest": digest, "size": len(image())}

    reply = put_manifest(raw, "acme/app", "signature", image(subject=subject), owner)
    fallback = put_manifest(raw, "acme/app", digest.replace(":", "-"), image(subject=subject), owner)

    assert reply.status == 201
    assert not [name for name in reply.fields if name.lower() == "oci-subject"]
    assert fallback.status == 201


@pytest.mark.row("4.5")
def test_a_tag_may_be_moved(raw: Raw, owner: Who) -> None:
    """A second push to a tag moves it, and what it pointed at stays there by digest."""
    first = push_image(raw, "acme/app:v1", owner)
    second = push_image(raw, "acme/app:v1", owner, annotations={"build": "2"})
    accept = ("Accept", OCI_MANIFEST)

    assert raw("HEAD", "/v2/acme/app/manifests/v1", owner, accept)["docker-content-digest"] == second
    assert raw("HEAD", f"/v2/acme/app/manifests/{first}", owner, accept).status == 200


@pytest.mark.row("4.6")
def test_who_may_not_write_is_denied(ghcr: Ghcr, raw: Raw) -> None:
    """A manifest from somebody without the right to push is a 403 DENIED, and is not stored."""
    ghcr.seed("acme/app:v1", visibility="public")
    ghcr.simulator.add_credential(Credential("stranger", "ghp_stranger"))

    reply = put_manifest(raw, "acme/app", "v2", image(), bearer("ghp_stranger"))

    assert reply.error[:2] == (403, "DENIED")
    assert raw("GET", "/v2/acme/app/tags/list", bearer("ghp_stranger")).json()["tags"] == ["v1"]


@pytest.mark.row("4.7")
def test_the_package_page_cuts_description_and_licences(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """A page shows 512 characters of the description, 256 of the licences, and the source."""
    name = "org.opencontainers.image."
    push_image(
        raw,
        "acme/app:v1",
        owner,
        annotations={
            f"{name}description": "d" * 513,
            f"{name}licenses": "l" * 257,
            f"{name}source": "https://github.com/acme/app",
        },
    )

    page = ghcr.simulator.package("acme/app")

    assert page is not None
    assert (page.description, page.licenses) == ("d" * 512, "l" * 256)
    assert page.source == "https://github.com/acme/app"


@pytest.mark.row("4.7", "7b.1")
def test_a_source_annotation_does_not_open_a_package_to_a_workflow(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """The write is decided before the annotation is read: the workflow of the source is refused."""
    source = {"org.opencontainers.image.source": "https://github.com/acme/app"}
    push_image(raw, "acme/app:v1", owner, annotations=source)
    ghcr.simulator.add_credential(
        Credential("acme", "ghs_workflow", kind="github_token", repository="acme/app")
    )
    workflow = bearer("ghs_workflow")

    before = put_manifest(raw, "acme/app", "v2", image(annotations=source), workflow)
    ghcr.simulator.grant("acme/app", "repo:acme/app", "write")
    after = put_manifest(raw, "acme/app", "v2", image(annotations=source), workflow)

    assert before.error == (403, "DENIED", "permission_denied: write_package")
    assert after.status == 201


@pytest.mark.row("4.3")
def test_docker_s_manifests_are_taken_too(raw: Raw, owner: Who) -> None:
    """A schema 2 manifest is stored under its own type."""
    push_blob(raw, "acme/app", b"{}", owner)
    content = image(media_type=DOCKER_MANIFEST)

    assert put_manifest(raw, "acme/app", "v1", content, owner, media_type=DOCKER_MANIFEST).status == 201
    assert json.loads(raw("GET", "/v2/acme/app/manifests/v1", owner).body)["mediaType"] == DOCKER_MANIFEST
