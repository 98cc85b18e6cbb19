"""Redirects: where a server may send us, and what is a place at all."""

from __future__ import annotations

import asyncio

import pytest
from ghcr_client.errors import ProtocolError, TransportError
from ghcr_client.redirects import RedirectGuard, _addresses, same_origin, target_of
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

SECRET = "correct-horse-battery"
NAMES = {
    "ghcr.io": ("140.82.121.33",),
    "storage.example": ("185.199.108.154", "2606:50c0:8000::154"),
    "inside.example": ("10.1.2.3",),
    "mixed.example": ("185.199.108.154", "192.168.0.1"),
    "link.example": ("fe80::1%eth0",),
    "mapped.example": ("::ffff:10.0.0.1",),
    "nowhere.example": (),
}


async def lookup(host: str) -> tuple[str, ...]:
    """The addresses that these tests' names have."""
    return NAMES[host]


def check(source: str, target: str, guard: RedirectGuard | None = None) -> None:
    """Ask a guard."""
    asyncio.run((guard or RedirectGuard(lookup)).check(URL(source), URL(target)))


ALLOWED = [
    ("https://ghcr.io", "https://ghcr.io/other"),
    ("https://ghcr.io", "https://storage.example/blob"),
    ("https://ghcr.io", "https://nowhere.example"),
    ("http://localhost:1", "https://storage.example"),
    ("http://localhost:1", "http://127.0.0.1:2"),
    ("http://127.0.0.1:1", "http://[::1]:2"),
    ("http://[::1]:1", "http://10.0.0.1:2"),
    ("https://inside.example", "https://mixed.example"),
    ("http://127.0.0.1:1", "http://a.localhost:2"),
]


@pytest.mark.parametrize(("source", "target"), ALLOWED)
def test_allowed(source: str, target: str) -> None:
    """From public to public, from private to anywhere, and to the very same place."""
    check(source, target)


REFUSED = [
    ("https://ghcr.io", "http://ghcr.io", "from https to http"),
    ("https://ghcr.io", "http://storage.example", "from https to http"),
    ("https://inside.example", "http://inside.example", "from https to http"),
    ("https://ghcr.io", "https://127.0.0.1", "private address"),
    ("https://ghcr.io", "https://localhost:8443", "private address"),
    ("https://ghcr.io", "https://a.localhost", "private address"),
    ("https://ghcr.io", "https://metadata.google.internal", "private address"),
    ("https://ghcr.io", "https://printer.local", "private address"),
    ("https://ghcr.io", "https://169.254.169.254/latest", "private address"),
    ("https://ghcr.io", "https://[::1]", "private address"),
    ("https://ghcr.io", "https://[fd00::1]", "private address"),
    ("https://ghcr.io", "https://[::ffff:10.0.0.1]", "private address"),
    ("https://ghcr.io", "https://100.64.0.1", "private address"),
    ("https://ghcr.io", "https://inside.example", "private address"),
    ("https://ghcr.io", "https://mixed.example", "private address"),
    ("https://ghcr.io", "https://link.example", "private address"),
    ("https://ghcr.io", "https://mapped.example", "private address"),
]


@pytest.mark.parametrize(("source", "target", "said"), REFUSED)
def test_refused(source: str, target: str, said: str) -> None:
    """Never to plain HTTP from https, never from a public address to a private one; it does not pass by itself."""
    with pytest.raises(TransportError, match=said) as caught:
        check(source, f"{target}?sig={SECRET}")
    assert not caught.value.is_temporary
    assert SECRET not in str(caught.value)


def test_names_are_looked_up_once() -> None:
    """A name is asked for once, for it may change its mind meanwhile."""
    asked = []

    async def counted(host: str) -> tuple[str, ...]:
        asked.append(host)
        return NAMES[host]

    guard = RedirectGuard(counted)
    for _ in range(3):
        check("https://ghcr.io", "https://storage.example", guard)
    assert asked == ["storage.example"]


