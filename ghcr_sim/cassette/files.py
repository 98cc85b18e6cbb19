"""Cassettes as files: read line by line, written sealed, swapped in whole.

The old cassette is there until the new one takes its name. What is wrong is said with file, line and remedy; the rest
can be read. Source: `reference/record-replay.md` section 5.1, section 6 pitfalls 13 and 14.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pydantic import ValidationError

from ghcr_sim.cassette.collector import collector_waits
from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.cassette.hosts import classes_of
from ghcr_sim.cassette.model import SCHEMA, Exchange, Header
from ghcr_sim.cassette.pool import Pool
from ghcr_sim.clock import Ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Cassette", "load", "save", "seal_of", "written"]

LINE_LIMIT = 4 << 20
"""Bytes of a line at most: bodies are in the pool, so that a longer one is no exchange."""

_IDS = Ids()


@dataclass(frozen=True, slots=True)
class Cassette:
    """A recording.

    Attributes:
        path: The file.
        header: The first line.
        exchanges: All others.
        pool: Where the bodies are.
        faults: Lines that could not be read; empty unless they were to be passed over.
    """

    path: Path
    header: Header
    exchanges: tuple[Exchange, ...]
    pool: Pool
    faults: tuple[CassetteError, ...] = ()

    @property
    def is_sealed(self) -> bool:
        """Whether the seal is that of these lines: nobody has edited them. An older one leaves the first line out."""
        return self.header.seal in {seal_of(self.header, self.exchanges), seal_of(None, self.exchanges)}

    def sealed(self) -> Cassette:
        """This cassette, if nobody has edited it.

        Raises:
            CassetteError: Somebody has, or its recorder was killed.
        """
        if self.is_sealed:
            return self
        raise CassetteError(
            "its seal is broken: it was edited, or its recorder was killed",
            path=self.path,
            line=1,
            remedy="look at what has changed, then seal it anew with ghcr-sim cassette fmt",
        )


def seal_of(header: Header | None, exchanges: Iterable[Exchange]) -> str:
    """The digest of all lines, the first one without its seal; the pool's bodies are in them by their digests.

    Args:
        header: The first line; None for the seal of older versions, which left it out.
        exchanges: All others.
    """
    hashed = hashlib.sha256()
    if header is not None:
        hashed.update(header.model_copy(update={"seal": None}).line().encode() + b"\n")
    for each in exchanges:
        hashed.update(each.line().encode() + b"\n")
    return f"sha256:{hashed.hexdigest()}"


def load(path: str | os.PathLike[str], *, lenient: bool = False) -> Cassette:
    """Read a cassette; bodies are not touched.

    Args:
        path: The file.
        lenient: Pass over lines that cannot be read, and say so in `faults`.

    Returns:
        The cassette.

    Raises:
        CassetteError: It is missing, has no header, is of a newer form, or a line is damaged; file, line and remedy
            are named.
    """
    place = Path(path)
    faults: list[CassetteError] = []
    exchanges: list[Exchange] = []
    seen: set[int] = set()
    try:
        with place.open("rb") as file, collector_waits():
            lines = _lines(file)
            header = _first(place, next(lines, b""), faults if lenient else None)
            for number, line in enumerate(lines, start=2):
                try:
                    exchange = _exchange(place, number, line)
                    if exchange.id in seen:
                        raise CassetteError(  # noqa: TRY301 - it joins the others
                            f"the number {exchange.id} is there twice",
                            path=place,
                            line=number,
                            remedy=_REMEDY,
                        )
                except CassetteError as fault:
                    if not lenient:
                        raise
                    faults.append(fault)
                else:
                    seen.add(exchange.id)
                    exchanges.append(exchange)
    except FileNotFoundError:
        raise CassetteError("there is no such cassette", path=place, remedy="record it first") from None
    except OSError as error:
        raise CassetteError(
            f"it cannot be read: {error.strerror}",
            path=place,
            remedy="give the path of a file that you may read",
        ) from None
    return Cassette(place, header, tuple(exchanges), Pool.beside(place), tuple(faults))


_REMEDY = "record it again, or take the line out by hand: the rest can be read"


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines, each no longer than a line may be; of a longer one, its beginning."""
    while line := file.readline(LINE_LIMIT + 1):
        yield line
        while len(line) > LINE_LIMIT and not line.endswith(b"\n"):
            line = file.readline(LINE_LIMIT + 1)


