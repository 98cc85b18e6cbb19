"""The smallest client that can log in and push: the standard library, and the same bytes for every subject.

It knows the token flow of the distribution specification and nothing of any one registry.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin, urlsplit

from measure import Failed

__all__ = [
    "CONFIG",
    "LAYER",
    "MANIFEST",
    "REPOSITORY",
    "SECRET",
    "Answer",
    "Image",
    "ask",
    "descriptor",
    "digest",
    "first_status",
    "image",
    "login",
    "push",
    "upload_url",
]

REPOSITORY = "acme/app"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SECRET = "ghp_" + "A1b2C3d4E5f6" * 3
"""A made-up classic token, of the right shape."""

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that was read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest with its config and its one layer, as bytes."""

    manifest: bytes
    config: bytes
    layer: bytes
    digests: tuple[str, str]


def ask(method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
    """One request on a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        connection.request(method, parts._replace(scheme="", netloc="").geturl(), body, headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, answer.msg, answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{method} {parts.path}: {type(error).__name__} {error}") from error
    finally:
        connection.close()


def first_status(port: int, headers: dict[str, str], timeout: float = 5) -> int | None:
    """The status of `GET /v2/`, asked on a raw socket; None where nobody listens yet."""
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    request = f"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{''.join(lines)}\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
            connection.sendall(request.encode())
            words = connection.recv(4096).split()
    except OSError:
        return None
    return int(words[1]) if len(words) > 1 else None


def login(url: str) -> dict[str, str]:
    """The headers that let a request in: a bearer got as the challenge says; none where none is asked for."""
    challenge = ask("GET", f"{url}/v2/")
    if challenge.status == 200:
        return {}
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge.headers.get("www-authenticate", "")))
    if "realm" not in fields:
        raise Failed(f"GET /v2/: {challenge.status} without a realm")
    query = urlencode({"service": fields.get("service", ""), "scope": f"repository:{REPOSITORY}:pull,push"})
    basic = base64.b64encode(f"u:{SECRET}".encode()).decode()
    answer = ask("GET", f"{url}{urlsplit(fields['realm']).path}?{query}", {"Authorization": f"Basic {basic}"})
    if answer.status != 200:
        raise Failed(f"GET of a token: {answer.status}")
    return {"Authorization": f"Bearer {json.loads(answer.body)['token']}"}


def descriptor(media: str, body: bytes) -> dict[str, str | int]:
    """How a manifest lists a blob."""
    return {"mediaType": media, "digest": digest(body), "size": len(body)}


def digest(body: bytes) -> str:
    """The sha256 digest of bytes."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def image(name: str, size: int = 1024) -> Image:
    """An image of its own for each name, whose manifest has exactly `size` bytes."""
    config = json.dumps(
        {"architecture": "amd64", "os": "linux", "author": name, "rootfs": {"type": "layers"}}
    ).encode()
    layer = name.encode().ljust(1024, b"\0")
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, config),
        "layers": [descriptor(LAYER, layer)],
        "annotations": {"org.example.padding": ""},
    }
    bare = json.dumps(document)
    document["annotations"] = {"org.example.padding": "x" * (size - len(bare))}
    return Image(json.dumps(document).encode(), config, layer, (digest(config), digest(layer)))


def upload_url(url: str, headers: dict[str, str], digest: str) -> str:
    """Begin an upload; the URL that takes the whole blob by PUT."""
    begun = ask("POST", f"{url}/v2/{REPOSITORY}/blobs/uploads/", {"Content-Length": "0", **headers})
    if begun.status != 202:
        raise Failed(f"POST of an upload: {begun.status}")
    location = urljoin(url, begun.headers["location"])
    return f"{location}{'&' if '?' in location else '?'}{urlencode({'digest': digest})}"


def push(url: str, headers: dict[str, str], what: Image, tag: str) -> None:
    """Push an image.

    Raises:
        Failed: A step was refused.
    """
    for name, body in zip(what.digests, (what.config, what.layer), strict=True):
        target = upload_url(url, headers, name)
        done = ask("PUT", target, {"Content-Type": "application/octet-stream", **headers}, body)
        if done.status != 201:
            raise Failed(f"PUT of a blob: {done.status}")
    target = f"{url}/v2/{REPOSITORY}/manifests/{tag}"
    done = ask("PUT", target, {"Content-Type": MANIFEST, **headers}, what.manifest)
    if done.status != 201:
        raise Failed(f"PUT of the manifest: {done.status}")
