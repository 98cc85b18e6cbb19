"""The projects in `examples/`: their own tests, with pytest-ghcr from its wheel and the rest from the index."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tools import program_path, require

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NAMES = ("async_service", "click_skopeo", "deploy_requests", "replayed")

pytestmark = [
    pytest.mark.skipif(
        not (ROOT / "ghcr_sim").is_dir(), reason="this is not a source tree: no wheel to build"
    ),
    pytest.mark.xdist_group("examples"),  # one worker has them all: one environment is made
]


def run(command: Sequence[str | Path], cwd: Path, timeout: float = 300) -> str:
    """Run a program without what this process's surroundings would lend it; what it said."""
    lent = {"PYTHONPATH", "PYTEST_ADDOPTS", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER"}
    env = {name: value for name, value in os.environ.items() if name not in lent}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**env, "PATH": program_path()},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def project(name: str) -> dict[str, list[str]]:
    """What a project depends on: with its tests, and at all."""
    said = tomllib.loads((EXAMPLES / name / "pyproject.toml").read_text("utf-8"))["project"]
    return {"test": said["optional-dependencies"]["test"], "all": said["dependencies"]}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel and what the projects depend on."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install '.[test]'")
    folder = tmp_path_factory.mktemp("examples")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    run([sys.executable, "-m", "venv", folder / "venv"], cwd=folder)
    python = folder / "venv" / "bin" / "python"
    words = {one for name in NAMES for some in project(name).values() for one in some} - {"pytest-ghcr"}
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    run([*pip, str(wheel), *sorted(words)], cwd=folder)
    return python


@pytest.mark.parametrize("name", NAMES)
def test_an_example(name: str, python: Path) -> None:
    """A project's tests pass with the wheel, and none is skipped; its code says `https://ghcr.io` and knows no fake."""
    if name == "click_skopeo":
        require("skopeo")
    for source in (EXAMPLES / name).glob("*.py"):
        code = source.read_text("utf-8")
        assert "ghcr.io" in code
        assert "127.0.0.1" not in code
        assert "pytest" not in code
    others = [] if any("asyncio" in one for one in project(name)["test"]) else ["-p", "no:asyncio"]
    words = ["-q", "-p", "no:cacheprovider", *others]
    said = run([python, "-B", "-m", "pytest", *words], cwd=EXAMPLES / name)
    assert " passed" in said
    assert "skipped" not in said


def test_every_example_is_run_and_listed() -> None:
    """There is no project that is not run here, and none that the README does not name."""
    there = {each.parent.name for each in EXAMPLES.glob("*/pyproject.toml")}
    assert there == set(NAMES)
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    assert {name for name in there if f"[{name}]({name})" not in readme} == set()
