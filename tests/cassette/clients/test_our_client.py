"""This project's client: recorded and replayed through both doors, and beside the other clients."""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from pathlib import Path

import ghcr_client
import pytest
from cassette.clients.driver import Driver
from cassette.clients.drivers import DRIVERS
from cassette.clients.images import chance
from cassette.clients.stage import Delayed
from tools import require

pytestmark = pytest.mark.clients

PROGRAM = """\
import asyncio, json, sys
from ghcr_client import GhcrClient

async def main(url, token, jobs, verb, *words):
    settings = {"registry": url, "max_concurrency": int(jobs)}
    async with GhcrClient(**settings, **({"token": token} if token else {})) as client:
        return await globals()[verb](client, *words)

async def push(client, layout, name):
    return str(await client.push_image(name, layout))

async def pull(client, name, target, platform=None):
    return str((await client.pull_image(name, target, platform=platform)).digest)

async def tags(client, name):
    return await client.list_tags(name)

async def digest(client, name):
    return str(await client.tag_digest(name))

async def tag(client, name, tag):
    return str(await client.tag_image(name, tag))

async def copy(client, name, other):
    return str(await client.copy_image(name, other))

async def chunks(client, name, path, size):
    return str((await client.upload_blob(name, open(path, "rb").read(), chunk_size=int(size))).digest)

print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
"""


class Ours(Driver):
    """This project's client, in a process of its own: it reads a door's variables as any other does."""

    program = "ghcr_client"
    token = ""

    def _command(self, verb, *words):
        return [
            sys.executable,
            "-c",
            PROGRAM,
            self.way.url,
            self.token,
            str(self.jobs),
            verb,
            *map(str, words),
        ]

    @property
    def _env(self):
        return {"PYTHONPATH": str(Path(ghcr_client.__file__).parents[1])}

    def call(self, verb, *words):
        return json.loads(self.way.home.run(*self._command(verb, *words), env=self._env).stdout)

    def login(self, token=None):
        self.token = token or self.way.token

    trust = login

    def refuse_login(self, token):
        self.token = token
        return self.refuse_digest("acme/multi:v1")

    def push(self, layout, name):
        self.call("push", layout.path, name)

    def pull(self, name):
        back = self.fresh()
        self.call("pull", name, back)
        return self.tree(back)

    def platform(self, name, arch):
        back = self.fresh()
        self.call("pull", name, back, f"linux/{arch}")
        return self.tree(back)

    def tags(self, repository):
        return self.call("tags", repository)

    def digest(self, name):
        return self.call("digest", name)

    def refuse_digest(self, name):
        return self.way.home.refused(*self._command("digest", name), env=self._env)

    def tag(self, name, tag):
        self.call("tag", name, tag)

    def copy(self, name, other):
        self.call("copy", name, other)

    def chunks(self, name, path, size):
        return self.call("chunks", name, path, size)


def everyday(client, image):
    """Most of what it does."""
    client.login()
    client.push(image, "acme/app:v1")
    seen = [client.digest("acme/app:v1"), client.pull("acme/app:v1")]
    client.tag("acme/app:v1", "latest")
    client.copy("acme/app:v1", "acme/copy:v2")
    seen += [client.tags("acme/app"), client.tags("acme/copy"), client.pull("acme/copy:v2")]
    seen += [client.pull("acme/multi:v1"), client.platform("acme/multi:v1", "arm64")]
    big = client.way.home.path("big")
    big.write_bytes(bytes(9_000_000))
    seen.append(client.chunks("acme/app", big, 4_000_000))
    assert "ManifestUnknown" in client.refuse_digest("acme/app:nothing")
    assert "Denied" in client.refuse_login("wrong-password-here")
    return seen


