"""Rows 27 and 29: who may ask GitHub's REST API what, and lists that lag behind."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from client.helping import QuickClock
from client.workarounds.deleting import has, seeded, tags_of, with_api
from ghcr_client.auth import Anonymous, StaticCredentials
from ghcr_client.errors import (
    ConfigError,
    Denied,
    GhcrError,
    ManifestUnknown,
    NotFound,
    ProtocolError,
    RateLimited,
    ServerError,
    Unauthorized,
)
from ghcr_client.settings import REST

from ghcr_sim.auth.accounts import Credential

if TYPE_CHECKING:
    from client.github_api import GithubApi
    from client.peers import Peer
    from ghcr_client.client import GhcrClient

# --- row 27: who may list, and what the refusals mean


@pytest.mark.workaround(27)
def test_a_users_packages_are_found(fake_ghcr: Peer) -> None:
    """An owner that is no organization has its packages elsewhere; that is found out once."""
    *_, last = seeded(fake_ghcr, *(f"octocat/app:v{n}" for n in range(3)))

    async def story(client: GhcrClient, api: GithubApi) -> None:
        api.users = {"octocat"}
        await client.delete_image("octocat/app:v0")
        await client.delete_image("octocat/app:v1")

    api = with_api(fake_ghcr, story)
    assert tags_of(fake_ghcr, "octocat/app") == {"v2": last}
    families = [each.path.split("/")[1] for each in api.asked]
    assert families == ["orgs", "users", "users", "users", "users"]


@pytest.mark.workaround(27)
def test_a_package_of_a_known_owner_is_not_looked_for_elsewhere(fake_ghcr: Peer) -> None:
    """Once an owner's packages were found, one that is not among them does not exist."""
    seeded(fake_ghcr, "acme/app:v1")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        assert [each.tags async for each in client._packages.iter_versions("acme/app")] == [("v1",)]
        with pytest.raises(NotFound, match="Package not found"):
            await client._packages.delete("acme/other", "sha256:" + "0" * 64)

    api = with_api(fake_ghcr, story)
    assert [each.path.split("/")[1] for each in api.asked] == ["orgs", "orgs"]


@pytest.mark.workaround(27)
def test_a_workflows_token_of_any_length_goes_as_it_is(fake_ghcr: Peer) -> None:
    """The new tokens of workflows have some 520 characters; no length is checked, and `GET /user` is not asked."""
    assert fake_ghcr.simulator is not None
    token = "ghs_" + "12345_" + "e" * 510
    fake_ghcr.simulator.add_credential(Credential(login="octocat", token=token, owners=frozenset({"*"})))
    (first, _) = seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        await client.delete_image("acme/app:v1")

    mine = StaticCredentials("x-access-token", token, fake_ghcr.host)
    api = with_api(fake_ghcr, story, token=token, credentials=mine)
    assert not has(fake_ghcr, "acme/app", first)
    assert not any(each.path.startswith("/user?") or each.path == "/user" for each in api.asked)


@pytest.mark.workaround(27)
@pytest.mark.parametrize(
    ("status", "message", "kind", "advised"),
    [
        pytest.param(400, "Invalid argument.", Denied, "personal access token", id="workflow-lists"),
        pytest.param(
            403, "Resource not accessible by integration", Denied, "Manage Actions access", id="workflow"
        ),
        pytest.param(404, "Package not found.", NotFound, "role Admin", id="hidden"),
        pytest.param(401, "Bad credentials", Unauthorized, "expired", id="expired"),
        pytest.param(
            403,
            "You need at least read:packages scope to get a package's versions.",
            Denied,
            "delete:packages",
            id="scope",
        ),
        pytest.param(
            403,
            "Resource protected by organization SAML enforcement. You must grant your Personal Access token access "
            "to this organization.",
            Denied,
            "Configure SSO",
            id="sso",
        ),
    ],
)
def test_a_refused_list_says_what_to_do(
    fake_ghcr: Peer, status: int, message: str, kind: type[GhcrError], advised: str
) -> None:
    """Each refusal of the list is a typed error that repeats GitHub's words and adds what they mean."""
    digest, *_ = seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        api.planned = [(status, message, {})] * 2
        with pytest.raises(kind, match=advised) as caught:
            await client.delete_image("acme/app:v1")
        assert message.rstrip(".") in str(caught.value)
        assert (fake_ghcr.token or "-") not in f"{caught.value!r} {caught.value}"

    with_api(fake_ghcr, story)
    assert has(fake_ghcr, "acme/app", digest)


