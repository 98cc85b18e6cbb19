"""Recordings of a registry that no part of this project made: Debian's docker-registry behind TLS and a token realm."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

import pytest
from cassette.clients.distribution import REALM, REGISTRY, Realm, RealmServer, distribution
from cassette.clients.drivers import DRIVERS
from cassette.clients.stage import Delayed, Stage, within
from tools import require

pytestmark = pytest.mark.clients


@pytest.fixture(params=["reverse", "forward"])
def stage(request, authority):
    """Each door in turn, before that registry."""
    require("docker-registry", "curl")
    folder = Path(tempfile.gettempdir()) / f"c{os.urandom(4).hex()}"
    folder.mkdir(mode=0o755)
    yield Stage(request.param, authority, folder, f"https://{REGISTRY}", (REALM,))
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def record(stage, authority):
    """Record a cassette of a new docker-registry, which is there in that time only."""

    @contextlib.contextmanager
    def recording(name="one"):
        realm = Realm(stage.folder)
        with (
            within(RealmServer(realm, authority.server_context(REALM, alpn=("http/1.1",)))) as server,
            distribution(stage.folder, authority, server.port, realm) as registry,
            stage.recording(name, registry.ports, registry.token) as way,
        ):
            yield way

    return recording


@pytest.fixture(params=["crane", "skopeo", "oras", "regctl"])
def client(request):
    """Each client in turn."""
    require(request.param)
    return DRIVERS[request.param]


def everyday(client, image):
    """Login, push, digest, pull, tags, a copy that mounts, a tag that is not there."""
    client.trust()
    client.push(image, "acme/app:v1")
    seen = [client.digest("acme/app:v1"), client.pull("acme/app:v1"), client.tags("acme/app")]
    client.copy("acme/app:v1", "acme/copy:v2")
    seen += [client.tags("acme/copy"), client.pull("acme/copy:v2")]
    client.refuse_digest("acme/app:nothing")
    return seen


def test_what_docker_registry_said_is_replayed_without_it(stage, record, client, image):
    """The same again, and once more while answers change places."""
    with record() as way:
        seen = everyday(client(way), image)
    with stage.replaying("one") as played:
        assert everyday(client(played.way), image) == seen
    played.assert_ok()
    with stage.replaying("one", wrap=partial(Delayed, seed=3)) as played:
        assert everyday(client(played.way, 8), image) == seen
    played.assert_ok()


def test_the_cassette_holds_no_token_of_the_realm(stage, record, image):
    """Neither the password nor a JWT is anywhere on disk."""
    require("crane")
    with record() as way:
        everyday(DRIVERS["crane"](way), image)
        password = way.token
    shutil.rmtree(stage.folder / "data")
    for path in [stage.path("one"), *stage.folder.joinpath("pool").rglob("*")]:
        if path.is_file():
            assert password.encode() not in path.read_bytes()
            assert b"eyJ" not in path.read_bytes()
