"""Credentials: who gets which, that no text of them shows a secret, and the program `gh`."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from ghcr_client import auth
from ghcr_client.auth import (
    Anonymous,
    ChainCredentials,
    CredentialProvider,
    Credentials,
    EnvironmentCredentials,
    GitHubCliCredentials,
    StaticCredentials,
    basic_authorization,
)
from ghcr_client.auth.credentials import canonical_registry, checked_registry
from ghcr_client.auth.dockerconfig import DockerConfigCredentials
from ghcr_client.auth.programs import FAILURE_SECONDS, KEEP_SECONDS, run_program
from ghcr_client.errors import ConfigError
from pydantic import SecretStr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "correct-horse-battery"

needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="the fake programs are shell scripts")


def ask(provider: CredentialProvider, registry: str = "ghcr.io") -> tuple[str, str] | None:
    """User and password that a provider has for a registry."""
    found = asyncio.run(provider.get_credentials(registry))
    return None if found is None else (found.username, found.password.get_secret_value())


def login(user: str = "octocat", password: str = SECRET, **more: Any) -> Credentials:
    return Credentials(user, SecretStr(password), **more)


def test_names_of_the_package() -> None:
    """Each public name is there when it is asked for, is listed, and another one is an error."""
    assert all(hasattr(auth, name) for name in auth.__all__)
    assert set(auth.__all__) <= set(dir(auth))
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = auth.nothing


# --- credentials


def test_no_secret_is_shown() -> None:
    """Neither repr nor str of credentials, nor the name they have in a cache, holds a secret."""
    one = login(identity_token=SecretStr(SECRET + "1"), registry_token=SecretStr(SECRET + "2"))
    said = f"{one} {one!r} {one.identity} {StaticCredentials('octocat', SECRET)!r}"
    assert SECRET not in said
    assert base64.b64encode(SECRET.encode()).decode()[:-4] not in said
    assert "octocat" in said


def test_identity_tells_credentials_apart() -> None:
    """Equal credentials have the same identity; whatever differs, and wherever a text is cut, another one."""
    several = [
        login(),
        login("octocats"),
        login(password=SECRET + "2"),
        login("octoca", "t" + SECRET),
        login(identity_token=SecretStr("x")),
        login(registry_token=SecretStr("x")),
        Credentials(),
    ]
    assert len({each.identity for each in several}) == len(several)
    assert login().identity == login().identity


REFUSED = {
    "a colon in the user": {"username": "a:b"},
    "a line break in the user": {"username": "a\nb"},
    "a password that is no text": {"password": SecretStr(SECRET + chr(0xD800))},
    "a bearer with a line break": {"registry_token": SecretStr(SECRET + "\r\nX-Evil: 1")},
    "an empty bearer": {"registry_token": SecretStr("")},
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_sent(fields: dict[str, Any]) -> None:
    """What would break a header or a request is refused, and the refusal holds nothing of it."""
    with pytest.raises(ConfigError) as caught:
        Credentials(**fields)
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


def test_basic() -> None:
    """Basic is base64 of UTF-8; an identity token stands in for a password that is not there."""

    def said(credentials: Credentials) -> bytes:
        return base64.b64decode(basic_authorization(credentials).removeprefix("Basic "))

    assert said(login("u", "pä:ss")) == "u:pä:ss".encode()
    assert said(login("u", os.fsdecode(b"\xff\xfe"))) == b"u:\xff\xfe"
    assert said(Credentials("u", identity_token=SecretStr("refresh"))) == b"u:refresh"
    assert said(login("u", "p", identity_token=SecretStr("refresh"))) == b"u:p"


# --- registries


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ghcr.io", "ghcr.io"),
        ("GHCR.IO", "ghcr.io"),
        ("localhost:5000", "localhost:5000"),
        ("[::1]:5000", "[::1]:5000"),
        ("docker.io", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
    ],
)
def test_registry_names(text: str, name: str) -> None:
    """A registry has one name, in lower case; Docker Hub's hosts are one registry."""
    assert canonical_registry(text) == checked_registry(text) == name


