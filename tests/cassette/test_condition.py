"""An answer to one condition is given to no other that it does not answer, too."""

from __future__ import annotations

import pytest
from cassette.making import asked, bearer, cassette, digest, exchange, image, pooled

from ghcr_sim.cassette.condition import allows, condition_of
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.cassette.replay import MISS, Replay
from ghcr_sim.oci.media import OCI_MANIFEST

DATA = image(b"x")
SHA = digest(DATA)
TAG = f'"{SHA}"'
SHOWN = (("content-type", OCI_MANIFEST), ("docker-content-digest", SHA), ("etag", TAG))


def replay_of(path, *statuses, strictness="registry"):
    """A manifest that was asked for, plainly (200) or conditionally (304)."""
    data = pooled(Pool.beside(path), DATA)
    what = {"auth": "bearer", "repository": "a/b", "reference": "v1", "got_headers": SHOWN}
    plain, cond = (("accept", OCI_MANIFEST),), (("accept", OCI_MANIFEST), ("if-none-match", TAG))
    made = [
        exchange(number, "manifest.get", 200, sent_headers=plain, got=data, **what)
        if status == 200
        else exchange(number, "manifest.get", status, sent_headers=cond, **what)
        for number, status in enumerate(statuses, 1)
    ]
    return Replay(cassette(path, *made), strictness)


def get(replay, tag=None):
    """One request, with a condition or without."""
    more = {} if tag is None else {"if-none-match": tag}
    headers = {"authorization": bearer("x"), "accept": OCI_MANIFEST, **more}
    return asked(replay, "GET", "/v2/a/b/manifests/v1", b"", headers)


@pytest.mark.parametrize("strictness", ["literal", "registry"])
@pytest.mark.parametrize("order", [(200, 304), (304, 200)])
def test_each_condition_has_its_answer(tmp_path, order, strictness) -> None:
    """A plain request gets the content, the recorded condition its 304, in whichever order they come."""
    for turns in ((None, TAG), (TAG, None)):
        replay = replay_of(tmp_path / "a.jsonl", *order, strictness=strictness)
        found = {each: get(replay, each) for each in turns}
        assert (found[None].status, found[None].body) == (200, DATA)
        assert (found[TAG].status, found[TAG].body) == (304, b"")
        assert {each.by for each in found.values()} == {"recorded"}


def test_another_tag_gets_the_content(tmp_path) -> None:
    """A cache that has something else is given what is there now."""
    replay = replay_of(tmp_path / "a.jsonl", 304, 200)
    assert (get(replay, '"sha256:0000"').status, get(replay, f'W/"x", W/{TAG}').status) == (200, MISS)


@pytest.mark.parametrize("tag", [None, '"sha256:0000"', "*"])
def test_only_the_304_was_recorded(tmp_path, tag) -> None:
    """Who asks otherwise misses, and is told why."""
    missed = get(replay_of(tmp_path / "a.jsonl", 304), tag)
    assert missed.status == MISS
    assert "condition NO" in missed.body.decode()
    assert "If-None-Match" in missed.body.decode()


def test_what_is_there_already_was_not_recorded(tmp_path) -> None:
    """Whether this registry says 304 at all, nobody knows who has not asked."""
    missed = get(replay_of(tmp_path / "a.jsonl", 200), TAG)
    assert (missed.status, "condition NO" in missed.body.decode()) == (MISS, True)


@pytest.mark.parametrize(
    ("status", "headers", "asked_with", "allowed"),
    [
        (200, SHOWN, (), True),
        (200, SHOWN, (("If-None-Match", '"x"'),), True),
        (200, (("ETag", f"W/{TAG}"),), (("if-none-match", TAG),), False),
        (200, SHOWN[1:2], (("if-none-match", TAG),), False),
        (200, (), (("if-none-match", TAG),), True),
        (200, SHOWN, (("if-match", '"x"'),), False),
        (404, (), (("if-none-match", TAG),), True),
        (307, (), (("if-none-match", TAG),), True),
        (304, SHOWN, (), False),
        (412, (), (("if-match", '"x"'),), False),
    ],
)
def test_allows(status, headers, asked_with, allowed) -> None:
    """Content answers tags that it has not; a refusal and a redirect any; 304 and 412 none but their own."""
    assert allows(status, headers, condition_of(asked_with)) is allowed
