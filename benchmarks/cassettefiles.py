"""Cassettes of any length to measure with, in our form and in vcrpy's: as many manifests of 1 KiB, pulled by tag.

Nothing is measured here, and no cassette is read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from requesting import MANIFEST, REPOSITORY, descriptor, image

from ghcr_sim.cassette.files import save
from ghcr_sim.cassette.model import SCHEMA, Auth, Body, Exchange, Header, Received, Sent
from ghcr_sim.cassette.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["TEMPLATE", "cassette", "same", "vcr_cassette"]

TEMPLATE = "http://registry.test"
"""The origin of vcrpy's requests: nobody is asked there."""


def _body(number: int) -> bytes:
    return image(f"image {number}").manifest


def _exchange(number: int, tag: str, body: bytes) -> Exchange:
    found = descriptor(MANIFEST, body)
    digest, size = str(found["digest"]), int(found["size"])
    headers = (
        ("content-length", str(size)),
        ("content-type", MANIFEST),
        ("docker-content-digest", digest),
        ("docker-distribution-api-version", "registry/2.0"),
        ("etag", f'"{digest}"'),
        ("date", "<date>"),
        ("x-github-request-id", "<request-id>"),
    )
    return Exchange(
        id=number,
        operation="manifest.get",
        repository=REPOSITORY,
        reference=tag,
        auth=Auth(kind="bearer"),
        request=Sent(headers=(("accept", MANIFEST),)),
        response=Received(status=200, headers=headers, body=Body(digest=digest, size=size, pooled=True)),
    )


def _saved(path: Path, tags: list[str], content: Callable[[int], bytes], *, sparse: bool = False) -> Path:
    path.parent.mkdir()
    pool, exchanges = Pool.beside(path), []
    pool.put(content(1))
    for number, tag in enumerate(tags, start=1):
        body = content(number)
        exchange = _exchange(number, tag, body)
        if exchange.response.body is not None and exchange.response.body.digest and not sparse:
            pool.path(exchange.response.body.digest).write_bytes(body)
        exchanges.append(exchange)
    save(
        path, Header(cassette=SCHEMA, tool="benchmark", recorded_at="", upstream="https://ghcr.io"), exchanges
    )
    return path


def cassette(folder: Path, count: int, *, sparse: bool = False) -> Path:
    """A cassette of that many manifests, each under a tag of its own.

    Args:
        folder: Where it goes; it must not be there.
        count: How many exchanges there are.
        sparse: Keep only the first body: whoever wants another one fails.
    """
    tags = [f"v{number}" for number in range(1, count + 1)]
    return _saved(folder / "ours.jsonl", tags, _body, sparse=sparse)


def same(folder: Path, count: int) -> Path:
    """A cassette of one request that was made that many times."""
    body = _body(1)
    return _saved(folder / "ours.jsonl", ["v1"] * count, lambda _: body)


def vcr_cassette(path: Path, count: int) -> Path:
    """The same in vcrpy's form, in JSON, which it reads far faster than YAML."""
    interactions = []
    for number in range(1, count + 1):
        exchange = _exchange(number, f"v{number}", _body(number))
        interactions.append(
            {
                "request": {
                    "method": "GET",
                    "uri": f"{TEMPLATE}/v2/{REPOSITORY}/manifests/v{number}",
                    "body": None,
                    "headers": {"Accept": [MANIFEST]},
                },
                "response": {
                    "status": {"code": 200, "message": "OK"},
                    "headers": {name: [value] for name, value in exchange.response.headers},
                    "body": {"string": _body(number).decode()},
                },
            }
        )
    path.write_text(json.dumps({"version": 1, "interactions": interactions}))
    return path
