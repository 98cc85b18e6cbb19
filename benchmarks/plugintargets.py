"""What `benchmarks/plugin` measures and what the plugin must reach, as tables; `judging` says what they mean."""

from __future__ import annotations

from judging import Requirement, Row
from pluginrunning import (
    BARE,
    BARE_TLS,
    OURS,
    PEERS,
    PLAIN,
    SEEDED,
    TAKEN,
    TAKEN_TLS,
    WITH,
    WITHOUT,
    measure_start,
    measure_tests,
)

__all__ = ["ORDER", "REQUIREMENTS", "ROWS"]

ORDER = (PLAIN, BARE, OURS, SEEDED, TAKEN, TAKEN_TLS, BARE_TLS, *PEERS, WITH, WITHOUT)

ROWS = (
    Row(
        "test",
        "one test and one request",
        measure_tests,
        {
            "ms": "ms",
            "cpu_ms": "CPU ms",
            "above_ms": "ms above an empty test",
            "above_cpu_ms": "CPU ms above an empty test",
            "more_ms": "ms more",
            "more_cpu_ms": "CPU ms more",
        },
    ),
    Row(
        "start",
        "pytest with one empty test",
        measure_start,
        {
            "ms": "ms",
            "cpu_ms": "CPU ms",
            "more_ms": "ms more",
            "more_cpu_ms": "CPU ms more",
            "imported": "packages",
        },
    ),
)

_BESIDE = ("aresponses", "vcrpy", "pytest-httpserver")

REQUIREMENTS = (
    Requirement("test", "ms", "at most", 1.25, "a test with `ghcr`: times bare aiohttp's", (OURS,), (BARE,)),
    *(
        Requirement("test", "ms", "under", 1, f"a test with `ghcr`: of {peer}'s", (OURS,), (peer,))
        for peer in _BESIDE
    ),
    Requirement("test", "more_ms", "at most", 1, "session's seed, forked: ms more a test", (SEEDED,)),
    Requirement("test", "more_ms", "at most", 1, "takeover: ms more a test", (TAKEN,)),
    Requirement("start", "more_ms", "at most", 8, "installed and unused: ms on pytest's start", (WITH,)),
    Requirement("start", "imported", "at most", 0, "installed and unused: packages imported", (WITH,)),
)
