"""docker's and podman's files, and docker's helpers: what is found where, and what is said of damaged ones."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest
from ghcr_client.auth.dockerconfig import DockerConfigCredentials
from ghcr_client.auth.loginfiles import FILE_LIMIT
from ghcr_client.auth.programs import FAILURE_SECONDS, KEEP_SECONDS
from ghcr_client.auth.providers import ChainCredentials
from ghcr_client.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from ghcr_client.auth.credentials import Credentials

SECRET = "correct-horse-battery"

needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="the fake helpers are shell scripts")


def auth(user: str = "octocat", password: str = SECRET) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def auths(**entries: Any) -> dict[str, Any]:
    return {"auths": entries}


def login(user: str = "octocat", password: str = SECRET, key: str = "ghcr.io") -> dict[str, Any]:
    return {"auths": {key: {"auth": auth(user, password)}}}


def write(file: Path, content: Any) -> Path:
    """A file with a document, or with bytes as they are."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return file


def find(provider: DockerConfigCredentials, registry: str = "ghcr.io") -> Credentials | None:
    return asyncio.run(provider.get_credentials(registry))


def user_of(provider: DockerConfigCredentials, registry: str = "ghcr.io") -> str | None:
    found = find(provider, registry)
    return None if found is None else found.username


def in_variable(document: Any, **environ: str) -> DockerConfigCredentials:
    """A provider whose only configuration is the variable's content."""
    text = document if isinstance(document, str) else json.dumps(document)
    return DockerConfigCredentials(environ={"DOCKER_AUTH_CONFIG": text, **environ})


# --- where it looks


def test_places_and_their_order(tmp_path: Path) -> None:
    """The variable, its file, docker's file, podman's two: the first that is there and has the registry is believed."""
    environ = {
        "REGISTRY_AUTH_FILE": str(write(tmp_path / "auth", login("file"))),
        "DOCKER_CONFIG": str(write(tmp_path / "docker/config.json", login("docker")).parent),
        "XDG_RUNTIME_DIR": str(write(tmp_path / "run/containers/auth.json", login("run")).parents[1]),
        "XDG_CONFIG_HOME": str(write(tmp_path / "xdg/containers/auth.json", login("xdg")).parents[1]),
        "DOCKER_AUTH_CONFIG": json.dumps(login("variable")),
    }
    for name, user in {
        "DOCKER_AUTH_CONFIG": "variable",
        "REGISTRY_AUTH_FILE": "file",
        "DOCKER_CONFIG": "docker",
        "XDG_RUNTIME_DIR": "run",
        "XDG_CONFIG_HOME": "xdg",
    }.items():
        assert user_of(DockerConfigCredentials(environ=environ)) == user
        del environ[name]
    assert user_of(DockerConfigCredentials(environ=environ)) is None


def test_home(tmp_path: Path) -> None:
    """Without variables, docker's and podman's files are in the home directory, on Windows, too."""
    docker = write(tmp_path / ".docker/config.json", login("docker"))
    write(tmp_path / ".config/containers/auth.json", login("podman"))
    assert user_of(DockerConfigCredentials(environ={"HOME": str(tmp_path)})) == "docker"
    assert user_of(DockerConfigCredentials(environ={"USERPROFILE": str(tmp_path)})) == "docker"
    docker.unlink()
    assert user_of(DockerConfigCredentials(environ={"HOME": str(tmp_path)})) == "podman"


def test_given_paths_are_the_only_ones(tmp_path: Path) -> None:
    """With paths given, no variable counts; what is not there is passed over."""
    environ = {"DOCKER_AUTH_CONFIG": json.dumps(login("variable"))}
    paths = [tmp_path / "absent", tmp_path / "file/below", write(tmp_path / "file", login("given"))]
    assert user_of(DockerConfigCredentials(paths, environ)) == "given"
    assert user_of(DockerConfigCredentials([], environ)) is None


def test_the_next_source_is_asked(tmp_path: Path) -> None:
    """A source without this registry leaves it to the next one; a damaged one behind the answer does no harm."""
    paths = [
        write(tmp_path / "1", login("one", key="quay.io")),
        write(tmp_path / "2", login("two")),
        write(tmp_path / "3", b"{damaged"),
    ]
    provider = DockerConfigCredentials(paths, {})
    assert user_of(provider) == "two"
    assert user_of(provider, "quay.io") == "one"
    with pytest.raises(ConfigError, match="damaged"):
        find(provider, "absent.example")


