"""Mounting: a blob of another repository, without uploading it again."""

from __future__ import annotations

import pytest
from asking import Fake, basic

from ghcr_sim.assemble import Simulator
from ghcr_sim.auth import Accounts, Credential
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.profiles import load_profile

A, B = "acme/app", "other/app"
DATA = b"0123456789"
DIGEST = digest_of(DATA)


def mount(oci: Fake, query: str, repository: str = B) -> int:
    """Ask for a mount; the status."""
    answer = oci("POST", f"/v2/{repository}/blobs/uploads/?{query}")
    if answer.status == 201:
        assert answer.headers["docker-content-digest"] == DIGEST
        assert answer.headers["location"] == f"/v2/{repository}/blobs/{DIGEST}"
        assert oci("GET", answer.headers["location"]).body == DATA
    if answer.status == 202:
        assert oci("GET", answer.headers["location"]).status == 204
    return answer.status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"mount={DIGEST}&from={A}", 201),
        (f"mount={DIGEST}&from=acme%2Fapp", 201),
        (f"mount={DIGEST}", 201),
        (f"mount={DIGEST}&from={B}", 202),
        (f"mount={DIGEST}&from=acme/absent", 202),
        (f"mount={DIGEST}&from=Not A Name", 202),
        (f"mount={DIGEST}&from=../../etc", 202),
        (f"mount={digest_of(b'absent')}&from={A}", 202),
        (f"mount={digest_of(b'absent')}", 202),
        (f"from={A}", 202),
        (f"mount=sha256:x&from={A}", 400),
        (f"mount=../../etc/passwd&from={A}", 400),
        ("mount=sha256:x", 202),
    ],
)
def test_what_can_be_mounted(oci: Fake, query: str, status: int) -> None:
    """A blob of a repository that the caller may read is mounted, named or not; else an upload starts."""
    oci.push_blob(A, DATA)
    assert mount(oci, query) == status


def test_a_mounted_blob_is_its_own(oci: Fake) -> None:
    """A mounted blob stays when it is deleted where it came from, and mounting twice changes nothing."""
    oci.push_blob(A, DATA)
    assert mount(oci, f"mount={DIGEST}&from={A}") == 201
    assert mount(oci, f"mount={DIGEST}&from={A}") == 201
    assert oci("DELETE", f"/v2/{A}/blobs/{DIGEST}").status == 202
    assert oci("GET", f"/v2/{B}/blobs/{DIGEST}").body == DATA
    assert mount(oci, f"mount={DIGEST}&from={B}", A) == 201


def test_no_anonymous_mount_where_the_profile_has_none() -> None:
    """`mount` without `from` starts an upload where the profile says so."""
    oci = Fake(Simulator(load_profile("oci", uploads__anonymous_mount=False)))
    oci.push_blob(A, DATA)
    assert mount(oci, f"mount={DIGEST}") == 202
    assert mount(oci, f"mount={DIGEST}&from={A}") == 201


@pytest.mark.parametrize("query", [f"mount={DIGEST}&from={A}", f"mount={DIGEST}"], ids=["named", "anonymous"])
@pytest.mark.parametrize(("visibility", "status"), [("public", 201), ("private", 202)])
def test_what_may_not_be_read_is_not_mounted(query: str, visibility: str, status: int) -> None:
    """A blob of somebody else's private package cannot be had by mounting it, nor can it be told that it is there."""
    owner = Credential(login="acme", token="owner", owners=frozenset({"*"}))
    guest = Credential(login="other", token="guest")
    oci = Fake(Simulator("oci", accounts=Accounts((owner, guest))))
    oci.authorization = basic("owner")
    oci.push_image(A, "v1")
    oci.push_blob(A, DATA)
    oci.simulator.set_visibility(A, visibility)
    oci.authorization = basic("guest")
    assert mount(oci, query) == status
    assert (oci("HEAD", f"/v2/{B}/blobs/{DIGEST}").status == 200) is (status == 201)


def test_mounting_needs_the_right_to_push() -> None:
    """Who may only read a repository mounts nothing into it."""
    accounts = Accounts((Credential(login="other", token="reader", scopes=frozenset({"read:packages"})),))
    oci = Fake(Simulator("oci", accounts=accounts))
    oci.authorization = basic("reader")
    answer = oci("POST", f"/v2/{B}/blobs/uploads/?mount={DIGEST}&from={A}")
    assert answer.refusal == (403, "DENIED")
    assert oci.simulator.store.names() == []
