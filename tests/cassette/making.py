"""What the tests of cassettes are made of: exchanges by hand, registries without a socket, and a small client.

`FakeUpstream` is the fake behind a recorder, `Stub` is a list of answers; both in place of `Upstream`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from multidict import CIMultiDict

from ghcr_sim.assemble import Simulator
from ghcr_sim.cassette.addresses import ReverseDoor
from ghcr_sim.cassette.files import load, save
from ghcr_sim.cassette.model import Auth, Body, Exchange, Header, Received, Sent
from ghcr_sim.cassette.parts import Part
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.cassette.record import Recorder
from ghcr_sim.cassette.recording import Recording
from ghcr_sim.cassette.rules import RULES
from ghcr_sim.cassette.taint import Taint
from ghcr_sim.clock import Clock, Ids
from ghcr_sim.exchange import BytesBody, Content, Relay, Request, Response
from ghcr_sim.oci.media import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from ghcr_sim.upstream import UpstreamError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
    from pathlib import Path

    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.exchange import Body as Incoming
    from ghcr_sim.exchange import Handler

UPSTREAM = "https://ghcr.io"
NOON = 1_790_000_000.0
HERE = "127.0.0.1:5000"
PAT = "gh" + "p_" + "Ab1" * 12
"""Of a GitHub token's form, and nobody's."""


def digest(data: bytes) -> str:
    """The sha256 digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def header(**more: Any) -> Header:
    """The header of a cassette."""
    return Header(**{"cassette": 1, "tool": "a test", "recorded_at": "2026-11-26T12:00:00Z", **more})


def exchange(number: int = 1, operation: str = "ping", status: int = 200, **more: Any) -> Exchange:
    """An exchange; `sent`, `got`, `sent_headers` and `got_headers` are its messages' parts."""
    request = Sent(headers=more.pop("sent_headers", ()), body=more.pop("sent", None))
    response = Received(status=status, headers=more.pop("got_headers", ()), body=more.pop("got", None))
    kind = more.pop("auth", "none")
    auth = kind if isinstance(kind, Auth) else Auth(kind=kind)
    return Exchange(id=number, operation=operation, auth=auth, request=request, response=response, **more)


