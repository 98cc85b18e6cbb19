"""A fake without a socket: requests and answers as plain values.

What a socket adds is tested in `test_serve.py`; what is asked here goes straight into the exchange.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ghcr_sim.assemble import Simulator
from ghcr_sim.exchange import BodyError, BytesBody, Content, Request, Response
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.oci.media import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from ghcr_sim.exchange import Body

__all__ = ["Answer", "BrokenBody", "ChunkedBody", "Fake", "basic", "body_of", "descriptor", "image"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, header fields by their lower-case names, and the whole body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        """The codes of an error body, after a look at its form (specification, section "Error Codes")."""
        assert self.headers["content-type"] == "application/json"
        document = self.json()
        assert list(document) == ["errors"]
        assert document["errors"]
        for entry in document["errors"]:
            assert {"code", "message"} <= set(entry) <= {"code", "message", "detail"}, entry
            assert entry["code"] == entry["code"].upper()
            assert entry["message"]
        return [entry["code"] for entry in document["errors"]]

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of a refusal with one entry."""
        (code,) = self.codes
        return self.status, code

    @property
    def message(self) -> str:
        """The text of a refusal's first entry."""
        return str(self.json()["errors"][0]["message"])


class ChunkedBody:
    """A body of which nobody said how long it is."""

    length = None

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def pieces(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class BrokenBody:
    """A body that ends before its end."""

    def __init__(self, *pieces: bytes, length: int | None = None) -> None:
        self._pieces = pieces
        self.length = length

    async def pieces(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        raise BodyError("the connection was lost")


def basic(secret: str, login: str = "octocat") -> str:
    """An `Authorization` that the strict profile takes."""
    return "Basic " + base64.b64encode(f"{login}:{secret}".encode()).decode()


def body_of(response: Response) -> bytes:
    """The bytes of an answer's body, whatever it is."""
    body = response.body
    return b"".join(body.source.pieces(body.start, body.stop)) if isinstance(body, Content) else body


class Fake:
    """A simulator, asked by somebody who may do everything.

    Args:
        simulator: What answers; an empty one with the strict profile if None.
    """

    def __init__(self, simulator: Simulator | None = None) -> None:
        self.simulator = simulator or Simulator("oci")
        self.authorization = basic(self.simulator.token)

    def __call__(
        self,
        method: str,
        target: str,
        body: bytes | Body = b"",
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """Ask. An `authorization` of None in `headers` asks as nobody."""
        return asyncio.run(self.ask(method, target, body, headers))

    async def ask(
        self,
        method: str,
        target: str,
        body: bytes | Body = b"",
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """As calling it, for code that is in a loop."""
        said = {"authorization": self.authorization} | dict(headers or {})
        request = Request(method, target, {key: value for key, value in said.items() if value is not None})
        answer = await self.simulator(request, BytesBody(body) if isinstance(body, bytes) else body)
        fields: dict[str, str] = {}
        for name, value in answer.headers:
            assert name == name.lower()
            assert name not in fields or name == "oci-tag", f"{name} came twice: {answer.headers}"
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
        return Answer(answer.status, fields, body_of(answer))

    # -- what most tests begin with

    def push_blob(self, repository: str, data: bytes, algorithm: str = "sha256") -> str:
        """A blob in a repository; its digest."""
        digest = digest_of(data, algorithm)
        answer = self("POST", f"/v2/{repository}/blobs/uploads/?digest={digest}", data)
        assert answer.status == 201, answer
        return digest

    def push(
        self, repository: str, reference: str, document: Any, media_type: str | None = OCI_MANIFEST
    ) -> Answer:
        """A manifest, if it is taken: a document, or bytes as they are."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = {} if media_type is None else {"content-type": media_type}
        return self("PUT", f"/v2/{repository}/manifests/{reference}", content, headers)

    def push_image(self, repository: str, reference: str, word: str = "word", **more: Any) -> str:
        """A whole image whose one layer is a word; its digest."""
        document = image(word, **more)
        for blob in (b"{}", word.encode()):
            self.push_blob(repository, blob)
        answer = self.push(repository, reference, document)
        assert answer.status == 201, answer
        return answer.headers["docker-content-digest"]

    def start(self, repository: str) -> str:
        """A new upload; its address."""
        answer = self("POST", f"/v2/{repository}/blobs/uploads/")
        assert answer.status == 202, answer
        return answer.headers["location"]

    def tags(self, repository: str) -> Iterable[str]:
        """The tags as the fake lists them."""
        tags: list[str] = self("GET", f"/v2/{repository}/tags/list").json()["tags"]
        return tags


def descriptor(data: bytes, media_type: str = OCI_LAYER) -> dict[str, Any]:
    """The descriptor of some bytes."""
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


def image(word: str = "word", **more: Any) -> dict[str, Any]:
    """An image manifest whose one layer is a word."""
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(b"{}", OCI_CONFIG),
        "layers": [descriptor(word.encode())],
        **more,
    }
