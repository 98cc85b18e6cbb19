"""The command itself: its options, its groups, and how each run ends.

An error is one line, and never a traceback; with `--json` it is a document on stdout.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any

import click

from ghcr_client.cli import blobs, changing, checking, moving, reading
from ghcr_client.cli.exits import MEANINGS, Closed, Exit, Stopped, error_document, error_line, exit_code
from ghcr_client.cli.options import Group, Options
from ghcr_client.cli.streams import replace_closed
from ghcr_client.errors import GhcrError

__all__ = ["cli", "main"]

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {int(code):>3}  {said}" for code, said in MEANINGS.items())


class _Top(Group):
    """The outermost group."""

    def invoke(self, context: click.Context) -> Any:
        """Run what was chosen. click would end a run without a reader by itself, with 1."""
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise Closed from None


@click.group(cls=_Top, top=True, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pytest-ghcr", prog_name="ghcr")
def cli() -> None:
    """Images, tags, blobs and referrers on ghcr.io and every other OCI registry.

    REF is [REGISTRY/]OWNER/NAME[:TAG][@DIGEST]; without a registry, --registry is meant.
    """


for _room in (checking, reading, moving, changing, blobs):
    for _command in _room.COMMANDS:
        cli.add_command(_command)


def main() -> None:
    """The command's entry."""
    if isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        # PYTHONUNBUFFERED: what a write does not take at once would be lost without a word.
        sys.stdout = open(sys.stdout.fileno(), "w", encoding=sys.stdout.encoding, closefd=False)  # noqa: SIM115
    replace_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    status = _run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        _forget_stdout()
        status = status or int(Exit.ERROR)
    sys.exit(status)


def _run(words: list[str]) -> int:
    """Run it; the exit code."""
    try:
        status = cli.main(words, prog_name="ghcr", standalone_mode=False, obj=Options())
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return int(Exit.USAGE)
    except Closed as error:
        _forget_stdout()
        return exit_code(error)
    except (GhcrError, Stopped, OSError, click.ClickException, click.Abort, KeyboardInterrupt) as error:
        _tell(error, as_json=_wants_json(words))
        return exit_code(error)
    return status if isinstance(status, int) else int(Exit.OK)


def _tell(error: BaseException, *, as_json: bool) -> None:
    """Say what happened; where even that cannot be said, nothing."""
    with contextlib.suppress(OSError):
        if as_json:
            click.echo(json.dumps(error_document(error), indent=2))
            return
    with contextlib.suppress(OSError):
        click.echo(error_line(error), err=True)


def _wants_json(words: list[str]) -> bool:
    """Whether `--json` was among the words, also where they were not understood."""
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def _forget_stdout() -> None:
    """Let nobody try to write what is left at the interpreter's end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
