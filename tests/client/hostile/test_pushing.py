"""A push breaks off at each of its stages: in the end there is a typed error, or the registry has every byte."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest
from client.helping import client_for
from client.hostile.liar import Liar, answer
from client.hostile.lies import MANIFEST, REPO, client_of, running
from ghcr_client.digests import Digest
from ghcr_client.errors import (
    DigestMismatch,
    GhcrError,
    InvalidUpload,
    ProtocolError,
    TransportError,
)
from ghcr_client.images import Image

from ghcr_sim.errors import FaultError
from ghcr_sim.faults.rules import recorded_names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from client.hostile.liar import Wire
    from client.peers import Peer
    from ghcr_client.client import GhcrClient


BLOB = bytes(range(250)) * 1200
DIGEST = Digest.of(BLOB)
STEP = 64 * 1024

T = TypeVar("T")


class Shaky:
    """A small registry on a liar's wire that keeps what it gets and breaks off where it is told to.

    Args:
        liar: On whose wire.
        breaks: Method of the request → how it breaks: `at once` (nothing is read), `half` (in the middle of the body),
            `before` (all is read, nothing is done), `after` (it is done, and nobody is told), `error` (it is done, and
            500 is said), `denial` (nothing is done, and 500 is said).
        times: How often.
    """

    def __init__(self, liar: Liar, breaks: dict[str, str], times: int) -> None:
        self.stored: dict[str, bytes] = {}
        self.sessions: dict[str, bytes] = {}
        self.breaks = breaks
        self.left = times
        self._numbers = itertools.count()
        liar.says("*", self.act)

    async def act(self, wire: Wire) -> None:
        """Answer, or do not."""
        how = self.breaks.get(self._kind(wire), "")
        if how and self.left > 0:
            self.left -= 1
            if how == "at once":
                wire.abort()
                return
            if how == "half":
                await wire.reader.readexactly(int(wire.asked.headers.get("content-length", "1000")) // 2)
                wire.abort()
                return
            body = await self._body(wire)
            done = self._do(wire, body) if how in ("after", "error") else b""
            assert done is not None
            if how in ("error", "denial"):
                await wire.send(answer(500))
            else:
                wire.abort()
            return
        await wire.send(self._do(wire, await self._body(wire)))

    @staticmethod
    def _kind(wire: Wire) -> str:
        asked = wire.asked
        return f"{asked.method} manifest" if "/manifests/" in asked.path else asked.method

    @staticmethod
    async def _body(wire: Wire) -> bytes:
        if wire.asked.headers.get("transfer-encoding") == "chunked":
            pieces = []
            while size := int(await wire.reader.readline(), 16):
                pieces.append(await wire.reader.readexactly(size))
                await wire.reader.readline()
            await wire.reader.readline()
            return b"".join(pieces)
        return await wire.reader.readexactly(int(wire.asked.headers.get("content-length", "0")))

    def _do(self, wire: Wire, body: bytes) -> bytes:
        """What an honest registry does."""
        asked = wire.asked
        url = urlsplit(asked.target)
        name = url.path.rpartition("/")[2]
        if "/manifests/" in url.path:
            return self._manifest(asked.method, name, body)
        if asked.method == "POST":
            session = f"/up/{next(self._numbers)}"
            self.sessions[session] = b""
            return answer(202, b"", ("Location", session))
        if url.path in self.sessions:
            return self._upload(asked.method, url.path, parse_qs(url.query).get("digest", [""])[0], body)
        if name not in self.stored:
            return answer(404)
        if asked.method == "DELETE":
            del self.stored[name]
            return answer(202)
        return answer(200, b"", length=len(self.stored[name]) if asked.method == "HEAD" else 0)

    def _upload(self, method: str, session: str, digest: str, body: bytes) -> bytes:
        if method == "DELETE":
            del self.sessions[session]
            return answer(204)
        self.sessions[session] += body
        held = self.sessions[session]
        if method == "PUT":
            del self.sessions[session]
            if "sha256:" + hashlib.sha256(held).hexdigest() != digest:
                return answer(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}')
            self.stored[digest] = held
            return answer(201)
        told = (("Location", session), ("Range", f"0-{max(0, len(held) - 1)}"))
        return answer(204 if method == "GET" else 202, b"", *told)

    def _manifest(self, method: str, name: str, body: bytes) -> bytes:
        if method == "PUT":
            digest = "sha256:" + hashlib.sha256(body).hexdigest()
            self.stored[name] = self.stored[digest] = body
            return answer(201, b"", ("Docker-Content-Digest", digest))
        if name not in self.stored:
            return answer(404)
        raw = self.stored[name]
        if method == "DELETE":
            del self.stored[name]
            return answer(202)
        told = ("Docker-Content-Digest", "sha256:" + hashlib.sha256(raw).hexdigest())
        length = len(raw)
        body = b"" if method == "HEAD" else raw
        return answer(200, body, told, length=length, kind=MANIFEST.media_type)


Shaky.act.early = True  # type: ignore[attr-defined]

HOWS = ("at once", "half", "before", "after", "error", "denial")
SENDING = ("PUT", "PATCH", "PUT manifest")
BREAKS = [
    (method, how)
    for method in ("HEAD", "POST", "PUT", "PATCH", "GET")
    for how in HOWS
    if how != "half" or method in SENDING
]
WAYS: dict[str, Callable[[GhcrClient], Any]] = {
    "whole": lambda client: client.upload_blob(REPO, BLOB),
    "in chunks": lambda client: client.upload_blob(REPO, BLOB, chunk_size=STEP),
    "as a stream": lambda client: client.upload_blob_streaming(REPO, BLOB),
    "once": lambda client: client.upload_blob(REPO, _pieces()),
}


async def _pieces() -> AsyncIterator[bytes]:
    """The blob, once."""
    for at in range(0, len(BLOB), STEP):
        yield BLOB[at : at + (STEP)]


@pytest.mark.parametrize("times", [1, 2, 1000], ids=["once", "twice", "always"])
@pytest.mark.parametrize(("method", "how"), BREAKS, ids=[f"{method} {how}" for method, how in BREAKS])
def test_uploads(method: str, how: str, times: int) -> None:
    """However an upload breaks off: success says that all bytes are there, and failure that nobody could see them."""

    async def test(liar: Liar) -> None:
        for way in WAYS.values():
            for retries in (0, 3):
                shaky = Shaky(liar, {method: how}, times)
                liar.received.clear()
                async with client_of(liar, max_retries=retries) as client:
                    try:
                        await way(client)
                    except GhcrError as error:
                        assert not isinstance(error, (DigestMismatch, ProtocolError)), error  # noqa: PT017
                        if DIGEST in shaky.stored:
                            assert method == "HEAD", "the registry had it, and would have said so"
                    else:
                        assert shaky.stored[DIGEST] == BLOB
                assert len(liar.received) < 60

    running(test)


@pytest.mark.parametrize("times", [1, 1000], ids=["once", "always"])
@pytest.mark.parametrize("how", [how for how in HOWS if how != "half"])
@pytest.mark.parametrize("method", ["HEAD manifest", "PUT manifest", "GET manifest", "DELETE manifest"])
def test_manifests(method: str, how: str, times: int) -> None:
    """A manifest that was taken is a success, even if nobody said so; one that is gone was deleted."""

    async def test(liar: Liar) -> None:
        for retries in (0, 3):
            shaky = Shaky(liar, {method: how}, times)
            async with client_of(liar, max_retries=retries) as client:
                try:
                    digest = await client.push_manifest(f"{REPO}:v1", MANIFEST)
                except GhcrError:
                    assert "v1" not in shaky.stored or method == "HEAD manifest"
                else:
                    assert shaky.stored["v1"] == MANIFEST.raw
                    assert digest == MANIFEST.digest
            shaky.stored[MANIFEST.digest] = MANIFEST.raw
            shaky.left = times
            async with client_of(liar, max_retries=retries) as client:
                try:
                    await client.delete_image(f"{REPO}@{MANIFEST.digest}")
                except GhcrError:
                    # The last word of one who may not ask again is that it does not know.
                    assert MANIFEST.digest in shaky.stored or retries == 0 or times > 1
                else:
                    assert MANIFEST.digest not in shaky.stored

    running(test)


def test_blobs_deleted() -> None:
    """A deletion whose answer was lost is none that failed; where there was nothing, it fails."""

    async def test(liar: Liar) -> None:
        shaky = Shaky(liar, {"DELETE": "after"}, 1)
        shaky.stored[DIGEST] = BLOB
        async with client_of(liar) as client:
            await client.delete_blob(REPO, DIGEST)
            assert DIGEST not in shaky.stored
            with pytest.raises(GhcrError, match="404"):
                await client.delete_blob(REPO, DIGEST)

    running(test)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_success_that_is_none(status: int) -> None:
    """A PUT that is answered as no registry does, by a proxy perhaps, is believed where the content shows."""

    async def test(liar: Liar) -> None:
        async with client_of(liar, max_retries=1) as client:
            liar.says("HEAD *", answer(404))
            liar.says("GET *", answer(404))
            liar.says("POST *", answer(202, b"", ("Location", "/up")))
            liar.says(
                "PUT *", answer(status, b"<html>welcome</html>" if status != 204 else b"", kind="text/html")
            )
            liar.says("DELETE *", answer(404))
            with pytest.raises(InvalidUpload, match="does not have"):
                await client.upload_blob(REPO, BLOB)
            with pytest.raises(ProtocolError, match="does not have it"):
                await client.push_manifest(f"{REPO}:v1", MANIFEST)
            liar.says(
                f"HEAD /v2/{REPO}/manifests/v1", answer(200, b"", ("Docker-Content-Digest", MANIFEST.digest))
            )
            assert await client.push_manifest(f"{REPO}:v1", MANIFEST) == MANIFEST.digest
            liar.says(f"HEAD /v2/{REPO}/blobs/{DIGEST}", answer(404), answer(200))
            await client.upload_blob(REPO, BLOB)

    running(test)


def test_success_for_something_else() -> None:
    """A registry that takes something and calls it by another digest has not taken what was sent."""

    async def test(liar: Liar) -> None:
        async with client_of(liar) as client:
            other = ("Docker-Content-Digest", Digest.of(b"other"))
            liar.says("HEAD *", answer(404))
            liar.says("POST *", answer(202, b"", ("Location", "/up")))
            liar.says("PUT *", answer(201, b"", other))
            liar.says("DELETE *", answer(404))
            with pytest.raises(ProtocolError, match="answers for"):
                await client.upload_blob(REPO, BLOB)
            with pytest.raises(ProtocolError, match="calls it"):
                await client.push_manifest(f"{REPO}:v1", MANIFEST)

    running(test)


def test_sessions_that_lie() -> None:
    """A broken session that claims to have more than there is, or something else, is begun anew."""

    async def test(liar: Liar) -> None:
        for held in (f"0-{len(BLOB) * 2}", f"0-{len(BLOB) // 2}", "5-9", "x"):
            shaky = Shaky(liar, {"PUT": "half"}, 1)

            async def act(wire: Wire, said: str = held, honest: Any = shaky.act) -> None:
                if wire.asked.method == "GET":
                    await wire.send(answer(204, b"", ("Location", wire.asked.path), ("Range", said)))
                else:
                    await honest(wire)

            act.early = True  # type: ignore[attr-defined]
            liar.says("*", act)
            async with client_of(liar) as client:
                await client.upload_blob(REPO, BLOB)
            assert shaky.stored[DIGEST] == BLOB

    running(test)


def test_content_that_is_not_what_was_said() -> None:
    """Content with another digest, size or an end of its own is that error, and is not sent a second time."""

    async def broken() -> AsyncIterator[bytes]:
        yield BLOB[:1000]
        raise RuntimeError("the caller's own")

    async def test(liar: Liar) -> None:
        shaky = Shaky(liar, {}, 0)
        async with client_of(liar) as client:
            with pytest.raises(DigestMismatch):
                await client.upload_blob(REPO, BLOB, digest=Digest.of(b"other"))
            assert len(liar.paths("PUT")) <= 1
            with pytest.raises(RuntimeError, match="own"):
                await client.upload_blob(REPO, broken())
            with pytest.raises(RuntimeError, match="own"):
                await client.upload_blob_streaming(REPO, broken())
            assert shaky.stored == {}

    running(test)


@pytest.mark.parametrize("said", [b"", answer(401), answer(413), answer(500), answer(201)], ids=repr)
def test_answers_before_the_body(said: bytes) -> None:
    """An answer that comes while the body goes, and a connection that ends then, is a typed error."""

    async def test(liar: Liar) -> None:
        async def act(wire: Wire) -> None:
            if said:
                await wire.send(said)
                await asyncio.sleep(0.01)
            wire.abort()

        act.early = True  # type: ignore[attr-defined]
        async with client_of(liar, max_retries=1) as client:
            liar.says("HEAD *", answer(404))
            liar.says("POST *", answer(202, b"", ("Location", "/up")))
            liar.says("PUT *", act)
            liar.says("PATCH *", act)
            liar.says("*", answer(404))
            for _ in range(2):
                try:
                    # More than the sockets' buffers hold: what is in them might have been read.
                    await client.upload_blob(REPO, bytes(16 << 20))
                except GhcrError:
                    pass
                else:
                    raise AssertionError("nobody can have read it")
            with pytest.raises(GhcrError):
                await client.upload_blob(REPO, bytes(16 << 20), chunk_size=8 << 20)
            with pytest.raises(GhcrError):
                await client.upload_blob_streaming(REPO, bytes(16 << 20))

    running(test)


def test_silence() -> None:
    """An upload that nobody answers ends after its time-out."""

    async def test(liar: Liar) -> None:
        async def act(wire: Wire) -> None:
            await wire.reader.read()

        async with client_of(liar, max_retries=0, upload_timeout_secs=0.2) as client:
            liar.says("HEAD *", answer(404))
            liar.says("POST *", answer(202, b"", ("Location", "/up")))
            liar.says("PUT *", act)
            liar.says("DELETE *", answer(404))
            with pytest.raises(TransportError, match="no answer in time"):
                await client.upload_blob(REPO, BLOB)

    running(test)


# --- the fake, with failures planned

OPERATIONS = (
    "token.get",
    "manifest.get",
    "manifest.head",
    "manifest.put",
    "blob.get",
    "blob.head",
    "storage.get",
    "upload.post",
    "upload.put",
    "upload.patch",
    "tags.list",
    "referrers.list",
)
STATUSES = (400, 401, 403, 404, 405, 408, 413, 416, 429, 500, 502, 503, 504, 599)


@pytest.mark.parametrize("times", [1, None], ids=["once", "always"])
@pytest.mark.parametrize("failing", OPERATIONS)
def test_failures(fake_ghcr: Peer, failing: str, times: int | None, tmp_path: Path) -> None:
    """Whatever the fake fails with, in any way that it knows: a typed error, or a success that is true."""
    simulator = fake_ghcr.simulator
    assert simulator is not None
    simulator.seed("acme/app:v1")
    untouched = simulator.snapshot()
    plans: list[dict[str, Any]] = [{"status": status} for status in STATUSES]
    plans += [{"recorded": name} for name in recorded_names()]

    async def one(number: int, seconds: float) -> None:
        image = await Image.build([b"\0" * 10_240], config={"os": "linux", "architecture": "amd64"})
        target = tmp_path / str(number)
        async with client_for(
            fake_ghcr, max_retries=1, timeout_secs=seconds, upload_timeout_secs=seconds
        ) as client:
            pushed = await _outcome(client.push_image("acme/new:v1", image))
            pulled = await _outcome(client.pull_image("acme/app:v1", target))
            listed = await _outcome(client.list_tags("acme/app"))
            copied = await _outcome(client.copy_image("acme/app:v1", "acme/copy:v1"))
            await _outcome(client.list_referrers("acme/app:v1"))
            await _outcome(client.delete_image("acme/new:v1"))
            assert (await client.health_check()).registry == fake_ghcr.host
        simulator.faults.clear()
        async with client_for(fake_ghcr) as client:
            if pushed is not None:
                assert await client.image_size("acme/new:v1") > 0 or simulator.requests("manifest.delete")
                await client.pull_image(f"acme/new@{pushed}", tmp_path / f"{number}-new")
            if pulled is not None:
                assert (target / "blobs" / "sha256" / pulled.digest.hex).read_bytes() == pulled.raw
            if copied is not None:
                await client.pull_image("acme/copy:v1", tmp_path / f"{number}-copy")
        assert listed in (None, ["v1"])
        assert not list(tmp_path.rglob("*.tmp"))  # noqa: ASYNC240

    for number, plan in enumerate(plans):
        simulator.restore(untouched)
        try:
            simulator.fail(failing, times=times, **plan)
        except FaultError:
            continue  # the fake never saw this fail so
        asyncio.run(one(number, 0.2 if "hangs" in str(plan) else 20.0))


async def _outcome(operation: Awaitable[T]) -> T | None:
    """What it gave, or None where it failed as it may."""
    try:
        return await operation
    except GhcrError:
        return None
