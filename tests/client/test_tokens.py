"""Tokens: scopes in one form, one question for many, lives and renewals, and what no realm may answer."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from ghcr_client.auth import (
    Credentials,
    Token,
    TokenCache,
    TokenKey,
    delete,
    direct_bearer,
    fetch_token,
    merge_scopes,
    pull,
    push,
    token_key,
    validate_realm,
)
from ghcr_client.errors import (
    ConfigError,
    Denied,
    GhcrError,
    ProtocolError,
    ServerError,
    TransportError,
    Unauthorized,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

SECRET = "correct-horse-battery"
REALM = "https://ghcr.io/token"
LOGIN = Credentials("octocat", SecretStr(SECRET))
REFRESH = Credentials("", identity_token=SecretStr("refresh-me"))


# --- scopes


def test_scopes() -> None:
    """Each operation has its least scope."""
    assert pull("acme/app") == "repository:acme/app:pull"
    assert push("acme/app") == "repository:acme/app:pull,push"
    assert delete("acme/app") == "repository:acme/app:delete"


MERGED = {
    "nothing": ([], ()),
    "the same twice": ([pull("a/b"), pull("a/b")], (pull("a/b"),)),
    "actions in their order": ([delete("a/b"), push("a/b")], ("repository:a/b:pull,push,delete",)),
    "others behind them": (["repository:a/b:x,*,pull"], ("repository:a/b:pull,*,x",)),
    "a mount": ([push("b/b"), pull("a/a")], (pull("a/a"), push("b/b"))),
    "names with a port": (
        ["repository:localhost:5000/a:push", "repository:localhost:5000/a:pull"],
        ("repository:localhost:5000/a:pull,push",),
    ),
    "no actions": (["repository:a/b:"], ("repository:a/b:",)),
    "not a scope": (["openid", "a:b"], ("a:b", "openid")),
}


@pytest.mark.parametrize(("scopes", "wanted"), MERGED.values(), ids=MERGED)
def test_merged(scopes: list[str], wanted: tuple[str, ...]) -> None:
    """Equal sets of scopes have one form."""
    assert merge_scopes(*scopes) == wanted


SCOPES = st.builds(
    "{}:{}:{}".format,
    st.sampled_from(["repository", "registry"]),
    st.sampled_from(["a/b", "a/c", "h:1/a"]),
    st.lists(st.sampled_from(["pull", "push", "delete", "*"]), max_size=3).map(",".join),
) | st.text("a:,", max_size=6)


@settings(deadline=None)
@given(st.lists(SCOPES, max_size=5), st.randoms(use_true_random=False))
def test_merging_is_settled(scopes: list[str], chance: Any) -> None:
    """The order does not matter, and what was merged does not change any more."""
    merged = merge_scopes(*scopes)
    chance.shuffle(scopes)
    assert merge_scopes(*scopes) == merge_scopes(*merged) == merged


# --- realms

REALMS = {
    "GHCR's": (REALM, "https://ghcr.io/v2/", None),
    "another host": ("https://auth.docker.io/token?x=1", "https://registry-1.docker.io", None),
    "in the clear on both sides": ("http://127.0.0.1:5001/token", "http://127.0.0.1:5000/v2/", None),
    "better than the registry": ("HTTPS://a.example", "http://localhost:5000", None),
    "a downgrade": ("http://ghcr.io/token", "https://ghcr.io/v2/", TransportError),
    "a user": ("https://me:pw@ghcr.io/token", "https://ghcr.io", ProtocolError),
    "an empty user": ("https://@ghcr.io/token", "https://ghcr.io", ProtocolError),
    "relative": ("/token", "https://ghcr.io", ProtocolError),
    "no scheme": ("ghcr.io/token", "https://ghcr.io", ProtocolError),
    "no host": ("https:///token", "https://ghcr.io", ProtocolError),
    "a file": ("file:///etc/passwd", "https://ghcr.io", ProtocolError),
    "a script": ("javascript:alert(1)", "https://ghcr.io", ProtocolError),
    "empty": ("", "https://ghcr.io", ProtocolError),
    "a line break": ("https://ghcr.io/token\r\nX: 1", "https://ghcr.io", ProtocolError),
    "a blank": ("https://ghcr.io/to ken", "https://ghcr.io", ProtocolError),
    "a backslash": ("https://ghcr.io\\@evil.example/", "https://ghcr.io", ProtocolError),
    "a bad port": ("https://ghcr.io:99999/token", "https://ghcr.io", ProtocolError),
    "half an address": ("https://[::1/token", "https://ghcr.io", ProtocolError),
    "other letters": ("https://ghcr.ío/token", "https://ghcr.io", ProtocolError),
    "endless": ("https://ghcr.io/" + "a" * 10_000, "https://ghcr.io", ProtocolError),
}


@pytest.mark.parametrize(("realm", "registry", "error"), REALMS.values(), ids=REALMS)
def test_realms(realm: str, registry: str, error: type[Exception] | None) -> None:
    """A realm is a plain URL that is no less encrypted than its registry; a refusal is short and shows no secret."""
    if error is None:
        validate_realm(realm, registry)
        return
    with pytest.raises(error) as caught:
        validate_realm(realm, registry)
    assert len(str(caught.value)) < 600
    assert "me:pw" not in str(caught.value)


# --- direct bearers


def test_direct_bearer() -> None:
    """GHCR's own way: base64 of the password, `QQ==` for nobody, a registry token as it is."""
    assert direct_bearer(None) == direct_bearer(Credentials("octocat")) == "QQ=="
    assert base64.b64decode(direct_bearer(LOGIN)) == SECRET.encode()
    assert direct_bearer(Credentials(registry_token=SecretStr("as-it-is"))) == "as-it-is"
    with pytest.raises(ConfigError, match="identity token"):
        direct_bearer(REFRESH)


