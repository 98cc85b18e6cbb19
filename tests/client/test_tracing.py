"""Spans with an SDK, with the API alone, and with neither; and what a span must never show."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from ghcr_client import tracing
from ghcr_client.errors import ManifestUnknown, TransportError
from ghcr_client.refs import ImageRef
from ghcr_client.tracing import NO_SPAN, span
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import SecretStr

if TYPE_CHECKING:
    from collections.abc import Generator

    from opentelemetry.sdk.trace import ReadableSpan

SECRET = "ghp_" + "A1b2" * 9


def listen(monkeypatch: pytest.MonkeyPatch, sampler: Sampler | None = None) -> InMemorySpanExporter:
    """An SDK for this test alone: the process's own provider can be set only once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_api", lambda: tracing._Api(trace, provider.get_tracer("test")))
    return exporter


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    return listen(monkeypatch)


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    """The one span that ended."""
    (one,) = exporter.get_finished_spans()
    return one


def everything(one: ReadableSpan) -> str:
    """All that a collector would see."""
    return str(one.to_json())


def test_attributes(spans: InMemorySpanExporter) -> None:
    """Short names become the conventional ones, numbers stay numbers, None is left out, the rest is text."""
    ref = ImageRef.parse("acme/app:v1")
    with span("pull_image", image=ref, media_type=None, size=12) as here:
        assert here.is_recording
        here.set_attribute("status", 200)
        here.set_attribute("server.address", "ghcr.io")
        here.set_attribute("cached", value=True)
    one = only(spans)
    assert one.name == "pull_image"
    assert one.attributes == {
        "ghcr.image": "ghcr.io/acme/app:v1",
        "ghcr.size": 12,
        "http.response.status_code": 200,
        "server.address": "ghcr.io",
        "cached": True,
    }
    assert one.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        pytest.param({"image": "acme/app"}, SpanKind.INTERNAL, id="operation"),
        pytest.param({"method": "GET"}, SpanKind.CLIENT, id="request"),
    ],
)
def test_kinds(spans: InMemorySpanExporter, attributes: dict[str, Any], kind: SpanKind) -> None:
    """The span of a request is a client's, the span of an operation is internal."""
    with span("one", **attributes):
        pass
    assert only(spans).kind is kind


def test_spans_nest(spans: InMemorySpanExporter) -> None:
    """A span that begins within another is its child, in tasks that begin there, too."""

    async def request(number: int) -> None:
        with span(f"blob.get {number}", method="GET"):
            await asyncio.sleep(0)

    async def pull() -> None:
        with span("pull_image"):
            await asyncio.gather(*(request(number) for number in range(3)))

    asyncio.run(pull())
    *children, parent = spans.get_finished_spans()
    assert {child.parent.span_id for child in children if child.parent} == {parent.context.span_id}
    assert len(children) == 3


def test_a_url_has_no_query(spans: InMemorySpanExporter) -> None:
    """User, password, query and fragment of a URL are not shown, whenever and by whichever name it is set."""
    with span("early", url=f"https://me:{SECRET}@ghcr.io/v2/x/blobs/1?sig={SECRET}#x"), span("late") as here:
        here.set_attribute("url.full", "https://storage.example/b?se=1&sig=abc")
    late, early = spans.get_finished_spans()
    assert early.attributes == {"url.full": "https://ghcr.io/v2/x/blobs/1"}
    assert late.attributes == {"url.full": "https://storage.example/b"}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(f"acme/app {SECRET}", id="token"),
        pytest.param(SecretStr(SECRET), id="secret"),
        pytest.param(f"https://a/b?x={SECRET}", id="url"),
        pytest.param(["x", SECRET], id="list"),
    ],
)
def test_attributes_are_masked(spans: InMemorySpanExporter, value: object) -> None:
    """No attribute shows what looks like a secret, whatever its name."""
    with span("one", image=value):
        pass
    assert "A1b2" not in everything(only(spans))


