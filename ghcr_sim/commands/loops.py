"""Which loop the commands run in: uvloop, where the extra was installed. It knows no command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["loop_factory"]


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the loop: uvloop, where the extra was installed; None is asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - it is an extra
    except ImportError:
        return None
    return uvloop.new_event_loop
