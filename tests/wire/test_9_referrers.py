"""Section 9: there is no referrers API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raw import Raw, bearer, refused
from wire.pushing import OCI_INDEX

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ghcr import Ghcr

Who = tuple[str, str]


def signed(ghcr: Ghcr) -> str:
    """An image with a referrer; the image's digest."""
    seeded = ghcr.seed("acme/app:v1")
    ghcr.seed("acme/app", subject="v1", artifact_type="application/vnd.example.signature")
    return str(seeded.digest)


@pytest.mark.row("9.1", "9.3")
@pytest.mark.parametrize("query", ["", "?artifactType=application/vnd.example.signature"])
def test_referrers_are_not_found(ghcr: Ghcr, raw: Raw, owner: Who, query: str) -> None:
    """By default it is a 404 MANIFEST_UNKNOWN, filter or not, although something refers to the image."""
    digest = signed(ghcr)

    reply = raw("GET", f"/v2/acme/app/referrers/{digest}{query}", owner, ("Accept", OCI_INDEX))

    assert reply.status == 404
    assert reply.body == refused("MANIFEST_UNKNOWN", "manifest unknown")


@pytest.mark.row("9.2")
def test_referrers_may_lead_to_github_com(serve: Callable[..., Ghcr]) -> None:
    """Switched to what it did in spring 2026, it is a 303 to a web page whose address has lost the digest."""
    ghcr = serve(referrers__answer="see_other")
    digest = signed(ghcr)

    reply = Raw(ghcr.host)("GET", f"/v2/acme/app/referrers/{digest}", bearer(ghcr.token))

    assert reply.status == 303
    assert reply["location"] == (
        "https://github.com/-/v2/packages/container/package/acme%2Fapp%2Freferrers%2Fsha256"
    )
