"""What the operations stand on: work on many things, a few at a time."""

from __future__ import annotations

import asyncio

import pytest
from client.operations.making import nothing_unclosed, settled
from ghcr_client.operations.base import gathered


def test_gathered_in_order() -> None:
    """Results come in the order of the items, and no more than asked for are under way at once."""
    now, most = 0, 0

    async def work(item: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(10 - item):
            await asyncio.sleep(0)
        now -= 1
        return item * item

    assert asyncio.run(gathered(work, range(10), 3)) == [each * each for each in range(10)]
    assert (now, most) == (0, 3)


@pytest.mark.parametrize("most", [1, 3])
def test_gathered_and_one_fails(most: int) -> None:
    """The first failure is raised as it is; of what waited, nothing is left that was never awaited."""
    begun: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        await asyncio.sleep(0)
        raise OSError(f"failed {item}")

    async def main() -> None:
        with pytest.raises(OSError, match="failed 0"):
            await gathered(work, range(50), most)
        await settled()

    asyncio.run(main())
    assert len(begun) <= most + 1
    nothing_unclosed()


def test_gathered_is_cancelled() -> None:
    """Whoever is cancelled ends what is under way, and begins nothing more."""
    begun: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.ensure_future(gathered(work, range(5), 2))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled()

    asyncio.run(main())
    assert begun == [0, 1]
    nothing_unclosed()
