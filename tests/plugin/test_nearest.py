"""`pytest_ghcr.nearest`: what came closest to what did not happen."""

from __future__ import annotations

from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from ghcr_fixtures import path
from plugin.telling import record

from ghcr_sim.cassette import Replay, load
from ghcr_sim.faults import Faults
from ghcr_sim.serve import Door
from ghcr_sim.threads import ThreadDoor
from pytest_ghcr import Ghcr
from pytest_ghcr.nearest import replay_told, silence_told, unmet_told


def ask(url: str, token: str = "any") -> int:
    """The status of a GET."""
    try:
        with urlopen(Request(url, headers={"Authorization": f"Bearer {token}"}), timeout=10) as answer:
            return answer.status
    except HTTPError as error:
        error.close()
        return error.code


def planned(operation: str = "blob.get", **plan: object) -> Faults:
    """One planned failure."""
    faults = Faults()
    faults.plan(operation, status=503, **plan)
    return faults


def test_a_fake_that_was_asked_elsewhere() -> None:
    """A failure planned for one repository names the other one that was asked, and its first line is `unmet()`'s."""
    ghcr = Ghcr()
    with ghcr.running():
        ghcr.fail("manifest.get", status=503, repository="acme/app")
        assert ask(f"{ghcr.url}/v2/acme/apps/manifests/v1") == 403
        told = unmet_told(ghcr.simulator.faults.rules, ghcr.requests())
        assert [text.splitlines()[0] for text in told] == ghcr.unmet()
        assert told[0].splitlines()[1:] == [
            "  nearest: manifest.get in acme/apps, answered once; differs in repository"
        ]
        assert ask(f"{ghcr.url}/v2/acme/app/manifests/v1") == 503
        assert unmet_told(ghcr.simulator.faults.rules, ghcr.requests()) == []


@pytest.mark.parametrize(
    ("plan", "records", "expected"),
    [
        ({}, [], ["nothing was asked at all: does the code under test know this fake's address?"]),
        ({}, [record("ping", repository="")], ["nothing like it was asked"]),
        (
            {"repository": "acme/app"},
            [
                *[record("manifest.get", repository="acme/other")] * 2,
                record("manifest.get"),
                record("blob.head"),
            ],
            [
                "nearest: blob.head in acme/app, answered once; differs in operation",
                "nearest: manifest.get in acme/app, answered once; differs in operation",
            ],
        ),
        (
            {"repository": "acme/app"},
            [record("blob.get", repository=name) for name in ("other/thing", "acme/apps", "acme/a", "x/y")],
            [
                "nearest: blob.get in acme/apps, answered once; differs in repository",
                "nearest: blob.get in acme/a, answered once; differs in repository",
                "nearest: blob.get in other/thing, answered once; differs in repository",
            ],
        ),
        (
            {},
            [record("blob.get"), record("blob.get")],
            ["nearest: blob.get in acme/app, answered 2 times; before it was planned: plan it first"],
        ),
    ],
    ids=["nothing", "nothing-like-it", "operation", "repository", "too-early"],
)
def test_what_came_closest(plan, records, expected) -> None:
    """The likest requests come first, with how often they came and in what they differ; what is unlike is not told."""
    (told,) = unmet_told(planned(**plan).rules, records)
    assert [line.strip() for line in told.splitlines()[1:]] == expected


def test_a_failure_that_came_too_seldom() -> None:
    """Requests that failed as planned are no near misses; that they were too few is what the first line says."""
    faults = planned(times=3)
    faults.rules[0].met = 1
    (told,) = unmet_told(faults.rules, [record("blob.get", by="fault", status=503)])
    assert told.splitlines() == [
        "blob.get was to fail 3 times with 503, and did 1 times",
        "  nothing like it was asked otherwise",
    ]


def test_a_replay() -> None:
    """A miss is told with the nearest recorded ones, writes that were not made fail, reads that were not are a note."""
    replay = Replay(load(path("cassettes/wire.jsonl")))
    with ThreadDoor(Door(replay)) as door:
        assert ask(f"{door.url}/v2/acme/nope/tags/list", "QQ==") == 490
    misses, notes = replay_told(replay.close())
    assert misses[0].startswith("no answer on cassette for tags.list acme/nope")
    assert "nearest: exchange" in misses[0]
    assert any(each.startswith("recorded and not played: ") for each in misses[1:])
    (note,) = notes
    assert note.startswith("recorded and not asked for: ")
    assert note.endswith(" more")


def test_a_replay_in_order() -> None:
    """A replay to which nothing is missing has nothing to tell."""
    replay = Replay(load(path("cassettes/list_tags.jsonl")))
    report = replay.close()
    report.unused_reads.clear()
    report.unused_writes.clear()
    assert replay_told(report) == ([], [])


def test_handshakes_without_a_request() -> None:
    """Connections that ended after the handshake are counted by name, with what that may mean."""
    told = silence_told(["ghcr.io", "api.github.com", "ghcr.io"])
    assert [text.partition(":")[0] for text in told] == [
        "2 TLS connections to ghcr.io ended without a request",
        "1 TLS connection to api.github.com ended without a request",
    ]
    assert all("may be pinned" in text for text in told)
    assert silence_told([]) == []