@pytest.mark.parametrize(
    "text", ["", "https://ghcr.io", "ghcr.io/acme", "me@ghcr.io", "ghcr .io", "ghcr.io\n"], ids=repr
)
def test_what_is_no_registry(text: str) -> None:
    """Credentials are given for a host, and whoever writes something else is told so at once."""
    for make in (EnvironmentCredentials, lambda registry: StaticCredentials("u", "t", registry)):
        with pytest.raises(ConfigError, match="host:port"):
            make(text)


# --- providers


def test_static() -> None:
    """Given credentials go to their registry and to no other, not even to another port of it."""
    provider = StaticCredentials("octocat", SECRET)
    assert ask(provider) == ask(provider, "GHCR.io") == ("octocat", SECRET)
    assert ask(StaticCredentials("", SecretStr(SECRET))) == ("x-access-token", SECRET)
    for other in ("quay.io", "ghcr.io:443", "ghcr.io.example", "xghcr.io", "io", ""):
        assert ask(provider, other) is None
    local = StaticCredentials("u", "t", "localhost:5000")
    assert ask(local, "localhost:5000") == ("u", "t")
    assert ask(local, "localhost:5001") is ask(local, "localhost") is None
    with pytest.raises(ConfigError, match="empty"):
        StaticCredentials("octocat", "")


