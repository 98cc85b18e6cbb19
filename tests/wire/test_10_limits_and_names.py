"""Section 10: the catalogue, rate limits, outages, names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raw import Raw, bearer, refused
from wire.pushing import OCI_MANIFEST

from ghcr_sim.auth import Accounts, Credential
from ghcr_sim.clock import Clock
from ghcr_sim.profiles import load_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ghcr import Ghcr

Who = tuple[str, str]
ACCEPT = ("Accept", OCI_MANIFEST)
READ = "/v2/acme/app/tags/list"
WRITE = "/v2/acme/app/blobs/uploads/"


@pytest.mark.row("10a.1", "1.2", "2.12")
def test_the_catalogue_is_closed_to_nobody_in_particular(raw: Raw) -> None:
    """Without credentials: a challenge with the placeholder, and no token for the catalogue's scope."""
    reply = raw("GET", "/v2/_catalog")

    assert reply.status == 401
    assert 'scope="repository:user/image:pull"' in reply["www-authenticate"]
    assert raw("GET", "/token?scope=registry:catalog:*").status == 403


@pytest.mark.row("10a.2")
def test_the_catalogue_lists_the_whole_service(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """With a token it lists everybody's packages in lexical order, and links on as was recorded."""
    names = [f"0{number:03}/app" for number in range(99)] + ["09wqlin/scripts/jd_scripts", "acme/app"]
    for name in reversed(names):
        ghcr.seed(f"{name}:v1", visibility="public")

    reply = raw("GET", "/v2/_catalog", owner)
    rest = raw("GET", reply["link"].partition(">")[0].lstrip("<"), owner)

    assert reply.json() == {"repositories": sorted(names)[:100]}
    assert reply["link"] == '</v2/_catalog?last=09wqlin%2Fscripts%2Fjd_scripts&n=0>; rel="next"'
    assert rest.json() == {"repositories": ["acme/app"]}


@pytest.mark.row("10.1")
@pytest.mark.parametrize("operation", ["manifest.get", "manifest.head", "blob.get"])
def test_reads_may_be_limited(ghcr: Ghcr, raw: Raw, owner: Who, operation: str) -> None:
    """A read is a 429 that says in Go's words to wait for microseconds; the next one goes through."""
    seeded = ghcr.seed("acme/app:v1")
    config = raw("GET", f"/v2/acme/app/manifests/{seeded.digest}", owner, ACCEPT).json()["config"]
    ghcr.fail(operation, "rate-limited-read")
    noun, _, method = operation.partition(".")
    target = "/v2/acme/app/manifests/v1" if noun == "manifest" else f"/v2/acme/app/blobs/{config['digest']}"

    reply = raw(method.upper(), target, owner, ACCEPT)
    body = refused("TOOMANYREQUESTS", "retry-after: 85.383µs, allowed: 44000/minute")

    assert reply.status == 429
    assert reply["content-length"] == str(len(body))
    assert reply.body == (b"" if method == "head" else body)
    assert raw(method.upper(), target, owner, ACCEPT).status in {200, 307}


@pytest.mark.row("10.2")
@pytest.mark.parametrize("operation", ["upload.post", "manifest.put"])
def test_writes_may_be_limited(ghcr: Ghcr, raw: Raw, owner: Who, operation: str) -> None:
    """A write is a 429 of the same form, with the smaller number."""
    ghcr.fail(operation, "rate-limited-write")
    method, target = ("POST", WRITE) if operation == "upload.post" else ("PUT", "/v2/acme/app/manifests/v1")

    reply = raw(method, target, owner)

    assert reply.error == (429, "TOOMANYREQUESTS", "retry-after: 10.487765ms, allowed: 2000/minute")


@pytest.mark.row("10.1", "10.2")
def test_limits_are_counted_where_they_are_switched_on(serve: Callable[..., Ghcr]) -> None:
    """Reads and writes have a number a minute each; beyond it the wait is what the next one has to wait."""
    ghcr = serve(
        limits__enforce=True,
        limits__reads_per_minute=4,
        limits__writes_per_minute=2,
        clock=Clock(1_700_000_000),
    )
    ghcr.seed("acme/app:v1")
    raw, who = Raw(ghcr.host), bearer(ghcr.token)

    assert [raw("GET", READ, who).status for _ in range(4)] == [200] * 4
    assert raw("GET", READ, who).error == (429, "TOOMANYREQUESTS", "retry-after: 15s, allowed: 4/minute")
    assert [raw("POST", WRITE, who).status for _ in range(2)] == [202] * 2
    assert raw("POST", WRITE, who).error == (429, "TOOMANYREQUESTS", "retry-after: 30s, allowed: 2/minute")
    ghcr.clock.advance(15)
    assert raw("GET", READ, who).status == 200
    assert raw("POST", WRITE, who).status == 429


@pytest.mark.row("10.1", "10.2")
def test_the_recorded_numbers_are_the_default() -> None:
    """44,000 reads and 2,000 writes a minute."""
    limits = load_profile("ghcr").limits

    assert (limits.reads_per_minute, limits.writes_per_minute) == (44_000, 2_000)


@pytest.mark.row("10.3")
def test_the_bucket_is_everybody_s(serve: Callable[..., Ghcr]) -> None:
    """Who has asked for nothing yet is limited by what others have asked for."""
    busy, quiet = Credential("acme", "ghp_busy"), Credential("acme", "ghp_quiet")
    ghcr = serve(
        limits__enforce=True,
        limits__reads_per_minute=3,
        accounts=Accounts((busy, quiet)),
        clock=Clock(1_700_000_000),
    )
    ghcr.seed("acme/app:v1", visibility="public")
    raw = Raw(ghcr.host)

    assert [raw("GET", READ, bearer("ghp_busy")).status for _ in range(3)] == [200] * 3
    assert raw("GET", READ, bearer("ghp_quiet")).status == 429
    assert raw("GET", READ, ("Authorization", "Bearer QQ==")).status == 429


OUTAGES = {
    "2021-09-20": ("manifest.get", "unavailable", 503),
    "2022-11-25": ("manifest.get", "unavailable", 503),
    "2023-01-30": ("manifest.get", "internal-error", 500),
    "2023-03-01": ("manifest.head", "unavailable", 503),
    "2025, manifest": ("manifest.put", "bad-gateway", 502),
    "2025, blob": ("upload.put", "bad-gateway", 502),
}


@pytest.mark.row("10c.1", "10c.3", "10c.4", "10c.5", "10c.6")
@pytest.mark.parametrize(("operation", "fault", "status"), OUTAGES.values(), ids=OUTAGES)
def test_outages_can_be_had_again(
    ghcr: Ghcr, raw: Raw, owner: Who, *, operation: str, fault: str, status: int
) -> None:
    """Each outage's status can be planned where clients met it, for as long as it is planned."""
    ghcr.seed("acme/app:v1")
    ghcr.fail(operation, fault, times=2)
    noun, _, method = operation.partition(".")
    location = raw("POST", WRITE, owner)["location"]
    target = "/v2/acme/app/manifests/v1" if noun == "manifest" else location

    statuses = [raw(method.upper(), target, owner, ACCEPT).status for _ in range(3)]

    assert statuses[:2] == [status, status]
    assert statuses[2] != status


@pytest.mark.row("10c.2")
def test_blobs_may_be_out_while_manifests_are_fine(ghcr: Ghcr, raw: Raw) -> None:
    """As on 2022-06-22, everybody gets a manifest, and a 401 for the blobs of the same public image."""
    ghcr.seed("acme/app:v1", visibility="public")
    ghcr.fail("blob.get", "random-unauthenticated", times=None)
    anybody = ("Authorization", "Bearer QQ==")

    manifest = raw("GET", "/v2/acme/app/manifests/v1", anybody, ACCEPT)
    blob = raw("GET", f"/v2/acme/app/blobs/{manifest.json()['config']['digest']}", anybody)

    assert manifest.status == 200
    assert blob.error == (
        401,
        "UNAUTHORIZED",
        "unauthenticated: User cannot be authenticated with the token provided.",
    )


@pytest.mark.row("10c.1")
@pytest.mark.parametrize(
    ("fault", "media_type"),
    [("unavailable", None), ("unavailable-json", "application/json"), ("unicorn", "text/html")],
)
def test_an_outage_may_have_any_kind_of_body(
    ghcr: Ghcr, raw: Raw, owner: Who, fault: str, media_type: str | None
) -> None:
    """What 5xx answers contained was not recorded: a test may choose nothing, JSON, or a page for people."""
    ghcr.fail("tags.list", fault)

    reply = raw("GET", READ, owner)

    assert reply.status in {503, 504}
    assert reply.fields.get("content-type") == media_type
    assert bool(reply.body) is bool(media_type)


@pytest.mark.row("10d.1")
@pytest.mark.parametrize("name", ["homebrew/core/node/16", "a/b", "a/b/c/d/e"])
def test_names_may_be_nested(ghcr: Ghcr, raw: Raw, owner: Who, name: str) -> None:
    """A package's name may have parts of its own."""
    ghcr.seed(f"{name}:v1")

    assert raw("GET", f"/v2/{name}/manifests/v1", owner, ACCEPT).status == 200
    assert raw("GET", f"/v2/{name}/tags/list", owner).json()["name"] == name


@pytest.mark.row("10d.2")
def test_upper_case_is_refused(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """What the server says is unknown; the fake refuses it in the words that clients have for it."""
    ghcr.seed("acme/app:v1")

    status, code, message = raw("GET", "/v2/Acme/app/tags/list", owner).error

    assert (status, code) == (400, "NAME_INVALID")
    assert "must be lowercase" in message


@pytest.mark.row("10d.3")
def test_slashes_may_be_escaped(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """`%2F` inside a name is as good as a slash."""
    ghcr.seed("acme/tools/app:v1")

    assert raw("GET", "/v2/acme/tools%2Fapp/manifests/v1", owner, ACCEPT).status == 200


@pytest.mark.row("10d.4")
def test_a_renamed_owner_leaves_no_redirect(ghcr: Ghcr, raw: Raw) -> None:
    """Under an owner's former name there is nothing: the realm's 403, and no way to the new name."""
    ghcr.seed("new-name/app:v1", visibility="public")

    reply = raw("GET", "/token?scope=repository:old-name/app:pull")

    assert reply.error == (403, "DENIED", "requested access to the resource is denied")
    assert "location" not in reply


@pytest.mark.row("10d.5")
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_pages_cannot_call_it(ghcr: Ghcr, raw: Raw, owner: Who, method: str) -> None:
    """No answer has a CORS field, so a browser lets no page of another origin read it."""
    ghcr.seed("acme/app:v1", visibility="public")
    preflight = (("Origin", "https://example.org"), ("Access-Control-Request-Method", "GET"))

    reply = raw(method, READ, owner, *preflight)

    assert not [name for name in reply.fields if name.lower().startswith("access-control")]
