"""Section 2: the token realm, which gives tokens and checks no rights."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest
from raw import DATE, REQUEST_ID, Like, Raw, basic, bearer, refused
from wire.pushing import OCI_MANIFEST, push_image

from ghcr_sim.auth import Credential
from ghcr_sim.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ghcr import Ghcr

Who = tuple[str, str]
ACCEPT = ("Accept", OCI_MANIFEST)
DENIED = refused("DENIED", "denied")
NO_SUCH = refused("DENIED", "requested access to the resource is denied")
CHALLENGE = refused("UNAUTHORIZED", "authentication required")


def path(*scopes: str, service: str = "ghcr.io") -> str:
    """The realm's path with a query."""
    return "/token?" + "&".join([f"service={service}", *(f"scope={scope}" for scope in scopes)])


def placeholder(host: str) -> str:
    """The challenge of the realm itself."""
    return f'Bearer realm="http://{host}/token",service="ghcr.io",scope="repository:user/image:pull"'


@pytest.mark.row("2.1")
@pytest.mark.parametrize(
    "query", ["?service=ghcr.io&scope=repository:acme/app:pull", "?scope=repository:acme/app:pull"]
)
def test_anybody_gets_a_token_for_a_public_package(ghcr: Ghcr, raw: Raw, query: str) -> None:
    """The answer is `{"token":"…"}` and nothing else, and `service` may be left out of the question."""
    ghcr.seed("acme/app:v1", visibility="public")

    reply = raw("GET", f"/token{query}")

    assert reply.status == 200
    assert reply["content-type"] == "application/json"
    assert list(reply.json()) == ["token"]


@pytest.mark.row("2.2")
def test_an_anonymous_token_is_base64_of_repository_and_time(serve: Callable[..., Ghcr]) -> None:
    """It is padded base64 of `v1:owner/name:` and the nanoseconds of the answer's `Date`."""
    ghcr = serve(clock=Clock(1714670371.292889))
    ghcr.seed("michsior14/docker-mods:v1", visibility="public")

    reply = Raw(ghcr.host)("GET", path("repository:michsior14/docker-mods:pull"))
    token = reply.json()["token"]

    text = base64.b64decode(token, validate=True).decode()
    assert base64.b64encode(text.encode()).decode() == token
    assert text == Like(r"v1:michsior14/docker-mods:1714670371\d{9}")
    assert int(text.rpartition(":")[2]) // 10**9 == parsedate_to_datetime(reply["date"]).timestamp()


@pytest.mark.row("2.3")
def test_an_anonymous_token_is_tied_to_no_package(ghcr: Ghcr, raw: Raw) -> None:
    """A token that was made for one public package pulls any other."""
    ghcr.seed("acme/app:v1", visibility="public")
    ghcr.seed("other/thing:v1", visibility="public")
    token = raw("GET", path("repository:acme/app:pull")).json()["token"]

    reply = raw("GET", "/v2/other/thing/manifests/v1", ("Authorization", f"Bearer {token}"), ACCEPT)

    assert reply.status == 200


@pytest.mark.row("2.4")
@pytest.mark.parametrize("user", ["octocat", "x-access-token", ""])
def test_a_login_gets_its_password_back_in_base64(ghcr: Ghcr, raw: Raw, user: str) -> None:
    """The token for a live credential is base64 of it, whatever user name came with it."""
    reply = raw("GET", path("repository:acme/app:pull"), basic(user, ghcr.token))

    assert reply.status == 200
    assert reply.json() == {"token": base64.b64encode(ghcr.token.encode()).decode()}


@pytest.mark.row("2.4")
def test_a_token_proves_no_right(ghcr: Ghcr, raw: Raw) -> None:
    """Who may only read gets a token for `pull,push`, and a 403 when an upload starts."""
    ghcr.simulator.add_credential(
        Credential("octocat", "ghp_reader", scopes=frozenset({"read:packages"}), owners=frozenset({"*"}))
    )

    asked = raw("GET", path("repository:acme/app:pull,push"), basic("octocat", "ghp_reader"))
    token = asked.json()["token"]
    upload = raw("POST", "/v2/acme/app/blobs/uploads/", ("Authorization", f"Bearer {token}"))

    assert (asked.status, upload.status) == (200, 403)


