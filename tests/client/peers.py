"""The registries that the client is tested against: the fake in two profiles, and two that other people wrote.

The programs listen on a loopback port that they choose themselves and say in their log; each is ended by its id.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clients.daemons import daemon
from tools import require, run

from ghcr_sim import Simulator
from ghcr_sim.tls import Authority
from pytest_ghcr.simulator import Ghcr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["USER", "Peer", "crane", "docker_registry", "docker_registry_tls", "fake"]

USER = "octocat"

DOCKER_REGISTRY = """\
version: 0.1
log: {{level: info, accesslog: {{disabled: true}}}}
storage:
  cache: {{blobdescriptor: inmemory}}
  filesystem: {{rootdirectory: {folder}/data}}
  delete: {{enabled: true}}
http:
  addr: 127.0.0.1:0
  secret: {secret}
"""

TLS_AND_PASSWORD = """\
  tls: {{certificate: {folder}/server.crt, key: {folder}/server.key}}
auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A registry that answers.

    Attributes:
        name: Its name in test ids.
        url: Where it is, without a slash at the end.
        host: Name and port, as references have them.
        username: Who logs in; None where anybody may do everything.
        token: With what.
        ca_file: The authority to trust; None is plain HTTP.
        simulator: For a fake, the rest of what can be done with it.
        log: For a program, what it says.
    """

    name: str
    url: str
    host: str
    username: str | None = None
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    simulator: Simulator | None = None
    log: Path | None = None

    def ref(self, name: str) -> str:
        """`acme/app:v1` as a client is told it."""
        return f"{self.host}/{name}"

    def ssl_context(self) -> ssl.SSLContext | None:
        """A context that trusts this registry's authority and no other; None for plain HTTP."""
        return None if self.ca_file is None else ssl.create_default_context(cafile=self.ca_file)


@contextlib.contextmanager
def fake(profile: str) -> Iterator[Peer]:
    """An empty fake. At the end, no credential has reached its storage host, and each planned failure has happened."""
    handle = Ghcr(Simulator(profile))
    with handle.running():
        yield Peer(profile, handle.url, handle.host, USER, handle.token, simulator=handle.simulator)
    assert handle.leaks == [], "a credential went to the storage host"
    assert handle.unmet() == [], "a planned failure was never met"


@contextlib.contextmanager
def docker_registry(folder: Path) -> Iterator[Peer]:
    """Debian's docker-registry over plain HTTP, without a password, with deletion."""
    configuration = DOCKER_REGISTRY.format(folder=folder, secret=secrets.token_hex())
    with _docker_registry(folder, configuration) as (port, log):
        host = f"127.0.0.1:{port}"
        yield Peer("docker-registry", f"http://{host}", host, log=log)


@contextlib.contextmanager
def docker_registry_tls(folder: Path) -> Iterator[Peer]:
    """The same behind TLS, for one user with a password (Basic)."""
    require("htpasswd")
    password = secrets.token_urlsafe()
    Authority.create().write(folder)
    # -i: the password comes by stdin, and is in no list of processes.
    (folder / "htpasswd").write_text(run("htpasswd", "-niB", USER, stdin=password).stdout)
    configuration = (DOCKER_REGISTRY + TLS_AND_PASSWORD).format(folder=folder, secret=secrets.token_hex())
    with _docker_registry(folder, configuration) as (port, log):
        host = f"localhost:{port}"
        yield Peer("docker-registry-tls", f"https://{host}", host, USER, password, folder / "ca.crt", log=log)


@contextlib.contextmanager
def _docker_registry(folder: Path, configuration: str) -> Iterator[tuple[int, Path]]:
    """The program with a configuration: its port and its log."""
    file = folder / "registry.yml"
    file.write_text(configuration)
    with _program(
        folder, ["docker-registry", "serve", str(file)], r"listening on 127\.0\.0\.1:([0-9]+)"
    ) as found:
        yield found


@contextlib.contextmanager
def crane(folder: Path) -> Iterator[Peer]:
    """Crane's registry, which keeps manifests in memory and asks nobody who they are."""
    argv = ["crane", "registry", "serve", "--address", "127.0.0.1:0"]
    with _program(folder, argv, r"serving on port ([0-9]+)") as (port, log):
        host = f"127.0.0.1:{port}"
        yield Peer("crane", f"http://{host}", host, log=log)


@contextlib.contextmanager
def _program(folder: Path, argv: list[str], says: str) -> Iterator[tuple[int, Path]]:
    """A program that chooses a port and says so in its log: the port, and the log."""
    require(argv[0])
    log = folder / "log"
    with daemon(argv, log, ready=["grep", "-qE", says, str(log)], env={"TMPDIR": str(folder)}):
        said = re.search(says, log.read_text())
        assert said is not None
        yield int(said[1]), log
