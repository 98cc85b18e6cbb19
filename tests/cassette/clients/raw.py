"""HTTP said by hand, to be wrong in one thing at a time."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cassette.clients.stage import Way

__all__ = [
    "CONFIG",
    "LAYER",
    "MANIFEST",
    "TYPE",
    "Said",
    "ask",
    "bearer",
    "cut_short",
    "digest",
    "push",
    "put",
    "upload",
]

TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG, LAYER = b"{}", bytes(range(256)) * 8


def digest(data: bytes) -> str:
    """The digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _descriptor(data: bytes, media_type: str) -> dict[str, str | int]:
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": TYPE,
        "config": _descriptor(CONFIG, "application/vnd.oci.image.config.v1+json"),
        "layers": [_descriptor(LAYER, "application/vnd.oci.image.layer.v1.tar")],
    }
).encode()


class Said(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The error's code."""
        return str(json.loads(self.body)["errors"][0]["code"])


def ask(
    way: Way,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Said:
    """Say one request; nothing is followed."""
    parts = urlsplit(target)
    connection = http.client.HTTPConnection(parts.netloc or way.host, timeout=20)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, path, body=body, headers=dict(headers or {}))
    answer = connection.getresponse()
    said = Said(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    connection.close()
    return said


def bearer(way: Way, actions: str = "pull,push") -> dict[str, str]:
    """The header of who has fetched a token."""
    login = b64encode(f"octocat:{way.token}".encode()).decode()
    target = f"/token?service=ghcr.io&scope=repository:acme/app:{actions}"
    said = ask(way, "GET", target, {"authorization": f"Basic {login}"})
    assert said.status == 200, said
    return {"authorization": f"Bearer {json.loads(said.body)['token']}"}


def upload(way: Way, auth: Mapping[str, str], data: bytes, named: str | None = None) -> Said:
    """Upload a blob in two steps; the end of it."""
    opened = ask(way, "POST", "/v2/acme/app/blobs/uploads/", {**auth, "content-length": "0"})
    assert opened.status == 202, opened
    place = opened.headers["location"]
    sent = ask(way, "PATCH", place, {**auth, "content-type": "application/octet-stream"}, data)
    assert sent.status == 202, sent
    end = f"{sent.headers['location']}?digest={named or digest(data)}"
    return ask(way, "PUT", end, {**auth, "content-length": "0"})


def push(way: Way, auth: Mapping[str, str]) -> Said:
    """Push an image of one layer; what came of its manifest."""
    for data in (CONFIG, LAYER):
        assert upload(way, auth, data).status == 201
    return put(way, auth)


def put(way: Way, auth: Mapping[str, str]) -> Said:
    """Push the manifest alone."""
    return ask(way, "PUT", "/v2/acme/app/manifests/v1", {**auth, "content-type": TYPE}, MANIFEST)


def cut_short(
    way: Way, request: tuple[str, str], headers: Mapping[str, str], data: bytes, *, length: int
) -> None:
    """Announce so many bytes, send fewer, and hang up; `request` is method and target."""
    host, _, port = way.host.rpartition(":")
    lines = [f"{' '.join(request)} HTTP/1.1", f"host: {way.host}", f"content-length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
