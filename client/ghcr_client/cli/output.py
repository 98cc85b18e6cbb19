"""What the command prints: results to stdout, as lines or one JSON document; all that is said about them to stderr.

Texts from a registry are made harmless for a terminal. It does not know what is printed.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from ghcr_client.masking import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Output", "human", "table"]

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_STEP = 1000
_WIDEST = 2000


class Output:
    """Where the command's words go.

    Args:
        as_json: Whether stdout gets one JSON document instead of lines.
        quiet: Whether nothing is said but results and errors.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet

    def result(self, document: dict[str, Any], lines: Iterable[str]) -> None:
        """The result, for who reads it.

        Args:
            document: For machines.
            lines: For people.
        """
        if self.as_json:
            # Not one character that a terminal or an encoding could stumble over.
            click.echo(json.dumps(document, indent=2))
            return
        for each in lines:
            self.line(each)

    def line(self, text: str) -> None:
        """A line of the result, harmless; blanks that make columns stay."""
        click.echo(_harmless(text))

    def note(self, text: str) -> None:
        """Something about the result, for people who look on."""
        if not (self.quiet or self.as_json):
            click.echo(_harmless(text), err=True)

    def raw(self, content: bytes) -> None:
        """Bytes as they are; on a terminal, their text without what could do something to it."""
        if sys.stdout.isatty():
            lines = content.decode("utf-8", "replace").split("\n")
            click.echo("\n".join(_harmless(each) for each in lines))
            return
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def human(size: int) -> str:
    """A size for people, in powers of 1000 as registries' pages show it.

    Args:
        size: Bytes.

    Returns:
        Such as `12.3 MB`.

    Example:
        >>> human(999), human(1000), human(12_345_678), human(999_999)
        ('999 B', '1.0 kB', '12.3 MB', '1.0 MB')
    """
    value, place = float(size), 0
    while round(value, 1) >= _STEP and place < len(_UNITS) - 1:
        value, place = value / _STEP, place + 1
    return f"{size} B" if place == 0 else f"{value:.1f} {_UNITS[place]}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns below their names.

    Args:
        head: The names; one in lower case is of a column of numbers, which stand to the right.
        rows: What is below.

    Returns:
        Lines, without blanks at their ends.

    Example:
        >>> table(["PLATFORM", "size"], [["linux/amd64", "4 B"]])
        ['PLATFORM     SIZE', 'linux/amd64   4 B']
    """
    cells = [[shown(cell, _WIDEST) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    right = [name.islower() for name in head]
    lines = []
    for row in ([name.upper() for name in head], *cells):
        fitted = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(fitted).rstrip())
    return lines


def _harmless(text: str) -> str:
    """The same line, without control characters."""
    return "".join(each if each.isprintable() or each == "\t" else "�" for each in text)