def test_what_our_client_said_is_replayed_with_the_registry_gone(stage, record, ghcr, image):
    """The same again, every answer a recorded one; and with other parallelism, while answers change places."""
    ghcr.seed("acme/multi:v1", platforms=["linux/amd64", "linux/arm64"])
    with record() as way:
        seen = everyday(Ours(way), image)
    with stage.replaying("one") as played:
        assert everyday(Ours(played.way), image) == seen
    played.assert_ok(derived=0, repeated=0)
    for seed, jobs in ((1, 1), (2, 8)):
        with stage.replaying("one", wrap=partial(Delayed, seed=seed)) as played:
            assert everyday(Ours(played.way, jobs), image) == seen
        played.assert_ok()


def test_a_push_of_random_data_replays(stage, record, make_image):
    """Other bytes stand for the recorded ones, and come back as they were pushed."""
    with record() as way:
        first = Ours(way)
        first.login()
        first.push(make_image(seed=chance()), "acme/app:v1")
        first.pull("acme/app:v1")
    other = make_image(seed=chance())
    with stage.replaying("one") as played:
        again = Ours(played.way)
        again.login()
        again.push(other, "acme/app:v1")
        assert again.pull("acme/app:v1").keys() == {other.digest, *other.blobs}
    played.assert_ok()


CLIENTS = ("crane", "skopeo", "oras", "regctl")


@pytest.mark.parametrize("program", CLIENTS)
def test_a_pull_of_ours_replays_to_others_and_theirs_to_us(stage, record, ghcr, program):
    """Anonymous, one image."""
    require(program)
    other = DRIVERS[program]
    digest = ghcr.seed("acme/app:v1", visibility="public").digest
    for name, one, two in (("ours", Ours, other), ("theirs", other, Ours)):
        with record(name) as way:
            assert digest in one(way).pull("acme/app:v1")
        with stage.replaying(name) as played:
            assert digest in two(played.way).pull("acme/app:v1")
        played.assert_ok()


def round_trip(driver, image):
    """Ask for a tag that is not there, push, ask again, pull."""
    driver.trust()
    driver.push(image, "acme/app:v1")
    return driver.digest("acme/app:v1") in driver.pull("acme/app:v1")


SENDS_CHUNKS = {"crane", "skopeo"}
"""Who uploads by PATCH; ours, as oras and regctl, by PUT alone, so that its cassette has no answer to a PATCH."""


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours-to", "from"])
@pytest.mark.parametrize("program", CLIENTS)
def test_a_push_of_ours_replays_to_others_and_theirs_to_us(stage, record, image, program, ours_first):
    """A push that was read back; from ours to who sends chunks it cannot."""
    require(program)
    one, two = (Ours, DRIVERS[program]) if ours_first else (DRIVERS[program], Ours)
    with record() as way:
        first = one(way)
        first.trust()
        first.refuse_digest("acme/app:v1")
        assert round_trip(first, image)
    with stage.replaying("one") as played:
        second = two(played.way)
        if two.program in SENDS_CHUNKS:
            with pytest.raises(AssertionError, match="exit status"):
                round_trip(second, image)
        else:
            assert round_trip(second, image)
    if two.program in SENDS_CHUNKS:
        assert played.report.misses[0].what.startswith("upload.patch acme/app")
    else:
        played.assert_ok()


def test_it_records_and_replays_by_itself(ghcr, tmp_path):
    """`simulation="record"`, then `"replay"` with nothing there: no door is opened by hand."""
    ghcr.seed("acme/app:v1", visibility="public")
    path = tmp_path / "own.jsonl"

    async def pull(mode):
        client = ghcr_client.GhcrClient(registry=ghcr.url, simulation=mode, simulation_path=path)
        async with client:
            name = f"{ghcr.host}/acme/app:v1"
            return (await client.pull_manifest(name)).digest, await client.list_tags(name)

    seen = asyncio.run(pull("record"))
    requests = len(ghcr.requests())
    assert asyncio.run(pull("replay")) == seen
    assert len(ghcr.requests()) == requests
