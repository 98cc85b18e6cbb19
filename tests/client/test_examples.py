"""The examples in the client's docstrings run, and say what they print."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = [
    "advice",
    "answers",
    "digests",
    "errors",
    "manifests",
    "masking",
    "models",
    "platforms",
    "ranges",
    "refs",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    """Each example of a module gives what it shows; there is at least one."""
    done = doctest.testmod(importlib.import_module(f"ghcr_client.{name}"))
    assert done.attempted
    assert not done.failed
