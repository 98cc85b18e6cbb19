"""Proxies: which one the environment names for a URL, and what never goes through one."""

from __future__ import annotations

import pytest
from ghcr_client.proxies import Proxies
from yarl import URL

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy")
HERE = "http://127.0.0.1:3128"


@pytest.fixture(autouse=True)
def _none(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of this machine."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_none() -> None:
    """Without variables there is none."""
    proxies = Proxies()
    assert not proxies.any
    assert proxies.of(URL("https://ghcr.io")) is None


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://ghcr.io/v2/", HERE),
        ("https://GHCR.io:8443/v2/", HERE),
        ("http://ghcr.io/v2/", None),
        ("https://quay.io", None),
        ("https://cdn.quay.io", None),
        ("https://localhost:5000", None),
        ("https://a.localhost", None),
        ("https://127.0.0.1:5000", None),
        ("https://[::1]:5000", None),
    ],
)
def test_https(monkeypatch: pytest.MonkeyPatch, url: str, proxy: str | None) -> None:
    """`HTTPS_PROXY` is for https, but for `NO_PROXY` and for loopback; asked again, the answer is the same."""
    monkeypatch.setenv("HTTPS_PROXY", HERE)
    monkeypatch.setenv("FTP_PROXY", HERE)
    monkeypatch.setenv("NO_PROXY", "quay.io,example.org")
    proxies = Proxies()
    assert proxies.any
    assert [proxies.of(URL(url)) for _ in range(2)] == [proxy] * 2


def test_http_and_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """`HTTP_PROXY` is for http, and `NO_PROXY=*` turns all off."""
    monkeypatch.setenv("http_proxy", HERE)
    assert Proxies().of(URL("http://registry.example")) == HERE
    assert Proxies().of(URL("https://registry.example")) is None
    monkeypatch.setenv("no_proxy", "*")
    assert Proxies().of(URL("http://registry.example")) is None
