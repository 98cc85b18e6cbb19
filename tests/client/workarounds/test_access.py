"""Rows 9 to 15: tokens that GHCR gives, takes and refuses in its own way."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from client.helping import QuickClock
from client.workarounds.realm import asked_scopes
from client.workarounds.scripted import Scripted
from client.workarounds.told import with_client
from ghcr_client.auth import Anonymous, Credentials, StaticCredentials
from ghcr_client.client import GhcrClient
from ghcr_client.errors import Denied, GhcrError, Unauthorized
from ghcr_client.images import Image
from pydantic import SecretStr

from ghcr_sim.auth.accounts import Credential

if TYPE_CHECKING:
    from client.peers import Peer


def tokens(peer: Peer, method: str = "get") -> int:
    """How often the token endpoint was asked."""
    assert peer.simulator is not None
    return len(peer.simulator.requests(f"token.{method}"))


# --- row 9: the token endpoint


@pytest.mark.workaround(9)
def test_the_scope_comes_from_the_request(fake_ghcr: Peer) -> None:
    """The challenge of `/v2/` names a repository that does not exist; what a request needs is asked for instead."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")

    async def story(client: GhcrClient) -> None:
        await client.list_tags("acme/app")
        await client.upload_blob("acme/app", b"x")

    scopes = asked_scopes(fake_ghcr)
    with_client(fake_ghcr, story)
    assert scopes == [("repository:acme/app:pull",), ("repository:acme/app:pull,push",)]


@pytest.mark.workaround(9)
def test_a_token_without_a_stated_life_is_kept_for_four_minutes(fake_ghcr: Peer) -> None:
    """GHCR never says `expires_in`: 270 s are assumed, and a new token is fetched 30 s ahead."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")
    clock = QuickClock()

    async def story(client: GhcrClient) -> None:
        counts = []
        for _ in range(3):
            await client.list_tags("acme/app")
            counts.append(tokens(fake_ghcr))
            clock.now += 121
        assert counts == [1, 1, 2]

    with_client(fake_ghcr, story, clock=clock)


class Refreshing:
    """Credentials that are an identity token, as docker's helpers have them."""

    def __init__(self, token: str) -> None:
        self._token = SecretStr(token)

    async def get_credentials(self, registry: str) -> Credentials | None:
        """The same for each registry."""
        return Credentials("octocat", identity_token=self._token)

    async def invalidate(self, registry: str) -> None:
        """Nothing changes."""


@pytest.mark.workaround(9)
def test_a_post_that_is_not_taken_becomes_a_get(fake_ghcr: Peer) -> None:
    """An identity token goes by POST, to which GHCR says 405; the GET has it in the password's place."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")

    async def story(client: GhcrClient) -> None:
        assert await client.list_tags("acme/app") == ["v1"]

    with_client(fake_ghcr, story, credentials=Refreshing(fake_ghcr.token or ""))
    assert (tokens(fake_ghcr, "post"), tokens(fake_ghcr)) == (1, 1)


# --- rows 10 to 12: bearers without the endpoint


@pytest.mark.workaround(10)
def test_direct_bearer_saves_the_token_endpoint(fake_ghcr: Peer) -> None:
    """Base64 of the token is a bearer: with `direct_bearer` it goes at once, and nothing is asked first."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")

    async def story(client: GhcrClient) -> None:
        await client.pull_manifest("acme/app:v1")
        await client.upload_blob("acme/app", b"x")

    with_client(fake_ghcr, story, direct_bearer=True)
    operations = [each.operation for each in fake_ghcr.simulator.requests()]
    assert operations == ["manifest.get", "blob.head", "upload.post", "upload.put"]


@pytest.mark.workaround(10)
def test_direct_bearer_is_given_up_where_it_is_refused(fake_oci: Peer) -> None:
    """A registry that wants its own tokens says so; then they are fetched."""
    assert fake_oci.simulator is not None
    fake_oci.simulator.seed("acme/app:v1")

    async def story(client: GhcrClient) -> None:
        assert await client.list_tags("acme/app") == ["v1"]

    with_client(fake_oci, story, direct_bearer=True)


