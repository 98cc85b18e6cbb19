"""Lists that page: tags, and the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import pytest
from asking import Fake
from hypothesis import given
from hypothesis import strategies as st
from strategies import few, tags

from ghcr_sim.assemble import Simulator
from ghcr_sim.oci.media import OCI_MANIFEST
from ghcr_sim.profiles import load_profile
from ghcr_sim.store import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable

A = "acme/app"
MANIFEST = Manifest("sha256:" + "a" * 64, OCI_MANIFEST, b"{}")


def tagged(names: Iterable[str], **switches: object) -> Fake:
    """A fake whose one package has these tags, created in this order."""
    simulator = Simulator(load_profile("oci", **switches))
    simulator.store.put_manifest(A, MANIFEST, names)
    simulator.rights.settle(A)
    return Fake(simulator)


def pages(oci: Fake, target: str, key: str = "tags") -> list[list[str]]:
    """All pages, from `Link` to `Link`."""
    found = []
    while target:
        answer = oci("GET", target)
        assert answer.status == 200
        found.append(answer.json()[key])
        link = answer.headers.get("link", "")
        assert not link or link.endswith('>; rel="next"')
        target = link[1:].partition(">")[0]
        assert len(found) < 100, "the links lead in a circle"
    return found


@given(st.lists(tags, unique=True, max_size=12), st.integers(1, 5), st.sampled_from(("lexical", "created")))
@few
def test_links_lead_to_every_tag_once(names: list[str], n: int, order: str) -> None:
    """Following `Link` finds each tag exactly once, in order, in pages of `n`, and the last page has no `Link`."""
    found = pages(tagged(names, tags__order=order), f"/v2/{A}/tags/list?n={n}")
    assert [tag for page in found for tag in page] == (sorted(names) if order == "lexical" else names)
    assert [len(page) for page in found[:-1]] == [n] * (len(found) - 1)
    assert len(found) == max(1, -(-len(names) // n))


@given(st.lists(tags, unique=True, min_size=1, max_size=12), st.integers(1, 5))
@few
def test_links_without_n(names: list[str], page: int) -> None:
    """The same where the profile sets the page's size, and where its `Link` says n=0 as GHCR's does."""
    for default in ("", "0"):
        found = pages(tagged(names, tags__page=page, tags__link_default_n=default), f"/v2/{A}/tags/list")
        assert [tag for each in found for tag in each] == sorted(names)


NAMES = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("query", "wanted", "link"),
    [
        ("", "abcd", None),
        ("?n=2", "ab", "last=b&n=2"),
        ("?n=2&last=b", "cd", None),
        ("?n=1&last=b", "c", "last=c&n=1"),
        ("?last=b", "cd", None),
        ("?last=d", "", None),
        ("?last=bb", "cd", None),
        ("?last=0", "abcd", None),
        ("?last=zz", "", None),
        ("?last=", "abcd", None),
        ("?n=4", "abcd", None),
        ("?n=5", "abcd", None),
        ("?n=2147483647", "abcd", None),
        ("?n=999999999999999999", "abcd", None),
        ("?n=3", "abc", "last=c&n=3"),
        ("?n=0", "", None),
        ("?n=0&last=b", "", None),
        ("?n=02", "ab", "last=b&n=02"),
        ("?n=1&n=2", "a", "last=a&n=1"),
    ],
)
def test_n_and_last(query: str, wanted: str, link: str | None) -> None:
    """`n` bounds a page, `last` starts it behind a tag, there or not; `Link` is sent where more follow."""
    answer = tagged(reversed(NAMES))("GET", f"/v2/{A}/tags/list{query}")
    assert answer.json() == {"name": A, "tags": list(wanted)}
    assert answer.headers.get("link") == (link and f'</v2/{A}/tags/list?{link}>; rel="next"')


@pytest.mark.parametrize(
    "n", ["-1", "x", "1.5", "", " 1", "\u0661", "1e3", "1" * 19, "9" * 5000, "+1", "0x1"]
)
@pytest.mark.parametrize("path", [f"/v2/{A}/tags/list", "/v2/_catalog"])
def test_n_is_a_number(path: str, n: str) -> None:
    """Anything else is refused, and the text says what came, as far as it fits."""
    answer = tagged(NAMES)("GET", f"{path}?n={quote(n)}")
    assert answer.refusal == (400, "UNSUPPORTED")
    assert repr(n[:40]) in answer.message
    assert len(answer.message) < 120


def test_oldest_first_after_a_tag_that_is_not_there() -> None:
    """Where tags are listed by age, a page after an unknown tag begins at the start, if the profile says so."""
    oci = tagged("dbca", tags__order="created", tags__last_unknown="start")
    assert oci("GET", f"/v2/{A}/tags/list?last=x").json()["tags"] == list("dbca")
    assert oci("GET", f"/v2/{A}/tags/list?last=b").json()["tags"] == list("ca")


def test_a_moved_tag_keeps_its_age() -> None:
    """A tag that is pushed again stays where it was in the list; one that was deleted comes last."""
    oci = tagged("dbc", tags__order="created")
    oci.push_image(A, "d")
    assert list(oci.tags(A)) == list("dbc")
    assert oci("DELETE", f"/v2/{A}/manifests/d").status == 202
    oci.push_image(A, "d")
    assert list(oci.tags(A)) == list("bcd")


def test_no_tags_and_no_repository(oci: Fake) -> None:
    """A repository without tags has an empty list; one that never was is unknown."""
    digest = oci.push_image(A, "v1")
    assert oci("DELETE", f"/v2/{A}/manifests/{digest}").status == 202
    assert oci("GET", f"/v2/{A}/tags/list").json() == {"name": A, "tags": []}
    answer = oci("GET", "/v2/acme/absent/tags/list")
    assert answer.refusal == (404, "NAME_UNKNOWN")
    assert answer.json()["errors"][0]["detail"] == {"name": "acme/absent"}


REPOSITORIES = st.lists(
    st.from_regex(r"[a-z0-9]{1,3}(/[a-z0-9]{1,3}){0,2}", fullmatch=True), unique=True, max_size=8
)


@given(REPOSITORIES, st.integers(1, 4))
@few
def test_the_catalogue_names_every_package_once(names: list[str], n: int) -> None:
    """Following `Link` finds each package exactly once, sorted; what has blobs alone is no package yet."""
    oci = Fake()
    for name in names:
        oci.push_image(name, "v1")
    oci.push_blob("zz/blobs", b"only")
    found = pages(oci, f"/v2/_catalog?n={n}", "repositories")
    assert [name for page in found for name in page] == sorted(names)
    assert all(len(page) <= n for page in found)


def test_the_catalogue_is_not_for_everybody(oci: Fake) -> None:
    """Who has no credentials sees no catalogue."""
    token = oci("GET", "/token", headers={"authorization": None}).json()["token"]
    assert oci("GET", "/v2/_catalog", headers={"authorization": f"Bearer {token}"}).refusal == (
        401,
        "UNAUTHORIZED",
    )


@given(tags)
@few
def test_a_link_can_be_followed_as_it_stands(tag: str) -> None:
    """The target in `Link` needs no more escaping: it holds no blank, comma or angle bracket."""
    oci = tagged([tag, f"{tag[:120]}_"])
    link = oci("GET", f"/v2/{A}/tags/list?n=1").headers["link"]
    target = link[1:].partition(">")[0]
    assert target.isascii()
    assert not set(target) & set(' ,<>"')
    assert unquote(target.partition("last=")[2].partition("&")[0]) in {tag, f"{tag[:120]}_"}
