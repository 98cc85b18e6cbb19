"""A server points elsewhere: redirects, links to a next page, places of an upload. Credentials stay at home."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from client.hostile.liar import Liar, answer, cut, endless, head, jsons
from client.hostile.lies import (
    BLOB,
    DIGEST,
    REPO,
    TOKEN,
    blob_path,
    client_of,
    locked,
    manifest_path,
    running,
)
from ghcr_client.documents import next_page
from ghcr_client.errors import GhcrError, ManifestUnknown, ProtocolError, TransportError
from ghcr_client.redirects import RedirectGuard
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Callable

TAGS = f"/v2/{REPO}/tags/list"
UPLOADS = f"/v2/{REPO}/blobs/uploads/"


def to(location: str | bytes, status: int = 307) -> bytes:
    """A redirect."""
    return head(status, ("Location", location), ("Content-Length", "0"))


NOWHERE: dict[str, str | bytes] = {
    "empty": "",
    "a file": "file:///etc/passwd",
    "a script": "javascript:alert(1)",
    "data": "data:application/json,{}",
    "ftp": "ftp://127.0.0.1/x",
    "a unix socket": "http+unix://%2Fvar%2Frun%2Fdocker.sock/x",
    "a user": "http://me:pw@127.0.0.1:1/x",
    "an empty user": "http://@127.0.0.1:1/x",
    "a bad port": "http://127.0.0.1:99999/x",
    "no port": "http://127.0.0.1:x/",
    "half an address": "http://[::1/x",
    "no address": "http://[zz]/x",
    "a backslash": "http://127.0.0.1\\@127.0.0.1:1/",
    "a blank": "/v2/a b",
    "a blank in the host": "http://127.0.0.1 :1/",
    "a tab": "/v2/a\tb",
    "other letters": "/v2/é",
    "other letters in the host": "http://é.example/",
    "no letters": b"/v2/\xff\xfe",
    "DEL": b"/v2/\x7f",
    "a long label": "http://" + "a" * 64 + ".example/",
    "an empty label": "http://a..example/",
    "a long name": "http://" + "a." * 200 + "example/",
}


@pytest.mark.parametrize("location", NOWHERE.values(), ids=NOWHERE)
def test_redirects_to_nowhere(location: str | bytes) -> None:
    """A place that is none is a typed error for whoever follows, and nothing is sent there."""

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says("*", to(location))
            for operation in (
                client.pull_manifest(f"{REPO}:v1"),
                client.get_blob(REPO, DIGEST),
                client.list_tags(REPO),
            ):
                with pytest.raises((ProtocolError, TransportError)):
                    await operation
        assert {each.path for each in liar.received} == {manifest_path(), blob_path(), TAGS}

    running(test)


@pytest.mark.parametrize("location", NOWHERE.values(), ids=NOWHERE)
@pytest.mark.parametrize("stage", ["POST", "PATCH"])
def test_uploads_to_nowhere(location: str | bytes, stage: str) -> None:
    """An upload whose next place is none is a typed error. A PATCH without a place goes on where it was."""

    async def test(liar: Liar) -> None:
        async with client_of(liar, max_retries=1) as client:
            liar.says(f"HEAD {blob_path()}", answer(404))
            liar.says("POST *", answer(202, b"", ("Location", location if stage == "POST" else "/up")))
            liar.says("PATCH *", answer(202, b"", ("Location", location)))
            liar.says("PUT *", answer(201))
            liar.says("DELETE *", answer(204))
            if stage == "PATCH" and not location:
                await client.upload_blob(REPO, BLOB, chunk_size=len(BLOB))
                return
            with pytest.raises((ProtocolError, TransportError)):
                await client.upload_blob(REPO, BLOB, chunk_size=len(BLOB))
            assert not liar.paths("PUT")

    running(test)


def test_no_place_at_all() -> None:
    """Redirects and uploads without `Location` are typed errors."""

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says("*", answer(307))
            liar.says(f"HEAD {blob_path()}", answer(404))
            liar.says("POST *", answer(202))
            with pytest.raises(ProtocolError, match="leads nowhere"):
                await client.pull_manifest(f"{REPO}:v1")
            with pytest.raises(ProtocolError, match="leads nowhere"):
                await client.upload_blob(REPO, BLOB)

    running(test)


def test_endless_redirects() -> None:
    """Redirects are followed five times, also when two hosts play ball, and when each body has no end."""

    async def test(liar: Liar) -> None:
        async with Liar("127.0.0.2") as other, client_of(liar, TOKEN) as client:
            bearer = locked(liar)
            count = 0

            async def further(wire: Any) -> None:
                nonlocal count
                count += 1
                await wire.send(to(f"/more/{count}?sig=S1GNED"))

            liar.says("*", further)
            with pytest.raises(ProtocolError, match="more than 5 times"):
                await client.pull_manifest(f"{REPO}:v1")
            assert len(liar.received) == 6
            locked(liar, bearer.rpartition(" ")[2])
            liar.says(f"GET {manifest_path()}", to(other.url + "/ball", 302))
            other.says("*", to(liar.url + manifest_path(), 301))
            with pytest.raises(ProtocolError, match="more than 5 times"):
                await client.pull_manifest(f"{REPO}:v1")
            assert len(other.received) == 3
            assert "authorization" not in other.sent_to_it()
            liar.says(f"GET {manifest_path()}", endless(307, ("Location", "/v2/")))
            liar.says("GET /v2/", endless(307, ("Location", manifest_path())))
            with pytest.raises(ProtocolError, match="more than 5 times"):
                await client.pull_manifest(f"{REPO}:v1")
            assert liar.sent < 64 << 20

    running(test)


def test_writes_are_not_sent_on() -> None:
    """A redirect of a POST, PUT, PATCH or DELETE is not followed: the body and the right to write stay here."""

    async def test(liar: Liar) -> None:
        async with Liar("127.0.0.2") as other, client_of(liar) as client:
            liar.says(f"HEAD {blob_path()}", answer(404))
            liar.says("POST *", to(other.url))
            with pytest.raises(GhcrError, match="307"):
                await client.upload_blob(REPO, BLOB)
            liar.says("POST *", answer(202, b"", ("Location", "/up")))
            liar.says("PUT *", to(other.url))
            liar.says("DELETE *", to(other.url))
            with pytest.raises(GhcrError, match="307"):
                await client.upload_blob(REPO, BLOB)
            with pytest.raises(GhcrError, match="307"):
                await client.delete_blob(REPO, DIGEST)
            assert other.received == []

    running(test)


def test_credentials_stay_at_home() -> None:
    """Neither a redirect nor an upload's place takes `Authorization`, cookies or tokens to another host or port."""

    async def test(liar: Liar) -> None:
        async with Liar("127.0.0.2") as other, client_of(liar, TOKEN) as client:
            bearer = locked(liar)
            challenge = ("WWW-Authenticate", f'Bearer realm="{liar.url}/token"')
            away = to(f"{other.url}/blob?sig=S1GNED")
            liar.says(f"GET {blob_path()}", answer(401, b"", challenge), away)
            other.says("GET /blob", answer(200, BLOB, ("Set-Cookie", "crumb=1; Path=/")))
            assert await client.get_blob(REPO, DIGEST) == BLOB
            assert await client.get_blob(REPO, DIGEST) == BLOB
            # The storage host may demand what it likes.
            other.says("GET /blob", answer(401, b"", ("WWW-Authenticate", f'Basic realm="{other.url}"')))
            with pytest.raises(GhcrError):
                await client.get_blob(REPO, DIGEST)
            other.says(
                "GET /blob", answer(401, b"", ("WWW-Authenticate", f'Bearer realm="{other.url}/token"'))
            )
            with pytest.raises(GhcrError):
                await client.get_blob(REPO, DIGEST)
            liar.says(f"HEAD {blob_path()}", answer(404))
            liar.says("POST *", answer(202, b"", ("Location", f"{other.url}/up?_state=S1GNED")))
            other.says(
                "PATCH *", answer(202, b"", ("Location", f"{other.url}/up2"), ("Range", f"0-{len(BLOB) - 1}"))
            )
            other.says("PUT *", answer(201, b"", ("Set-Cookie", "crumb=2; Path=/")))
            await client.upload_blob(REPO, BLOB)
            await client.upload_blob(REPO, BLOB, chunk_size=len(BLOB))
            for said in ("authorization", "cookie", TOKEN, bearer, "Basic"):
                assert said not in other.sent_to_it()
            assert other.paths("PUT") == ["PUT /up", "PUT /up2"]
            assert {each.headers["authorization"] for each in liar.received if each.method == "POST"} == {
                bearer
            }

    running(test)


