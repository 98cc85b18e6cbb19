"""What the script's tests share."""

import pytest


@pytest.fixture(autouse=True)
def login(ghcr, monkeypatch):
    """The script is logged in as the one who is let in here."""
    monkeypatch.setenv("GHCR_TOKEN", ghcr.token)
