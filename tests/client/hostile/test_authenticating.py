"""A server lies while credentials are asked for: few questions, a typed error, and no secret goes astray."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from client.hostile.liar import Liar, answer, cut, endless, head, jsons, silent
from client.hostile.lies import MANIFEST, REPO, TOKEN, client_of, locked, manifest_path, running
from ghcr_client.errors import GhcrError, ProtocolError, TransportError, Unauthorized

if TYPE_CHECKING:
    from pathlib import Path

GOOD = answer(200, MANIFEST.raw, kind=MANIFEST.media_type)


def demand(challenge: str | bytes) -> bytes:
    """A 401 with a challenge."""
    return answer(401, b"", ("WWW-Authenticate", challenge))


def test_for_ever_401() -> None:
    """A token that is refused is renewed once; then it is an error, and the next call begins anew."""

    async def test(liar: Liar) -> None:
        async with client_of(liar, TOKEN) as client:
            locked(liar)
            for _ in range(2):
                liar.received.clear()
                with pytest.raises(Unauthorized):
                    await client.pull_manifest(f"{REPO}:v1")
                assert liar.paths("GET /token") in (["GET /token"], ["GET /token"] * 2)
                assert len(liar.received) <= 5

    running(test)


@pytest.mark.parametrize("status", [401, 403])
def test_for_ever_refused_by_the_realm(status: int) -> None:
    """A realm that refuses is asked once, and its words are in the error."""

    async def test(liar: Liar) -> None:
        async with client_of(liar, TOKEN) as client:
            locked(liar)
            liar.says(
                "GET /token", jsons({"errors": [{"code": "DENIED", "message": "not you"}]}, status=status)
            )
            with pytest.raises(GhcrError, match="not you"):
                await client.pull_manifest(f"{REPO}:v1")
            assert liar.paths() == [f"GET {manifest_path()}", "GET /token"]

    running(test)


CHALLENGES: dict[str, str | bytes] = {
    "empty": "",
    "no scheme": ',,,="x"',
    "an unknown scheme": "Negotiate YII=",
    "no realm": 'Bearer service="x"',
    "an empty realm": 'Bearer realm=""',
    "half a quote": 'Bearer realm="',
    "escapes": 'Bearer realm="\\\\\\"',
    "no letters": b'Bearer realm="\xff\xfe"',
    "a script": 'Bearer realm="javascript:alert(1)"',
    "a file": 'Bearer realm="file:///etc/passwd"',
    "relative": 'Bearer realm="/token"',
    "a user": 'Bearer realm="http://me:pw@127.0.0.1:1/token"',
    "a blank": 'Bearer realm="http://127.0.0.1:1/to ken"',
    "a bad port": 'Bearer realm="http://127.0.0.1:99999/token"',
    "port 0": 'Bearer realm="http://127.0.0.1:0/token"',
    "no address": 'Bearer realm="http://[zz]/token"',
    "a long label": f'Bearer realm="http://{"a" * 64}.example/token"',
    "an empty label": 'Bearer realm="http://a..example/token"',
    "very long": f'Bearer realm="http://127.0.0.1:1/{"a" * 7000}"',
    "many": ", ".join(["Bearer x=y"] * 500),
    "commas": "," * 7000,
}


@pytest.mark.parametrize("challenge", CHALLENGES.values(), ids=CHALLENGES)
def test_challenges(challenge: str | bytes) -> None:
    """A challenge that cannot be answered is a typed error, and the credentials are sent nowhere."""

    async def test(liar: Liar) -> None:
        async with client_of(liar, TOKEN, max_retries=1) as client:
            liar.says("*", demand(challenge))
            with pytest.raises(GhcrError):
                await client.pull_manifest(f"{REPO}:v1")
            assert len(liar.received) <= 4
            assert "authorization" not in liar.sent_to_it()
            assert (await client.health_check()).ok is False

    running(test)


TOKENS: dict[str, Any] = {
    "a line break": jsons({"token": "abc\r\nX-Evil: 1"}),
    "a control character": jsons({"token": "abc\x00"}),
    "a blank": jsons({"token": "a b"}),
    "other letters": jsons({"token": "tökén"}),
    "half a letter": answer(200, b'{"token":"\\ud800"}'),
    "a number": jsons({"token": 7}),
    "a list": jsons({"token": ["x"]}),
    "null": jsons({"token": None}),
    "empty": jsons({"token": ""}),
    "no object": answer(200, b"[]"),
    "nothing": answer(200, b""),
    "HTML": answer(200, b"<html>b3arer</html>", kind="text/html"),
    "depth": answer(200, b'{"token":' + b"[" * 100_000),
    "too long": jsons({"token": "a" * 200_000}),
    "without end": endless(),
    "a refusal without end": endless(403),
    "a token without end": endless(200, piece=b"a" * 65_536),
    "cut": cut(answer(200, b'{"token":', length=100), politely=True),
    "silence": silent(answer(200, b'{"token":', length=100)),
    "nobody": cut(b""),
    "a redirect": head(307, ("Location", "/else"), ("Content-Length", "0")),
    "500": answer(500),
    "gzip": answer(200, b"\x1f\x8b\x08\x00", ("Content-Encoding", "gzip")),
}


@pytest.mark.parametrize("act", TOKENS.values(), ids=TOKENS)
def test_tokens(act: Any) -> None:
    """What is no token is a typed error in few requests and little memory, and is sent to nobody."""

    async def test(liar: Liar) -> None:
        async with client_of(liar, TOKEN, max_retries=1, timeout_secs=0.5) as client:
            locked(liar)
            liar.says("GET /token", act)
            with pytest.raises(GhcrError) as caught:
                await client.pull_manifest(f"{REPO}:v1")
            assert "b3arer" not in str(caught.value)
            assert TOKEN not in str(caught.value)
            assert all(
                not each.headers.get("authorization", "").startswith("Bearer") for each in liar.received
            )
            assert len(liar.received) <= 8
            assert liar.sent < 64 << 20

    running(test)


def test_lives_that_make_no_sense() -> None:
    """A token's life that is no number, negative, endless or past is one to live with: no token is fetched for ever."""

    async def test(liar: Liar) -> None:
        for life in ("x", -1, 0, 1e400, "9" * 5000, None, True, [], {}, "nan", "-inf"):
            async with client_of(liar, TOKEN) as client:
                bearer = locked(liar)
                liar.says(
                    "GET /token", jsons({"token": "b3arer", "expires_in": life, "issued_at": "yesterday"})
                )
                liar.says(f"GET {manifest_path()}", demand(f'Bearer realm="{liar.url}/token"'), GOOD)
                liar.received.clear()
                for _ in range(3):
                    assert await client.pull_manifest(f"{REPO}:v1") == MANIFEST
                assert len(liar.paths("GET /token")) <= 3
                assert liar.received[-1].headers["authorization"] == bearer

    running(test)


