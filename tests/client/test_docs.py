"""docs/client.md and the README on the client: what they show runs, and their tables are what the code says."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from client.showing import blocks, operations, run_example
from ghcr_client import GhcrClient, GhcrConfig, errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from client.peers import Peer

ROOT = Path(__file__).parents[2]
if not (ROOT / "docs").is_dir():
    pytest.skip("docs/ is not here: this is not a source tree", allow_module_level=True)
PAGE = (ROOT / "docs" / "client.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
CODE = {
    **{f"client.md:{line}": (profile, code) for line, profile, code in blocks(PAGE, "python")},
    **{
        f"README.md:{line}": (profile, code)
        for line, profile, code in blocks(README, "python")
        if "ghcr_client" in code
    },
}


@pytest.mark.usefixtures("_ghcr_background")
@pytest.mark.parametrize("place", CODE)
def test_an_example_runs_and_shows_what_it_says(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A block runs as it is printed, and shows what its comments say."""
    profile, code = CODE[place]
    run_example(code, profile, tmp_path, monkeypatch)
    assert not capsys.readouterr().err


def test_the_readme_shows_the_client() -> None:
    """The README has an example of the client."""
    assert any(place.startswith("README") for place in CODE)


COMMANDS = re.findall(r"^\$ (ghcr .*)$", README, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_runs(command: str, fake_ghcr: Peer, tmp_path: Path) -> None:
    """A command runs as it is printed, with the fake for both registries."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1", platforms=["linux/amd64", "linux/arm64"])
    words = shlex.split(command.replace("registry.example/acme/", f"{fake_ghcr.host}/other/"))[1:]
    told = {"GHCR_REGISTRY": fake_ghcr.url, "GHCR_TOKEN": fake_ghcr.token or "", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "ghcr_client.cli", *words],
        env=os.environ | told,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout != "") == (0, True), done.stderr


def test_the_readme_shows_the_command() -> None:
    """The README has examples of the command."""
    assert COMMANDS


@pytest.mark.parametrize("name", operations(GhcrClient))
def test_an_operation_has_its_example(name: str) -> None:
    """Below the heading of an operation is an example of it."""
    section = re.search(rf"^### `{name}`\n(.*?)^##", PAGE, re.MULTILINE | re.DOTALL)
    assert section, f"docs/client.md has no heading for {name}"
    assert any(f"client.{name}(" in code for _, _, code in blocks(section[1], "python"))


def test_no_operation_is_made_up() -> None:
    """Each heading that names an operation names one that exists."""
    assert set(re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)) == set(operations(GhcrClient))


def rows(heading: str) -> list[str]:
    """The rows of the first table below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\|.*\|$", section, re.MULTILINE)[2:]


def described() -> dict[str, tuple[str, str]]:
    """Setting → its words and its variable, in the docstring of `GhcrConfig`."""
    doc = (inspect.getdoc(GhcrConfig) or "").partition("Attributes:\n")[2].partition("\n\n")[0]
    joined = re.sub(r"\n {8}", " ", doc)
    found = re.findall(r"^    (\w+): (.*) `(GHCR_\w+)`(.*)$", joined, re.MULTILINE)
    return {name: (text.rstrip(".") + rest.rstrip("."), variable) for name, text, variable, rest in found}


def settings_rows() -> Iterator[str]:
    """The table of settings, as the code has it."""
    words = described()
    for name, field in GhcrConfig.model_fields.items():
        text, variable = words[name]
        value = field.get_default(call_default_factory=True)
        default = (
            "" if value is None or value == {} else f"`{str(value).lower() if value is False else value}`"
        )
        yield f"| `{name}` | `{variable}` | {default} | {text} |"


def error_rows() -> Iterator[str]:
    """The table of errors, as the code has it."""
    for name, kind in vars(errors).items():
        if name in errors.__all__ and issubclass(kind, Exception):
            first = (inspect.getdoc(kind) or "").splitlines()[0].rstrip(".")
            yield f"| `{name}` | `{kind.__mro__[1].__name__}` | {first} |"


def test_the_settings_are_those_of_the_code() -> None:
    """Each setting has a row with its variable, its default, and its docstring's words."""
    assert rows("Settings") == list(settings_rows())


@pytest.mark.parametrize("name", GhcrConfig.model_fields)
def test_a_variable_sets_its_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that the table names is the one that is read."""
    values = {
        "simulation": "replay",
        "endpoints": '{"a": "https://b.example"}',
        "throttle_threshold": "0.5",
        "registry": "quay.io",
        "api_base": "https://api.example",
    }
    before = getattr(GhcrConfig(), name)
    monkeypatch.setenv(described()[name][1], values.get(name, "1"))
    assert getattr(GhcrConfig(), name) not in (before, None)


def test_the_errors_are_those_of_the_code() -> None:
    """Each error has a row with its base and its docstring's words."""
    assert rows("Errors") == list(error_rows())


def test_links_lead_somewhere() -> None:
    """A link to a file of ours leads to a file."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