def test_cookies_are_not_kept() -> None:
    """What a server sets as cookie never comes back to it, as badly as it may be written."""

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says("*", jsons({"tags": []}, ("Set-Cookie", "a=b; Path=/"), ("Set-Cookie", "=;;\x80=,")))
            for _ in range(2):
                await client.list_tags(REPO)
            assert all("cookie" not in each.headers for each in liar.received)

    running(test)


@pytest.mark.parametrize("kind", ["manifest", "upload"])
def test_downgrades(kind: str) -> None:
    """From https nobody is sent to http, neither by a redirect nor by an upload's place."""
    guard = RedirectGuard(lookup=_addresses({}))
    with pytest.raises(TransportError, match="https to http") as caught:
        asyncio.run(guard.check(URL("https://ghcr.io/x"), URL("http://ghcr.io/x?sig=S1GNED")))
    assert not caught.value.is_temporary
    assert "S1GNED" not in str(caught.value)


def _addresses(known: dict[str, str]) -> Callable[[str], Any]:
    """A lookup that knows some names, and counts nothing else."""

    async def lookup(host: str) -> tuple[str, ...]:
        return tuple(filter(None, known.get(host, "").split()))

    return lookup


INSIDE = {
    "a loopback address": "127.0.0.1",
    "another one": "127.8.8.8",
    "a short one": "127.1",
    "a number": "2130706433",
    "an octal one": "0177.0.0.1",
    "a private one": "10.0.0.1",
    "another private one": "192.168.1.1",
    "the cloud's own": "169.254.169.254",
    "nobody's": "0.0.0.0",
    "carrier-grade": "100.64.0.1",
    "IPv6": "[::1]",
    "IPv6 of IPv4": "[::ffff:127.0.0.1]",
    "IPv6, unique local": "[fd00::1]",
    "IPv6, link-local": "[fe80::1]",
    "localhost": "localhost",
    "below localhost": "a.localhost",
    "with a dot": "localhost.",
    "a name": "inside.example",
    "one of its addresses": "half.example",
    "an internal name": "metadata.google.internal",
}
KNOWN = {
    "127.1": "127.0.0.1",
    "2130706433": "127.0.0.1",
    "0177.0.0.1": "127.0.0.1",
    "localhost.": "127.0.0.1",
    "inside.example": "10.0.0.1",
    "half.example": "140.82.112.33 10.0.0.1",
    "ghcr.io": "140.82.112.33",
    "storage.example": "185.199.108.154",
}