# --- fetching


class Realm:
    """A realm that gives prepared answers, and knows what it was asked."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, str], bytes | None]] = []

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, dict[str, str], bytes]:
        self.asked.append((method, url, dict(headers), body))
        status, content = self.answers.pop(0)
        return status, {}, content if isinstance(content, bytes) else json.dumps(content).encode()

    @property
    def methods(self) -> list[str]:
        return [each[0] for each in self.asked]


def fetched(
    realm: Realm,
    credentials: Credentials | None = None,
    *,
    url: str = REALM,
    service: str | None = "ghcr.io",
    scopes: tuple[str, ...] = (pull("a/b"),),
    clock: Callable[[], float] = lambda: 1000.0,
) -> Token:
    return asyncio.run(fetch_token(realm, url, service, scopes, credentials, clock=clock))


def test_asked_as_nobody() -> None:
    """Service and each scope are their own parameters, in their order; nobody has no Authorization and no account."""
    realm = Realm((200, {"token": "t"}))
    assert fetched(realm, scopes=(push("b/b"), pull("a/a"))).value.get_secret_value() == "t"
    ((method, url, headers, body),) = realm.asked
    assert (method, headers, body) == ("GET", {"Accept": "application/json"}, None)
    assert url.startswith(REALM + "?")
    assert parse_qsl(urlsplit(url).query) == [
        ("service", "ghcr.io"),
        ("scope", push("b/b")),
        ("scope", pull("a/a")),
    ]


def test_asked_as_somebody() -> None:
    """Credentials go as Basic in UTF-8, and nowhere into the URL."""
    realm = Realm((200, {"token": "t"}))
    fetched(realm, Credentials("octocat", SecretStr("pä:ss")))
    ((_, url, headers, _),) = realm.asked
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == "octocat:pä:ss".encode()
    assert "octocat" not in url


URLS = {
    "no query": (REALM, "ghcr.io", (), f"{REALM}?service=ghcr.io"),
    "nothing to say": (REALM, None, (), REALM),
    "an empty service": (REALM, "", (), REALM),
    "its own query stays": (f"{REALM}?a=b%20c", "s", (), f"{REALM}?a=b%20c&service=s"),
    "an empty query": (f"{REALM}?", "s", (), f"{REALM}?service=s"),
    "a fragment goes": (f"{REALM}#x?y", "s", (), f"{REALM}?service=s"),
    "what would break the query": (REALM, "a&b=c#d é", (), f"{REALM}?service=a%26b%3Dc%23d+%C3%A9"),
    "its own query ends open": (f"{REALM}?a=b&", "s", (), f"{REALM}?a=b&service=s"),
    "bytes that are no text": (REALM, "a\udcff", (), f"{REALM}?service=a%3F"),
}


@pytest.mark.parametrize(("url", "service", "scopes", "wanted"), URLS.values(), ids=URLS)
def test_urls(url: str, service: str | None, scopes: tuple[str, ...], wanted: str) -> None:
    """The realm's own query stays, and what a challenge said cannot add parameters."""
    realm = Realm((200, {"token": "t"}))
    fetched(realm, url=url, service=service, scopes=scopes)
    assert realm.asked[0][1] == wanted


