"""What `benchmarks/cassettes` measures and what must be reached, as tables; `judging` says what they mean."""

from __future__ import annotations

from judging import Requirement, Row
from recording import DIRECT, LAYER, PROXIED, measure_layer, measure_record
from replaying import BARE, LOADED, MITMPROXY, OURS, SAME, SPARSE, VCRPY, measure_load, measure_request

__all__ = ["ORDER", "REQUIREMENTS", "ROWS"]

ORDER = (BARE, *OURS, SAME, *VCRPY, *MITMPROXY, LOADED, SPARSE, LAYER, DIRECT, PROXIED)

ROWS = (
    Row("request", "one replayed request, client included", measure_request, {"us": "µs"}),
    Row(
        "load",
        "10,000 exchanges loaded, and the first of them answered",
        measure_load,
        {"load_ms": "load ms", "stand_ms": "index ms", "first_ms": "first answer ms", "peak_mib": "peak MiB"},
    ),
    Row(
        "layer",
        "a layer of {mib} MiB pushed and pulled while it is recorded, then replayed",
        measure_layer,
        {
            "record_mib": "record: MiB grown",
            "replay_mib": "replay: MiB grown",
            "stored": "times its size on disk",
            "kept": "large files",
            "replay_mbps": "replay MB/s",
        },
    ),
    Row(
        "record",
        "{mib} MiB pulled over TLS",
        measure_record,
        {"mbps": "MB/s", "cpu_gb": "recorder's CPU s a GB"},
    ),
)

REQUIREMENTS = (
    Requirement("request", "us", "at most", 2, "a replayed request: times bare aiohttp's", OURS, (BARE,)),
    Requirement("request", "us", "at most", 2, "10,000 times the same request: the same", (SAME,), (BARE,)),
    Requirement("load", "load_ms", "under", 500, "10,000 exchanges: ms to load", (LOADED, SPARSE)),
    Requirement("layer", "record_mib", "under", 64, "recording a layer: MiB above idle", (LAYER,)),
    Requirement("layer", "replay_mib", "under", 64, "replaying it: MiB above idle", (LAYER,)),
    Requirement("layer", "stored", "at most", 1.001, "on disk: times the layer's size", (LAYER,)),
    Requirement("layer", "kept", "at most", 1, "large files on disk", (LAYER,)),
    Requirement(
        "record", "mbps", "at least", 0.5, "recording by proxy: of the direct MB/s", (PROXIED,), (DIRECT,)
    ),
)
