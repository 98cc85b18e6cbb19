"""`https://ghcr.io` for subprocesses: a proxy on loopback, and an environment that makes clients use and trust it.

Every client of the field obeys some of these variables. A client is logged in as the fake's one token where it reads
its credentials from Docker's file; who shall be nobody is given an environment without `DOCKER_CONFIG` and
`REGISTRY_AUTH_FILE`. It starts nothing else, and changes nothing of this process's environment.
"""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

from ghcr_sim.commands.record import environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["LOGIN", "environment_of"]

LOGIN = "octocat"
"""The login of the fake's one token."""


def environment_of(folder: Path, proxy: str, authority: bytes, token: str) -> dict[str, str]:
    """A whole environment, for `subprocess.run(…, env=…)`.

    Args:
        folder: Where files may be written; the test's alone.
        proxy: The proxy's URL.
        authority: The authority's certificate, as PEM.
        token: With what clients are logged in; the empty string for nobody.

    Returns:
        This process's variables, without those that lead elsewhere, and with ours.
    """
    ca = folder / "ca.crt"
    ca.write_bytes(authority)
    docker = folder / "docker"
    docker.mkdir(mode=0o700)
    config = docker / "config.json"
    config.touch(mode=0o600)
    config.write_text(json.dumps(_logins(token)))
    return {
        **_without(os.environ),
        **environment(proxy, ca),
        **_plain(proxy),
        **_homes(folder, config),
        **_settings(folder),
    }


_LEADING = frozenset(
    {
        *("http_proxy", "all_proxy", "ssl_cert_dir", "git_config_count", "git_config_parameters"),
        *(
            "ghcr_registry",
            "ghcr_endpoints",
            "ghcr_token",
            "github_token",
            "gh_token",
            "cr_pat",
            "github_actor",
        ),
    }
)
"""What would lead a client past the fake, or give it somebody else's token."""


def _without(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.lower() not in _LEADING}


def _plain(proxy: str) -> dict[str, str]:
    """Lead plain HTTP to the proxy, too, which refuses it, but for this machine's."""
    near = "127.0.0.1,localhost,::1"
    return {"HTTP_PROXY": proxy, "http_proxy": proxy, "NO_PROXY": near, "no_proxy": near}


def _logins(token: str) -> dict[str, object]:
    if not token:
        return {"auths": {}}
    secret = base64.b64encode(f"{LOGIN}:{token}".encode()).decode()
    return {"auths": {"ghcr.io": {"auth": secret}}}


def _homes(folder: Path, config: Path) -> dict[str, str]:
    """Where clients keep what they know: nothing of the person who runs the tests, and nothing for the next test."""
    data = folder / "data"
    data.mkdir()
    return {
        "DOCKER_CONFIG": str(config.parent),
        "REGISTRY_AUTH_FILE": str(config),
        "HELM_REGISTRY_CONFIG": str(config),
        "REGCTL_CONFIG": str(folder / "regctl.json"),
        "XDG_DATA_HOME": str(data),
        "XDG_CACHE_HOME": str(data),
        "XDG_RUNTIME_DIR": str(data),
    }


def _settings(folder: Path) -> dict[str, str]:
    """Empty files in the place of what a person has in the home folder: a proxy there would come before ours.

    `HOME` stays: programs that a person has installed (pyenv, nvm, rustup, pip's) are found by it.
    """
    git, curl = folder / "gitconfig", folder / ".curlrc"
    git.touch()
    curl.touch()  # were it not there, curl would look in `HOME`
    return {
        "GIT_CONFIG_GLOBAL": str(git),
        "GIT_CONFIG_SYSTEM": os.devnull,
        "CURL_HOME": str(curl.parent),
        "NETRC": os.devnull,
    }
