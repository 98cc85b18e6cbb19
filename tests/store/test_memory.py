"""The store in memory keeps the contract."""

import subprocess
import sys

import pytest
from store.contract import StoreContract

from ghcr_sim import store
from ghcr_sim.store import Store


class TestStore(StoreContract):
    @pytest.fixture
    def store(self):
        return Store()


class TestFork(StoreContract):
    @pytest.fixture
    def store(self):
        return Store().fork().fork()


def test_memory_costs_no_other_store():
    """Importing the store in memory leaves the modules for files alone, until one of them is named."""
    code = (
        "import sys, ghcr_sim.store as store\n"
        "assert 'ghcr_sim.store.files' not in sys.modules\n"
        "assert store.DirectoryStore and store.OverlayStore\n"
        "assert 'filelock' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = store.Nothing
