"""From a body to a writer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ghcr_sim.exchange import PIECE, Body
from ghcr_sim.oci import Refusal

if TYPE_CHECKING:
    from ghcr_sim.store import Writer

__all__ = ["pour"]

_BATCH = 2 * PIECE
"""What is handed to the thread at once: large enough that the hand-over costs nothing."""


async def pour(body: Body, writer: Writer, *, algorithm: str = "sha256", most: int | None = None) -> int:
    """Write a body, in flat memory.

    Args:
        body: Where the bytes come from.
        writer: Where they go.
        algorithm: What to hash by.
        most: How many bytes may come; None is any number.

    Returns:
        How many came. A body that breaks off has written what came before.

    Raises:
        BodyError: The body broke off.
        Refusal: SIZE_INVALID, more came than may.
    """
    if most is not None and body.length is not None and body.length > most:
        raise _too_large(most)
    if body.length == 0:
        return 0
    if not writer.blocking:
        return await _pour_here(body, writer, algorithm, most)
    return await _pour_in_thread(body, writer, algorithm, most)


async def _pour_here(body: Body, writer: Writer, algorithm: str, most: int | None) -> int:
    """Hash and keep each piece as it comes: a thread for this would cost more than it gives."""
    total = 0
    async for piece in body.pieces():
        total += len(piece)
        if most is not None and total > most:
            raise _too_large(most)
        writer.write((piece,), algorithm)
    return total


async def _pour_in_thread(body: Body, writer: Writer, algorithm: str, most: int | None) -> int:
    """Write large batches in a thread, so that a slow disk holds up nobody else."""
    batch: list[bytes] = []
    held = total = 0
    pending: asyncio.Future[None] | None = None
    loop = asyncio.get_running_loop()
    try:
        async for piece in body.pieces():
            batch.append(piece)
            held += len(piece)
            total += len(piece)
            if most is not None and total > most:
                raise _too_large(most)
            if held >= _BATCH:
                if pending is not None:
                    # Where the request is cancelled here, the thread must not be taken for done.
                    await asyncio.shield(pending)
                pending = loop.run_in_executor(None, writer.write, batch, algorithm)
                batch, held = [], 0
    finally:
        if pending is not None:
            await _settled(pending)
        if batch:
            writer.write(batch, algorithm)
    return total


async def _settled(pending: asyncio.Future[None]) -> None:
    """Wait until the thread has let go of the writer, also when the request is being cancelled."""
    cancelled: asyncio.CancelledError | None = None
    while not pending.done():
        try:
            await asyncio.shield(pending)
        except asyncio.CancelledError as error:
            cancelled = error
    pending.result()
    if cancelled is not None:
        raise cancelled


def _too_large(most: int) -> Refusal:
    return Refusal(
        "SIZE_INVALID", f"the upload is larger than the {most} bytes that are left of the limit", status=413
    )
