"""The projects that `benchmarks/plugin` runs: each the same test, many times, with another thing to answer its request.

Nothing is run here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PROJECTS", "Project"]

_ASK = """
import base64

import aiohttp
import pytest


async def ask(url, token="", path="/v2/"):
    headers = {"Authorization": "Bearer " + base64.b64encode(token.encode()).decode()} if token else {}
    async with aiohttp.ClientSession() as session, session.get(url + path, headers=headers) as answer:
        await answer.read()
        assert answer.status == 200


many = pytest.mark.parametrize("number", range(TESTS))
"""

_PLAIN = """
@many
async def test_it(number):
    pass
"""

_BARE = """
import asyncio

from aiohttp import web


async def empty(_):
    return web.Response()


@many
async def test_it(number):
    server = web.Server(empty, access_log=None)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        await ask(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    finally:
        listener.close()
        server.pre_shutdown()
        await server.shutdown(0.1)
        await listener.wait_closed()
"""

_OURS = """
@many
async def test_it(ghcr, number):
    await ask(ghcr.url, ghcr.token)
"""

_SEED = """
import pytest


@pytest.fixture(scope="session", autouse=True)
def content(ghcr_session):
    for number in range(IMAGES):
        ghcr_session.seed(f"acme/app{number % 10}:v{number}")
"""

_TAKEN = """
@many
@pytest.mark.ghcr(takeover=True)
async def test_it(ghcr, number):
    await ask(ghcr.url, ghcr.token)
"""

_TAKEN_TLS = """
@many
@pytest.mark.ghcr(takeover=True)
async def test_it(ghcr, number):
    await ask("https://ghcr.io", ghcr.token)
"""

_BARE_TLS = """
import asyncio

from aiohttp import web

from ghcr_sim.tls import Authority

AUTHORITY = Authority.create()
SERVER, CLIENT = AUTHORITY.server_context(alpn=["http/1.1"]), AUTHORITY.client_context()


async def empty(_):
    return web.Response()


@many
async def test_it(number):
    server = web.Server(empty, access_log=None)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, ssl=SERVER)
    url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v2/"
    try:
        async with aiohttp.ClientSession() as session, session.get(url, ssl=CLIENT) as answer:
            assert answer.status == 200
    finally:
        listener.close()
        server.pre_shutdown()
        await server.shutdown(0.1)
        await listener.wait_closed()
"""

_AIORESPONSES = """
from aioresponses import aioresponses


@many
async def test_it(number):
    with aioresponses() as mocked:
        mocked.get("http://registry.test/v2/", status=200)
        await ask("http://registry.test")
"""

_ARESPONSES = """
@many
async def test_it(aresponses, number):
    aresponses.add("registry.test", "/v2/", "GET", aresponses.Response(status=200))
    await ask("http://registry.test")
"""

_HTTPSERVER = """
@many
async def test_it(httpserver, number):
    httpserver.expect_request("/v2/").respond_with_data("")
    await ask(httpserver.url_for(""), path="v2/")
"""

_VCRPY = """
from pathlib import Path

import vcr

CASSETTE = str(Path(__file__).with_name("cassette.yaml"))


@many
async def test_it(number):
    with vcr.use_cassette(CASSETTE, record_mode="none"):
        await ask("http://registry.test")
"""

_CASSETTE = """
interactions:
- request: {body: null, headers: {}, method: GET, uri: "http://registry.test/v2/"}
  response: {body: {string: ''}, headers: {Content-Length: ['0']}, status: {code: 200, message: OK}}
version: 1
"""


@dataclass(frozen=True, slots=True)
class Project:
    """A user's project.

    Attributes:
        name: Its name in the tables.
        test: What follows the asking, in `test_it.py`.
        plugin: The plugin that it needs besides pytest-asyncio.
        conftest: Its `conftest.py`.
        older: Whether it needs an older aiohttp than the others.
    """

    name: str
    test: str
    plugin: str = ""
    conftest: str = ""
    older: bool = False

    def write(self, folder: Path, tests: int, images: int) -> None:
        """Write it into a folder that is not there."""
        folder.mkdir(parents=True)
        (folder / "test_it.py").write_text(_ASK.replace("TESTS", str(tests)) + self.test)
        (folder / "conftest.py").write_text(self.conftest.replace("IMAGES", str(images)))
        (folder / "cassette.yaml").write_text(_CASSETTE)
        (folder / "pytest.ini").write_text(
            "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        )


PROJECTS = {
    one.name: one
    for one in (
        Project("no request", _PLAIN),
        Project("bare aiohttp", _BARE),
        Project("ghcr", _OURS, "ghcr"),
        Project("ghcr, session's seed", _OURS, "ghcr", _SEED),
        Project("ghcr, takeover", _TAKEN, "ghcr"),
        Project("ghcr, takeover and TLS", _TAKEN_TLS, "ghcr"),
        Project("bare aiohttp, TLS", _BARE_TLS),
        Project("aioresponses", _AIORESPONSES, older=True),
        Project("aresponses", _ARESPONSES, "aresponses"),
        Project("pytest-httpserver", _HTTPSERVER, "pytest_httpserver"),
        Project("vcrpy", _VCRPY),
    )
}
"""By name."""
