"""Row `import`: a fresh Python that imports the client and ends, beside one that imports aiohttp.

Byte code is compiled before, for both. A statement is timed from spawn to exit.
"""

from __future__ import annotations

from measure import Samples
from processes import environment, run
from programs import find
from rounds import Plan, interleaved

__all__ = ["AIOHTTP", "CLIENT", "CONFIG", "PACKAGE", "measure_import"]

AIOHTTP = "import aiohttp"
PACKAGE = "import ghcr_client"
CLIENT = "from ghcr_client import GhcrClient"
CONFIG = "from ghcr_client import GhcrClient, GhcrConfig"


def measure_import(plan: Plan) -> Samples:
    """Milliseconds (`ms`), CPU milliseconds (`cpu_ms`) and the most memory (`peak_mib`) of each statement."""
    samples = Samples()
    python, env = find("python3") or "python3", environment(plan.folder)
    statements = (AIOHTTP, PACKAGE, CLIENT, CONFIG)
    for one in statements:
        run([python, "-c", one], env)
    plan.say(f"import: {plan.starts} rounds")
    for _, one in interleaved(statements, plan.starts):
        used = run([python, "-c", one], env)
        samples.add(one, ms=used.seconds * 1e3, cpu_ms=used.cpu * 1e3, peak_mib=used.peak_mib)
    return samples
