"""Section 0: what is the same on every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raw import DATE, REQUEST_ID, Raw, basic, bearer, refused
from wire.pushing import ABSENT, OCI_MANIFEST, digest_of, push_image, put_manifest

from ghcr_sim.auth import Credential
from ghcr_sim.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from raw import Reply

    from pytest_ghcr import Ghcr

Who = tuple[str, str]
ACCEPT = ("Accept", OCI_MANIFEST)

BODIES = {
    "challenge": ("GET", "/v2/", None, 401, "UNAUTHORIZED", "authentication required", 73),
    "absent": (
        "GET",
        "/token?scope=repository:acme/none:pull",
        None,
        403,
        "DENIED",
        "requested access to the resource is denied",
        86,
    ),
    "blob": (
        "GET",
        f"/v2/acme/app/blobs/{ABSENT}",
        "owner",
        404,
        "BLOB_UNKNOWN",
        "blob unknown to registry",
        74,
    ),
    "manifest": (
        "GET",
        "/v2/acme/app/manifests/none",
        "owner",
        404,
        "MANIFEST_UNKNOWN",
        "manifest unknown",
        70,
    ),
    "delete": (
        "DELETE",
        "/v2/acme/app/manifests/v1",
        "owner",
        405,
        "UNSUPPORTED",
        "The operation is unsupported.",
        78,
    ),
    "login": ("GET", "/token", "nobody", 403, "DENIED", "denied", 50),
}


@pytest.mark.row("0.1")
@pytest.mark.parametrize("case", BODIES.values(), ids=BODIES)
def test_error_bodies_have_the_recorded_bytes(ghcr: Ghcr, raw: Raw, owner: Who, case: tuple) -> None:
    """An error is compact JSON without `detail` and with one newline, and so has the recorded length."""
    method, target, who, status, code, message, length = case
    ghcr.seed("acme/app:v1")
    headers = {None: (), "owner": (owner,), "nobody": (basic("octocat", "ghp_unknown"),)}[who]

    reply = raw(method, target, *headers)

    assert reply.status == status
    assert reply.body == refused(code, message)
    assert len(reply.body) == length
    assert reply["content-length"] == str(length)


def _answers(ghcr: Ghcr, raw: Raw, owner: Who) -> dict[str, Reply]:
    """One answer of each kind that was seen in traces."""
    seeded = ghcr.seed("acme/app:v1", visibility="public")
    ghcr.seed("acme/secret:v1")
    accept = ("Accept", seeded.media_type)
    manifest = raw("GET", "/v2/acme/app/manifests/v1", owner, accept)
    layer = manifest.json()["layers"][0]["digest"]
    session = raw("POST", "/v2/acme/app/blobs/uploads/", owner)
    return {
        "challenge": raw("GET", "/v2/"),
        "ping": raw("GET", "/v2/", owner),
        "manifest": manifest,
        "manifest head": raw("HEAD", "/v2/acme/app/manifests/v1", owner, accept),
        "manifest unknown": raw("GET", "/v2/acme/app/manifests/none", owner),
        "manifest put": put_manifest(raw, "acme/app", "v2", manifest.body, owner),
        "tags": raw("GET", "/v2/acme/app/tags/list", owner),
        "redirect": raw("GET", f"/v2/acme/app/blobs/{layer}", owner),
        "blob head": raw("HEAD", f"/v2/acme/app/blobs/{layer}", owner),
        "upload": session,
        "uploaded": raw("PUT", f"{session['location']}?digest={digest_of(b'x')}", owner, body=b"x"),
        "delete": raw("DELETE", "/v2/acme/app/manifests/v1", owner),
        "bad bearer": raw("GET", "/v2/acme/app/tags/list", ("Authorization", "Bearer ghp_raw")),
        "token": raw("GET", "/token?scope=repository:acme/app:pull"),
        "token private": raw("GET", "/token?scope=repository:acme/secret:pull"),
        "token absent": raw("GET", "/token?scope=repository:acme/none:pull"),
    }


@pytest.mark.row("0.2")
def test_json_is_named_without_a_charset(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """Errors, the 200 of `/v2/`, and the 202 and 201 of uploads are `application/json` and no more."""
    answers = _answers(ghcr, raw, owner)
    named = {"ping", "upload", "uploaded"} | {name for name, reply in answers.items() if reply.status >= 400}

    assert {name: answers[name]["content-type"] for name in named} == dict.fromkeys(named, "application/json")
    assert len(named) == 9


@pytest.mark.row("0.3")
def test_every_answer_has_the_recurring_headers_and_none_that_was_never_seen(
    ghcr: Ghcr, raw: Raw, owner: Who
) -> None:
    """Date, length, type and request id always come; no server, security, rate-limit or CORS field does."""
    for name, reply in _answers(ghcr, raw, owner).items():
        recurring = {"content-type", "date", "content-length", "x-github-request-id"}
        assert recurring <= set(reply.fields), name
        assert reply["date"] == DATE, name
        unseen = {"server", "strict-transport-security", "vary", "x-content-type-options"}
        assert not unseen & set(reply.fields), name
        assert not [f for f in reply.fields if f.startswith(("x-ratelimit", "access-control"))], name


@pytest.mark.row("0.4")
def test_the_registry_tells_its_version_but_not_with_a_challenge(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """The version's header comes with all that was recorded, the realm's 401 too; not with a challenge."""
    told = {
        name: reply.fields.get("docker-distribution-api-version")
        for name, reply in _answers(ghcr, raw, owner).items()
    }

    assert told.pop("challenge") is None
    assert told == dict.fromkeys(told, "registry/2.0")


@pytest.mark.row("0.5")
def test_request_ids_have_five_groups_and_end_in_the_time(serve: Callable[..., Ghcr]) -> None:
    """A request id is five upper-case hex groups, the last one the time of the answer; no two are alike."""
    raw = Raw(serve(clock=Clock(0x6633CB23)).host)

    seen = [raw("GET", "/v2/")["x-github-request-id"] for _ in range(3)]

    assert seen == [REQUEST_ID] * 3
    assert {request_id.rpartition(":")[2] for request_id in seen} == {"6633CB23"}
    assert len(set(seen)) == 3


@pytest.mark.row("0.7")
def test_refusals_carry_the_words_of_the_service_behind(ghcr: Ghcr, raw: Raw) -> None:
    """A refused right says `permission_denied: …` behind its code, a dead token `unauthenticated: …`."""
    ghcr.seed("acme/secret:v1")
    ghcr.simulator.add_credential(Credential("late", "ghp_late", revoked=True))

    denied = raw("GET", "/v2/acme/secret/manifests/v1", ("Authorization", "Bearer QQ=="))
    nobody = raw("GET", "/v2/acme/secret/manifests/v1", bearer("ghp_late"))

    assert denied.error == (403, "DENIED", "permission_denied: read_package")
    assert nobody.error == (
        401,
        "UNAUTHORIZED",
        "unauthenticated: User cannot be authenticated with the token provided.",
    )


@pytest.mark.row("0.8")
def test_github_s_own_push_client_needs_no_token_realm(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """base64 of the token as a bearer is enough for a whole push; nobody asks `/token` for anything."""
    digest = push_image(raw, "acme/app:v1", owner)

    assert raw("HEAD", "/v2/acme/app/manifests/v1", owner, ACCEPT)["docker-content-digest"] == digest
    assert ghcr.requests("token.get") == []


@pytest.mark.row("0.8")
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_github_s_own_push_client_retries_can_happen(
    ghcr: Ghcr, raw: Raw, owner: Who, status: int
) -> None:
    """Each status that GitHub's push client retries can be planned, and the retry goes through."""
    ghcr.fail("upload.post", status=status)

    assert raw("POST", "/v2/acme/app/blobs/uploads/", owner).status == status
    assert raw("POST", "/v2/acme/app/blobs/uploads/", owner).status == 202


@pytest.mark.row("0.8")
def test_refusals_have_the_form_that_github_s_own_push_client_parses(
    ghcr: Ghcr, raw: Raw, owner: Who
) -> None:
    """Every refusal of a registry's path has `errors`, each with a `code` and a `message`."""
    refusals = {name: reply for name, reply in _answers(ghcr, raw, owner).items() if reply.status >= 400}

    for name, reply in refusals.items():
        _status, code, message = reply.error
        assert code.isupper(), name
        assert message, name


@pytest.mark.row("0.9")
def test_the_bare_host_shows_a_page(raw: Raw) -> None:
    """`https://ghcr.io/` answers people with a page about GitHub Packages, not a client with an error."""
    reply = raw("GET", "/")

    assert reply.status == 200
    assert reply["content-type"].startswith("text/html")
    assert b"GitHub Packages" in reply.body
