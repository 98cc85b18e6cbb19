"""`ghcr-sim record`: a door is opened, a command goes through it, and a cassette is made of what passed.

A door stays open until Ctrl-C where no command is given: that is its end, and the cassette is made. A command that
Ctrl-C or SIGTERM interrupts leaves what was completed as a part, to be merged, and the old cassette as it was. The
command's exit status is this one's; where it went well and the cassette fails, it is 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from ghcr_sim.cassette.addresses import API_HOST, ForwardDoor, ReverseDoor
from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.cassette.merge import told_of
from ghcr_sim.cassette.recording import Recording
from ghcr_sim.clock import Clock
from ghcr_sim.commands.loops import end_on_sigterm, run_to_end
from ghcr_sim.errors import ServeError
from ghcr_sim.live import is_loopback
from ghcr_sim.proxy import Proxy
from ghcr_sim.registry.storage import GHCR_STORAGE
from ghcr_sim.serve import Door
from ghcr_sim.tls import Authority
from ghcr_sim.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ghcr_sim.cassette.files import Cassette

__all__ = ["Options", "command", "environment", "run", "secrets_of", "stop_signal"]

_SECRETS = ("GHCR_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "CR_PAT", "DOCKER_PASSWORD", "REGISTRY_PASSWORD")
"""Variables whose values are looked for in all that is written."""


def secrets_of(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """The secrets that an environment is known to hold, by name."""
    return [(f"${name}", value) for name in _SECRETS if (value := environ.get(name))]


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    to: Path
    upstream: str
    door: str
    port: int
    ca_file: Path | None
    also_hosts: tuple[str, ...]
    command: tuple[str, ...]


def run(options: Options) -> int:
    """Record, and say what became of it; the exit status."""
    return run_to_end(_record(options))


async def _record(options: Options) -> int:
    recording = Recording(options.to, options.upstream, clock=Clock(), secrets=secrets_of(os.environ))
    status = 0
    try:
        stopped = stop_signal() if not options.command else None
        if options.command:
            end_on_sigterm()
        async with _doors(options, recording) as variables:
            status = await command(options.command, variables, stopped)
        cassette = await recording.finish()
    except CassetteError as error:
        recording.discard()
        if not status:
            raise
        click.echo(f"ghcr-sim: {error}", err=True)  # and it does not hide that the command had failed
        return status
    except (asyncio.CancelledError, KeyboardInterrupt):
        _leave(options.to, recording)
        raise
    except BaseException:
        recording.discard()
        raise
    _tell(options, recording, cassette)
    return status


@contextlib.asynccontextmanager
async def _doors(options: Options, recording: Recording) -> AsyncIterator[dict[str, str]]:
    """The doors, and what the environment has to say of them."""
    async with Upstream(ca_file=options.ca_file) as upstream:
        if options.door == "reverse":
            recorder = recording.recorder(upstream, ReverseDoor(options.upstream))
            async with Door(recorder, port=options.port) as door:
                click.echo(
                    f"recording {options.upstream} at {door.url}: say {door.host}/owner/name", err=True
                )
                yield {"GHCR_REGISTRY": door.url, "GHCR_SIM_REGISTRY": door.host}
            return
        host = urlsplit(options.upstream).hostname or ""
        if not options.upstream.startswith("https://"):
            raise ServeError(
                "the forward door takes over https:// registries; for plain HTTP use --door reverse"
            )
        hosts = frozenset({GHCR_STORAGE, *options.also_hosts})
        recorder = recording.recorder(upstream, ForwardDoor(options.upstream, hosts))
        with tempfile.TemporaryDirectory(prefix="ghcr-sim-ca-") as folder:
            authority = Authority.create()
            authority.write(Path(folder))
            async with Proxy(
                recorder, authority, frozenset({host, API_HOST}) | hosts, port=options.port
            ) as proxy:
                variables = environment(proxy.url, Path(folder) / "ca.crt")
                click.echo(
                    f"recording {host} through {proxy.url}, with the authority {folder}/ca.crt", err=True
                )
                if not options.command:
                    for name, value in variables.items():
                        click.echo(f"  export {name}={value}", err=True)
                if is_loopback(host):
                    click.echo(f"clients go to {host} without a proxy: for it, use --door reverse", err=True)
                yield variables
            if proxy.refused:
                click.echo(_left_out(proxy.refused), err=True)


def _left_out(hosts: list[str]) -> str:
    """Which hosts a client wanted that are not taken over, and what to do."""
    names = sorted(set(hosts))
    options = " ".join(f"--also-host {each}" for each in names)
    return f"not taken over, and refused: {', '.join(names)}; to record them, too: {options}"


def environment(proxy: str, ca: Path) -> dict[str, str]:
    """What makes clients go through a proxy and trust its authority.

    Args:
        proxy: The proxy's URL.
        ca: The authority's certificate.

    Returns:
        Variables: Go's and OpenSSL's, requests', curl's, git's, Node's, and ours.
    """
    trusted = str(ca)
    return {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",  # in small letters it would win, and may name the registry
        "SSL_CERT_FILE": trusted,
        "REQUESTS_CA_BUNDLE": trusted,
        "CURL_CA_BUNDLE": trusted,
        "GIT_SSL_CAINFO": trusted,
        "NODE_EXTRA_CA_CERTS": trusted,
        "NODE_USE_ENV_PROXY": "1",
        "GHCR_CA_FILE": trusted,
    }


async def command(
    words: tuple[str, ...], variables: Mapping[str, str], stopped: asyncio.Event | None = None
) -> int:
    """Run a command to its end, or wait for Ctrl-C where there is none.

    Args:
        words: The command, or nothing.
        variables: What its environment has beside ours.
        stopped: What is waited for where there is no command; see `stop_signal`.

    Returns:
        Its exit status.

    Raises:
        ServeError: It cannot be run.
    """
    if stopped is not None:
        await stopped.wait()
        return 0
    try:
        process = await asyncio.create_subprocess_exec(*words, env={**os.environ, **variables})
    except OSError as error:
        raise ServeError(f"cannot run {words[0]}: {error.strerror}") from None
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def stop_signal() -> asyncio.Event:
    """What is set by Ctrl-C or SIGTERM: from now on, before anybody is told that a door is open."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(name, stopped.set)
    return stopped


def _leave(target: Path, recording: Recording) -> None:
    """Keep what was completed before an interruption, and say where it is."""
    try:
        left = recording.leave()
    except CassetteError as error:
        click.echo(f"ghcr-sim: interrupted, and nothing was kept: {error}", err=True)
        return
    old = "; the old cassette is as it was" if target.exists() else ""
    if left is None:
        click.echo(f"{target}: interrupted: nothing was recorded{old}", err=True)
        return
    click.echo(
        f"{target}: interrupted: what was completed is in {left}; a cassette is made of it by "
        f"ghcr-sim cassette merge {shlex.quote(str(target))}, and by the next recording, unless you delete it{old}",
        err=True,
    )


def _tell(options: Options, recording: Recording, cassette: Cassette | None) -> None:
    """Say what became of it."""
    for each in recording.withheld:
        click.echo(f"withheld, because it holds a secret, or may hold one: {each}", err=True)
    if cassette is None:
        click.echo(f"{options.to}: another recorder is still at it; it will merge this part, too", err=True)
        return
    if recording.joined:
        click.echo(
            f"{options.to}: what other recorders had left was merged, too: {told_of(recording.joined)}",
            err=True,
        )
    count = len(cassette.exchanges)
    click.echo(f"{options.to}: {count} exchanges, replayed twice", err=True)
