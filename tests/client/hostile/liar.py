"""A server that lies: raw HTTP/1.1 whose answers are scripted path by path, and which keeps all that it was told.

It is a socket and no HTTP library, so that it can say what no library would: two lengths, half a body, no end, nothing.
It runs in the loop of the test, and at its end no connection and no task of it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

__all__ = [
    "Asked",
    "Liar",
    "Wire",
    "answer",
    "cut",
    "early",
    "endless",
    "endless_head",
    "head",
    "jsons",
    "reflecting",
    "silent",
    "slowly",
]

MOST = 25_000
"""Requests that a liar takes; a client that asks more often is in an endless loop."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came.

    Attributes:
        method: The method.
        target: Path and query, or what else stood there.
        headers: Names in lower case → value; of those that come twice, the last.
        body: As much of the body as came.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Wire:
    """A connection, as a script has it: `asked` is what it answers."""

    def __init__(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked = asked
        self.reader = reader
        self.writer = writer
        self.sent = 0

    async def send(self, data: bytes) -> None:
        """Write, and wait until the other side has taken most of it."""
        self.writer.write(data)
        self.sent += len(data)
        await self.writer.drain()

    def abort(self) -> None:
        """Reset the connection."""
        self.writer.transport.abort()


def head(status: int = 200, *fields: tuple[str, str | bytes]) -> bytes:
    """The head of an answer, with these header fields and no other."""
    lines = [f"HTTP/1.1 {status} Lie".encode()]
    for name, value in fields:
        lines.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()))
    return b"\r\n".join([*lines, b"", b""])


def answer(
    status: int = 200,
    body: bytes = b"",
    *fields: tuple[str, str | bytes],
    length: int | None = None,
    kind: str | None = "application/json",
) -> bytes:
    """A whole answer; `length` is what it claims to have, `kind` its media type."""
    told = [("Content-Length", str(len(body) if length is None else length)), *fields]
    if kind is not None:
        told.append(("Content-Type", kind))
    return head(status, *told) + body


def jsons(document: Any, *fields: tuple[str, str | bytes], status: int = 200) -> bytes:
    """An answer with JSON."""
    return answer(status, json.dumps(document).encode(), *fields)


def cut(data: bytes, *, politely: bool = False) -> Any:
    """Say this much, then end what is said, or reset the connection."""

    async def act(wire: Wire) -> None:
        await wire.send(data)
        if politely:
            wire.writer.write_eof()
            await wire.reader.read()
        else:
            await asyncio.sleep(0.01)  # what was said is to arrive before the reset
            wire.abort()

    return act


def early(data: bytes = b"") -> Any:
    """Say this before the body was read, and reset the connection."""

    async def act(wire: Wire) -> None:
        if data:
            await wire.send(data)
            await asyncio.sleep(0.01)
        wire.abort()

    act.early = True  # type: ignore[attr-defined]
    return act


def endless(status: int = 200, *fields: tuple[str, str | bytes], piece: bytes = b" " * 65_536) -> Any:
    """A body without end, in chunks; `wire.sent` counts."""

    async def act(wire: Wire) -> None:
        await wire.send(head(status, ("Transfer-Encoding", "chunked"), *fields))
        chunk = b"%x\r\n%b\r\n" % (len(piece), piece)
        while True:
            await wire.send(chunk)

    return act


def endless_head(field: bytes = b"X-A: " + b"a" * 1000 + b"\r\n") -> Any:
    """Header fields without end."""

    async def act(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 200 Lie\r\n")
        while True:
            await wire.send(field)

    return act


def silent(data: bytes = b"") -> Any:
    """Say this much, and then nothing any more."""

    async def act(wire: Wire) -> None:
        if data:
            await wire.send(data)
        await wire.reader.read()

    return act


def slowly(data: bytes, pause: float) -> Any:
    """Say it byte by byte."""

    async def act(wire: Wire) -> None:
        for byte in data:
            await wire.send(bytes([byte]))
            await asyncio.sleep(pause)

    return act


def reflecting(status: int = 400) -> Any:
    """Say in the body and in header fields what was sent as `Authorization`."""

    async def act(wire: Wire) -> None:
        said = wire.asked.headers.get("authorization", "nothing")
        secret = said.rpartition(" ")[2]
        body = json.dumps(
            {"errors": [{"code": "DENIED", "message": f"no {secret} for {said}", "detail": said}]}
        )
        fields = (
            ("X-GitHub-Request-Id", secret),
            ("Warning", f'299 - "{secret}"'),
            ("Set-Cookie", f"a={secret}"),
        )
        await wire.send(answer(status, body.encode(), *fields))

    return act


class Liar:
    """The server; use it by `async with`.

    Args:
        host: The loopback address that it listens on.
        tls: How it speaks TLS; None is plain HTTP.

    Attributes:
        received: All requests, in order.
        sent: Bytes that went out.
    """

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._listens = host
        self._tls = tls
        self._acts: dict[str, list[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.received: list[Asked] = []
        self.sent = 0
        self.port = 0

    @property
    def host(self) -> str:
        """Name and port, as references have them."""
        return f"{'localhost' if self._tls else self._listens}:{self.port}"

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self._tls else 'http'}://{self.host}"

    def says(self, asked: str, *acts: Any) -> None:
        """Script the answers to a request, one after the other; the last one is given for ever.

        Args:
            asked: Method and path (`GET /v2/`), or a path for all methods, or `*`.
            acts: Bytes, or what is done with a `Wire`.
        """
        self._acts[asked] = list(acts)

    def paths(self, method: str = "") -> list[str]:
        """What was asked for, as method and path."""
        return [str(each) for each in self.received if str(each).startswith(method)]

    def sent_to_it(self) -> str:
        """All that it was told, in one text, to look for secrets in."""
        return "\n".join(f"{each} {each.target} {each.headers} {each.body!r}" for each in self.received)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._listens, 0, ssl=self._tls, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError):
                while not writer.is_closing():
                    await self._one(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()
            self._tasks.discard(task)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a request, and answer it."""
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = text.rstrip("\r\n").split("\r\n")
        method, _, rest = first.partition(" ")
        target = rest.rpartition(" ")[0]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        asked = Asked(method, target, headers, b"")
        assert len(self.received) < MOST, "the client asks without end"
        act = self._next(asked)
        if not getattr(act, "early", False):
            asked = Asked(method, target, headers, await _body(reader, headers))
        self.received.append(asked)
        wire = Wire(asked, reader, writer)
        try:
            await (wire.send(act) if isinstance(act, bytes) else act(wire))
        finally:
            self.sent += wire.sent

    def _next(self, asked: Asked) -> Any:
        """The next answer of a script."""
        for key in self._keys(asked):
            if key in self._acts:
                acts = self._acts[key]
                return acts.pop(0) if len(acts) > 1 else acts[0]
        return answer(404)

    @staticmethod
    def _keys(asked: Asked) -> Iterator[str]:
        yield f"{asked.method} {asked.target}"
        yield str(asked)
        yield asked.path
        yield f"{asked.method} *"
        yield "*"


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """A request's body, whole."""
    if headers.get("transfer-encoding") == "chunked":
        pieces = []
        while size := int((await reader.readline()).strip(), 16):
            pieces.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(pieces)
    return await reader.readexactly(int(headers.get("content-length", "0")))
