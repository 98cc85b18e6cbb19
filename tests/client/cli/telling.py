"""The command, run in a process of its own, with nothing of this machine's logins."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from client.peers import Peer

__all__ = ["ARGV", "Told", "run", "surroundings"]

ARGV = (sys.executable, "-W", "error", "-m", "ghcr_client.cli")

Told = tuple[int, str, str]
"""Exit code, stdout, stderr."""


def surroundings(home: Path, peer: Peer | None = None) -> dict[str, str]:
    """An environment in which only a registry's login is known."""
    strange = ("GHCR_", "GITHUB_", "DOCKER_", "REGISTRY_", "XDG_", "COLUMNS", "TERM")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    kept |= {"HOME": str(home), "DOCKER_CONFIG": str(home), "XDG_RUNTIME_DIR": str(home), "TERM": "xterm"}
    if peer is not None:
        kept["GHCR_REGISTRY"] = peer.url
        named = {"GHCR_USERNAME": peer.username, "GHCR_TOKEN": peer.token, "GHCR_CA_FILE": peer.ca_file}
        kept |= {name: str(value) for name, value in named.items() if value is not None}
    return kept


def run(
    *words: str | Path, env: dict[str, str], stdin: bytes = b"", timeout: float = 60
) -> tuple[int, bytes, str]:
    """Run it to its end."""
    done = subprocess.run(
        [*ARGV, *map(str, words)], env=env, input=stdin, capture_output=True, timeout=timeout, check=False
    )
    return done.returncode, done.stdout, done.stderr.decode()
