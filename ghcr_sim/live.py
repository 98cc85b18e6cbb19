"""Judging the real registry by a cassette: has it changed since? Only reads are asked, with the caller's token.

It writes nothing and keeps nothing. Source: `reference/record-replay.md` section 5.6.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ghcr_sim.cassette.addresses import API_HOST
from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.cassette.player import Login
from ghcr_sim.exchange import Response
from ghcr_sim.judge import judge
from ghcr_sim.upstream import Upstream, UpstreamError

if TYPE_CHECKING:
    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.exchange import Body, Request
    from ghcr_sim.judge import Difference

__all__ = ["TOKEN", "judge_live"]

TOKEN = "GHCR_LIVE_TOKEN"  # noqa: S105 - a variable's name
"""The variable with the token that the real registry is asked with."""

_LIMIT = 8 << 20


async def judge_live(cassette: Cassette) -> list[Difference]:
    """Ask the real registry what was recorded, and compare.

    Args:
        cassette: The cassette; its reads are asked.

    Returns:
        For each read, how it came out.

    Raises:
        CassetteError: There is no token, or no answer.
    """
    token = os.environ.get(TOKEN)
    if not token:
        raise CassetteError(f"the real registry is asked with a token: set {TOKEN}", path=cassette.path)
    async with Upstream() as upstream:
        live = _Live(upstream, cassette)
        try:
            return await judge(cassette, live, login=Login(f"live:{token}"), reads_only=True)
        except UpstreamError as error:
            raise CassetteError(str(error), path=cassette.path) from None


class _Live:
    """The real registry, as a handler."""

    def __init__(self, upstream: Upstream, cassette: Cassette) -> None:
        self._upstream = upstream
        self._origin = cassette.header.upstream
        self._signed: dict[str, str] = {}

    async def __call__(self, request: Request, body: Body) -> Response:
        """Ask. Signed addresses are kept here, and nowhere else."""
        path = request.target.partition("?")[0]
        origin = f"https://{API_HOST}" if request.authority == API_HOST else self._origin
        url = self._signed.get(path) or f"{origin}{request.target}"
        answer = await self._upstream.send(request.method, url, request.headers.items(), body)
        data = bytearray()
        async for piece in answer.pieces():
            data += piece[: max(0, _LIMIT - len(data))]
        for name, value in answer.headers:
            if name.lower() == "location" and urlsplit(value).netloc:
                self._signed[urlsplit(value).path] = value
        return Response(answer.status, answer.headers, bytes(data), by="live")