@pytest.mark.workaround(11)
def test_nobody_has_a_bearer_too(fake_ghcr: Peer) -> None:
    """`QQ==` is nobody's bearer: a public image is pulled in one request, nothing is asked first."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1", visibility="public")

    async def story(client: GhcrClient) -> None:
        await client.pull_manifest("acme/app:v1")

    with_client(fake_ghcr, story, direct_bearer=True, credentials=Anonymous())
    assert [each.operation for each in fake_ghcr.simulator.requests()] == ["manifest.get"]


@pytest.mark.workaround(11)
@pytest.mark.workaround(12)
@pytest.mark.parametrize("secret", ["", "ghp_secret"], ids=["nobody", "token"])
def test_no_bearer_is_a_raw_token(secret: str) -> None:
    """A raw token would be refused without a challenge: what is sent is base64, of nobody's token `QQ==`."""

    async def script(request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"name": "acme/app", "tags": ["v1"]})

    server = Scripted(script)

    async def story() -> None:
        async with server.running():
            host = server.url.removeprefix("http://")
            mine = StaticCredentials("me", secret, host) if secret else Anonymous()
            async with GhcrClient(registry=server.url, credentials=mine, direct_bearer=True) as client:
                await client.list_tags("acme/app")

    asyncio.run(story())
    (only,) = server.came
    expected = b64encode(secret.encode()).decode() if secret else "QQ=="
    assert only.headers["Authorization"] == f"Bearer {expected}"


