"""The page of a run as HTML: a summary, the tests to choose from, and a diagram for each that failed.

Everything that a test said is escaped, and a policy in the page forbids it to load anything. It writes no file.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from ghcr_sim.journal import printable
from pytest_ghcr.diagram import MOST, diagram
from pytest_ghcr.showing import time_told
from pytest_ghcr.table import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pytest_ghcr.story import Story

__all__ = ["page"]

_WORST = ("failed", "error")
_COLOURS = {"failed": "bad", "error": "bad", "passed": "good", "skipped": "plain"}
_PARTS = (
    ("unmet", "Planned failures that were never met"),
    ("misses", "The cassette"),
    ("strays", "Wanted, and closed to this test"),
    ("notes", "Notes"),
)
_COUNTED = (
    ("credential leaks", lambda each: each.leaks),
    ("unmet failures", lambda each: len(each.unmet)),
    ("cassette misses", lambda each: len(each.misses)),
    ("closed names", lambda each: len(each.strays)),
)
_PAIRS, _LETTERS = 4000, 1_000_000
"""How many pairs of arrows, and letters of failures, a page has in all: it has to open on a phone."""

_FEWEST, _SHORTEST, _LONGEST = 8, 2000, 12_000


def page(
    stories: Sequence[Story], *, title: str, started: datetime, seconds: float, versions: Mapping[str, str]
) -> str:
    """The page of a run; see `pytest_ghcr.report.write_report` for what is what."""
    ordered = sorted(stories, key=lambda each: not _at_length(each))
    counted = Counter(each.outcome for each in stories)
    outcomes = sorted(counted, key=lambda each: (each not in _WORST, each != "passed", each))
    slugs = {outcome: f"o{index}" for index, outcome in enumerate(outcomes)}
    told = max(sum(_at_length(each) for each in stories), 1)
    most, letters = max(_FEWEST, min(MOST, _PAIRS // told)), max(_SHORTEST, min(_LONGEST, _LETTERS // told))
    source = (Path(__file__).parent / "report.html").read_text("utf-8")
    script = source.partition("<script>")[2].partition("</script>")[0]
    return Template(source).substitute(
        policy=b64encode(sha256(script.encode()).digest()).decode(),
        title=_safe(title),
        started=_safe(f"{started:%Y-%m-%d %H:%M:%S %Z}".strip()),
        seconds=time_told(seconds),
        versions=" · ".join(f"{_safe(name)} {_safe(version)}" for name, version in versions.items()),
        bar="".join(_share(each, counted[each], len(stories)) for each in outcomes),
        filters=_filters(slugs),
        radios=_radios(slugs),
        choices=_choices(slugs, counted, len(stories)),
        totals=_totals(stories),
        tests="\n".join(
            _test(each, index, slugs[each.outcome], most, letters) for index, each in enumerate(ordered, 1)
        )
        or '<p class="none">No test used a fake.</p>',
    )


def _safe(text: str) -> str:
    """A text that is text, whatever it says."""
    return escape(printable(text))


def _colour(outcome: str) -> str:
    return _COLOURS.get(outcome, "other")


def _at_length(story: Story) -> bool:
    """Whether there is more to say of a test than its line."""
    return story.failed or bool(story.leaks or any(getattr(story, name) for name, _ in _PARTS))


# --- the head


def _share(outcome: str, number: int, of: int) -> str:
    return f'<i class="{_colour(outcome)}" style="flex-grow:{number / of:.4f}" title="{number} {_safe(outcome)}"></i>'


def _filters(slugs: Mapping[str, str]) -> str:
    """The rules that hide what was not chosen: they need no script."""
    rules = [f"#{slug}:checked~main .test:not(.{slug}){{display:none}}" for slug in slugs.values()]
    for slug in ("all", *slugs.values()):
        rules.append(f"#{slug}:checked~header label[for={slug}]{{background:var(--ink);color:var(--paper)}}")
        rules.append(f"#{slug}:focus-visible~header label[for={slug}]{{outline:2px solid var(--link)}}")
    return "\n".join(rules)


def _radios(slugs: Mapping[str, str]) -> str:
    names = {"all": "all tests", **{slug: f"{outcome} only" for outcome, slug in slugs.items()}}
    return "\n".join(
        f'<input type="radio" name="outcome" id="{slug}" aria-label="show {_safe(name)}"'
        f"{' checked' if slug == 'all' else ''}>"
        for slug, name in names.items()
    )


def _choices(slugs: Mapping[str, str], counted: Mapping[str, int], total: int) -> str:
    return f'<label for="all">all <b>{total:,}</b></label>' + "".join(
        f'<label for="{slug}" class="{_colour(outcome)}">{_safe(outcome)} <b>{counted[outcome]:,}</b></label>'
        for outcome, slug in slugs.items()
    )


def _totals(stories: Sequence[Story]) -> str:
    sums = [("requests", sum(each.requests for each in stories), "")]
    sums += [(name, number := sum(map(count, stories)), "bad" if number else "") for name, count in _COUNTED]
    return "".join(
        f'<div class="{kind}"><dt>{name}</dt><dd>{number:,}</dd></div>' for name, number, kind in sums
    )


# --- a test


def _test(story: Story, number: int, slug: str, most: int, letters: int) -> str:
    line = _line(story)
    if not _at_length(story):
        return f'<div class="test {slug}">{line}</div>'
    opened = " open" if number == 1 else ""
    return (
        f'<details class="test {slug}" id="t{number}"{opened}><summary>{line}</summary>'
        f"<div>{_error(story, letters)}{_words(story)}{_requests(story, most)}</div></details>"
    )


def _line(story: Story) -> str:
    where, mark, name = printable(story.test).partition("::")
    marks = [name[:-1] if number == 1 else name for name, count in _COUNTED if (number := count(story))]
    marked = "".join(f"<em>{each}</em>" for each in marks)
    return (
        f'<b class="badge {_colour(story.outcome)}">{_safe(story.outcome)}</b>'
        f'<span class="name"><small>{escape(where + mark)}</small>{escape(name)}</span>'
        f'{marked}<span class="count">{story.requests:,} request{"s" if story.requests != 1 else ""}</span>'
        f"<time>{time_told(story.seconds)}</time>"
    )


def _error(story: Story, letters: int) -> str:
    if not story.error:
        return ""
    cut = len(story.error) - letters
    shown = f"… {cut:,} letters left out …\n{story.error[cut:]}" if cut > 0 else story.error
    lines = "\n".join(_safe(line.expandtabs()) for line in shown.splitlines())
    return f'<pre class="error">{lines}</pre>'


def _words(story: Story) -> str:
    parts = []
    for name, title in _PARTS:
        texts = getattr(story, name)
        items = "".join(
            f"<li>{'<br>'.join(_safe(line) for line in text.splitlines())}</li>" for text in texts
        )
        parts.append(f"<h3>{title}</h3><ul>{items}</ul>" if texts else "")
    return "".join(parts)


def _requests(story: Story, most: int) -> str:
    if not story.records:
        return '<p class="none">It asked its fake nothing.</p>' if story.watched else ""
    drawn = diagram(story.records, earlier=story.earlier, most=most)
    rows = escape(table(story, 120, most))
    return (
        f'<h3>Requests</h3><figure tabindex="0">{drawn}</figure>'
        f'<details class="text"><summary>as text</summary><pre>{rows}</pre></details>'
    )