def test_a_realm_that_is_no_url_is_not_asked() -> None:
    """Also without `validate_realm`, nothing is sent to what is no URL."""
    realm = Realm()
    with pytest.raises(ProtocolError, match="no URL"):
        fetched(realm, url="file:///etc/passwd")
    assert realm.asked == []


def test_registry_token() -> None:
    """A registry token is the token, for ever; nothing is asked."""
    realm = Realm()
    token = fetched(realm, Credentials(registry_token=SecretStr("as-it-is")))
    assert (token.value.get_secret_value(), token.renew_at, realm.asked) == ("as-it-is", math.inf, [])


def test_identity_token() -> None:
    """An identity token goes by the OAuth2 form, with scopes as one field, and not into any header or URL."""
    realm = Realm((200, {"access_token": "t", "refresh_token": "new"}))
    assert fetched(realm, REFRESH, scopes=(pull("a/a"), push("b/b"))).value.get_secret_value() == "t"
    ((method, url, headers, body),) = realm.asked
    assert (method, url) == ("POST", REALM)
    assert headers == {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    assert body is not None
    assert parse_qs(body.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["ghcr-client"],
        "service": ["ghcr.io"],
        "scope": [f"{pull('a/a')} {push('b/b')}"],
        "refresh_token": ["refresh-me"],
    }


@pytest.mark.parametrize("status", [400, 401, 404, 405])
def test_the_form_is_not_known(status: int) -> None:
    """Where the realm does not know the form, GET is tried, with the identity token if there is no password."""
    realm = Realm((status, b""), (200, {"token": "t"}))
    fetched(realm, REFRESH)
    assert realm.methods == ["POST", "GET"]
    assert base64.b64decode(realm.asked[1][2]["Authorization"].removeprefix("Basic ")) == b":refresh-me"


def test_the_form_is_refused() -> None:
    """Any other refusal of the form is final."""
    realm = Realm((403, {"errors": [{"code": "DENIED", "message": "denied"}]}))
    with pytest.raises(Denied):
        fetched(realm, REFRESH)
    assert realm.methods == ["POST"]


GOOD = {
    "token": {"token": "t"},
    "access_token": {"access_token": "t"},
    "both": {"token": "t", "access_token": "other"},
    "an empty one first": {"token": "", "access_token": "t"},
    "null first": {"token": None, "access_token": "t"},
}


@pytest.mark.parametrize("document", GOOD.values(), ids=GOOD)
def test_good_answers(document: dict[str, Any]) -> None:
    """The token is in either field."""
    assert fetched(Realm((200, document))).value.get_secret_value() == "t"


BAD = {
    "nothing": b"",
    "a page": f"<html>{SECRET}</html>".encode(),
    "null": b"null",
    "a list": json.dumps([SECRET]).encode(),
    "a text": json.dumps(SECRET).encode(),
    "cut": f'{{"token":"{SECRET}'.encode(),
    "no UTF-8": b'{"token":"' + SECRET.encode() + b'\xff"}',
    "UTF-16": json.dumps({"token": SECRET}).encode("utf-16"),
    "nested": b"[" * 100_000,
    "a number of many digits": b'{"token":"' + SECRET.encode() + b'","expires_in":' + b"9" * 10_000 + b"}",
    "no token": {"expires_in": 60, "x": SECRET},
    "empty": {"token": "", "access_token": ""},
    "a number": {"token": 1},
    "an object": {"token": {"x": SECRET}},
    "a line break": {"token": f"{SECRET}\r\nX-Evil: 1"},
    "a line break at the end": {"token": f"{SECRET}\n"},
    "a blank": {"token": f"{SECRET} x"},
    "a control character": {"token": f"{SECRET}\x00"},
    "other letters": {"token": f"{SECRET}é"},
    "half a character": {"token": f"{SECRET}\ud800"},
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_hostile_answers(content: Any) -> None:
    """What is no usable token is an error of the protocol that holds nothing of the answer, nor does what led to it."""
    with pytest.raises(ProtocolError) as caught:
        fetched(Realm((200, content)))
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in repr(error)
        error = error.__context__
    assert REALM in str(caught.value)


@settings(deadline=None)
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["token", "access_token", "expires_in", "x"]), inner, max_size=4
            )
        ),
        max_leaves=8,
    )
)
def test_no_answer_is_too_strange(content: Any) -> None:
    """Any answer is a token that can be sent and ends at some time, or an error of the protocol."""
    try:
        token = fetched(Realm((200, content)))
    except ProtocolError:
        return
    assert token.value.get_secret_value().isascii()
    assert 1000 + 30 <= token.renew_at <= 1000 + 24 * 3600


