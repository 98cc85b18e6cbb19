"""Nothing that a failing client says or hands out shows a secret: logs, errors, chains, reprs, spans, metrics."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from client.helping import client_for
from client.hostile.liar import Liar, answer, cut, endless, head, jsons, reflecting, silent
from client.hostile.lies import (
    BLOB,
    DIGEST,
    MANIFEST,
    REPO,
    TOKEN,
    client_of,
    locked,
    manifest_path,
    running,
)
from ghcr_client.auth import ChainCredentials, Credentials, EnvironmentCredentials, StaticCredentials
from ghcr_client.calls import Answer, Call
from ghcr_client.client import GhcrClient
from ghcr_client.errors import ConfigError, GhcrError
from ghcr_client.settings import GhcrConfig
from pydantic import SecretStr
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from client.peers import Peer

BEARER = (
    "eyJhbGciOiJub25lIn0."
    + base64.urlsafe_b64encode(b'{"what":"fetched-bearer"}').decode().rstrip("=")
    + ".c2ln"
)
SIGNED = "S1GNEDquery"


def forms(secret: str) -> list[str]:
    """A secret in all forms in which it travels; of base64, also what does not begin at a border of three bytes."""
    said = [secret, quote(secret, safe="")]
    for before in ("", "octocat:", "x-access-token:"):
        text = base64.b64encode(f"{before}{secret}".encode()).decode().rstrip("=")
        said += [text, text[len(before) * 4 // 3 + 4 : -4]]
    return said


SECRETS = [*forms(TOKEN), BEARER, SIGNED]


class Everything(logging.Handler):
    """Keeps what every logger says, formatted and with its arguments."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s %(exc_info)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{self.format(record)} {record.args!r}")


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What all loggers say at DEBUG."""
    handler = Everything()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    loggers = [logging.getLogger(name) for name in ("ghcr_client", "aiohttp", "asyncio", "tenacity")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.DEBUG)
    yield handler.said
    for each, before in zip(loggers, levels, strict=True):
        each.setLevel(before)
    root.removeHandler(handler)
    root.setLevel(level)


def told_by(error: BaseException) -> list[str]:
    """All that an error tells: in its text and repr, its traceback, its attributes, and all that led to it."""
    said: list[str] = []
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        said += [str(each), repr(each), repr(each.args)]
        said += traceback.TracebackException.from_exception(each, capture_locals=False).format()
        said += [repr(value) for name, value in vars(each).items() if name != "detail"]
        todo += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
    return said


def show_none(said: list[str], *, but: str = "") -> None:
    """No secret is in there."""
    for text in said:
        for secret in SECRETS:
            assert secret not in text or secret == but, text


def operations(client: GhcrClient) -> dict[str, Callable[[], Awaitable[Any]]]:
    """What can be asked of a client that fails."""
    ref = f"{REPO}:v1"
    return {
        "pull": lambda: client.pull_manifest(ref),
        "exists": lambda: client.image_exists(ref),
        "blob": lambda: client.get_blob(REPO, DIGEST),
        "tags": lambda: client.list_tags(REPO),
        "push": lambda: client.upload_blob(REPO, BLOB),
        "chunks": lambda: client.upload_blob(REPO, BLOB, chunk_size=1 << 20),
        "stream": lambda: client.upload_blob_streaming(REPO, BLOB),
        "manifest": lambda: client.push_manifest(ref, MANIFEST),
        "delete": lambda: client.delete_image(ref),
        "delete tag": lambda: client.delete_tag(ref),
        "delete blob": lambda: client.delete_blob(REPO, DIGEST),
        "mount": lambda: client.mount_blob(REPO, DIGEST, "acme/other"),
        "referrers": lambda: client.list_referrers(f"{REPO}@{DIGEST}"),
        "copy": lambda: client.copy_image(ref, "acme/other:v1"),
    }


LOCATION = ("Location", f"http://127.0.0.1:1/x?sig={SIGNED}&token={TOKEN}")
ACTS: dict[str, Any] = {
    "401": answer(401),
    "an echo": reflecting(400),
    "an echo of who may not": reflecting(403),
    "an echo of who is nobody": reflecting(401),
    "an echo that fails": reflecting(500),
    "an echo instead of JSON": reflecting(200),
    "no HTTP": b"HTTP/1.1 banana\r\n\r\n",
    "a bad length": head(200, ("Content-Length", "x")),
    "nobody": cut(b""),
    "half": cut(answer(200, b"{", length=100), politely=True),
    "silence": silent(),
    "without end": endless(),
    "a redirect": head(307, LOCATION, ("Content-Length", "0")),
    "a redirect to nowhere": head(
        307, ("Location", f"ftp://me:{TOKEN}@x/?sig={SIGNED}"), ("Content-Length", "0")
    ),
    "a redirect to no name": head(307, ("Location", f"http://a..b/?sig={SIGNED}"), ("Content-Length", "0")),
    "an upload that goes nowhere": answer(202, b"", LOCATION),
    "a place with a user": answer(202, b"", ("Location", f"http://me:{TOKEN}@127.0.0.1:1/?sig={SIGNED}")),
    "a link elsewhere": jsons({"tags": ["a"]}, ("Link", f'<http://x.example/?sig={SIGNED}>; rel="next"')),
    "a warning": answer(404, b"", ("Warning", f'299 - "see https://x.example/?sig={SIGNED}"')),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_failures(act: Any, logged: list[str]) -> None:
    """However an operation fails, neither token, bearer nor signature is in what is said of it."""

    async def test(liar: Liar) -> None:
        async with client_of(liar, TOKEN, max_retries=1, timeout_secs=0.3, upload_timeout_secs=0.3) as client:
            locked(liar, BEARER)
            with pytest.raises(GhcrError):
                await client.pull_manifest(f"{REPO}:v1")
            token = jsons({"token": BEARER})
            liar._acts.clear()
            liar.says("*", act)
            liar.says("GET /token", token)
            said = [
                repr(client),
                repr(client.config),
                str(client.config),
                repr(client._transport),
                repr(vars(client)),
            ]
            for operation in operations(client).values():
                try:
                    said.append(repr(await operation()))
                except GhcrError as error:
                    said += told_by(error)
            health = await client.health_check()
            said += [
                repr(health),
                repr(client._transport._auth),
                repr(client._transport._auth.host(liar.host)),
            ]
            show_none(said)
            assert BEARER in liar.sent_to_it()
        show_none(logged)

    running(test)


def test_the_realm_repeats_the_password(logged: list[str]) -> None:
    """A realm that repeats what was sent to it, in any form, is quoted without that."""

    async def test(liar: Liar) -> None:
        for status in (200, 400, 401, 403, 500):
            async with client_of(liar, TOKEN, max_retries=1) as client:
                locked(liar, BEARER)
                liar.says("GET /token", reflecting(status))
                with pytest.raises(GhcrError) as caught:
                    await client.pull_manifest(f"{REPO}:v1")
                show_none(told_by(caught.value))
        show_none(logged)

    running(test)


def test_secrets_of_no_known_form(logged: list[str]) -> None:
    """A password that looks like a word is not shown by a registry's error that repeats it."""
    word = "correct-horse-battery"

    async def test(liar: Liar) -> None:
        async with client_of(liar, word, max_retries=0) as client:
            for challenge in ('Basic realm="x"', f'Bearer realm="{liar.url}/token"'):
                liar.says("GET /token", jsons({"token": "opaque-fetched-bearer"}))
                liar.says(
                    f"GET {manifest_path()}",
                    answer(401, b"", ("WWW-Authenticate", challenge)),
                    reflecting(403),
                )
                with pytest.raises(GhcrError) as caught:
                    await client.pull_manifest(f"{REPO}:v1")
                basic = base64.b64encode(f"octocat:{word}".encode()).decode()
                for text in (*told_by(caught.value), *logged):
                    for secret in (word, basic, "opaque-fetched-bearer"):
                        assert secret not in text, text

    running(test)