def test_the_realm_is_elsewhere() -> None:
    """A realm on another host gets the credentials once, as Basic; what it gives goes to the registry alone."""

    async def test(liar: Liar) -> None:
        async with Liar("127.0.0.2") as other, client_of(liar, TOKEN) as client:
            bearer = locked(liar, realm=f"{other.url}/token")
            other.says("GET /token", jsons({"token": "b3arer"}))
            liar.says(f"GET {manifest_path()}", demand(f'Bearer realm="{other.url}/token"'), GOOD)
            await client.pull_manifest(f"{REPO}:v1")
            assert [each.headers["authorization"][:6] for each in other.received] == ["Basic "]
            assert liar.received[-1].headers["authorization"] == bearer
            assert "Basic" not in liar.sent_to_it()
            # What sends on from there is not followed.
            other.says("GET /token", head(302, ("Location", f"{liar.url}/steal"), ("Content-Length", "0")))
            with pytest.raises(GhcrError):
                await client.pull_manifest("acme/other:v1")
            assert "/steal" not in str(liar.paths())

    running(test)


def test_the_realm_is_inside() -> None:
    """A public registry that names a realm on a private address, or in the clear, gets no credentials sent there."""

    async def main() -> None:
        async with Liar() as inside:
            from ghcr_client.auth import StaticCredentials  # noqa: PLC0415
            from ghcr_client.client import GhcrClient  # noqa: PLC0415

            provider = StaticCredentials("octocat", TOKEN, "registry.example")
            async with GhcrClient(registry="https://registry.example", credentials=provider) as client:
                transport = client._transport

                async def lookup(host: str) -> tuple[str, ...]:
                    return ("140.82.112.33",)

                transport._guard._lookup = lookup
                transport._guard._through_proxy = False
                for realm, words in ((inside.url, "in the clear"), (f"https://{inside.host}", "private")):
                    host = transport._auth.host("registry.example")
                    await transport._auth.refused(
                        "registry.example", (), 401, [f'Bearer realm="{realm}/token"'], None
                    )
                    assert host.challenge is not None
                    with pytest.raises(TransportError, match=words):
                        await transport._auth.header("registry.example", ("repository:a/b:pull",))
            assert inside.received == []

    asyncio.run(main())


def test_many_at_once() -> None:
    """Many calls whose token dies at the same time fetch one new token, and none of them fails."""

    async def test(liar: Liar) -> None:
        async with client_of(liar, TOKEN, max_retries=0) as client:
            locked(liar)
            liar.says("GET /token", jsons({"token": "old"}), jsons({"token": "new"}))
            served = 0

            async def act(wire: Any) -> None:
                nonlocal served
                said = wire.asked.headers.get("authorization")
                served += said == "Bearer old"
                if said == "Bearer new" or (said == "Bearer old" and served == 1):
                    await wire.send(GOOD)
                else:
                    await wire.send(demand(f'Bearer realm="{liar.url}/token"'))

            liar.says(f"GET {manifest_path()}", act)
            await client.pull_manifest(f"{REPO}:v1")
            pulls = (client.pull_manifest(f"{REPO}:v1") for _ in range(8))
            assert await asyncio.gather(*pulls) == [MANIFEST] * 8
            assert len(liar.paths("GET /token")) == 2

    running(test)


def test_the_challenge_changes() -> None:
    """A registry that asks for Basic after it had given a token gets the password, as it is its own; once."""

    async def test(liar: Liar) -> None:
        async with client_of(liar, TOKEN, max_retries=0) as client:
            locked(liar)
            liar.says(
                f"GET {manifest_path()}",
                demand(f'Bearer realm="{liar.url}/token"'),
                demand('Basic realm="x"'),
            )
            for _ in range(3):
                with pytest.raises((Unauthorized, ProtocolError)):
                    await client.pull_manifest(f"{REPO}:v1")
            assert len(liar.received) <= 10

    running(test)


def test_netrc_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password in `~/.netrc` or `$NETRC` is nobody's to send."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login octocat password hunter2\ndefault login a password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says("*", demand('Basic realm="x"'))
            with pytest.raises(Unauthorized):
                await client.pull_manifest(f"{REPO}:v1")
            assert "authorization" not in liar.sent_to_it()

    running(test)
