"""What the tests of the stores share: a directory, and a store in it."""

import pytest

from ghcr_sim.store import DirectoryStore

# Failures inside the contract show their values, too.
pytest.register_assert_rewrite("store.contract", "store.content")


@pytest.fixture
def root(tmp_path):
    """The directory of `store`."""
    return tmp_path / "registry"


@pytest.fixture
def store(root):
    """A store in a directory, open for the length of a test."""
    store = DirectoryStore(root)
    yield store
    store.close()
