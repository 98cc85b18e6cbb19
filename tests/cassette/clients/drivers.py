"""Real clients behind the same few verbs, so that one scenario is played by each of them through each door."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from cassette.clients.driver import Driver
from cassette.clients.podman import Podman
from clients.setting import USER

if TYPE_CHECKING:
    from clients.content import Layout

__all__ = ["DRIVERS", "STEADY", "Crane", "Oras", "Regctl", "Skopeo"]

_NOBODY = 65534


class Crane(Driver):
    """crane."""

    program = "crane"

    def login(self, token: str | None = None) -> None:
        self.run("auth", "login", self.way.host, "-u", USER, "-p", token or self.way.token)

    def refuse_login(self, token: str) -> str:
        self.login(token)  # it asks nobody
        return self.refused("digest", self.way.ref("acme/multi:v1"))

    def push(self, layout: Layout, name: str) -> None:
        self.run("push", str(layout.path), self.way.ref(name))

    def pull(self, name: str) -> dict[str, bytes]:
        back = self.fresh()
        self.run("pull", "--format=oci", self.way.ref(name), back)
        return self.tree(back)

    def platform(self, name: str, arch: str) -> dict[str, bytes]:
        back = self.fresh()
        self.run("pull", "--format=oci", f"--platform=linux/{arch}", self.way.ref(name), back)
        return self.tree(back)

    def tags(self, repository: str) -> list[str]:
        return self.run("ls", self.way.ref(repository)).split()

    def digest(self, name: str) -> str:
        return self.run("digest", self.way.ref(name))

    def refuse_digest(self, name: str) -> str:
        return self.refused("digest", self.way.ref(name))

    def tag(self, name: str, tag: str) -> None:
        self.run("tag", self.way.ref(name), tag)

    def copy(self, name: str, other: str) -> None:
        self.run("copy", f"--jobs={self.jobs}", self.way.ref(name), self.way.ref(other))


class Skopeo(Driver):
    """skopeo. As root it keeps what it knows of blobs outside of any home, so that then it runs as nobody."""

    program = "skopeo"

    def prepare(self) -> None:
        if os.geteuid() == 0:
            for path in (self.way.home.root, *self.way.home.root.rglob("*")):
                os.chown(path, _NOBODY, _NOBODY)

    def run(self, *argv: str) -> str:
        return self.way.home.run(*self._as_nobody(), *argv).stdout.strip()

    def refused(self, *argv: str) -> str:
        return self.way.home.refused(*self._as_nobody(), *argv)

    def _as_nobody(self) -> list[str]:
        who = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        return [*(who if os.geteuid() == 0 else []), self.program]

    def _how(self, side: str = "") -> list[str]:
        return [f"--{side}tls-verify=false"] if self.plain else []

    def login(self, token: str | None = None) -> None:
        self.run("login", *self._how(), "-u", USER, "-p", token or self.way.token, self.way.host)

    def refuse_login(self, token: str) -> str:
        return self.refused("login", *self._how(), "-u", USER, "-p", token, self.way.host)

    def push(self, layout: Layout, name: str) -> None:
        self._copy("--preserve-digests", f"oci:{layout.named}", f"docker://{self.way.ref(name)}")

    def _copy(self, *words: str) -> None:
        self.run("copy", *self._how("src-"), *self._how("dest-"), *words)

    def pull(self, name: str) -> dict[str, bytes]:
        back = self.fresh()
        self._copy("--all", f"docker://{self.way.ref(name)}", f"oci:{back}:v1")
        return self.tree(back)

    def platform(self, name: str, arch: str) -> dict[str, bytes]:
        back = self.fresh()
        source = f"docker://{self.way.ref(name)}"
        self.run("--override-arch", arch, "copy", *self._how("src-"), source, f"oci:{back}:v1")
        return self.tree(back)

    def tags(self, repository: str) -> list[str]:
        listed = self.run("list-tags", *self._how(), f"docker://{self.way.ref(repository)}")
        return list(json.loads(listed)["Tags"])

    def digest(self, name: str) -> str:
        return self.run(
            "inspect", "--no-tags", *self._how(), "--format={{.Digest}}", f"docker://{self.way.ref(name)}"
        )

    def refuse_digest(self, name: str) -> str:
        return self.refused("inspect", "--no-tags", *self._how(), f"docker://{self.way.ref(name)}")

    def tag(self, name: str, tag: str) -> None:
        self.copy(name, f"{name.partition(':')[0]}:{tag}")

    def copy(self, name: str, other: str) -> None:
        self._copy("--all", f"docker://{self.way.ref(name)}", f"docker://{self.way.ref(other)}")


class Oras(Driver):
    """oras."""

    program = "oras"

    def _how(self, side: str = "") -> list[str]:
        return [f"--{side}plain-http"] if self.plain else []

    def login(self, token: str | None = None) -> None:
        self.run("login", *self._how(), "-u", USER, "-p", token or self.way.token, self.way.host)

    def refuse_login(self, token: str) -> str:
        return self.refused("login", *self._how(), "-u", USER, "-p", token, self.way.host)

    def push(self, layout: Layout, name: str) -> None:
        words = ["cp", f"--concurrency={self.jobs}", *self._how("to-"), "--from-oci-layout", layout.named]
        self.run(*words, self.way.ref(name))

    def pull(self, name: str) -> dict[str, bytes]:
        return self._pull(name)

    def platform(self, name: str, arch: str) -> dict[str, bytes]:
        return self._pull(name, f"--platform=linux/{arch}")

    def _pull(self, name: str, *more: str) -> dict[str, bytes]:
        back = self.fresh()
        words = ["cp", f"--concurrency={self.jobs}", *self._how("from-"), *more]
        self.run(*words, self.way.ref(name), "--to-oci-layout", f"{back}:v1")
        return self.tree(back)

    def tags(self, repository: str) -> list[str]:
        return self.run("repo", "tags", *self._how(), self.way.ref(repository)).split()

    def digest(self, name: str) -> str:
        return self.run("resolve", *self._how(), self.way.ref(name))

    def refuse_digest(self, name: str) -> str:
        return self.refused("resolve", *self._how(), self.way.ref(name))

    def tag(self, name: str, tag: str) -> None:
        self.run("tag", *self._how(), self.way.ref(name), tag)

    def copy(self, name: str, other: str) -> None:
        self.run(
            "cp",
            f"--concurrency={self.jobs}",
            *self._how("from-"),
            *self._how("to-"),
            self.way.ref(name),
            self.way.ref(other),
        )


class Regctl(Driver):
    """regctl."""

    program = "regctl"

    def prepare(self) -> None:
        config = self.way.home.path(".regctl/config.json")
        config.parent.mkdir(exist_ok=True)
        how = {"tls": "disabled" if self.plain else "enabled", "reqConcurrent": self.jobs}
        config.write_text(json.dumps({"hosts": {self.way.host: how}}))

    def login(self, token: str | None = None) -> None:
        self.run("registry", "login", self.way.host, "-u", USER, "-p", token or self.way.token)

    def refuse_login(self, token: str) -> str:
        return self.refused("registry", "login", self.way.host, "-u", USER, "-p", token)

    def push(self, layout: Layout, name: str) -> None:
        self.run("image", "copy", f"ocidir://{layout.named}", self.way.ref(name))

    def pull(self, name: str) -> dict[str, bytes]:
        return self._pull(name)

    def platform(self, name: str, arch: str) -> dict[str, bytes]:
        return self._pull(name, f"--platform=linux/{arch}")

    def _pull(self, name: str, *more: str) -> dict[str, bytes]:
        back = self.fresh()
        self.run("image", "copy", *more, self.way.ref(name), f"ocidir://{back}:v1")
        return self.tree(back)

    def tags(self, repository: str) -> list[str]:
        return self.run("tag", "ls", self.way.ref(repository)).split()

    def digest(self, name: str) -> str:
        return self.run("image", "digest", self.way.ref(name))

    def refuse_digest(self, name: str) -> str:
        return self.refused("image", "digest", self.way.ref(name))

    def tag(self, name: str, tag: str) -> None:
        self.copy(name, f"{name.partition(':')[0]}:{tag}")

    def copy(self, name: str, other: str) -> None:
        self.run("image", "copy", self.way.ref(name), self.way.ref(other))


DRIVERS: dict[str, type[Driver]] = {each.program: each for each in (Crane, Skopeo, Oras, Regctl, Podman)}
"""Name → client."""

STEADY = frozenset({"crane", "oras", "regctl"})
"""Who says the same in each run; skopeo's and podman's layers take turns, and both remember where they have pushed."""
