"""podman behind the same verbs as the other clients."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cassette.clients.driver import Driver
from clients.setting import USER

if TYPE_CHECKING:
    from clients.content import Layout

__all__ = ["Podman"]


class Podman(Driver):
    """podman, with a store of its own, as root. It copies nothing within a registry: it pulls, and pushes."""

    program = "podman"
    needs_root = True

    def _words(self, *argv: str) -> list[str]:
        home = self.way.home
        places = ["--root", str(home.path("storage")), "--runroot", str(home.path("runroot"))]
        return [*places, "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none", *argv]

    def run(self, *argv: str) -> str:
        return super().run(*self._words(*argv))

    def refused(self, *argv: str) -> str:
        return super().refused(*self._words(*argv))

    def _how(self) -> list[str]:
        return ["--tls-verify=false"] if self.plain else []

    def login(self, token: str | None = None) -> None:
        self.run("login", *self._how(), "-u", USER, "-p", token or self.way.token, self.way.host)

    def refuse_login(self, token: str) -> str:
        return self.refused("login", *self._how(), "-u", USER, "-p", token, self.way.host)

    def push(self, layout: Layout, name: str) -> None:
        made = self.run("pull", "-q", f"oci:{layout.named}")
        self.run("push", *self._how(), made, self.way.ref(name))
        self.run("rmi", "-f", made)

    def pull(self, name: str) -> dict[str, bytes]:
        return self._pull(name)

    def platform(self, name: str, arch: str) -> dict[str, bytes]:
        return self._pull(name, f"--platform=linux/{arch}")

    def _pull(self, name: str, *more: str) -> dict[str, bytes]:
        image = self.run("pull", "-q", *self._how(), *more, self.way.ref(name))
        digest = self.run("image", "inspect", "--format={{.Digest}}", image)
        self.run("rmi", "-f", image)
        return {digest: b""}

    def tags(self, repository: str) -> list[str]:
        words = ["search", "--list-tags", "--format=json", f"--tls-verify={str(not self.plain).lower()}"]
        return list(json.loads(self.run(*words, self.way.ref(repository)))[0]["Tags"])

    def digest(self, name: str) -> str:
        return next(iter(self._pull(name)))

    def refuse_digest(self, name: str) -> str:
        return self.refused("pull", *self._how(), self.way.ref(name))

    def tag(self, name: str, tag: str) -> None:
        self.copy(name, f"{name.partition(':')[0]}:{tag}")

    def copy(self, name: str, other: str) -> None:
        image = self.run("pull", "-q", *self._how(), self.way.ref(name))
        self.run("push", *self._how(), image, self.way.ref(other))
        self.run("rmi", "-f", image)