@pytest.mark.workaround(12)
def test_only_the_token_endpoint_gets_the_token() -> None:
    """By Basic, for a bearer in its place; to the registry itself the token never goes."""
    secret = "ghp_secret"

    async def script(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/token":
            return web.json_response({"token": "abc"})
        if "Authorization" not in request.headers:
            challenge = f'Bearer realm="{server.url}/token",service="x"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        return web.json_response({"name": "acme/app", "tags": []})

    server = Scripted(script)

    async def story() -> None:
        async with server.running():
            mine = StaticCredentials("me", secret, server.url.removeprefix("http://"))
            async with GhcrClient(registry=server.url, credentials=mine) as client:
                assert await client.list_tags("acme/app") == []

    asyncio.run(story())
    basic = "Basic " + b64encode(f"me:{secret}".encode()).decode()
    assert [each.headers.get("Authorization") for each in server.came] == [None, basic, "Bearer abc"]


# --- row 13: one anonymous token for all


@pytest.mark.workaround(13)
def test_nobody_needs_one_token_for_all_repositories(fake_ghcr: Peer) -> None:
    """An anonymous token is not bound to its repository: it is fetched once."""
    assert fake_ghcr.simulator is not None
    for name in ("acme/app", "acme/other", "octocat/third"):
        fake_ghcr.simulator.seed(f"{name}:v1", visibility="public")

    async def story(client: GhcrClient) -> None:
        for name in ("acme/app", "acme/other", "octocat/third"):
            await client.pull_manifest(f"{name}:v1")

    with_client(fake_ghcr, story, credentials=Anonymous())
    assert tokens(fake_ghcr) == 1


# --- row 14: 401, 403 and 404, and what they mean


def stranger(peer: Peer, **more: Any) -> StaticCredentials:
    """Somebody who owns nothing here."""
    assert peer.simulator is not None
    token = "ghp_" + "s" * 30
    peer.simulator.add_credential(
        Credential(login="mallory", token=token, **({"owners": frozenset({"mallory"})} | more))
    )
    return StaticCredentials("mallory", token, peer.host)


@pytest.mark.workaround(14)
def test_a_refused_head_is_followed_by_a_get(fake_ghcr: Peer) -> None:
    """HEAD is refused without a word; the GET's refusal says why, and the error what to do."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")

    async def story(client: GhcrClient) -> None:
        for operation in (client.image_exists, client.tag_digest):
            with pytest.raises(Denied, match="Manage Actions access") as caught:
                await operation("acme/app:v1")
            assert caught.value.message == "permission_denied: read_package"

    with_client(fake_ghcr, story, credentials=stranger(fake_ghcr))
    asked = [each.operation for each in fake_ghcr.simulator.requests() if each.status == 403]
    assert asked == ["manifest.head", "manifest.get"] * 2


@pytest.mark.workaround(14)
def test_a_blob_that_may_not_be_seen(fake_ghcr: Peer) -> None:
    """The same for blobs; and where one may only not look, the upload's own refusal is the one that is told."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")
    digest = "sha256:" + "0" * 64

    async def story(client: GhcrClient) -> None:
        with pytest.raises(Denied, match="read access to this package"):
            await client.blob_exists("acme/app", digest)
        with pytest.raises(Denied, match=r"upload\.post"):
            await client.upload_blob("acme/app", b"x")

    with_client(fake_ghcr, story, credentials=stranger(fake_ghcr))


@pytest.mark.workaround(14)
@pytest.mark.parametrize(("status", "there"), [(404, False), (200, True), (206, True), (307, True)], ids=str)
def test_only_head_is_refused(status: int, there: bool) -> None:
    """Where GET answers what HEAD may not, its answer holds; the blob itself is not read."""

    async def script(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "HEAD":
            return web.Response(status=403)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    server = Scripted(script)

    async def story() -> None:
        async with server.running(), GhcrClient(registry=server.url, credentials=Anonymous()) as client:
            assert await client.blob_exists("acme/app", "sha256:" + "0" * 64) is there

    asyncio.run(story())
    assert server.methods == ["HEAD", "GET"]
    assert server.came[1].headers["Range"] == "bytes=0-0"


@pytest.mark.workaround(14)
@pytest.mark.parametrize(
    ("rights", "visibility", "operation", "kind", "advised"),
    [
        pytest.param({}, "private", "push", Denied, "no right to it", id="not-the-owner"),
        pytest.param({"owners": {"acme"}}, "private", "push", None, None, id="member"),
        pytest.param(
            {"owners": {"acme"}, "scopes": {"read:packages"}},
            "private",
            "push",
            Denied,
            "needs read:packages, write:packages",
            id="scope",
        ),
        pytest.param(None, "private", "pull", Unauthorized, "is private", id="nobody-private"),
        pytest.param(None, None, "pull", Denied, "packages on GHCR are private", id="nobody-absent"),
        pytest.param({"revoked": True}, "public", "pull", Denied, "expired, revoked", id="dead"),
        pytest.param({"kind": "fine_grained"}, "public", "pull", Denied, "for public packages", id="kind"),
    ],
)
def test_a_refusal_says_what_it_means(
    fake_ghcr: Peer,
    *,
    rights: dict[str, Any] | None,
    visibility: Any,
    operation: str,
    kind: type[GhcrError] | None,
    advised: str | None,
) -> None:
    """The same status stands for several things; the error tells them apart as far as GHCR's words do."""
    assert fake_ghcr.simulator is not None
    if visibility is not None:
        fake_ghcr.simulator.seed("acme/app:v1", visibility=visibility)
    said = {
        key: frozenset(value) if isinstance(value, set) else value for key, value in (rights or {}).items()
    }
    mine = Anonymous() if rights is None else stranger(fake_ghcr, **said)

    async def story(client: GhcrClient) -> None:
        if operation == "push":
            done: Any = client.push_image("acme/new:v1", await Image.build([b"\0" * 1024]))
        else:
            done = client.pull_manifest("acme/app:v1")
        if kind is None:
            await done
            return
        with pytest.raises(kind, match=advised):
            await done

    with_client(fake_ghcr, story, credentials=mine)


# --- row 15: a token that is refused although it looks alive


@pytest.mark.workaround(15)
@pytest.mark.parametrize("times", [1, 2])
def test_a_token_is_renewed_once(fake_ghcr: Peer, times: int) -> None:
    """A 401 out of nowhere: one new token, and one more try; a second 401 is an error."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")

    async def story(client: GhcrClient) -> None:
        await client.list_tags("acme/app")
        assert fake_ghcr.simulator is not None
        fake_ghcr.simulator.fail("manifest.get", "random-unauthenticated", times=times)
        if times == 1:
            await client.pull_manifest("acme/app:v1")
            return
        with pytest.raises(Unauthorized, match="User cannot be authenticated"):
            await client.pull_manifest("acme/app:v1")

    with_client(fake_ghcr, story)
    assert tokens(fake_ghcr) == 2
