"""Makes docs/plugin-reference.md: `python docs/make_plugin_reference.py`.

Fixtures, marker, options, the handle and the failures by name are read from the code. tests/plugin/test_docs.py fails
when the file is not what comes out, or when something has no words.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

from ghcr_sim.faults import rules
from ghcr_sim.route import OPERATIONS
from pytest_ghcr import Ghcr, plugin
from pytest_ghcr.cassettes import GhcrCassette
from pytest_ghcr.settings import ARGUMENTS, OPTIONS, Settings

FILE = Path(__file__).parent / "plugin-reference.md"

INTRODUCTION = """\
# Reference of the pytest plugin

Made by `docs/make_plugin_reference.py` from the code. Do not edit it by hand. How to use it all is in
[plugin.md](plugin.md).

Who decides, setting by setting: command line, marker, fixture (`ghcr_config`), ini file, default.
"""


def words(thing: Any) -> str:
    """What a docstring says, a paragraph a line."""
    text = inspect.getdoc(thing) or ""
    text = re.split(r"\n\n(?:Args|Attributes|Raises|Returns):\n", text)[0]
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def fixtures() -> list[tuple[str, str, str]]:
    """Name, scope and words of each fixture, in the order in which they are told."""
    found = []
    for name in plugin.__all__:
        fixture = getattr(plugin, name)
        function = fixture._get_wrapped_function()  # noqa: SLF001 - pytest tells it nowhere else
        scope = fixture._fixture_function_marker.scope  # noqa: SLF001 - the same
        found.append((name, scope, words(function)))
    return found


def attributes(thing: Any) -> dict[str, str]:
    """The `Attributes:` of a docstring, by name."""
    return _listed(inspect.getdoc(thing) or "", "Attributes")


def _listed(text: str, title: str) -> dict[str, str]:
    part = re.search(rf"^{title}:\n(.*?)(?=\n\S|\Z)", text, re.MULTILINE | re.DOTALL)
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", part[1] if part else "", re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def members(thing: type) -> list[tuple[str, str]]:
    """The public members of a class, as they are used, and their words."""
    found = []
    for name, member in vars(thing).items():
        if name.startswith("_"):
            continue
        used = name
        if inspect.isfunction(member):
            shown = [str(each).partition(":")[0].partition("=")[0] for each in _parameters(member)]
            used = f"{name}({', '.join(shown)})"
        found.append((used, words(member)))
    return found


def _parameters(function: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())[1:]


def failures() -> list[tuple[str, str, str]]:
    """Each failure by name: to what it happens, and what goes out."""
    recipes = tomllib.loads((Path(rules.__file__).parent / "recorded.toml").read_text("utf-8"))
    return [(name, _where(recipe["operations"]), _answer(recipe)) for name, recipe in recipes.items()]


def _where(operations: list[str]) -> str:
    return "everything" if operations == ["*"] else ", ".join(f"`{each}`" for each in operations)


def _answer(recipe: dict[str, Any]) -> str:
    for effect, said in (("hang", "the connection hangs"), ("reset", "the connection is reset")):
        if recipe.get(effect):
            return said
    text = recipe.get("message") or recipe.get("location") or recipe.get("body", "").partition("\n")[0]
    status = str(recipe["status"])
    return f"{status}: `{text.replace('|', '/')}`" if text else status


def made() -> str:
    """The page."""
    lines = [INTRODUCTION, "\n## Fixtures\n"]
    for name, scope, said in fixtures():
        lines.append(f"\n### `{name}`\n\nScope: {scope}. {said}\n")
    lines.append(
        "\n## The marker\n\n`@pytest.mark.ghcr(…)`, all by name; the nearest one has the last word.\n\n"
    )
    settings = attributes(Settings)
    lines += ["| argument | |\n|---|---|\n", *(f"| `{name}` | {settings[name]} |\n" for name in ARGUMENTS)]
    lines.append("\n`ghcr_config` takes these, and ")
    lines.append(", ".join(f"`{name}`" for name in settings if name not in ARGUMENTS) + ".\n")
    lines.append("\n## Options and ini values\n\n| option | ini | |\n|---|---|---|\n")
    lines += [f"| `{each.flag}` | `{each.ini}` | {each.help} |\n" for each in OPTIONS]
    for thing in (Ghcr, GhcrCassette):
        lines.append(f"\n## `{thing.__name__}`\n\n{words(thing)}\n\n| | |\n|---|---|\n")
        lines += [f"| `{name}` | {said} |\n" for name, said in attributes(thing).items()]
        lines += [f"| `{used}` | {said} |\n" for used, said in members(thing)]
    lines.append("\n## Operations\n\nWhat `ghcr.fail`, `ghcr.requests` and reports speak of: ")
    lines.append(", ".join(f"`{each}`" for each in sorted(OPERATIONS)) + ".\n")
    lines.append("\n## Failures by name\n\n`ghcr.fail(operation, name)`. Each was seen; where, stands in ")
    lines.append("`ghcr_sim/faults/recorded.toml`.\n\n| name | happens to | what goes out |\n|---|---|---|\n")
    lines += [f"| `{name}` | {where} | {said} |\n" for name, where, said in failures()]
    lines.append("\nProfile fields: [profiles.md](profiles.md).\n")
    return "".join(lines)


if __name__ == "__main__":
    FILE.write_text(made(), "utf-8")
