"""What `benchmarks/client` measures and what the client must reach, as tables; `judging` says what they mean."""

from __future__ import annotations

from batches import CRANE, LAYOUTS, MEMORY, RAW, measure_batches
from importing import AIOHTTP, CLIENT, CONFIG, PACKAGE, measure_import
from judging import Requirement, Row
from transfers import SMALL_MIB, measure_growth, measure_pull, measure_pull_tls, measure_push
from ways import PULLS, PULLS_TLS, PUSHES

__all__ = ["ORDER", "REQUIREMENTS", "ROWS"]

PULL = ("ghcr_client pull_image",)
BLOB = ("ghcr_client download_blob",)
PUSH = ("ghcr_client push_image",)
KNOWN = ("ghcr_client upload_blob, digest known",)
UNKNOWN = ("ghcr_client upload_blob",)
ORDER = (
    *(one.name for one in (*PULLS, *PULLS_TLS[-1:], *PUSHES)),
    *(MEMORY, RAW, LAYOUTS, CRANE),
    *(AIOHTTP, PACKAGE, CLIENT, CONFIG),
)

_TRANSFER = {
    "op_mbps": "MB/s",
    "mbps": "MB/s spawn to exit",
    "cpu_s": "client CPU s",
    "peak_mib": "peak MiB",
}
_BATCH = {"total_s": "seconds", "push_s": "push s", "pull_s": "pull s", "cpu_s": "client CPU s"}

ROWS = (
    Row("pull", "pull {mib} MiB to disk", measure_pull, _TRANSFER),
    Row("pull-tls", "the same over TLS, a blob", measure_pull_tls, _TRANSFER),
    Row("push", "push {mib} MiB from disk", measure_push, _TRANSFER),
    Row(
        "growth",
        f"memory of a transfer of {{mib}} MiB beside one of {SMALL_MIB} MiB",
        measure_growth,
        {"growth_mib": "grown MiB", "peak_mib": "peak MiB", "small_mib": "peak MiB, small"},
    ),
    Row("images", "{images} small images pushed and pulled, 8 at once", measure_batches, _BATCH),
    Row(
        "import",
        "an import in a fresh Python",
        measure_import,
        {"ms": "ms", "cpu_ms": "CPU ms", "peak_mib": "peak MiB"},
    ),
)

_ORAS = ("oras-py, then hashed",)

REQUIREMENTS = (
    Requirement("pull", "op_mbps", "at least", 1, "pull: times crane pull's MB/s", PULL, ("crane pull",)),
    Requirement("pull", "op_mbps", "at least", 1, "pull: times crane blob's MB/s", BLOB, ("crane blob",)),
    Requirement(
        "pull", "op_mbps", "at least", 2, "pull: times oras-py's MB/s, hashed", (*PULL, *BLOB), _ORAS
    ),
    Requirement("pull", "peak_mib", "at most", 64, "pull: MiB of the whole process", (*PULL, *BLOB)),
    Requirement("push", "op_mbps", "at least", 0.9, "push: of curl's MB/s", (*PUSH, *KNOWN), ("curl",)),
    Requirement(
        "push",
        "op_mbps",
        "at least",
        0.9,
        "push: of sha256sum's and curl's MB/s",
        UNKNOWN,
        ("sha256sum, then curl",),
    ),
    Requirement(
        "growth",
        "growth_mib",
        "at most",
        8,
        f"memory: MiB more than for {SMALL_MIB} MiB",
        (*PULL, *BLOB, *PUSH, *KNOWN, *UNKNOWN),
    ),
    Requirement("images", "total_s", "under", 1, "small images: of crane's seconds", (LAYOUTS,), (CRANE,)),
    Requirement("images", "total_s", "at most", 1.3, "small images: times raw aiohttp's", (MEMORY,), (RAW,)),
    Requirement("import", "ms", "at most", 1.6, f"times `{AIOHTTP}`", (PACKAGE, CLIENT, CONFIG), (AIOHTTP,)),
)