def test_spans_and_metrics(logged: list[str]) -> None:
    """Spans and counters of failing operations show no secret either."""
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    prometheus = pytest.importorskip("prometheus_client")
    from ghcr_client import tracing  # noqa: PLC0415
    from ghcr_client.metrics import PrometheusMetrics  # noqa: PLC0415

    spans = memory.InMemorySpanExporter()
    provider = trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(spans))
    real = tracing._api()
    assert real is not None
    counters = prometheus.CollectorRegistry()

    async def test(liar: Liar) -> None:
        metrics = PrometheusMetrics(registry=counters)
        for act in ACTS.values():
            async with client_of(
                liar, TOKEN, max_retries=0, timeout_secs=0.2, upload_timeout_secs=0.2, metrics=metrics
            ) as client:
                locked(liar, BEARER)
                with pytest.raises(GhcrError):
                    await client.pull_manifest(f"{REPO}:v1")
                liar._acts.clear()
                liar.says("*", act)
                liar.says("GET /token", jsons({"token": BEARER}))
                for operation in operations(client).values():
                    with contextlib.suppress(GhcrError):
                        await operation()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracing, "_api", lambda: real._replace(tracer=provider.get_tracer("test")))
        running(test)
    finished = spans.get_finished_spans()
    assert len(finished) > 100
    show_none([each.to_json() for each in finished])
    text = prometheus.generate_latest(counters).decode()
    assert "ghcr_errors_total" in text
    show_none([text])


