"""The examples in the client's docstrings run, and say what they print."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import ghcr_client
import pytest

HOME = Path(ghcr_client.__file__).parent
MODULES = [
    ".".join(file.relative_to(HOME).with_suffix("").parts)
    for file in sorted(HOME.rglob("*.py"))
    if ">>> " in file.read_text("utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    """Each example of a module gives what it shows; there is at least one."""
    done = doctest.testmod(importlib.import_module(f"ghcr_client.{name}"))
    assert done.attempted
    assert not done.failed
