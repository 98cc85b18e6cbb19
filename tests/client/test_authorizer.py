"""Who asks: challenges found once, tokens fetched once and renewed once, and for which scopes each operation asks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from client.helping import client_for
from client.scripted import Scripted, Told, call, refusal, scripted, transport_to
from ghcr_client import recent
from ghcr_client.auth import (
    Anonymous,
    Credentials,
    DockerConfigCredentials,
    StaticCredentials,
    authorizer,
    fetch_token,
    pull,
    push,
)
from ghcr_client.auth.credentials import plain_bearer
from ghcr_client.client import GhcrClient
from ghcr_client.digests import Digest
from ghcr_client.errors import ConfigError, Denied, ProtocolError, TransportError, Unauthorized, Unsupported
from ghcr_client.images import Image
from pydantic import SecretStr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from client.peers import Peer
    from ghcr_client.auth import CredentialProvider
    from ghcr_client.transport import Transport

SECRET = "correct-horse-battery"
BASIC = "Basic " + base64.b64encode(f"octocat:{SECRET}".encode()).decode()
DIRECT = "Bearer " + base64.b64encode(SECRET.encode()).decode()


class Guarded:
    """A registry with a token endpoint: it takes the newest token, and what else a test says.

    Attributes:
        asked_for: The scopes of each token that was fetched.
        basics: Who asked for each.
        taken: Values of `Authorization` that are let in.
    """

    def __init__(
        self, challenge: str = 'Bearer realm="{}/token",service="here",scope="repository:user/image:pull"'
    ) -> None:
        self.challenge = challenge
        self.asked_for: list[list[str]] = []
        self.basics: list[str | None] = []
        self.forms: list[dict[str, str]] = []
        self.taken: set[str] = set()
        self.status = 401
        self.token_status = 200

    async def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            return self.token(request)
        if request.headers.get("Authorization") in self.taken:
            return web.Response(body=b"ok")
        url = f"{request.scheme}://{request.host}"
        said = (
            {"WWW_Authenticate": self.challenge.format(url)} if self.challenge and self.status == 401 else {}
        )
        return refusal(self.status, "DENIED", "no", **said)

    def token(self, request: web.Request) -> web.Response:
        """A token that is taken from now on."""
        if self.token_status != 200:
            return refusal(self.token_status, "UNAVAILABLE", "later")
        self.basics.append(request.headers.get("Authorization"))
        self.asked_for.append(request.query.getall("scope", []))
        value = f"token-{len(self.asked_for)}"
        self.taken.add(f"Bearer {value}")
        return web.json_response({"token": value})


def told(
    registry: Guarded,
    story: Callable[[Scripted, Transport], Awaitable[Any]],
    credentials: Callable[[Scripted], CredentialProvider | None] = lambda _: None,
    **settings: Any,
) -> Any:
    """What a story gives that has a guarded registry and a transport to it."""

    async def main() -> Any:
        async with scripted(registry) as here, transport_to(here, credentials(here), **settings) as transport:
            return await story(here, transport)

    return asyncio.run(main())


def octocat(here: Scripted) -> StaticCredentials:
    return StaticCredentials("octocat", SECRET, here.host)


def manifest(here: Scripted, repository: str = "a/b", **more: Any) -> Any:
    return call(here, f"/v2/{repository}/manifests/v1", scopes=(pull(repository),), **more)


class Changing:
    """A provider whose credentials change when it is told that they were refused."""

    def __init__(self, *passwords: str) -> None:
        self.passwords = list(passwords)
        self.invalidated = 0

    async def get_credentials(self, registry: str) -> Credentials | None:
        return Credentials("octocat", SecretStr(self.passwords[0]))

    async def invalidate(self, registry: str) -> None:
        self.invalidated += 1
        if len(self.passwords) > 1:
            del self.passwords[0]


class Parted(Changing):
    """The same, for one owner's repositories; who asks for a registry is nobody."""

    async def get_credentials(self, registry: str) -> Credentials | None:
        return None

    async def get_repository_credentials(self, registry: str, repository: str) -> Credentials | None:
        return await super().get_credentials(registry) if repository.startswith("a/") else None


