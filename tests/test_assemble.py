"""The fake as a whole: what tests do with it beside asking, and its states."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from asking import ChunkedBody, Fake, basic, descriptor, image

import ghcr_sim
from ghcr_sim.assemble import Simulator
from ghcr_sim.auth import Accounts, Credential
from ghcr_sim.auth.accounts import Package
from ghcr_sim.clock import Clock, Ids
from ghcr_sim.errors import ProfileError, StoreError
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import OCI_MANIFEST
from ghcr_sim.profiles import load_profile
from ghcr_sim.store import Store

if TYPE_CHECKING:
    from ghcr_sim.store import Blob

A, B = "acme/app", "acme/other"


def test_what_the_package_offers() -> None:
    """Every name that `ghcr_sim` offers is there when it is asked for, and no other one."""
    for name in ghcr_sim.__all__:
        assert getattr(ghcr_sim, name).__name__ == name
    assert ghcr_sim.Simulator is Simulator
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = ghcr_sim.Nothing


def test_one_account_that_may_do_everything() -> None:
    """Without accounts there is one, `octocat`, whose token is the simulator's; each fake has its own."""
    one, two = Fake(), Fake()
    assert one("GET", "/v2/").status == 200
    assert one.simulator.token != two.simulator.token
    one.authorization = two.authorization
    assert one("GET", "/v2/").refusal == (401, "UNAUTHORIZED")
    given = Simulator(accounts=Accounts((Credential(login="a", token="b"),)))
    assert given.token == ""


def test_the_same_seed_makes_the_same_fake() -> None:
    """With a clock that stands and ids of one seed, two fakes give the same answers, byte for byte."""
    fakes = [Fake(Simulator("ghcr", clock=Clock(1_700_000_000), ids=Ids(3))) for _ in range(2)]
    for method, target in (
        ("GET", "/v2/"),
        ("POST", f"/v2/{A}/blobs/uploads/"),
        ("GET", f"/token?scope={A}"),
    ):
        first, second = (fake(method, target) for fake in fakes)
        assert first == second


@pytest.mark.parametrize("name", ["none", "../oci", "", "oci.toml", "/etc"])
def test_a_profile_that_is_not_there(name: str) -> None:
    """A profile that does not exist is an error that names it."""
    with pytest.raises(ProfileError) as caught:
        Simulator(name)
    assert repr(name) in str(caught.value) or name in str(caught.value)


# -- forks and snapshots


def test_a_fork_is_independent() -> None:
    """What is pushed to a fork, or happens to it, the other never sees, in both directions."""
    oci = Fake()
    oci.push_image(A, "v1")
    twin = Fake(oci.simulator.fork())
    assert twin.tags(A) == ["v1"]
    oci.push_image(A, "here")
    twin.push_image(A, "there", "other")
    twin.push_image(B, "v1")
    assert (oci.tags(A), twin.tags(A)) == (["here", "v1"], ["there", "v1"])
    assert oci("GET", f"/v2/{B}/tags/list").status == 404
    twin.simulator.clock.advance(100)
    assert twin.simulator.clock.now() - oci.simulator.clock.now() > 99
    twin.simulator.fail("ping", status=503)
    assert oci("GET", "/v2/").status == 200
    assert len(twin.simulator.requests()) < len(oci.simulator.requests())


def test_a_fork_has_its_own_accounts() -> None:
    """A fork knows the accounts of its origin, and what is added to one of them the other does not take."""
    oci = Fake()
    twin = Fake(oci.simulator.fork())
    assert twin.authorization == oci.authorization
    assert twin("GET", "/v2/").status == 200
    twin.simulator.add_credential(Credential(login="guest", token="only there"))
    for fake, status in ((oci, 401), (twin, 200)):
        assert fake("GET", "/v2/", headers={"authorization": basic("only there", "guest")}).status == status


def test_a_fork_keeps_the_profile_and_the_visibility_of_new_packages() -> None:
    """A fork behaves as its origin does."""
    origin = Simulator(load_profile("oci", tags__page=1), visibility="public")
    twin = Fake(origin.fork())
    twin.push_image(A, "v1")
    assert twin.simulator.profile is origin.profile
    assert twin.simulator.package(A).visibility == "public"  # type: ignore[union-attr]


def test_a_snapshot_can_be_restored_again_and_again() -> None:
    """A snapshot is the content at its time, however often it is restored; uploads that were under way are gone."""
    oci = Fake()
    oci.push_image(A, "v1")
    before = oci.simulator.snapshot()
    for word in ("one", "two"):
        oci.push_image(A, word, word)
        where = oci.start(A)
        oci.simulator.restore(before)
        assert oci.tags(A) == ["v1"]
        assert oci("GET", where).status == 404
        assert oci("HEAD", f"/v2/{A}/blobs/{digest_of(word.encode())}").status == 404


# -- packages


