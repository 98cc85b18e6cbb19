"""What the documentation shows is run as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ghcr_sim.auth import load_accounts

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", [0, 1])
def test_the_example_tests_pass_as_printed(pytester: pytest.Pytester, number: int) -> None:
    """The README's tests are tests that pass."""
    pytester.makepyfile(blocks(README, "python")[number])
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


def test_the_python_example_runs_as_printed() -> None:
    """The README's script prints an address and a token."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", blocks(README, "python")[2]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+ ghp_[0-9a-z]{36}\n", done.stdout)


def test_the_demo_shows_the_main_job() -> None:
    """`ghcr-sim demo` pushes and pulls a two-platform image, and shows what GHCR refuses."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "ghcr_sim", "demo"], capture_output=True, text=True, check=True
    )
    assert "every digest verified" in done.stdout
    assert "linux/amd64, linux/arm64" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines() if "manifest.delete" in line] == ["405"]
    assert [line.split()[0] for line in done.stdout.splitlines() if "upload.patch" in line] == ["416"]


def test_there_are_exactly_two_commands() -> None:
    """The README promises two commands that need Python alone; what runs them finds them by their marks."""
    assert re.findall(r"<!-- ci: (\w+) -->\n```console\n(?:.*)\n```", README) == ["demo", "test"]


def test_the_credentials_example_is_read(tmp_path: Path) -> None:
    """The file in docs/credentials.md is one that the command takes."""
    example = blocks((ROOT / "docs" / "credentials.md").read_text("utf-8"), "toml")[0]
    assert tomllib.loads(example)["credential"]
    path = tmp_path / "credentials.toml"
    path.write_text(example, "utf-8")
    assert load_accounts(path).find("ghs_made_up_too") is not None


@pytest.mark.parametrize("page", ["README.md", "docs/credentials.md"])
def test_links_lead_somewhere(page: str) -> None:
    """A link to a file of ours leads to a file."""
    source = ROOT / page
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", source.read_text("utf-8")):
        assert (source.parent / target).exists(), target
