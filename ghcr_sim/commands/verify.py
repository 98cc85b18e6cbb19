"""`ghcr-sim verify`: the verdict on each exchange as text, JSON or one HTML page; 1 where something differs."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import click

from ghcr_sim.cassette import CassetteError, load
from ghcr_sim.cassette.key import key_of_exchange
from ghcr_sim.cassette.report import told
from ghcr_sim.judge import judge_fake
from ghcr_sim.live import GHCR, judge_live

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghcr_sim.judge import Difference

__all__ = ["Options", "run"]


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    path: Path
    profile: str
    form: str
    output: Path | None
    live: bool
    upstream: str | None = None


def run(options: Options) -> int:
    """Judge, and show the verdicts; the exit status."""
    cassette = load(options.path).sealed()
    verdicts = asyncio.run(
        judge_live(cassette, options.upstream or GHCR)
        if options.live
        else judge_fake(cassette, options.profile)
    )
    against = cassette.header.upstream if options.live else f"the fake (profile {options.profile})"
    text = _FORMS[options.form](options.path, against, verdicts)
    if options.output is None:
        click.echo(text)
    else:
        try:
            options.output.write_text(text + "\n", "utf-8")
        except OSError as error:
            raise CassetteError(f"it cannot be written: {error.strerror}", path=options.output) from None
    return 1 if any(each.verdict == "different" for each in verdicts) else 0


def _text(path: Path, against: str, verdicts: Sequence[Difference]) -> str:
    lines = [f"{path} against {against}"]
    for each in verdicts:
        if each.verdict == "same":
            continue
        lines.append(f"{each.exchange.id:5}  {each.verdict:9}  {told(key_of_exchange(each.exchange))}")
        lines += [f"{'':18}{note}" for note in each.notes]
    return "\n".join([*lines, _count(verdicts)])


def _count(verdicts: Sequence[Difference]) -> str:
    counted = Counter(each.verdict for each in verdicts)
    return ", ".join(f"{counted[name]} {name}" for name in ("same", "different", "not asked"))


def _json(path: Path, against: str, verdicts: Sequence[Difference]) -> str:
    return json.dumps(
        {
            "cassette": str(path),
            "against": against,
            "exchanges": [
                {
                    "id": each.exchange.id,
                    "operation": each.exchange.operation,
                    "repository": each.exchange.repository,
                    "reference": each.exchange.reference,
                    "status": each.exchange.response.status,
                    "verdict": each.verdict,
                    "notes": list(each.notes),
                }
                for each in verdicts
            ],
        },
        indent=2,
    )


def _html(path: Path, against: str, verdicts: Sequence[Difference]) -> str:
    rows = "\n".join(_row(each) for each in verdicts)
    template = Template((Path(__file__).parent / "verify.html").read_text("utf-8"))
    return template.substitute(
        cassette=escape(str(path)), against=escape(against), count=escape(_count(verdicts)), rows=rows
    )


def _row(each: Difference) -> str:
    exchange = each.exchange
    notes = "".join(f"<li>{escape(note)}</li>" for note in each.notes)
    cells = (
        str(exchange.id),
        f'<b class="{each.verdict.replace(" ", "-")}">{each.verdict}</b>',
        str(exchange.response.status),
        f"<code>{escape(told(key_of_exchange(exchange)))}</code>{f'<ul>{notes}</ul>' if notes else ''}",
    )
    return (
        f'<tr class="{each.verdict.replace(" ", "-")}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
    )


_FORMS = {"text": _text, "json": _json, "html": _html}
