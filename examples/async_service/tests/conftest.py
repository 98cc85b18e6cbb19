"""What the service's tests share."""

import pytest
from service import Mirror


@pytest.fixture
async def mirror(ghcr, monkeypatch):
    """An empty mirror that is logged in."""
    monkeypatch.setenv("GHCR_TOKEN", ghcr.token)
    async with Mirror() as mirror:
        yield mirror