REFUSALS = {
    "401": (401, b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}\n', Unauthorized),
    "403": (403, b'{"errors":[{"code":"DENIED","message":"denied"}]}\n', Denied),
    "503 as a page": (503, b"<html><title>Unicorn</title></html>", ServerError),
    "204": (204, b"", GhcrError),
    "302": (302, b"", GhcrError),
}


@pytest.mark.parametrize(("status", "body", "error"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(status: int, body: bytes, error: type[Exception]) -> None:
    """What is not 200 is the exception of that refusal, and says where and what for."""
    with pytest.raises(error) as caught:
        fetched(Realm((status, body)), LOGIN)
    assert getattr(caught.value, "operation", None) == "token.get"
    assert getattr(caught.value, "url", None) == REALM


ECHOES = {
    "a token with another status": (201, json.dumps({"token": SECRET}).encode()),
    "a token in a refusal": (403, json.dumps({"token": SECRET, "message": "x"}).encode()),
    "the password": (401, json.dumps({"message": f"bad password {SECRET}!"}).encode()),
    "GHCR's form of the password": (401, b"no: " + base64.b64encode(SECRET.encode())),
    "the header": (401, b"no: " + base64.b64encode(f"octocat:{SECRET}".encode())),
}


@pytest.mark.parametrize(("status", "body"), ECHOES.values(), ids=ECHOES)
def test_a_realm_that_repeats_secrets(status: int, body: bytes) -> None:
    """A refusal that repeats a secret does not bring it into the error."""
    with pytest.raises(GhcrError) as caught:
        fetched(Realm((status, body)), LOGIN)
    said = f"{caught.value!r} {vars(caught.value)}"
    for secret in (
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(b"octocat:" + SECRET.encode()).decode(),
    ):
        assert secret not in said


def test_a_refusal_to_nobody() -> None:
    """Whoever has no credentials reads the realm's own words."""
    with pytest.raises(Denied) as caught:
        fetched(
            Realm(
                (
                    403,
                    b'{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}',
                )
            )
        )
    assert caught.value.message == "requested access to the resource is denied"


def test_a_password_that_is_quoted() -> None:
    """Also a password with quotes is cut out of a JSON text; a very short one leaves the text readable."""
    quoted = 'corr"ect\\horse'
    body = json.dumps({"message": f"bad {quoted}"}).encode()
    with pytest.raises(Unauthorized) as caught:
        fetched(Realm((401, body)), Credentials("u", SecretStr(quoted)))
    assert caught.value.message == "bad ***"
    with pytest.raises(Unauthorized) as caught:
        fetched(
            Realm((401, b'{"errors":[{"code":"X","message":"see e"}]}')), Credentials("u", SecretStr("e"))
        )
    assert caught.value.message == "see e"


LIVES = {
    "unstated": ({}, 270),
    "an hour": ({"expires_in": 3600}, 3600),
    "a fraction": ({"expires_in": 90.5}, 90.5),
    "a text": ({"expires_in": "300"}, 300),
    "too short": ({"expires_in": 5}, 60),
    "zero": ({"expires_in": 0}, 60),
    "negative": ({"expires_in": -1}, 60),
    "too long": ({"expires_in": 1e18}, 24 * 3600),
    "beyond numbers": ({"expires_in": 10**400}, 270),
    "infinite": ({"expires_in": math.inf}, 270),
    "not a number": ({"expires_in": math.nan}, 270),
    "true": ({"expires_in": True}, 270),
    "null": ({"expires_in": None}, 270),
    "words": ({"expires_in": "soon"}, 270),
    "a list": ({"expires_in": [60]}, 270),
    "issued long ago": ({"expires_in": 300, "issued_at": "1999-01-01T00:00:00Z"}, 300),
}


@pytest.mark.parametrize(("fields", "life"), LIVES.values(), ids=LIVES)
def test_lives(fields: dict[str, Any], life: float) -> None:
    """A token is renewed 30 seconds before its end, counted from before the question; nonsense is as unstated."""
    times = iter([1000.0, 5000.0])
    token = fetched(Realm((200, {"token": "t", **fields})), clock=lambda: next(times))
    assert token.renew_at == 1000 + life - 30


def test_a_token_is_not_shown() -> None:
    """No repr of a token, a key or a cache holds a secret."""
    token = Token(SecretStr(SECRET), 1.0)
    key = token_key("ghcr.io", LOGIN, [pull("a/b")])
    assert SECRET not in f"{token!r} {token} {key!r} {TokenCache()!r}"


# --- the cache

KEY = token_key("ghcr.io", LOGIN, [pull("a/b")])


class Fetch:
    """Fetches tokens, counts, and waits for permission if it is told to."""

    def __init__(self, *errors: Exception | None, value: str = "", life: float = 240.0) -> None:
        self.count = 0
        self.errors = list(errors)
        self.value = value
        self.life = life
        self.gate: asyncio.Event | None = None

    async def __call__(self) -> Token:
        self.count += 1
        count = self.count
        if self.gate is not None:
            await self.gate.wait()
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return Token(SecretStr(self.value or f"token{count}"), 1000.0 + self.life)


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(scenario: Callable[[TokenCache, Clock, Fetch], Coroutine[Any, Any, None]], **more: Any) -> None:
    """Run a scenario with an empty cache."""
    clock = Clock()
    asyncio.run(scenario(TokenCache(clock=clock, **more), clock, Fetch()))


async def started(fetch: Fetch, count: int, ask: Callable[[], Awaitable[Token]]) -> list[asyncio.Task[Token]]:
    """Several who want a token, all of whom wait."""
    fetch.gate = asyncio.Event()
    tasks = [asyncio.ensure_future(ask()) for _ in range(count)]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks  # type: ignore[return-value]


def test_keys_are_canonical() -> None:
    """Registry and scopes in any form are one key; another identity is another."""
    one = token_key("GHCR.io", LOGIN, [push("a/b"), pull("a/b")])
    assert one == token_key("ghcr.io", Credentials("octocat", SecretStr(SECRET)), [push("a/b")])
    assert one != token_key("ghcr.io", None, [push("a/b")])
    assert token_key("index.docker.io", None, []) == TokenKey("docker.io", "", ())


def test_kept_until_it_is_time() -> None:
    """A token is fetched once, and again when its time has come; another key has its own."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        first = await cache.get(KEY, fetch)
        clock.now = 1239.9
        assert await cache.get(KEY, fetch) is first
        assert await cache.get(KEY._replace(scopes=(pull("a/c"),)), fetch) is not first
        assert await cache.get(KEY._replace(identity="other"), fetch) is not first
        assert await cache.get(KEY._replace(registry="quay.io"), fetch) is not first
        clock.now = 1240
        fetch.life = 480
        assert fetch.count == 4
        assert await cache.get(KEY, fetch) is not first
        assert fetch.count == 5

    run(scenario)


def test_a_token_that_is_over_at_once() -> None:
    """A new token is given to who waits even if its time is over; it is not asked for without end."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        fetch.life = -1
        tasks = await started(fetch, 3, lambda: cache.get(KEY, fetch))
        fetch.gate.set()
        assert len(set(await asyncio.gather(*tasks))) == 1
        assert fetch.count == 1

    run(scenario)


def test_one_fetch_for_many() -> None:
    """However many wait, one asks."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        tasks = await started(fetch, 50, lambda: cache.get(KEY, fetch))
        fetch.gate.set()
        assert len(set(await asyncio.gather(*tasks))) == 1
        assert fetch.count == 1

    run(scenario)


def test_another_takes_over() -> None:
    """If the one that asks is cancelled, one that waits asks; if one that waits is cancelled, nothing else changes."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        tasks = await started(fetch, 5, lambda: cache.get(KEY, fetch))
        tasks[0].cancel()
        tasks[2].cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert fetch.count == 2
        fetch.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(each, asyncio.CancelledError) for each in results] == [
            True,
            False,
            True,
            False,
            False,
        ]
        assert results[1] is results[3] is results[4]
        assert fetch.count == 2

    run(scenario)


def test_all_are_cancelled() -> None:
    """When nobody wants it any more, nothing is left behind, and the next one asks."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        tasks = await started(fetch, 3, lambda: cache.get(KEY, fetch))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert cache._flights == {}
        fetch.gate.set()
        await cache.get(KEY, fetch)

    run(scenario)


def test_a_failure_is_everybodys_and_not_kept() -> None:
    """Who waited gets the failure; who comes later asks anew."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        error = ProtocolError("no")
        fetch.errors = [error]
        tasks = await started(fetch, 4, lambda: cache.get(KEY, fetch))
        fetch.gate.set()
        failures = await asyncio.gather(*tasks, return_exceptions=True)
        assert [(type(each), str(each)) for each in failures] == [(ProtocolError, "no")] * 4
        assert len({id(each) for each in failures}) == 4, (
            "who adds a note or a traceback adds it to their own"
        )
        assert fetch.count == 1
        await cache.get(KEY, fetch)
        assert fetch.count == 2

    run(scenario)


def test_ten_refusals_are_one_renewal() -> None:
    """Who was refused with an old token gets the new one; only the first drops it."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        old = await cache.get(KEY, fetch)

        async def refused() -> Token:
            cache.invalidate(KEY, old)
            return await cache.get(KEY, fetch)

        tasks = await started(fetch, 10, refused)
        fetch.gate.set()
        tokens = set(await asyncio.gather(*tasks))
        assert fetch.count == 2
        assert len(tokens) == 1
        assert old not in tokens
        cache.invalidate(KEY, old)
        cache.invalidate(KEY, Token(SecretStr("token2"), 1240.0))
        assert {await cache.get(KEY, fetch)} == tokens
        cache.clear()
        assert await cache.get(KEY, fetch) not in tokens

    run(scenario)


def test_bounded() -> None:
    """Of too many tokens the oldest goes."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        keys = [KEY._replace(identity=str(number)) for number in range(5)]
        for key in keys:
            await cache.get(key, fetch)
        for key in keys[2:]:
            await cache.get(key, fetch)
        assert fetch.count == 5
        await cache.get(keys[0], fetch)
        assert fetch.count == 6
        assert len(cache._tokens) == 3

    run(scenario, limit=3)


# --- GHCR's anonymous token

GHCR_TOKEN = base64.b64encode(b"v1:acme/app:1714670371292889219").decode()


def anonymous(repository: str, registry: str = "ghcr.io") -> TokenKey:
    return token_key(registry, None, [pull(repository)])


def test_one_anonymous_token_for_all_pulls() -> None:
    """GHCR's anonymous token serves each anonymous pull of its registry, and nothing else."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        fetch.value = GHCR_TOKEN
        first = await cache.get(anonymous("acme/app"), fetch)
        assert await cache.get(anonymous("acme/web"), fetch) is first
        assert await cache.get(token_key("ghcr.io", None, [pull("a/b"), pull("c/d")]), fetch) is first
        assert fetch.count == 1
        for other in (
            anonymous("acme/app", "quay.io"),
            token_key("ghcr.io", None, [push("acme/web")]),
            token_key("ghcr.io", None, []),
            token_key("ghcr.io", None, ["registry:catalog:*"]),
            token_key("ghcr.io", LOGIN, [pull("acme/web")]),
        ):
            assert await cache.get(other, fetch) is not first
        assert fetch.count == 6
        clock.now = 1240
        fetch.life = 480
        assert await cache.get(anonymous("acme/web"), fetch) is not first

    run(scenario)


def test_where_the_shared_token_does_not_work() -> None:
    """A repository that refused the shared token has its own from then on; the others keep the shared one."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        fetch.value = GHCR_TOKEN
        shared = await cache.get(anonymous("acme/app"), fetch)
        assert cache.is_shared(anonymous("acme/web"), shared)
        assert not cache.is_shared(anonymous("acme/app"), shared)
        cache.invalidate(anonymous("acme/web"), shared)
        own = await cache.get(anonymous("acme/web"), fetch)
        assert own is not shared
        assert await cache.get(anonymous("acme/web"), fetch) is own
        assert not cache.is_shared(anonymous("acme/web"), own)
        assert await cache.get(anonymous("acme/api"), fetch) is shared
        cache.invalidate(anonymous("acme/web"), own)
        assert await cache.get(anonymous("acme/web"), fetch) is not shared
        assert fetch.count == 3

    run(scenario)


def test_a_newer_shared_token_serves_those_whose_own_is_over() -> None:
    """One renewal is enough for all anonymous pulls."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        fetch.value = GHCR_TOKEN
        tasks = await started(fetch, 1, lambda: cache.get(anonymous("acme/app"), fetch))
        tasks += await started(fetch, 1, lambda: cache.get(anonymous("acme/web"), fetch))
        fetch.gate.set()
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await cache.get(anonymous("acme/app"), fetch)
        clock.now, fetch.life = 1240, 480
        new = await cache.get(anonymous("acme/app"), fetch)
        count = fetch.count
        assert await cache.get(anonymous("acme/web"), fetch) is new
        assert fetch.count == count

    run(scenario)


def test_the_shared_token_is_refused_where_it_comes_from() -> None:
    """Where the token's own repository refuses it, it is dropped for all."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        fetch.value = GHCR_TOKEN
        shared = await cache.get(anonymous("acme/app"), fetch)
        cache.invalidate(anonymous("acme/app"), shared)
        new = await cache.get(anonymous("acme/web"), fetch)
        assert new is not shared
        assert await cache.get(anonymous("acme/app"), fetch) is new
        assert fetch.count == 2

    run(scenario)


@pytest.mark.parametrize(
    "value",
    [
        "opaque",
        "QQ==",
        base64.b64encode(b"v2:acme/app:1").decode(),
        base64.b64encode(b"v1:app:1").decode(),
        base64.b64encode(b"v1:acme/app:x").decode(),
        base64.b64encode(b"ghp_x").decode(),
        "é",
    ],
)
def test_other_tokens_are_not_shared(value: str) -> None:
    """A token of any other form serves its own scope alone."""

    async def scenario(cache: TokenCache, clock: Clock, fetch: Fetch) -> None:
        fetch.value = value
        await cache.get(anonymous("acme/app"), fetch)
        await cache.get(anonymous("acme/web"), fetch)
        assert fetch.count == 2

    run(scenario)
