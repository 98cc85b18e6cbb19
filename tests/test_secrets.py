"""No secret reaches a log, at any level, through either protocol."""

from __future__ import annotations

import base64
import logging
from typing import TYPE_CHECKING

import pytest
from tools import require, run

from ghcr_sim import Simulator, ThreadServer
from ghcr_sim.http2 import offered
from ghcr_sim.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_nothing_is_logged_of_a_credential(
    version: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """With every logger at DEBUG, neither the token nor what the realm made of it is in a line."""
    require("curl")
    authority = Authority.create()
    authority.write(tmp_path)
    simulator = Simulator()
    bearer = base64.b64encode(simulator.token.encode()).decode()
    curl = ["curl", "--silent", "--fail", version, "--cacert", str(tmp_path / "ca.crt")]
    with (
        caplog.at_level(logging.DEBUG),
        ThreadServer(simulator, tls=authority.server_context(alpn=offered())) as server,
    ):
        run(*curl, "--user", f"octocat:{simulator.token}", f"{server.url}/token?scope=repository:a/b:pull")
        run(*curl, "--header", f"Authorization: Bearer {bearer}", f"{server.url}/v2/")
    said = caplog.text + repr(simulator.requests()) + repr(simulator) + repr(simulator.accounts)
    assert len(simulator.requests()) == 2
    for secret in (simulator.token, bearer, base64.b64encode(f"octocat:{simulator.token}".encode()).decode()):
        assert secret not in said
