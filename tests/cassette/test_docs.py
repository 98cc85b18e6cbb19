"""docs/cassettes.md: its Python runs and prints what is meant, its commands run, and what it lists is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import ghcr_fixtures
import pytest
from cassette.making import recording

from ghcr_sim.cassette.parts import merging
from ghcr_sim.cassette.pool import Pool

PAGE = Path(__file__).parents[2] / "docs" / "cassettes.md"
SCRIPT = Path(__file__).parents[2] / "fixtures" / "make_cassettes.py"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="this is not a source tree: the pages are not here")

PRINTED = {0: "linux/amd64, linux/arm64", 1: "100"}
"""Block → how its output begins."""


def blocks(language: str) -> list[str]:
    """The page's blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", PRINTED)
def test_python(number: int) -> None:
    """Each block of Python runs, without a warning, and prints what it is about."""
    code = blocks("python")[number]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(PRINTED[number])


def test_commands(tmp_path: Path) -> None:
    """The commands that look at a cassette run on one."""
    source = ghcr_fixtures.path("cassettes/pull_manifest.jsonl")
    (tmp_path / "app.jsonl").write_bytes(source.read_bytes())
    (tmp_path / "pool").symlink_to(source.parent / "pool")
    lines = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
    looked = [line for line in lines if not re.search(r"crane", line)]
    assert len(looked) == 5
    for line in looked:
        words = [sys.executable, "-m", *shlex.split(line)]
        words[2] = "ghcr_sim"
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, (line, done.stdout, done.stderr)


def test_what_comes_along() -> None:
    """Each cassette that is installed stands on the page."""
    text = PAGE.read_text("utf-8")
    installed = [Path(name).name for name in ghcr_fixtures.names() if name.endswith(".jsonl")]
    assert installed
    assert not [name for name in installed if name not in text]


def test_git_ignores_what_is_hidden(tmp_path: Path) -> None:
    """The lines for .gitignore match all that recorders write beside cassettes, and no cassette, body or index."""
    target, pool = tmp_path / "a.jsonl", Pool.beside(tmp_path / "a.jsonl")
    begun = recording(target)
    writer = pool.writer()
    pool.list_manifest({"digest": "sha256:0"}, "a")
    with merging(target):
        hidden = {each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob(".*")}
    hidden |= {f".a.jsonl.{begun._part.path.stem}.new", ".a.jsonl.rehearsal", "pool/.index.json.x"}
    begun.discard()
    writer.discard()
    (lines,) = blocks("gitignore")
    assert len(hidden) == 8
    for name in (*hidden, "a.jsonl", "pool/index.json", "pool/oci-layout", "pool/blobs/sha256/0"):
        folder, _, last = f"/{name}".rpartition("/")
        found = [each for each in lines.split() if fnmatch(last, each.removeprefix(f"**{folder}/"))]
        assert bool(found) == (name in hidden), name


@pytest.mark.parametrize(
    "name", [name for name in ghcr_fixtures.names() if name.endswith(".jsonl") and "incidents" not in name]
)
def test_the_fake_agrees(name: str) -> None:
    """The fake answers as each cassette says that GHCR did; no exchange differs."""
    words = [sys.executable, "-m", "ghcr_sim", "verify", str(ghcr_fixtures.path(name))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not SCRIPT.exists(), reason="this is not a source tree: the script is not here")
def test_they_are_what_their_script_makes(tmp_path) -> None:
    """The cassettes that are installed, byte for byte: nobody has edited one, and the recordings come out the same."""
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path / "made")], check=True, timeout=120)
    made = {
        file.relative_to(tmp_path / "made").as_posix(): file.read_bytes() for file in files(tmp_path / "made")
    }
    kept = [name for name in ghcr_fixtures.names() if name.startswith("cassettes/")]
    assert sorted(made) == [name.removeprefix("cassettes/") for name in kept]
    assert [
        name for name in kept if ghcr_fixtures.path(name).read_bytes() != made[name[len("cassettes/") :]]
    ] == []


def files(folder: Path) -> list[Path]:
    """All files below a directory."""
    return [each for each in folder.rglob("*") if each.is_file()]
