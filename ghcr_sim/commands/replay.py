"""`ghcr-sim replay`: a cassette on a port or behind a proxy, for a command or until Ctrl-C; then how it went."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from ghcr_sim.cassette import Replay, Strictness, load
from ghcr_sim.cassette.addresses import API_HOST
from ghcr_sim.cassette.hosts import hosts_of
from ghcr_sim.commands.loops import end_on_sigterm, run_to_end
from ghcr_sim.commands.record import command, environment, stop_signal
from ghcr_sim.proxy import Proxy
from ghcr_sim.registry.storage import GHCR_STORAGE
from ghcr_sim.serve import Door
from ghcr_sim.tls import Authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ghcr_sim.cassette.report import Report
    from ghcr_sim.journal import Record

__all__ = ["Options", "run"]


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    cassette: Path
    strictness: str
    door: str
    port: int
    quiet: bool
    command: tuple[str, ...]


def run(options: Options) -> int:
    """Replay, and say how it went; the exit status."""
    return run_to_end(_replay(options))


async def _replay(options: Options) -> int:
    cassette = load(options.cassette).sealed()
    replay = Replay(
        cassette,
        cast("Strictness", options.strictness),
        faithful=options.door == "forward",
    )
    if not options.quiet:
        replay.journal.listener = partial(_log, replay)
    status = 0
    try:
        stopped = stop_signal() if not options.command else None
        if options.command:
            end_on_sigterm()
        async with _door(options, replay) as variables:
            status = await command(options.command, variables, stopped)
    except (asyncio.CancelledError, KeyboardInterrupt):
        click.echo(f"{options.cassette}: interrupted", err=True)
        _tell(replay.close(), status)
        raise
    finally:
        report = replay.close()
    return _tell(report, status)


@contextlib.asynccontextmanager
async def _door(options: Options, replay: Replay) -> AsyncIterator[dict[str, str]]:
    """The door, and what the environment has to say of it."""
    if options.door == "reverse":
        async with Door(replay, port=options.port) as door:
            click.echo(f"{options.cassette} at {door.url}: say {door.host}/owner/name", err=True)
            yield {"GHCR_REGISTRY": door.url, "GHCR_SIM_REGISTRY": door.host}
        return
    hosts = hosts_of(replay.cassette) | {GHCR_STORAGE, API_HOST}
    with tempfile.TemporaryDirectory(prefix="ghcr-sim-ca-") as folder:
        authority = Authority.create()
        authority.write(Path(folder))
        async with Proxy(replay, authority, hosts, port=options.port) as proxy:
            variables = environment(proxy.url, Path(folder) / "ca.crt")
            click.echo(
                f"{options.cassette} through {proxy.url}, with the authority {folder}/ca.crt", err=True
            )
            if not options.command:
                for name, value in variables.items():
                    click.echo(f"  export {name}={value}", err=True)
            yield variables


def _log(replay: Replay, record: Record) -> None:
    click.echo(f"{replay.masked(record.line())}  {record.by}", err=True)


def _tell(report: Report, status: int) -> int:
    """Say how it went; 1 where something was missing, wrong or left over, unless the command has failed already."""
    click.echo(report.summary(), err=True)
    for each in report.problems():
        click.echo(each, err=True)
    return status or (0 if report.ok else 1)
