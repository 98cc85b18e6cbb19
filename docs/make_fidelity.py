"""Makes docs/fidelity.md and docs/profiles.md: `python docs/make_fidelity.py`.

Three things go in: what is known (rows.toml), what the fake is set to (the profiles and the comments behind
their switches), and what holds it (the `row` marks of the tests). tests/test_fidelity.py fails when the files
are not what comes out.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import ghcr_sim.faults
import ghcr_sim.profiles
from ghcr_sim.profiles import Profile, load_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PROFILES = Path(ghcr_sim.profiles.__file__).parent
FAULTS = Path(ghcr_sim.faults.__file__).parent / "recorded.toml"
GRADES = ("REC", "REC-s", "MS", "INF", "unknown")
ROW = re.compile(r"(?<![\w.])(?:\d|7b|10|10[acd])\.\d{1,2}(?!\w|\.\d)")

INTRODUCTION = """\
# How faithful the fake is

Made by `docs/make_fidelity.py` from [rows.toml](rows.toml), from the [profile](profiles.md) `ghcr` and from the
tests. Do not edit it by hand.

Each row is one thing that is known of ghcr.io. None of it was measured by this project: it comes from
traces, logs and answers that people published, and from what GitHub says. The grade says how sure it is.

| grade | means |
|---|---|
| REC | recorded: a trace, a log or a body shows it |
| REC-s | somebody ran it, and wrote down a status or a sentence |
| MS | GitHub says so: staff, documentation, or code that it ships |
| INF | inferred from other facts |
| unknown | nobody has established it; the fake's answer is a guess |

| status | means |
|---|---|
| held | a test asks the fake over a socket, and fails if the answer is not this one |
| switch | the same, and the evidence is thin: a switch of the profile changes it |
| unknown | there is nothing to hold; where a switch is named, it is a guess that is easy to change |
| history | the real service does not do it any more, and nothing depends on it |
| not ours | it does not happen in a registry |

**To add or to change a row**: edit rows.toml; name the row in the comment behind the switch in
`ghcr_sim/profiles/ghcr.toml`, or behind the failure in `ghcr_sim/faults/recorded.toml`; mark a test with
`@pytest.mark.row("6.1")`; run `python docs/make_fidelity.py`. Have you seen ghcr.io answer otherwise? Please
report it: there is a form for it.
"""

SWITCHES = """\
# Profiles

Made by `docs/make_fidelity.py` from `ghcr_sim/profiles/`. Do not edit it by hand.

A profile is a TOML file that sets every switch. Two come with the package: `ghcr` (the default), ghcr.io as it
was seen, and `oci`, the specification to the letter. To have another, copy one of them, change it, and give its
path: `ghcr-sim serve --profile mine.toml`; or change single switches in Python:

```python
from ghcr_sim.profiles import load_profile

profile = load_profile("ghcr", tags__page=10, limits__enforce=True)
```

The last column says on what the value of `ghcr` rests. Numbers are rows of [fidelity.md](fidelity.md), with
their grades. **Evidence** was seen or said; an **inference** follows from something that was; a **guess** is
a value that nobody has established, and that may be wrong.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of rows.toml; its own comment says what the fields mean."""

    id: str
    grade: str
    says: str
    fields: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    status: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Switch:
    """A field of the profile.

    Attributes:
        name: `section.field`.
        about: What it does.
        comment: What stands behind it in ghcr.toml.
    """

    name: str
    about: str
    comment: str


@cache
def sections() -> tuple[tuple[str, str, tuple[Row, ...]], ...]:
    """Number, title and rows of each section."""
    data = tomllib.loads((DOCS / "rows.toml").read_text("utf-8"))
    return tuple(
        (section["id"], section["title"], tuple(_row(row) for row in section["row"]))
        for section in data["section"]
    )


def _row(row: dict[str, Any]) -> Row:
    lists = {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
    return Row(**(row | lists))


def rows() -> dict[str, Row]:
    """All rows by id."""
    return {row.id: row for _, _, some in sections() for row in some}


def cited(comment: str) -> list[str]:
    """The rows that a comment names."""
    return ROW.findall(comment)


def comment_of(line: str) -> str:
    """The comment at the end of a line of TOML; a `#` in a string is none."""
    for place in (match.start() for match in re.finditer("#", line)):
        try:
            tomllib.loads(line[:place])
        except tomllib.TOMLDecodeError:
            continue
        return line[place + 1 :].strip()
    return ""


@cache
def switches() -> dict[str, Switch]:
    """All fields of the profile, in the order of the model."""
    comments = _comments()
    found = {}
    for section in fields(Profile):
        kind = get_type_hints(Profile)[section.name]
        if is_dataclass(kind):
            for name, hint in get_type_hints(kind, include_extras=True).items():
                if get_origin(hint) is Annotated:
                    path = f"{section.name}.{name}"
                    about = next((extra for extra in get_args(hint)[1:] if isinstance(extra, str)), "")
                    found[path] = Switch(path, about, comments.get(path, ""))
    return found


def _comments() -> dict[str, str]:
    """Field → the comment behind it in ghcr.toml."""
    section, found = "", {}
    for line in (PROFILES / "ghcr.toml").read_text("utf-8").splitlines():
        if header := re.match(r"\[(\w+)\]", line):
            section = header[1]
        elif field := re.match(r"(\w+) = ", line):
            found[f"{section}.{field[1]}"] = comment_of(line)
    return found


def fault_comments() -> dict[str, str]:
    """Recorded failure → the comment behind its name."""
    headers = re.findall(r"^\[([\w-]+)\](.*)$", FAULTS.read_text("utf-8"), re.MULTILINE)
    return {name: rest.strip().removeprefix("#").strip() for name, rest in headers}


def value_of(profile: Profile, field: str) -> str:
    """A field's value as Markdown code."""
    section, _, name = field.partition(".")
    value = getattr(getattr(profile, section), name)
    if isinstance(value, tuple):
        text = " ".join(map(str, value)) if section == "refusals" else ", ".join(value)
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text if len(text) <= 60 else text[:57] + "…"  # noqa: PLR2004 - a column's width
    return f"`{text}`" if text else "*empty*"


