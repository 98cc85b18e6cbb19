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
    "--tls-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write ca.crt, server.crt and server.key (with --tls), new ones at each start; "
    "files that are not from ghcr-sim are refused.",
)
@click.option(
    "--tls-name", "tls_names", multiple=True, help="One more name for the certificate; may be repeated."
)
@click.option(
    "--credentials", type=click.Path(path_type=Path), help="Exactly these credentials exist (TOML)."
)
@click.option(
    "--storage-url", metavar="URL", help="Another name of this server, for blobs; 127.0.0.1 has two anyway."
)
@click.option(
    "--public/--private", default=False, help="Who may read packages that are pushed or seeded. [private]"
)
def serve(**options: Any) -> None:
    """Serve a local ghcr.io until Ctrl-C or SIGTERM."""
    _check_needs(options)
    from ghcr_sim.commands.serve import Options, run  # noqa: PLC0415 - `--help` should not import a server

    run(Options(**options))


_NEEDS = {
    "read_only": "store",
    "seed_as": "seeds",
    "tls_dir": "tls",
    "tls_names": "tls",
    "upstream": "live",
}
"""Option → the one without which it would silently do nothing."""


def _check_needs(options: dict[str, Any]) -> None:
    for option, needed in _NEEDS.items():
        if options.get(option) and not options.get(needed):
            raise click.UsageError(f"{_spelled(option)} means nothing without {_spelled(needed)}.")


def _spelled(option: str) -> str:
    """An option as it is typed."""
    return {"seeds": "--seed", "tls_names": "--tls-name"}.get(option) or "--" + option.replace("_", "-")


@cli.command()
def demo() -> None:
    """Show the main job in one go: serve, push, pull, verify, and what went over the wire."""
    from ghcr_sim.commands.demo import run  # noqa: PLC0415 - the same

    run()


_door = click.option(
    "--door",
    type=click.Choice(["reverse", "forward"]),
    default="reverse",
    show_default=True,
    help="A registry on a loopback port, or an HTTPS proxy that takes over the real names.",
)
_port = click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port; 0 takes a free one. [0]")


@cli.command()
@click.option(
    "--to", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The cassette to make."
)
@click.option("--upstream", default="https://ghcr.io", show_default=True, help="The registry to record.")
@_door
@_port
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Trust this authority, too.",
)
@click.option(
    "--also-host",
    "also_hosts",
    multiple=True,
    help="With --door forward: one more host to take over, a token realm's or a storage host's; may be repeated.",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def record(**options: Any) -> None:
    """Record what COMMAND says to a registry, and what it hears; without one, until Ctrl-C."""
    from ghcr_sim.commands.record import Options, run  # noqa: PLC0415 - `--help` should not import a server

    sys.exit(run(Options(**options)))


@cli.command()
@click.argument("cassette", type=click.Path(path_type=Path))
@click.option(
    "--strictness",
    type=click.Choice(["literal", "repeat", "registry"]),
    default="registry",
    show_default=True,
    help="Each answer once; safe requests again; or answers that follow from known content, too.",
)
@_door
@_port
@click.option("--quiet", is_flag=True, help="No line for each request.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def replay(**options: Any) -> None:
    """Answer COMMAND from a cassette, and from nowhere else; without one, until Ctrl-C."""
    from ghcr_sim.commands.replay import Options, run  # noqa: PLC0415 - the same

    sys.exit(run(Options(**options)))


@cli.group()
def cassette() -> None:
    """Look at cassettes, and look after them."""


_file = click.argument("path", type=click.Path(path_type=Path))


@cassette.command()
@_file
def show(path: Path) -> None:
    """Show a cassette, a line for each exchange; of a damaged one, what can be read."""
    from ghcr_sim.commands.cassettes import show as run  # noqa: PLC0415 - the same

    sys.exit(run(path))


@cassette.command("fmt")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--check",
    is_flag=True,
    help="Change nothing; fail where something would change, or a body is missing or damaged.",
)
def format_(paths: tuple[Path, ...], check: bool) -> None:
    """Write cassettes in canonical form, sealed anew."""
    from ghcr_sim.commands.cassettes import format_all  # noqa: PLC0415 - the same

    sys.exit(format_all(paths, check=check))


@cassette.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--dry-run", is_flag=True, help="Delete nothing; say what would be deleted.")
def gc(directory: Path, dry_run: bool) -> None:
    """Delete bodies from DIRECTORY's pool that none of its cassettes needs, or that were never finished."""
    from ghcr_sim.commands.cassettes import collect  # noqa: PLC0415 - the same

    sys.exit(collect(directory, dry_run=dry_run))


@cassette.command()
@_file
def merge(path: Path) -> None:
    """Make a cassette of what killed recorders have left."""
    from ghcr_sim.commands.cassettes import merge as run  # noqa: PLC0415 - the same

    sys.exit(run(path))


@cassette.command()
@_file
@click.option(
    "--har", "har", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Where to."
)
def export(path: Path, har: Path) -> None:
    """Write a cassette as a HAR file, for tools that show those."""
    from ghcr_sim.commands.cassettes import export as run  # noqa: PLC0415 - the same

    sys.exit(run(path, har))


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def scan(paths: tuple[Path, ...]) -> None:
    """Look for what looks like a secret in files and directories; fail where there is something."""
    from ghcr_sim.commands.cassettes import scan as run  # noqa: PLC0415 - the same

    sys.exit(run(paths))


@cli.command()
@_file
@click.option(
    "--profile", default="ghcr", show_default=True, help="The fake's profile: ghcr, oci, or a .toml file."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    help="How.",
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="A file; standard output without."
)
@click.option("--live", is_flag=True, help="Ask the real registry instead: has it changed? Reads only.")
@click.option(
    "--upstream",
    metavar="URL",
    help="With --live: the only registry that GHCR_LIVE_TOKEN may go to. [https://ghcr.io]",
)
def verify(**options: Any) -> None:
    """Play a cassette's requests at the fake, and show where its answers differ from the recorded ones."""
    _check_needs(options)
    from ghcr_sim.commands.verify import Options, run  # noqa: PLC0415 - the same

    sys.exit(run(Options(**options)))


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
