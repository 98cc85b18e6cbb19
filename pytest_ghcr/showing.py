"""How one request is shown to people, in a table and in a diagram alike.

It knows records and nothing of tests, terminals or HTML.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ghcr_sim.journal import printable, size_told

if TYPE_CHECKING:
    from ghcr_sim.journal import Record
    from pytest_ghcr.folding import Run

__all__ = ["TIMES", "by_told", "bytes_told", "middle", "repeat_told", "status_told", "time_told", "what"]

_DIGEST = re.compile(r"(?:sha256:|(sha512:))([0-9a-f]{8})[0-9a-f]{56,}")
_KNOWN = r"\1\2…"
_UPLOAD_SHOWN = 8

TIMES = "\N{MULTIPLICATION SIGN}"
"""Before the number of equal requests that are shown as one."""


def what(record: Record) -> str:
    """What was asked for: `acme/app:v1`, `acme/app@1234abcd…`, or the path where there is no repository."""
    if not record.repository:
        return printable(_DIGEST.sub(_KNOWN, record.target))
    if not record.reference:
        return printable(record.repository)
    if record.operation.startswith("upload."):
        known = record.reference[:_UPLOAD_SHOWN]
        return printable(f"{record.repository} ({known}{'…' if known != record.reference else ''})")
    mark = "@" if ":" in record.reference else ":"
    return printable(record.repository + mark + _DIGEST.sub(_KNOWN, record.reference))


def by_told(record: Record) -> str:
    """Who answered, in a word or two: `registry`, `token`, `storage`, `fault`, `recorded`, `derived`, `miss`."""
    name = record.by.partition(":")[0]
    return printable("token" if name.startswith("token for ") else name)


def status_told(record: Record) -> str:
    """The status, or `none` where the connection ended without an answer."""
    return str(record.status) if record.status else "none"


def bytes_told(run: Run) -> str:
    """Bytes in and out: `4.2 KiB out`; nothing where there were none."""
    parts = [f"{size_told(run.received)} in"] if run.received else []
    parts += [f"{size_told(run.sent)} out"] if run.sent else []
    return ", ".join(parts)


def repeat_told(times: int) -> str:
    """How often, to follow a name; nothing for once."""
    return f" {TIMES} {times}" if times > 1 else ""


def time_told(seconds: float) -> str:
    """A time for people: `0.3 ms`, `42 ms`, `2.31 s`, `3 min 20 s`."""
    milliseconds = seconds * 1e3
    if milliseconds < 10:  # noqa: PLR2004 - below, a tenth says something
        return f"{milliseconds:.1f} ms"
    if milliseconds < 999.5:  # noqa: PLR2004 - what rounds to a second is one
        return f"{milliseconds:.0f} ms"
    if seconds < 59.995:  # noqa: PLR2004 - the same for a minute
        return f"{seconds:.2f} s"
    return f"{round(seconds) // 60} min {round(seconds) % 60} s"


def middle(text: str, width: int) -> str:
    """A text in so many characters: what is too long loses its middle, since the end of a name says most."""
    if len(text) <= width:
        return text
    head = max((width - 1) * 2 // 5, 0)
    tail = max(width - 1 - head, 0)
    return f"{text[:head]}…{text[len(text) - tail :]}"