@pytest.mark.row("2.5")
@pytest.mark.parametrize("kind", ["expired", "revoked", "unknown"])
@pytest.mark.parametrize("visibility", ["public", "private"])
def test_a_dead_login_is_denied_even_what_is_public(ghcr: Ghcr, raw: Raw, kind: str, visibility: str) -> None:
    """An expired, revoked or unknown token is refused with `denied` (docker prints `denied: denied`)."""
    ghcr.seed("acme/app:v1", visibility=visibility)
    soon = datetime.fromtimestamp(ghcr.clock.now(), UTC) + timedelta(seconds=60)
    ghcr.simulator.add_credential(Credential("octocat", "ghp_expired", expires=soon))
    ghcr.simulator.add_credential(Credential("octocat", "ghp_revoked", revoked=True))
    ghcr.clock.advance(60)

    reply = raw("GET", path("repository:acme/app:pull"), basic("octocat", f"ghp_{kind}"))

    assert reply.status == 403
    assert reply.body == DENIED
    assert "www-authenticate" not in reply


@pytest.mark.row("2.5")
def test_a_token_that_will_expire_is_good_until_then(ghcr: Ghcr, raw: Raw) -> None:
    """The same credential is taken a second before it expires."""
    soon = datetime.fromtimestamp(ghcr.clock.now(), UTC) + timedelta(seconds=60)
    ghcr.simulator.add_credential(Credential("octocat", "ghp_expired", expires=soon))
    ghcr.clock.advance(50)

    assert raw("GET", path(), basic("octocat", "ghp_expired")).status == 200


@pytest.mark.row("2.6")
def test_an_empty_login_gets_no_token(ghcr: Ghcr, raw: Raw) -> None:
    """`Basic Og==`, empty user and empty password, is a 403, and no anonymous caller."""
    ghcr.seed("acme/app:v1", visibility="public")

    reply = raw("GET", path("repository:acme/app:pull"), ("Authorization", "Basic Og=="))

    assert reply.status == 403
    assert b"token" not in reply.body


@pytest.mark.row("2.7")
def test_a_bearer_is_no_login(ghcr: Ghcr, raw: Raw) -> None:
    """A raw token as a bearer is a 401 with the placeholder's challenge, and the registry's version."""
    ghcr.seed("acme/app:v1", visibility="private")

    reply = raw("GET", path("repository:acme/app:pull"), ("Authorization", f"Bearer {ghcr.token}"))

    assert reply.status == 401
    assert reply.body == CHALLENGE
    assert reply.fields == {
        "content-length": "73",
        "content-type": "application/json",
        "date": DATE,
        "docker-distribution-api-version": "registry/2.0",
        "www-authenticate": placeholder(raw.host),
        "x-github-request-id": REQUEST_ID,
    }


@pytest.mark.row("2.8")
def test_nobody_gets_a_token_for_a_private_package(ghcr: Ghcr, raw: Raw) -> None:
    """Without credentials, a private package is a 401 with the placeholder's scope."""
    ghcr.seed("acme/app:v1", visibility="private")

    reply = raw("GET", path("repository:acme/app:pull"))

    assert reply.status == 401
    assert reply.body == CHALLENGE
    assert reply["www-authenticate"] == placeholder(raw.host)


@pytest.mark.row("2.9")
def test_nobody_gets_a_token_for_a_package_that_does_not_exist(raw: Raw) -> None:
    """Without credentials, a package that is not there is a 403 of 86 bytes without a challenge."""
    reply = raw("GET", path("repository:acme/none:pull"))

    assert reply.status == 403
    assert reply.body == NO_SUCH
    assert reply.fields == {
        "content-length": "86",
        "content-type": "application/json",
        "date": DATE,
        "docker-distribution-api-version": "registry/2.0",
        "x-github-request-id": REQUEST_ID,
    }


@pytest.mark.row("2.8", "2.9", "2.10")
def test_the_first_push_of_a_package_turns_403_into_401(ghcr: Ghcr, raw: Raw, owner: Who) -> None:
    """Absent is 403, private is 401: nobody sees the difference but who watches a package being published."""
    before = raw("GET", path("repository:acme/app:pull")).status
    push_image(raw, "acme/app:v1", owner)
    after = raw("GET", path("repository:acme/app:pull")).status
    ghcr.simulator.set_visibility("acme/app", "public")

    assert (before, after) == (403, 401)
    assert raw("GET", path("repository:acme/app:pull")).status == 200


@pytest.mark.row("2.11")
@pytest.mark.parametrize("visibility", ["public", None], ids=["public", "absent"])
def test_nobody_gets_a_token_to_push(ghcr: Ghcr, raw: Raw, visibility: str | None) -> None:
    """Without credentials, `pull,push` is a 403 DENIED also where `pull` is free."""
    if visibility:
        ghcr.seed("acme/app:v1", visibility=visibility)

    assert raw("GET", path("repository:acme/app:pull,push")).error[:2] == (403, "DENIED")