def test_reprs() -> None:
    """What holds a secret says in its repr that it does, and not which."""
    secret = SecretStr(TOKEN)
    provider = StaticCredentials("octocat", TOKEN)
    environment = EnvironmentCredentials(environ={"GHCR_TOKEN": TOKEN})
    things: list[Any] = [
        GhcrConfig(token=TOKEN),
        GhcrClient(token=TOKEN),
        provider,
        environment,
        ChainCredentials(provider, environment),
        Credentials("octocat", secret, identity_token=secret, registry_token=secret),
        vars(provider),
        asyncio.run(environment.get_credentials("ghcr.io")),
    ]
    show_none([text for each in things for text in (repr(each), str(each), f"{each}", repr([each]))])
    show_none([GhcrConfig(token=TOKEN).model_dump_json(), repr(GhcrConfig(token=TOKEN).model_dump())])


def test_calls_and_answers() -> None:
    """A call and an answer are shown without the query that may be a signature, and without content."""
    url = f"https://me:{TOKEN}@ghcr.io/v2/x?_state={SIGNED}"
    call = Call(operation="upload.put", method="PUT", registry="ghcr.io", target=url, body=TOKEN.encode())
    told = Answer(202, {"Location": url}, TOKEN.encode(), URL(url))
    show_none([repr(call), str(call), repr(told), str(told)])
    assert "upload.put" in repr(call)
    assert "202" in repr(told)


def test_wrong_settings() -> None:
    """Settings that are refused are not repeated where they may be secrets."""
    for wrong in (
        {"token": 7, "registry": f"https://me:{TOKEN}@ghcr.io"},
        {"registry": f"https://ghcr.io/?token={TOKEN}"},
        {"token": TOKEN, "tokn": TOKEN},
        {"token": TOKEN, "timeout_secs": TOKEN},
        {"api_base": f"http://{TOKEN}@api.github.com"},
        {"endpoints": {"ghcr.io": f"https://me:{TOKEN}@x"}},
    ):
        with pytest.raises(ConfigError) as caught:
            GhcrConfig(**wrong)
        show_none(told_by(caught.value))


def test_the_fakes(fake_ghcr: Peer, logged: list[str]) -> None:
    """With GHCR's own way of tokens, where the bearer is the password in base64, nothing is shown either."""
    simulator = fake_ghcr.simulator
    assert simulator is not None
    assert fake_ghcr.token is not None
    simulator.seed("acme/app:v1")
    secrets = forms(fake_ghcr.token)

    async def main() -> None:
        for operation in ("manifest.get", "blob.get", "upload.put", "token.get", "storage.get"):
            for status in (401, 403, 500):
                simulator.fail(operation, status=status, times=None)
                async with client_for(fake_ghcr, max_retries=1) as client:
                    for each in operations(client).values():
                        try:
                            await each()
                        except GhcrError as error:
                            for text in told_by(error):
                                assert not [secret for secret in secrets if secret in text], text
                simulator.faults.clear()

    asyncio.run(main())
    for text in logged:
        assert not [secret for secret in secrets if secret in text], text
    assert simulator.leaks == []
