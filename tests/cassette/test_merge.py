"""Left parts become a cassette: looked through, rehearsed, and only then in place of the old one; never silently."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from cassette.making import (
    PAT,
    answer,
    cassette,
    digest,
    exchange,
    pooled,
    recording,
    text,
)
from cassette.test_recording import finish, made
from ghcr_client import GhcrClient

from ghcr_sim import Simulator, ThreadServer
from ghcr_sim.cassette import CassetteError, SecretFound, load
from ghcr_sim.cassette.merge import Left, left_by, merge_parts, told_of
from ghcr_sim.cassette.model import Body
from ghcr_sim.cassette.parts import parts_of
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.oci.media import OCI_MANIFEST


def merge(target):
    """Merge, for code without a loop."""
    return asyncio.run(merge_parts(target))


def left_behind(target, *exchanges):
    """The part of a recorder that was killed."""
    begun = recording(target)
    for each in exchanges:
        begun._part.append(each)
    begun._part.close()
    return begun._part.path


def test_left_parts_become_a_cassette(tmp_path) -> None:
    """What a killed recorder has left is merged; a living one is waited for; without any there is nothing to do."""
    target = tmp_path / "a.jsonl"
    with pytest.raises(
        CassetteError, match=r"a.jsonl: no recorder has left anything; is it the cassette's name\?"
    ):
        merge(target)
    assert list(tmp_path.iterdir()) == []
    begun = recording(target)
    begun._part.append(exchange(1, got=text("hello")))
    with pytest.raises(CassetteError, match="a recorder is still at it; let it end"):
        merge(target)
    begun._part.close()
    made, left = merge(target)
    assert (len(made.exchanges), [each.path for each in left]) == (1, [begun._part.path])
    assert load(target).is_sealed
    with pytest.raises(CassetteError, match="no recorder has left anything"):
        merge(tmp_path / "missing" / "a.jsonl")
    assert not (tmp_path / "missing").exists()


def test_a_merged_cassette_lists_its_manifests(tmp_path) -> None:
    """The pool of what a killed recorder has left is found by name, too: skopeo, crane and oras read it."""
    target = tmp_path / "a.jsonl"
    begun = recording(target)
    kept = pooled(Pool(tmp_path / "pool"), b"{}")
    more = {"repository": "a/b", "reference": "v1", "got_headers": (("content-type", OCI_MANIFEST),)}
    begun._part.append(exchange(1, "manifest.get", got=kept, **more))
    begun._part.close()
    merge(target)
    listed = json.loads((tmp_path / "pool" / "index.json").read_text())["manifests"]
    assert [(each["digest"], each["mediaType"]) for each in listed] == [(kept.digest, OCI_MANIFEST)]


LOST = exchange(
    1,
    "upload.post",
    201,
    repository="a/b",
    query=(("digest", digest(b"x")),),
    sent=Body(digest=digest(b"y"), size=1),
)
"""What does not play: other bytes than their digest says, which were taken."""


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (LOST, "it does not replay as it was recorded: replayed in the recorded order, exchange 1"),
        (None, "nothing was recorded"),
        (exchange(1, got=text(PAT)), "a GitHub token stands in"),
    ],
)
def test_what_does_not_play_replaces_nothing(tmp_path, bad, why) -> None:
    """The old cassette and the part are as they were, and nothing else is left; the error says what can be deleted."""
    target = tmp_path / "a.jsonl"
    before = cassette(target, exchange(1, got=text("old"))).path.read_bytes()
    part = left_behind(target, *([bad] if bad else []))
    held = part.read_bytes()
    with pytest.raises(CassetteError) as caught:
        merge(target)
    assert why in str(caught.value)
    if bad is LOST:
        assert f"can be deleted: {part} (1 exchanges, from 2026-09-21T14:13:20Z)" in str(caught.value)
    assert (target.read_bytes(), part.read_bytes()) == (before, held)
    assert sorted(each.name for each in tmp_path.iterdir() if not each.name.endswith(".lock")) == [
        part.name,
        "a.jsonl",
    ]


def test_a_secret_in_a_part_is_an_error(tmp_path) -> None:
    """Of its own kind."""
    left_behind(tmp_path / "a.jsonl", exchange(1, got=text(PAT)))
    with pytest.raises(SecretFound):
        merge(tmp_path / "a.jsonl")


def test_a_part_in_words(tmp_path) -> None:
    """Which, how many exchanges, from when; of one whose first line is torn, what can be said."""
    target = tmp_path / "a.jsonl"
    one, two = left_behind(target, exchange(1), exchange(2, got=text("x"))), left_behind(target)
    two.write_bytes(b'{"cassette":1,"to')
    assert told_of(left_by([one, two])) == (
        f"{one} (2 exchanges, from 2026-09-21T14:13:20Z), {two} (0 exchanges, from nobody knows when)"
    )


def test_a_recording_says_what_it_has_merged(tmp_path) -> None:
    """Parts of others, not its own; nothing where there were none."""
    target = tmp_path / "a.jsonl"
    alone = made(target, answer(200, b"mine"))
    finish(alone)
    assert alone.joined == ()
    part = left_behind(target, exchange(1, got=text("theirs")))
    begun = made(target, answer(200, b"mine"))
    finish(begun)
    assert begun.joined == (Left(part, 1, "2026-09-21T14:13:20Z"),)
    assert {each.response.body.text for each in load(target).exchanges} == {"mine", "theirs"}


def test_a_failure_names_the_parts_of_others(tmp_path) -> None:
    """They are left, and may be why it does not play."""
    target = tmp_path / "a.jsonl"
    part = left_behind(target, LOST)
    with pytest.raises(CassetteError, match=r"are left: merge or delete them: .*1 exchanges, from 2026"):
        finish(made(target, answer(200)))
    assert parts_of(target) == ([part], [])


def test_a_client_that_records_says_so_in_the_log(tmp_path, caplog) -> None:
    """From Python there is no other place."""
    target = tmp_path / "a.jsonl"
    simulator = Simulator()
    simulator.seed("acme/app:v1", visibility="public")
    with ThreadServer(simulator) as server:
        begun = recording(target)
        begun._part._header = begun._part._header.model_copy(update={"upstream": server.url})
        begun._part.rewrite([exchange(1, got=text("theirs"))])
        begun._part.close()

        async def pull() -> None:
            name = server.url.partition("://")[2]
            async with GhcrClient(registry=server.url, simulation="record", simulation_path=target) as client:
                await client.pull_manifest(f"{name}/acme/app:v1")

        with caplog.at_level(logging.WARNING, "ghcr_sim"):
            asyncio.run(pull())
    assert f"had left was merged, too: {begun._part.path} (1 exchanges, from 2026-" in caplog.text