@pytest.mark.parametrize("host", INSIDE.values(), ids=INSIDE)
def test_from_public_to_private(host: str) -> None:
    """A public registry sends nobody to a private address, however it is written."""
    guard = RedirectGuard(lookup=_addresses(KNOWN))
    with pytest.raises(TransportError, match="private") as caught:
        asyncio.run(guard.check(URL("https://ghcr.io/x"), URL(f"https://{host}/x")))
    assert not caught.value.is_temporary
    asyncio.run(guard.check(URL("https://127.0.0.1/x"), URL(f"https://{host}/x")))


def test_from_public_to_public() -> None:
    """Storage on another public host is fine, and so is a name that has no address: connecting will tell."""
    guard = RedirectGuard(lookup=_addresses(KNOWN))
    for host in ("storage.example", "nobody.example", "140.82.112.33", "[2606:50c0:8000::154]"):
        asyncio.run(guard.check(URL("https://ghcr.io/x"), URL(f"https://{host}/x")))


def test_names_that_cannot_be_looked_up() -> None:
    """A name that no resolver takes has no address; it does not raise."""
    guard = RedirectGuard()
    for host in ("a" * 64 + ".example", "a..example", "x" * 300):
        asyncio.run(guard.check(URL("https://140.82.112.33/x"), URL(f"https://{host}/", encoded=True)))


