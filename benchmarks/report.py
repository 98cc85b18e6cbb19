"""A run as text, as Markdown, and as JSON. What is missing or failed is said in its place, never left out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from judging import Requirement, Row, Verdict, judge, partner
from measure import Samples, ratios, spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Table", "as_json", "as_markdown", "as_text", "row_table", "verdict_table"]


@dataclass(frozen=True, slots=True)
class Table:
    """A title, a head, and lines of cells; the notes come below it."""

    title: str
    head: Sequence[str]
    lines: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def _short(value: float) -> str:
    """A figure with three digits that tell something."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def _cell(values: Sequence[float]) -> str:
    """A median with its range: `12.3 [11.9..14.0]`."""
    if not values:
        return "-"
    found = spread(values)
    if len(values) == 1:
        return _short(found.median)
    return f"{_short(found.median)} [{_short(found.low)}..{_short(found.high)}]"


def row_table(
    row: Row,
    samples: Samples,
    size: Mapping[str, int],
    requirements: Sequence[Requirement],
    order: Sequence[str],
) -> Table:
    """A row's figures: one line a subject, ratios first, then what was measured.

    Args:
        row: The row.
        samples: Its figures.
        size: What its title says of sizes.
        requirements: What is compared with whom; those on other rows are passed over.
        order: The subjects in their order; others come after them, as they came.
    """
    first, *rest = row.metrics
    partners = {
        (one.metric, who): None
        for one in requirements
        if one.row == row.name and one.against and samples.of(who := partner(one, samples), one.metric)
    }
    if samples.of(row.floor, first):
        partners[first, row.floor] = None
    lines = [
        [
            name,
            _cell(samples.of(name, first)),
            *(_cell(ratios(samples.of(name, metric), samples.of(who, metric))) for metric, who in partners),
            *(_cell(samples.of(name, metric)) for metric in rest),
        ]
        for name in samples.values
    ]
    places = {name: place for place, name in enumerate(order)}
    lines.sort(key=lambda line: places.get(line[0], len(places)))
    notes = [f"{name}: FAILED, {why}" for name, why in samples.failed.items()]
    titles = [f"{row.metrics[metric]} ÷ {who}" for metric, who in partners]
    head = ["", row.metrics[first], *titles, *(row.metrics[metric] for metric in rest)]
    return Table(row.title.format(**size), head, lines, notes)


def _limit(requirement: Requirement) -> str:
    words = f"{requirement.sense} {requirement.limit:g}"
    return words if requirement.goal is None else f"{words} (goal {requirement.goal:g})"


def _partner(verdict: Verdict) -> str:
    return f" ({verdict.partner})" if len(verdict.requirement.against) > 1 and verdict.partner else ""


def _verdict(verdict: Verdict) -> str:
    if verdict.met is None:
        return "not measured"
    if not verdict.met:
        return f"MISSED by {', '.join(verdict.missed)}"
    return "met, and the goal" if verdict.goal_met else "met"


def verdict_table(rows: Mapping[str, Samples], requirements: Sequence[Requirement]) -> Table:
    """Every requirement on the measured rows, beside its figures."""
    verdicts = [judge(one, rows[one.row]) for one in requirements if one.row in rows]
    lines = [
        [
            verdict.requirement.text + _partner(verdict),
            _limit(verdict.requirement),
            ", ".join(f"{name} {_short(value)}" for name, value in verdict.measured.items()) or "-",
            _verdict(verdict),
        ]
        for verdict in verdicts
    ]
    return Table("Requirements (medians)", ["what", "must reach", "measured", ""], lines)


def as_text(table: Table) -> str:
    """A table for a terminal: the first column to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(table.head, *table.lines, strict=True)]
    right = table.title != "Requirements (medians)"

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        more = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width in zip(cells[1:], widths[1:], strict=True)
        )
        return "  ".join(["", first, *more]).rstrip()

    parts = [table.title, line(table.head), *map(line, table.lines), *(f"  {note}" for note in table.notes)]
    return "\n".join(parts)


def as_markdown(table: Table) -> str:
    """A table for a page."""

    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells)} |"

    parts = [
        f"### {table.title}",
        "",
        line(table.head),
        line(["---"] * len(table.head)),
        *map(line, table.lines),
    ]
    if table.notes:
        parts += ["", *(f"- {note}" for note in table.notes)]
    return "\n".join(parts)


def as_json(
    facts: Mapping[str, str],
    missing: Sequence[str],
    rows: Mapping[str, Samples],
    requirements: Sequence[Requirement],
) -> str:
    """Everything, with each round's value."""
    verdicts = [judge(one, rows[one.row]) for one in requirements if one.row in rows]
    return json.dumps(
        {
            "facts": dict(facts),
            "missing": list(missing),
            "rows": {name: {"values": one.values, "failed": one.failed} for name, one in rows.items()},
            "requirements": [
                {
                    "row": one.requirement.row,
                    "text": one.requirement.text,
                    "sense": one.requirement.sense,
                    "limit": one.requirement.limit,
                    "goal": one.requirement.goal,
                    "partner": one.partner,
                    "measured": dict(one.measured),
                    "missed": list(one.missed),
                    "met": one.met,
                    "goal_met": one.goal_met,
                }
                for one in verdicts
            ],
        },
        indent=1,
    )
