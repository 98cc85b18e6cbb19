"""A push with a token that was fetched for pulling is refused where the recorded one had a token for pushing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import ghcr_fixtures
import pytest

from ghcr_sim.cassette import MISS, Replay, load
from ghcr_sim.cassette.shelf import may_push
from ghcr_sim.serve import Door
from ghcr_sim.threads import ThreadDoor

if TYPE_CHECKING:
    from ghcr_sim.cassette.report import Report


def begin(scope: str) -> tuple[int, Report]:
    """Fetch a token for a scope, and begin an upload with it; the status, and how the replay went."""
    replay = Replay(load(ghcr_fixtures.path("cassettes/push_manifest.jsonl")))
    with ThreadDoor(Door(replay)) as door:
        basic = {"Authorization": "Basic YTpi"}
        with urlopen(Request(f"{door.url}/token?service=ghcr.io&scope={scope}", headers=basic)) as answer:
            token = json.load(answer)["token"]
        post = Request(
            f"{door.url}/v2/acme/new/blobs/uploads/", b"", {"Authorization": f"Bearer {token}"}, method="POST"
        )
        try:
            with urlopen(post) as answer:
                status = answer.status
        except HTTPError as error:
            status = error.code
            error.close()
    return status, replay.close()


def test_for_pushing() -> None:
    """A token for pushing opens an upload, as it did."""
    assert begin("repository:acme/new:pull,push")[0] == 202


def test_for_pulling() -> None:
    """A token for pulling opens none, and the miss says why."""
    status, report = begin("repository:acme/new:pull")
    assert status == MISS
    assert re.search("not fetched for pushing", report.misses[0].text)


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("repository:a/b:pull,push", True),
        ("repository:a/b:*", True),
        ("repository:a/b:pull", False),
        ("repository:a/c:push", False),
        ("", False),
    ],
)
def test_what_a_scope_allows(scope: str, may: bool) -> None:
    """Pushing needs `push` or everything, on that repository."""
    assert may_push((scope,), "a/b") is may