ENVIRONMENT = {
    "both": ({"GHCR_USERNAME": "u", "GHCR_TOKEN": "t", "GITHUB_TOKEN": "g"}, ("u", "t")),
    "no user": ({"GHCR_TOKEN": "t", "GITHUB_ACTOR": "a"}, ("x-access-token", "t")),
    "a workflow": ({"GITHUB_ACTOR": "a", "GITHUB_TOKEN": "g", "GHCR_USERNAME": "u"}, ("a", "g")),
    "empty is absent": ({"GHCR_TOKEN": "", "GITHUB_ACTOR": "", "GITHUB_TOKEN": "g"}, ("x-access-token", "g")),
    "a line break at the end": ({"GHCR_USERNAME": "u\n", "GHCR_TOKEN": " t\r\n"}, ("u", "t")),
    "blanks": ({"GHCR_TOKEN": " \n"}, None),
    "a user alone": ({"GHCR_USERNAME": "u", "GITHUB_ACTOR": "a"}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize(("environ", "wanted"), ENVIRONMENT.values(), ids=ENVIRONMENT)
def test_environment(environ: dict[str, str], wanted: tuple[str, str] | None) -> None:
    """The first token that is not empty decides, with its own user; other registries get nothing."""
    assert ask(EnvironmentCredentials(environ=environ)) == wanted
    assert ask(EnvironmentCredentials(environ=environ), "quay.io") is None
    assert ask(EnvironmentCredentials("localhost:5000", environ), "localhost:5000") == wanted


def test_environment_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is the process's own, as it is when it is asked."""
    provider = EnvironmentCredentials()
    for value in ("one", "two"):
        monkeypatch.setenv("GHCR_TOKEN", value)
        monkeypatch.setenv("GHCR_USERNAME", "u")
        assert ask(provider) == ("u", value)


class Broken:
    """A provider that fails."""

    async def get_credentials(self, registry: str) -> Credentials | None:
        raise ConfigError("the file is damaged")

    async def invalidate(self, registry: str) -> None:
        raise ConfigError("the file is still damaged")


class Counting(Anonymous):
    """A provider that knows what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def invalidate(self, registry: str) -> None:
        self.told.append(registry)


def test_chain() -> None:
    """The first that has credentials is believed; who stands behind it is not asked."""
    chain = ChainCredentials(
        Anonymous(), StaticCredentials("a", "1", "quay.io"), StaticCredentials("b", "2"), Broken()
    )
    assert ask(chain) == ("b", "2")
    assert ask(chain, "quay.io") == ("a", "1")
    assert ask(ChainCredentials()) is None


def test_a_broken_provider_is_reported() -> None:
    """A provider that fails is not passed over in silence, although another one would have an answer."""
    with pytest.raises(ConfigError, match="damaged"):
        ask(ChainCredentials(Broken(), StaticCredentials("b", "2")))


def test_invalidate_reaches_all() -> None:
    """Each provider is told, also behind one that fails; then the failure is raised."""
    first, last = Counting(), Counting()
    with pytest.raises(ConfigError, match="still damaged"):
        asyncio.run(ChainCredentials(first, Broken(), last).invalidate("ghcr.io"))
    assert first.told == last.told == ["ghcr.io"]


@pytest.mark.parametrize(
    "provider",
    [
        Anonymous(),
        StaticCredentials("a", "1"),
        EnvironmentCredentials(environ={}),
        ChainCredentials(Anonymous()),
        DockerConfigCredentials([], {}),
        GitHubCliCredentials(environ={"PATH": ""}),
    ],
    ids=lambda each: type(each).__name__,
)
def test_protocol(provider: object) -> None:
    """Each provider is one, and may be told to forget at any time."""
    assert isinstance(provider, CredentialProvider)
    asyncio.run(provider.invalidate("ghcr.io"))


# --- gh


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def script(folder: Path, name: str, text: str) -> dict[str, str]:
    """A program, and the environment in which it is found and counts how often it ran."""
    file = folder / name
    file.write_text(f"#!/bin/sh\necho ran >> {folder}/runs\n{text}\n")
    file.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


async def until(holds: Callable[[], object]) -> None:
    """Wait for what another process does."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen within ten seconds")


def runs(folder: Path) -> int:
    """How often the program ran."""
    file = folder / "runs"
    return len(file.read_text().splitlines()) if file.exists() else 0


@needs_sh
def test_gh(tmp_path: Path) -> None:
    """The token that gh prints is used for one registry, and kept for an hour or until it was refused."""
    clock = Clock()
    environ = script(tmp_path, "gh", f'test "$*" = "auth token --hostname github.example" && echo {SECRET}')
    provider = GitHubCliCredentials(
        "github.example", "containers.github.example", environ=environ, clock=clock
    )
    registry = "containers.github.example"
    assert ask(provider) is None
    assert runs(tmp_path) == 0
    assert ask(provider, registry) == ask(provider, registry) == ("x-access-token", SECRET)
    assert runs(tmp_path) == 1
    asyncio.run(provider.invalidate("ghcr.io"))
    clock.now += KEEP_SECONDS - 1
    ask(provider, registry)
    assert runs(tmp_path) == 1
    clock.now += 1
    ask(provider, registry)
    assert runs(tmp_path) == 2
    asyncio.run(provider.invalidate(registry))
    ask(provider, registry)
    assert runs(tmp_path) == 3


@needs_sh
@pytest.mark.parametrize(
    "text", ["echo no oauth token >&2; exit 1", "true", "echo", "echo x; exit 4"], ids=repr
)
def test_gh_without_a_login(tmp_path: Path, text: str) -> None:
    """Where nobody is logged in, there are no credentials; that is no error."""
    assert ask(GitHubCliCredentials(environ=script(tmp_path, "gh", text))) is None


def test_gh_is_not_installed(tmp_path: Path) -> None:
    """Without gh there are no credentials; a gh in a relative directory is not run."""
    assert ask(GitHubCliCredentials(environ={"PATH": str(tmp_path)})) is None
    assert ask(GitHubCliCredentials(environ={"PATH": ""})) is None
    (tmp_path / "gh").touch(0o755)
    assert ask(GitHubCliCredentials(environ={"PATH": os.path.relpath(tmp_path)})) is None


@pytest.mark.parametrize("host", ["", "-h", "--help", "a b", "https://github.com", "a;b"], ids=repr)
def test_gh_host(host: str) -> None:
    """The host is a host and never an option."""
    with pytest.raises(ConfigError, match="not a host"):
        GitHubCliCredentials(host)


@needs_sh
def test_gh_hangs(tmp_path: Path) -> None:
    """A program that does not end is killed with its children, reported, and left alone for five seconds."""
    clock = Clock()
    environ = script(tmp_path, "gh", f"sleep 60 & echo $! > {tmp_path}/child; wait")
    provider = GitHubCliCredentials(environ=environ, clock=clock, timeout=0.5)
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"gh did not end within 0\.5 s"):
            ask(provider)
    assert runs(tmp_path) == 1
    assert _ends(int((tmp_path / "child").read_text()))
    clock.now += FAILURE_SECONDS
    with pytest.raises(ConfigError):
        ask(provider)
    assert runs(tmp_path) == 2