@pytest.mark.workaround(27)
def test_nobody_and_half_a_credential(fake_ghcr: Peer) -> None:
    """The API knows no anonymous callers; and base64 that a registry takes is no token there."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1", visibility="public")

    async def nobody(client: GhcrClient, api: GithubApi) -> None:
        with pytest.raises((Unauthorized, Denied)):
            await client.delete_image("acme/app:v1")

    with_api(fake_ghcr, nobody, credentials=Anonymous())

    async def blank(client: GhcrClient, api: GithubApi) -> None:
        with pytest.raises(ConfigError, match="personal access token"):
            await client._packages.delete("acme/app", "sha256:" + "0" * 64)

    with_api(fake_ghcr, blank, credentials=StaticCredentials("me", "two words", fake_ghcr.host))


@pytest.mark.workaround(27)
def test_limits_of_the_api_are_kept(fake_ghcr: Peer, caplog: pytest.LogCaptureFixture) -> None:
    """A secondary limit and a 502 are waited for; no log line has the token."""
    caplog.set_level(logging.DEBUG, "ghcr_client")
    (first, _) = seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")
    clock = QuickClock()

    async def story(client: GhcrClient, api: GithubApi) -> None:
        api.planned = [
            (403, "You have exceeded a secondary rate limit. Please wait.", {"Retry-After": "60"}),
            (502, "Server Error", {}),
        ]
        await client.delete_image("acme/app:v1")

    with_api(fake_ghcr, story, clock=clock)
    assert not has(fake_ghcr, "acme/app", first)
    assert sum(clock.slept) >= 61
    assert (fake_ghcr.token or "-") not in caplog.text


@pytest.mark.workaround(27)
def test_an_hour_is_not_waited_for(fake_ghcr: Peer) -> None:
    """The limit of an hour names its end: an error says when, and nothing sleeps for so long."""
    seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")
    clock = QuickClock()

    async def story(client: GhcrClient, api: GithubApi) -> None:
        gone = {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": "1767229200",
            "Date": "Thu, 01 Jan 2026 00:00:00 GMT",
        }
        api.planned = [(403, "API rate limit exceeded for user ID 1.", gone)]
        with pytest.raises(RateLimited, match="for this hour") as caught:
            await client.delete_image("acme/app:v1")
        assert caught.value.retry_after == 3600
        assert caught.value.reset_at is not None

    with_api(fake_ghcr, story, clock=clock)
    assert sum(clock.slept) < 1


@pytest.mark.workaround(27)
def test_the_apis_own_count_is_kept(fake_ghcr: Peer) -> None:
    """GitHub says with each answer how much is left of an hour's requests, and the limiter knows it."""
    seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        decide = api.decide

        def counted(request: web.BaseRequest) -> web.Response:
            answer = decide(request)
            answer.headers.update({"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4321"})
            return answer

        api.decide = counted
        await client.delete_image("acme/app:v1")
        state = client._transport.limiter.state(REST, "read")
        assert (state.limit, state.period, state.remaining) == (5000, 3600, 4321)

    with_api(fake_ghcr, story)


# --- row 29: lists lag behind


@pytest.mark.workaround(29)
def test_a_version_that_is_gone_counts_as_deleted(fake_ghcr: Peer) -> None:
    """A list still shows it, and DELETE says 404: that is what was wanted."""
    digest, _ = seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        api.ghosts = {digest: 1_300_000_000}
        await client.delete_image("acme/app:v1")

    api = with_api(fake_ghcr, story)
    assert [each.status for each in api.asked] == [200, 404]


@pytest.mark.workaround(29)
def test_a_deletion_that_is_repeated_counts_once(fake_ghcr: Peer) -> None:
    """The answer to a DELETE gets lost, and the next one finds nothing left: done."""
    digest, _ = seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        delete = api.delete

        def lost(repository: str, number: int) -> web.Response:
            delete(repository, number)
            api.delete = delete
            return web.Response(status=502)

        api.delete = lost
        await client.delete_image("acme/app:v1")

    api = with_api(fake_ghcr, story)
    assert [each.status for each in api.asked] == [200, 502, 404]
    assert not has(fake_ghcr, "acme/app", digest)