@pytest.mark.row("2.12")
@pytest.mark.parametrize(
    "scopes", [["registry:catalog:*"], ["registry:catalog:*", "repository:user/image:pull"]]
)
def test_nobody_gets_a_token_for_the_catalogue(raw: Raw, scopes: list[str]) -> None:
    """The catalogue's scope is a 403 without credentials, alone or with the placeholder, as oras sends it."""
    reply = raw("GET", path(*scopes))

    assert reply.status == 403
    assert reply.error[1] == "DENIED"


@pytest.mark.row("2.13")
def test_a_scope_may_come_several_times(ghcr: Ghcr, raw: Raw) -> None:
    """Repeated `scope=` parameters are understood; a token comes where each of them alone would give one."""
    ghcr.seed("acme/app:v1", visibility="public")
    ghcr.seed("acme/base:v1", visibility="public")

    reply = raw("GET", path("repository:acme/app:pull", "repository:acme/base:pull"))

    assert reply.status == 200


@pytest.mark.row("2.14")
def test_docker_login_works_with_the_placeholder(ghcr: Ghcr, raw: Raw) -> None:
    """A login with the scope of the challenge of `/v2/` gets its token, though there is no such package."""
    reply = raw("GET", path("repository:user/image:pull"), basic("octocat", ghcr.token))

    assert reply.status == 200
    assert list(reply.json()) == ["token"]


@pytest.mark.row("2.15")
def test_the_oauth2_form_is_not_served(ghcr: Ghcr, raw: Raw) -> None:
    """`POST /token` is a 405, and a client that goes back to GET gets its token."""
    form = f"grant_type=password&service=ghcr.io&username=octocat&password={ghcr.token}".encode()
    posted = raw("POST", "/token", ("Content-Type", "application/x-www-form-urlencoded"), body=form)

    assert posted.status == 405
    assert raw("GET", path(), basic("octocat", ghcr.token)).status == 200


@pytest.mark.row("2.16")
@pytest.mark.parametrize(
    ("kind", "status"), [("classic", 200), ("github_token", 200), ("fine_grained", 403), ("app", 403)]
)
def test_classic_tokens_and_workflow_tokens_are_taken_and_no_others(
    ghcr: Ghcr, raw: Raw, kind: str, status: int
) -> None:
    """A classic PAT and a workflow's `GITHUB_TOKEN` log in; a fine-grained PAT and an App's token do not."""
    repository = "acme/app" if kind == "github_token" else None
    ghcr.simulator.add_credential(Credential("acme", "secret-of-it", kind=kind, repository=repository))

    assert raw("GET", path(), basic("acme", "secret-of-it")).status == status


@pytest.mark.row("2.17")
def test_a_login_s_token_lives_as_long_as_the_credential(ghcr: Ghcr, raw: Raw) -> None:
    """The bearer is the credential, so it dies with it, and not before."""
    ghcr.seed("acme/app:v1")
    end = datetime.fromtimestamp(ghcr.clock.now(), UTC) + timedelta(days=30)
    ghcr.simulator.add_credential(Credential("acme", "ghp_month", expires=end))
    tags = ("GET", "/v2/acme/app/tags/list", bearer("ghp_month"))

    ghcr.clock.advance(29 * 86_400)
    assert raw(*tags).status == 200
    ghcr.clock.advance(86_400)
    assert raw(*tags).status == 401


@pytest.mark.row("2.17")
@pytest.mark.parametrize(
    ("changes", "status"),
    [({}, 200), ({"token__lifetime": 300}, 401)],
    ids=["by default", "switched on"],
)
def test_an_anonymous_token_lives_as_long_as_the_profile_says(
    serve: Callable[..., Ghcr], changes: dict[str, int], status: int
) -> None:
    """Nobody has stated a life: by default there is none, and a switch gives it one."""
    ghcr = serve(**changes)
    ghcr.seed("acme/app:v1", visibility="public")
    raw = Raw(ghcr.host)
    token = raw("GET", path("repository:acme/app:pull")).json()["token"]

    ghcr.clock.advance(301)

    assert raw("GET", "/v2/acme/app/tags/list", ("Authorization", f"Bearer {token}")).status == status


@pytest.mark.row("2.18", "10c.3", "10c.5")
def test_the_realm_may_hang(ghcr: Ghcr, raw: Raw) -> None:
    """In an incident `/token` says nothing until the client gives up; the next one is answered."""
    ghcr.fail("token.get", "token-hangs")
    impatient = Raw(ghcr.host, timeout=0.3)

    with pytest.raises(TimeoutError):
        impatient("GET", path(), basic("octocat", ghcr.token))
    assert raw("GET", path(), basic("octocat", ghcr.token)).status == 200
