"""What docs/cli.md shows is run as it stands, and says what it shows."""

from __future__ import annotations

import asyncio
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from client.cli.telling import ARGV, surroundings
from ghcr_client import GhcrClient
from ghcr_client.cli import cli
from ghcr_client.cli.exits import MEANINGS

from ghcr_sim import Simulator, ThreadServer
from ghcr_sim.auth import Accounts

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
PRINTED = "127.0.0.1:5000"


def page() -> str:
    """The page; the tests of an installed wheel may not have it."""
    if not PAGE.exists():
        pytest.skip("this is not a source tree: the documents are not here")
    return PAGE.read_text("utf-8")


def examples(text: str) -> Iterator[tuple[str, str]]:
    """Each command of the console blocks, and what it prints."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def pattern(output: str) -> str:
    """What is printed, with `...` for anything on a line."""
    return ".*?".join(map(re.escape, output.split("...")))


@pytest.fixture
def served() -> Iterator[ThreadServer]:
    """What `ghcr-sim serve` serves: any login works."""
    with ThreadServer(Simulator(accounts=Accounts(open_house=True))) as server:
        yield server


async def lay_out(layout: Path) -> None:
    """A layout for two platforms."""
    simulator = Simulator()
    with ThreadServer(simulator) as server:
        simulator.seed(
            "acme/app:v1", platforms=["linux/amd64", "linux/arm64"], layers=[{"a": bytes(range(256)) * 40}]
        )
        async with GhcrClient(registry=server.url, token=simulator.token) as client:
            await client.pull_image("acme/app:v1", layout)


def test_each_example_does_what_it_shows(served: ThreadServer, home: Path, tmp_path: Path) -> None:
    """The console examples of docs/cli.md, one after another in one shell, print what the page shows."""
    shown = list(examples(page()))
    assert len(shown) > 15
    asyncio.run(lay_out(tmp_path / "app"))
    program = tmp_path / "bin" / "ghcr"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(ARGV)} "$@"\n')
    program.chmod(0o755)
    env = surroundings(home)
    env["PATH"] = f"{program.parent}:{env['PATH']}"
    mark = "--- next ---"
    script = f"\necho '{mark}'\n".join(words.replace(PRINTED, served.host) for words, _ in shown)
    done = subprocess.run(
        ["sh", "-c", f"exec 2>&1\n{script}"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = [part.lstrip("\n") for part in done.stdout.replace(served.host, PRINTED).split(mark)]
    assert len(said) == len(shown), done.stdout
    for (words, output), printed in zip(shown, said, strict=True):
        assert re.fullmatch(pattern(output.rstrip("\n")), printed.rstrip("\n")), f"$ {words}\n{printed}"


def test_the_page_has_each_command_and_exit_code() -> None:
    """No command and no exit code is missing on the page."""
    text = page()
    assert not [name for name in cli.commands if not re.search(rf"`{name}\b|\$ ghcr (\S+ )?{name}\b", text)]
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", text, re.MULTILINE)
    assert rows == [(str(int(code)), said) for code, said in MEANINGS.items()]


def test_links_lead_somewhere() -> None:
    """A link to a file of ours leads to a file."""
    if not (PAGE.parents[1] / "client").is_dir():
        pytest.skip("this is not a source tree: the packages' sources are not here")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page()):
        assert (PAGE.parent / target).exists(), target
