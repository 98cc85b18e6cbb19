"""What is counted, under exactly which names, and what happens without the library."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
import weakref

import pytest
from ghcr_client.errors import ConfigError
from ghcr_client.metrics import BUCKETS, NO_METRICS, Metrics, PrometheusMetrics
from prometheus_client import CollectorRegistry, Counter, generate_latest

SAMPLES = [
    ("ghcr_requests_total", {"method": "GET", "endpoint": "manifest.get", "status": "200"}, 2),
    ("ghcr_requests_total", {"method": "HEAD", "endpoint": "blob.head", "status": "404"}, 1),
    ("ghcr_requests_total", {"method": "GET", "endpoint": "blob.get", "status": "error"}, 1),
    ("ghcr_request_duration_seconds_count", {"method": "GET", "endpoint": "manifest.get"}, 2),
    ("ghcr_request_duration_seconds_sum", {"method": "GET", "endpoint": "manifest.get"}, 0.25),
    ("ghcr_request_duration_seconds_bucket", {"method": "GET", "endpoint": "manifest.get", "le": "0.05"}, 1),
    ("ghcr_request_duration_seconds_bucket", {"method": "GET", "endpoint": "manifest.get", "le": "0.25"}, 2),
    ("ghcr_request_duration_seconds_bucket", {"method": "GET", "endpoint": "blob.get", "le": "5.0"}, 0),
    ("ghcr_request_duration_seconds_bucket", {"method": "GET", "endpoint": "blob.get", "le": "+Inf"}, 1),
    ("ghcr_manifests_pushed_total", {}, 1),
    ("ghcr_manifests_pulled_total", {}, 2),
    ("ghcr_blobs_uploaded_total", {}, 2),
    ("ghcr_bytes_uploaded_total", {}, 10 * 1024**3),
    ("ghcr_rate_limit_remaining", {}, 41.0),
    ("ghcr_token_refreshes_total", {}, 1),
    ("ghcr_errors_total", {"error_type": "RateLimited"}, 1),
]


def tell(metrics: Metrics) -> None:
    """One of everything, and more of some."""
    metrics.request("GET", "manifest.get", 200, 0.0)
    metrics.request("GET", "manifest.get", 200, 0.25)
    metrics.request("HEAD", "blob.head", 404, 0.01)
    metrics.request("GET", "blob.get", 0, 30.0)
    metrics.manifest_pushed()
    metrics.manifest_pulled()
    metrics.manifest_pulled()
    metrics.blob_uploaded(0)
    metrics.blob_uploaded(10 * 1024**3)
    metrics.rate_limit_remaining(59)
    metrics.rate_limit_remaining(41)
    metrics.token_refreshed()
    metrics.error("RateLimited")


@pytest.fixture(scope="module")
def told() -> CollectorRegistry:
    registry = CollectorRegistry()
    tell(PrometheusMetrics(registry))
    return registry


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    SAMPLES,
    ids=lambda each: "-".join(each.values()) if isinstance(each, dict) else None,
)
def test_each_figure(told: CollectorRegistry, name: str, labels: dict[str, str], value: float) -> None:
    """Each metric has the promised name and labels, and counts."""
    assert told.get_sample_value(name, labels) == value


def test_there_are_no_other_metrics(told: CollectorRegistry) -> None:
    """The names are the promised ones, all of them, each with its type and a sentence of help."""
    kinds = {family.name: family.type for family in told.collect()}
    assert kinds == {
        "ghcr_requests": "counter",
        "ghcr_request_duration_seconds": "histogram",
        "ghcr_manifests_pushed": "counter",
        "ghcr_manifests_pulled": "counter",
        "ghcr_blobs_uploaded": "counter",
        "ghcr_bytes_uploaded": "counter",
        "ghcr_rate_limit_remaining": "gauge",
        "ghcr_token_refreshes": "counter",
        "ghcr_errors": "counter",
    }
    assert all(family.documentation.endswith(".") for family in told.collect())


def test_the_buckets(told: CollectorRegistry) -> None:
    """Durations are counted in the buckets of 0.05 to 5 seconds, and one for what takes longer."""
    samples = [sample for family in told.collect() for sample in family.samples]
    bounds = {sample.labels["le"] for sample in samples if sample.name.endswith("_bucket")}
    assert bounds == {*map(str, BUCKETS), "+Inf"}
    assert BUCKETS == (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


def test_a_limit_that_nobody_stated_is_not_zero() -> None:
    """Before a registry says how much is left, the gauge is NaN, so that no alarm goes off."""
    registry = CollectorRegistry()
    PrometheusMetrics(registry)
    value = registry.get_sample_value("ghcr_rate_limit_remaining")
    assert value is not None
    assert math.isnan(value)
    assert b"ghcr_rate_limit_remaining NaN" in generate_latest(registry)


def test_two_clients_share_a_registry() -> None:
    """A second client counts into the collectors of the first, and does not undo what they know."""
    registry = CollectorRegistry()
    first, second = PrometheusMetrics(registry), PrometheusMetrics(registry)
    first.rate_limit_remaining(7)
    first.manifest_pushed()
    second.manifest_pushed()
    PrometheusMetrics(registry)
    assert registry.get_sample_value("ghcr_manifests_pushed_total") == 2
    assert registry.get_sample_value("ghcr_rate_limit_remaining") == 7


def test_two_registries_are_apart() -> None:
    """What is counted for one registry is not in another."""
    one, other = CollectorRegistry(), CollectorRegistry()
    PrometheusMetrics(one).manifest_pulled()
    PrometheusMetrics(other)
    assert one.get_sample_value("ghcr_manifests_pulled_total") == 1
    assert other.get_sample_value("ghcr_manifests_pulled_total") == 0


def test_a_registry_is_not_kept_alive() -> None:
    """A registry that nobody holds any more goes, and its collectors with it."""
    registry = CollectorRegistry()
    PrometheusMetrics(registry).manifest_pulled()
    gone = weakref.ref(registry)
    del registry
    gc.collect()
    assert gone() is None


def test_a_name_that_is_taken_registers_nothing() -> None:
    """Where somebody else has one of the names, the error says so, and the registry is left as it was."""
    registry = CollectorRegistry()
    Counter("ghcr_errors_total", "Mine.", registry=registry)
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"ghcr_errors.*a CollectorRegistry of its own"):
            PrometheusMetrics(registry)
    assert [family.name for family in registry.collect()] == ["ghcr_errors"]


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without prometheus_client, the error says what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigError, match=r"pip install 'pytest-ghcr\[metrics\]'"):
        PrometheusMetrics()


def test_nothing_is_imported_for_nothing() -> None:
    """Neither the module nor `NO_METRICS` loads the library; the default registry is the library's own."""
    script = """if True:
        import sys
        from ghcr_client.metrics import NO_METRICS, PrometheusMetrics
        NO_METRICS.request("GET", "ping", 200, 0.1)
        assert "prometheus_client" not in sys.modules
        PrometheusMetrics().manifest_pulled()
        PrometheusMetrics().manifest_pulled()
        from prometheus_client import REGISTRY
        print(REGISTRY.get_sample_value("ghcr_manifests_pulled_total"))
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("2.0\n", "")


def test_no_metrics() -> None:
    """What counts nothing takes everything; both kinds are `Metrics`."""
    tell(NO_METRICS)
    assert isinstance(NO_METRICS, Metrics)
    assert isinstance(PrometheusMetrics(CollectorRegistry()), Metrics)
