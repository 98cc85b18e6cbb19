"""A simulator is found by its entry point: a real one, in a package that is installed for one test."""

from __future__ import annotations

import asyncio
import importlib
import sys
import sysconfig
import traceback
from pathlib import Path
from textwrap import dedent, indent
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from client.scripted import scripted
from ghcr_client.auth import Anonymous
from ghcr_client.client import GhcrClient
from ghcr_client.errors import ConfigError, ProtocolError, SimulationError
from ghcr_client.hosts import REST
from ghcr_client.simulation import GROUP, Simulation, open_simulation
from ghcr_client.wire import agent

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "hunter2-is-secret"

GOOD = """
    def open(*, mode, path, upstream):
        return Sim(mode, path, upstream)
"""


def sim(start: str = 'return {"ghcr.io": "http://127.0.0.1:4711"}', stop: str = "pass") -> str:
    """The source of a simulation that keeps what it was told in `CALLS`."""
    return f"""
CALLS = []

class Sim:
    def __init__(self, mode, path, upstream):
        CALLS.append((mode, path, upstream))

    async def start(self):
{indent(dedent(start), " " * 8)}

    async def stop(self, failed):
        CALLS.append(failed)
{indent(dedent(stop), " " * 8)}
"""


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No distribution is installed but those of the test: beside them only the standard library is on the path."""
    agent()  # it is in the metadata of a distribution, and read once
    library = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    beside = [one for one in sys.path if one.startswith(tuple(library)) and "-packages" not in one]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *beside])


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a distribution that provides an entry point."""
    count = 0

    def installed(source: str, *, name: str = "fake-simulator", attribute: str = "open") -> None:
        nonlocal count
        count += 1
        module = f"simulator_{count}"
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\nsim = {module}:{attribute}\n")
        (tmp_path / f"{module}.py").write_text(source)
        monkeypatch.delitem(sys.modules, module, raising=False)
        importlib.invalidate_caches()

    return installed


def opened(mode: str = "replay") -> Simulation:
    """A simulation that is there."""
    simulation = open_simulation(mode, "app.json")  # type: ignore[arg-type]
    assert simulation is not None
    return simulation


def calls() -> list[object]:
    """What the installed simulator was told."""
    told: list[object] = sys.modules["simulator_1"].CALLS
    return told


def test_off_asks_nobody(install: Callable[..., None]) -> None:
    """Where nothing is to be simulated, no simulator is loaded, with a path or without."""
    install("raise RuntimeError")
    assert open_simulation("off") is None
    assert open_simulation("off", "app.json") is None


@pytest.mark.parametrize("mode", ["record", "replay"])
def test_a_simulation(install: Callable[..., None], mode: str) -> None:
    """The one that is installed is given mode, path and registry, is started, and is told at the end how it went."""
    install(sim() + dedent(GOOD))
    simulation = opened(mode)
    assert calls() == [(mode, Path("app.json"), "https://ghcr.io")]
    assert isinstance(simulation, Simulation)

    async def run() -> dict[str, str]:
        stands_in = dict(await simulation.start())
        await simulation.stop(failed=False)
        return stands_in

    assert asyncio.run(run()) == {"ghcr.io": "http://127.0.0.1:4711"}
    assert calls()[1:] == [False]


def test_nobody() -> None:
    """Where nobody simulates, the error says what to install."""
    with pytest.raises(SimulationError, match="pip install --upgrade pytest-ghcr"):
        open_simulation("replay", "app.json")


def test_several(install: Callable[..., None]) -> None:
    """Where several simulate, all are named and none is loaded."""
    install("raise RuntimeError", name="one-sim")
    install("raise RuntimeError", name="two-sim")
    with pytest.raises(SimulationError) as caught:
        open_simulation("replay", "app.json")
    assert "sim (simulator_1:open) of one-sim, sim (simulator_2:open) of two-sim" in str(caught.value)


@pytest.mark.parametrize("path", [None, ""], ids=["none", "empty"])
def test_no_path(install: Callable[..., None], path: str | None) -> None:
    """A cassette needs a path; that is a mistake in the settings."""
    install(sim() + dedent(GOOD))
    with pytest.raises(ConfigError, match="GHCR_SIMULATION_PATH") as caught:
        open_simulation("record", path)
    assert not isinstance(caught.value, SimulationError)


