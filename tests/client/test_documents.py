"""JSON that a registry sent, and where its next page is: read with suspicion."""

from __future__ import annotations

import pytest
from ghcr_client.documents import json_object, next_page
from ghcr_client.errors import GhcrError, ProtocolError
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

PAGE = URL("https://ghcr.io/v2/acme/app/tags/list?n=100")
NEXT = "https://ghcr.io/v2/acme/app/tags/list?last=x&n=0"

LINKS = {
    "GHCR's": ('</v2/acme/app/tags/list?last=x&n=0>; rel="next"', NEXT),
    "absolute": (f'<{NEXT}>; rel="next"', NEXT),
    "no quotes": (f"<{NEXT}>;rel=next", NEXT),
    "capitals": (f'<{NEXT}>; REL="NEXT"', NEXT),
    "relative": ('<list?last=x&n=0>; rel="next"', NEXT),
    "several words": (f'<{NEXT}>; rel="last next"', NEXT),
    "other parameters": (f'<{NEXT}>; title="a, b; c"; rel="next"; x', NEXT),
    "a quote within": (f'<{NEXT}>; title="a\\"b, <x>"; rel="next"', NEXT),
    "a quoted letter": (f'<{NEXT}>; rel="ne\\xt"', NEXT),
    "second": (f'</first>; rel="first", <{NEXT}>; rel="next"', NEXT),
    "comma within": (
        '</v2/acme/app/tags/list?last=a,b>; rel="next"',
        "https://ghcr.io/v2/acme/app/tags/list?last=a,b",
    ),
    "none": ("", None),
    "no next": ('</first>; rel="first"', None),
    "no rel": (f"<{NEXT}>", None),
    "not quite next": (f'<{NEXT}>; rel="nextone"', None),
    "no brackets": (f'{NEXT}; rel="next"', None),
    "empty": ('<>; rel="next"', None),
    "cut": (f"<{NEXT}", None),
}


@pytest.mark.parametrize(("link", "url"), LINKS.values(), ids=LINKS)
def test_links(link: str, url: str | None) -> None:
    """The next page is found in every form of the field; what is no link is the end."""
    assert next_page(PAGE, link) == url


def test_several_fields() -> None:
    """Each `Link` field is read, also after one that is none."""
    assert next_page(PAGE, '</first>; rel="first"', "none", f'<{NEXT}>; rel="next"') == NEXT
    assert next_page(PAGE) is None


@pytest.mark.parametrize(
    "link",
    [
        '<https://evil.example/v2/acme/app/tags/list>; rel="next"',
        '<http://ghcr.io/v2/acme/app/tags/list>; rel="next"',
        '<//evil.example/>; rel="next"',
        '<https://ghcr.io:8443/>; rel="next"',
    ],
)
def test_links_elsewhere(link: str) -> None:
    """A next page on another host, by another scheme or port is refused: the token would go there."""
    with pytest.raises(ProtocolError, match="says that the next page is on"):
        next_page(PAGE, link)


@given(
    st.text()
    | st.lists(
        st.sampled_from(["<", ">", ";", ",", '"', "rel=", "next", " ", "/a", "http://", "[", "@"])
    ).map("".join)
)
def test_any_link(link: str) -> None:
    """Whatever the field says, it is a page of this host, none, or a typed error."""
    try:
        found = next_page(PAGE, link)
    except GhcrError:
        return
    assert found is None or found.startswith("https://ghcr.io/")


def test_hostile_links_take_no_time() -> None:
    """A field of many kilobytes without an end is given up at once."""
    assert next_page(PAGE, "<a>" + "; x" * 50_000) is None
    assert next_page(PAGE, '<a>; x="' + '\\"' * 50_000) is None
    assert next_page(PAGE, "<a>; rel=" + " " * 50_000 + "next") in (
        None,
        "https://ghcr.io/v2/acme/app/tags/a",
    )


def test_an_object() -> None:
    """A JSON object is given as it is."""
    assert json_object(b' {"tags": null}', "the tags") == {"tags": None}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"text"', b"null", b"{", b"<html>", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000],
    ids=["nothing", "list", "text", "null", "cut", "HTML", "no text", "deep list", "deep object"],
)
def test_no_object(body: bytes) -> None:
    """Everything else is an error of one short line."""
    with pytest.raises(ProtocolError, match="the tags came as something that is no JSON object") as caught:
        json_object(body, "the tags")
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)
