"""What is done, undone and done again is recorded whole, replays, and is played at the fake in its order."""

from __future__ import annotations

import asyncio

import pytest
from cassette.making import (
    UPSTREAM,
    Answered,
    Client,
    FakeUpstream,
    Stub,
    answer,
    digest,
    fake,
    image,
    path_of,
    recording,
)

from ghcr_sim.cassette import CassetteError
from ghcr_sim.cassette.addresses import ReverseDoor
from ghcr_sim.cassette.order import ordered
from ghcr_sim.cassette.replay import MISS, Replay
from ghcr_sim.judge import judge_fake
from ghcr_sim.oci.media import OCI_MANIFEST

REPOSITORY = "acme/app"
MANIFESTS, BLOBS, UPLOADS = (f"/v2/{REPOSITORY}/{each}/" for each in ("manifests", "blobs", "blobs/uploads"))


class Steps:
    """A client that notes each status."""

    def __init__(self, handler, secret) -> None:
        self.client = Client(handler, secret)
        self.statuses = []

    async def ask(self, method, target, body=b"", **headers):
        got = await self.client.ask(method, target, body, **headers)
        self.statuses.append(got.status)
        return got

    async def get(self, reference):
        return await self.ask("GET", f"{MANIFESTS}{reference}", accept=OCI_MANIFEST)

    async def put(self, tag, *words):
        return await self.ask("PUT", f"{MANIFESTS}{tag}", image(*words), content_type=OCI_MANIFEST)

    async def upload(self, data, name=None):
        opened = await self.ask("POST", UPLOADS)
        if opened.status != 202:
            return
        where = path_of(opened.headers["location"])
        mark = "&" if "?" in where else "?"
        await self.ask("PUT", f"{where}{mark}digest={name or digest(data)}", data)


async def blobs(steps):
    """A blob is pushed, deleted, and pushed again."""
    for _ in range(2):
        await steps.upload(b"x")
        await steps.ask("HEAD", f"{BLOBS}{digest(b'x')}")
        await steps.ask("DELETE", f"{BLOBS}{digest(b'x')}")
        await steps.ask("HEAD", f"{BLOBS}{digest(b'x')}")


async def manifests(steps):
    """A manifest is pushed, deleted by its digest, and pushed again; it is read by its tag."""
    await steps.upload(b"{}")
    for _ in range(3):
        await steps.put("v1")
        await steps.get("v1")
        await steps.ask("GET", f"/v2/{REPOSITORY}/tags/list")
        await steps.ask("DELETE", f"{MANIFESTS}{digest(image())}")
        await steps.get("v1")
        await steps.ask("GET", f"/v2/{REPOSITORY}/tags/list")


async def moves(steps):
    """A tag moves, and back; a list is read in between."""
    for each in (b"{}", b"x"):
        await steps.upload(each)
    for words in ((), (b"x",), ()):
        await steps.put("latest", *words)
        await steps.get("latest")
        await steps.put("other", *words)
        await steps.ask("GET", f"/v2/{REPOSITORY}/tags/list")
    await steps.put("third")
    await steps.ask("GET", f"/v2/{REPOSITORY}/tags/list")


async def early(steps):
    """A manifest comes before its blobs, and again after them."""
    await steps.put("v1", b"x")
    for each in (b"{}", b"x"):
        await steps.upload(each)
    await steps.put("v1", b"x")
    await steps.get("v1")


async def wrong(steps):
    """An upload does not have the digest that it promised; the next one has."""
    await steps.upload(b"y", digest(b"x"))
    await steps.upload(b"x")
    await steps.ask("HEAD", f"{BLOBS}{digest(b'x')}")


async def given_up(steps):
    """A chunk is taken, and the upload is given up, by a wrong digest or by nothing; then it is done."""
    for name in (digest(b"y"), None, digest(b"x")):
        where = path_of((await steps.ask("POST", UPLOADS)).headers["location"])
        await steps.ask("PATCH", where, b"x", content_range="0-0")
        if name is not None:
            await steps.ask("PUT", f"{where}{'&' if '?' in where else '?'}digest={name}")


