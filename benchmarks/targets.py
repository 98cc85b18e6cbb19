"""What `benchmarks/run` measures and what the fake must reach, as tables; `judging` says what they mean."""

from __future__ import annotations

from bulk import measure_bulk
from coldstart import IMPORT, measure_start
from images import measure_images
from inprocess import BARE, BARE_THREAD, FIXTURE, SIMULATOR, measure_fixture, measure_inprocess
from judging import Requirement, Row
from peers import SUBJECTS
from small import measure_get, measure_head

__all__ = ["REQUIREMENTS", "ROWS"]

OURS = tuple(one.name for one in SUBJECTS if one.ours)
FLOOR = next(one.name for one in SUBJECTS if not one.whole)
DOCKER = ("docker-registry",)
PEERS = tuple(one.name for one in SUBJECTS if one.whole and not one.ours)

_SMALL = {"cpu_us": "CPU µs/request", "rate": "requests/s"}

ROWS = (
    Row("get", "GET manifest (1 KiB), 16 connections", measure_get, _SMALL, FLOOR),
    Row("head", "HEAD manifest (1 KiB), 16 connections", measure_head, _SMALL, FLOOR),
    Row("upload", "upload {mib} MiB (POST+PUT)", measure_bulk, {"up_mbps": "MB/s", "up_cpu_gb": "CPU s/GB"}),
    Row("download", "download {mib} MiB", measure_bulk, {"down_mbps": "MB/s", "down_cpu_gb": "CPU s/GB"}),
    Row(
        "memory",
        "memory, {mib} MiB up and down",
        measure_bulk,
        {"growth_mib": "grown MiB", "idle_mib": "idle MiB"},
    ),
    Row(
        "images",
        "{images} small images pushed and pulled, 8 at once",
        measure_images,
        {"total_s": "seconds", "push_s": "push s", "pull_s": "pull s", "cpu_s": "server CPU s"},
    ),
    Row("inprocess", "in-process start, one request, stop", measure_inprocess, {"ms": "ms"}),
    Row("fixture", "the same by the fixture, from synchronous code", measure_fixture, {"ms": "ms"}),
    Row("start", "spawn to the first 200", measure_start, {"ms": "ms"}),
)

_CPU = "server CPU µs a request"

REQUIREMENTS = (
    Requirement("get", "cpu_us", "at most", 45, f"GET manifest: {_CPU}", OURS),
    Requirement("get", "cpu_us", "at most", 0.25, "GET manifest: of docker-registry's CPU", OURS, DOCKER),
    Requirement("head", "cpu_us", "at most", 45, f"HEAD manifest: {_CPU}", OURS),
    Requirement("head", "cpu_us", "at most", 0.25, "HEAD manifest: of docker-registry's CPU", OURS, DOCKER),
    Requirement(
        "upload", "up_mbps", "at least", 1.2, "upload: times the fastest peer's MB/s", OURS, PEERS, goal=2
    ),
    Requirement("upload", "up_cpu_gb", "at most", 1.3, "upload: CPU s per GB", OURS),
    Requirement(
        "download", "down_mbps", "at least", 1, "download: times docker-registry's MB/s", OURS, DOCKER
    ),
    Requirement(
        "download", "down_mbps", "at least", 0.6, "download: of the fastest peer's MB/s", OURS, PEERS, goal=1
    ),
    Requirement("download", "down_cpu_gb", "at most", 0.3, "download: CPU s per GB", OURS),
    Requirement("memory", "growth_mib", "under", 64, "memory: MiB grown, directory store", ("ghcr --store",)),
    Requirement("images", "total_s", "under", 2, "small images: times crane's seconds", OURS, ("crane",)),
    Requirement(
        "images", "total_s", "under", 0.25, "small images: of docker-registry's seconds", OURS, DOCKER
    ),
    Requirement(
        "inprocess", "ms", "at most", 1.5, "in-process: times a bare server's", (SIMULATOR,), (BARE,)
    ),
    Requirement("fixture", "ms", "at most", 1.5, "by the fixture: the same", (FIXTURE,), (BARE_THREAD,)),
    Requirement("start", "ms", "at most", 2, f"first 200: times `{IMPORT}`", OURS, (IMPORT,)),
)