# --- keys

KEYS = {
    "a host": (["ghcr.io"], "ghcr.io", "ghcr.io"),
    "in upper case": (["GHCR.io"], "ghcr.io", "GHCR.io"),
    "a URL": (["https://ghcr.io"], "ghcr.io", "https://ghcr.io"),
    "v1": (["https://ghcr.io/v1/"], "ghcr.io", "https://ghcr.io/v1/"),
    "v2": (["http://ghcr.io/v2"], "ghcr.io", "http://ghcr.io/v2"),
    "the plain one first": (["https://ghcr.io/v1/", "ghcr.io"], "ghcr.io", "ghcr.io"),
    "a port": (["localhost", "localhost:5000"], "localhost:5000", "localhost:5000"),
    "another port": (["localhost:5000", "localhost"], "localhost:5001", None),
    "Docker Hub": (["https://index.docker.io/v1/"], "docker.io", "https://index.docker.io/v1/"),
    "Docker Hub by its host": (["docker.io"], "registry-1.docker.io", "docker.io"),
    "the only part": (["quay.io/acme", "ghcr.io/acme/app"], "ghcr.io", "ghcr.io/acme/app"),
    "the whole before a part": (
        ["ghcr.io/acme/app", "https://ghcr.io/v2/"],
        "ghcr.io",
        "https://ghcr.io/v2/",
    ),
    "several parts": (["ghcr.io/acme/app", "ghcr.io/acme/web"], "ghcr.io", None),
    "a longer name": (["ghcr.io.example", "xghcr.io", "*.io"], "ghcr.io", None),
}


@pytest.mark.parametrize(("keys", "registry", "wanted"), KEYS.values(), ids=KEYS)
def test_keys(keys: list[str], registry: str, wanted: str | None) -> None:
    """A key is about a registry if its host and port are; an only part counts, where no repository is known."""
    provider = in_variable(
        auths(**{key: {"username": key.replace(":", "-"), "password": "p"} for key in keys})
    )
    assert user_of(provider, registry) == (wanted and wanted.replace(":", "-"))


PARTS = {
    "its own": ("acme/app", "ghcr.io/acme/app"),
    "below its own": ("acme/app/web", "ghcr.io/acme/app"),
    "its owner": ("acme/other", "ghcr.io/acme"),
    "a longer name": ("acme/apps", "ghcr.io/acme"),
    "another owner": ("acmee/app", "ghcr.io"),
}