# --- found once, fetched once


def test_twenty_at_once() -> None:
    """Twenty calls at once find out once what is demanded, and fetch one token for all."""
    registry = Guarded()

    async def story(here: Scripted, transport: Transport) -> None:
        await asyncio.gather(*(transport.ask(manifest(here)) for _ in range(20)))
        assert (
            sum(each.authorization is None and not each.path.startswith("/token") for each in here.asked) == 1
        )
        assert here.count("/token") == 1
        assert isinstance(transport.metrics, Told)
        assert transport.metrics.tokens == 1

    told(registry, story)
    assert registry.asked_for == [["repository:a/b:pull"]]


def test_the_fake_in_twenty_tasks(fake_ghcr: Peer) -> None:
    """The same against GHCR's ways: one challenge and one token for twenty pulls of an image."""
    assert fake_ghcr.simulator is not None
    fake_ghcr.simulator.seed("acme/app:v1")

    async def main() -> None:
        async with client_for(fake_ghcr) as client:
            await asyncio.gather(*(client.pull_manifest("acme/app:v1") for _ in range(20)))

    asyncio.run(main())
    assert len(fake_ghcr.simulator.requests("token.get")) == 1
    assert [each.status for each in fake_ghcr.simulator.requests("manifest.get")].count(401) == 1


def test_a_registry_without_guard() -> None:
    """Where nobody is asked who he is, no token is fetched, and no credentials are sent."""
    registry = Guarded()
    registry.taken.add(None)  # type: ignore[arg-type]

    async def story(here: Scripted, transport: Transport) -> None:
        for _ in range(2):
            await transport.ask(manifest(here))
        assert [each.authorization for each in here.asked] == [None, None]

    told(registry, story, octocat)