@pytest.mark.workaround(29)
def test_a_package_that_is_hidden_is_not_deleted(fake_ghcr: Peer) -> None:
    """404 says "package" to those who may not delete: that is an error, and the version is there."""
    digest, _ = seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        api.is_admin = False
        with pytest.raises(NotFound, match="role Admin"):
            await client.delete_image("acme/app:v1")

    with_api(fake_ghcr, story)
    assert has(fake_ghcr, "acme/app", digest)


@pytest.mark.workaround(29)
def test_a_new_version_is_waited_for(fake_ghcr: Peer) -> None:
    """What was pushed just now is listed a moment later; one that never is, is an error."""
    first, second = seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")
    clock = QuickClock()

    async def story(client: GhcrClient, api: GithubApi) -> None:
        api.late = 2
        await client.delete_image("acme/app:v2")
        with pytest.raises(ManifestUnknown, match="lists no version"):
            await client._packages.delete("acme/app", second)

    with_api(fake_ghcr, story, clock=clock)
    assert not has(fake_ghcr, "acme/app", second)
    assert has(fake_ghcr, "acme/app", first)
    assert sum(clock.slept) >= 3


@pytest.mark.workaround(29)
def test_all_pages_are_read(fake_ghcr: Peer) -> None:
    """The oldest version is on the last page, to which links of another form lead."""
    first, *_ = seeded(fake_ghcr, *(f"acme/app:v{n}" for n in range(7)))

    async def story(client: GhcrClient, api: GithubApi) -> None:
        api.page = 3
        await client.delete_image("acme/app:v0")

    api = with_api(fake_ghcr, story)
    assert not has(fake_ghcr, "acme/app", first)
    assert [each.path.split("/")[1] for each in api.asked] == [
        "orgs",
        "organizations",
        "organizations",
        "orgs",
    ]


@pytest.mark.workaround(29)
@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"<html>", b'[{"id":"x"}]', b'[{"id":1,"name":"a","metadata":{}}]', b"[" * 100_000],
    ids=["empty", "object", "page", "id", "no-tags", "deep"],
)
def test_a_list_that_is_none_is_an_error(fake_ghcr: Peer, body: bytes) -> None:
    """What comes in place of a list is not guessed at."""
    digest, _ = seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        api.decide = lambda request: web.Response(body=body)
        with pytest.raises(ProtocolError, match="no list"):
            await client.delete_image("acme/app:v1")

    with_api(fake_ghcr, story)
    assert has(fake_ghcr, "acme/app", digest)


def test_the_api_that_fails_for_good(fake_ghcr: Peer) -> None:
    """A failure that stays is raised as what it is."""
    seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        api.planned = [(503, "no", {})] * 4
        with pytest.raises(ServerError):
            await client.delete_image("acme/app:v1")

    with_api(fake_ghcr, story)


@pytest.mark.workaround(29)
def test_a_list_without_end_is_an_error(fake_ghcr: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """More pages than any package has are not read."""
    monkeypatch.setattr("ghcr_client.packages._MOST_PAGES", 3)
    seeded(fake_ghcr, *(f"acme/app:v{n}" for n in range(5)))

    async def story(client: GhcrClient, api: GithubApi) -> None:
        api.page = 1
        with pytest.raises(ProtocolError, match="more than 3 pages"):
            await client.delete_image("acme/app:v0")

    with_api(fake_ghcr, story)


@pytest.mark.workaround(29)
@pytest.mark.parametrize(
    ("link", "message"),
    [("/organizations/1/packages/container/app/versions", None), ("https://evil.example/2", "evil.example")],
    ids=["endless", "elsewhere"],
)
def test_a_link_that_leads_astray(fake_ghcr: Peer, link: str, message: str | None) -> None:
    """Pages that repeat end the list; a page on another host is not asked for, and no token goes there."""
    seeded(fake_ghcr, "acme/app:v1", "acme/app:v2")

    async def story(client: GhcrClient, api: GithubApi) -> None:
        headers = {"Link": f'<{link}>; rel="next"'}
        api.decide = lambda request: web.json_response(api.versions("acme/app"), headers=headers)
        listed = client._packages.iter_versions("acme/app")
        if message is None:
            assert len([each async for each in listed]) == 2
        else:
            with pytest.raises(ProtocolError, match=message):
                assert [each async for each in listed]

    api = with_api(fake_ghcr, story)
    assert len(api.asked) == (2 if message is None else 1)
