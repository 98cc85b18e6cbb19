"""Rows of `benchmarks/plugin`: projects of many tests, each run by a pytest of its own, and pytest's start.

What one test costs is what the project took less what a run of one empty test took, shared among the tests. That has
what is imported for the first request in it, ours and theirs alike. No other plugin is loaded than a project needs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Failed, Samples
from pluginpeers import OLDER, peers_python
from pluginprojects import PROJECTS, Project
from processes import Used, environment, run
from rounds import Plan, interleaved

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BARE",
    "BARE_TLS",
    "OURS",
    "PEERS",
    "PLAIN",
    "SEEDED",
    "TAKEN",
    "TAKEN_TLS",
    "WITH",
    "WITHOUT",
    "measure_start",
    "measure_tests",
]

PLAIN, BARE, OURS, SEEDED, TAKEN, TAKEN_TLS, BARE_TLS, *_PEERS = PROJECTS
PEERS = tuple(_PEERS)
WITH, WITHOUT = "with the plugin", "-p no:ghcr"

_EMPTY = "one empty test"
_MORE = {SEEDED: OURS, TAKEN: OURS, TAKEN_TLS: OURS, BARE_TLS: BARE, OURS: BARE}
"""Project → the one whose test it is, and something more."""

_ABSENT = {
    "fixture 'ghcr_session' not found": "not measured: this pytest-ghcr has no fixture ghcr_session",
    "'ghcr' not found in `markers`": "not measured: this pytest-ghcr has no marker ghcr",
}

_LOADED = """
import sys

FOREIGN = {"aiohttp", "pydantic", "ghcr_sim", "ghcr_client", "cryptography", "click"}


def pytest_unconfigure():
    print("imported:", len(FOREIGN & set(sys.modules)))
"""


class _Runner:
    """Runs projects in a folder of their own.

    Args:
        plan: How much to measure.
        folder: Where the projects are.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        plan.say("the environment with the other plugins")
        self._python = peers_python(plan.folder)
        self._folder = folder
        self._env = environment(plan.folder)
        for name, project in PROJECTS.items():
            project.write(folder / name, plan.tests, plan.images)

    def start(self, name: str, *words: str) -> Used:
        """A pytest with all plugins that are installed."""
        return self._pytest(self._env, name, *words)

    def project(self, name: str, *words: str) -> Used:
        """A pytest with the plugins that the project needs.

        Raises:
            Failed: A test failed, or what it needs is not there.
        """
        project: Project = PROJECTS[name]
        env = {**self._env, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        if project.older:
            env["PYTHONPATH"] = str(self._python.parent.parent / OLDER)
        plugins = [word for plugin in ("asyncio", project.plugin) if plugin for word in ("-p", plugin)]
        return self._pytest(env, name, *plugins, "--strict-markers", *words)

    def _pytest(self, env: dict[str, str], name: str, *words: str) -> Used:
        place = str(self._folder / name)
        line = [str(self._python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", place, *words]
        told = self._folder / "told"
        try:
            return run([*line, place], env, told)
        except Failed as failed:
            raise Failed(_why(told.read_text(errors="replace")) or failed) from None


def _why(said: str) -> str:
    """The reason in pytest's words, in one line; ours where something is not there yet."""
    for words, why in _ABSENT.items():
        if words in said:
            return why
    return next((line.strip() for line in said.splitlines() if line.startswith("E  ")), "")


def _round(runner: _Runner, plan: Plan, number: int, failed: set[str]) -> dict[str, Used]:
    """Each project once; `failed` is who is left out."""
    took: dict[str, Used] = {}
    order: Sequence[tuple[int, str]] = list(interleaved([_EMPTY, *PROJECTS], number + 1))
    for _, name in order[-len(PROJECTS) - 1 :]:
        if name in failed:
            continue
        plan.say(f"{plan.tests} tests: round {number + 1}, {name}")
        took[name] = runner.project(PLAIN, "-k", "test_it[0]") if name == _EMPTY else runner.project(name)
    return took


def _note(samples: Samples, took: dict[str, Used], tests: int) -> None:
    """A round's figures, in ms a test."""

    def apiece(name: str, base: str) -> tuple[float, float]:
        one, other = took[name], took[base]
        return (one.seconds - other.seconds) * 1e3 / tests, (one.cpu - other.cpu) * 1e3 / tests

    for name in took.keys() - {_EMPTY}:
        (ms, cpu), (above, above_cpu) = apiece(name, _EMPTY), apiece(name, PLAIN)
        figures = {"ms": ms, "cpu_ms": cpu, "above_ms": above, "above_cpu_ms": above_cpu}
        if (base := _MORE.get(name)) in took:
            figures["more_ms"], figures["more_cpu_ms"] = apiece(name, str(base))
        samples.add(name, **figures)


def measure_tests(plan: Plan) -> Samples:
    """Milliseconds a test: `ms`, `above_ms` a test that asks nothing, `more_ms`, each with its `cpu_ms`."""
    samples = Samples()
    with tempfile.TemporaryDirectory(dir=plan.folder) as name:
        try:
            runner = _Runner(plan, Path(name))
        except Failed as failed:
            for each in PROJECTS:
                samples.fail(each, failed)
            return samples
        for each in PROJECTS:
            plan.say(f"once, so that byte code is there: {each}")
            try:
                runner.project(each, "-k", "test_it[0]")
            except Failed as failed:
                samples.fail(each, failed)
        for number in range(plan.rounds):
            _note(samples, _round(runner, plan, number, set(samples.failed)), plan.tests)
    return samples


def measure_start(plan: Plan) -> Samples:
    """Milliseconds of a pytest with one empty test: `ms`, `cpu_ms`, `more_ms`; how many packages it `imported`."""
    samples = Samples()
    others = [
        word for plugin in ("asyncio", "aresponses", "pytest_httpserver") for word in ("-p", f"no:{plugin}")
    ]
    ways = {WITH: others, WITHOUT: [*others, "-p", "no:ghcr"]}
    with tempfile.TemporaryDirectory(dir=plan.folder) as name:
        folder = Path(name)
        try:
            runner = _Runner(plan, folder)
            _sync_test(folder / "start")
            for words in ways.values():
                runner.start("start", *words)
            plan.say(f"pytest's start: {plan.starts} rounds")
            took: dict[str, Used] = {}
            for _, way in interleaved(list(ways), plan.starts):
                took[way] = runner.start("start", *ways[way])
                imported = (folder / "told").read_text().rpartition("imported:")[2]
                more = {} if len(took) < len(ways) else _difference(took)
                samples.add(
                    way, ms=took[way].seconds * 1e3, cpu_ms=took[way].cpu * 1e3, imported=int(imported)
                )
                if more:
                    samples.add(WITH, **more)
                    took.clear()
        except Failed as failed:
            samples.fail(WITH, failed)
    return samples


def _difference(took: dict[str, Used]) -> dict[str, float]:
    one, other = took[WITH], took[WITHOUT]
    return {"more_ms": (one.seconds - other.seconds) * 1e3, "more_cpu_ms": (one.cpu - other.cpu) * 1e3}


def _sync_test(folder: Path) -> None:
    folder.mkdir()
    (folder / "test_it.py").write_text("def test_it():\n    pass\n")
    (folder / "conftest.py").write_text(_LOADED)
    (folder / "pytest.ini").write_text("[pytest]\n")
