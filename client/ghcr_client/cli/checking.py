"""Commands that ask how things are: `login-check`, `health`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ghcr_client.cli.exits import Exit
from ghcr_client.cli.options import Command
from ghcr_client.errors import ConfigError

if TYPE_CHECKING:
    from ghcr_client.cli.options import Options
    from ghcr_client.client import GhcrClient
    from ghcr_client.operations.health import Health

__all__ = ["COMMANDS"]


@click.command("login-check", cls=Command)
@click.argument("repo", required=False)
@click.pass_obj
def login_check(options: Options, repo: str | None) -> None:
    """Say who is logged in, from where that is known, and whether it works.

    With REPO, whether that one may be pulled from.
    """
    from ghcr_client.cli.logins import Checking  # noqa: PLC0415 - `--help` should not import a client
    from ghcr_client.cli.running import run_with  # noqa: PLC0415 - the same

    async def work(client: Checking) -> dict[str, str | bool | None]:
        return await client.check(repo)

    found = run_with(Checking, options, work)
    lines = [
        f"registry:  {found['registry']}",
        f"user:      {found['username']}",
        f"from:      {found['source']}",
        f"token:     {'a pull token was fetched with it' if found['token_fetched'] else 'taken, or not asked for'}",
    ]
    if repo is not None:
        lines.append(f"pull:      {found['repository']} may be pulled from")
    options.output.result(found, lines)


@click.command(cls=Command)
@click.argument("host", required=False)
@click.pass_obj
def health(options: Options, host: str | None) -> None:
    """Say whether a registry answers, how fast, and what is left of its limits; ends with 0 or 1."""
    from dataclasses import asdict  # noqa: PLC0415 - the same

    from ghcr_client.cli.running import run  # noqa: PLC0415 - the same

    if host is not None:
        _check_name(host)

    async def work(client: GhcrClient) -> Health:
        return await client.health_check(host)

    found = run(options, work)
    answer = "no answer" if found.latency is None else f"{found.latency * 1000:.0f} ms"
    lines = [
        f"registry:  {found.registry}",
        f"well:      {'yes' if found.ok else 'no'}",
        f"answer:    {answer}",
    ]
    for name, limit in (("reads", found.reads), ("writes", found.writes)):
        if limit.limit is not None:
            left = f"{limit.remaining} of {limit.limit} left in {limit.period:.0f} s"
            lines.append(f"{name}:".ljust(11) + left)
    if found.error:
        lines.append(f"error:     {found.error}")
    options.output.result(asdict(found), lines)
    if not found.ok:
        raise click.exceptions.Exit(Exit.ERROR)


def _check_name(host: str) -> None:
    """Refuse what is no registry's name before anybody is asked."""
    from ghcr_client.auth.credentials import checked_registry  # noqa: PLC0415 - the same

    try:
        checked_registry(host)
    except ConfigError as error:
        raise click.UsageError(f"{error}; a URL is for --registry") from None


COMMANDS = (login_check, health)