def test_a_package_page() -> None:
    """A package's page has its visibility, its roles, and the annotations of its newest tag, cut as GitHub cuts."""
    oci = Fake()
    assert oci.simulator.package(A) is None
    oci.push_blob(A, b"x")
    assert oci.simulator.package(A) is None
    prefix = "org.opencontainers.image"
    said = {f"{prefix}.description": "d" * 600, f"{prefix}.licenses": "l" * 300, f"{prefix}.source": "s"}
    oci.push_image(A, "v1", annotations={"other": "x"})
    oci.push_image(A, "v2", annotations=said)
    oci.simulator.grant(A, "guest", "read")
    page = oci.simulator.package(A)
    assert page is not None
    assert (page.name, page.visibility, page.source) == (A, "private", "s")
    assert (page.description, page.licenses) == ("d" * 512, "l" * 256)
    assert page.roles == {"octocat": "admin", "guest": "read"}
    assert oci("DELETE", f"/v2/{A}/manifests/v2").status == 202
    page = oci.simulator.package(A)
    assert page is not None
    assert page.description is None


def test_roles_and_visibility_take_effect_at_once() -> None:
    """Who may read is settled by visibility and roles, from the next request on."""
    oci = Fake()
    oci.push_image(A, "v1")
    oci.simulator.add_credential(Credential(login="guest", token="guest"))
    headers = {"authorization": basic("guest", "guest")}
    target = f"/v2/{A}/manifests/v1"
    assert oci("GET", target, headers=headers).status == 403
    oci.simulator.grant(A, "guest", "read")
    assert oci("GET", target, headers=headers).status == 200
    assert oci("DELETE", target, headers=headers).status == 403
    oci.simulator.grant(A, "guest", "write")
    assert oci("DELETE", target, headers=headers).status == 202
    nobody = oci("GET", "/token", headers={"authorization": None}).json()["token"]
    oci.push_image(A, "v1")
    assert oci("GET", target, headers={"authorization": f"Bearer {nobody}"}).status == 403
    oci.simulator.set_visibility(A, "public")
    assert oci("GET", target, headers={"authorization": f"Bearer {nobody}"}).status == 200


def test_the_landing_page() -> None:
    """GHCR's root has a page for people, and says that this is a fake."""
    answer = Fake(Simulator("ghcr"))("GET", "/")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"fake" in answer.body


def test_rights_that_were_laid_down_before() -> None:
    """A package that the accounts speak of has its visibility and its roles from the first push on."""
    owner = Credential(login="owner", token="owner", owners=frozenset({"*"}))
    package = Package(visibility="internal", roles={"guest": "write", "owner": "read"})
    oci = Fake(Simulator("oci", accounts=Accounts((owner,), packages={A: package})))
    oci.authorization = basic("owner", "owner")
    oci.push_image(A, "v1")
    page = oci.simulator.package(A)
    assert page is not None
    assert (page.visibility, page.roles) == ("internal", {"guest": "write", "owner": "admin"})


# -- what goes wrong


@pytest.mark.parametrize("announced", [True, False])
def test_a_form_that_is_too_large(announced: bool) -> None:
    """`POST /token` reads no more than a form can have."""
    body = b"x" * (1 << 17)
    answer = Fake()("POST", "/token", body if announced else ChunkedBody(*[body[:1000]] * 132))
    assert answer.refusal == (413, "SIZE_INVALID")
    assert "a form may have" in answer.message


class Failing(Store):
    """A store whose disk is gone."""

    def blob(self, repository: str, digest: str) -> Blob | None:
        raise StoreError("/somewhere/private is gone")


def test_a_store_that_fails_is_told_from_a_client_that_errs(caplog: pytest.LogCaptureFixture) -> None:
    """A store's own failure is 500 in the specification's form, says nothing of our insides, and is logged."""
    oci = Fake(Simulator("oci", store=Failing()))
    answer = oci("GET", f"/v2/{A}/blobs/{digest_of(b'')}")
    assert answer.refusal == (500, "UNKNOWN")
    assert "private" not in answer.message
    assert "/somewhere/private is gone" in caplog.text
    assert oci("GET", "/v2/").status == 200


def test_seeding_while_blobs_are_looked_for() -> None:
    """A test may seed while the server's thread serves: no look-up trips over a repository that is added."""
    simulator = Simulator("oci")
    failures, stop = [], threading.Event()

    def look() -> None:
        try:
            while not stop.is_set():
                assert simulator.store.find_blob(digest_of(b"absent")) is None
        except Exception as error:  # noqa: BLE001 - it is looked at in the test's own thread
            failures.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    late = time.monotonic() + 0.3
    number = 0
    while time.monotonic() < late:
        number += 1
        simulator.store.set_visibility(f"acme/app{number}", "public")
    stop.set()
    thread.join()
    assert failures == []


def test_a_seeded_referrer_is_found() -> None:
    """A referrer that is seeded is in the referrers list, where there is one."""
    oci = Fake()
    seeded = oci.simulator.seed(f"{A}:v1")
    oci.push_blob(A, b"{}")
    oci.push_blob(A, b"word")
    subject = {"mediaType": OCI_MANIFEST, "digest": seeded.digest, "size": 1}
    assert oci.push(A, "signature", image(subject=subject, layers=[descriptor(b"word")])).status == 201
    listed = oci("GET", f"/v2/{A}/referrers/{seeded.digest}").json()["manifests"]
    assert len(listed) == 1
