"""What did not see a write comes before it."""

from __future__ import annotations

import pytest
from cassette.making import digest, exchange, image

from ghcr_sim.cassette.model import Body
from ghcr_sim.cassette.past import Named, unseen

SHA = digest(image())
ONE = {"repository": "a/b", "reference": "v1"}
SENT = Body(digest=SHA, size=9)


def put(number, status=201, **more):
    """A push of a manifest."""
    return exchange(number, "manifest.put", status, sent=SENT, **ONE, **more)


def gone(number, **more):
    """Its deletion by digest."""
    return exchange(number, "manifest.delete", 202, repository="a/b", reference=SHA, **more)


def upload(number):
    """A push of a blob."""
    return exchange(number, "upload.put", 201, repository="a/b", query=(("digest", digest(b"x")),))


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ([exchange(1, "manifest.get", 404, **ONE), put(2)], {(1, 2)}),
        ([put(1), exchange(2, "manifest.get", after=(1,), **ONE)], set()),
        ([put(1), exchange(2, "manifest.get", 404, **ONE)], set()),
        ([put(1), exchange(2, "manifest.get", after=(1,), **ONE), gone(3, after=(1,))], {(2, 3)}),
        ([exchange(1, "tags.list", repository="a/b"), put(2)], {(1, 2)}),
        ([exchange(1, "tags.list", repository="a/c"), put(2)], set()),
        ([put(1, 400), upload(2), put(3, after=(2,))], {(1, 2)}),
        ([put(1, 400), upload(2)], set()),
        ([upload(1), put(2, 503, after=(1,)), put(3, after=(1,))], set()),
    ],
    ids=[
        "a look before a push",
        "a look after it",
        "a look beside it",
        "a look by a tag before a deletion by digest",
        "a list",
        "another repository's list",
        "a manifest before its blobs",
        "a manifest that never came again",
        "a manifest that was refused for another reason",
    ],
)
def test_unseen(made, found) -> None:
    """Pairs of what was asked and the later write that it did not see; what began after a write is none."""
    assert set(unseen(made)) == found


def test_the_tags_of_a_manifest() -> None:
    """Pushes and reads of a tag say what it names; refusals, digests and other repositories do not."""
    named = Named()
    shown = (("Docker-Content-Digest", SHA),)
    named.learn(put(1))
    named.learn(exchange(2, "manifest.head", repository="a/b", reference="v0", got_headers=shown))
    named.learn(exchange(3, "manifest.head", 404, repository="a/b", reference="v3", got_headers=shown))
    named.learn(exchange(4, "manifest.head", repository="a/b", reference=SHA, got_headers=shown))
    named.learn(exchange(5, "manifest.head", repository="a/c", reference="v5", got_headers=shown))
    assert named.of("a/b", SHA) == ("v0", "v1")
    assert named.of("a/b", digest(b"other")) == ()
