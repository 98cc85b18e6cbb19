"""The command line of `benchmarks/run`: what to measure, how much of it, and where to write it down.

Everything happens on 127.0.0.1 and in one temporary folder. Each server is ended by its process id and the
folder removed at the end, on Ctrl-C and on SIGTERM as well.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from peers import SUBJECTS, available
from programs import facts
from report import Table, as_json, as_markdown, as_text, row_table, verdict_table
from rounds import Plan
from targets import REQUIREMENTS, ROWS, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from measure import Samples

__all__ = ["main"]

QUICK = {"rounds": 1, "seconds": 1, "blob_mib": 32, "images": 50, "starts": 60}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks/run", description=__doc__.splitlines()[0])
    names = [row.name for row in ROWS]
    parser.add_argument(
        "--only", action="append", choices=names, metavar="ROW", help=f"of {', '.join(names)}; repeatable"
    )
    parser.add_argument(
        "--subject",
        action="append",
        choices=[one.name for one in SUBJECTS],
        metavar="NAME",
        help=f"of {', '.join(one.name for one in SUBJECTS)}; repeatable",
    )
    parser.add_argument("--rounds", type=int, help="rounds a row (3)")
    parser.add_argument("--seconds", type=int, help="seconds of each load of small requests (4)")
    parser.add_argument("--blob-mib", type=int, help="size of the big blob (1024)")
    parser.add_argument("--images", type=int, help="how many small images (1000)")
    parser.add_argument("--starts", type=int, help="in-process starts; a twentieth of it, spawned ones (400)")
    parser.add_argument("--quick", action="store_true", help="a smoke run: everything small, one round")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    parser.add_argument("--check", action="store_true", help="exit 1 where a requirement is missed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write each value there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    return parser


def _plan(options: argparse.Namespace, folder: Path) -> Plan:
    """What the options ask for; what they leave open is full size, or small with `--quick`."""
    plan = Plan(available(options.subject or ()), folder, quiet=options.quiet)
    sizes = dict(QUICK) if options.quick else {}
    sizes |= {name: value for name in QUICK if (value := getattr(options, name)) is not None}
    if any(value < 1 for value in sizes.values()):
        raise SystemExit("benchmarks/run: sizes and counts start at 1")
    return replace(plan, **sizes)


def _measure(plan: Plan, wanted: Sequence[str]) -> dict[str, Samples]:
    """The rows' samples; rows that share a measurement are measured once."""
    taken: dict[Callable[[Plan], Samples], Samples] = {}
    rows: dict[str, Samples] = {}
    for row in ROWS:
        if row.name in wanted:
            if row.measure not in taken:
                taken[row.measure] = row.measure(plan)
            rows[row.name] = taken[row.measure]
    return rows


def _missing(options: argparse.Namespace, plan: Plan) -> list[str]:
    """The programs of the wanted subjects that are not installed."""
    installed = {one.name for one in plan.subjects}
    wanted = options.subject or [one.name for one in SUBJECTS]
    return [one.name for one in SUBJECTS if one.name in wanted and one.name not in installed]


def _write(
    options: argparse.Namespace,
    told: dict[str, str],
    missing: list[str],
    rows: dict[str, Samples],
    tables: list[Table],
) -> None:
    head = [f"{name}: {value}" for name, value in told.items()]
    head += [f"{name}: MISSING, not installed" for name in missing]
    print("\n".join(head), *map(as_text, tables), sep="\n\n")
    if options.markdown:
        body = "\n\n".join(["\n".join(f"- {line}" for line in head), *map(as_markdown, tables)])
        options.markdown.write_text(body + "\n")
    if options.json:
        options.json.write_text(as_json(told, missing, rows) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit status whether it went well."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="ghcr-benchmarks-") as name:
            plan = _plan(options, Path(name))
            told = facts(plan.folder)
            rows = _measure(plan, options.only or [row.name for row in ROWS])
    except KeyboardInterrupt:
        print("benchmarks/run: interrupted", file=sys.stderr)
        return 130
    told["load after"] = f"{os.getloadavg()[0]:.2f}"
    size = {"mib": plan.blob_mib, "images": plan.images}
    tables = [row_table(row, rows[row.name], size) for row in ROWS if row.name in rows]
    _write(options, told, _missing(options, plan), rows, [*tables, verdict_table(rows)])
    missed = any(judge(one, rows[one.row]).met is False for one in REQUIREMENTS if one.row in rows)
    return 1 if options.check and missed else 0
