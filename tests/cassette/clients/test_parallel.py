"""What no other recorder plays: random data, six pushes at a time, parts of a blob."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from cassette.clients.drivers import DRIVERS
from cassette.clients.images import chance
from cassette.clients.stage import Delayed
from tools import require

pytestmark = pytest.mark.clients

RANGES = ("0-99", "100-", "-50", "7-7")


@pytest.fixture(params=[name for name in DRIVERS if name != "podman"])
def client(request):
    """Each client in turn but podman, whose store takes one command at a time."""
    require(request.param)
    return DRIVERS[request.param]


def test_a_push_of_random_data_replays(stage, record, make_image, client):
    """Other bytes stand for the recorded ones; they come back as they were pushed, not as they were recorded."""
    with record() as way:
        first = client(way)
        first.login()
        first.push(make_image("v1", seed=chance()), "acme/app:v1")
        first.pull("acme/app:v1")
    other = make_image("v1", seed=chance())
    with stage.replaying("one") as played:
        again = client(played.way)
        again.login()
        again.push(other, "acme/app:v1")
        back = again.pull("acme/app:v1")
    assert back.keys() == {other.digest, *other.blobs}
    played.assert_ok()
    assert played.report.answers["derived"]


def test_six_parallel_pushes_replay(stage, record, make_image, client):
    """Six processes push six images into one repository; replayed, in whatever order they come."""
    images = [make_image(f"v{number}", seed=number, layers=2, size=3000) for number in range(6)]

    def push_all(driver):
        driver.login()
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda image: driver.push(image, f"acme/app:{image.tag}"), images))
        return sorted(driver.tags("acme/app"))

    with record() as way:
        tags = push_all(client(way))
    assert tags == sorted(image.tag for image in images)
    for seed in (1, 2):
        with stage.replaying("one", wrap=partial(Delayed, seed=seed)) as played:
            assert push_all(client(played.way)) == tags
        played.assert_ok()


def curl(way, *words):
    """Run curl; what came, and its status."""
    done = way.home.run("curl", "-sS", "-L", "-o", way.home.path("out"), "-w", "%{http_code}", *words)
    data = way.home.path("out").read_bytes() if way.home.path("out").exists() else b""
    way.home.path("out").unlink(missing_ok=True)
    return int(done.stdout), data


def bearer(way):
    """A token for anybody, as curl fetches it."""
    _, answer = curl(way, f"{way.url}/token?service=ghcr.io&scope=repository:acme/app:pull")
    return "Authorization: Bearer " + answer.decode().split('"token":"')[1].partition('"')[0]


@pytest.mark.parametrize("whole", [True, False], ids=["whole-recorded", "parts-recorded"])
def test_parts_of_a_blob_replay(stage, record, ghcr, whole):
    """The recorded parts come again; others are computed from the whole blob, or missed where it is unknown."""
    require("curl")
    ghcr.seed("acme/app:v1", visibility="public")
    state = ghcr.simulator.store.repository("acme/app")
    blob = json.loads(next(iter(state.manifests.values())).content)["layers"][0]["digest"]
    with record() as way:
        address = f"{way.url}/v2/acme/app/blobs/{blob}"
        token = bearer(way)
        parts = {part: curl(way, "-H", token, "-r", part, address) for part in RANGES}
        data = curl(way, "-H", token, address)[1] if whole else b""
    assert {status for status, _ in parts.values()} == {206}
    with stage.replaying("one") as played:
        address = f"{played.way.url}/v2/acme/app/blobs/{blob}"
        token = bearer(played.way)
        assert {part: curl(played.way, "-H", token, "-r", part, address) for part in RANGES} == parts
        if whole:
            assert f"sha256:{hashlib.sha256(data).hexdigest()}" == blob
            assert curl(played.way, "-H", token, address) == (200, data)
            assert curl(played.way, "-H", token, "-r", "3-41", address) == (206, data[3:42])
            assert curl(played.way, "-H", token, "-r", f"{len(data) + 5}-", address)[0] == 416
        else:
            assert curl(played.way, "-H", token, "-r", "3-41", address)[0] == 490
    if whole:
        played.assert_ok(derived=3)
    else:
        assert [miss.reason for miss in played.report.misses] == ["unknown"]