def _first(path: Path, line: bytes, faults: list[CassetteError] | None) -> Header:
    """The header; of a damaged one nothing but its form, where faults are gathered."""
    try:
        return _header(path, line)
    except CassetteError as fault:
        version = _version(line)
        if faults is None or (version is not None and version > SCHEMA):
            raise
        faults.append(fault)
        return Header(cassette=SCHEMA, upstream="")


def _header(path: Path, line: bytes) -> Header:
    """The first line."""
    try:
        header = Header.model_validate_json(line)
    except ValidationError as error:
        newer = _version(line)
        if newer is not None and newer > SCHEMA:
            raise _too_new(path, newer) from None
        what = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise CassetteError(
            f"its first line is no header ({what})", path=path, line=1, remedy="record it again"
        ) from None
    if header.cassette > SCHEMA:
        raise _too_new(path, header.cassette)
    return header


def _version(line: bytes) -> int | None:
    """The version that a header claims which cannot be read."""
    with contextlib.suppress(ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        import json  # noqa: PLC0415 - only where something is wrong

        return int(json.loads(line).get("cassette"))
    return None


def _too_new(path: Path, version: int) -> CassetteError:
    return CassetteError(
        f"it is of form {version}, and this version reads up to {SCHEMA}",
        path=path,
        line=1,
        remedy="upgrade pytest-ghcr",
    )


def _exchange(path: Path, number: int, line: bytes) -> Exchange:
    """One line."""
    if len(line) > LINE_LIMIT:
        raise CassetteError(
            f"the line is longer than {LINE_LIMIT} bytes", path=path, line=number, remedy=_REMEDY
        )
    if not line.endswith(b"\n"):
        raise CassetteError(
            "the line ends early: the recorder was killed", path=path, line=number, remedy=_REMEDY
        )
    try:
        return Exchange.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(each) for each in first["loc"])
        what = f"{place}: {first['msg']}" if place else first["msg"]
        raise CassetteError(f"the line is damaged ({what})", path=path, line=number, remedy=_REMEDY) from None


def written(header: Header, exchanges: Iterable[Exchange]) -> Iterator[bytes]:
    """The lines of a cassette, sealed."""
    lines = tuple(exchanges)
    shown = {"exemplars": exemplars_of(lines), "hosts": classes_of(header, lines)}
    first = header.model_copy(update=shown)
    yield first.model_copy(update={"seal": seal_of(first, lines)}).line().encode() + b"\n"
    for each in lines:
        yield each.line().encode() + b"\n"


def save(path: Path, header: Header, exchanges: Iterable[Exchange]) -> None:
    """Write a cassette, sealed, in place of one that was there; whole or not at all.

    Raises:
        CassetteError: It cannot be written; the old one is as it was.
    """
    hidden = path.with_name(f".{path.name}.{_IDS.uuid()}.new")
    try:
        with hidden.open("xb") as file:
            file.writelines(written(header, exchanges))
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            hidden.unlink(missing_ok=True)
        raise CassetteError(
            f"it cannot be written: {error.strerror}",
            path=path,
            remedy="the old one is as it was: make room, or choose another directory",
        ) from None


def exemplars_of(exchanges: Iterable[Exchange]) -> dict[str, int]:
    """Operation and status → the first exchange of them, sorted."""
    found: dict[str, int] = {}
    for each in exchanges:
        found.setdefault(f"{each.operation} {each.response.status}", each.id)
    return dict(sorted(found.items()))
