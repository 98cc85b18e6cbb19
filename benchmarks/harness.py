"""The command line that both benchmarks have: how much to measure, where to write it down, and the order of it all.

Everything happens on 127.0.0.1 and in one temporary folder. Each server is ended by its process id and the
folder removed at the end, on Ctrl-C and on SIGTERM as well.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from judging import judge
from programs import facts
from report import Table, as_json, as_markdown, as_text, row_table, verdict_table
from rounds import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from judging import Requirement, Row
    from measure import Samples
    from peers import Subject

__all__ = ["Suite"]


@dataclass(frozen=True, slots=True)
class Suite:
    """What one of the two commands measures.

    Attributes:
        program: What the command is called.
        summary: What it does, in a sentence.
        rows: What can be measured.
        requirements: What must be reached.
        order: The subjects in the order of the tables.
        sizes: A size of `Plan` → what it is, with its full value.
        quick: The sizes of a smoke run.
        full: The sizes of a full one, where they are not those of `Plan`.
        registries: The registries to start, of those that `--subject` names.
        missing: What is not installed, of those.
        chosen: What `--subject` may name; without any there is no such option.
    """

    program: str
    summary: str
    rows: Sequence[Row]
    requirements: Sequence[Requirement]
    order: Sequence[str]
    sizes: Mapping[str, str]
    quick: Mapping[str, int]
    registries: Callable[[Sequence[str]], Sequence[Subject]]
    missing: Callable[[Sequence[str]], list[str]]
    chosen: Sequence[str] = ()
    full: Mapping[str, int] = field(default_factory=dict)

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Measure, print, and say by the exit status whether it went well."""
        options = self._parser().parse_args(arguments)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            with tempfile.TemporaryDirectory(prefix="ghcr-benchmarks-") as name:
                plan = self._plan(options, Path(name))
                told = facts(plan.folder)
                rows = self._measure(plan, options.only or [row.name for row in self.rows])
        except KeyboardInterrupt:
            print(f"{self.program}: interrupted", file=sys.stderr)
            return 130
        told["load after"] = f"{os.getloadavg()[0]:.2f}"
        self._write(options, told, rows, self._tables(plan, rows))
        missed = any(judge(one, rows[one.row]).met is False for one in self.requirements if one.row in rows)
        return 1 if options.check and missed else 0

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(prog=self.program, description=self.summary)
        names = [row.name for row in self.rows]
        parser.add_argument(
            "--only", action="append", choices=names, metavar="ROW", help=f"of {', '.join(names)}; repeatable"
        )
        if self.chosen:
            parser.add_argument(
                "--subject",
                action="append",
                choices=self.chosen,
                metavar="NAME",
                help=f"of {', '.join(self.chosen)}; repeatable",
            )
        for name, what in self.sizes.items():
            parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=what)
        parser.add_argument("--quick", action="store_true", help="a smoke run: everything small, one round")
        parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
        parser.add_argument("--check", action="store_true", help="exit 1 where a requirement is missed")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write each value there")
        parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
        parser.set_defaults(subject=None)
        return parser

    def _plan(self, options: argparse.Namespace, folder: Path) -> Plan:
        """What the options ask for; what they leave open is full size, or small with `--quick`."""
        plan = Plan(self.registries(options.subject or ()), folder, quiet=options.quiet)
        sizes = dict(self.quick if options.quick else self.full)
        sizes |= {name: value for name in self.sizes if (value := getattr(options, name)) is not None}
        if any(value < 1 for value in sizes.values()):
            raise SystemExit(f"{self.program}: sizes and counts start at 1")
        return replace(plan, **sizes)

    def _measure(self, plan: Plan, wanted: Sequence[str]) -> dict[str, Samples]:
        """The rows' samples; rows that share a measurement are measured once."""
        taken: dict[Callable[[Plan], Samples], Samples] = {}
        rows: dict[str, Samples] = {}
        for row in self.rows:
            if row.name in wanted:
                if row.measure not in taken:
                    taken[row.measure] = row.measure(plan)
                rows[row.name] = taken[row.measure]
        return rows

    def _tables(self, plan: Plan, rows: Mapping[str, Samples]) -> list[Table]:
        """A table for each row that was measured, and the requirements."""
        size = {"mib": plan.blob_mib, "images": plan.images}
        tables = [
            row_table(row, rows[row.name], size, self.requirements, self.order)
            for row in self.rows
            if row.name in rows
        ]
        return [*tables, verdict_table(rows, self.requirements)]

    def _write(
        self,
        options: argparse.Namespace,
        told: dict[str, str],
        rows: dict[str, Samples],
        tables: list[Table],
    ) -> None:
        missing = self.missing(options.subject or ())
        head = [f"{name}: {value}" for name, value in told.items()]
        head += [f"{name}: MISSING, not installed" for name in missing]
        print("\n".join(head), *map(as_text, tables), sep="\n\n")
        if options.markdown:
            body = "\n\n".join(["\n".join(f"- {line}" for line in head), *map(as_markdown, tables)])
            options.markdown.write_text(body + "\n")
        if options.json:
            options.json.write_text(as_json(told, missing, rows, self.requirements) + "\n")
