"""What a recording and its replay stand on: a registry behind TLS, a door before it, and homes for clients.

While a scenario is recorded the registry is there under its real name, and nowhere else; while it is replayed it is
gone: nothing listens, and the replay has no way to it anyhow.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clients.setting import Home
from tools import program_path

from ghcr_sim.cassette import Replay, load
from ghcr_sim.cassette.addresses import ForwardDoor, ReverseDoor
from ghcr_sim.cassette.recording import Recording
from ghcr_sim.clock import Clock
from ghcr_sim.commands.record import environment
from ghcr_sim.proxy import Proxy
from ghcr_sim.registry.storage import GHCR_STORAGE
from ghcr_sim.serve import Door
from ghcr_sim.threads import BACKGROUND
from ghcr_sim.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ghcr_sim.cassette import Cassette, Report
    from ghcr_sim.exchange import Body, Handler, Request, Response
    from ghcr_sim.tls import Authority

__all__ = ["Delayed", "Played", "Stage", "Way", "within"]


@contextlib.contextmanager
def within(manager: Any) -> Iterator[Any]:
    """Hold an asynchronous context open in the background, for clients that are processes."""
    BACKGROUND.acquire()
    try:
        value = BACKGROUND.run(_entered(manager))
        try:
            yield value
        finally:
            BACKGROUND.run(_left(manager))
    finally:
        BACKGROUND.release()


async def _entered(manager: Any) -> Any:
    return await manager.__aenter__()


async def _left(manager: Any) -> None:
    await manager.__aexit__(None, None, None)


@dataclass(frozen=True)
class Way:
    """How clients reach a door.

    Attributes:
        kind: `reverse` or `forward`.
        host: What references begin with.
        home: Where clients run.
        token: With what they log in.
        url: The registry as a library is told it.
        variables: What the environment says of the door.
    """

    kind: str
    host: str
    home: Home
    token: str = field(repr=False)
    url: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def ref(self, name: str) -> str:
        """`acme/app:v1` as a client is told it."""
        return f"{self.host}/{name}"


@dataclass
class Played:
    """What came of a replay; complete when it is over.

    Attributes:
        way: How clients reach it.
        replay: What answers.
        report: How it went.
    """

    way: Way
    replay: Replay
    report: Report | None = None

    def assert_ok(self, **counts: int) -> None:
        """Fail unless nothing was missing, wrong or left over, and as many answers were of each kind."""
        assert self.report is not None
        assert self.report.ok, "\n".join([self.report.summary(), *self.report.problems()])
        for kind, count in counts.items():
            assert self.report.answers[kind] == count, (kind, count, self.report.summary(), self.told())

    def told(self) -> str:
        """The journal, a line for each request."""
        return "\n".join(f"{each.line()}  {each.by}" for each in self.replay.journal.records())


class Delayed:
    """A handler whose answers wait a little, each as long as chance will have it: parallel requests change places.

    Args:
        handler: What answers.
        seed: The dice.
    """

    def __init__(self, handler: Handler, seed: int) -> None:
        self._handler = handler
        self._dice = random.Random(seed)

    async def __call__(self, request: Request, body: Body) -> Response:
        await asyncio.sleep(self._dice.random() / 50)
        return await self._handler(request, body)


@dataclass
class Stage:
    """One kind of door.

    Attributes:
        kind: `reverse` or `forward`.
        authority: Whom everybody trusts.
        folder: Where cassettes and homes are.
        upstream: The registry's origin.
        hosts: More hosts that are recorded.
    """

    kind: str
    authority: Authority
    folder: Path
    upstream: str = "https://ghcr.io"
    hosts: tuple[str, ...] = (GHCR_STORAGE,)
    _homes: int = 0

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        path = self.folder / "ca.crt"
        if not path.exists():
            path.write_bytes(self.authority.pem)
        return path

    def _way(self, host: str, token: str, url: str, variables: dict[str, str]) -> Way:
        self._homes += 1
        root = self.folder / f"h{self._homes}"
        root.mkdir()
        home = Home.make(root)
        env = {**home.env, **variables, "PATH": program_path()}
        if self.kind == "forward":
            del env["NO_PROXY"]
            env["NO_PROXY"] = variables["NO_PROXY"]
        return Way(self.kind, host, Home(root, env), token, url, variables)

    @contextlib.contextmanager
    def _door(self, handler: Handler, token: str) -> Iterator[Way]:
        if self.kind == "reverse":
            with within(Door(handler)) as door:
                yield self._way(door.host, token, door.url, {})
            return
        host = self.upstream.removeprefix("https://")
        names = frozenset(each.partition(":")[0] for each in (host, *self.hosts))
        with within(Proxy(handler, self.authority, names)) as proxy:
            variables = environment(proxy.url, self.ca)
            yield self._way(host, token, self.upstream, variables)
            assert proxy.refused == [], "a client wanted to go elsewhere"

    @contextlib.contextmanager
    def recording(
        self, name: str, ports: dict[str, int], token: str, *, secrets: tuple[tuple[str, str], ...] = ()
    ) -> Iterator[Way]:
        """Record what clients do in the block; at its end the cassette is rehearsed and there.

        Args:
            name: The cassette's.
            ports: Real host → the loopback port where it is now.
            token: With what clients log in.
            secrets: More secrets, by name.
        """
        recording = Recording(self.path(name), self.upstream, clock=Clock(), secrets=secrets)
        places = {host: ("127.0.0.1", port) for host, port in ports.items()}
        more = frozenset(each.partition(":")[0] for each in self.hosts)
        addresses = ReverseDoor(self.upstream) if self.kind == "reverse" else ForwardDoor(self.upstream, more)
        done = False
        try:
            with within(Upstream(ca_file=self.ca, places=places)) as upstream:
                recorder = recording.recorder(upstream, addresses)
                with self._door(recorder, token) as way:
                    yield way
            done = True
        finally:
            if not done:
                recording.discard()
        cassette = asyncio.run(recording.finish())
        assert cassette is not None
        assert recording.withheld == []

    @contextlib.contextmanager
    def replaying(
        self, name: str, *, token: str = "replayed", wrap: Callable[[Handler], Handler] | None = None
    ) -> Iterator[Played]:
        """Replay a cassette to what the block does."""
        replay = Replay(self.cassette(name), faithful=self.kind == "forward")
        with self._door(wrap(replay) if wrap else replay, token) as way:
            played = Played(way, replay)
            yield played
        played.report = replay.close()

    def path(self, name: str) -> Path:
        """The file of a cassette."""
        return self.folder / f"{name}.jsonl"

    def cassette(self, name: str) -> Cassette:
        """A cassette that was recorded."""
        return load(self.path(name))
