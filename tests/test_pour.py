"""Bodies on their way into a writer that may wait for a disk."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from asking import BrokenBody, ChunkedBody, Fake

from ghcr_sim.assemble import Simulator
from ghcr_sim.exchange import BodyError, BytesBody
from ghcr_sim.oci import Refusal
from ghcr_sim.oci.digests import digest_of
from ghcr_sim.registry.pour import pour
from ghcr_sim.store import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MIB = 1 << 20
A = "acme/app"


class Disk:
    """A writer that is slow, or fails, and notes which threads it was used by."""

    blocking = True

    def __init__(self, *, fails: bool = False) -> None:
        self.data = b""
        self.threads: set[int] = set()
        self.inside = 0
        self.go = threading.Event()
        self.go.set()
        self._fails = fails

    def write(self, chunks: Sequence[bytes], algorithm: str = "sha256") -> None:
        self.inside += 1
        assert self.inside == 1, "two writes at once"
        self.go.wait(10)
        self.threads.add(threading.get_ident())
        if self._fails:
            self.inside -= 1
            raise OSError("the disk is full")
        self.data += b"".join(chunks)
        self.inside -= 1


@pytest.mark.parametrize("size", [0, 1, 2 * MIB, 2 * MIB + 1, 9 * MIB])
def test_all_arrives_in_order(size: int) -> None:
    """Large bodies are written in batches by a thread, one after the other, and none is lost."""
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    disk = Disk()
    got = asyncio.run(pour(BytesBody(data), disk, most=size))  # type: ignore[arg-type]
    assert (got, disk.data == data) == (size, True)
    assert (threading.get_ident() in disk.threads) is (size % (2 * MIB) > 0 or 0 < size < 2 * MIB)


def test_a_body_that_breaks_off_has_written_what_came() -> None:
    """What came before a body broke off is written, to be resumed from there."""
    disk = Disk()
    pieces = [bytes([number]) * MIB for number in range(5)]
    with pytest.raises(BodyError):
        asyncio.run(pour(BrokenBody(*pieces), disk))  # type: ignore[arg-type]
    assert disk.data == b"".join(pieces)


@pytest.mark.parametrize("announced", [True, False])
def test_more_than_may_come(announced: bool) -> None:
    """A body above the limit is refused, before it is read if it says its length."""
    disk = Disk()
    pieces = [bytes(MIB)] * 5
    body: Any = BytesBody(b"".join(pieces)) if announced else ChunkedBody(*pieces)
    with pytest.raises(Refusal) as caught:
        asyncio.run(pour(body, disk, most=4 * MIB))  # type: ignore[arg-type]
    assert caught.value.status == 413
    assert (disk.data == b"") is announced


def test_a_disk_that_fails() -> None:
    """What a writer raises in its thread comes out."""
    with pytest.raises(OSError, match="disk is full"):
        asyncio.run(pour(BytesBody(bytes(5 * MIB)), Disk(fails=True)))  # type: ignore[arg-type]


def test_a_request_that_is_cancelled_waits_for_its_thread() -> None:
    """A request that is cancelled, even twice, ends when its thread has let go of the writer, not before."""

    async def cancelled() -> None:
        disk = Disk()
        disk.go.clear()
        task = asyncio.create_task(pour(ChunkedBody(*[bytes(MIB)] * 5), disk))  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        assert disk.inside == 1
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.01)
            assert not task.done()
        disk.go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert disk.inside == 0

    asyncio.run(cancelled())


@pytest.mark.parametrize("way", ["POST", "PATCH"])
def test_the_same_through_the_registry(tmp_path: Path, way: str) -> None:
    """Large blobs go into a directory by every way, hashed as they come, by sha512 as well."""
    oci = Fake(Simulator("oci", store=DirectoryStore(tmp_path)))
    data = bytes(range(256)) * (5 * MIB // 256)
    digest = digest_of(data, "sha512")
    if way == "POST":
        answer = oci("POST", f"/v2/{A}/blobs/uploads/?digest={digest}", data)
    else:
        where = oci.start(A)
        assert oci("PATCH", where, BrokenBody(data[: 3 * MIB])).status == 400
        assert oci("PATCH", where, data[3 * MIB :]).status == 202
        answer = oci("PUT", f"{where}?digest={digest}")
    assert answer.status == 201
    assert oci("GET", f"/v2/{A}/blobs/{digest}").body == data
    oci.simulator.close()