def cassette(path: Path, *exchanges: Exchange, **more: Any) -> Cassette:
    """A cassette on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, header(**more), exchanges)
    return load(path)


def pooled(pool: Pool, data: bytes) -> Body:
    """A body that the pool has."""
    return Body(digest=pool.put(data), size=len(data), pooled=True)


def text(said: str) -> Body:
    """A body that stands in the line."""
    return Body(size=len(said.encode()), text=said)


# -- registries without a socket


@dataclass
class Answered:
    """An answer of no upstream, as `UpstreamAnswer` is one."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    data: Sequence[bytes] = ()
    length: int | None = None
    breaks: bool = False

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body; it may break off."""
        for piece in self.data:
            await asyncio.sleep(0)
            yield piece
        if self.breaks:
            raise UpstreamError("the body broke off: nobody knows why")


def answer(
    status: int = 200, data: bytes = b"", headers: Mapping[str, str] | None = None, **more: Any
) -> Answered:
    """A small answer, with its length said."""
    said = {"content-length": str(len(data)), **(headers or {})}
    return Answered(
        status, tuple(said.items()), [data] if data else [], more.pop("length", len(data)), **more
    )


@dataclass
class Stub:
    """An upstream that says what it is told to, and remembers what it was asked."""

    answers: list[Answered | UpstreamError]
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    async def send(
        self, method: str, url: str, headers: Iterable[tuple[str, str]], body: Incoming | None
    ) -> Answered:
        """Read the request, and give the next answer."""
        data = b"" if body is None else b"".join([piece async for piece in body.pieces()])
        self.asked.append((method, url, {name.lower(): value for name, value in headers}, data))
        found = self.answers.pop(0)
        if isinstance(found, UpstreamError):
            raise found
        return found


class FakeUpstream:
    """The fake as an upstream, under the name of `ghcr.io`."""

    def __init__(self, simulator: Simulator, chaos: Ids | None = None) -> None:
        self.simulator = simulator
        self._chaos = chaos

    async def send(
        self, method: str, url: str, headers: Iterable[tuple[str, str]], body: Incoming | None
    ) -> Answered:
        """Ask the fake; with chaos, after a while that differs each time."""
        for _ in range(self._chaos.key()[0] % 7 if self._chaos else 0):
            await asyncio.sleep(0)
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        request = Request(method, target, CIMultiDict(headers), parts.scheme, parts.netloc)
        response = await self.simulator(request, body or BytesBody())
        data = response.body
        pieces = (
            [bytes(each) for each in data.source.pieces(data.start, data.stop)]
            if isinstance(data, Content)
            else [data]
            if data
            else []
        )
        return Answered(response.status, response.headers, pieces, sum(map(len, pieces)))


def fake(seed: int = 7, **more: Any) -> Simulator:
    """A fake that is the same each time."""
    return Simulator(clock=Clock(NOON), ids=Ids(seed), **more)


# -- recorders


@dataclass
class Stage:
    """A recorder, and all that belongs to it."""

    target: Path
    upstream: Any
    part: Part
    pool: Pool
    taint: Taint
    recorder: Recorder

    def written(self) -> tuple[Exchange, ...]:
        """What is in the part."""
        return load(self.part.path).exchanges


OPEN: list[Part] = []
"""Parts that are still to be closed."""


def stage(target: Path, upstream: Any, addresses: Any = None, taint: Taint | None = None) -> Stage:
    """A recorder behind a reverse door; without rehearsal or merging."""
    if isinstance(upstream, (Answered, UpstreamError)):
        upstream = Stub([upstream])
    elif isinstance(upstream, list):
        upstream = Stub(upstream)
    taint = taint or Taint()
    part = Part(target, header(upstream=UPSTREAM, rules=RULES))
    pool = Pool.beside(target)
    recorder = Recorder(upstream, addresses or ReverseDoor(UPSTREAM), part, pool, taint)
    made = Stage(target, upstream, part, pool, taint, recorder)
    OPEN.append(part)
    return made


def recording(target: Path, **more: Any) -> Recording:
    """A recording of ghcr.io at noon."""
    made = Recording(target, UPSTREAM, clock=Clock(NOON), **more)
    OPEN.append(made._part)
    return made


# -- clients


@dataclass
class Got:
    """What a client has got; `broken` where the body broke off."""

    status: int
    headers: dict[str, str]
    body: bytes
    by: str
    broken: bool = False


async def ask(  # noqa: PLR0917 - a request
    handler: Handler,
    method: str,
    target: str,
    body: bytes | Incoming = b"",
    headers: Mapping[str, str] | None = None,
    authority: str = HERE,
    scheme: str = "http",
) -> Got:
    """Ask a handler, and read the answer to its end."""
    request = Request(method, target, CIMultiDict(headers or {}), scheme, authority)
    response = await handler(request, BytesBody(body) if isinstance(body, bytes) else body)
    data, broken = await _read(response)
    fields = {name.lower(): value for name, value in response.headers}
    return Got(response.status, fields, data, response.by, broken or response.wire is not None)


async def _read(response: Response) -> tuple[bytes, bool]:
    if isinstance(response.body, Relay):
        data = bytearray()
        try:
            async with aclosing(response.body.pieces):
                async for piece in response.body.pieces:
                    data += piece
        except UpstreamError:
            return bytes(data), True
        return bytes(data), False
    if isinstance(response.body, Content):
        source = response.body.source
        return b"".join(source.pieces(response.body.start, response.body.stop)), False
    return response.body, False


def asked(handler: Handler, method: str, target: str, *args: Any, **more: Any) -> Got:
    """As `ask`, for code without a loop."""
    return asyncio.run(ask(handler, method, target, *args, **more))


def basic(secret: str, login: str = "octocat") -> str:
    """A login, as it travels."""
    return "Basic " + base64.b64encode(f"{login}:{secret}".encode()).decode()


def bearer(secret: str) -> str:
    """A bearer of GHCR's form."""
    return "Bearer " + base64.b64encode(secret.encode()).decode()


