"""The cassette of one client, replayed to another: which pairs work, and why the others cannot.

A pull works for every pair: what one asks, the others ask too, and the rest follows from the content. A push works
where the one who was recorded has shown each kind of answer that the other one needs: none is made up.
"""

from __future__ import annotations

import pytest
from cassette.clients.drivers import DRIVERS
from clients.daemons import require_root
from tools import require

pytestmark = pytest.mark.clients

PAIRS = [(one, other) for one in DRIVERS for other in DRIVERS if one != other]

ASKS_FOR_THE_TAG = "manifest.head acme/app:v1"
"""It asks for the tag before it pushes; the recorded one did not, so that nobody knows whether it was there."""

ASKS_BY_DIGEST = "manifest.head acme/app@"
"""It asks for the manifest by its digest before it pushes; no answer to such a question was recorded, no 404 either."""

READS_BACK = "manifest.get acme/app@"
"""It reads what it has pushed by its digest; the recorded one read nothing, so that no 200 shows how that looks."""

SENDS_CHUNKS = "upload.patch acme/app"
"""It uploads by PATCH; the recorded one did so by PUT alone."""

PUSHES = {
    ("crane", "skopeo"): None,
    ("crane", "oras"): READS_BACK,
    ("crane", "regctl"): None,
    ("crane", "podman"): None,
    ("skopeo", "crane"): ASKS_FOR_THE_TAG,
    ("skopeo", "oras"): ASKS_BY_DIGEST,
    ("skopeo", "regctl"): ASKS_FOR_THE_TAG,
    ("skopeo", "podman"): None,
    ("oras", "crane"): ASKS_FOR_THE_TAG,
    ("oras", "skopeo"): SENDS_CHUNKS,
    ("oras", "regctl"): ASKS_FOR_THE_TAG,
    ("oras", "podman"): SENDS_CHUNKS,
    ("regctl", "crane"): SENDS_CHUNKS,
    ("regctl", "skopeo"): SENDS_CHUNKS,
    ("regctl", "oras"): READS_BACK,
    ("regctl", "podman"): SENDS_CHUNKS,
    ("podman", "crane"): ASKS_FOR_THE_TAG,
    ("podman", "skopeo"): None,
    ("podman", "oras"): ASKS_BY_DIGEST,
    ("podman", "regctl"): ASKS_FOR_THE_TAG,
}
"""Whose push, who replays it → what the cassette cannot answer first; None where it answers all."""


@pytest.fixture(params=PAIRS, ids="-to-".join)
def pair(request):
    """Whose cassette it is, and who hears it."""
    require(*request.param)
    drivers = [DRIVERS[each] for each in request.param]
    if any(each.needs_root for each in drivers):
        require_root()
    return drivers


def test_a_pull_replays_to_every_other_client(stage, record, ghcr, pair):
    """Anonymous: the same image, from the cassette of any."""
    one, other = pair
    digest = ghcr.seed("acme/app:v1", visibility="public").digest
    with record() as way:
        assert digest in one(way).pull("acme/app:v1")
    with stage.replaying("one") as played:
        assert digest in other(played.way).pull("acme/app:v1")
    played.assert_ok()


def pushed(driver, image):
    """Push; whether it went well."""
    driver.trust()
    try:
        driver.push(image, "acme/app:v1")
    except AssertionError:
        return False
    return True


def test_a_push_replays_to_whom_it_answers_all(stage, record, pair, image):
    """What the cassette cannot answer is a miss that says what was asked; nothing is made up."""
    one, other = pair
    missing = PUSHES[one.program, other.program]
    with record() as way:
        assert pushed(one(way), image)
    with stage.replaying("one") as played:
        went_well = pushed(other(played.way), image)
    if missing is None:
        assert went_well
        played.assert_ok()
        return
    assert not played.report.ok
    assert played.report.misses[0].what.startswith(missing), played.report.misses[0].what
    # regctl takes a tag that nobody can tell for one that is not there.
    assert went_well == (other.program == "regctl" and missing is ASKS_FOR_THE_TAG)


WITHOUT_CHUNKS = {"oras", "regctl"}
"""Who uploads by PUT alone."""


def test_a_push_that_was_read_back_replays_to_every_other_client(stage, record, pair, image):
    """A tag that is not there, a push, its digest and a pull show all that anybody needs, but for the way to upload."""
    one, other = pair
    missing = SENDS_CHUNKS if one.program in WITHOUT_CHUNKS and other.program not in WITHOUT_CHUNKS else None
    with record() as way:
        first = one(way)
        first.trust()
        first.refuse_digest("acme/app:v1")
        assert pushed(first, image)
        first.digest("acme/app:v1")
        first.pull("acme/app:v1")
    with stage.replaying("one") as played:
        second = other(played.way)
        went_well = pushed(second, image)
        back = second.pull("acme/app:v1") if went_well else {}
        if went_well:
            assert second.digest("acme/app:v1") in back
    if missing is None:
        played.assert_ok()
    else:
        assert not went_well
        assert played.report.misses[0].what.startswith(missing), played.report.misses[0].what
