"""docs/recording.md, as it stands there: its commands run, of the fake in place of ghcr.io, and what it lists is so."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from pathlib import Path

import pytest
from clients.content import write_layout
from clients.setting import NAME, Home
from ghcr_client import GhcrClient
from tools import require, require_name

from ghcr_sim.cassette import load
from ghcr_sim.cassette.addresses import API_HOST
from ghcr_sim.commands.record import environment
from ghcr_sim.registry.storage import GHCR_STORAGE
from ghcr_sim.threads import ThreadServer

PAGE = Path(__file__).parents[3] / "docs" / "recording.md"
pytestmark = [
    pytest.mark.clients,
    pytest.mark.skipif(not PAGE.exists(), reason="this is not a source tree: the pages are not here"),
]

DEPLOY = """\
#!/bin/sh
set -e
crane auth login -u octocat -p "$GHCR_TOKEN" "${1%%/*}"
crane push "$LAYOUT" "$1"
crane tag "$1" latest
"""
"""What `./deploy.sh` of the page may be."""

AFTER = {
    "cassette show": r"pull\.jsonl: \d+ exchanges with http://.*; sealed\n[^$]*manifest\.get",
    "scan tests/cassettes": r"^nothing that looks like a secret\n$",
    "verify tests/cassettes/pull.jsonl": r"\b[1-9]\d* same, 0 different",
    "verify --live": r"\b[1-9]\d* same, 0 different",
}
"""How a command begins → what it says where all is well."""


def page() -> str:
    """The page."""
    return PAGE.read_text("utf-8")


def commands(heading: str) -> list[str]:
    """The commands of a section, without `$ `."""
    section = page().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\$ (.*)$", section, re.MULTILINE)


@pytest.fixture
def home(tmp_path, ghcr):
    """A project with a script that deploys, and its owner's environment."""
    require("crane")
    home = Home.make(tmp_path)
    home.path("deploy.sh").write_text(DEPLOY)
    home.path("deploy.sh").chmod(0o755)
    home.env.pop("NO_PROXY")
    layout = write_layout(tmp_path / "layout")
    home.env.update(LAYOUT=str(layout.path), GHCR_TOKEN=ghcr.token, GHCR_LIVE_TOKEN=ghcr.token)
    return home


def typed(home, line, *more):
    """Run a line of the page; more options come behind its verb."""
    words = shlex.split(line)
    assert words[0] == "ghcr-sim"
    done = home.run(sys.executable, "-m", "ghcr_sim", words[1], *more, *words[2:], check=False)
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done


def test_a_deployment_by_the_forward_door(home, ghcr, authority):
    """The first command: the script knows nothing of a recorder, and names the registry itself."""
    line = commands("Record")[0]
    assert "--door forward -- ./deploy.sh ghcr.io/me/app:v1" in line
    require_name(NAME)
    home.path("ca.crt").write_bytes(authority.pem)
    with ThreadServer(ghcr.simulator, tls=authority.server_context(NAME, GHCR_STORAGE)) as server:
        here = f"{NAME}:{server.port}"
        options = ["--upstream", f"https://{here}", "--ca-file", "ca.crt"]
        said = typed(home, line.replace("ghcr.io/", f"{here}/"), *options).stderr
    assert "tests/cassettes/deploy.jsonl: " in said
    assert "refused: " not in said
    cassette = load(home.path("tests/cassettes/deploy.jsonl"))
    pushed = {each.reference for each in cassette.exchanges if each.operation == "manifest.put"}
    assert pushed == {"v1", "latest"}
    assert ghcr.token.encode() not in cassette.path.read_bytes()


def test_a_pull_by_the_open_door_and_all_that_is_done_afterwards(home, ghcr):
    """The second command, and each of the section "After"."""
    ghcr.seed("me/app:v1", visibility="public")
    _, line = commands("Record")
    typed(home, line, "--upstream", ghcr.url)
    assert home.path("app.tar").exists()
    after = commands("After")
    assert len(after) == len(AFTER)
    for line, (begin, said) in zip(after, AFTER.items(), strict=True):
        assert line.startswith(f"ghcr-sim {begin}")
        # The page's is ghcr.io, which the token goes to without being named.
        done = typed(home, line, *(["--upstream", ghcr.url] if "--live" in line else []))
        assert re.search(said, done.stdout + done.stderr), (line, done.stdout, done.stderr)


def test_the_client_records_by_itself(home, ghcr, monkeypatch):
    """What the page says of a test: the client makes the cassette when it is closed."""
    assert 'GhcrClient(simulation="record", simulation_path="pull.jsonl")' in page()
    ghcr.seed("me/app:v1", visibility="public")
    monkeypatch.setenv("GHCR_REGISTRY", ghcr.url)
    monkeypatch.chdir(home.root)

    async def pull():
        async with GhcrClient(simulation="record", simulation_path="pull.jsonl") as client:
            await client.pull_manifest("me/app:v1")

    asyncio.run(pull())
    assert "manifest.get" in {each.operation for each in load(home.path("pull.jsonl")).exchanges}


def test_every_command_of_the_page_is_run_here():
    """There is none outside of the two sections."""
    assert (
        len(re.findall(r"^\$ ", page(), re.MULTILINE))
        == len(commands("Record")) + len(commands("After"))
        == 6
    )


def test_what_is_listed_is_set_and_taken_over():
    """The variables of the table are in a command's environment; the hosts are those that the door takes over."""
    table = page().partition("\n## Clients\n")[2].partition("\n## ")[0]
    names = set(re.findall(r"`([A-Z_]{6,})`", table))
    assert names - environment("http://127.0.0.1:1", Path("ca.crt")).keys() == set()
    assert len(names) >= 6
    (taken,) = re.findall(r"The forward door takes over (.*?), and refuses", page(), re.DOTALL)
    assert set(re.findall(r"`([^`]+)`", taken)) == {"ghcr.io", GHCR_STORAGE, API_HOST}
