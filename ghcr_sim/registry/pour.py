"""From a body to a writer: small bodies at once, large ones hashed in a thread while more arrives."""

from __future__ import annotations

import asyncio

from ghcr_sim.exchange import PIECE, Body
from ghcr_sim.oci import Refusal
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
    chunks: list[bytes] = []
    held = total = 0
    pending: asyncio.Future[None] | None = None
    loop = asyncio.get_running_loop()
    try:
        async for chunk in body.pieces():
            chunks.append(chunk)
            held += len(chunk)
            total += len(chunk)
            if most is not None and total > most:
                raise _too_large(most)
            if held >= _BATCH:
                if pending is not None:
                    await pending
                pending = loop.run_in_executor(None, writer.write, chunks, algorithm)
                chunks, held = [], 0
    finally:
        if pending is not None:
            await _settled(pending)
        if chunks:
            writer.write(chunks, algorithm)
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