@cache
def holders() -> dict[str, tuple[str, ...]]:
    """Row → the tests that are marked with it, as paths below `tests` with the function's name."""
    found: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for function, marked in _marks(ast.parse(file.read_text("utf-8"))):
            for row in marked:
                found.setdefault(row, []).append(f"{file.relative_to(ROOT / 'tests')}::{function}")
    return {row: tuple(dict.fromkeys(tests)) for row, tests in found.items()}


def _marks(module: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Each test of a module, and the rows with which it is marked."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            calls = (call for decorator in node.decorator_list for call in ast.walk(decorator))
            yield node.name, [row for call in calls for row in _marked(call)]


def _marked(node: ast.AST) -> list[str]:
    """The rows that a call of `pytest.mark.row` names."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func) != "pytest.mark.row":
        return []
    return [str(ast.literal_eval(argument)) for argument in node.args]


def status_of(row: Row) -> str:
    """What the table says about a row; `open` where nothing holds it."""
    if row.status:
        return row.status
    if row.grade == "unknown":
        return "unknown"
    if not holders().get(row.id):
        return "open"
    return "switch" if row.grade in {"REC-s", "INF"} and (row.fields or row.faults) else "held"


def evidence_of(switch: Switch) -> str:
    """Whether a switch of `ghcr` is set by evidence."""
    grades = {rows()[row].grade for row in cited(switch.comment)}
    doubtful = "unknown" in switch.comment
    if grades & {"REC", "REC-s", "MS"}:
        return "evidence, in part a guess" if doubtful else "evidence"
    return "inference" if "INF" in grades and not doubtful else "guess"


def fidelity() -> str:
    """The text of fidelity.md."""
    everything = rows().values()
    counts = Counter(status_of(row) for row in everything)
    summary = ", ".join(f"{number} {status}" for status, number in counts.most_common())
    parts = [INTRODUCTION, f"{len(everything)} rows: {summary}.\n"]
    for number, title, some in sections():
        parts += [f"## {number} · {title}\n", _table(some)]
    return "\n".join(parts)


def _table(some: tuple[Row, ...]) -> str:
    lines = ["| row | grade | what GHCR does | in the fake | held by | status |", "|---|---|---|---|---|---|"]
    ghcr = load_profile("ghcr")
    for row in some:
        says = row.says + (f" *Not held: {row.because}.*" if row.because else "")
        means = [f"`{field}` = {value_of(ghcr, field)}" for field in row.fields]
        means += [f"failure `{fault}`" for fault in row.faults]
        tests = [_link(test) for test in holders().get(row.id, ())]
        cells = (row.id, row.grade, says, "<br>".join(means), "<br>".join(tests), status_of(row))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


def _link(test: str) -> str:
    file, _, name = test.partition("::")
    return f"[{Path(file).name}::{name}](../tests/{file})"


def profiles() -> str:
    """The text of profiles.md."""
    ghcr, oci = load_profile("ghcr"), load_profile("oci")
    parts = [SWITCHES]
    section = ""
    for switch in switches().values():
        name, _, field = switch.name.partition(".")
        if name != section:
            section = name
            about = str(get_type_hints(Profile)[name].__doc__).splitlines()[0]
            parts += [
                f"\n## {name}\n\n{about}\n",
                "| field | what it does | ghcr | oci | ghcr's value rests on |\n|---|---|---|---|---|",
            ]
        rests = f"**{evidence_of(switch)}**: {switch.comment}"
        cells = (f"`{field}`", switch.about, value_of(ghcr, switch.name), value_of(oci, switch.name), rests)
        parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(parts) + "\n"


MADE = {"fidelity.md": fidelity, "profiles.md": profiles}
"""File → what makes it."""

if __name__ == "__main__":
    for file, make in MADE.items():
        (DOCS / file).write_text(make(), "utf-8")
        print(f"docs/{file}")
    for row in rows().values():
        if status_of(row) == "open":
            print(f"open: {row.id} {row.grade} {row.says}")
