"""A registry of a few lines: what it answers is a function of the test, and what it was asked is kept.

It runs in the test's own loop. Where answers have to break HTTP, `hostile.liar` is the better one.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from client.helping import QuickClock
from ghcr_client.auth import Anonymous
from ghcr_client.metrics import NoMetrics
from ghcr_client.settings import GhcrConfig
from ghcr_client.transport import Call, Transport

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ghcr_client.auth import CredentialProvider

    Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]

__all__ = ["Scripted", "Told", "call", "refusal", "scripted", "transport_to"]


@dataclass(slots=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")


@dataclass(slots=True)
class Scripted:
    """What a scripted registry is.

    Attributes:
        url: Where it is.
        host: Name and port.
        asked: What it was asked, in order.
    """

    url: str = ""
    host: str = ""
    asked: list[Asked] = field(default_factory=list)

    def count(self, path: str) -> int:
        """How often something below a path was asked for."""
        return sum(each.path.startswith(path) for each in self.asked)

    @property
    def connections(self) -> int:
        """How many connections brought all of it."""
        return len({each.port for each in self.asked})


@contextlib.asynccontextmanager
async def scripted(
    answering: Answering, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[Scripted]:
    """Run a registry whose answers a function makes."""
    here = Scripted()

    async def answer(request: web.Request) -> web.StreamResponse:
        peer = request.transport.get_extra_info("peername") if request.transport else ("", 0)
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        here.asked.append(Asked(request.method, request.path_qs, headers, body, peer[1]))
        return await answering(request)

    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context)
    await site.start()
    here.host = f"127.0.0.1:{runner.addresses[0][1]}"
    here.url = f"{'https' if ssl_context else 'http'}://{here.host}"
    try:
        yield here
    finally:
        await runner.cleanup()


def refusal(status: int, code: str = "", message: str = "", **headers: str) -> web.Response:
    """A refusal in the specification's form."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    errors = {"errors": [{"code": code, "message": message}]} if code else {}
    return web.json_response(errors, status=status, headers=fields)


class Told(NoMetrics):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, int]] = []
        self.errors: list[str] = []
        self.remaining: list[float] = []
        self.tokens = 0

    def request(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append((method, endpoint, status))

    def error(self, kind: str) -> None:
        self.errors.append(kind)

    def rate_limit_remaining(self, value: float) -> None:
        self.remaining.append(value)

    def token_refreshed(self) -> None:
        self.tokens += 1


def transport_to(
    here: Scripted, credentials: CredentialProvider | None = None, *, metrics: Any = None, **settings: Any
) -> Transport:
    """A transport whose default registry is a scripted one, in time that does not pass."""
    config = GhcrConfig(**{"registry": here.url, **settings})
    return Transport(config, credentials or Anonymous(), metrics=metrics or Told(), clock=QuickClock())


def call(here: Scripted, target: str = "/v2/a/b/manifests/v1", **more: Any) -> Call:
    """A call of a scripted registry."""
    told: dict[str, Any] = {
        "operation": "manifest.get",
        "method": "GET",
        "registry": here.host,
        "target": target,
    }
    return Call(**{**told, **more})
