"""One request and its answer, in a task of its own."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes

from ghcr_sim.exchange import BodyError, Content, Relay, Response, Wire
from ghcr_sim.http2.body import StreamBody, Window
from ghcr_sim.http2.heads import BROKEN, write_head
from ghcr_sim.http2.state import STREAM_WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghcr_sim.exchange import Handler, Request
    from ghcr_sim.http2.connection import Connection

__all__ = ["Stream"]

_NO_EFFECT = Wire()
_BODILESS = frozenset({204, 304})
_log = logging.getLogger("ghcr_sim")


class Stream:
    """A stream: made when its request's head has arrived.

    Args:
        connection: What it is a part of.
        stream_id: Its number.
        request: The request's head.
        ended: There is no body.

    Attributes:
        id: Its number.
        body: The request's body.
        window: What the client may still send.
        hanging: It will never be answered: nobody waits for it.
        known_to_end: h2 has seen the end of the request: it sees none that comes with content.
        task: What runs it.
    """

    __slots__ = (
        "_answering",
        "_connection",
        "_gone",
        "_patience",
        "_request",
        "body",
        "hanging",
        "id",
        "known_to_end",
        "task",
        "window",
    )

    def __init__(self, connection: Connection, stream_id: int, request: Request, *, ended: bool) -> None:
        self.id = stream_id
        self._connection = connection
        self._request = request
        self._answering = self._gone = self.hanging = False
        self._patience: asyncio.TimerHandle | None = None
        self.known_to_end = ended
        self.window = Window(STREAM_WINDOW)
        announced = request.headers.get("content-length")
        length = int(announced) if announced is not None else 0 if ended else None
        self.body = StreamBody(length, self._begin, self._consumed)
        if ended:
            self.body.end()

    def start(self, handler: Handler) -> asyncio.Task[None]:
        """Run it."""
        self.task = asyncio.get_running_loop().create_task(self._run(handler))
        return self.task

    def lose(self, reason: str) -> None:
        """Stop: the client does not want the answer any more, or is not there to hear it.

        A handler that reads the body learns of it there, after all that arrived: what it has begun to
        write comes to a defined end. Every other one is cancelled.
        """
        self._gone = True
        self.body.fail(reason)
        if self._answering or not self.body.being_read:
            self.task.cancel()

    def close(self) -> None:
        """Let go of what is held."""
        self._gone = True
        self.body.discard()
        if self._patience is not None:
            self._patience.cancel()

    # -- the request's body

    def _begin(self) -> None:
        """Invite a client that waits to be invited, and begin to lose patience."""
        connection = self._connection
        if self._gone or self.body.ended:
            return
        if self._request.headers.get("expect", "").lower() == "100-continue" and not self.body.begun:
            connection.state.send_headers(self.id, [(b":status", b"100")])
            connection.sender.flush()
        if connection.patience:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(connection.patience, self._lose_patience)

    def _lose_patience(self) -> None:
        if not self.body.ended and not self._gone:
            self._connection.reset(self, ErrorCodes.INTERNAL_ERROR, "it came too slowly")

    def _consumed(self, flow: int) -> None:
        self._connection.consumed(flow)
        increment = self.window.give(flow)
        if increment and not self._gone and not self.body.ended:
            self._connection.sender.widen(self.id, increment)

    # -- the answer

    async def _run(self, handler: Handler) -> None:
        try:
            response, fields = await self._ask(handler)
            if not self._gone:
                await self._answer(response, fields)
        except BodyError as error:
            if not self._gone:
                self._connection.reset(self, ErrorCodes.PROTOCOL_ERROR, str(error))
        except Exception:  # noqa: BLE001 - one stream breaks, not the connection
            _log.exception("cannot send the answer to %s %s", self._request.method, self._path)
            if not self._gone:
                self._connection.reset(self, ErrorCodes.INTERNAL_ERROR, "the answer broke off")

    async def _ask(self, handler: Handler) -> tuple[Response, list[tuple[bytes, bytes]]]:
        try:
            response = await handler(self._request, self.body)
            return response, write_head(response)
        except BodyError:
            raise
        except Exception:  # noqa: BLE001 - the client gets an answer, the log the reason
            _log.exception("cannot answer %s %s", self._request.method, self._path)
            return BROKEN, write_head(BROKEN)

    async def _answer(self, response: Response, fields: list[tuple[bytes, bytes]]) -> None:
        self._answering = True
        connection, wire = self._connection, response.wire or _NO_EFFECT
        if wire.hang:
            self.hanging = True
            self.body.discard()
            await asyncio.get_running_loop().create_future()
        if wire.reset:
            connection.reset(self, ErrorCodes.INTERNAL_ERROR, "the answer is a reset")
            return
        body = response.body
        assert not isinstance(body, Relay)  # a recorder's doors do not offer HTTP/2
        if self._request.method == "HEAD" or response.status in _BODILESS:
            body = b""
        bodiless = wire.cut_after is None and not _size(body)
        connection.state.send_headers(self.id, fields, end_stream=bodiless)
        finish = partial(self._complete, ended=bodiless) if wire.cut_after is None else self._cut
        await connection.sender.send(self.id, _pieces(body, wire.cut_after), finish)

    def _complete(self, *, ended: bool) -> bytes:
        """Make the frames after which the answer is whole.

        A client that is still sending its body may stop: a reset without an error tells it (section 8.1).
        Where it has sent all, only h2, which saw nothing of that, has to be told.
        """
        state = self._connection.state
        self._connection.forget(self, answered=True)
        if not ended:
            state.end_stream(self.id)
        frames = state.data_to_send()
        if self.known_to_end:
            return frames
        state.reset_stream(self.id, ErrorCodes.NO_ERROR)
        reset = state.data_to_send()
        return frames if self.body.ended else frames + reset

    def _cut(self) -> bytes:
        """Make the frame that breaks an answer off, as GHCR does it (ghcr-wire row 7.13)."""
        self._connection.forget(self, answered=False)
        self._connection.state.reset_stream(self.id, ErrorCodes.INTERNAL_ERROR)
        return self._connection.state.data_to_send()

    @property
    def _path(self) -> str:
        """What may stand in a log: a query can hold a signature."""
        return self._request.target.partition("?")[0]


def _size(body: bytes | Content) -> int:
    return body.stop - body.start if isinstance(body, Content) else len(body)


def _pieces(body: bytes | Content, cut_after: int | None) -> Iterator[bytes | memoryview]:
    """The bytes of a body, or the first ones."""
    if isinstance(body, Content):
        stop = body.stop if cut_after is None else min(body.stop, body.start + cut_after)
        yield from body.source.pieces(body.start, stop)
    else:
        yield body[:cut_after]
