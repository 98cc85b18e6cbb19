"""`ghcr-sim serve`: a fake on a port, until a signal says stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_sim.assemble import Simulator
from ghcr_sim.auth import Accounts, load_accounts
from ghcr_sim.commands.loops import loop_factory
from ghcr_sim.errors import SeedError
from ghcr_sim.serve import Server
from ghcr_sim.store import Store

if TYPE_CHECKING:
    import ssl

    from ghcr_sim.journal import Record
    from ghcr_sim.store.repository import Visibility

__all__ = ["Options", "loop_factory", "run"]

_GRACE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command's options, by the names that `cli` gives them."""

    host: str
    port: int
    profile: str
    store: Path | None
    read_only: bool
    seeds: tuple[Path, ...]
    seed_as: str | None
    tls: bool
    tls_dir: Path | None
    tls_names: tuple[str, ...]
    credentials: Path | None
    storage_url: str | None
    public: bool

    @property
    def visibility(self) -> Visibility:
        """Who may read what is pushed or seeded."""
        return "public" if self.public else "private"


def run(options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        GhcrSimError: Something in the configuration does not hold; nothing was served.
    """
    accounts = load_accounts(options.credentials) if options.credentials else Accounts(open_house=True)
    log = _Log()
    with ExitStack() as at_the_end:
        store = _open(options)
        at_the_end.callback(store.close)
        simulator = Simulator(
            options.profile, store=store, accounts=accounts, visibility=options.visibility, listener=log
        )
        at_the_end.callback(simulator.close)
        at_the_end.callback(log.flush)
        simulator.rights.lay_down()
        _seed(simulator, options)
        context, ca = _tls(options, at_the_end) if options.tls else (None, None)
        server = Server(
            simulator,
            host=options.host,
            port=options.port,
            tls=context,
            storage_url=options.storage_url,
            grace=_GRACE,
        )
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_serve(server, ca, accounts, log))


def _seed(simulator: Simulator, options: Options) -> None:
    for path in options.seeds:
        try:
            found = simulator.seed_path(path, options.seed_as)
        except SeedError as error:
            # It tells who calls `seed_path` what to pass; here that is an option.
            raise SeedError(str(error).replace('repository="', '--seed-as "')) from None
        for seeded in found:
            _say(f"seeded {seeded.repository}: {', '.join(seeded.tags) or 'no tag'}")


def _open(options: Options) -> Store:
    """The store that was asked for."""
    if options.store is None:
        return Store()
    from ghcr_sim.store.directory import DirectoryStore  # noqa: PLC0415 - memory needs no lock
    from ghcr_sim.store.overlay import OverlayStore  # noqa: PLC0415 - the same

    kind = OverlayStore if options.read_only else DirectoryStore
    return kind(options.store, visibility=options.visibility)


def _tls(options: Options, at_the_end: ExitStack) -> tuple[ssl.SSLContext, Path]:
    """A context, and where its CA's certificate is; a directory that nobody asked for goes at the end."""
    import tempfile  # noqa: PLC0415 - only HTTPS needs them

    from ghcr_sim.http2 import offered  # noqa: PLC0415 - the same
    from ghcr_sim.tls import Authority  # noqa: PLC0415 - the same

    where = options.tls_dir
    if where is None:
        where = Path(at_the_end.enter_context(tempfile.TemporaryDirectory(prefix="ghcr-sim-")))
    where.mkdir(parents=True, exist_ok=True)
    authority = Authority.create()
    authority.write(where)
    return authority.server_context(options.host, *options.tls_names, alpn=offered()), where / "ca.crt"


async def _serve(server: Server, ca: Path | None, accounts: Accounts, log: _Log) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: loop.call_soon_threadsafe(stop.set))
    async with server:
        from ghcr_sim.commands.hints import hints  # noqa: PLC0415 - nobody waits for hints

        _say(f"ghcr-sim is ghcr.io at {server.url} (profile {server.simulator.profile.name})")
        for line in hints(server, ca, open_house=accounts.open_house):
            _say(line)
        await stop.wait()
        log.flush()
        _say("stopping")


class _Log:
    """One line a request, written a few at a time: a system call for each would cost as much as the answer."""

    _DELAY = 0.05

    def __init__(self) -> None:
        self._records: list[Record] = []

    def __call__(self, record: Record) -> None:
        if not self._records:
            asyncio.get_running_loop().call_later(self._DELAY, self.flush)
        self._records.append(record)

    def flush(self) -> None:
        """Write what has gathered."""
        records, self._records = self._records, []
        if records:
            _say("\n".join(record.line() for record in records))


def _say(line: str) -> None:
    """Clients are served on, whether anybody reads this or not."""
    if sys.stderr is None:
        return
    try:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is a command
    except OSError:
        # What is left in the buffer would fail again at the end, and be the exit code.
        with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stderr.fileno())