@pytest.mark.parametrize(("repository", "wanted"), PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("whole", [True, False], ids=["and the whole", "parts only"])
def test_parts(repository: str, wanted: str | None, whole: bool) -> None:
    """Of podman's keys for parts of a registry, the longest that a repository is below holds, then the whole one."""
    keys = ["ghcr.io/acme", "ghcr.io/acme/app", *(["ghcr.io"] if whole else [])]
    provider = in_variable(auths(**{key: {"username": key, "password": "p"} for key in keys}))
    found = asyncio.run(ChainCredentials(provider).get_repository_credentials("ghcr.io", repository))
    assert (found and found.username) == (wanted if wanted in keys else None)


# --- entries

ENTRIES = {
    "auth": ({"auth": auth()}, ("octocat", SECRET, None, None)),
    "a colon in the password": ({"auth": auth(password="a:b")}, ("octocat", "a:b", None, None)),
    "zeros at the end": ({"auth": auth(password="a\0\0")}, ("octocat", "a", None, None)),
    "fields": ({"username": "u", "password": "p"}, ("u", "p", None, None)),
    "auth before fields": (
        {"username": "u", "password": "p", "auth": auth()},
        ("octocat", SECRET, None, None),
    ),
    "an identity token": ({"auth": auth("u", ""), "identitytoken": "r"}, ("u", "", "r", None)),
    "ACR's user stays": (
        {"auth": auth("00000000-0000-0000-0000-000000000000", "r")},
        ("00000000-0000-0000-0000-000000000000", "r", None, None),
    ),
    "a registry token": ({"registrytoken": "b"}, ("", "", None, "b")),
    "null and unknown keys": (
        {"auth": None, "password": None, "email": 1, "username": "u"},
        ("u", "", None, None),
    ),
    "nothing": ({}, None),
    "null": (None, None),
    "empty texts": ({"auth": "", "identitytoken": "", "registrytoken": ""}, None),
}


@pytest.mark.parametrize(("entry", "wanted"), ENTRIES.values(), ids=ENTRIES)
def test_entries(entry: Any, wanted: tuple[str | None, ...] | None) -> None:
    """Each form of an entry says user, password, identity token and registry token."""
    found = find(in_variable(auths(**{"ghcr.io": entry})))
    said = found and (
        found.username,
        found.password.get_secret_value(),
        found.identity_token and found.identity_token.get_secret_value(),
        found.registry_token and found.registry_token.get_secret_value(),
    )
    assert said == wanted


DAMAGED = {
    "no JSON": f"{{{SECRET}".encode(),
    "cut": json.dumps(login()).encode()[:-5],
    "no object": json.dumps([SECRET]).encode(),
    "null": b"null",
    "auths is a list": json.dumps({"auths": [SECRET]}).encode(),
    "an entry is a text": json.dumps(auths(**{"ghcr.io": SECRET})).encode(),
    "auth is a number": json.dumps({"auths": {"ghcr.io": {"auth": 1, "password": SECRET}}}).encode(),
    "no UTF-8": json.dumps(login()).encode() + b"\xff",
    "a key that is a secret": json.dumps({"auths": {SECRET: {"auth": 1}}}).encode(),
    "half a character": f'{{"auths": {{"ghcr.io": {{"username": "u", "password": "{SECRET}\\ud800"}}}}}}'.encode(),
    "auth is no base64": json.dumps(auths(**{"ghcr.io": {"auth": f"!{SECRET}"}})).encode(),
    "auth has no colon": json.dumps(
        auths(**{"ghcr.io": {"auth": base64.b64encode(SECRET.encode()).decode()}})
    ).encode(),
    "nested": b'{"auths":' + b"[" * 100_000,
    "too long": b" " * FILE_LIMIT + SECRET.encode(),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged(tmp_path: Path, content: bytes) -> None:
    """A damaged file is an error that names the file, and holds nothing of its content, nor does what led to it."""
    file = write(tmp_path / "config.json", content)
    with pytest.raises(ConfigError) as caught:
        find(DockerConfigCredentials([file], {}))
    assert str(file) in str(caught.value)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in repr(error)
        assert base64.b64encode(SECRET.encode()).decode() not in repr(error)
        error = error.__context__


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"\xef\xbb\xbf{}", b"{}", b'{"auths":null,"credsStore":null}'], ids=repr
)
def test_empty(tmp_path: Path, content: bytes) -> None:
    """A file that says nothing is not damaged."""
    assert find(DockerConfigCredentials([write(tmp_path / "config.json", content)], {})) is None


def test_damaged_variable() -> None:
    """The variable is named where its content is damaged, and the content is not shown."""
    with pytest.raises(ConfigError, match="variable DOCKER_AUTH_CONFIG is damaged") as caught:
        find(in_variable(f"{{{SECRET}"))
    assert SECRET not in str(caught.value)


def test_the_place_is_named(tmp_path: Path) -> None:
    """Of a wrong value, the field is named where it is a known one."""
    file = write(tmp_path / "config.json", {"auths": {"ghcr.io": {"identitytoken": [1]}}})
    with pytest.raises(ConfigError, match="damaged at auths, identitytoken:"):
        find(DockerConfigCredentials([file], {}))


def test_unreadable(tmp_path: Path) -> None:
    """A directory, a pipe, a name that is none, a file without rights: errors, and nobody waits for a pipe."""
    for name, make in {"directory": os.mkdir, "pipe": getattr(os, "mkfifo", os.mkdir)}.items():
        make(tmp_path / name)
        with pytest.raises(ConfigError, match="not a regular file"):
            find(DockerConfigCredentials([tmp_path / name], {}))
    with pytest.raises(ConfigError, match="cannot be read"):
        find(DockerConfigCredentials(["a\0b"], {}))