async def resumed(steps):
    """Steps of an upload that nobody knows come before a push, and after it."""
    old = f"{UPLOADS}6d0b9c3f-1111-4222-8333-444444444444"
    await steps.ask("GET", old)
    await steps.upload(b"x")
    await steps.ask("PATCH", old, b"x")
    await steps.ask("DELETE", old)
    await steps.ask("PUT", f"{old}?digest={digest(b'x')}", b"x")
    await steps.upload(b"x")


STORIES = {each.__name__: each for each in (blobs, manifests, moves, early, wrong, given_up, resumed)}


async def _made(target, profile, story):
    simulator = fake(profile=profile)
    made = recording(target)
    steps = Steps(made.recorder(FakeUpstream(simulator), ReverseDoor(UPSTREAM)), simulator.token)
    await steps.client.login(REPOSITORY, "pull,push,delete")
    await story(steps)
    found = await made.finish()
    assert found is not None
    return found, steps.statuses


@pytest.mark.parametrize("profile", ["ghcr", "oci"])
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_what_is_done_again(tmp_path, story, profile) -> None:
    """It is recorded, answered once each as it was, differs in nothing from the fake, and its order is its own."""

    async def play():
        found, recorded = await _made(tmp_path / "a.jsonl", profile, story)
        replay = Replay(found, "literal")
        steps = Steps(replay, "any")
        await steps.client.login(REPOSITORY, "pull,push,delete")
        await story(steps)
        return found, recorded, steps.statuses, replay.close(), await judge_fake(found, profile)

    found, recorded, replayed, report, verdicts = asyncio.run(play())
    assert replayed == recorded
    assert report.ok
    assert [each for each in verdicts if each.verdict == "different"] == []
    assert ordered([found.exchanges]) == found.exchanges


OPENED = (("location", f"/v2/{REPOSITORY}/blobs/uploads/11111111-2222-4333-8444-555555555555"),)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("step", ["post", "patch", "put"])
def test_a_refused_step_is_tried_again(tmp_path, status, step) -> None:
    """An upload that is begun anew after a refusal is recorded, with the refusal."""
    places = {
        "post": [answer(status)],
        "patch": [Answered(202, OPENED, [], 0), answer(status)],
        "put": [Answered(202, OPENED, [], 0), Answered(202, OPENED, [], 0), answer(status)],
    }
    other = ((OPENED[0][0], OPENED[0][1].replace("111", "777")),)
    good = [Answered(202, other, [], 0), Answered(202, other, [], 0), answer(201)]

    async def play():
        made = recording(tmp_path / "a.jsonl")
        client = Client(made.recorder(Stub([*places[step], *good]), ReverseDoor(UPSTREAM)), "")
        for _ in range(2):
            opened = await client.ask("POST", UPLOADS)
            if opened.status != 202:
                continue
            where = path_of(opened.headers["location"])
            if (await client.ask("PATCH", where, b"x", content_range="0-0")).status == 202:
                await client.ask("PUT", f"{where}?digest={digest(b'x')}")
        return await made.finish()

    found = asyncio.run(play())
    assert sorted(each.response.status for each in found.exchanges) == sorted(
        each.status for each in (*places[step], *good)
    )


def test_an_upload_that_was_opened_elsewhere_is_left_out(tmp_path, caplog) -> None:
    """What is taken of it cannot be replayed; all else is kept, and a line says what is missing."""
    simulator = fake()

    async def play():
        client = Client(simulator, simulator.token)
        await client.login(REPOSITORY)
        old = path_of((await client.ask("POST", UPLOADS)).headers["location"])
        made = recording(tmp_path / "a.jsonl")
        client = Client(made.recorder(FakeUpstream(simulator), ReverseDoor(UPSTREAM)), simulator.token)
        await client.login(REPOSITORY)
        assert (await client.ask("PATCH", old, b"x")).status == 202
        assert (await client.ask("PUT", f"{old}?digest={digest(b'x')}")).status == 201
        await client.push_blob(REPOSITORY, b"y")
        return await made.finish()

    found = asyncio.run(play())
    assert [each.operation for each in found.exchanges] == ["token.get", "upload.post", "upload.put"]
    assert caplog.text.count("its upload was not opened in this recording") == 2


