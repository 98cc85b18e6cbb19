"""Time and chance, as one thing that a test can replace, so that no test waits.

It knows nothing of registries.
"""

from __future__ import annotations

import asyncio
import random
import time

__all__ = ["Clock"]


class Clock:
    """This machine's time, its sleep and its dice."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait.

        Args:
            seconds: How long; 0 lets others run.
        """
        await asyncio.sleep(seconds)

    def jitter(self) -> float:
        """A number from 0 up to 1, by chance: so that those who failed together do not come back together."""
        return random.random()  # noqa: S311 - it spreads load, and guards nothing
