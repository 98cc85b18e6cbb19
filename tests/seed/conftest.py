"""What several of these tests begin with."""

from __future__ import annotations

import pytest
from seed.layout_files import layout_files

from ghcr_sim.seed import seed
from ghcr_sim.store import Store


@pytest.fixture
def files() -> dict[str, bytes]:
    """The files of a layout with the image `ghcr.io/acme/app:v1`."""
    store = Store()
    seed(store, "acme/app:v1", layers=[b"content"], annotations={"a": "b"})
    return layout_files(store, "acme/app", full_names=True)
