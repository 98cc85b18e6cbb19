"""Judging the real registry by a cassette: has it changed since? Only reads are asked, with the caller's token.

A cassette comes with a project, and anybody may have written it: it does not decide where the token goes. It writes
nothing and keeps nothing. Source: `reference/record-replay.md` section 5.6.
"""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ghcr_sim.cassette.addresses import API_HOST
from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.cassette.player import Login
from ghcr_sim.exchange import Response
from ghcr_sim.journal import printable
from ghcr_sim.judge import judge
from ghcr_sim.upstream import Upstream, UpstreamError

if TYPE_CHECKING:
    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.exchange import Body, Request
    from ghcr_sim.judge import Difference

__all__ = ["GHCR", "TOKEN", "is_loopback", "judge_live"]

TOKEN = "GHCR_LIVE_TOKEN"  # noqa: S105 - a variable's name
"""The variable with the token that the real registry is asked with."""

GHCR = "https://ghcr.io"
"""The registry that the token is for, unless somebody names another one."""

_LIMIT = 8 << 20


async def judge_live(cassette: Cassette, upstream: str = GHCR) -> list[Difference]:
    """Ask the real registry what was recorded, and compare.

    Args:
        cassette: The cassette; its reads are asked.
        upstream: The origin that the token may go to; the cassette has to be of that one.

    Returns:
        For each read, how it came out.

    Raises:
        CassetteError: The cassette is of another registry, there is no token where it was recorded with a login, or no
            answer.
    """
    _check_origin(cassette, upstream)
    token = os.environ.get(TOKEN)
    if not token and _brings_login(cassette):
        raise CassetteError(f"the real registry is asked with a token: set {TOKEN}", path=cassette.path)
    login = Login(f"live:{token}") if token else Login()
    async with Upstream() as way:
        live = _Live(way, upstream)
        try:
            return await judge(cassette, live, login=login, reads_only=True)
        except UpstreamError as error:
            raise CassetteError(str(error), path=cassette.path) from None


def _brings_login(cassette: Cassette) -> bool:
    """Whether somebody logged in when it was recorded: with a password, or a token that the registry did not give."""
    kinds = {each.auth.kind for each in cassette.exchanges}
    fetched = any(each.operation == "token.get" for each in cassette.exchanges)
    return "basic" in kinds or ("bearer" in kinds and not fetched)


def _check_origin(cassette: Cassette, upstream: str) -> None:
    """Refuse to send the token where nobody has said that it may go, or where all can read it."""
    recorded = printable(cassette.header.upstream)
    if recorded != upstream:
        raise CassetteError(
            f"it is of {recorded}, and {TOKEN} goes to {upstream} only",
            path=cassette.path,
            line=1,
            remedy=f"if the token may go there, say so: --upstream {recorded}",
        )
    parts = urlsplit(upstream)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise CassetteError(
            f"{upstream} would be sent {TOKEN} in the open", remedy="use its https:// address"
        )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: its name or an address of it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Live:
    """The real registry, as a handler. What stands in a cassette is a path there, and no other place."""

    def __init__(self, upstream: Upstream, origin: str) -> None:
        self._upstream = upstream
        self._origin = origin
        self._signed: dict[str, str] = {}

    async def __call__(self, request: Request, body: Body) -> Response:
        """Ask. Signed addresses are kept here, and nowhere else; they are credentials enough."""
        path = request.target.partition("?")[0]
        signed = self._signed.get(path)
        dropped = set() if signed is None else {"authorization"}
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in dropped]
        answer = await self._upstream.send(request.method, signed or self._url(request), headers, body)
        data = bytearray()
        async for piece in answer.pieces():
            data += piece[: max(0, _LIMIT - len(data))]
        for name, value in answer.headers:
            if name.lower() == "location" and urlsplit(value).netloc:
                self._signed[urlsplit(value).path] = value
        return Response(answer.status, answer.headers, bytes(data), by="live")

    def _url(self, request: Request) -> str:
        """Where a request goes: GitHub's API is ghcr.io's only."""
        origin = f"https://{API_HOST}" if request.authority == API_HOST else self._origin
        if not request.target.startswith("/") or (request.authority == API_HOST and self._origin != GHCR):
            raise CassetteError("what it asks for is at no place that the token may go to")
        return f"{origin}{request.target}"