def test_only_uploads_that_were_opened_elsewhere(tmp_path) -> None:
    """Where nothing else was recorded there is no cassette: the error says why, and what to do."""

    async def play():
        made = recording(tmp_path / "a.jsonl")
        client = Client(made.recorder(Stub([answer(202)]), ReverseDoor(UPSTREAM)), "")
        assert (await client.ask("PATCH", f"{UPLOADS}1", b"x")).status == 202
        await made.finish()

    with pytest.raises(
        CassetteError, match=r"a\.jsonl: all .* were opened elsewhere; record their beginning"
    ):
        asyncio.run(play())
    assert [each.name for each in tmp_path.iterdir() if not each.name.endswith(".lock")] == []


def test_a_chunk_that_only_this_registry_takes(tmp_path) -> None:
    """One that does not begin where the upload is was taken: it is in the replay, and no other such chunk is."""
    answers = [*[Answered(202, OPENED, [], 0)] * 3, answer(201)]

    async def push(handler, *chunks):
        client = Client(handler, "")
        where = path_of((await client.ask("POST", UPLOADS)).headers["location"])
        for each in chunks:
            yield (await client.ask("PATCH", where, b"a" * 10, content_range=each)).status
        yield (await client.ask("PUT", f"{where}?digest={digest(b'a' * 20)}")).status

    async def play():
        made = recording(tmp_path / "a.jsonl")
        recorder = made.recorder(Stub(answers), ReverseDoor(UPSTREAM))
        assert [each async for each in push(recorder, "5-14", "10-19")] == [202, 202, 201]
        found = await made.finish()
        assert [each async for each in push(Replay(found), "5-14", "10-19")] == [202, 202, 201]
        assert [each async for each in push(Replay(found), "6-15")] == [416, 400]

    asyncio.run(play())


@pytest.mark.parametrize(("profile", "status"), [("oci", 202), ("ghcr", 405)])
def test_random_bytes_are_pushed_over_a_tag_and_deleted(tmp_path, profile, status) -> None:
    """So clients delete a tag: other bytes are deleted as the recorded ones were, and nothing else is."""

    async def story(steps, dummy):
        for each in (b"{}", b"x", dummy):
            await steps.upload(each)
        await steps.put("kept", b"x")
        await steps.put("v1", b"x")
        await steps.put("v1", dummy)
        await steps.ask("DELETE", f"{MANIFESTS}{digest(image(dummy))}")
        await steps.get("v1")
        await steps.ask("GET", f"/v2/{REPOSITORY}/tags/list")

    async def play():
        found, recorded = await _made(tmp_path / "a.jsonl", profile, lambda steps: story(steps, b"one"))
        replay = Replay(found)
        steps = Steps(replay, "any")
        await steps.client.login(REPOSITORY, "pull,push,delete")
        await story(steps, b"two")
        assert steps.statuses == recorded
        assert status in recorded
        assert replay.close().ok
        assert (await steps.ask("DELETE", f"{MANIFESTS}{digest(image(b'x'))}")).status == MISS

    asyncio.run(play())


@pytest.mark.parametrize("stumbling", [b"x", b"y"])
def test_a_chunk_is_tried_again_while_others_push(tmp_path, stumbling) -> None:
    """Whichever of two uploads stumbles, the recording replays."""
    places = {
        each: ((OPENED[0][0], OPENED[0][1].replace("111", f"{number}" * 3)),)
        for number, each in enumerate((b"x", b"y"))
    }
    second = next(each for each in places if each != stumbling)
    steps = [
        *(("POST", each, 202) for each in places),
        ("PATCH", stumbling, 503),
        ("PATCH", second, 202),
        ("PATCH", stumbling, 202),
        *(("PUT", each, 201) for each in places),
    ]

    async def play():
        made = recording(tmp_path / "a.jsonl")
        answers = [
            Answered(status, places[data] if status == 202 else (), [], 0) for _, data, status in steps
        ]
        client = Client(made.recorder(Stub(answers), ReverseDoor(UPSTREAM)), "")
        where = {}
        for method, data, _ in steps:
            if method == "POST":
                where[data] = path_of((await client.ask(method, UPLOADS)).headers["location"])
                continue
            query = f"?digest={digest(data)}" if method == "PUT" else ""
            await client.ask(method, f"{where[data]}{query}", data if method == "PATCH" else b"")
        return await made.finish()

    assert len(asyncio.run(play()).exchanges) == len(steps)
