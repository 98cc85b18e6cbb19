"""Parts: what each recorder of a cassette writes for itself, and how they become one cassette.

A recorder appends each exchange when it is over, so that a kill loses what was under way and nothing else. Who ends
last merges all parts under a lock. Source: `reference/record-replay.md` section 5.1, section 6 pitfall 13.
"""

from __future__ import annotations

import contextlib
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.cassette.files import load, save
from ghcr_sim.cassette.hosts import storage_of
from ghcr_sim.cassette.order import ordered, session_of
from ghcr_sim.clock import Ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from io import FileIO

    from ghcr_sim.cassette.model import Exchange, Header

__all__ = ["Part", "merged", "merging", "parts_of"]

_LOCK_SECONDS = 60.0
_REFUSED = 400
_IDS = Ids()
_log = logging.getLogger("ghcr_sim")


class Part:
    """What one recorder writes; `close` says that it is complete.

    Args:
        target: The cassette that it will be a part of.
        header: The cassette's header.

    Raises:
        CassetteError: The directory cannot be written.
    """

    def __init__(self, target: Path, header: Header) -> None:
        self.target = target
        self._header = header
        name = f".{target.name}.{_IDS.uuid()}"
        self.path = target.with_name(f"{name}.part")
        # Held while this recorder lives: who merges knows a killed one by its being free.
        self._alive = FileLock(str(target.with_name(f"{name}.alive")), thread_local=False)
        self._file: FileIO | None = None
        self._made = [each for each in target.parents if not each.exists()]
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._alive.acquire(blocking=False)
            self._file = self.path.open("xb", buffering=0)
            self._file.write(header.line().encode() + b"\n")
        except OSError as error:
            with contextlib.suppress(OSError):
                self.discard()
            raise CassetteError(
                f"no cassette can be written there: {error.strerror or error}",
                path=target,
                remedy="choose another directory",
            ) from None

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return self._file is None or self._file.closed

    def append(self, exchange: Exchange) -> None:
        """Write an exchange; it survives this process from now on.

        Raises:
            OSError: The disk is full.
        """
        assert self._file is not None
        data = memoryview(exchange.line().encode() + b"\n")
        while data:
            data = data[self._file.write(data) :]

    def rewrite(self, exchanges: Iterable[Exchange]) -> None:
        """Write other exchanges in place of those that were written.

        Raises:
            CassetteError: They cannot be written.
        """
        save(self.path, self._header, exchanges)

    def close(self) -> None:
        """Say that nothing more comes."""
        if self._file is not None:
            self._file.close()
        self._alive.release()
        Path(self._alive.lock_file).unlink(missing_ok=True)

    def discard(self) -> None:
        """Forget what was written, and the directories that were made for it, unless something else is there."""
        self.close()
        self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            for each in self._made:
                each.rmdir()


def parts_of(target: Path) -> tuple[list[Path], list[Path]]:
    """The parts of a cassette that are complete or whose recorder was killed, and those that are being written.

    Each in the order in which they were written last.
    """
    done: list[Path] = []
    alive: list[Path] = []
    # Not by a pattern: a name may have brackets, and one name may begin with another.
    name = re.compile(re.escape(f".{target.name}.") + r"[^.]+\.part")
    found = target.parent.iterdir() if target.parent.is_dir() else ()
    parts = [each for each in found if name.fullmatch(each.name)]
    for part in sorted(parts, key=lambda each: (each.stat().st_mtime_ns, each.name)):
        lock = part.with_suffix(".alive")
        (alive if lock.exists() and _is_held(lock) else done).append(part)
    return done, alive


def _is_held(lock: Path) -> bool:
    """Whether a recorder lives; the lock file of one that was killed is removed."""
    probe = FileLock(str(lock), thread_local=False)
    try:
        probe.acquire(blocking=False)
    except Timeout:
        return True
    probe.release()
    lock.unlink(missing_ok=True)
    return False


@contextlib.contextmanager
def merging(target: Path) -> Iterator[FileLock]:
    """Hold the lock under which parts become a cassette."""
    lock = FileLock(str(target.with_name(f".{target.name}.lock")), timeout=_LOCK_SECONDS)
    try:
        with lock:
            yield lock
    except Timeout:
        raise CassetteError(
            "another recorder does not release it", path=target, remedy="wait for it, or end it"
        ) from None


def merged(parts: Iterable[Path]) -> tuple[Header, tuple[Exchange, ...]]:
    """What several parts say together, in the one order that does not depend on who came first.

    Raises:
        CassetteError: There is none.
    """
    read = [load(each, lenient=True) for each in parts]
    # One that was killed at once has written no header.
    headers = [each.header for each in read if each.header.upstream]
    if not headers:
        raise CassetteError(
            "nothing was recorded", remedy="does the command reach the registry through this door?"
        )
    origins = sorted({each.upstream for each in headers})
    if len(origins) > 1:
        raise CassetteError(
            f"recordings of several registries have one name: {', '.join(origins)}",
            path=read[0].path,
            remedy="record each to a cassette of its own",
        )
    exchanges = ordered([_without_strays(each.exchanges) for each in read])
    return headers[0].model_copy(update={"storage": storage_of(exchanges)}), exchanges


def _without_strays(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """What can be replayed: steps of uploads that were opened elsewhere are left out, unless they were refused.

    Whoever replays cannot come by such an upload; that there is none is an answer like any other.
    """
    opened = {session_of(each) for each in exchanges if each.operation == "upload.post"}
    kept = []
    for each in exchanges:
        session = session_of(each)
        if session is None or session in opened or each.response.status >= _REFUSED:
            kept.append(each)
        else:
            _log.warning(
                "%s %s is left out: its upload was not opened in this recording",
                each.operation,
                each.repository,
            )
    return kept
