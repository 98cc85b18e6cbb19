"""Rows `upload`, `download`, `memory`: one big blob up (POST, then one PUT) and down again, by curl.

Each round has a fresh server with empty storage, so that no round finds the last one's bytes. The blob is
random, in a file that is in the page cache; curl throws the download away. Time is that of the PUT or the
GET (with its redirect); CPU and memory are the server's process tree's. Before each round the machine's free
memory is touched once, because in a virtual machine the first touch can cost more than the upload.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from measure import Failed, Samples, available_memory, cpu_seconds, peak_rss, reset_peak, rss, touch
from peers import Server, Subject, running
from programs import find
from requesting import REPOSITORY, upload_url
from rounds import Plan, each

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["blob_file", "curl", "download", "measure_bulk", "upload"]

MIB = 1 << 20


@contextmanager
def blob_file(folder: Path, mib: int) -> Iterator[tuple[Path, str]]:
    """A file of random bytes, and its digest; removed at the end."""
    path, hashed = folder / f"blob-{mib}", hashlib.sha256()
    try:
        with path.open("wb") as file:
            for _ in range(mib):
                piece = os.urandom(MIB)
                hashed.update(piece)
                file.write(piece)
        yield path, f"sha256:{hashed.hexdigest()}"
    finally:
        path.unlink(missing_ok=True)


def curl(headers: dict[str, str], what: str, wanted: int, *more: str) -> float:
    """The seconds that one transfer took, as curl says."""
    program = find("curl")
    if program is None:
        raise Failed("curl is not installed")
    flags = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    told = "%{http_code} %{time_total} %{size_upload} %{size_download}"
    done = subprocess.run(
        [program, "-sS", "--max-time", "300", "--noproxy", "*", "-o", os.devnull, "-w", told, *flags, *more],
        capture_output=True,
        text=True,
        check=False,
        timeout=330,
    )
    if done.returncode:
        raise Failed(f"{what}: {done.stderr.strip()[-200:]}")
    status, seconds, sent, got = done.stdout.split()
    if status not in ("200", "201") or wanted not in (int(sent), int(got)):
        raise Failed(f"{what}: {status}, {sent} bytes up, {got} down")
    return float(seconds)


def upload(server: Server, blob: Path, digest: str) -> float:
    """Upload the blob; seconds."""
    target = upload_url(server.url, server.headers, digest)
    # No `Expect: 100-continue`: registry clients written in Go do not send it, and it measures a pause.
    headers = {"Content-Type": "application/octet-stream", **server.headers}
    return curl(headers, "PUT of the blob", blob.stat().st_size, "-H", "Expect:", "-T", str(blob), target)


def download(server: Server, digest: str, size: int) -> float:
    """Download the blob, by the redirect where there is one; seconds."""
    return curl(server.headers, "GET of the blob", size, "-L", f"{server.url}/v2/{REPOSITORY}/blobs/{digest}")


def measure_bulk(plan: Plan) -> Samples:
    """MB/s and CPU seconds a GB (10^9) both ways, and how much resident memory grew at most, in MiB.

    Metrics: `up_mbps`, `up_cpu_gb`, `down_mbps`, `down_cpu_gb`, `idle_mib`, `growth_mib`.
    """
    samples = Samples()
    with blob_file(plan.folder, plan.blob_mib) as (blob, digest):
        size = blob.stat().st_size

        def once(subject: Subject) -> None:
            with running(subject, plan.folder) as server:
                # More than any of them takes for the blob; see `touch`.
                touch(min(3 * size, available_memory() // 2))
                idle = rss(server.pid)
                reset_peak(server.pid)
                start = cpu_seconds(server.pid)
                up = upload(server, blob, digest)
                middle = cpu_seconds(server.pid)
                down = download(server, digest, size)
                end = cpu_seconds(server.pid)
                samples.add(
                    subject.name,
                    up_mbps=size / 1e6 / up,
                    up_cpu_gb=(middle - start) / (size / 1e9),
                    down_mbps=size / 1e6 / down,
                    down_cpu_gb=(end - middle) / (size / 1e9),
                    idle_mib=idle,
                    growth_mib=peak_rss(server.pid) - idle,
                )

        each(plan, f"{plan.blob_mib} MiB up and down", samples, once)
    return samples