@needs_sh
def test_a_cancelled_question_ends_the_program(tmp_path: Path) -> None:
    """Whoever stops waiting leaves no program behind."""
    environ = script(tmp_path, "gh", f"echo $$ > {tmp_path}/child; exec sleep 60")

    async def scenario() -> None:
        task = asyncio.create_task(GitHubCliCredentials(environ=environ).get_credentials("ghcr.io"))
        await until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert _ends(int((tmp_path / "child").read_text()))


def _ends(pid: int) -> bool:
    """Whether a process is gone, or is dead and waits for its new parent, within a few seconds."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        try:
            with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - not a file that has a place
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            pass
        time.sleep(0.01)
    return False


@needs_sh
def test_many_ask_gh_at_once(tmp_path: Path) -> None:
    """However many ask at the same time, the program runs once."""
    environ = script(tmp_path, "gh", f"sleep 0.1; echo {SECRET}")
    provider = GitHubCliCredentials(environ=environ)

    async def scenario() -> list[Credentials | None]:
        return await asyncio.gather(*(provider.get_credentials("ghcr.io") for _ in range(10)))

    assert len(set(asyncio.run(scenario()))) == 1
    assert runs(tmp_path) == 1


@needs_sh
def test_what_is_forgotten_while_it_is_asked_for_stays_forgotten(tmp_path: Path) -> None:
    """An answer that was asked for before a refusal is not kept after it."""
    environ = script(tmp_path, "gh", f"sleep 0.3; echo {SECRET}")
    provider = GitHubCliCredentials(environ=environ)

    async def scenario() -> None:
        task = asyncio.create_task(provider.get_credentials("ghcr.io"))
        await until(lambda: runs(tmp_path))
        await provider.invalidate("ghcr.io")
        await task
        await provider.get_credentials("ghcr.io")

    asyncio.run(scenario())
    assert runs(tmp_path) == 2


@needs_sh
def test_programs_that_misbehave(tmp_path: Path) -> None:
    """Endless output, a program that cannot be started, one that does not read: an error or its end, never a hang."""

    async def run(text: str, given: bytes = b"") -> tuple[int, bytes] | None:
        return await run_program(
            ["prog", "x"], given=given, environ=script(tmp_path, "prog", text), seconds=20
        )

    with pytest.raises(ConfigError, match="printed more than 65536 bytes"):
        asyncio.run(run("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done"))
    assert asyncio.run(run("exit 3", b"x" * 1_000_000)) == (3, b"")
    assert asyncio.run(run("cat", b"said")) == (0, b"said")
    (tmp_path / "prog").write_text("#!/nowhere/at-all\n")
    with pytest.raises(ConfigError, match="cannot be started: No such file"):
        asyncio.run(run_program(["prog"], environ={"PATH": str(tmp_path)}))
    with pytest.raises(ConfigError, match="cannot be started: bad argument"):
        asyncio.run(run_program(["prog", "a\0b"], environ={"PATH": str(tmp_path)}))