def test_no_right_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read is an error that says so."""
    file = write(tmp_path / "config.json", login())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.open", refuse)
        with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
            find(DockerConfigCredentials([file], {}))


# --- changes


def test_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is read once, and again when it changed or somebody asked for it; gone is gone."""
    file = write(tmp_path / "config.json", login("one"))
    provider = DockerConfigCredentials([file], {})
    reads = []
    inner = type(file).open
    monkeypatch.setattr(
        "pathlib.Path.open", lambda self, *more, **named: reads.append(self) or inner(self, *more, **named)
    )
    assert user_of(provider) == user_of(provider) == "one"
    assert len(reads) == 1
    write(file, login("other"))
    reads.clear()
    assert user_of(provider) == user_of(provider) == "other"
    assert len(reads) == 1
    before = file.stat()
    write(file, login("same!"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert user_of(provider) == "other"
    asyncio.run(provider.invalidate("ghcr.io"))
    assert user_of(provider) == "same!"
    file.unlink()
    assert user_of(provider) is None


# --- helpers


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def helper(folder: Path, name: str, text: str) -> dict[str, str]:
    """A helper that writes down what it was asked, and the environment in which it is found."""
    file = write(
        folder / f"docker-credential-{name}",
        f"#!/bin/sh\necho $1 $(cat) >> {folder}/asked\n{text}\n".encode(),
    )
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def asked(folder: Path) -> list[str]:
    """What helpers were asked."""
    file = folder / "asked"
    return file.read_text().splitlines() if file.exists() else []


def answer(user: str = "octocat", secret: str = SECRET) -> str:
    return "echo '" + json.dumps({"ServerURL": "x", "Username": user, "Secret": secret}) + "'"


NOT_FOUND = "echo credentials not found in native keychain; exit 1"


@needs_sh
def test_helper(tmp_path: Path) -> None:
    """The store is asked for the host, and Docker Hub's by docker's old key."""
    environ = helper(tmp_path, "store", answer())
    provider = in_variable({"credsStore": "store", "auths": {"ghcr.io": {}}}, **environ)
    found = find(provider)
    assert found is not None
    assert (found.username, found.password.get_secret_value()) == ("octocat", SECRET)
    for registry in ("localhost:5000", "docker.io"):
        assert user_of(provider, registry) == "octocat"
    assert asked(tmp_path) == ["get ghcr.io", "get localhost:5000", "get https://index.docker.io/v1/"]


@needs_sh
def test_which_helper(tmp_path: Path) -> None:
    """A registry's own helper comes before the store, the store before `auths`; an empty name means the file."""
    environ = helper(tmp_path, "own", answer("own")) | helper(tmp_path, "store", answer("store"))
    document = {
        "credHelpers": {"https://ghcr.io": "own", "quay.io": ""},
        "credsStore": "store",
        "auths": {name: {"auth": auth("file")} for name in ("ghcr.io", "quay.io", "other.example")},
    }
    provider = in_variable(document, **environ)
    assert [user_of(provider, name) for name in ("ghcr.io", "other.example", "quay.io")] == [
        "own",
        "store",
        "file",
    ]


@needs_sh
def test_helper_has_nothing(tmp_path: Path) -> None:
    """Where the helper has nothing, the file's own entry counts, and else the next source."""
    environ = helper(tmp_path, "store", NOT_FOUND) | {"HOME": str(tmp_path)}
    assert user_of(in_variable({"credsStore": "store"}, **environ)) is None
    assert user_of(in_variable({"credsStore": "store", **login("file")}, **environ)) == "file"
    write(tmp_path / ".docker/config.json", login("next"))
    assert user_of(in_variable({"credsStore": "store"}, **environ)) == "next"


@needs_sh
def test_identity_token_of_a_helper(tmp_path: Path) -> None:
    """The user `<token>` says that the secret is an identity token."""
    found = find(in_variable({"credsStore": "s"}, **helper(tmp_path, "s", answer("<token>", "refresh"))))
    assert found is not None
    assert found.identity_token is not None
    assert found.identity_token.get_secret_value() == "refresh"
    assert (found.username, found.password.get_secret_value()) == ("", "")


@needs_sh
@pytest.mark.parametrize(
    "text", [answer("", ""), answer("<token>", ""), "echo '{}'"], ids=["empty", "token", "no key"]
)
def test_an_empty_answer_is_none(tmp_path: Path, text: str) -> None:
    """A helper that says nothing has nothing."""
    assert find(in_variable({"credsStore": "s"}, **helper(tmp_path, "s", text))) is None


@needs_sh
def test_kept(tmp_path: Path) -> None:
    """An answer, also none, is kept for an hour; a refusal or a changed file ends that."""
    clock = Clock()
    environ = helper(tmp_path, "some", answer()) | helper(tmp_path, "none", NOT_FOUND)
    file = write(tmp_path / "config.json", {"credsStore": "some", "credHelpers": {"quay.io": "none"}})
    provider = DockerConfigCredentials([file], environ, clock=clock)

    def both() -> list[str]:
        before = len(asked(tmp_path))
        assert user_of(provider) == "octocat"
        assert user_of(provider, "quay.io") is None
        return asked(tmp_path)[before:]

    every = ["get ghcr.io", "get quay.io"]
    assert both() == every
    clock.now += KEEP_SECONDS - 1
    assert both() == []
    clock.now += 1
    assert both() == every
    asyncio.run(provider.invalidate("ghcr.io"))
    assert both() == every
    write(file, {"credsStore": "some", "credHelpers": {"quay.io": "none"}, "new": 1})
    assert both() == every


@needs_sh
def test_many_ask_at_once(tmp_path: Path) -> None:
    """However many ask at the same time, a helper runs once."""
    file = write(tmp_path / "config.json", {"credsStore": "some"})
    provider = DockerConfigCredentials([file], helper(tmp_path, "some", "sleep 0.1; " + answer()))

    async def scenario() -> set[Credentials | None]:
        return set(await asyncio.gather(*(provider.get_credentials("ghcr.io") for _ in range(20))))

    assert len(asyncio.run(scenario())) == 1
    assert asked(tmp_path) == ["get ghcr.io"]


FAILING = {
    "it says why": ("echo the keychain is locked; exit 1", "failed with exit code 1: the keychain is locked"),
    "it says nothing": ("exit 2", "failed with exit code 2"),
    "it fails with an answer": (answer() + "; exit 1", "failed with exit code 1"),
    "no JSON": (f"echo {SECRET}", "the answer of docker-credential-bad is damaged"),
    "a wrong type": (f'echo \'{{"Username":"u","Secret":["{SECRET}"]}}\'', "damaged at Secret"),
    "a user that cannot be sent": (answer("a:b"), "colons"),
}


@needs_sh
@pytest.mark.parametrize(("text", "says"), FAILING.values(), ids=FAILING)
def test_failing(tmp_path: Path, text: str, says: str) -> None:
    """A helper that fails is an error without its secret, and it is left alone for five seconds."""
    clock = Clock()
    file = write(tmp_path / "config.json", {"credsStore": "bad", **login()})
    provider = DockerConfigCredentials([file], helper(tmp_path, "bad", text), clock=clock)
    for wait, count in ((0, 1), (FAILURE_SECONDS - 1, 1), (1, 2)):
        clock.now += wait
        with pytest.raises(ConfigError, match=says) as caught:
            find(provider)
        assert SECRET not in str(caught.value)
        assert len(asked(tmp_path)) == count


@needs_sh
def test_it_hangs(tmp_path: Path) -> None:
    """A helper that does not end is killed and reported."""
    file = write(tmp_path / "config.json", {"credsStore": "slow"})
    provider = DockerConfigCredentials([file], helper(tmp_path, "slow", "exec sleep 60"), timeout=0.5)
    with pytest.raises(ConfigError, match=r"docker-credential-slow did not end within 0\.5 s"):
        find(provider)


def test_missing(tmp_path: Path) -> None:
    """A helper that is not installed is named, with what to do."""
    with pytest.raises(ConfigError, match=r"docker-credential-absent.*no such program: install it"):
        find(in_variable({"credsStore": "absent"}, PATH=str(tmp_path)))


@pytest.mark.parametrize("name", ["../evil", "a/b", "a b", "a;b", "$(x)", "a\nb", "é"], ids=repr)
def test_names_of_helpers(tmp_path: Path, name: str) -> None:
    """A name that is more than a name is refused before anything runs."""
    with pytest.raises(ConfigError, match="helper that is not one"):
        find(in_variable({"credHelpers": {"ghcr.io": name}}, PATH=str(tmp_path)))
