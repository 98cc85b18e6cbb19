"""What the tool's tests share."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "images.py"


@pytest.fixture
def images(ghcr_env):
    """Run the tool as people do: in a process of its own, which starts skopeo."""

    def run(*words):
        command = [sys.executable, str(TOOL), *words]
        return subprocess.run(command, env=ghcr_env, capture_output=True, text=True, timeout=60, check=False)

    return run