class Client:
    """A client of a registry at a door: it goes where it is sent, and drops its credential on the way to storage."""

    def __init__(self, handler: Handler, secret: str) -> None:
        self._handler = handler
        self._secret = secret
        self._bearer = ""

    async def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> Got:
        """Ask with the bearer."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await ask(self._handler, method, target, body, {"authorization": self._bearer, **fields})

    async def login(self, repository: str, actions: str = "pull,push") -> None:
        """Fetch a token."""
        target = f"/token?service=ghcr.io&scope=repository:{repository}:{actions}"
        got = await ask(self._handler, "GET", target, b"", {"authorization": basic(self._secret)})
        assert got.status == 200, got
        self._bearer = "Bearer " + json.loads(got.body)["token"]

    async def push_blob(self, repository: str, data: bytes) -> str:
        """Push a blob in one piece; its digest."""
        opened = await self.ask("POST", f"/v2/{repository}/blobs/uploads/")
        assert opened.status == 202, opened
        where = path_of(opened.headers["location"])
        mark = "&" if "?" in where else "?"
        done = await self.ask("PUT", f"{where}{mark}digest={digest(data)}", data)
        assert done.status == 201, done
        return digest(data)

    async def push(self, repository: str, tag: str, *words: bytes) -> str:
        """Push an image whose layers are some words, its blobs at once; its digest."""
        await asyncio.gather(*(self.push_blob(repository, each) for each in (b"{}", *words)))
        data = image(*words)
        done = await self.ask("PUT", f"/v2/{repository}/manifests/{tag}", data, content_type=OCI_MANIFEST)
        assert done.status == 201, done
        return digest(data)

    async def pull(self, repository: str, tag: str) -> list[bytes]:
        """Pull an image, its blobs at once; the manifest and they."""
        got = await self.ask("GET", f"/v2/{repository}/manifests/{tag}", accept=OCI_MANIFEST)
        assert got.status == 200, got
        document = json.loads(got.body)
        wanted = [document["config"]["digest"], *(each["digest"] for each in document["layers"])]
        return [got.body, *await asyncio.gather(*(self.pull_blob(repository, each) for each in wanted))]

    async def pull_blob(self, repository: str, name: str, **headers: str) -> bytes:
        """Pull a blob by way of the storage host."""
        got = await self.ask("GET", f"/v2/{repository}/blobs/{name}", **headers)
        if got.status == 307:
            parts = urlsplit(got.headers["location"])
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            got = await ask(self._handler, "GET", target, b"", headers, authority=parts.netloc)
        assert got.status in {200, 206}, got
        return got.body


def path_of(location: str) -> str:
    """Path and query of an address."""
    parts = urlsplit(location)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def image(*words: bytes) -> bytes:
    """The manifest of an image whose layers are some words."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": digest(b"{}"), "size": 2},
            "layers": [{"mediaType": OCI_LAYER, "digest": digest(each), "size": len(each)} for each in words],
        }
    ).encode()


WORDS = tuple(f"layer {number} ".encode() * 40 for number in range(6))
"""Layers."""


async def scenario(client: Client) -> None:
    """A push of six layers at once, a look for what is not there, a pull, and a list."""
    await client.login("acme/app")
    assert (await client.ask("HEAD", "/v2/acme/app/manifests/v1")).status == 404
    await client.push("acme/app", "v1", *WORDS)
    assert (await client.pull("acme/app", "v1"))[2:] == list(WORDS)
    assert (await client.ask("GET", "/v2/acme/app/tags/list")).status == 200


def record(target: Path, simulator: Simulator | None = None, *, chaos: int | None = None) -> Cassette:
    """Record the scenario of the fake, rehearsal and all."""
    simulator = simulator or fake()
    made = recording(target)
    upstream: Any = FakeUpstream(simulator, None if chaos is None else Ids(chaos))

    async def play() -> Cassette | None:
        recorder = made.recorder(upstream, ReverseDoor(UPSTREAM))
        await scenario(Client(recorder, simulator.token))
        return await made.finish()

    found = asyncio.run(play())
    assert found is not None
    return found


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    """Pieces that come."""
    for piece in pieces:
        yield piece
