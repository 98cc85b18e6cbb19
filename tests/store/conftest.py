"""Failures inside the contract show their values, too."""

import pytest

pytest.register_assert_rewrite("store.contract", "store.content")
