"""TLS: only a server whose certificate a trusted authority signed, for its name, and never older than 1.2."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from client.helping import QuickClock
from client.hostile.liar import Liar, answer
from client.hostile.lies import MANIFEST, REPO, TOKEN
from ghcr_client.auth import StaticCredentials
from ghcr_client.client import GhcrClient
from ghcr_client.errors import ConfigError, GhcrError, TransportError
from ghcr_client.settings import GhcrConfig

from ghcr_sim.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path


def context_of(folder: Path) -> ssl.SSLContext:
    """A server's context, with a certificate for localhost."""
    Authority.create().write(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    return context


def pulled(context: ssl.SSLContext | None, **settings: Any) -> Any:
    """What a pull from such a server gives, and what the server was told."""

    async def main() -> Any:
        async with Liar(tls=context) as liar:
            liar.says("*", answer(200, MANIFEST.raw, kind=MANIFEST.media_type))
            host = settings.pop("host", "localhost")
            registry = f"https://{host}:{liar.port}"
            told = {
                "credentials": StaticCredentials("octocat", TOKEN, f"{host}:{liar.port}"),
                "clock": QuickClock(),
            }
            async with GhcrClient(
                registry=registry, max_retries=0, timeout_secs=5, **told, **settings
            ) as client:
                try:
                    return await client.pull_manifest(f"{REPO}:v1"), liar
                except GhcrError as error:
                    return error, liar

    return asyncio.run(main())


def test_an_unknown_authority(tmp_path: Path) -> None:
    """A certificate that nobody known has signed is refused, for good, and the server is told nothing."""
    error, liar = pulled(context_of(tmp_path))
    assert isinstance(error, TransportError)
    assert "TLS failed" in str(error)
    assert not error.is_temporary
    assert liar.received == []


def test_a_known_authority(tmp_path: Path) -> None:
    """With `ca_file`, its authority is trusted, too."""
    manifest, _ = pulled(context_of(tmp_path), ca_file=tmp_path / "ca.crt")
    assert manifest == MANIFEST


def test_another_authority(tmp_path: Path) -> None:
    """Another authority's file does not help."""
    (tmp_path / "other").mkdir()
    Authority.create().write(tmp_path / "other")
    error, liar = pulled(context_of(tmp_path), ca_file=tmp_path / "other" / "ca.crt")
    assert isinstance(error, TransportError)
    assert liar.received == []


def test_another_name(tmp_path: Path) -> None:
    """A certificate for another name is refused, even if its authority is known."""
    error, liar = pulled(context_of(tmp_path), ca_file=tmp_path / "ca.crt", host="elsewhere.localhost")
    assert isinstance(error, TransportError)
    assert liar.received == []


def test_old_tls(tmp_path: Path) -> None:
    """A server that speaks no more than TLS 1.1 is refused, and one that speaks 1.2 is not."""
    context = context_of(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    error, liar = pulled(context, ca_file=tmp_path / "ca.crt")
    assert isinstance(error, TransportError)
    assert liar.received == []
    context = context_of(tmp_path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    manifest, _ = pulled(context, ca_file=tmp_path / "ca.crt")
    assert manifest == MANIFEST


def test_no_tls_where_it_should_be() -> None:
    """A server that speaks plain HTTP where TLS is wanted is told nothing."""
    error, liar = pulled(None, host="127.0.0.1")
    assert isinstance(error, TransportError)
    assert TOKEN not in liar.sent_to_it()


@pytest.mark.parametrize("content", ["", "no certificate", None], ids=["empty", "garbage", "missing"])
def test_files_that_are_none(content: str | None, tmp_path: Path) -> None:
    """A `ca_file` that cannot be used is said so before anything is sent."""
    if content is not None:
        (tmp_path / "ca.crt").write_text(content)

    async def main() -> None:
        async with GhcrClient(registry="localhost:1", ca_file=tmp_path / "ca.crt"):
            raise AssertionError("not reached")

    with pytest.raises(ConfigError, match="ca_file"):
        asyncio.run(main())


@pytest.mark.parametrize(
    "registry", ["http://ghcr.io", "http://10.0.0.1:5000", "http://127.0.0.1.example", "http://[2001:db8::1]"]
)
def test_plain_http(registry: str) -> None:
    """Plain HTTP is for loopback only, whatever else is set."""
    with pytest.raises(ConfigError, match="loopback only"):
        GhcrConfig(registry=registry, plain_http=True)
    with pytest.raises(ConfigError, match="loopback only"):
        GhcrConfig(endpoints={"ghcr.io": registry})
    host = registry.removeprefix("http://")
    assert GhcrConfig(plain_http=True).url_of(host).scheme == "https"
