"""Everyday scenarios of real clients: recorded through each door, replayed with the registry gone."""

from __future__ import annotations

from functools import partial

import pytest
from cassette.clients.drivers import STEADY
from cassette.clients.stage import Delayed

pytestmark = pytest.mark.clients


def push_and_pull(client, image):
    """Login, push, digest, pull, tags, tag, tags, in a private package."""
    client.login()
    client.push(image, "acme/app:v1")
    seen = [client.digest("acme/app:v1"), client.pull("acme/app:v1"), client.tags("acme/app")]
    client.tag("acme/app:v1", "latest")
    return [*seen, client.tags("acme/app"), client.digest("acme/app:latest")]


def copy(client, image):
    """A push, and a copy to another repository, which mounts."""
    client.login()
    client.push(image, "acme/app:v1")
    client.copy("acme/app:v1", "acme/copy:v2")
    return [client.tags("acme/copy"), client.pull("acme/copy:v2")]


def index(client, image):
    """An index with two platforms, one of them, and each digest; nobody logs in."""
    seen = [client.digest("acme/multi:v1"), client.pull("acme/multi:v1")]
    return [*seen, *(client.platform("acme/multi:v1", each) for each in ("amd64", "arm64"))]


def refusals(client, image):
    """A tag that is not there, and a login that is none."""
    said = [client.refuse_digest("acme/multi:nothing"), client.refuse_login("wrong-password-here")]
    return ["".join(each for each in one if each.isalpha() or each == " ")[-60:] for one in said]


SCENARIOS = {each.__name__: each for each in (push_and_pull, copy, index, refusals)}


@pytest.fixture(params=list(SCENARIOS))
def scenario(request):
    return SCENARIOS[request.param]


@pytest.fixture(autouse=True)
def _multi(ghcr):
    """An index of two platforms, which anybody may pull."""
    ghcr.seed("acme/multi:v1", platforms=["linux/amd64", "linux/arm64"], visibility="public")


def test_what_was_recorded_is_replayed_with_the_registry_gone(stage, record, client, image, scenario):
    """The client sees the same again, from recorded answers alone; and once more while answers change places.

    skopeo and podman ask once more or once less from run to run, as their layers take turns, and podman remembers
    between runs which blobs it has pushed: that may be repeated or derived.
    """
    with record() as way:
        seen = scenario(client(way), image)
    with stage.replaying("one") as played:
        assert scenario(client(played.way), image) == seen
    played.assert_ok()
    if client.program in STEADY:
        assert played.report.answers.keys() == {"recorded"}
        assert not played.report.unused_reads
    for seed, jobs in ((1, 1), (2, 8)):
        with stage.replaying("one", wrap=partial(Delayed, seed=seed)) as played:
            assert scenario(client(played.way, jobs), image) == seen
        played.assert_ok()
