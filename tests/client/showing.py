"""Runs examples as they are printed, and compares what they show with the comments behind it.

`print(x)  # 3` has to print 3, and `await client.blob_exists(…)  # True` has to give True; `…` stands for anything.
Code with a bare `await` runs in a loop, with an open `client`; other code runs as a script.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import sys
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ghcr_client

from ghcr_sim import Simulator
from pytest_ghcr.simulator import Ghcr

if TYPE_CHECKING:
    import types

    import pytest

__all__ = ["blocks", "example_of", "operations", "run_example", "seeded"]

SETTINGS = ("GHCR_", "GITHUB_", "DOCKER_", "REGISTRY_AUTH_FILE", "XDG_")
"""What would bring this machine's registries and credentials into an example."""


def blocks(text: str, language: str) -> list[tuple[int, str, str]]:
    """The fenced blocks of a language: line, profile (from `<!-- profile: oci -->` above, else ghcr), and code."""
    found = re.finditer(
        rf"(?:^<!-- profile: (\w+) -->\n)?^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    return [(text.count("\n", 0, each.start(2)) + 1, each[1] or "ghcr", each[2]) for each in found]


def example_of(function: Any) -> str:
    """The code of a docstring's `Example:` section, or ""."""
    text = inspect.getdoc(function) or ""
    found = re.search(r"^Example:\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
    return textwrap.dedent(found[1]) if found else ""


def operations(client: type) -> list[str]:
    """The public methods of a client that talk to registries, and `ref`."""
    named = (pair for kind in client.__mro__ for pair in vars(kind).items())
    return sorted({name for name, value in named if inspect.isfunction(value) and name[0] != "_"})


def seeded(profile: str) -> Ghcr:
    """A fake with the images that examples talk of."""
    fake = Ghcr(Simulator(profile))
    fake.seed("acme/app:v1", platforms=["linux/amd64", "linux/arm64"])
    fake.seed("acme/app:v2")
    return fake


def run_example(
    code: str, profile: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, sync: bool = False
) -> None:
    """Run an example against a fake, in a directory that has `layer.tar`, and compare what it shows.

    Args:
        code: The example; it may use all that `ghcr_client` offers, and `Path`.
        profile: The fake's.
        folder: An empty directory.
        monkeypatch: Sets the environment that the example's client reads.
        sync: Whether `client` is a `SyncGhcrClient`.
    """
    fake = seeded(profile)
    (folder / "layer.tar").write_bytes(bytes(10240))
    with fake.running(), monkeypatch.context() as patch:
        for name in [each for each in os.environ if each.startswith(SETTINGS)]:
            patch.delenv(name)
        patch.setenv("GHCR_REGISTRY", fake.url)
        patch.setenv("GHCR_TOKEN", fake.token)
        patch.setenv("HOME", str(folder))
        patch.chdir(folder)
        shown = _Shown()
        offered = {name: getattr(ghcr_client, name) for name in ghcr_client.__all__}
        scope = {"__name__": "__main__", "Path": Path, "print": shown, **offered}
        if sync:
            with ghcr_client.SyncGhcrClient() as client:
                _execute(code, {**scope, "client": client})
        else:
            _execute(code, scope)
    shown.compare(code)
    assert fake.leaks == []


class _Shown:
    """A `print` that remembers what was printed on which line of the example."""

    def __init__(self) -> None:
        self._texts: dict[int, list[str]] = defaultdict(list)

    def __call__(self, *values: object) -> None:
        frame = sys._getframe(1)
        while frame.f_code.co_filename != "<example>":
            assert frame.f_back is not None
            frame = frame.f_back
        self._texts[frame.f_lineno].append(" ".join(map(str, values)))

    def compare(self, code: str) -> None:
        """Each comment behind something that shows a value is what it showed."""
        for number, comment in _promises(code).items():
            text = ", ".join(self._texts[number])
            pattern = ".*".join(re.escape(part) for part in comment.split("…"))
            assert re.fullmatch(pattern, text, re.DOTALL), f"line {number} shows {text}, and not {comment}"


def _promises(code: str) -> dict[int, str]:
    """Line → the comment behind an expression that ends there."""
    ends = {node.end_lineno: node.lineno for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Expr)}
    lines = enumerate(code.splitlines(), 1)
    return {
        ends[at]: found[1] for at, line in lines if at in ends and (found := re.search(r"  # (.+)$", line))
    }


class _Printing(ast.NodeTransformer):
    """Has expressions with a comment behind them printed."""

    def __init__(self, lines: set[int]) -> None:
        self._lines = lines

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        printed = isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "print"
        if node.lineno in self._lines and not printed:
            text = ast.Call(ast.Name("repr", ast.Load()), [node.value], [])
            node.value = ast.Call(ast.Name("print", ast.Load()), [text], [])
        return ast.fix_missing_locations(node)


def _execute(code: str, scope: dict[str, Any]) -> None:
    """Run it: in a loop with an open client if it awaits anything, else as a script."""
    tree = _Printing(set(_promises(code))).visit(ast.parse(code))
    compiled: types.CodeType = compile(tree, "<example>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    made = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    given = "client" in compiled.co_names and not {"client"} & {*made, *scope}
    if not given and not compiled.co_flags & inspect.CO_COROUTINE:
        exec(compiled, scope)
        return

    async def main() -> None:
        async with ghcr_client.GhcrClient() as client:
            running = eval(compiled, {**scope, "client": client})
            if running is not None:
                await running

    asyncio.run(main())