def test_through_a_proxy() -> None:
    """Where a proxy looks names up, none is looked up here; what a name itself says holds still."""
    guard = RedirectGuard(lookup, through_proxy=True)
    check("https://ghcr.io", "https://inside.example", guard)
    with pytest.raises(TransportError, match="private address"):
        check("https://ghcr.io", "https://10.0.0.1", guard)
    with pytest.raises(TransportError, match="private address"):
        check("https://ghcr.io", "https://localhost", guard)


def test_the_systems_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a lookup of its own, a guard asks the system; what has no address is none."""

    async def run() -> tuple[tuple[str, ...], tuple[str, ...]]:
        async def fake(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
            if host == "nowhere.example":
                raise OSError("no address")
            return [(2, 1, 6, "", ("10.0.0.1", 0))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fake)
        return await _addresses("inside.example"), await _addresses("nowhere.example")

    assert asyncio.run(run()) == (("10.0.0.1",), ())


PLACES = {
    "absolute": ("https://storage.example/b?sig=1", "https://storage.example/b?sig=1"),
    "rooted": ("/v2/a/blobs/upload/1", "http://r:5000/v2/a/blobs/upload/1"),
    "relative": ("1?_state=x", "http://r:5000/v2/a/blobs/uploads/1?_state=x"),
    "scheme left out": ("//storage.example/b", "http://storage.example/b"),
    "query only": ("?a=b", "http://r:5000/v2/a/blobs/uploads/?a=b"),
    "escapes": ("/v2/a%2Fb?s=%2B%20+", "http://r:5000/v2/a%2Fb?s=%2B%20+"),
    "fragment": ("/v2/a#x", "http://r:5000/v2/a"),
    "IPv6": ("http://[::1]:1/x", "http://[::1]:1/x"),
}


@pytest.mark.parametrize(("location", "url"), PLACES.values(), ids=PLACES)
def test_places(location: str, url: str) -> None:
    """Relative places are joined, escapes stay as they are, a fragment goes."""
    assert str(target_of(URL("http://r:5000/v2/a/blobs/uploads/"), location)) == url


@pytest.mark.parametrize(
    "location",
    [
        "",
        "ftp://storage.example/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "http://r:0x50/",
        "http://r:99999/",
        "http://[::1/",
        f"https://me:{SECRET}@storage.example/",
        f"https://{SECRET}@storage.example/",
        f"nowhere:?sig={SECRET}",
    ],
)
def test_no_places(location: str) -> None:
    """What leads nowhere is an error that shows neither query nor password."""
    with pytest.raises(ProtocolError, match="leads nowhere") as caught:
        target_of(URL("http://r:5000/"), location)
    assert SECRET not in str(caught.value)


BASES = st.sampled_from(["http://r:5000/v2/a", "https://ghcr.io/v2/", "http://[::1]:1"])
WORDS = st.text() | st.lists(
    st.sampled_from(
        [
            "http://",
            "https:",
            "//",
            "/",
            "@",
            ":",
            "[",
            "]",
            "?",
            "#",
            "%",
            "..",
            "\0",
            "\n",
            "a",
            "1",
            "é",
            "。",
        ]
    )
).map("".join)


@given(base=BASES, location=WORDS)
@example(base="http://r:5000/v2/a", location="http://[v1.x]/")
@example(base="http://r:5000/v2/a", location="http://\ud800/")
@example(base="http://r:5000/v2/a", location="http://xn--/")
@example(base="http://r:5000/v2/a", location="http://" + "a" * 70 + "/")
def test_whatever_comes(base: str, location: str) -> None:
    """Any text is a sound place, or a `ProtocolError`."""
    try:
        url = target_of(URL(base), location)
    except ProtocolError:
        return
    assert url.scheme in ("http", "https")
    assert url.host
    assert url.user is None
    assert url.password is None
    assert not url.fragment
    assert str(url)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://ghcr.io/a", "https://ghcr.io:443/b", True),
        ("https://GHCR.io", "https://ghcr.io", True),
        ("https://ghcr.io", "http://ghcr.io", False),
        ("https://ghcr.io", "https://ghcr.io:8443", False),
        ("https://ghcr.io", "https://ghcr.io.example", False),
    ],
)
def test_same_origin(one: str, other: str, same: bool) -> None:
    """Scheme, host and port are all that counts."""
    assert same_origin(URL(one), URL(other)) is same