# --- links

LINKS: dict[str, tuple[str | bytes, type[GhcrError] | None]] = {
    "another host": ('<http://127.0.0.2:1/v2/x>; rel="next"', ProtocolError),
    "another port": ('<http://127.0.0.1:1/v2/x>; rel="next"', ProtocolError),
    "another scheme": ('<https://127.0.0.1/v2/x>; rel="next"', ProtocolError),
    "no scheme": ('<//127.0.0.2:1/v2/x>; rel="next"', ProtocolError),
    "a script": ('<javascript:alert(1)>; rel="next"', ProtocolError),
    "a file": ('<file:///etc/passwd>; rel="next"', ProtocolError),
    "a user": ('<http://a:b@127.0.0.1/>; rel="next"', ProtocolError),
    "a blank": ('</v2/a b>; rel="next"', ProtocolError),
    "no letters": (b'</v2/\xff>; rel="next"', ProtocolError),
    "another relation": ('<javascript:alert(1)>; rel="prev"', None),
    "no brackets": ('http://127.0.0.2:1/; rel="next"', None),
    "half a bracket": ('<http://127.0.0.2:1/; rel="next"', None),
    "empty": ("", None),
    "empty brackets": ('<>; rel="next"', None),
    "commas": ("," * 5000, None),
    "semicolons": ("<x>" + ";" * 5000, None),
    "blanks": ("<x>; rel=" + " " * 5000 + "x", None),
    "gaps": ("<x>" + "; a  " * 1000 + "!", None),
    "quotes": ("<x>; rel=" + '"' * 5000, None),
}


@pytest.mark.parametrize(("link", "error"), LINKS.values(), ids=LINKS)
def test_links(link: str | bytes, error: type[GhcrError] | None) -> None:
    """A link leads to another page of this registry, to nothing, or is a typed error; nobody else is asked."""

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says("*", jsons({"tags": ["a"]}, ("Link", link)))
            if error is None:
                assert await client.list_tags(REPO) == ["a"]
            else:
                with pytest.raises(error):
                    await client.list_tags(REPO)
            assert len(liar.received) == 1

    running(test)


def test_links_take_no_time() -> None:
    """However a link is written, reading it takes time that grows with its length, and not with its gaps' product.

    No clock is asked: with the pattern that it was once, this would take years.
    """
    for gap in ("; a  ", ";  a = ", '; a="b"  ', ", <x>;  a  ", ";\t\t; a  "):
        assert next_page(URL("http://127.0.0.1/x"), "<x>" + gap * 1600 + "!") is None


def test_links_without_end() -> None:
    """A list that links to itself ends; one that always has something new ends at ten thousand pages."""

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says("*", jsons({"tags": ["a", "b"]}, ("Link", f'<{TAGS}>; rel="next"')))
            assert await client.list_tags(REPO) == ["a", "b"]
            assert len(liar.received) == 2
            page = 0

            async def further(wire: Any) -> None:
                nonlocal page
                page += 1
                await wire.send(jsons({"tags": [f"v{page}"]}, ("Link", f'<{TAGS}?last=v{page}>; rel="next"')))

            liar.received.clear()
            liar.says("*", further)
            with pytest.raises(ProtocolError, match="10000 pages"):
                await client.list_tags(REPO)
            assert len(liar.received) == 10_000

    running(test)


# --- chunks