def test_nobody_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `Anonymous()`, neither the environment nor a setting makes a client somebody."""
    registry = Guarded()
    for name in ("GHCR_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, SECRET)

    async def main() -> None:
        async with (
            scripted(registry) as here,
            GhcrClient(registry=here.url, credentials=Anonymous()) as client,
        ):
            assert (await client.health_check()).ok

    asyncio.run(main())
    assert registry.basics == [None]


@pytest.mark.parametrize("scheme", ["token", "basic"])
def test_who_one_is_for_a_repository(scheme: str) -> None:
    """Credentials for a part of a registry go along for its repositories alone; a mount is by who may write."""
    registry = Guarded() if scheme == "token" else Guarded("Basic realm=here")
    registry.taken.add(BASIC)

    async def story(here: Scripted, transport: Transport) -> list[str | None]:
        await transport.ask(manifest(here, "a/b"))
        await transport.ask(call(here, scopes=(push("a/c"), pull("other/app"))))
        for scopes in ((pull("other/app"),), (push("other/app"), pull("a/b"))):
            if scheme == "token":
                await transport.ask(call(here, scopes=scopes))
            else:
                with pytest.raises(Unauthorized):
                    await transport.ask(call(here, scopes=scopes))
        return [each.authorization for each in here.asked]

    sent = told(registry, story, lambda _: Parted(SECRET))
    if scheme == "token":
        assert registry.basics == [BASIC, BASIC, None, None]
    else:
        assert [each for each in sent if each] == [BASIC, BASIC]


def test_changed_for_a_repository() -> None:
    """Credentials of a part that were refused are looked up again, and the new ones go along."""
    registry = Guarded("Basic realm=here")
    registry.taken.add(BASIC)

    async def story(here: Scripted, transport: Transport) -> None:
        await transport.ask(manifest(here, "a/b"))
        registry.taken = {"Basic " + base64.b64encode(b"octocat:new").decode()}
        await transport.ask(manifest(here, "a/b"))
        await transport.ask(manifest(here, "a/c"))

    provider = Parted(SECRET, "new")
    told(registry, story, lambda _: provider)
    assert provider.invalidated == 1


@pytest.mark.parametrize("count", [1, 20])
def test_renewed_once(count: int) -> None:
    """A token that is refused before its time is renewed once, however many calls were refused with it."""
    registry = Guarded()

    async def story(here: Scripted, transport: Transport) -> None:
        await transport.ask(manifest(here))
        registry.taken.clear()
        await asyncio.gather(*(transport.ask(manifest(here)) for _ in range(count)))

    told(registry, story, octocat)
    assert registry.asked_for == [["repository:a/b:pull"]] * 2
    assert registry.basics == [BASIC] * 2


def test_renewed_and_refused() -> None:
    """A new token that is refused, too, is the end."""
    registry = Guarded()

    async def story(here: Scripted, transport: Transport) -> int:
        await transport.ask(manifest(here))
        registry.token = lambda _: web.json_response({"token": "useless"})  # type: ignore[method-assign]
        registry.taken.clear()
        with pytest.raises(Unauthorized):
            await transport.ask(manifest(here))
        return here.count("/token")

    assert told(registry, story) == 2


def test_other_words_for_scopes() -> None:
    """What needs no scope asks for the one that the challenge names; each other call, for its own."""
    registry = Guarded()

    async def story(here: Scripted, transport: Transport) -> None:
        await transport.ask(call(here, "/v2/"))
        await transport.ask(call(here, "/v2/a/b", scopes=(push("a/b"), pull("c/d"))))

    told(registry, story)
    assert registry.asked_for == [
        ["repository:user/image:pull"],
        ["repository:a/b:pull,push", "repository:c/d:pull"],
    ]


def test_a_token_endpoint_that_fails() -> None:
    """A failure of the token endpoint passes as any other does."""
    registry = Guarded()
    registry.token_status = 503

    async def story(here: Scripted, transport: Transport) -> None:
        async def mend(seconds: float) -> None:
            registry.token_status = 200

        transport.clock.sleep = mend  # type: ignore[method-assign]
        assert (await transport.ask(manifest(here))).body == b"ok"
        assert here.count("/token") == 2

    told(registry, story)


# --- who asks


def test_basic() -> None:
    """A registry that wants a password gets it, after it has asked."""
    registry = Guarded('Basic realm="x"')
    registry.taken.add(BASIC)

    async def story(here: Scripted, transport: Transport) -> list[str | None]:
        for _ in range(2):
            await transport.ask(manifest(here))
        return [each.authorization for each in here.asked]

    assert told(registry, story, octocat) == [None, BASIC, BASIC]


def test_basic_and_nobody() -> None:
    """Who has no password does not ask a second time."""
    registry = Guarded('Basic realm="x"')

    async def story(here: Scripted, transport: Transport) -> int:
        for _ in range(2):
            with pytest.raises(Unauthorized):
                await transport.ask(manifest(here))
        return len(here.asked)

    assert told(registry, story) == 2


@pytest.mark.parametrize(
    ("passwords", "requests"), [(["old", SECRET], 3), (["old"], 2)], ids=["changed", "the same"]
)
def test_basic_and_another_password(passwords: list[str], requests: int) -> None:
    """A password that is refused is looked up again, and sent where it is another one."""
    registry = Guarded('Basic realm="x"')
    registry.taken.add(BASIC)
    provider = Changing(*passwords)

    async def story(here: Scripted, transport: Transport) -> int:
        for attempt in range(2):
            try:
                await transport.ask(manifest(here))
            except Unauthorized:
                assert attempt == 0 or len(passwords) == 1
        return len(here.asked)

    told(registry, story, lambda _: provider)
    assert provider.invalidated >= 1


@pytest.mark.parametrize("count", [1, 10])
def test_the_provider_is_asked_again(count: int) -> None:
    """When a token is refused, the provider is asked anew, once, and what it says now is used."""
    registry = Guarded()
    provider = Changing("old", SECRET)

    async def story(here: Scripted, transport: Transport) -> None:
        await transport.ask(manifest(here))
        registry.taken.clear()
        await asyncio.gather(*(transport.ask(manifest(here)) for _ in range(count)))

    told(registry, story, lambda _: provider)
    assert provider.invalidated == 1
    assert registry.basics[-1] == BASIC
    assert len(registry.basics) == 2


def test_a_refresh_token_of_docker() -> None:
    """An identity token of `docker login` is used by the OAuth2 form."""
    forms: list[dict[str, str]] = []

    async def answering(request: web.Request) -> web.Response:
        if request.path == "/token":
            assert request.method == "POST"
            forms.append(dict(parse_qsl(await request.text())))
            return web.json_response({"access_token": "t"})
        if request.headers.get("Authorization") == "Bearer t":
            return web.Response(body=b"ok")
        challenge = f'Bearer realm="{request.scheme}://{request.host}/token",service="here"'
        return refusal(401, "UNAUTHORIZED", "no", WWW_Authenticate=challenge)

    async def main() -> None:
        async with scripted(answering) as here:
            auths = {"auths": {here.host: {"identitytoken": SECRET}}}
            provider = DockerConfigCredentials(environ={"DOCKER_AUTH_CONFIG": json.dumps(auths)})
            async with transport_to(here, provider) as transport:
                assert (await transport.ask(manifest(here))).body == b"ok"

    asyncio.run(main())
    assert [(each["grant_type"], each["refresh_token"], each["scope"]) for each in forms] == [
        ("refresh_token", SECRET, "repository:a/b:pull")
    ]


def test_a_shared_token_and_a_private_repository() -> None:
    """GHCR's anonymous token serves all public repositories; one that refuses it gets its own, and keeps it."""
    registry = Guarded()
    values = [base64.b64encode(f"v1:a/{name}:1".encode()).decode() for name in "bc"]

    async def answering(request: web.Request) -> web.Response:
        if request.path == "/token":
            registry.asked_for.append(request.query.getall("scope"))
            return web.json_response({"token": values[len(registry.asked_for) - 1]})
        sent = request.headers.get("Authorization", "")
        if not sent:
            return await registry(request)
        private = request.path.startswith("/v2/a/private")
        if private and sent != f"Bearer {values[1]}":
            return refusal(403, "DENIED", "not yours")
        return web.Response(body=b"ok")

    async def story(here: Scripted, transport: Transport) -> None:
        for name in ("a/b", "a/c", "a/private", "a/private", "a/d"):
            assert (await transport.ask(manifest(here, name))).body == b"ok"

    async def main() -> None:
        async with scripted(answering) as here, transport_to(here) as transport:
            await story(here, transport)

    asyncio.run(main())
    assert registry.asked_for == [["repository:a/b:pull"], ["repository:a/private:pull"]]


