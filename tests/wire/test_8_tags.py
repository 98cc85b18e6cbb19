"""Section 8: tag lists, oldest first, a hundred a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raw import DATE, REQUEST_ID
from wire.pushing import digest_of, image, push_blob, push_image, put_manifest

if TYPE_CHECKING:
    from raw import Raw

    from pytest_ghcr import Ghcr

Who = tuple[str, str]


def tagged(ghcr: Ghcr, count: int, repository: str = "acme/app") -> list[str]:
    """So many tags, in an order that is not the alphabet's."""
    tags = [f"v{number * 7919 % 1009}.{number}" for number in range(count)]
    ghcr.seed(f"{repository}:{tags[0]}", tags=tags[1:])
    return tags


@pytest.mark.row("8.1")
def test_a_list_has_a_name_and_tags(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """A 200 with compact JSON: the whole name, then the tags."""
    ghcr.seed("acme/tools/app:v1", tags=["v2"])

    reply = raw("GET", "/v2/acme/tools/app/tags/list", owner)

    assert reply.status == 200
    assert reply.body == b'{"name":"acme/tools/app","tags":["v1","v2"]}'
    assert reply.fields == {
        "content-length": str(len(reply.body)),
        "content-type": "application/json",
        "date": DATE,
        "docker-distribution-api-version": "registry/2.0",
        "x-github-request-id": REQUEST_ID,
    }


@pytest.mark.row("8.2")
def test_the_link_to_the_next_page_is_the_recorded_one(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """Without `n` a page has a hundred tags; `Link` is relative, `last` before `n`, and says `n=0`."""
    tags = [f"0.0.{number}" for number in range(99)] + ["1.6.0-beta5-386", "1.6.0"]
    ghcr.seed(f"opentofu/opentofu:{tags[0]}", tags=tags[1:])

    reply = raw("GET", "/v2/opentofu/opentofu/tags/list", owner)

    assert reply.json()["tags"] == tags[:100]
    assert reply["link"] == '</v2/opentofu/opentofu/tags/list?last=1.6.0-beta5-386&n=0>; rel="next"'


@pytest.mark.row("8.2")
def test_the_links_lead_through_all_tags(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """`n=0` in a link means the default again: who follows them sees each tag once."""
    tags = tagged(ghcr, 250)
    seen, pages, target = [], 0, "/v2/acme/app/tags/list"

    while target:
        reply = raw("GET", target, owner)
        seen += reply.json()["tags"]
        pages += 1
        target = reply["link"].partition(">")[0].lstrip("<") if "link" in reply else ""

    assert (seen, pages) == (tags, 3)


@pytest.mark.row("8.3")
def test_n_is_repeated_in_the_link(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """Who asks for `n=100` finds `n=100` in the link; who asks for 10,000 gets all 169 at once."""
    tags = tagged(ghcr, 169)

    some = raw("GET", "/v2/acme/app/tags/list?n=100", owner)
    everything = raw("GET", "/v2/acme/app/tags/list?n=10000", owner)

    assert some["link"] == f'</v2/acme/app/tags/list?last={tags[99]}&n=100>; rel="next"'
    assert everything.json()["tags"] == tags
    assert "link" not in everything


@pytest.mark.row("8.4")
@pytest.mark.parametrize("count", [1, 99, 100])
def test_the_last_page_has_no_link(ghcr: Ghcr, raw: Raw, owner: Who, count: int) -> None:
    """A list that fits has no `Link`, also where it fits exactly."""
    tagged(ghcr, count)

    assert "link" not in raw("GET", "/v2/acme/app/tags/list", owner)


@pytest.mark.row("8.5")
def test_tags_are_listed_oldest_first(raw: Raw, owner: Who) -> None:
    """The order is that of creation, not of the alphabet; moving a tag does not make it younger."""
    for tag in ("v10", "v9", "latest", "a"):
        push_image(raw, f"acme/app:{tag}", owner)
    push_image(raw, "acme/app:v9", owner, annotations={"build": "2"})

    assert raw("GET", "/v2/acme/app/tags/list", owner).json()["tags"] == ["v10", "v9", "latest", "a"]


@pytest.mark.row("8.6")
def test_a_package_without_tags_has_null(raw: Raw, owner: Who) -> None:
    """Where only untagged manifests are, `tags` is `null` and not an empty list."""
    push_blob(raw, "acme/app", b"{}", owner)
    assert put_manifest(raw, "acme/app", digest_of(image()), image(), owner).status == 201

    assert raw("GET", "/v2/acme/app/tags/list", owner).body == b'{"name":"acme/app","tags":null}'


@pytest.mark.row("8.8")
def test_signatures_tags_are_listed_like_others(raw: Raw, owner: Who) -> None:
    """The tags under which clients keep signatures and referrers are not hidden."""
    name = push_image(raw, "acme/app:v1", owner).replace(":", "-")
    for tag in (name, f"{name}.sig", f"{name}.att"):
        push_image(raw, f"acme/app:{tag}", owner)

    tags = raw("GET", "/v2/acme/app/tags/list", owner).json()["tags"]

    assert tags == ["v1", name, f"{name}.sig", f"{name}.att"]


@pytest.mark.row("8.9")
@pytest.mark.parametrize(
    ("repository", "status"), [("acme/none", 403), ("acme/secret", 401)], ids=["absent", "private"]
)
def test_without_credentials_the_way_to_a_list_ends_at_the_realm(
    ghcr: Ghcr, raw: Raw, repository: str, status: int
) -> None:
    """The list challenges, and the realm refuses: 403 for what is not there, 401 for what is private."""
    ghcr.seed("acme/secret:v1")

    assert raw("GET", f"/v2/{repository}/tags/list").status == 401
    assert raw("GET", f"/token?scope=repository:{repository}:pull").status == status
