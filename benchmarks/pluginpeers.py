"""The Python that has pytest, our plugin and the others: made once a run, or kept where `GHCR_BENCHMARK_VENV` says.

What is there is used as it is: whoever keeps it and changes the plugin removes it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from measure import Failed

__all__ = ["OLDER", "peers_python"]

ROOT = Path(__file__).parent.parent
PACKAGES = ("pytest>=9", "pytest-asyncio", "aioresponses", "aresponses", "vcrpy", "pytest-httpserver")
OLDER = "older"
"""The folder, in that environment, of the aiohttp that aioresponses 0.7 still works with."""

_OLDER_AIOHTTP = "aiohttp<3.14"


def _pip(python: Path, *words: str) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise Failed(f"not measured: pip install {' '.join(words)}: {done.stderr.strip()[-200:]}")


def peers_python(folder: Path) -> Path:
    """The Python of the environment, which is made if it is not there.

    Args:
        folder: Where it is made, unless it is to be kept.

    Raises:
        Failed: The package index did not give what is needed.
    """
    venv = Path(os.environ.get("GHCR_BENCHMARK_VENV") or folder / "peers")
    python, done = venv / "bin" / "python", venv / "done"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=300)
        _pip(python, str(ROOT), *PACKAGES)
        _pip(python, "--target", str(venv / OLDER), _OLDER_AIOHTTP)
        done.touch()
    return python
