"""Commands for single blobs: `blob get`, `blob put`, `blob exists`; to and from files, stdin and stdout."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ghcr_client.cli.exits import Exit
from ghcr_client.cli.options import Group
from ghcr_client.cli.progress import showing

if TYPE_CHECKING:
    from ghcr_client.cli.options import Options
    from ghcr_client.client import GhcrClient

__all__ = ["COMMANDS"]

_STANDARD = Path("-")
_SHORT = 0.2


@click.group(cls=Group)
def blob() -> None:
    """Single blobs of a repository."""


@blob.command()
@click.argument("repo")
@click.argument("digest")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.pass_obj
def get(options: Options, repo: str, digest: str, path: Path | None) -> None:
    """Download a blob to PATH, or to stdout without one.

    A file appears when it is whole and verified. Stdout, a pipe and a device have got their bytes by then: exit code 7
    says that they are not to be used.
    """
    from ghcr_client.cli.running import run  # noqa: PLC0415 - `--help` should not import a client

    target = None if path in (None, _STANDARD) or _is_stdout(path) else path
    _check_target(options, path, target)

    async def work(client: GhcrClient) -> int:
        with showing(options, "get", "got") as tally:
            sink = sys.stdout.buffer if target is None else target
            return await client.download_blob(repo, digest, sink, progress=tally)

    # A reader of stdout may have stopped reading, and nothing has to be put in order there.
    size = run(options, work) if target else run(options, work, grace=_SHORT)
    if target is None:
        sys.stdout.buffer.flush()
    else:
        document = {"digest": digest, "size": size, "path": str(target)}
        options.output.result(document, [str(target)])


@blob.command()
@click.argument("repo")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option("--digest", metavar="DIGEST", help="Its digest, if known: other content is refused.")
@click.option(
    "--media-type", default="application/octet-stream", show_default=True, help="For the descriptor (--json)."
)
@click.pass_obj
def put(options: Options, repo: str, path: Path, digest: str | None, media_type: str) -> None:
    """Upload a blob from PATH, or from stdin while it comes (-); print its digest."""
    from ghcr_client.cli.running import run  # noqa: PLC0415 - the same
    from ghcr_client.cli.standard import stdin_pieces  # noqa: PLC0415 - the same

    if path == _STANDARD and options.token_stdin:
        raise click.UsageError("stdin cannot be both the token and the blob: set GHCR_TOKEN")
    if path != _STANDARD and not path.is_file():
        raise click.UsageError(f"{path} is no regular file: give it to stdin, and - as PATH (- < {path})")

    async def work(client: GhcrClient) -> dict[str, Any]:
        content = stdin_pieces() if path == _STANDARD else path
        with showing(options, "put", "put") as tally:
            done = await client.upload_blob(
                repo, content, digest=digest, media_type=media_type, progress=tally
            )
        return done.model_dump(mode="json", by_alias=True, exclude_none=True)

    descriptor = run(options, work)
    options.output.result(descriptor, [descriptor["digest"]])


@blob.command()
@click.argument("repo")
@click.argument("digest")
@click.pass_obj
def exists(options: Options, repo: str, digest: str) -> None:
    """Say yes or no, and end with 0 or 3."""
    from ghcr_client.cli.running import run  # noqa: PLC0415 - the same

    async def work(client: GhcrClient) -> bool:
        return await client.blob_exists(repo, digest)

    there = run(options, work)
    options.output.result({"digest": digest, "exists": there}, ["yes" if there else "no"])
    if not there:
        raise click.exceptions.Exit(Exit.NOT_FOUND)


def _is_stdout(path: Path | None) -> bool:
    """Whether a path leads to where stdout goes, as /dev/stdout does: nothing else is written there."""
    try:
        return path is not None and os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):  # it is not there, or stdout is no file
        return False


def _check_target(options: Options, path: Path | None, target: Path | None) -> None:
    """Refuse a target that can only disappoint."""
    if target is None and options.as_json:
        raise click.UsageError("--json and the blob both want stdout: name a file")
    if path is None and sys.stdout.isatty():
        raise click.UsageError("stdout is a terminal, and a blob may be anything: name a file, or -")
    if target is not None and target.is_dir():
        raise click.UsageError(f"{target} is a directory: name a file")
    if target is not None and not target.parent.is_dir():
        raise click.UsageError(f"the directory {target.parent} is not there: make it first")


COMMANDS = (blob,)
