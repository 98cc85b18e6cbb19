"""The section of a failed test's report: the last requests as a table, and what did not happen.

Text for a terminal of a given width; the page of a whole run is `pytest_ghcr.report`.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from ghcr_sim.journal import printable, size_told
from pytest_ghcr.folding import fold, last
from pytest_ghcr.showing import by_told, bytes_told, middle, repeat_told, status_told, time_told, what

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ghcr.folding import Round, Run
    from pytest_ghcr.story import Story

__all__ = ["ROWS", "section", "table"]

ROWS = 25
"""How many rows a section shows: what led to a failure is at the end."""

_NARROWEST = 60
_WIDE = 100
"""From here on there is room for every word."""

_LEAK = "  ^ CREDENTIAL LEAK: a credential came to the storage host"


class _Column(NamedTuple):
    title: str
    gap: str
    right: bool = False


_COLUMNS = (
    _Column("method", ""),
    _Column("operation", "  "),
    _Column("repository", "  "),
    _Column("status", " ", right=True),
    _Column("bytes", " ", right=True),
    _Column("time", "  ", right=True),
    _Column("answered by", "  "),
)
_FLEXIBLE = 2
_FEWEST = 10
_NOTHING = "nothing was asked of the fake: does the code under test know its address?"
_PARTS = (
    ("unmet", "planned failures that were never met"),
    ("misses", "what the cassette has to say"),
    ("strays", "wanted, and closed to this test: nothing but the fake can be reached"),
    ("notes", "notes"),
)


def section(story: Story, width: int = 80) -> str:
    """What a failed test's report says of its fakes; the empty string where there is nothing to say.

    Args:
        story: The test.
        width: Columns of the terminal; below 80, rows of the table run on.
    """
    width = max(width, _NARROWEST)
    blocks = [table(story, width, ROWS)] if story.requests else []
    for name, title in _PARTS:
        texts = getattr(story, name)
        if texts:
            blocks.append("\n".join([*_wrapped(f"{title}:", width), *_listed(texts, width)]))
    if not blocks and story.watched:
        return "\n".join(_wrapped(_NOTHING, width))
    return "\n\n".join(blocks)


def table(story: Story, width: int, most: int) -> str:
    """The last requests of a test.

    Args:
        story: The test.
        width: Columns; the repository's gives way.
        most: How many rows; what is left out is counted above them.
    """
    shown = last(fold(story.records), most)
    left = story.requests - sum(each.requests for each in shown)
    lines = _wrapped(_head(story, left), width)
    return "\n".join([*lines, *(_rows(shown, width) if shown else [])])


def _rows(shown: Sequence[Round], width: int) -> Iterator[str]:
    wide = width >= _WIDE
    runs = [(run, each.times) for each in shown for run in each.runs]
    titles = [column.title if wide else column.title.removeprefix("answered ") for column in _COLUMNS]
    rows = [titles, *(_cells(run, wide=wide) for run, _ in runs)]
    repeats = ["", *(repeat_told(run.times // times) for run, times in runs)]
    widths = _widths(rows, repeats, width)
    told = (_line(row, repeat, widths) for row, repeat in zip(rows, repeats, strict=True))
    yield next(told)
    for each in shown:
        if each.times > 1:
            yield f"  {each.times} times these {len(each.runs)}, bytes and times added up:"
        for run in each.runs:
            yield next(told)
            if run.record.leak:
                yield _LEAK


def _head(story: Story, left: int) -> str:
    number = f"{story.requests:,} request{'s' if story.requests != 1 else ''}"
    parts = [number]
    if not left:
        sent = sum(each.sent for each in story.records)
        parts.append(f"{size_told(sent)} out")
    else:
        parts.append(f"the last {story.requests - left:,} shown, {left:,} earlier left out")
    if story.leaks:
        parts.append(f"{story.leaks} with a CREDENTIAL LEAK")
    return ", ".join(parts)


def _cells(run: Run, *, wide: bool) -> list[str]:
    record = run.record
    told = bytes_told(run)
    return [
        printable(record.method),
        printable(record.operation),
        what(record),
        status_told(record),
        told if wide else told.partition(", ")[0].removesuffix(" out"),
        time_told(run.seconds),
        by_told(record),
    ]


def _widths(rows: Sequence[Sequence[str]], repeats: Sequence[str], width: int) -> list[int]:
    """The columns' widths: each as wide as it has to be, and the repository's what is left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    wanted = max(len(row[_FLEXIBLE] + repeat) for row, repeat in zip(rows, repeats, strict=True))
    others = sum(widths) - widths[_FLEXIBLE] + sum(len(column.gap) for column in _COLUMNS)
    widths[_FLEXIBLE] = max(min(wanted, width - others), _FEWEST)
    return widths


def _line(row: Sequence[str], repeat: str, widths: Sequence[int]) -> str:
    cells = list(row)
    cells[_FLEXIBLE] = middle(row[_FLEXIBLE], widths[_FLEXIBLE] - len(repeat)) + repeat
    told = (
        column.gap + (cell.rjust(width) if column.right else cell.ljust(width))
        for column, cell, width in zip(_COLUMNS, cells, widths, strict=True)
    )
    return "".join(told).rstrip()


def _listed(texts: Sequence[str], width: int) -> Iterator[str]:
    for text in texts:
        first, *more = text.splitlines() or [""]
        yield from _wrapped(f"- {first}", width)
        for line in more:
            yield from _wrapped(f"  {line}", width)


def _wrapped(text: str, width: int) -> list[str]:
    """A line as lines that fit; what follows the first is indented as it is, and a bit more."""
    text = printable(text.expandtabs())
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    return textwrap.wrap(
        text, width, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True
    ) or [""]
