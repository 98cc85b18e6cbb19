"""Section 3: manifests are served by ghcr.io itself, and hidden from who does not ask for their type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raw import DATE, REQUEST_ID, bearer, refused
from wire.pushing import ABSENT, DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

from ghcr_sim.auth import Credential

if TYPE_CHECKING:
    from raw import Raw

    from pytest_ghcr import Ghcr

Who = tuple[str, str]
BOTH = ["linux/amd64", "linux/arm64"]
GITHUB = "https://github.com/-/v2/packages/container/package/"
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+json"


@pytest.mark.row("3.1", "3.2")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("by", ["tag", "digest"])
@pytest.mark.parametrize(
    ("recipe", "media_type"),
    [({}, OCI_MANIFEST), ({"platforms": BOTH}, OCI_INDEX), ({"docker": True}, DOCKER_MANIFEST)],
    ids=["manifest", "index", "docker"],
)
def test_a_manifest_comes_as_it_was_pushed(
    ghcr: Ghcr, raw: Raw, owner: Who, *, recipe: dict, media_type: str, by: str, method: str
) -> None:
    """A 200 from the registry itself with the stored type, the digest twice, and for GET the stored bytes."""
    seeded = ghcr.seed("acme/app:v1", **recipe)
    stored = ghcr.simulator.store.manifest("acme/app", seeded.digest).content
    reference = "v1" if by == "tag" else seeded.digest

    reply = raw(method, f"/v2/acme/app/manifests/{reference}", owner, ("Accept", media_type))

    assert reply.status == 200
    assert reply.fields == {
        "content-length": str(len(stored)),
        "content-type": media_type,
        "date": DATE,
        "docker-content-digest": seeded.digest,
        "docker-distribution-api-version": "registry/2.0",
        "etag": f'"{seeded.digest}"',
        "x-github-request-id": REQUEST_ID,
    }
    assert reply.body == (stored if method == "GET" else b"")


@pytest.mark.row("3.3")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_index_is_hidden_from_who_does_not_accept_it(
    ghcr: Ghcr, raw: Raw, owner: Who, method: str
) -> None:
    """An OCI index is a 404 with a text of its own unless `Accept` names its type, if with parameters."""
    ghcr.seed("acme/app:v1", platforms=BOTH)
    target = "/v2/acme/app/manifests/v1"

    hidden = raw(method, target, owner, ("Accept", f"{DOCKER_INDEX}, {OCI_MANIFEST}"))
    shown = raw(method, target, owner, ("Accept", f"{DOCKER_INDEX}, {OCI_INDEX};q=0.5"))

    message = "OCI index found, but Accept header does not support OCI indexes"
    assert hidden.status == 404
    assert hidden.body == (refused("MANIFEST_UNKNOWN", message) if method == "GET" else b"")
    assert shown.status == 200


@pytest.mark.row("3.4")
def test_a_manifest_is_hidden_from_who_does_not_accept_it(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """An OCI manifest is hidden in the same way, in the words that fit it."""
    ghcr.seed("acme/app:v1")

    hidden = raw("GET", "/v2/acme/app/manifests/v1", owner, ("Accept", f"{DOCKER_MANIFEST}, {OCI_INDEX}"))

    message = "OCI manifest found, but Accept header does not support OCI manifests"
    assert hidden.error == (404, "MANIFEST_UNKNOWN", message)


@pytest.mark.row("3.5")
@pytest.mark.parametrize("accept", [None, "*/*", OCI_INDEX, OCI_MANIFEST, SCHEMA_1])
@pytest.mark.parametrize(
    ("platforms", "media_type"), [(None, DOCKER_MANIFEST), (BOTH, DOCKER_INDEX)], ids=["schema 2", "list"]
)
def test_docker_s_types_are_served_to_anybody(
    ghcr: Ghcr, raw: Raw, owner: Who, *, platforms: list[str] | None, media_type: str, accept: str | None
) -> None:
    """A Docker manifest or list comes as it was stored, whatever is accepted: nothing is converted."""
    seeded = ghcr.seed("acme/app:v1", docker=True, platforms=platforms)

    reply = raw("GET", "/v2/acme/app/manifests/v1", owner, *([("Accept", accept)] if accept else []))

    assert reply.status == 200
    assert (reply["content-type"], reply["docker-content-digest"]) == (media_type, seeded.digest)


@pytest.mark.row("3.7")
@pytest.mark.parametrize("reference", ["none", ABSENT], ids=["tag", "digest"])
def test_what_is_not_there_is_unknown(ghcr: Ghcr, raw: Raw, owner: Who, reference: str) -> None:
    """An unknown tag or digest is a 404 MANIFEST_UNKNOWN to who may read the package."""
    ghcr.seed("acme/app:v1")

    reply = raw("GET", f"/v2/acme/app/manifests/{reference}", owner)

    assert reply.status == 404
    assert reply.body == refused("MANIFEST_UNKNOWN", "manifest unknown")


@pytest.mark.row("3.8")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("visibility", ["public", "private"])
@pytest.mark.parametrize("tag", ["v1", "none"])
def test_without_credentials_there_is_only_a_challenge(
    ghcr: Ghcr, raw: Raw, tag: str, visibility: str, method: str
) -> None:
    """Who sends no credentials learns nothing: 401, public or private, there or not."""
    ghcr.seed("acme/app:v1", visibility=visibility)

    reply = raw(method, f"/v2/acme/app/manifests/{tag}", ("Accept", OCI_MANIFEST))

    assert reply.status == 401
    assert 'scope="repository:acme/app:pull"' in reply["www-authenticate"]


@pytest.mark.row("3.9")
def test_who_may_not_read_is_denied(ghcr: Ghcr, raw: Raw) -> None:
    """A stranger's live token is a 403 with `permission_denied: read_package`; HEAD shows the bare status."""
    ghcr.seed("acme/app:v1", visibility="private")
    ghcr.simulator.add_credential(Credential("stranger", "ghp_stranger"))
    who = bearer("ghp_stranger")

    reply = raw("GET", "/v2/acme/app/manifests/v1", who)
    head = raw("HEAD", "/v2/acme/app/manifests/v1", who)

    assert reply.body == refused("DENIED", "permission_denied: read_package")
    assert (reply.status, head.status, head.body) == (403, 403, b"")


@pytest.mark.row("3.11")
def test_a_tag_may_lead_to_github_com(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """A tag is a 303 to a web page that names the whole escaped path, while the digest and the tags work."""
    seeded = ghcr.seed("acme/tools/app:v1")
    ghcr.fail("manifest.get", "moved-to-github")

    by_tag = raw("GET", "/v2/acme/tools/app/manifests/v1", owner, ("Accept", OCI_MANIFEST))
    by_digest = raw("GET", f"/v2/acme/tools/app/manifests/{seeded.digest}", owner, ("Accept", OCI_MANIFEST))
    tags = raw("GET", "/v2/acme/tools/app/tags/list", owner)

    assert by_tag.status == 303
    assert by_tag["location"] == GITHUB + "acme%2Ftools%2Fapp%2Fmanifests%2Fv1"
    assert (by_digest.status, tags.status) == (200, 200)


@pytest.mark.row("3.11")
def test_the_way_to_github_com_has_lost_its_digest(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """Where a digest was asked for, the address ends at its colon, so that nothing can be found there."""
    seeded = ghcr.seed("acme/app:v1")
    ghcr.fail("referrers.list", "moved-to-github")

    reply = raw("GET", f"/v2/acme/app/referrers/{seeded.digest}", owner)

    assert reply.status == 303
    assert reply["location"] == GITHUB + "acme%2Fapp%2Freferrers%2Fsha256"