def test_no_such_mode() -> None:
    """A mode that does not exist is a mistake in the settings, which names those that do."""
    with pytest.raises(ConfigError, match="'play', but has to be one of off, record, replay"):
        open_simulation("play", "app.json")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "attribute", "says"),
    [
        pytest.param(f"raise RuntimeError('{SECRET}')", "open", "RuntimeError", id="at import"),
        pytest.param("import no_such_module", "open", "ModuleNotFoundError", id="lacks a library"),
        pytest.param("", "open", "AttributeError", id="no factory"),
        pytest.param("open = 3", "open", "TypeError", id="factory is none"),
        pytest.param("def open(): pass", "open", "TypeError", id="takes nothing"),
        pytest.param(
            f"def open(mode, path, upstream): raise OSError('{SECRET}')", "open", "OSError", id="at call"
        ),
        pytest.param(
            "def open(mode, path, upstream): pass",
            "open",
            "NoneType has no start and stop",
            id="no simulation",
        ),
    ],
)
def test_a_simulator_that_does_not_work(
    install: Callable[..., None], source: str, attribute: str, says: str
) -> None:
    """The error names the simulator and the kind of failure, and repeats nothing of what was said."""
    install(source, attribute=attribute)
    with pytest.raises(SimulationError) as caught:
        open_simulation("replay", "app.json")
    assert "sim (simulator_1:open) of fake-simulator" in str(caught.value)
    assert says in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        pytest.param("http://127.0.0.1:1/", "http://127.0.0.1:1", id="slash"),
        pytest.param("https://localhost:65535", "https://localhost:65535", id="name"),
        pytest.param("http://[::1]:80", "http://[::1]:80", id="IPv6"),
        pytest.param("HTTP://127.8.9.1", "http://127.8.9.1", id="no port"),
    ],
)
def test_addresses_of_this_machine(install: Callable[..., None], given: str, taken: str) -> None:
    """A base URL on loopback is taken, and given without a slash at the end."""
    install(sim(f"return {{'GHCR.io': {given!r}, 'localhost:5000': {given!r}}}") + dedent(GOOD))
    assert asyncio.run(opened().start()) == {"ghcr.io": taken, "localhost:5000": taken}


@pytest.mark.parametrize(
    "given",
    [
        "http://10.0.0.1:80",
        "http://0.0.0.0:80",
        "http://ghcr.io",
        "http://localhost.example:80",
        "http://127.0.0.1.example",
        "http://127.0.0.1:80@evil.example",
        "http://@127.0.0.1:80",
        "http://127.0.0.1:80\\@evil.example",
        "http://127.0.0.1:80/v2",
        "http://127.0.0.1:80?x=1",
        "http://127.0.0.1:80#x",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://[::1",
        "http://",
        "ftp://127.0.0.1:80",
        "127.0.0.1:80",
        "",
        None,
        7,
    ],
    ids=repr,
)
def test_addresses_of_others(install: Callable[..., None], given: object) -> None:
    """What is not a base URL on loopback is refused, and the simulation is stopped again."""
    install(sim(f"return {{'ghcr.io': {given!r}}}") + dedent(GOOD))
    with pytest.raises(SimulationError):
        asyncio.run(opened().start())
    assert calls()[1:] == [True]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("{'': 'http://127.0.0.1:1'}", id="empty name"),
        pytest.param("{'ghcr.io/acme': 'http://127.0.0.1:1'}", id="a path"),
        pytest.param("{'https://ghcr.io': 'http://127.0.0.1:1'}", id="a URL"),
        pytest.param("{3: 'http://127.0.0.1:1'}", id="a number"),
        pytest.param("None", id="nothing"),
        pytest.param("['ghcr.io']", id="a list"),
    ],
)
def test_names_that_no_registry_has(install: Callable[..., None], given: str) -> None:
    """What is not a mapping of registries' names is refused, even where the simulation then does not stop."""
    install(sim(f"return {given}", "raise RuntimeError") + dedent(GOOD))
    with pytest.raises(SimulationError, match=r"which is no registry's name|gives no addresses"):
        asyncio.run(opened().start())
    assert calls()[1:] == [True]


def test_a_simulation_that_fails(install: Callable[..., None]) -> None:
    """Of a foreign error at start or stop, only the class is told."""
    raising = f"raise OSError('{SECRET}')"
    install(sim(raising, raising) + dedent(GOOD))
    simulation = opened()
    with pytest.raises(SimulationError, match="does not start: OSError"):
        asyncio.run(simulation.start())
    with pytest.raises(SimulationError, match="does not stop well: OSError") as caught:
        asyncio.run(simulation.stop(failed=True))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_simulation_that_fails_in_the_clients_words(install: Callable[..., None]) -> None:
    """An error of the client's own tree passes as it is: its words are made to be shown."""
    raising = (
        "from ghcr_client.errors import ProtocolError\nraise ProtocolError('line 3 of app.json: no status')"
    )
    install(sim(raising) + dedent(GOOD))
    with pytest.raises(ProtocolError, match=r"line 3 of app\.json"):
        asyncio.run(opened().start())


# --- the client


async def tags(_: web.Request) -> web.Response:
    """A recorded list of tags."""
    return web.json_response({"tags": ["v1"]})


