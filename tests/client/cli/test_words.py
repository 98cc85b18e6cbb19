"""What is typed: help, wrong words, the options that stand everywhere, the secrets that are never shown."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from client.cli.telling import run, surroundings
from ghcr_client.cli import cli
from ghcr_client.cli.exits import MEANINGS
from ghcr_client.cli.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from client.cli.telling import Told
    from client.peers import Peer

COMMANDS = sorted(cli.commands)


def test_help_names_everything(told: Callable[..., Told]) -> None:
    """`ghcr --help` lists commands, options and exit codes."""
    status, out, err = told("--help")
    assert (status, err) == (0, "")
    words = "--registry --username --token-stdin --ca-file --json --verbose --quiet --version"
    assert all(word in out for word in [*words.split(), *COMMANDS, *MEANINGS.values()])


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(told: Callable[..., Told], name: str) -> None:
    """Each command says what it does, and not all global options again."""
    status, out, _ = told(name, "-h")
    assert status == 0
    assert "--token-stdin" not in out


def test_version(told: Callable[..., Told]) -> None:
    """`--version` says which one it is."""
    status, out, _ = told("--version")
    assert status == 0
    assert re.fullmatch(r"ghcr, version \d+\.\d+\.\d+\S*\n", out)


@pytest.mark.parametrize("words", [["--help"], ["pull", "--help"], ["blob", "get", "--help"], ["nonsense"]])
def test_help_costs_next_to_nothing(words: list[str]) -> None:
    """Help and wrong words load no HTTP and no models: they are there at once."""
    code = (
        "import sys; from ghcr_client.cli import main; sys.argv = ['ghcr', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('loaded:', *({'aiohttp', 'pydantic', 'asyncio', 'yarl', 'tenacity'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"


WRONG: dict[str, tuple[list[str], str]] = {
    "no command": ([], "Usage"),
    "unknown command": (["tgas"], "No such command 'tgas'"),
    "unknown option": (["tags", "--patern", "x"], "--patern"),
    "a token as an argument": (["--token", "x", "tags", "a/b"], "No such option '--token'"),
    "no repository": (["tags"], "Missing argument 'REPO'"),
    "empty": (["tags", ""], "an empty text is no reference"),
    "no owner": (["tags", "app"], "it has no owner"),
    "upper case": (["digest", "Acme/app"], "'acme/app' may be meant"),
    "a scheme": (["digest", "https://ghcr.io/a/b"], "leave out 'https://'"),
    "no such digest": (["blob", "exists", "a/b", "sha256:12"], "sha256"),
    "no such tag": (["tag", "a/b:1", "-x"], "No such option"),
    "a tag that is none": (["tag", "a/b:1", "x y"], "invalid tag"),
    "no tag": (["tag", "a/b:1"], "Missing argument 'TAG..."),
    "no such platform": (["pull", "a/b", "x", "--platform", "arm"], "it is written os/architecture"),
    "no such format": (["pull", "a/b", "x", "--format", "zip"], "oci-archive"),
    "nothing to push": (["push", "absent", "a/b"], "absent"),
    "no CA": (["--ca-file", "absent.crt", "tags", "a/b"], "absent.crt"),
    "no registry": (
        ["--registry", "http://registry.example", "tags", "a/b"],
        "plain HTTP is for loopback only",
    ),
    "no registry at all": (["--registry", "", "tags", "a/b"], "registry"),
    "a name without a token": (
        ["--username", "me", "tags", "a/b"],
        "--username means nothing without a token",
    ),
    "no token on stdin": (["--token-stdin", "tags", "a/b"], "no token came from stdin"),
    "two for stdin": (["--token-stdin", "blob", "put", "a/b", "-"], "both the token and the blob"),
    "two for stdout": (["blob", "get", "a/b", "sha256:" + "0" * 64, "--json"], "both want stdout"),
    "two things": (["inspect", "a/b", "--raw", "--config"], "choose one"),
    "nobody to answer": (["delete", "a/b:1"], "add --yes"),
    "a directory as a file": (["blob", "get", "a/b", "sha256:" + "0" * 64, "."], "is a directory"),
    "an archive as a directory": (["pull", "a/b", ".", "--format", "oci-archive"], "is a directory"),
    "an archive nowhere": (["pull", "a/b", "no/where.tar", "--format", "oci-archive"], "no is not there"),
}


@pytest.mark.parametrize(("words", "wanted"), WRONG.values(), ids=WRONG)
def test_wrong_words(told: Callable[..., Told], words: list[str], wanted: str) -> None:
    """Wrong words are one line that says what is wrong, and 2; nothing is sent."""
    status, out, err = told(*words)
    assert status == 2
    assert out == "" or "--json" in words
    assert wanted in out + err
    if words and "--json" not in words:
        assert len(err.splitlines()) == 1
        assert err.startswith("ghcr")


@pytest.mark.parametrize("words", [["tgas"], ["tags"], ["tags", "app"], ["--registry", "", "tags", "a/b"]])
def test_wrong_words_as_json(told: Callable[..., Told], words: list[str]) -> None:
    """With `--json`, wrong words are a document on stdout, and still 2."""
    status, out, err = told("--json", *words)
    error = json.loads(out)["error"]
    assert (status, err, error["exit_code"]) == (2, "", 2)
    assert error["message"]
    assert error["type"]


def test_json_behind_two_hyphens_is_a_word(told: Callable[..., Told]) -> None:
    """What follows `--` is no option."""
    status, out, err = told("tags", "--", "--json")
    assert (status, out) == (2, "")
    assert "invalid" in err


def test_an_error_in_a_shell(home: Path) -> None:
    """The same, as a shell sees it: one line, no traceback, no warning."""
    status, out, err = run("digest", "Acme/app", env=surroundings(home))
    assert (status, out) == (2, b"")
    assert err == (
        "ghcr: invalid repository name 'Acme/app': it must be lower case; 'acme/app' may be meant\n"
    )


@pytest.mark.parametrize(
    "words", [["--json", "tags", "{a}"], ["tags", "--json", "{a}"], ["tags", "{a}", "--json"]]
)
def test_global_options_stand_anywhere(
    told: Callable[..., Told], fake_ghcr: Peer, repository: str, words: list[str]
) -> None:
    """An option of `ghcr` is taken before the command and behind it."""
    fake_ghcr.simulator.seed(f"{repository}:v1")
    status, out, _ = told(*(word.format(a=repository) for word in words), peer=fake_ghcr)
    assert status == 0
    assert json.loads(out) == {"repository": fake_ghcr.ref(repository), "tags": ["v1"]}


def test_global_options_reach_a_group(told: Callable[..., Told], fake_ghcr: Peer) -> None:
    """They are taken in the middle of `ghcr blob exists`, too; what stands last holds."""
    digest = "sha256:" + "0" * 64
    words = [
        "--registry",
        "ghcr.io",
        "blob",
        "--json",
        "exists",
        "acme/app",
        digest,
        "--registry",
        fake_ghcr.url,
    ]
    fake_ghcr.simulator.seed("acme/app:v1")
    status, out, _ = told(*words, peer=fake_ghcr)
    assert (status, json.loads(out)) == (3, {"digest": digest, "exists": False})


def test_the_token_comes_from_stdin(told: Callable[..., Told], fake_ghcr: Peer) -> None:
    """`--token-stdin` reads it once, also where a command asks twice."""
    fake_ghcr.simulator.seed("acme/app:v1")
    words = ["--token-stdin", "delete", "acme/app:v1", "--yes"]
    status, _, err = told(*words, peer=fake_ghcr, stdin=f"{fake_ghcr.token}\n", GHCR_TOKEN=None)
    assert status == 8, err
    assert "405" in err


def test_other_registries_on_loopback_are_plain(
    told: Callable[..., Told], fake_ghcr: Peer, fake_oci: Peer
) -> None:
    """Where `--registry` is plain HTTP, a full name on loopback is asked so, too, and gets no token of the other."""
    fake_oci.simulator.seed("acme/app:v1", visibility="public")
    status, out, err = told("tags", fake_oci.ref("acme/app"), peer=fake_ghcr)
    assert (status, out) == (0, "v1\n"), err
    assert fake_ghcr.simulator.requests() == []


@pytest.mark.parametrize(
    "words", [["tags", "acme/app"], ["tags", "acme/absent"], ["login-check", "acme/app"]]
)
@pytest.mark.parametrize("how", [["-v"], ["-v", "--json"]], ids=["lines", "json"])
def test_nothing_shows_a_secret(
    told: Callable[..., Told], fake_ghcr: Peer, words: list[str], how: list[str]
) -> None:
    """Neither what is printed nor what is logged holds the token, plain or in base64, or a bearer."""
    fake_ghcr.simulator.seed("acme/app:v1")
    _, out, err = told(*how, *words, peer=fake_ghcr)
    assert fake_ghcr.token
    assert "GET http" in err
    assert "200 in" in err or "404 in" in err
    assert not re.search(rf"{fake_ghcr.token}|Bearer [^*]|Basic [^*]|Z2hw", out + err)
    assert repr(Options(token_stdin=True, _token="secret")).count("secret") == 0


def test_no_traceback_at_an_unwritable_stdout(home: Path) -> None:
    """A full disk is one line and 1."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "ghcr_client.cli", "--version"],
            env=surroundings(home),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "ghcr: No space left on device\n"
