"""Where a request goes through each door, and how the answer is addressed for the client."""

from __future__ import annotations

import pytest
from cassette.making import UPSTREAM, digest
from multidict import CIMultiDict

from ghcr_sim.cassette.addresses import ForwardDoor, Place, ReverseDoor
from ghcr_sim.exchange import Request, Response

SHA = digest(b"x")
STORAGE = "https://pkg-containers.githubusercontent.com"
SIGNED = f"{STORAGE}/ghcr1/blobs/{SHA}?se=1&sig=2"


def request(target, method="GET", authority="127.0.0.1:5000", scheme="http"):
    """A request's head."""
    return Request(method, target, CIMultiDict(), scheme, authority)


def sent(door, target, headers, **more):
    """Place a request, and address an answer for it."""
    asked = request(target, **more)
    place = door.place(asked)
    assert isinstance(place, Place)
    return dict(door.for_client(asked, place, tuple(headers.items())))


def test_the_reverse_door_stands_for_the_registry() -> None:
    """Paths stay, also of an absolute target; what is no registry's path is answered here."""
    door = ReverseDoor(UPSTREAM + "/")
    assert door.place(request("/v2/a/b/tags/list?n=2")).url == f"{UPSTREAM}/v2/a/b/tags/list?n=2"
    assert door.place(request("http://127.0.0.1:5000/v2/")).url == f"{UPSTREAM}/v2/"
    refused = door.place(request("/metrics"))
    assert isinstance(refused, Response)
    assert refused.status == 404


def test_realm_link_and_location_lead_back_to_the_door() -> None:
    """The client stays at the door: the realm is its own, and asks the real one."""
    door = ReverseDoor(UPSTREAM)
    assert door.place(request("/token?scope=x")).url == f"{UPSTREAM}/token?scope=x"
    challenge = sent(
        door, "/v2/", {"www-authenticate": 'Bearer realm="https://auth.example/realm?a=1",service="x"'}
    )
    assert challenge == {"www-authenticate": 'Bearer realm="http://127.0.0.1:5000/token",service="x"'}
    assert door.place(request("/token?scope=x")).url == "https://auth.example/realm?a=1&scope=x"
    assert door.place(request("/token")).url == "https://auth.example/realm?a=1"
    assert door.place(request("/token", "POST")).operation.name == "token.post"
    moved = sent(
        door,
        "/v2/a/b/tags/list",
        {"link": f'<{UPSTREAM}/v2/x>; rel="next"', "location": f"{UPSTREAM}/v2/y", "etag": UPSTREAM},
    )
    assert moved == {
        "link": '<http://127.0.0.1:5000/v2/x>; rel="next"',
        "location": "http://127.0.0.1:5000/v2/y",
        "etag": UPSTREAM,
    }
    assert sent(door, "/v2/a/b/tags/list", {"location": "/v2/z"}) == {"location": "/v2/z"}


def test_storage_is_hidden_behind_another_name_of_the_door() -> None:
    """A redirect leads to this door under another name, without the signature; who follows it asks the real address."""
    door = ReverseDoor(UPSTREAM)
    where = sent(door, f"/v2/a/b/blobs/{SHA}", {"location": SIGNED})["location"]
    assert where.startswith("http://localhost:5000/ghcr1/")
    assert "sig" not in where
    place = door.place(request(where.partition(":5000")[2], authority="localhost:5000"))
    assert (place.url, place.host, place.drops_credentials) == (SIGNED, "storage", True)
    assert (place.operation.name, place.operation.reference) == ("storage.get", SHA)
    assert door.place(request(where.partition(":5000")[2], "HEAD")).operation.name == "storage.head"


def test_a_location_elsewhere_is_left_alone() -> None:
    """GHCR sends some to github.com: nobody follows that here."""
    elsewhere = {"location": "https://github.com/-/v2/packages/a"}
    assert sent(ReverseDoor(UPSTREAM), "/v2/a/b/manifests/v1", elsewhere) == elsewhere


def forward(hosts=frozenset({"pkg-containers.githubusercontent.com"})):
    """A proxy's door."""
    return ForwardDoor(UPSTREAM, hosts)


FORWARD = {
    "the registry": (
        "ghcr.io",
        "/v2/a/b/tags/list?n=1",
        ("registry", "tags.list", f"{UPSTREAM}/v2/a/b/tags/list?n=1"),
    ),
    "the registry with its port": ("ghcr.io:443", "/v2/", ("registry", "ping", f"{UPSTREAM}/v2/")),
    "storage": (
        "pkg-containers.githubusercontent.com",
        SIGNED.removeprefix(STORAGE),
        ("storage", "storage.get", SIGNED),
    ),
    "the API": (
        "api.github.com",
        "/user/packages?page=1",
        ("api", "api.get", "https://api.github.com/user/packages?page=1"),
    ),
}


@pytest.mark.parametrize(("host", "target", "place"), FORWARD.values(), ids=FORWARD)
def test_the_forward_door_knows_its_hosts(host, target, place) -> None:
    """Requests go where they say, and are told apart by their host."""
    found = forward().place(request(target, authority=host, scheme="https"))
    assert (found.host, found.operation.name, found.url) == place


def test_the_forward_door_learns_the_realm() -> None:
    """A realm on another host is the registry's, once a challenge has named it; nothing is rewritten."""
    door = forward()
    challenge = {"www-authenticate": 'Bearer realm="https://ghcr.io/realm",service="x"'}
    assert sent(door, "/v2/", challenge, authority="ghcr.io", scheme="https") == challenge
    found = door.place(request("/realm?scope=y", authority="ghcr.io", scheme="https"))
    assert (found.host, found.operation.name, found.operation.query) == (
        "registry",
        "token.get",
        (("scope", "y"),),
    )


def test_the_forward_door_learns_where_blobs_are() -> None:
    """A storage host of any name and path is known by the redirect that led there."""
    door = forward(frozenset())
    location = {"location": "https://cdn.example/some/where?x=1"}
    assert sent(door, f"/v2/a/b/blobs/{SHA}", location, authority="ghcr.io", scheme="https") == location
    found = door.place(request("/some/where?x=1", authority="cdn.example", scheme="https"))
    assert (found.host, found.operation.name, found.operation.reference) == ("storage", "storage.get", SHA)


@pytest.mark.parametrize(
    ("host", "target", "status"),
    [
        ("example.com", "/", 403),
        ("ghcr.io", "/metrics", 404),
        ("pkg-containers.githubusercontent.com", "/x", 404),
    ],
)
def test_what_is_not_recorded_is_answered_at_the_door(host, target, status) -> None:
    """Another host, or a path that is none: nothing is sent."""
    refused = forward().place(request(target, authority=host, scheme="https"))
    assert isinstance(refused, Response)
    assert refused.status == status
