"""The garbage collector, told to wait while a cassette is built up: it would look through all of it again and again.

What a cassette is made of has no cycles, so that nothing would be found: for 10,000 exchanges that takes more time
than reading them does.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["collector_waits"]


@contextmanager
def collector_waits() -> Iterator[None]:
    """Collect nothing meanwhile; whoever had switched it off finds it off."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
