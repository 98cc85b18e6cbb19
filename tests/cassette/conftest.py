"""Recorders that a test has left open are closed after it."""

from __future__ import annotations

import pytest
from cassette import making


@pytest.fixture(autouse=True)
def _closed():
    """Close all parts."""
    yield
    while making.OPEN:
        making.OPEN.pop().close()
