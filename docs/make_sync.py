"""Makes client/ghcr_client/sync.py: `python docs/make_sync.py`.

Each public method of `GhcrClient` becomes one that waits: the same arguments, the same types, and a docstring in which
nothing is awaited. So editors, type checkers and `help` see plain methods, and nothing happens by magic.
tests/client/test_sync.py fails when the file is not what comes out.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from ghcr_client.client import GhcrClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TARGET = Path(inspect.getfile(GhcrClient)).with_name("sync.py")
WIDTH = 110

HEAD = '''\
"""`SyncGhcrClient`: the operations of `GhcrClient` for code without a loop.

Made by `docs/make_sync.py` from the operations' signatures and docstrings. Do not edit it by hand. What it stands on is
in `blocking`, `background` and `jobs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghcr_client.blocking import BlockingClient, callback_of, content_of

if TYPE_CHECKING:
{imports}

__all__ = ["SyncGhcrClient"]


class SyncGhcrClient(BlockingClient):
    """A client for GHCR and every other OCI registry, for code without a loop.

    Each method waits for its operation. Any number of threads may use it at once; the operations run in one thread,
    which is the client's own. Progress callbacks, iterables and open files are used in the thread that waits, never in
    the client's. `KeyboardInterrupt` cancels the operation that is waited for. Where a loop runs already, it works and
    holds that loop up: use `GhcrClient` there. After a fork, the child opens a client of its own.

    Args:
        config: The settings; from the environment if None.
        credentials: Who this client is, registry by registry; `default_credentials` if None. Asked in the client's
            thread.
        metrics: What is counted, such as a `PrometheusMetrics`; nothing by default.
        clock: The time, for tests.
        settings: Settings in place of `config`, by name: `registry="ghcr.io"`, `token="…"`.

    Raises:
        ConfigError: Settings make no sense, or both `config` and settings were given.

    Example:
        with SyncGhcrClient() as client:
            client.list_tags("acme/app")  # ['v1', 'v2']
    """
'''

WORDS = (
    (
        r"a `Source`, or an asynchronous iterator. An iterator",
        "a `Source`, an open file or an iterable. An iterable",
    ),
    (r"content: An asynchronous iterator,", "content: An iterable, an open file,"),
    (r"Where an iterator's upload", "Where an iterable's upload"),
    (r"await (Image\.\w+\(.*\))$", r"client.run(\1)"),
    (r"await ", ""),
    (r"async ", ""),
)
"""What a docstring says, and what it says where nothing is asynchronous."""

TYPES = {"Content": "SyncContent", "AsyncIterator": "Iterator"}
WRAPPED = {"Content": "content_of", "ProgressCallback | None": "callback_of"}
"""The type of an argument → what makes one of a caller without a loop fit."""

HOMES = {"SyncContent": "ghcr_client.blocking", "Iterator": "collections.abc"}


def operations() -> dict[str, Callable[..., object]]:
    """The public methods of the client, in the order in which their rooms are built on each other."""
    named = (pair for kind in reversed(GhcrClient.__mro__) for pair in vars(kind).items())
    return {name: value for name, value in named if inspect.isfunction(value) and not name.startswith("_")}


def made() -> str:
    """The module's text."""
    methods = [_method(name, function) for name, function in operations().items()]
    return "\n".join([HEAD.format(imports=_imports()), *methods])


def _method(name: str, function: Callable[..., object]) -> str:
    """One method that waits."""
    signature = inspect.signature(function)
    lines = _call(f"    def {name}", _parameters(signature), f" -> {_typed(signature.return_annotation)}:")
    lines += textwrap.indent(_docstring(function), " " * 8).splitlines()
    arguments = list(_arguments(signature))
    if inspect.iscoroutinefunction(function):
        lines += _call(f"        work = self._client.{name}", arguments, "")
        nothing = signature.return_annotation == "None"
        lines.append("        self.run(work)" if nothing else "        return self.run(work)")
    elif inspect.isasyncgenfunction(function):
        lines += _call(f"        stream = self._client.{name}", arguments, "")
        lines.append("        return self._iterate(stream)")
    else:
        lines += _call(f"        return self._client.{name}", arguments, "")
    return "\n".join(lines) + "\n"


def _parameters(signature: inspect.Signature) -> list[str]:
    """The parameters as they are written."""
    texts, named = ["self"], False
    for each in list(signature.parameters.values())[1:]:
        if each.kind is each.KEYWORD_ONLY and not named:
            texts.append("*")
            named = True
        default = "" if each.default is each.empty else f" = {_literal(each.default)}"
        texts.append(f"{each.name}: {_typed(each.annotation)}{default}" + _noted(each.name))
    return texts


def _noted(name: str) -> str:
    """A linter's exception, where the operation has one."""
    return "  # noqa: A002 - the word that people look for" if name == "format" else ""


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _arguments(signature: inspect.Signature) -> Iterator[str]:
    """What the operation is called with."""
    for each in list(signature.parameters.values())[1:]:
        wrap = WRAPPED.get(str(each.annotation))
        value = f"{wrap}({each.name})" if wrap else each.name
        yield f"{each.name}={value}" if each.kind is each.KEYWORD_ONLY else value


def _call(start: str, parts: list[str], end: str) -> list[str]:
    """A call or a definition, on one line where it fits, else as the formatter breaks it."""
    line = f"{start}({', '.join(parts)}){end}"
    if len(line) <= WIDTH and "#" not in line:
        return [line]
    indent = " " * (len(start) - len(start.lstrip()))
    return [f"{start}(", *(f"{indent}    {_comma(part)}" for part in parts), f"{indent}){end}"]


def _comma(part: str) -> str:
    """A parameter with its comma, which stands before a comment."""
    code, mark, comment = part.partition("  #")
    return f"{code},{mark}{comment}"


def _typed(annotation: str) -> str:
    """A type where nothing is asynchronous."""
    return re.sub(r"\w+", lambda word: TYPES.get(word[0], word[0]), annotation)


def _docstring(function: Callable[..., object]) -> str:
    """A docstring in which nothing is awaited."""
    text = inspect.getdoc(function) or ""
    for word, instead in WORDS:
        text = re.sub(word, instead, text, flags=re.MULTILINE)
    lines = text.splitlines()
    return '"""' + text + '"""' if len(lines) == 1 else '"""' + text + '\n"""'


def _imports() -> str:
    """The imports of what the signatures name, in the formatter's order."""
    wanted: dict[str, set[str]] = {}
    for function in operations().values():
        known = _known(inspect.getsourcefile(function) or "", function.__module__)
        for name in _named(function):
            if home := HOMES.get(name) or known.get(name):
                wanted.setdefault(home, set()).add(name)
    whole = [f"import {home}" for home in sorted(wanted) if home in wanted[home]]
    parts = {
        home: f"from {home} import {', '.join(_sorted(wanted[home] - {home}))}"
        for home in sorted(wanted)
        if wanted[home] - {home}
    }
    ours = [line for home, line in parts.items() if home.startswith("ghcr_client")]
    others = [line for home, line in parts.items() if not home.startswith("ghcr_client")]
    return textwrap.indent("\n".join([*whole, *others, "", *ours]), "    ")


def _named(function: Callable[..., object]) -> list[str]:
    """The names in a signature's types."""
    signature = inspect.signature(function)
    types = [each.annotation for each in signature.parameters.values() if each.name != "self"]
    return re.findall(r"[A-Za-z_]\w*", " ".join(map(_typed, [*types, signature.return_annotation])))


def _sorted(names: set[str]) -> list[str]:
    """Names in the linter's order: constants, classes, the rest."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def _known(file: str, module: str) -> dict[str, str]:
    """Name → the module that it is imported from, of all that a module can name."""
    tree = ast.parse(Path(file).read_text("utf-8"))
    known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            known |= {each.name: node.module for each in node.names}
        elif isinstance(node, ast.Import):
            known |= {each.name: each.name for each in node.names}
    defined = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    defined += [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    return known | dict.fromkeys(defined, module)


if __name__ == "__main__":
    TARGET.write_text(made(), "utf-8")
    print(f"{TARGET.name}: {len(operations())} operations")