def test_denied_is_denied() -> None:
    """A 403 to a token of its own is not asked about again."""
    registry = Guarded()

    async def story(here: Scripted, transport: Transport) -> int:
        await transport.ask(manifest(here))
        registry.taken.clear()
        registry.status = 403
        with pytest.raises(Denied):
            await transport.ask(manifest(here))
        return len(here.asked)

    assert told(registry, story, octocat) == 4


# --- without the token endpoint


def test_direct_bearer() -> None:
    """Where the settings say so, the password goes to the registry at once, and no token is fetched."""
    registry = Guarded()
    registry.taken.add(DIRECT)

    async def story(here: Scripted, transport: Transport) -> list[str | None]:
        await asyncio.gather(*(transport.ask(manifest(here)) for _ in range(5)))
        return [each.authorization for each in here.asked]

    assert told(registry, story, octocat, direct_bearer=True) == [DIRECT] * 5


def test_direct_bearer_of_nobody() -> None:
    """Nobody's direct token is GHCR's, and goes to the default registry alone."""
    registry = Guarded()
    registry.taken.add("Bearer QQ==")

    async def main() -> None:
        async with scripted(registry) as here, scripted(registry) as other:
            async with transport_to(here, direct_bearer=True, plain_http=True) as transport:
                await transport.ask(manifest(here))
                await transport.ask(manifest(other))
            assert [each.authorization for each in here.asked] == ["Bearer QQ=="]
            assert other.asked[0].authorization is None

    asyncio.run(main())


