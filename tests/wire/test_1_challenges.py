"""Section 1: `GET /v2/`, challenges, and what counts as a bearer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raw import DATE, REQUEST_ID, basic, bearer, refused
from wire.pushing import ABSENT, OCI_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from raw import Raw

    from ghcr_sim.exchange import Response
    from pytest_ghcr import Ghcr

Who = tuple[str, str]
PLACEHOLDER = "repository:user/image:pull"
ACCEPT = ("Accept", OCI_MANIFEST)
CHALLENGE = refused("UNAUTHORIZED", "authentication required")


def challenged(host: str, scope: str) -> dict[str, str]:
    """All header fields of a challenge, by the name that was dialled."""
    return {
        "content-length": "73",
        "content-type": "application/json",
        "date": DATE,
        "www-authenticate": f'Bearer realm="http://{host}/token",service="ghcr.io",scope="{scope}"',
        "x-github-request-id": REQUEST_ID,
    }


@pytest.mark.row("1.1")
def test_without_credentials_the_root_challenges_with_a_placeholder(raw: Raw) -> None:
    """`GET /v2/` is a 401 whose scope names a repository that nobody means, and 73 bytes of JSON."""
    reply = raw("GET", "/v2/")

    assert reply.status == 401
    assert reply.fields == challenged(raw.host, PLACEHOLDER)
    assert reply.body == CHALLENGE


@pytest.mark.row("1.1")
def test_the_challenge_is_the_recorded_one_where_the_fake_is_dialled_as_ghcr_io(
    as_ghcr: Callable[..., Response],
) -> None:
    """To `https://ghcr.io` the challenge is what was recorded, letter for letter."""
    answer = as_ghcr("GET", "/v2/")

    assert dict(answer.headers)["www-authenticate"] == (
        'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"'
    )


@pytest.mark.row("1.2")
def test_the_catalogue_challenges_with_the_same_placeholder(raw: Raw) -> None:
    """`GET /v2/_catalog` without credentials is answered as `/v2/` is: no catalogue scope."""
    reply = raw("GET", "/v2/_catalog")

    assert reply.status == 401
    assert reply.fields == challenged(raw.host, PLACEHOLDER)
    assert reply.body == CHALLENGE


@pytest.mark.row("1.3")
@pytest.mark.parametrize("visibility", ["public", "private"])
@pytest.mark.parametrize("path", ["manifests/v1", f"blobs/{ABSENT}", "tags/list"])
def test_a_repository_challenges_with_its_own_name(ghcr: Ghcr, raw: Raw, path: str, visibility: str) -> None:
    """Without credentials each read of a repository is a 401 with its real scope, public or not."""
    ghcr.seed("acme/tools/app:v1", visibility=visibility)

    reply = raw("GET", f"/v2/acme/tools/app/{path}")

    assert reply.status == 401
    assert reply.fields == challenged(raw.host, "repository:acme/tools/app:pull")
    assert reply.body == CHALLENGE


@pytest.mark.row("1.4")
def test_any_base64_bearer_is_welcome_at_the_root(raw: Raw) -> None:
    """`Bearer QQ==` on `/v2/` is a 200 with no body at all, not even `{}`."""
    reply = raw("GET", "/v2/", ("Authorization", "Bearer QQ=="))

    assert reply.status == 200
    assert reply.fields == {
        "content-length": "0",
        "content-type": "application/json",
        "date": DATE,
        "docker-distribution-api-version": "registry/2.0",
        "x-github-request-id": REQUEST_ID,
    }
    assert reply.body == b""


@pytest.mark.row("1.5")
@pytest.mark.parametrize("value", ["Bearer", "Bearer "], ids=["bare", "blank"])
@pytest.mark.parametrize("path", ["/v2/", "/v2/acme/app/tags/list"])
def test_an_empty_bearer_is_told_so(raw: Raw, path: str, value: str) -> None:
    """`Bearer` with nothing behind it is a 401 with a text of its own."""
    reply = raw("GET", path, ("Authorization", value))

    assert reply.error == (401, "UNAUTHORIZED", "authentication token not provided")
    assert reply.body == refused("UNAUTHORIZED", "authentication token not provided")


@pytest.mark.row("1.6")
@pytest.mark.parametrize("guest", ["QQ==", "IQ=="])
def test_any_base64_bearer_reads_what_is_public(ghcr: Ghcr, raw: Raw, guest: str) -> None:
    """A bearer that is base64 of anything pulls a public package: its manifest, and the way to its blobs."""
    ghcr.seed("acme/app:v1", visibility="public")
    who = ("Authorization", f"Bearer {guest}")

    manifest = raw("GET", "/v2/acme/app/manifests/v1", who, ACCEPT)
    blob = raw("GET", f"/v2/acme/app/blobs/{manifest.json()['config']['digest']}", who)

    assert (manifest.status, blob.status) == (200, 307)


@pytest.mark.row("1.7")
@pytest.mark.parametrize("visibility", ["public", "private"])
@pytest.mark.parametrize("kind", ["raw token", "junk"])
def test_a_bearer_that_is_not_base64_is_denied_without_a_challenge(
    ghcr: Ghcr, raw: Raw, kind: str, visibility: str
) -> None:
    """A raw token, or junk, is a 403 that says nothing of where to log in, also on public packages."""
    ghcr.seed("acme/app:v1", visibility=visibility)
    text = {"raw token": ghcr.token, "junk": "not!base64"}[kind]

    reply = raw("GET", "/v2/acme/app/manifests/v1", ("Authorization", f"Bearer {text}"), ACCEPT)

    assert reply.error[:2] == (403, "DENIED")
    assert "www-authenticate" not in reply


@pytest.mark.row("1.8")
def test_basic_is_not_taken_by_the_registry(ghcr: Ghcr, raw: Raw) -> None:
    """Basic with a good token on a repository's path is a 403: that is for `/token` alone."""
    ghcr.seed("acme/app:v1")

    reply = raw("GET", "/v2/acme/app/manifests/v1", basic("octocat", ghcr.token), ACCEPT)

    assert reply.error == (403, "DENIED", "invalid token")
    assert reply.body == refused("DENIED", "invalid token")


@pytest.mark.row("1.9")
@pytest.mark.parametrize("form", ["{token}", "octocat:{token}"], ids=["token", "user and token"])
def test_a_token_in_base64_is_a_bearer(ghcr: Ghcr, raw: Raw, form: str) -> None:
    """base64 of a token, or of user and token, reads a private package without a word to `/token`."""
    ghcr.seed("acme/app:v1", visibility="private")

    reply = raw("GET", "/v2/acme/app/manifests/v1", bearer(form.format(token=ghcr.token)), ACCEPT)

    assert reply.status == 200
