"""The command `ghcr-sim`. It turns words into a configuration; what it does lives elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ghcr_sim.errors import GhcrSimError

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pytest-ghcr", prog_name="ghcr-sim")
def cli() -> None:
    """A fake ghcr.io that real clients cannot tell from the real one."""


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=5000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option("--profile", default="ghcr", show_default=True, help="ghcr, oci, or a path to a .toml file.")
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep everything in this directory, an OCI layout for each repository; memory without it.",
)
@click.option(
    "--read-only", is_flag=True, help="Read --store, and keep what is pushed in memory. Needs no lock."
)
@click.option(
    "--seed",
    "seeds",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="An OCI layout (directory or tar) or `docker save` output to start with; may be repeated.",
)
@click.option("--seed-as", metavar="OWNER/NAME", help="The repository of seeds that do not name one.")
@click.option("--tls", is_flag=True, help="Serve HTTPS with a CA made on the spot.")
@click.option(
    "--tls-dir", type=click.Path(path_type=Path, file_okay=False), help="Where to write ca.crt (with --tls)."
)
@click.option(
    "--tls-name", "tls_names", multiple=True, help="One more name for the certificate; may be repeated."
)
@click.option(
    "--credentials", type=click.Path(path_type=Path), help="Exactly these credentials exist (TOML)."
)
@click.option(
    "--storage-url", metavar="URL", help="Another name of this server, for blobs; loopback has two anyway."
)
@click.option(
    "--public/--private", default=False, help="Who may read packages that are pushed or seeded. [private]"
)
def serve(**options: Any) -> None:
    """Serve a local ghcr.io until Ctrl-C or SIGTERM."""
    for option, needed in _NEEDS.items():
        if options[option] and not options[needed]:
            raise click.UsageError(f"{_spelled(option)} means nothing without {_spelled(needed)}.")
    from ghcr_sim.commands.serve import Options, run  # noqa: PLC0415 - `--help` should not import a server

    run(Options(**options))


_NEEDS = {"read_only": "store", "seed_as": "seeds", "tls_dir": "tls", "tls_names": "tls"}
"""Option → the one without which it would silently do nothing."""


def _spelled(option: str) -> str:
    """An option as it is typed."""
    return {"seeds": "--seed", "tls_names": "--tls-name"}.get(option) or "--" + option.replace("_", "-")


@cli.command()
def demo() -> None:
    """Show the main job in one go: serve, push, pull, verify, and what went over the wire."""
    from ghcr_sim.commands.demo import run  # noqa: PLC0415 - the same

    run()


def main() -> None:
    """The command's entry: an error is one line that says what to type."""
    try:
        status = cli.main(prog_name="ghcr-sim", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        status = 2
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "ghcr-sim"
        what = error.format_message().rstrip(".")
        click.echo(f"{where}: {what}{'' if '?' in what[-2:] else '.'} See `{where} --help`.", err=True)
        status = error.exit_code
    except click.Abort:
        status = 130
    except GhcrSimError as error:
        click.echo(f"ghcr-sim: {error}", err=True)
        status = 1
    sys.exit(status)
