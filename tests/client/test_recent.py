"""What is remembered of many things does not grow for ever."""

from __future__ import annotations

from ghcr_client.recent import remember


def test_the_oldest_goes() -> None:
    """Of too many entries the one goes that was written longest ago."""
    kept: dict[int, str] = {}
    for key in (1, 2, 3, 1, 4):
        remember(kept, key, f"v{key}", 3)
    assert kept == {3: "v3", 1: "v1", 4: "v4"}


def test_who_may_not_go_stays() -> None:
    """An entry that is in use stays, and the next one goes; where all are in use, all stay."""
    kept: dict[int, bool] = {}
    for key in range(4):
        remember(kept, key, key == 1, 3, may_go=lambda idle: idle)
    assert list(kept) == [0, 2, 3]
    remember(kept, 4, value=False, most=3, may_go=lambda idle: idle)
    assert list(kept) == [0, 2, 3, 4]
