"""Makes docs/ghcr-workarounds.md: `python docs/make_workarounds.py`.

What GHCR does and what the client does about it comes from workarounds.toml; what holds it, from the `workaround`
marks of the tests. tests/test_workarounds.py fails when the file is not what comes out.
"""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent
ROOT = DOCS.parent
FILE = DOCS / "ghcr-workarounds.md"
MARK = "pytest.mark.workaround"
EVIDENCE = re.compile(r"([\w.-]+/[\w.-]+)(?:#(\d+))?")

INTRODUCTION = """\
# What GHCR does differently, and what the client does about it

Made by `docs/make_workarounds.py` from [workarounds.toml](workarounds.toml) and from the tests. Do not edit it by
hand.

None of this was measured by this project: people wrote it down in issues, or wrote code for it. Each row names the
tests that hold what the client does; they ask a fake that behaves so, or a server that is told to.

**To add or to change a row**: edit workarounds.toml, mark a test with `@pytest.mark.workaround(30)`, and run
`python docs/make_workarounds.py`.

| row | what GHCR does | what the client does | seen in | held by |
|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of workarounds.toml; its own comment says what the fields mean."""

    number: int
    ghcr: str
    client: str
    evidence: tuple[str, ...]


@cache
def rows() -> tuple[Row, ...]:
    """All rows."""
    data = tomllib.loads((DOCS / "workarounds.toml").read_text("utf-8"))
    return tuple(Row(**{**row, "evidence": tuple(row["evidence"])}) for row in data["row"])


@cache
def holders() -> dict[int, tuple[str, ...]]:
    """Row → the tests that are marked with it, as paths below `tests` with the function's name."""
    found: dict[int, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for function, number in marks(ast.parse(file.read_text("utf-8"))):
            found.setdefault(number, []).append(f"{file.relative_to(ROOT / 'tests').as_posix()}::{function}")
    return {number: tuple(dict.fromkeys(tests)) for number, tests in found.items()}


def marks(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Each test of a module with each row that it is marked with."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == MARK:
                    yield node.name, ast.literal_eval(mark.args[0])


def document() -> str:
    """The text of ghcr-workarounds.md."""
    return INTRODUCTION + "".join(f"{_line(row)}\n" for row in rows())


def _line(row: Row) -> str:
    tests = "<br>".join(_test(each) for each in holders().get(row.number, ()))
    cells = (str(row.number), row.ghcr, row.client, ", ".join(map(_source, row.evidence)), tests)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _source(evidence: str) -> str:
    repository, _, number = evidence.partition("#")
    return f"[{evidence}](https://github.com/{repository}{f'/issues/{number}' if number else ''})"


def _test(test: str) -> str:
    file, _, name = test.partition("::")
    return f"[{Path(file).name}::{name}](../tests/{file})"


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
    print(f"docs/{FILE.name}")
    for row in rows():
        if row.number not in holders():
            print(f"no test: {row.number} {row.ghcr}")
