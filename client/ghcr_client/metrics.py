"""What the client counts, and how Prometheus sees it.

The client tells a `Metrics` what happened; `NO_METRICS` forgets it. `PrometheusMetrics` needs the extra `metrics`,
imported when one is made and not before. It does not know who asks for the figures, and has no label whose values grow
with what is stored: no repository, no tag, no digest. Source: Prometheus' documentation, "Metric and label naming".
"""

from __future__ import annotations

import math
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from ghcr_client.errors import ConfigError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["BUCKETS", "NO_METRICS", "Metrics", "NoMetrics", "PrometheusMetrics"]

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of `ghcr_request_duration_seconds`, in seconds; beyond the last is `+Inf`."""


@runtime_checkable
class Metrics(Protocol):
    """Whatever counts what the client does.

    Its methods are called in the loop's thread; they must be quick, and must not raise.
    """

    def request(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """One request ended.

        Args:
            method: The HTTP method.
            endpoint: The operation's name such as `manifest.get`.
            status: The answer's status, or 0 where none came.
            seconds: From the request to the answer's head, or to the failure.
        """

    def error(self, kind: str) -> None:
        """A call failed for good; `kind` is the name of its exception's class. A HEAD's 404 is no failure."""

    def manifest_pushed(self) -> None:
        """A registry took a manifest."""

    def manifest_pulled(self) -> None:
        """A manifest came, and was verified."""

    def blob_uploaded(self, size: int) -> None:
        """A registry took a blob of `size` bytes; one that it had already, or mounted, does not count."""

    def token_refreshed(self) -> None:
        """A token was fetched."""

    def rate_limit_remaining(self, value: float) -> None:
        """How many requests the tightest known limit of the registry that answered last still allows."""


class NoMetrics:
    """Counts nothing."""

    def request(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """See `Metrics`."""

    def error(self, kind: str) -> None:
        """See `Metrics`."""

    def manifest_pushed(self) -> None:
        """See `Metrics`."""

    def manifest_pulled(self) -> None:
        """See `Metrics`."""

    def blob_uploaded(self, size: int) -> None:
        """See `Metrics`."""

    def token_refreshed(self) -> None:
        """See `Metrics`."""

    def rate_limit_remaining(self, value: float) -> None:
        """See `Metrics`."""


NO_METRICS: Metrics = NoMetrics()
"""What a client has that was given nothing else."""


class _Collectors(NamedTuple):
    """One collector for each line of `_made`."""

    requests: Counter
    durations: Histogram
    pushed: Counter
    pulled: Counter
    blobs: Counter
    bytes: Counter
    remaining: Gauge
    refreshes: Counter
    errors: Counter


_SHARED: WeakKeyDictionary[CollectorRegistry, _Collectors] = WeakKeyDictionary()
"""The collectors of each registry: a second client counts into those of the first."""

_LOCK = Lock()


class PrometheusMetrics:
    """Counts into a registry of `prometheus_client`. Two of them with one registry share its collectors.

    `ghcr_requests_total{method,endpoint,status}`, with the status `error` where no answer came;
    `ghcr_request_duration_seconds{method,endpoint}`; `ghcr_manifests_pushed_total`, `ghcr_manifests_pulled_total`,
    `ghcr_blobs_uploaded_total`, `ghcr_bytes_uploaded_total`, `ghcr_token_refreshes_total`,
    `ghcr_errors_total{error_type}`; and `ghcr_rate_limit_remaining`, which is NaN until a limit is
    known.

    Args:
        registry: Where the collectors are registered; the library's own by default.

    Raises:
        ConfigError: `prometheus_client` is not installed, or the registry has other collectors of these names.

    Example:
        >>> from prometheus_client import CollectorRegistry
        >>> registry = CollectorRegistry()
        >>> PrometheusMetrics(registry).blob_uploaded(5)
        >>> PrometheusMetrics(registry).blob_uploaded(7)
        >>> registry.get_sample_value("ghcr_bytes_uploaded_total")
        12.0
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        try:
            from prometheus_client import REGISTRY  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConfigError(
                "metrics need prometheus_client, which is not installed: pip install 'pytest-ghcr[metrics]'"
            ) from None
        self._to = _collectors(REGISTRY if registry is None else registry)

    def request(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count a request, and how long it took; see `Metrics`."""
        self._to.requests.labels(method, endpoint, status or "error").inc()
        self._to.durations.labels(method, endpoint).observe(seconds)

    def error(self, kind: str) -> None:
        """Count an error under its class; see `Metrics`."""
        self._to.errors.labels(kind).inc()

    def manifest_pushed(self) -> None:
        """Count a manifest that was pushed; see `Metrics`."""
        self._to.pushed.inc()

    def manifest_pulled(self) -> None:
        """Count a manifest that was pulled; see `Metrics`."""
        self._to.pulled.inc()

    def blob_uploaded(self, size: int) -> None:
        """Count a blob, and its bytes; see `Metrics`."""
        self._to.blobs.inc()
        self._to.bytes.inc(size)

    def token_refreshed(self) -> None:
        """Count a token that was fetched; see `Metrics`."""
        self._to.refreshes.inc()

    def rate_limit_remaining(self, value: float) -> None:
        """Show the newest figure; see `Metrics`."""
        self._to.remaining.set(value)


def _collectors(registry: CollectorRegistry) -> _Collectors:
    """The collectors of a registry, made and registered where there are none."""
    with _LOCK:
        if registry not in _SHARED:
            made = _made()
            _register(registry, made)
            _SHARED[registry] = made
        return _SHARED[registry]


def _register(registry: CollectorRegistry, made: _Collectors) -> None:
    """Register all, or none.

    Raises:
        ConfigError: A name is taken.
    """
    for count, one in enumerate(made):
        try:
            registry.register(one)
        except ValueError as error:
            for other in made[:count]:
                registry.unregister(other)
            raise ConfigError(
                f"another collector in this registry has the client's metric names ({error}): "
                "give PrometheusMetrics a CollectorRegistry of its own"
            ) from None


def _made() -> _Collectors:
    """New collectors that no registry knows yet."""
    from prometheus_client import Counter, Gauge, Histogram  # noqa: PLC0415 - an extra

    def counter(name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=None)

    remaining = Gauge("ghcr_rate_limit_remaining", "Requests that the registry still allows.", registry=None)
    remaining.set(math.nan)
    return _Collectors(
        requests=counter("ghcr_requests_total", "Requests by outcome.", "method", "endpoint", "status"),
        durations=Histogram(
            "ghcr_request_duration_seconds",
            "Seconds from a request to its answer's head.",
            ("method", "endpoint"),
            buckets=BUCKETS,
            registry=None,
        ),
        pushed=counter("ghcr_manifests_pushed_total", "Manifests that a registry took."),
        pulled=counter("ghcr_manifests_pulled_total", "Manifests that came and were verified."),
        blobs=counter("ghcr_blobs_uploaded_total", "Blobs that a registry took."),
        bytes=counter("ghcr_bytes_uploaded_total", "Bytes of the blobs that a registry took."),
        remaining=remaining,
        refreshes=counter("ghcr_token_refreshes_total", "Tokens that were fetched."),
        errors=counter(
            "ghcr_errors_total", "Calls that failed for good, by the exception's class.", "error_type"
        ),
    )
