"""The strict profile, asked without a socket."""

from __future__ import annotations

import pytest
from asking import Fake


@pytest.fixture
def oci() -> Fake:
    """An empty registry with the strict profile, asked by somebody who may do everything."""
    return Fake()