def test_chunks_that_are_nibbled_at() -> None:
    """A registry that takes a chunk byte by byte is given up; one that takes it in two parts is not."""
    data = bytes(range(200))

    def taking(step: int) -> Any:
        held = 0

        async def act(wire: Any) -> None:
            nonlocal held
            held += min(step, len(wire.asked.body))
            await wire.send(answer(202, b"", ("Location", "/up"), ("Range", f"0-{held - 1}")))

        return act

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says("HEAD *", answer(404))
            liar.says("POST *", answer(202, b"", ("Location", "/up"), ("OCI-Chunk-Min-Length", "9" * 5000)))
            liar.says("PUT *", answer(201))
            liar.says("DELETE *", answer(204))
            liar.says("PATCH *", taking(150))
            await client.upload_blob(REPO, data, chunk_size=200)
            assert [each.headers["content-range"] for each in liar.received if each.method == "PATCH"] == [
                "0-199",
                "150-199",
            ]
            liar.received.clear()
            liar.says("PATCH *", taking(2))
            with pytest.raises(ProtocolError, match="in more than"):
                await client.upload_blob(REPO, data, chunk_size=200)
            assert len(liar.received) < 40

    running(test)


@pytest.mark.parametrize("said", ["0.001 KiB", "0 MB", "1 KB", "99999999 GiB"])
def test_limits_that_make_no_sense(said: str) -> None:
    """A registry that wants chunks of some bytes gets none: a blob would take more requests than anybody has time."""

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says("HEAD *", answer(404))
            liar.says("POST *", answer(202, b"", ("Location", "/up")))
            refusal = {"errors": [{"code": "SIZE_INVALID", "message": f"more than the limit of {said}"}]}
            liar.says("PATCH *", jsons(refusal, status=416))
            liar.says("PUT *", jsons(refusal, status=413))
            with pytest.raises(GhcrError):
                await client.upload_blob(REPO, BLOB)
            assert len(liar.received) < 30

    running(test)


# --- waits


WAITS = {
    "an hour": answer(429, b"", ("Retry-After", "3600")),
    "for ever": answer(429, b"", ("Retry-After", "9999999999")),
    "beyond the calendar": answer(429, b"", ("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")),
    "in GHCR's words": jsons(
        {"errors": [{"code": "TOOMANYREQUESTS", "message": "retry-after: 999999999999h, allowed: 1/hour"}]},
        status=429,
    ),
    "by a limit": answer(429, b"", ("RateLimit-Limit", "1;w=99999999"), ("RateLimit-Remaining", "0")),
    "by a huge limit": answer(429, b"", ("RateLimit-Limit", "9" * 5000), ("RateLimit-Remaining", "9" * 5000)),
    "none": answer(503, b"", ("Retry-After", "-7")),
    "nonsense": answer(503, b"", ("Retry-After", "\u0661")),
}


@pytest.mark.parametrize("act", WAITS.values(), ids=WAITS)
def test_waits(act: bytes) -> None:
    """No server makes a client wait for longer than some minutes, whatever it says."""

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            liar.says("*", act)
            for _ in range(4):
                with pytest.raises(GhcrError):
                    await client.pull_manifest(f"{REPO}:v1")
            assert max(client._transport.clock.slept, default=0) <= 150
            assert sum(client._transport.clock.slept) <= 2000

    running(test)


def test_missing_everywhere() -> None:
    """Answers without any header field are errors, or are read as far as they can be."""

    async def test(liar: Liar) -> None:
        async with client_of(liar, max_retries=1) as client:
            for status in (
                200,
                201,
                202,
                204,
                206,
                301,
                303,
                307,
                400,
                401,
                403,
                404,
                405,
                409,
                413,
                416,
                429,
                500,
            ):
                liar.says("*", cut(head(status), politely=True))
                for operation in (
                    lambda: client.pull_manifest(f"{REPO}:v1"),
                    lambda: client.get_blob(REPO, DIGEST),
                    lambda: client.list_tags(REPO),
                    lambda: client.upload_blob(REPO, b"x"),
                    lambda: client.upload_blob(REPO, b"x", chunk_size=1),
                    lambda: client.mount_blob(REPO, DIGEST, "acme/other"),
                    lambda: client.delete_blob(REPO, DIGEST),
                    lambda: client.list_referrers(f"{REPO}@{DIGEST}"),
                ):
                    try:
                        await operation()
                    except ManifestUnknown:
                        assert status in (303, 404)
                    except GhcrError:
                        pass

    running(test)