@pytest.mark.parametrize("mode", ["record", "replay"])
@pytest.mark.parametrize("failed", [False, True])
def test_a_client_that_is_simulated(install: Callable[..., None], mode: str, failed: bool) -> None:
    """A client asks who stands in for a registry, and tells it at the end whether something failed."""

    async def main() -> None:
        async with scripted(tags) as here:
            install(sim(f'return {{"ghcr.io": "{here.url}"}}') + dedent(GOOD))
            client = GhcrClient(simulation=mode, simulation_path="app.json", credentials=Anonymous())
            async with client:
                assert await client.list_tags("acme/app") == ["v1"]
                if failed:
                    raise KeyError(SECRET)

    if failed:
        with pytest.raises(KeyError):
            asyncio.run(main())
    else:
        asyncio.run(main())
    assert calls() == [(mode, Path("app.json"), "https://ghcr.io"), failed]


def test_a_client_whose_simulator_does_not_start(install: Callable[..., None]) -> None:
    """Where a simulator does not start, the client is closed, and no socket is left."""
    install(sim(start=f"raise RuntimeError({SECRET!r})") + dedent(GOOD))

    async def main() -> None:
        client = GhcrClient(simulation="replay", simulation_path="app.json", credentials=Anonymous())
        with pytest.raises(SimulationError, match="does not start"):
            async with client:
                raise AssertionError
        with pytest.raises(ConfigError, match="use it inside"):
            await client.list_tags("acme/app")

    asyncio.run(main())


def test_a_client_without_a_cassette() -> None:
    """A mode without a path is an error at once."""
    with pytest.raises(ConfigError, match="GHCR_SIMULATION_PATH"):
        GhcrClient(simulation="replay")


def test_a_simulators_own_words(install: Callable[..., None]) -> None:
    """Of an error that the simulator itself defines, the words are told, and what looks like a token is masked."""
    token = "ghp_" + "Q" * 36
    source = dedent(GOOD) + f"class Bad(Exception): pass\nWORDS = 'a.jsonl: no cassette {token}'\n"
    install(source + sim("raise Bad(WORDS)", "raise Bad(WORDS)"))
    simulation = opened()
    with pytest.raises(SimulationError, match=r"does not start: Bad: a\.jsonl: no cassette \*\*\*$"):
        asyncio.run(simulation.start())
    with pytest.raises(SimulationError, match=r"does not stop well: Bad: a\.jsonl: no cassette"):
        asyncio.run(simulation.stop(failed=False))


@pytest.mark.parametrize("mode", ["record", "replay"])
def test_a_client_of_another_registry(install: Callable[..., None], mode: str) -> None:
    """Where nobody stands in for the settings' registry, the client does not open, and asks nobody."""

    async def main() -> None:
        async with scripted(tags) as here, scripted(tags) as real:
            install(sim(f'return {{"ghcr.io": "{here.url}"}}') + dedent(GOOD))
            client = GhcrClient(registry=real.url, simulation=mode, simulation_path="app.json")
            with pytest.raises(
                SimulationError, match=rf"registry is {real.host}, and the cassette is of ghcr\.io"
            ):
                async with client:
                    raise AssertionError
            assert calls() == [(mode, Path("app.json"), real.url), True]
            assert not real.asked
            assert not here.asked

    asyncio.run(main())


def test_a_replay_asks_nobody_else(install: Callable[..., None]) -> None:
    """Other registries, GitHub's API and places that an answer sends to are neither asked nor looked up."""

    async def main() -> None:
        async with scripted(tags) as real:

            async def sends_on(_: web.Request) -> web.Response:
                raise web.HTTPTemporaryRedirect(f"{real.url}/elsewhere")

            async with scripted(sends_on) as here:
                install(sim(f'return {{"ghcr.io": "{here.url}"}}') + dedent(GOOD))
                client = GhcrClient(
                    simulation="replay", simulation_path="app.json", credentials=Anonymous(), plain_http=True
                )
                async with client:
                    for name in (f"{real.host}/acme/app", "acme/app", "no-such.invalid/acme/app"):
                        with pytest.raises(
                            SimulationError, match=r"nothing is sent in a replay: .* of ghcr\.io$"
                        ):
                            await client.list_tags(name)
                    with pytest.raises(SimulationError, match=r"api\.github\.com was to be asked"):
                        client._transport.base(REST)
                assert not real.asked
                assert len(here.asked) == 1

    asyncio.run(main())


def test_a_registry_under_another_name(install: Callable[..., None]) -> None:
    """Who stands in for the place of a registry stands in for its name: `docker.io` is at `registry-1.docker.io`."""

    async def main() -> None:
        async with scripted(tags) as here:
            install(sim(f'return {{"registry-1.docker.io": "{here.url}"}}') + dedent(GOOD))
            client = GhcrClient(
                registry="docker.io",
                simulation="replay",
                simulation_path="app.json",
                credentials=Anonymous(),
            )
            async with client:
                assert await client.list_tags("acme/app") == ["v1"]

    asyncio.run(main())
    assert calls()[0] == ("replay", Path("app.json"), "https://registry-1.docker.io")