@pytest.mark.parametrize("count", [1, 5])
def test_direct_bearer_is_turned_off(count: int) -> None:
    """A registry that refuses the direct token gets one from its endpoint, from then on."""
    registry = Guarded()

    async def story(here: Scripted, transport: Transport) -> list[str | None]:
        await asyncio.gather(*(transport.ask(manifest(here)) for _ in range(count)))
        await transport.ask(manifest(here))
        return [each.authorization for each in here.asked if not each.path.startswith("/token")]

    sent = told(registry, story, octocat, direct_bearer=True)
    assert sent.count(DIRECT) == 1
    assert sent.count("Bearer token-1") == count + 1
    assert len(registry.asked_for) == 1


@pytest.mark.parametrize(
    "challenge",
    ["", "Negotiate", 'Bearer service="no realm"'],
    ids=["none", "another scheme", "no realm"],
)
@pytest.mark.parametrize("direct", [True, False])
def test_nothing_to_answer(challenge: str, direct: bool) -> None:
    """A refusal without a challenge that can be answered is final."""
    registry = Guarded(challenge)

    async def story(here: Scripted, transport: Transport) -> int:
        with pytest.raises(Unauthorized):
            await transport.ask(manifest(here))
        return len(here.asked)

    assert told(registry, story, octocat, direct_bearer=direct) == 1


@pytest.mark.parametrize(
    ("realm", "kind"),
    [
        pytest.param("https://me:pw@storage.example/token", ProtocolError, id="with a user"),
        pytest.param("token", ProtocolError, id="relative"),
        pytest.param("http://127.0.0.1:1/token", TransportError, id="nobody there"),
    ],
)
def test_bad_realms(realm: str, kind: type[Exception]) -> None:
    """No credentials go to what is no token endpoint."""

    async def story(here: Scripted, transport: Transport) -> None:
        with pytest.raises(kind):
            await transport.ask(manifest(here))

    told(Guarded(f'Bearer realm="{realm}"'), story, octocat, max_retries=0)


# --- in the middle of an upload


def test_a_token_that_dies_while_chunks_are_sent(fake_oci: Peer) -> None:
    """A long upload in chunks outlives its token: it is renewed in the middle, and nothing is sent twice."""
    simulator = fake_oci.simulator
    assert simulator is not None
    data = bytes(range(256)) * 40

    async def main() -> None:
        async with client_for(fake_oci) as client:
            aged = []

            def age(event: Any) -> None:
                if event.done >= 2048 and not aged:
                    aged.append(event.done)
                    simulator.clock.advance(400)

            await client.upload_blob(
                "acme/app", in_pieces(data), chunk_size=1024, progress=age, digest=Digest.of(data)
            )
            assert aged
            assert await client.get_blob("acme/app", Digest.of(data)) == data

    asyncio.run(main())
    patches = [each.status for each in simulator.requests("upload.patch")]
    assert patches.count(401) == 1
    assert patches.count(202) == len(data) // 1024


def in_pieces(data: bytes) -> Any:
    """Content that can be read again, in small pieces."""

    class Pieces:
        size = len(data)
        digest = Digest.of(data)
        rewindable = True

        async def read(self, start: int = 0) -> Any:
            for at in range(start, len(data), 1024):
                yield data[at : at + 1024]

    return Pieces()


# --- scopes


async def _push(client: GhcrClient) -> None:
    await client.push_image("acme/app:v1", await Image.build([b"layer"]))


async def _stream(client: GhcrClient) -> None:
    async def pieces() -> Any:
        yield b"x"

    await client.upload_blob_streaming("acme/app", pieces())


