"""`--ghcr-record=new`: a test that asks for what its cassette does not have is run again, and recorded.

The first run is forgotten, as pytest's rerun plugins do it; with `new`, those plugins are not asked. It knows no
cassette.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from _pytest.runner import runtestprotocol

if TYPE_CHECKING:
    import pytest

__all__ = ["run_again"]


def run_again(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test, and once more where that is needed.

    Returns:
        True where it was run here; None where pytest is to run it.
    """
    from pytest_ghcr.per_test import MISSED  # noqa: PLC0415 - it imports the fake
    from pytest_ghcr.settings import record_of  # noqa: PLC0415 - the same

    if record_of(item.config) != "new" or item.stash.get(MISSED, False):
        return None
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if item.stash.get(MISSED, False):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
