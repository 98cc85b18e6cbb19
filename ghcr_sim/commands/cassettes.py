"""`ghcr-sim cassette` and `ghcr-sim scan`: what is in a cassette, and what should not be there.

Each function gives an exit status.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import click

from ghcr_sim.cassette import CassetteError, load
from ghcr_sim.cassette.care import format_cassette, is_formatted, missing, unneeded
from ghcr_sim.cassette.care import scan as scan_files
from ghcr_sim.cassette.har import to_har
from ghcr_sim.cassette.key import key_of_exchange
from ghcr_sim.cassette.merge import merge_parts, told_of
from ghcr_sim.cassette.report import told

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ghcr_sim.cassette.model import Exchange

__all__ = ["collect", "export", "format_all", "merge", "scan", "show"]


def show(path: Path) -> int:
    """Show a cassette; 1 where a line cannot be read, or the pool misses a body."""
    cassette = load(path, lenient=True)
    header = cassette.header
    made = (
        header.by_hand and f"written by hand: {header.by_hand}"
    ) or f"recorded {header.recorded_at} by {header.tool}"
    sealed = (
        "sealed" if cassette.is_sealed else "its seal is broken: it was edited, or the recorder was killed"
    )
    upstream = header.upstream or "nobody knows whom"
    click.echo(f"{path}: {len(cassette.exchanges)} exchanges with {upstream}, {made}; {sealed}")
    for each in cassette.exchanges:
        click.echo(
            f"{each.id:5}  {each.response.status:3}  {told(key_of_exchange(each)):90.90}  {_body(each)}"
        )
    faults = [*cassette.faults, *missing(cassette)]
    for fault in faults:
        click.echo(str(fault), err=True)
    return 1 if faults else 0


def _body(each: Exchange) -> str:
    """What became of an answer's body."""
    body = each.response.body
    if body is None:
        return ""
    if body.withheld:
        return f"withheld: {body.withheld}"
    return f"{body.size} bytes{' (cut off)' if body.truncated else ''}{' in the pool' if body.pooled else ''}"


def format_all(paths: Iterable[Path], *, check: bool) -> int:
    """Write cassettes in canonical form; with `check`, 1 where one is not, or the pool has not what it needs."""
    status = 0
    for path in paths:
        for fault in missing(load(path), thorough=True) if check else ():
            click.echo(str(fault), err=True)
            status = 1
        if is_formatted(path):
            continue
        if check:
            click.echo(
                f"{path}: not in canonical form, or its seal is broken; ghcr-sim cassette fmt mends it",
                err=True,
            )
            status = 1
        else:
            format_cassette(path)
            click.echo(f"{path}: written anew")
    return status


def collect(directory: Path, *, dry_run: bool) -> int:
    """Delete bodies that nobody needs, and what killed recorders were writing."""
    pool, digests = unneeded(directory)
    freed = 0
    # No recorder is alive here, or `unneeded` had said so.
    unfinished = pool.unfinished()
    for each in unfinished:
        freed += each.stat().st_size
        if not dry_run:
            each.unlink(missing_ok=True)
        click.echo(f"{'would delete' if dry_run else 'deleted'} {each}: a killed recorder was writing it")
    for digest in digests:
        freed += pool.path(digest).stat().st_size
        if not dry_run:
            pool.remove(digest)
        click.echo(f"{'would delete' if dry_run else 'deleted'} {digest}")
    click.echo(f"{len(digests) + len(unfinished)} bodies, {freed} bytes")
    return 0


def merge(path: Path) -> int:
    """Make a cassette of left parts, and say which they were."""
    cassette, left = asyncio.run(merge_parts(path))
    click.echo(f"{path}: {len(cassette.exchanges)} exchanges, replayed twice; merged: {told_of(left)}")
    click.echo(
        "The secrets that those recorders knew are forgotten: what they left was searched for what looks like one "
        "only. Look through it before you share it."
    )
    return 0


def export(path: Path, har: Path) -> int:
    """Write a HAR file."""
    document = to_har(load(path))
    try:
        har.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise CassetteError(f"it cannot be written: {error.strerror}", path=har) from None
    return 0


def scan(paths: Iterable[Path]) -> int:
    """Look for secrets; 1 where there is something. The secret itself is not shown."""
    found = 0
    for each in scan_files(paths):
        click.echo(f"{each.path}:{each.place}: {each.what}")
        found += 1
    if not found:
        click.echo("nothing that looks like a secret")
    return 1 if found else 0
