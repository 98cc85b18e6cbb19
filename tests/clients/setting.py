"""What every client's test stands on: the fake behind one of its doors, and a home of the client's own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools import program_path, run

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path
    from subprocess import CompletedProcess

    from ghcr_sim.journal import Record
    from pytest_ghcr.simulator import Ghcr

__all__ = ["NAME", "USER", "Door", "Home"]

NAME = "registry.test"
"""A name of loopback that is not localhost: to that one several clients speak plain HTTP, always."""

USER = "octocat"


@dataclass(frozen=True)
class Door:
    """One way to reach a test's fake: plain HTTP under its address, or TLS under a name.

    Attributes:
        ghcr: The fake behind it.
        host: Name and port, as references have them.
        cert_dir: For TLS: a directory with `ca.crt` and nothing else. None is plain HTTP.
        user: Who logs in.
        token: With what: a live token with all scopes.
    """

    ghcr: Ghcr
    host: str
    cert_dir: Path | None = None
    user: str = USER
    token: str = field(default="", repr=False)

    @property
    def tls(self) -> bool:
        """Whether this door speaks TLS."""
        return self.cert_dir is not None

    @property
    def ca(self) -> Path:
        """The authority's certificate. Only for TLS."""
        assert self.cert_dir is not None
        return self.cert_dir / "ca.crt"

    @property
    def scheme(self) -> str:
        """`https` or `http`."""
        return "https" if self.tls else "http"

    def ref(self, name: str) -> str:
        """`acme/app:v1` as a client is told it."""
        return f"{self.host}/{name}"

    def records(self, operation: str) -> list[Record]:
        """What the fake journalled of one operation."""
        return self.ghcr.requests(operation)

    def statuses(self, operation: str) -> set[int]:
        """Every status with which the fake answered an operation."""
        return {record.status for record in self.records(operation)}

    def held(self, repository: str) -> dict[str, str]:
        """Tag → digest of what the fake holds now."""
        state = self.ghcr.simulator.store.repository(repository)
        return dict(state.tags) if state else {}

    def manifest(self, repository: str, digest: str) -> dict[str, Any]:
        """A manifest that the fake holds, parsed."""
        state = self.ghcr.simulator.store.repository(repository)
        assert state is not None
        document: dict[str, Any] = json.loads(state.manifests[digest].content)
        return document

    def assert_no_leak(self) -> None:
        """Fail if any credential reached the storage host."""
        assert self.ghcr.leaks == [], "a credential went to the storage host"


@dataclass(frozen=True)
class Home:
    """A directory that stands for everything a user owns, and an environment that says so."""

    root: Path
    env: dict[str, str]

    @classmethod
    def make(cls, root: Path, door: Door | None = None) -> Home:
        """Make one; a client with it trusts the door's authority, where its program reads SSL_CERT_FILE."""
        places = {
            "HOME": "",
            "DOCKER_CONFIG": "docker",
            "XDG_CONFIG_HOME": "config",
            "XDG_CACHE_HOME": "cache",
            "XDG_DATA_HOME": "data",
            "XDG_RUNTIME_DIR": "run",
            "TMPDIR": "tmp",
        }
        env = {name: str(root / place) for name, place in places.items()}
        for place in places.values():
            (root / place).mkdir(parents=True, exist_ok=True, mode=0o700)
        logins = root / "auth.json"
        logins.write_text("{}")
        env |= {
            "REGISTRY_AUTH_FILE": str(logins),
            "PATH": program_path(),
            "LC_ALL": "C.UTF-8",
            "NO_PROXY": "*",
        }
        if door is not None and door.tls:
            env["SSL_CERT_FILE"] = str(door.ca)
        return cls(root, env)

    def path(self, name: str) -> Path:
        """A path inside."""
        return self.root / name

    def run(
        self, *argv: str | os.PathLike[str], env: Mapping[str, str] | None = None, **options: Any
    ) -> CompletedProcess[str]:
        """Run a program here; `env` adds to the home's environment; see `tools.run`."""
        return run(*argv, env=self.env | dict(env or {}), cwd=options.pop("cwd", self.root), **options)

    def refused(self, *argv: str | os.PathLike[str], **options: Any) -> str:
        """Run a program that must fail, and return all that it said."""
        done = self.run(*argv, check=False, **options)
        said = done.stdout + done.stderr
        assert done.returncode != 0, f"{argv[0]} was not refused: {said}"
        return said