def test_a_failure(spans: InMemorySpanExporter) -> None:
    """An error passes through; the span says its class and its words, and no traceback."""
    error = ManifestUnknown("manifest unknown", status=404, code="MANIFEST_UNKNOWN")
    with pytest.raises(ManifestUnknown) as caught, span("manifest.get", method="GET"):
        raise error
    assert caught.value is error
    one = only(spans)
    assert one.status.status_code is StatusCode.ERROR
    assert one.status.description == "404 MANIFEST_UNKNOWN: manifest unknown"
    name = "ghcr_client.errors.ManifestUnknown"
    assert one.attributes == {"http.request.method": "GET", "error.type": name}
    (event,) = one.events
    assert event.name == "exception"
    assert event.attributes == {"exception.type": name, "exception.message": one.status.description}


def test_a_failure_shows_no_secret(spans: InMemorySpanExporter) -> None:
    """Neither a foreign error's words nor its causes bring a secret into a span or its parents."""
    error = RuntimeError(f"Authorization: Bearer {SECRET}")
    error.__cause__ = KeyError(SECRET)
    with pytest.raises(RuntimeError), span("outer"), span("inner"):
        raise error
    inner, outer = spans.get_finished_spans()
    for one in (inner, outer):
        assert "A1b2" not in everything(one)
        assert "Traceback" not in everything(one)
        assert one.status.description == "Authorization: Bearer ***"


@pytest.mark.parametrize(
    ("error", "name"),
    [
        pytest.param(asyncio.CancelledError(), "asyncio.exceptions.CancelledError", id="cancelled"),
        pytest.param(TimeoutError(), "TimeoutError", id="no words"),
    ],
)
def test_a_failure_without_words(spans: InMemorySpanExporter, error: BaseException, name: str) -> None:
    """Where an error says nothing, its class is what is said; a task that was cancelled shows, too."""
    with pytest.raises(type(error)), span("one"):
        raise error
    one = only(spans)
    assert one.attributes == {"error.type": name}
    assert one.status.description == type(error).__name__


def test_a_block_that_is_abandoned_did_not_fail(spans: InMemorySpanExporter) -> None:
    """A generator that is closed early ends its span, and is no failure."""

    def generate() -> Generator[int, None, None]:
        with span("one"):
            yield 1

    running = generate()
    next(running)
    running.close()
    assert only(spans).status.status_code is StatusCode.UNSET


class DropOnlyRoots(Sampler):
    """Drops what has no parent, and would keep its children."""

    def should_sample(self, parent_context: Any, *args: Any, **kwargs: Any) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        return SamplingResult(Decision.RECORD_AND_SAMPLE if parent.is_valid else Decision.DROP)

    def get_description(self) -> str:
        return "DropOnlyRoots"


def test_what_a_sampler_drops_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A span that is not sampled takes everything, keeps nothing, and passes errors on."""
    exporter = listen(monkeypatch, ParentBased(ALWAYS_OFF))
    with span("outer", image="x") as here:
        assert not here.is_recording
    with pytest.raises(TransportError), span("outer"):
        raise TransportError("gone")
    assert exporter.get_finished_spans() == ()


def test_a_dropped_span_is_a_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A span that is not sampled is its children's parent all the same, so that a sampler can drop them with it."""
    exporter = listen(monkeypatch, DropOnlyRoots())
    with span("outer"), span("inner"):
        pass
    assert only(exporter).name == "inner"
    assert only(exporter).parent is not None


@pytest.mark.parametrize("installed", [True, False], ids=["no SDK", "not installed"])
def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    """Without an SDK, or without OpenTelemetry, there is no span, and errors pass."""
    if not installed:
        monkeypatch.setitem(sys.modules, "opentelemetry", None)
    else:
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    tracing._api.cache_clear()
    try:
        with span("one", url="https://ghcr.io/") as here:
            here.set_attribute("status", 200)
            assert here is NO_SPAN
        with pytest.raises(TransportError), span("one"):
            raise TransportError("gone")
        assert (tracing._api() is None) is not installed
    finally:
        tracing._api.cache_clear()


def test_an_sdk_that_comes_late() -> None:
    """Importing loads no OpenTelemetry; an SDK that is configured after the first span is used from then on."""
    script = """if True:
        import sys
        from ghcr_client.tracing import span
        assert not any(name.startswith("opentelemetry") for name in sys.modules)
        with span("early"):
            pass
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
        with span("late", method="GET"):
            pass
        for one in exporter.get_finished_spans():
            print(one.name, one.instrumentation_scope.name)
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("late ghcr_client\n", "")