async def _mount(client: GhcrClient) -> None:
    await client.mount_blob("acme/new", Digest.of(b"layer"), "acme/app")


PULL, PUSH, DELETE = ({f"repository:acme/app:{what}"} for what in ("pull", "pull,push", "delete"))
NONE = Digest.of(b"none")
SCOPES: dict[str, tuple[Callable[[GhcrClient], Awaitable[Any]], list[set[str]]]] = {
    "image_exists": (lambda client: client.image_exists("acme/app:v1"), [PULL]),
    "pull_manifest": (lambda client: client.pull_manifest("acme/app:v1"), [PULL]),
    "list_tags": (lambda client: client.list_tags("acme/app"), [PULL]),
    "blob_exists": (lambda client: client.blob_exists("acme/app", NONE), [PULL]),
    "get_blob": (lambda client: client.get_blob("acme/app", Digest.of(b"layer")), [PULL]),
    "list_referrers": (lambda client: client.list_referrers("acme/app:v1"), [PULL]),
    "upload_blob": (lambda client: client.upload_blob("acme/app", b"x"), [PULL, PUSH]),
    "upload_blob_streaming": (_stream, [PUSH]),
    "push_image": (_push, [PULL, PUSH]),
    "tag_image": (lambda client: client.tag_image("acme/app:v1", "v2"), [PULL, PUSH]),
    "delete_blob": (lambda client: client.delete_blob("acme/app", Digest.of(b"layer")), [DELETE]),
    "delete_image": (lambda client: client.delete_image("acme/app:v1"), [PULL, DELETE]),
    "mount_blob": (_mount, [{"repository:acme/app:pull", "repository:acme/new:pull,push"}]),
}


@pytest.mark.parametrize(("story", "wanted"), SCOPES.values(), ids=SCOPES)
def test_scopes(
    fake_ghcr: Peer,
    monkeypatch: pytest.MonkeyPatch,
    story: Callable[[GhcrClient], Awaitable[Any]],
    wanted: list[set[str]],
) -> None:
    """Each operation asks for the least that it needs, and for nothing twice."""
    asked: list[set[str]] = []

    async def fetched(ask: Any, realm: str, service: str | None, scopes: Any, *rest: Any, **more: Any) -> Any:
        asked.append(set(scopes))
        return await fetch_token(ask, realm, service, scopes, *rest, **more)

    monkeypatch.setattr(authorizer, "fetch_token", fetched)

    async def main() -> None:
        async with client_for(fake_ghcr) as client:
            await _push(client)
        asked.clear()
        async with client_for(fake_ghcr) as client:
            with contextlib.suppress(
                Unsupported
            ):  # GHCR deletes nothing, and says so after it has seen the token
                await story(client)

    asyncio.run(main())
    assert sorted(map(sorted, asked)) == sorted(map(sorted, wanted))


@pytest.mark.parametrize("password", ["", "with blank", "two\nlines"])
def test_no_token_for_the_rest_api(password: str) -> None:
    """What cannot be a token is not sent to GitHub's REST API, and not shown."""
    with pytest.raises(ConfigError, match="wants a personal access token") as caught:
        plain_bearer(Credentials("octocat", SecretStr(password)))
    assert not password or password not in str(caught.value)


def test_many_repositories() -> None:
    """What is remembered of scopes is bounded, as tokens are: a client that sees every repository does not grow."""

    async def story(here: Scripted, transport: Transport) -> None:
        for number in range(recent.MOST_KEPT + 20):
            await transport._auth.header(here.host, (pull(f"acme/app-{number}"),))
            if not number:
                await transport.ask(manifest(here, "acme/app-0"))
        host = transport._auth.host(here.host)
        assert (len(host.keys), len(host.sent)) == (recent.MOST_KEPT, recent.MOST_KEPT)
        await transport.ask(manifest(here, "acme/app-0"))

    told(Guarded(), story)
