"""The sequence diagram of one test, as SVG that stands in a page and takes its colours from there.

Client on the left, and to its right those who were asked. Every request is a pair of arrows: solid there, dashed back.
It writes no file and refers to nothing outside.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from ghcr_sim.journal import printable
from pytest_ghcr.folding import fold, last
from pytest_ghcr.showing import by_told, bytes_told, middle, repeat_told, status_told, time_told, what

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ghcr_sim.journal import Record
    from pytest_ghcr.folding import Round, Run

__all__ = ["MOST", "diagram"]

MOST = 100
"""How many pairs of arrows a diagram has at most."""

_LANES = {
    "registry": ("ghcr.io", "registry"),
    "token": ("ghcr.io/token", "token realm"),
    "storage": ("storage host", "blobs, signed"),
    "api": ("api.github.com", "GitHub's API"),
}
"""Who can be asked, by the first word of an operation; the registry is asked for all others."""

_CLIENT, _LABEL, _PITCH, _EDGE = 64, 396, 126, 66
_BOX_W, _BOX_H, _TOP, _ROW = 116, 38, 60, 46
_TAB, _AFTER = 20, 8
_LETTERS = 50
"""How many letters fit between the client and the next."""

_PANEL = 16
"""After so many rows the names stand there again: that fits on a sheet of paper, and paper cuts nothing in two."""


class _Sheet(NamedTuple):
    """Where everybody stands, and how wide that is."""

    lanes: Mapping[str, int]
    width: int


def diagram(records: Sequence[Record], *, earlier: int = 0, most: int = MOST) -> str:
    """Draw the last requests of a test.

    Args:
        records: What was asked, oldest first.
        earlier: How many came before them.
        most: How many pairs of arrows to draw; equal requests or rounds that follow each other are one.

    Returns:
        `<svg>` elements, one below the other.
    """
    folded = fold(records)
    shown = last(folded, most)
    left = earlier + sum(each.requests for each in folded[: len(folded) - len(shown)])
    sheet = _sheet(shown)
    return "".join(_panel(each, sheet, 0 if index else left) for index, each in enumerate(_panels(shown)))


def _panels(shown: Sequence[Round]) -> list[list[Round]]:
    panels: list[list[Round]] = []
    rows = _PANEL
    for each in shown:
        rows += len(each.runs)
        if rows > _PANEL:
            panels.append([])
            rows = len(each.runs)
        panels[-1].append(each)
    return panels


def _panel(shown: Sequence[Round], sheet: _Sheet, left: int) -> str:
    """A sheet of arrows below the names of everybody."""
    body, y = [], _TOP
    if left:
        told = f"{left:,} earlier request{'s' if left > 1 else ''} not shown"
        body.append(f'<text class="left" x="{_CLIENT + 10}" y="{_TOP - 5}">{told}</text>')
    for each in shown:
        if each.times > 1:
            body.append(_frame(each, sheet, y))
            y += _TAB
        body += [_pair(run, each.times, sheet, y + i * _ROW) for i, run in enumerate(each.runs)]
        y += len(each.runs) * _ROW + (_AFTER if each.times > 1 else 0)
    width, height = sheet.width, y + 4
    number = sum(len(each.runs) for each in shown)
    return (
        f'<svg class="sequence" role="img" aria-label="Sequence diagram of {number} exchanges" '
        f'viewBox="0 0 {width} {height}" style="max-width:{width}px;min-width:{width * 2 // 3}px">'
        f"{_boxes(sheet)}{_lifelines(sheet, height)}{''.join(body)}</svg>"
    )


def _frame(each: Round, sheet: _Sheet, y: int) -> str:
    """What came again and again, framed."""
    height = _TAB + len(each.runs) * _ROW
    return (
        f'<rect class="loop" x="3" y="{y + 3}" width="{sheet.width - 6}" height="{height}" rx="6"/>'
        f'<text class="again" x="{_CLIENT + 10}" y="{y + 17}">{each.times:,} times, bytes and times added up</text>'
    )


def _lane(record: Record) -> str:
    name = record.operation.partition(".")[0]
    return name if name in _LANES else "registry"


def _sheet(shown: Sequence[Round]) -> _Sheet:
    asked = {_lane(run.record) for each in shown for run in each.runs}
    first = _CLIENT + _LABEL
    lanes = {
        name: first + index * _PITCH for index, name in enumerate(name for name in _LANES if name in asked)
    }
    return _Sheet(lanes, max(lanes.values(), default=first) + _EDGE)


def _boxes(sheet: _Sheet) -> str:
    named = [(_CLIENT, "client", "code under test"), *((x, *_LANES[lane]) for lane, x in sheet.lanes.items())]
    return "".join(
        f'<rect class="box" x="{x - _BOX_W // 2}" y="2" width="{_BOX_W}" height="{_BOX_H}" rx="6"/>'
        f'<text class="who" x="{x}" y="18">{name}</text><text class="role" x="{x}" y="32">{role}</text>'
        for x, name, role in named
    )


def _lifelines(sheet: _Sheet, height: int) -> str:
    lines = "".join(f"M{x} {_BOX_H + 2}V{height}" for x in (_CLIENT, *sheet.lanes.values()))
    return f'<path class="life" d="{lines}"/>'


def _pair(run: Run, rounds: int, sheet: _Sheet, y: int) -> str:
    """One request and its answer: two labels, two arrows, and a bar for the time between them."""
    record = run.record
    x, there, back = sheet.lanes[_lane(record)], y + 18, y + 38
    asked, answered = _labels(run, run.times // rounds)
    hint = escape(printable(f"{record.method} {record.target}"))
    parts = [f'<g class="{" ".join(_classes(record))}"><title>{hint}</title>']
    if by_told(record) in {"fault", "miss"} or record.leak:
        parts.append(
            f'<rect class="mark" x="6" y="{y}" width="{sheet.width - 12}" height="{_ROW - 3}" rx="5"/>'
        )
    parts += [
        f'<rect class="busy" x="{x - 3}" y="{there}" width="6" height="{back - there}"/>',
        f'<path class="ask" d="M{_CLIENT} {there}H{x - 4}"/>',
        f'<path class="tip" d="M{x - 3} {there}l-8-4v8z"/>',
        f'<text class="op" x="{_CLIENT + 10}" y="{there - 5}">{asked}</text>',
        _answer(record, x, back),
        f'<text class="re" x="{_CLIENT + 14}" y="{back - 5}">{answered}</text></g>',
    ]
    return "".join(parts)


def _answer(record: Record, x: int, y: int) -> str:
    """The arrow back; it ends in a cross half-way where there was no answer."""
    if record.status:
        return (
            f'<path class="say" d="M{x - 4} {y}H{_CLIENT + 2}"/><path class="end" d="M{_CLIENT} {y}l8-4v8z"/>'
        )
    half = (x + _CLIENT) // 2
    return f'<path class="say" d="M{x - 4} {y}H{half}"/><path class="cut" d="M{half - 5} {y - 5}l10 10m0-10l-10 10"/>'


def _classes(record: Record) -> Iterator[str]:
    yield f"s{record.status // 100}"
    if by_told(record) in {"fault", "miss"}:
        yield by_told(record)
    if record.leak:
        yield "leak"


def _labels(run: Run, times: int) -> tuple[str, str]:
    """What stands above the arrow there, and above the one back."""
    record = run.record
    repeat = repeat_told(times)
    operation = printable(record.operation)
    room = _LETTERS - len(operation) - len(repeat) - 1
    asked = f"<tspan>{escape(operation)}</tspan> {escape(middle(what(record), room))}{repeat}"
    by = by_told(record)
    said = [bytes_told(run), time_told(run.seconds), *(() if by in {_lane(record), "nobody"} else (by,))]
    if record.leak:
        said.append("CREDENTIAL LEAK")
    status = status_told(record) if record.status else "no answer"
    told = " · ".join(escape(each) for each in said if each)
    return asked, f"<tspan>{status}</tspan> {told}"
