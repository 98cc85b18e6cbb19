"""Spans, where OpenTelemetry is installed and somebody listens; nothing at all elsewhere.

Only OpenTelemetry's API is used, and looked for once, when the first span begins. It does not know who collects spans,
and tells registries nothing of them: no header is sent. What a span shows is masked, an error's traceback is left out,
and a URL has no query. Source of the names: OpenTelemetry's semantic conventions for HTTP clients and for exceptions.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ghcr_client.masking import bare_url, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.trace import Span as LiveSpan
    from opentelemetry.trace import Tracer

__all__ = ["ATTRIBUTES", "NO_SPAN", "Span", "span"]

ATTRIBUTES = {
    "digest": "ghcr.digest",
    "image": "ghcr.image",
    "media_type": "ghcr.media_type",
    "method": "http.request.method",
    "resend": "http.request.resend_count",
    "size": "ghcr.size",
    "status": "http.response.status_code",
    "url": "url.full",
}
"""The short names that `span` and `set_attribute` take; any other name is used as it is."""

_TEXT_LIMIT = 600


class Span:
    """What a block holds of its span; one that nobody records takes everything and keeps nothing.

    Args:
        live: The span of OpenTelemetry, or None.
    """

    __slots__ = ("_live",)

    def __init__(self, live: LiveSpan | None = None) -> None:
        self._live = live

    @property
    def is_recording(self) -> bool:
        """Whether anybody will see what is set; ask before something costly is computed."""
        return self._live is not None

    def set_attribute(self, name: str, value: object) -> None:
        """Show a value in the span: numbers as they are, all else as masked text, None not at all.

        Args:
            name: One of `ATTRIBUTES`, or a full name such as `server.address`.
            value: What to show. A URL loses user, password, query and fragment.

        Example:
            >>> NO_SPAN.set_attribute("status", 200)
        """
        if self._live is None or value is None:
            return
        name = ATTRIBUTES.get(name, name)
        if isinstance(value, (bool, int, float)):
            self._live.set_attribute(name, value)
        else:
            text = str(value)
            shaped = bare_url(text) if name == ATTRIBUTES["url"] else shown(text, _TEXT_LIMIT)
            self._live.set_attribute(name, shaped)


NO_SPAN = Span()
"""The span of those who do not trace."""


@contextmanager
def span(name: str, **attributes: object) -> Iterator[Span]:
    """Make a span for a block, the parent of those that begin within it.

    An error that leaves the block is shown by its class and its masked text. A block with a span must not contain a
    `yield`: the span would be the parent of whatever the caller does meanwhile.

    Args:
        name: The operation, such as `pull_image` or `manifest.get`.
        attributes: What to show, as for `Span.set_attribute`. With a `method` it is the span of a request.

    Yields:
        Where to set what is known later.

    Example:
        >>> with span("manifest.get", method="GET", url="https://ghcr.io/v2/acme/app/manifests/v1") as here:
        ...     here.set_attribute("status", 200)
    """
    api = _api()
    if api is None:
        yield NO_SPAN
        return
    kinds = api.trace.SpanKind
    live = api.tracer.start_span(name, kind=kinds.CLIENT if "method" in attributes else kinds.INTERNAL)
    if not live.get_span_context().is_valid:
        yield NO_SPAN
        return
    # A span that a sampler dropped is still made current: its children have to be dropped, too.
    with api.trace.use_span(live, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        here = Span(live) if live.is_recording() else NO_SPAN
        for key, value in attributes.items():
            here.set_attribute(key, value)
        try:
            yield here
        except GeneratorExit:
            raise
        except BaseException as error:
            if here.is_recording:
                _show_failure(api.trace, live, error)
            raise


class _Api(NamedTuple):
    """The module `opentelemetry.trace`, and the client's tracer: one that follows the SDK when that is configured."""

    trace: Any
    tracer: Tracer


@cache
def _api() -> _Api | None:
    """OpenTelemetry's API, or None where it is not installed."""
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return _Api(trace, trace.get_tracer("ghcr_client"))


def _show_failure(trace: Any, live: LiveSpan, error: BaseException) -> None:
    """Mark a span as failed. `record_exception` would write the traceback, and with it what other libraries said."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    text = shown(str(error)) or kind.__name__
    live.set_attribute("error.type", name)
    live.add_event("exception", {"exception.type": name, "exception.message": text})
    live.set_status(trace.Status(trace.StatusCode.ERROR, text))
