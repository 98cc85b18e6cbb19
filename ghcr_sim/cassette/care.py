"""Looking after cassettes: canonical form, bodies that nobody needs, secrets in files of others.

It reads and writes files and plays nothing. Source: `reference/record-replay.md` sections 5.3 and 5.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghcr_sim.cassette.errors import CassetteError
from ghcr_sim.cassette.files import load, save, written
from ghcr_sim.cassette.order import ordered
from ghcr_sim.cassette.parts import parts_of
from ghcr_sim.cassette.pool import NAME, Pool
from ghcr_sim.shapes import has_text, shapes_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ghcr_sim.cassette.files import Cassette
    from ghcr_sim.cassette.model import Exchange

__all__ = [
    "Finding",
    "format_cassette",
    "is_formatted",
    "list_manifests",
    "missing",
    "needed_digests",
    "scan",
    "unneeded",
]

_PIECE = 1 << 20
_OVERLAP = 4096
_BEGIN = b'{"cassette":'


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks like a secret.

    Attributes:
        path: The file.
        place: The line in a text file, else the offset.
        what: What it looks like.
    """

    path: Path
    place: int
    what: str


def is_formatted(path: Path) -> bool:
    """Whether a cassette is in canonical form and its seal is right.

    Raises:
        CassetteError: It cannot be read.
    """
    cassette = load(path)
    lines = written(cassette.header, ordered([cassette.exchanges]))
    with path.open("rb") as file:
        return all(file.readline() == line for line in lines) and not file.read(1)


def format_cassette(path: Path) -> None:
    """Write a cassette in canonical form, sealed anew.

    Raises:
        CassetteError: It cannot be read or written.
    """
    cassette = load(path)
    save(path, cassette.header, ordered([cassette.exchanges]))


def list_manifests(pool: Pool, exchanges: Iterable[Exchange]) -> None:
    """Let other tools find the manifests in the pool by their names.

    Args:
        pool: Where they are.
        exchanges: What was pulled and pushed.
    """
    for each in exchanges:
        body = each.response.body if each.operation == "manifest.get" else each.request.body
        if each.operation not in {"manifest.get", "manifest.put"} or ":" in each.reference or body is None:
            continue
        fields = each.response.headers if each.operation == "manifest.get" else each.request.headers
        media_type = next((value for name, value in fields if name.lower() == "content-type"), "")
        if each.response.status < 300 and body.pooled and body.digest:  # noqa: PLR2004 - it was taken or given
            descriptor = {"mediaType": media_type, "digest": body.digest, "size": body.size}
            pool.list_manifest(descriptor, f"{each.repository}:{each.reference}")


def needed_digests(exchanges: Iterable[Exchange]) -> Iterator[str]:
    """The digests of the bodies that exchanges have in the pool."""
    for each in exchanges:
        for body in (each.request.body, each.response.body):
            if body is not None and body.digest is not None and body.pooled:
                yield body.digest


def missing(cassette: Cassette, *, thorough: bool = False) -> list[CassetteError]:
    """What the pool lacks, or has in another size: one error a body.

    Args:
        cassette: The cassette.
        thorough: Whether each body is read, and one with another digest is told, too.

    Returns:
        The errors.
    """
    look = cassette.pool.verify if thorough else cassette.pool.blob
    found: dict[str, CassetteError] = {}
    seen: set[str] = set()
    for each in cassette.exchanges:
        for body in (each.request.body, each.response.body):
            if body is not None and body.pooled and body.digest and body.digest not in seen:
                seen.add(body.digest)
                try:
                    look(body.digest, body.size)
                except CassetteError as error:
                    found[body.digest] = error
    return list(found.values())


def unneeded(directory: Path) -> tuple[Pool, list[str]]:
    """The bodies in a directory's pool that none of its cassettes needs.

    Args:
        directory: Where the cassettes are.

    Returns:
        The pool, and the digests.

    Raises:
        CassetteError: A cassette cannot be read, or is being recorded: what it needs is not known, and so nothing may
            go.
    """
    needed: set[str] = set()
    for path in sorted(each for each in directory.iterdir() if each.is_file()):
        if path.suffix == ".part":
            target = path.with_name(path.name[1:].rpartition(".part")[0].rpartition(".")[0])
            if path in parts_of(target)[1]:
                raise CassetteError("a recorder is still at it", path=target, remedy="let it end")
            needed.update(needed_digests(load(path, lenient=True).exchanges))
        elif path.suffix == ".jsonl" or _begins_as_cassette(path):
            needed.update(needed_digests(load(path).exchanges))
    pool = Pool(directory / NAME)
    return pool, [each for each in pool.digests() if each not in needed]


def _begins_as_cassette(path: Path) -> bool:
    """Whether a file is a cassette, whatever it is called."""
    with path.open("rb") as file:
        return file.read(len(_BEGIN)) == _BEGIN


def scan(paths: Iterable[Path]) -> Iterator[Finding]:
    """What looks like a secret in files, and in all files of directories; large ones a mebibyte at a time.

    Args:
        paths: Files and directories.

    Yields:
        Each finding, once a place.
    """
    for path in paths:
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for file in files:
            yield from _scan_file(file)


def _scan_file(path: Path) -> Iterator[Finding]:
    seen: set[tuple[str, int]] = set()
    offset, lines, before = 0, 1, b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            data = before + piece
            start = offset - len(before)
            for what, at in shapes_in(data, text=has_text(data)):
                if (what, start + at) in seen:
                    continue
                seen.add((what, start + at))
                place = lines + data.count(b"\n", len(before), at) if _is_text(data[:512]) else start + at
                yield Finding(path, place, what)
            lines += piece.count(b"\n")
            offset += len(piece)
            before = data[-_OVERLAP:]


def _is_text(start: bytes) -> bool:
    return b"\0" not in start
